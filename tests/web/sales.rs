//! What a sales page says: each part written by the team, in limits, against the version that was read.

use crate::browser::{Answer, Browser};
use crate::house::House;
use backstage::adapters::storage::{Key, Prefix};
use image::{DynamicImage, ImageFormat, RgbImage};
use std::io::Cursor;

const PARTS: [&str; 8] = ["headline", "description", "category", "features", "faq", "cover", "logo", "gallery"];

fn at(part: &str) -> String {
    format!("/studio/demo/edit/{part}")
}

fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let image = DynamicImage::ImageRgb8(RgbImage::from_pixel(width, height, image::Rgb([200, 40, 40])));
    let mut out = Cursor::new(vec![]);
    image.write_to(&mut out, format).unwrap();
    out.into_inner()
}

/// A JPEG with a camera's EXIF in it, right behind its first two bytes.
fn with_exif() -> Vec<u8> {
    let exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x01\0\0\0\0\0\0 GPS 48.2N 16.4E";
    let plain = picture(640, 360, ImageFormat::Jpeg);
    let mut file = plain[..2].to_vec();
    file.extend([0xff, 0xe1]);
    file.extend(u16::try_from(exif.len() + 2).unwrap().to_be_bytes());
    file.extend(exif);
    file.extend(&plain[2..]);
    file
}

/// The form of a part as script asks for it.
async fn form(browser: &mut Browser, part: &str) -> Answer {
    browser.send("GET", &at(part), &[("x-part", "1")], vec![]).await
}

async fn version(browser: &mut Browser, part: &str) -> String {
    form(browser, part).await.between("name=\"version\" value=\"", "\"")
}

async fn post(
    browser: &mut Browser,
    part: &str,
    fields: &[(&str, &str)],
    file: Option<&[u8]>,
    headers: &[(&str, &str)],
) -> Answer {
    let mut body = vec![];
    let csrf = browser.csrf.clone();
    for (name, value) in [("csrf", csrf.as_str())].iter().chain(fields) {
        let part = format!("--xyz\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend(part.as_bytes());
    }
    if let Some(file) = file {
        body.extend(b"--xyz\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\n\r\n");
        body.extend(file);
        body.extend(b"\r\n");
    }
    body.extend(b"--xyz--\r\n");
    let mut all = vec![("content-type", "multipart/form-data; boundary=xyz")];
    all.extend(headers);
    browser.send("POST", &at(part), &all, body).await
}

/// Saves a part in place, against the version that is there.
async fn save(browser: &mut Browser, part: &str, fields: &[(&str, &str)], file: Option<&[u8]>) -> Answer {
    let version = version(browser, part).await;
    let fields = [&[("version", version.as_str())], fields].concat();
    post(browser, part, &fields, file, &[("x-part", "1")]).await
}

/// Something in each part that is not a setting of the space.
pub async fn write_all(browser: &mut Browser) {
    let photo = picture(640, 360, ImageFormat::Jpeg);
    let words: [(&str, &[(&str, &str)]); 3] = [
        ("category", &[("category", "music")]),
        ("features", &[("title", "Two cameras"), ("text", "Front and back")]),
        ("faq", &[("question", "When?"), ("answer", "Soon")]),
    ];
    for (part, fields) in words {
        assert_eq!(save(browser, part, fields, None).await.status, 200, "{part}");
    }
    for part in ["cover", "logo", "gallery"] {
        assert_eq!(save(browser, part, &[("alt", "A stage")], Some(&photo)).await.status, 200, "{part}");
    }
}

async fn objects(house: &House) -> Vec<Key> {
    let page = house.app.state.objects.list(&Prefix::parse("posters/").unwrap(), None, 100).await.unwrap();
    page.objects.into_iter().map(|object| object.key).collect()
}

async fn bytes(house: &House, path: &str) -> (u16, String, Vec<u8>) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let got = http.get(format!("http://{}{path}", house.app.address)).send().await.unwrap();
    let kind = got.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_string()).unwrap_or_default();
    (got.status().as_u16(), kind, got.bytes().await.unwrap().to_vec())
}

/// Somebody else in the creator's team.
async fn teammate(house: &House, role: &'static str) -> Browser {
    let browser = house.signed_in("mate@example.com").await;
    house
        .sql(match role {
            "editor" => {
                "INSERT INTO memberships (team_id, user_id, role, joined_at) SELECT m.team_id, u.id, 'editor', 1 \
                 FROM memberships m JOIN users c ON c.id = m.user_id, users u \
                 WHERE c.email = 'creator@example.com' AND u.email = 'mate@example.com'"
            }
            _ => {
                "INSERT INTO memberships (team_id, user_id, role, joined_at) SELECT m.team_id, u.id, 'moderator', 1 \
                 FROM memberships m JOIN users c ON c.id = m.user_id, users u \
                 WHERE c.email = 'creator@example.com' AND u.email = 'mate@example.com'"
            }
        })
        .await;
    browser
}

#[actix_web::test]
async fn what_the_team_writes_is_shown_to_everybody_and_escaped() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    let mut stranger = house.browser();
    let empty = stranger.get("/demo").await.body;
    for word in ["What you get", "Questions and answers", "id=\"part-gallery\"", "space-logo", "pencil", "Add "] {
        assert!(!empty.contains(word), "{word} on an empty page for a stranger");
    }
    let hints = creator.get("/demo").await.body;
    for part in PARTS {
        assert!(hints.contains(&format!("id=\"part-{part}\"")), "{part}");
    }
    assert!(hints.contains("Add what people get") && hints.contains("Add a cover"), "{hints}");

    let attack = "<script>alert(1)</script>";
    assert_eq!(save(&mut creator, "category", &[("category", "music")], None).await.status, 200);
    let features = [("title", attack), ("text", "\"><img src=x>"), ("title", "Second"), ("text", "")];
    let shown = save(&mut creator, "features", &features, None).await;
    assert!(shown.status == 200 && shown.body.contains("id=\"part-features\"") && shown.body.contains("Second"));
    assert!(!shown.body.contains("<html"), "more than the part");
    let answer = format!("**Bold** {attack} [x](javascript:alert(1))");
    let faq = [("question", attack), ("answer", answer.as_str())];
    assert_eq!(save(&mut creator, "faq", &faq, None).await.status, 200);
    let headline = [("name", "<b>New</b> name"), ("headline", "New \"headline\"")];
    assert_eq!(save(&mut creator, "headline", &headline, None).await.status, 200);
    assert_eq!(save(&mut creator, "description", &[("description", &answer)], None).await.status, 200);

    for path in ["/demo", "/demo/free"] {
        let page = stranger.get(path).await.body;
        assert!(
            page.contains("Music") && page.contains("<strong>Bold</strong>") && page.contains("<details>"),
            "{page}"
        );
        assert!(page.contains("New &#34;headline&#34;") && page.contains("&#60;b&#62;New"), "{page}");
        assert!(!page.contains("<script>alert") && !page.contains("<img src=x") && !page.contains("href=\"javascript"));
        for word in ["pencil", "data-controller=\"part", "/edit/", "Add "] {
            assert!(!page.contains(word), "{word} on {path} for a stranger");
        }
    }
    // The headline is a setting of the space, and changed there.
    assert!(creator.get("/studio/demo/edit").await.body.contains("New &#34;headline&#34;"));
    house.close().await;
}

#[actix_web::test]
async fn every_list_and_text_has_a_limit_that_is_told_at_its_field() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    let x = |count: usize| "é".repeat(count);
    let too = [x(81), x(201), x(161), x(2_001), x(4_001)];
    let bad: [(&str, Vec<(&str, &str)>, &str); 11] = [
        ("features", vec![("title", &too[0]), ("text", "kept words")], "Use up to 80 characters."),
        ("features", vec![("title", "A"), ("text", &too[1])], "Use up to 200 characters."),
        ("features", vec![("title", ""), ("text", "kept words")], "Give it a title."),
        ("features", [("title", "A"), ("text", "kept words")].repeat(13), "at most"),
        ("faq", vec![("question", &too[2]), ("answer", "kept words")], "Use up to 160 characters."),
        ("faq", vec![("question", "A?"), ("answer", &too[3])], "Use up to 2000 characters."),
        ("faq", vec![("question", "A?"), ("answer", " ")], "Write the answer."),
        ("faq", [("question", "A?"), ("answer", "kept words")].repeat(21), "at most"),
        ("headline", vec![("name", "A"), ("headline", &too[2])], "Use up to 160 characters."),
        ("headline", vec![("name", " "), ("headline", "")], "Give it a name"),
        ("description", vec![("description", &too[4])], "Use up to 4000 characters."),
    ];
    for (part, fields, words) in bad {
        let answer = save(&mut creator, part, &fields, None).await;
        assert_eq!(answer.status, 422, "{part} {words}");
        assert!(answer.body.contains(words), "{part} {words}: {}", answer.body);
        // Nothing typed is lost.
        if fields.iter().any(|(_, value)| *value == "kept words") {
            assert!(answer.body.contains("kept words"), "{part} {words}");
        }
    }
    assert_eq!(save(&mut creator, "category", &[("category", "nonsense")], None).await.status, 422);
    // The largest that is allowed, in a script of several bytes, goes in.
    let (question, answer) = ("問".repeat(160), "答".repeat(2_000));
    let full = [("question", question.as_str()), ("answer", answer.as_str())].repeat(20);
    let saved = save(&mut creator, "faq", &full, None).await;
    assert_eq!(saved.status, 200, "{}", &saved.body[..saved.body.len().min(300)]);
    assert_eq!(house.browser().get("/demo").await.body.matches("<details>").count(), 20);
    let full = [("title", "A"), ("text", "B")].repeat(12);
    assert_eq!(save(&mut creator, "features", &full, None).await.status, 200);
    // Emptied again, nothing stands there.
    assert_eq!(save(&mut creator, "features", &[], None).await.status, 200);
    assert!(!house.browser().get("/demo").await.body.contains("What you get"));
    // More than any form of ours sends.
    assert_eq!(save(&mut creator, "faq", &[("answer", &x(20_000))], None).await.status, 413);
    assert_eq!(save(&mut creator, "faq", &[("x", "y")].repeat(60), None).await.status, 400);
    house.close().await;
}

#[actix_web::test]
async fn pictures_are_made_anew_without_exif_and_the_old_ones_go() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    let mut stranger = house.browser();
    let photo = with_exif();
    let saved = save(&mut creator, "cover", &[("alt", "A \"red\" stage")], Some(&photo)).await;
    assert!(saved.status == 200 && saved.body.contains("A &#34;red&#34; stage"), "{}", saved.body);
    let page = stranger.get("/demo").await;
    let image = page.between("property=\"og:image\" content=\"", "\"");
    let cover = image.split_once("/posters/").map(|(_, name)| format!("/posters/{name}")).unwrap();
    assert!(page.body.contains(&format!("<img src=\"{cover}\"")), "{}", page.body);
    let (status, kind, bytes_of_cover) = bytes(&house, &cover).await;
    assert_eq!((status, kind.as_str()), (200, "image/jpeg"));
    for word in [&b"Exif"[..], b"GPS"] {
        assert!(!bytes_of_cover.windows(word.len()).any(|window| window == word), "EXIF is kept");
    }
    let read = image::load_from_memory(&bytes_of_cover).unwrap();
    assert_eq!((read.width(), read.height()), (1_280, 720));

    assert_eq!(
        save(&mut creator, "logo", &[("alt", "")], Some(&picture(300, 150, ImageFormat::Png))).await.status,
        200
    );
    let logo = stranger.get("/demo").await.between("class=\"space-logo\" src=\"", "\"");
    let (status, kind, bytes_of_logo) = bytes(&house, &logo).await;
    assert_eq!((status, kind.as_str()), (200, "image/png"));
    let read = image::load_from_memory(&bytes_of_logo).unwrap();
    assert_eq!((read.width(), read.height()), (192, 192));
    assert!(stranger.get("/m/demo/live").await.body.contains(&logo), "no logo beside the show");
    assert_eq!(objects(&house).await.len(), 3);

    // Another description keeps the picture, another picture goes with its objects, and so does none.
    assert_eq!(save(&mut creator, "cover", &[("alt", "Other words")], None).await.status, 200);
    assert!(stranger.get("/demo").await.body.contains(&cover));
    assert_eq!(
        save(&mut creator, "cover", &[("alt", "")], Some(&picture(400, 400, ImageFormat::WebP))).await.status,
        200
    );
    assert_eq!(bytes(&house, &cover).await.0, 404);
    assert_eq!(objects(&house).await.len(), 3);
    assert_eq!(save(&mut creator, "cover", &[("remove", "yes")], None).await.status, 200);
    assert_eq!(save(&mut creator, "logo", &[("remove", "yes")], None).await.status, 200);
    assert_eq!(objects(&house).await, []);
    assert!(!stranger.get("/demo").await.body.contains("space-logo"));

    let png = picture(640, 360, ImageFormat::Png);
    for (part, file, words) in [
        ("cover", &b"<svg onload='alert(1)'/>"[..], "We cannot read that file"),
        ("logo", &png[..png.len() / 2], "We cannot read that file"),
        ("gallery", &picture(60, 60, ImageFormat::Jpeg), "too small"),
        ("logo", &picture(60, 60, ImageFormat::Jpeg), "64 by 64"),
        ("cover", &vec![7; 10_000_001], "over 10 MB"),
    ] {
        let answer = save(&mut creator, part, &[("alt", "typed")], Some(file)).await;
        assert!(answer.status == 422 && answer.body.contains(words), "{part} {words}: {}", answer.status);
        assert!(answer.body.contains("value=\"typed\""), "{part} {words}");
    }
    let none = save(&mut creator, "cover", &[("alt", "")], None).await;
    assert!(none.status == 422 && none.body.contains("Choose a picture first."), "{}", none.body);
    assert_eq!(objects(&house).await, []);
    house.close().await;
}

#[actix_web::test]
async fn a_gallery_holds_eight_pictures_in_the_team_s_order() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    let photo = picture(320, 180, ImageFormat::Jpeg);
    for number in 0..8 {
        let alt = format!("Picture of {number}");
        let saved = save(&mut creator, "gallery", &[("alt", &alt)], Some(&photo)).await;
        assert_eq!(saved.status, 200, "{}", saved.body);
    }
    let full = save(&mut creator, "gallery", &[("alt", "ninth")], Some(&photo)).await;
    assert!(full.status == 422 && full.body.contains("at most"), "{}", full.body);
    assert_eq!(objects(&house).await.len(), 16);

    let held = form(&mut creator, "gallery").await;
    let names: Vec<&str> =
        held.body.split("name=\"picture\" value=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(names.len(), 8);
    let fields = [
        ("picture", names[7]),
        ("picture_alt", "Now first"),
        ("picture", names[0]),
        ("remove", names[1]),
        ("picture", names[1]),
        ("remove", names[1]),
        ("picture", "somebody-elses"),
        ("picture_alt", "not ours"),
    ];
    assert_eq!(save(&mut creator, "gallery", &fields, None).await.status, 200);
    let page = house.browser().get("/demo").await.body;
    let place = |text: &str| page.find(text);
    assert!(place("Now first").unwrap() < place(names[0]).unwrap(), "not sorted");
    assert!(place(names[0]).unwrap() < place("Picture of 2").unwrap(), "the others are not behind");
    assert!(place(names[1]).is_none() && place("not ours").is_none());
    assert_eq!(objects(&house).await.len(), 14);
    house.close().await;
}

#[actix_web::test]
async fn a_save_on_an_old_version_is_refused_and_keeps_what_was_typed() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    let mut mate = teammate(&house, "editor").await;
    for (part, mine, theirs, seen) in [
        ("features", [("title", "Mine"), ("text", "")], [("title", "Theirs"), ("text", "")], "Theirs"),
        ("faq", [("question", "Mine"), ("answer", "M")], [("question", "Theirs"), ("answer", "T")], "Theirs"),
        ("headline", [("name", "Demo"), ("headline", "Mine")], [("name", "Demo"), ("headline", "Theirs")], "Theirs"),
        ("description", [("description", "Mine"), ("", "")], [("description", "Theirs"), ("", "")], "Theirs"),
        ("category", [("category", "music"), ("", "")], [("category", "dance"), ("", "")], "Dance"),
        ("cover", [("alt", "Mine"), ("", "")], [("alt", "Theirs"), ("", "")], "Theirs"),
    ] {
        let photo = picture(320, 180, ImageFormat::Jpeg);
        let file = (part == "cover").then_some(photo.as_slice());
        let old = version(&mut creator, part).await;
        let saved = save(&mut mate, part, &theirs, file).await;
        assert_eq!(saved.status, 200, "{part}: {}", saved.body);
        let before = house.browser().get("/demo").await.body;

        let fields = [&[("version", old.as_str())], &mine[..]].concat();
        let late = post(&mut creator, part, &fields, file, &[("x-part", "1")]).await;
        assert_eq!(late.status, 409, "{part}: {}", late.body);
        assert!(
            late.body.contains("Mate changed this meanwhile.") && late.body.contains(seen),
            "{part}: {}",
            late.body
        );
        let typed = if part == "category" { "value=\"music\" selected" } else { "Mine" };
        assert!(late.body.contains(typed), "{part}: what was typed is lost: {}", late.body);
        let page = house.browser().get("/demo").await.body;
        assert!(page.contains(seen) && before.contains(seen), "{part}");

        // Said once more, knowing the newest, it counts.
        let newest = late.between("name=\"version\" value=\"", "\"");
        let fields = [&[("version", newest.as_str())], &mine[..]].concat();
        let saved = post(&mut creator, part, &fields, file, &[("x-part", "1")]).await;
        assert_eq!(saved.status, 200, "{part}: {}", saved.body);
    }
    // Two editors of different parts never meet.
    let (old, other) = (version(&mut creator, "faq").await, [("title", "Other"), ("text", "")]);
    assert_eq!(save(&mut mate, "features", &other, None).await.status, 200);
    let fields = [("version", old.as_str()), ("question", "Q"), ("answer", "A")];
    assert_eq!(post(&mut creator, "faq", &fields, None, &[("x-part", "1")]).await.status, 200);
    // Without a version nothing is written over.
    assert_eq!(post(&mut creator, "faq", &[("question", "Q")], None, &[("x-part", "1")]).await.status, 409);
    // The form of all settings knows its version too.
    let form = creator.get("/studio/demo/edit").await;
    let old = form.between("name=\"version\" value=\"", "\"");
    assert_eq!(save(&mut mate, "description", &[("description", "Newest words")], None).await.status, 200);
    let fields = [("name", "Demo"), ("slug", "demo"), ("description", "My words"), ("version", old.as_str())];
    let late = creator.form("/studio/demo/edit", &fields).await;
    assert!(late.status == 409 && late.body.contains("My words"), "{}", late.body);
    assert!(house.browser().get("/demo").await.body.contains("Newest words"));
    house.close().await;
}

#[actix_web::test]
async fn of_two_saves_at_once_one_wins() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    let old = version(&mut creator, "features").await;
    let mut all = vec![];
    for number in 0..6 {
        let mut browser = Browser::at(house.app.address);
        (browser.cookies, browser.csrf) = (creator.cookies.clone(), creator.csrf.clone());
        let old = old.clone();
        all.push(async move {
            let title = format!("Title {number}");
            let fields = [("version", old.as_str()), ("title", title.as_str()), ("text", "")];
            post(&mut browser, "features", &fields, None, &[("x-part", "1")]).await.status
        });
    }
    let mut statuses = futures_util::future::join_all(all).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409, 409, 409]);
    house.close().await;
}

#[actix_web::test]
async fn pages_that_stand_open_hear_who_changed_what() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    let mut mate = teammate(&house, "editor").await;
    let before = creator.get("/studio/demo/edit/parts").await.json();
    assert_eq!(before["parts"].as_object().unwrap().len(), PARTS.len());
    let page = creator.get("/demo").await.body;
    for part in PARTS {
        let version = before["parts"][part]["version"].as_str().unwrap();
        assert!(page.contains(&format!("data-part-version-value=\"{version}\"")), "{part}");
    }
    assert_eq!(save(&mut mate, "features", &[("title", "Fresh"), ("text", "")], None).await.status, 200);
    let after = creator.get("/studio/demo/edit/parts").await.json();
    assert_ne!(before["parts"]["features"], after["parts"]["features"]);
    assert_eq!(before["parts"]["faq"], after["parts"]["faq"]);
    assert_eq!(after["parts"]["features"]["by"], "Mate");
    assert_eq!(mate.get("/studio/demo/edit/parts").await.json()["parts"]["features"]["by"], serde_json::Value::Null);
    let view = creator.send("GET", &format!("{}?as=view", at("features")), &[("x-part", "1")], vec![]).await;
    assert!(view.body.contains("Fresh") && view.body.contains("pencil") && !view.body.contains("<html"));
    house.close().await;
}

#[actix_web::test]
async fn without_script_the_same_forms_work_as_pages() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    let page = creator.get("/studio/demo/edit").await;
    for part in ["category", "cover", "logo", "features", "gallery", "faq", "headline", "description"] {
        assert!(page.body.contains(&format!("id=\"edit-{part}\"")), "{part}");
        assert_eq!(creator.get(&at(part)).await.header("location"), format!("/studio/demo/edit#edit-{part}"));
    }
    let old = page.body.split("id=\"form-features\"").nth(1).unwrap();
    let old = old.split("name=\"version\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_string();
    let fields = [("version", old.as_str()), ("title", ""), ("text", "alone")];
    let bad = post(&mut creator, "features", &fields, None, &[]).await;
    assert!(bad.status == 422 && bad.body.contains("<html") && bad.body.contains("Give it a title."), "{}", bad.body);
    let fields = [("version", old.as_str()), ("title", "Good"), ("text", "alone"), ("title", ""), ("text", "")];
    let saved = post(&mut creator, "features", &fields, None, &[]).await;
    assert_eq!((saved.status, saved.header("location")), (303, "/studio/demo/edit#edit-features"));
    let late = post(&mut creator, "features", &fields, None, &[]).await;
    assert!(late.status == 409 && late.body.contains("in another window"), "{}", late.body);
    house.close().await;
}

#[actix_web::test]
async fn only_who_may_edit_reads_forms_and_writes() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    let csrf = creator.csrf.clone();
    let mut moderator = teammate(&house, "moderator").await;
    let mut stranger = house.signed_in("stranger@example.com").await;
    let mut nobody = house.browser();
    nobody.get("/demo").await;
    assert!(!moderator.get("/demo").await.body.contains("pencil"));
    let fields = [("version", "x"), ("title", "Mine"), ("text", "")];
    for browser in [&mut moderator, &mut stranger] {
        for part in PARTS.into_iter().chain(["parts"]) {
            assert_eq!(form(browser, part).await.status, 403, "{part}");
        }
        assert_eq!(post(browser, "features", &fields, None, &[("x-part", "1")]).await.status, 403);
        for path in ["passes/order", "experiences/order", "live/move"] {
            let fields = [("item", "live"), ("towards", "front")];
            assert_eq!(browser.form(&format!("/studio/demo/{path}"), &fields).await.status, 403, "{path}");
        }
    }
    assert!(post(&mut nobody, "features", &fields, None, &[]).await.header("location").starts_with("/sign-in"));
    // Forged: another browser's token, no token, another site.
    for token in ["", "forged", nobody.csrf.as_str()] {
        creator.csrf = token.to_string();
        assert_eq!(post(&mut creator, "features", &fields, None, &[("x-part", "1")]).await.status, 403, "{token}");
    }
    creator.csrf = csrf;
    let foreign = [("x-part", "1"), ("origin", "https://evil.test")];
    assert_eq!(post(&mut creator, "features", &fields, None, &foreign).await.status, 403);
    assert_eq!(creator.form(&at("features"), &fields).await.status, 415);
    assert_eq!(form(&mut creator, "nothing").await.status, 404);
    assert!(!house.browser().get("/demo").await.body.contains("Mine"));
    house.close().await;
}

#[actix_web::test]
async fn passes_and_experiences_are_put_in_an_order_at_once() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    for slug in ["second", "third"] {
        let pass = [("name", slug), ("slug", slug), ("status", "published"), ("opens", "all")];
        assert_eq!(creator.form("/studio/demo/passes/new", &pass).await.status, 303);
        let show = [("title", slug), ("slug", slug), ("grace_s", "60")];
        assert_eq!(creator.form("/studio/demo/experiences/new", &show).await.status, 303);
    }
    let order = |slugs: &[&'static str]| slugs.iter().map(|slug| ("item", *slug)).collect::<Vec<_>>();
    let cases: [(&str, &str, &str, &[&str]); 2] =
        [("passes", "free", "?pass=", &["basic", "pro"]), ("experiences", "live", "href=\"/m/demo/", &["backstage"])];
    for (list, first, mark, others) in cases {
        let path = format!("/studio/demo/{list}/order");
        let wanted = order(&[&["third", first, "second"], others].concat());
        assert_eq!(creator.form(&path, &wanted).await.status, 204, "{list}");
        let page = house.browser().get("/demo").await.body;
        let places: Vec<usize> =
            ["third", first, "second"].iter().map(|slug| page.find(&format!("{mark}{slug}\"")).unwrap()).collect();
        assert!(places.is_sorted(), "{list}: {places:?}");
        for wrong in [&["third", first][..], &["third", "third", first], &["third", first, "second", "nothing"], &[]] {
            assert_eq!(creator.form(&path, &order(wrong)).await.status, 409, "{list} {wrong:?}");
        }
    }
    assert_eq!(house.browser().get("/m/demo").await.header("location"), "/m/demo/third");
    let move_to = |towards| [("towards", towards)];
    assert_eq!(creator.form("/studio/demo/second/move", &move_to("front")).await.header("location"), "/studio");
    assert_eq!(creator.form("/studio/demo/second/move", &move_to("front")).await.status, 303);
    assert_eq!(creator.form("/studio/demo/second/move", &move_to("front")).await.status, 303);
    assert_eq!(house.browser().get("/m/demo").await.header("location"), "/m/demo/second");
    assert_eq!(creator.form("/studio/demo/second/move", &move_to("end")).await.status, 303);
    assert_eq!(house.browser().get("/m/demo").await.header("location"), "/m/demo/third");
    assert_eq!(creator.form("/studio/demo/second/move", &move_to("up")).await.status, 400);
    assert_eq!(creator.form("/studio/demo/nothing/move", &move_to("end")).await.status, 404);
    house.close().await;
}

#[actix_web::test]
async fn a_draft_s_page_says_that_only_the_team_sees_it() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    let pass = [("name", "Later"), ("slug", "later"), ("status", "draft"), ("opens", "all")];
    assert_eq!(creator.form("/studio/demo/passes/new", &pass).await.status, 303);
    assert!(creator.get("/demo/later").await.body.contains("Only your team sees this page."));
    assert!(!creator.get("/demo/free").await.body.contains("Only your team sees this page."));
    assert_eq!(house.browser().get("/demo/later").await.status, 404);
    house.close().await;
}

#[actix_web::test]
async fn parts_are_kept_on_postgres_too() {
    let url = crate::support::postgres::new_database().await;
    let house = House::open_with(|config| config.database.url = backstage::config::Secret::new(url)).await;
    let mut creator = house.creator().await;
    for words in ["First", "Second"] {
        let fields = [("title", words), ("text", "")];
        assert_eq!(save(&mut creator, "features", &fields, None).await.status, 200);
        let photo = picture(320, 180, ImageFormat::Jpeg);
        assert_eq!(save(&mut creator, "cover", &[("alt", words)], Some(&photo)).await.status, 200);
        assert_eq!(save(&mut creator, "headline", &[("name", words)], None).await.status, 200);
        assert!(house.browser().get("/demo").await.body.matches(words).count() >= 3, "{words}");
    }
    let order = ["pro", "free", "basic"].map(|slug| ("item", slug));
    assert_eq!(creator.form("/studio/demo/passes/order", &order).await.status, 204);
    assert_eq!(objects(&house).await.len(), 2);
    let old = version(&mut creator, "features").await;
    assert_eq!(save(&mut creator, "features", &[("title", "Third")], None).await.status, 200);
    let fields = [("version", old.as_str()), ("title", "Late")];
    assert_eq!(post(&mut creator, "features", &fields, None, &[("x-part", "1")]).await.status, 409);
    house.close().await;
}

#[actix_web::test]
async fn what_many_read_at_once_is_never_older_than_the_last_write() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    let db = &house.app.state.db;
    let before = db.generation();
    drop(db.begin_write().await.unwrap());
    assert!(db.generation() > before, "a transaction that nobody finished");
    for number in 0..20 {
        let title = format!("Title {number}.");
        let old = house.browser().get("/demo").await.body;
        assert!(!old.contains(&title));
        assert_eq!(save(&mut creator, "features", &[("title", &title), ("text", "")], None).await.status, 200);
        let (mut one, mut two) = (house.browser(), house.browser());
        let (one, two) = futures_util::future::join(one.get("/demo"), two.get("/demo/free")).await;
        assert!(one.body.contains(&title) && two.body.contains(&title), "{number}");
    }
    // What another process writes is seen a second later.
    house.sql("UPDATE space_looks SET accent = 'violet'").await;
    let began = std::time::Instant::now();
    while !house.browser().get("/demo").await.body.contains("data-accent=\"violet\"") {
        assert!(began.elapsed() < std::time::Duration::from_secs(3), "not seen");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    house.close().await;
}
