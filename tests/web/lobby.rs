//! The lobby: its poster, who wants to be told when it goes live, and who may watch at all.

use crate::browser::{Answer, Browser};
use crate::house::House;
use backstage::adapters::storage::{Key, Prefix, whole};
use backstage::ports::Mail;
use image::{DynamicImage, ImageFormat, RgbImage};
use std::io::Cursor;
use std::time::{Duration, Instant};

const EDIT: &str = "/studio/demo/live/edit";
const POSTER: &str = "/studio/demo/live/poster";
const TEN_MB: usize = 10_000_000;

fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let image = DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([u8::try_from(x % 256).unwrap(), u8::try_from(y % 256).unwrap(), 90])
    }));
    let mut out = Cursor::new(vec![]);
    image.write_to(&mut out, format).unwrap();
    out.into_inner()
}

/// A form with a file, as browsers send it.
async fn send(browser: &mut Browser, csrf: &str, alt: &str, file: &[u8]) -> Answer {
    send_to(browser, POSTER, csrf, alt, file).await
}

async fn send_to(browser: &mut Browser, path: &str, csrf: &str, alt: &str, file: &[u8]) -> Answer {
    let mut body = vec![];
    for (name, value) in [("csrf", csrf), ("alt", alt)] {
        body.extend(format!("--xyz\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes());
    }
    let head =
        "--xyz\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.png\"\r\ncontent-type: image/png\r\n\r\n";
    body.extend(head.bytes());
    body.extend(file);
    body.extend(b"\r\n--xyz--\r\n");
    browser.send("POST", path, &[("content-type", "multipart/form-data; boundary=xyz")], body).await
}

async fn upload(browser: &mut Browser, alt: &str, file: &[u8]) -> Answer {
    let csrf = browser.csrf.clone();
    send(browser, &csrf, alt, file).await
}

/// A poster, whatever it shows.
pub async fn upload_some(browser: &mut Browser, alt: &str) -> Answer {
    upload(browser, alt, &picture(640, 360, ImageFormat::Jpeg)).await
}

/// The same for another experience: `path` is where its form posts to.
pub async fn upload_some_at(browser: &mut Browser, path: &str, alt: &str) -> Answer {
    let csrf = browser.csrf.clone();
    send_to(browser, path, &csrf, alt, &picture(640, 360, ImageFormat::Jpeg)).await
}

async fn objects(house: &House) -> Vec<Key> {
    let page = house.app.state.objects.list(&Prefix::parse("posters/").unwrap(), None, 100).await.unwrap();
    page.objects.into_iter().map(|object| object.key).collect()
}

#[actix_web::test]
async fn a_poster_is_shown_everywhere_and_the_old_one_goes() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    assert!(creator.get("/demo").await.body.contains("poster__mark"), "no fallback on the card");
    let sent = upload(&mut creator, "A \"red\" <b>stage</b>", &picture(1_600, 900, ImageFormat::Png)).await;
    assert_eq!((sent.status, sent.header("location")), (303, EDIT), "{}", sent.body);
    let mut guest = house.browser();
    let page = guest.get("/m/demo/live").await;
    let url = page.between("class=\"slate__poster\" src=\"", "\"");
    assert!(page.body.contains("A &#34;red&#34; &#60;b&#62;stage"), "{}", page.body);
    assert_eq!(page.body.matches(&format!("src=\"{url}\"")).count(), 3);
    let card = guest.get("/demo").await;
    assert!(card.body.contains(&url) && card.body.matches("poster__mark").count() == 1, "{}", card.body);
    assert!(creator.get(EDIT).await.body.contains(&url));

    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let full = format!("http://{}{url}", house.app.address);
    let got = http.get(&full).send().await.unwrap();
    let header = |name: &str| got.headers()[name].to_str().unwrap().to_string();
    assert_eq!(header("content-type"), "image/jpeg");
    assert_eq!(header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert!(got.headers().get("set-cookie").is_none());
    let etag = header("etag");
    let bytes = got.bytes().await.unwrap();
    let shown = image::load_from_memory_with_format(&bytes, ImageFormat::Jpeg).unwrap();
    assert_eq!((shown.width(), shown.height()), (1_280, 720));
    let again = http.get(&full).header("if-none-match", &etag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    let head = http.head(&full).send().await.unwrap();
    let length = head.headers()["content-length"].to_str().unwrap();
    assert_eq!((head.status().as_u16(), length), (200, bytes.len().to_string().as_str()));
    assert_eq!(objects(&house).await.len(), 2);

    // Another description keeps the picture; another picture has another address.
    assert_eq!(upload(&mut creator, "Stage", b"").await.status, 303);
    assert!(guest.get("/m/demo/live").await.body.contains(&format!("src=\"{url}\"")));
    assert_eq!(upload(&mut creator, "Stage", &picture(400, 400, ImageFormat::WebP)).await.status, 303);
    assert!(!guest.get("/m/demo/live").await.body.contains(&url));
    assert_eq!(http.get(&full).send().await.unwrap().status(), 404);
    assert_eq!(objects(&house).await.len(), 2);

    assert_eq!(creator.form("/studio/demo/live/poster/remove", &[]).await.status, 303);
    assert!(!guest.get("/m/demo/live").await.body.contains("slate__poster"));
    assert_eq!(objects(&house).await, []);
    house.close().await;
}

#[actix_web::test]
async fn what_is_no_poster_is_refused_in_words() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    let none = upload(&mut creator, "", b"").await;
    assert!(none.status == 422 && none.body.contains("Choose a picture first."), "{}", none.body);
    let png = picture(640, 360, ImageFormat::Png);
    for (file, words) in [
        (&b"<svg onload='alert(1)'/>"[..], "We cannot read that file as a picture."),
        (&png[..png.len() / 2], "We cannot read that file as a picture."),
        (&picture(60, 60, ImageFormat::Jpeg), "That picture is too small."),
        (&vec![7; TEN_MB + 1], "That file is over 10 MB."),
    ] {
        let answer = upload(&mut creator, "", file).await;
        assert!(answer.status == 422 && answer.body.contains(words), "{} {words}", answer.status);
        assert!(answer.body.contains("id=\"poster-error\""));
    }
    assert_eq!(objects(&house).await, []);
    house.close().await;
}

#[actix_web::test]
async fn a_poster_comes_from_the_team_and_from_our_page_only() {
    let house = House::open().await;
    let png = picture(640, 360, ImageFormat::Png);
    let mut creator = house.creator().await;
    let csrf = creator.csrf.clone();
    assert_eq!(send(&mut creator, "forged", "", &png).await.status, 403);
    assert_eq!(send(&mut creator, "", "", &png).await.status, 403);
    creator.headers.push(("origin", "https://evil.test".into()));
    assert_eq!(send(&mut creator, &csrf, "", &png).await.status, 403);
    creator.headers.clear();
    let mut stranger = house.signed_in("stranger@example.com").await;
    assert_eq!(upload(&mut stranger, "", &png).await.status, 403);
    assert_eq!(stranger.form("/studio/demo/live/poster/remove", &[]).await.status, 403);
    let mut nobody = house.browser();
    nobody.get("/").await;
    assert!(upload(&mut nobody, "", &png).await.header("location").starts_with("/sign-in"));
    // Only that address takes files.
    let body = b"--xyz\r\ncontent-disposition: form-data; name=\"csrf\"\r\n\r\nx\r\n--xyz--\r\n".to_vec();
    let other = creator.send("POST", "/account", &[("content-type", "multipart/form-data; boundary=xyz")], body).await;
    assert_eq!(other.status, 415);
    assert_eq!(creator.form(POSTER, &[]).await.status, 415);
    assert_eq!(objects(&house).await, []);
    for wrong in ["/posters/none-1280.jpg", "/posters/.new", "/posters/%2e%2e%2fserver.key"] {
        assert_eq!(house.browser().get(wrong).await.status, 404, "{wrong}");
    }
    house.close().await;
}

#[actix_web::test]
async fn an_upload_that_was_cut_short_leaves_nothing_behind() {
    let house = House::open().await;
    let state = &house.app.state;
    let key = Key::parse("posters/left-behind-1280.jpg").unwrap();
    // As if the server had died between putting the object and giving it to the experience.
    backstage::poster::store::announce(&state.db, std::slice::from_ref(&key), state.clock.now()).await.unwrap();
    state.objects.put(&key, whole("x")).await.unwrap();
    backstage::objects::doomed::look(state).await.unwrap();
    assert_eq!(objects(&house).await.len(), 1, "gone before its time");
    house.sql("UPDATE doomed_objects SET due_at = 1").await;
    backstage::objects::doomed::look(state).await.unwrap();
    assert_eq!(objects(&house).await, []);
    house.close().await;
}

#[actix_web::test]
async fn objects_are_given_and_taken_by_signed_addresses_only() {
    let house = House::open().await;
    let (state, key) = (&house.app.state, Key::parse("r/a.mp4").unwrap());
    let path = |url: String| url.split_once("/media/").map(|(_, rest)| format!("/media/{rest}")).unwrap();
    let put = path(state.objects.presign_put(&key, Duration::from_secs(60)).await.unwrap());
    let get = path(state.objects.presign_get(&key, Duration::from_secs(60)).await.unwrap());
    let mut browser = house.browser();
    assert_eq!(browser.get(&get).await.status, 404);
    assert_eq!(browser.send("PUT", &put, &[], b"0123456789".to_vec()).await.status, 200);
    let whole = browser.get(&get).await;
    assert_eq!((whole.status, whole.body.as_str(), whole.header("content-type")), (200, "0123456789", "video/mp4"));
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    let part = browser.send("GET", &get, &[("range", "bytes=2-4")], vec![]).await;
    assert_eq!((part.status, part.body.as_str(), part.header("content-range")), (206, "234", "bytes 2-4/10"));
    assert_eq!(browser.send("GET", &get, &[("range", "bytes=10-")], vec![]).await.code(), "no_such_bytes");
    let old = browser.send("GET", &get, &[("range", "bytes=2-4"), ("if-range", "\"old\"")], vec![]).await;
    assert_eq!((old.status, old.body.as_str()), (200, "0123456789"));
    for wrong in ["/media/r/a.mp4", &put, &get.replace("a.mp4", "b.mp4"), &get.replace("expires=", "expires=9")] {
        assert_eq!(browser.get(wrong).await.code(), "bad_signature", "{wrong}");
    }
    assert_eq!(browser.send("PUT", &get, &[], b"x".to_vec()).await.status, 403);
    assert_eq!(browser.send("DELETE", &get, &[], vec![]).await.status, 405);
    house.close().await;
}

/// Letters to an address that are no codes.
fn letters(house: &House, email: &str) -> Vec<String> {
    let kept = house.mail.kept().into_iter().map(|(_, letter)| letter);
    kept.filter(|letter| letter.to == email && letter.code.is_none()).map(|letter| letter.text).collect()
}

async fn until(what: &str, done: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !done().await {
        assert!(began.elapsed() < Duration::from_secs(15), "{what}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// Media comes and the show is live.
async fn go_live(house: &House, creator: &mut Browser) -> String {
    let id = house.experience().await;
    let went = creator.api(&format!("/api/v1/experiences/{id}/go-live")).await.json();
    let stream = went["stream_id"].as_str().unwrap().to_string();
    house.rooms.publish(&stream.parse().unwrap(), "TR_1".parse().unwrap());
    creator.api(&format!("/api/v1/streams/{stream}/observe")).await;
    stream
}

#[actix_web::test]
async fn whoever_asked_gets_one_mail_when_the_show_goes_live() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    let mut fan = house.signed_in("fan@example.com").await;
    let mut other = house.signed_in("other@example.com").await;
    assert!(fan.get("/m/demo/live").await.body.contains("Notify me"));
    for _ in 0..2 {
        assert_eq!(fan.form("/m/demo/live/notify", &[("wanted", "on")]).await.header("location"), "/m/demo/live");
    }
    assert!(fan.get("/m/demo/live").await.body.contains("You will be notified"));
    // Who takes it back gets none.
    other.form("/m/demo/live/notify", &[("wanted", "on")]).await;
    other.form("/m/demo/live/notify", &[("wanted", "off")]).await;
    assert!(other.get("/m/demo/live").await.body.contains("Notify me"));
    backstage::alert::post::look(&house.app.state).await.unwrap();
    assert_eq!(letters(&house, "fan@example.com").len(), 0, "mailed before it is live");

    go_live(&house, &mut creator).await;
    until("no mail came", async || letters(&house, "fan@example.com").len() == 1).await;
    for _ in 0..3 {
        backstage::alert::post::look(&house.app.state).await.unwrap();
    }
    let mails = letters(&house, "fan@example.com");
    assert_eq!((mails.len(), letters(&house, "other@example.com").len()), (1, 0));
    assert!(mails[0].contains("Live from backstage") && mails[0].contains("/m/demo/live\n"), "{}", mails[0]);

    // The address in it turns the next ones off, without signing in, and asks first.
    let off = mails[0].lines().find(|line| line.contains("/alerts/")).unwrap();
    let off = off.split_once("/alerts/").map(|(_, rest)| format!("/alerts/{rest}")).unwrap();
    let (path, token) = off.split_once("?token=").unwrap();
    let mut anyone = house.browser();
    assert!(anyone.get(&off).await.body.contains("Stop these mails"));
    assert!(fan.get("/m/demo/live").await.body.contains("You will be notified"), "opening it is no press");
    for wrong in [format!("{path}?token=x"), path.to_string(), off.replace("/alerts/", "/alerts/0")] {
        assert_eq!(anyone.get(&wrong).await.status, 404, "{wrong}");
    }
    for _ in 0..2 {
        assert!(anyone.form(path, &[("token", token)]).await.body.contains("You get no more mail about this show."));
    }
    assert!(fan.get("/m/demo/live").await.body.contains("Notify me"));
    // Asked while it is on air: the next show, not this one.
    fan.form("/m/demo/live/notify", &[("wanted", "on")]).await;
    backstage::alert::post::look(&house.app.state).await.unwrap();
    assert_eq!(letters(&house, "fan@example.com").len(), 1);
    house.close().await;
}

#[actix_web::test]
async fn a_mail_that_could_not_be_sent_is_sent_again() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    let mut fan = house.signed_in("fan@example.com").await;
    fan.form("/m/demo/live/notify", &[("wanted", "on")]).await;
    house.mail.fail(true);
    go_live(&house, &mut creator).await;
    until("it was never tried", async || house.mail.failed() > 0).await;
    assert_eq!(letters(&house, "fan@example.com").len(), 0);
    house.mail.fail(false);
    // As if its wait were over.
    house.sql("UPDATE alerts SET due_at = 1").await;
    until("it was not tried again", async || letters(&house, "fan@example.com").len() == 1).await;
    house.close().await;
}

#[actix_web::test]
async fn who_has_no_address_is_asked_to_sign_in_and_comes_back() {
    let house = House::open().await;
    let mut guest = house.guest().await;
    let page = guest.get("/m/demo/live").await;
    assert!(page.body.contains("/sign-in?next=/m/demo/live"), "{}", page.body);
    let sent = guest.form("/m/demo/live/notify", &[("wanted", "on")]).await;
    assert_eq!(sent.header("location"), "/sign-in?next=%2Fm%2Fdemo%2Flive");
    house.close().await;
}

#[actix_web::test]
async fn an_open_show_asks_for_no_pass_and_a_closed_one_puts_them_out() {
    let house = House::open().await;
    let id = house.experience().await;
    let mut creator = house.creator().await;
    let form = creator.get(EDIT).await;
    assert!(form.body.contains("value=\"pass\" checked") && form.body.contains("People with a pass"), "{}", form.body);
    let fields = |access| [("title", "Live"), ("slug", "live"), ("grace_s", "60"), ("access", access)];
    assert_eq!(creator.form(EDIT, &fields("everyone")).await.status, 422);
    assert_eq!(creator.form(EDIT, &fields("open")).await.status, 303);
    assert!(creator.get(EDIT).await.body.contains("value=\"open\" checked"));
    // Without the field it stays as it is.
    assert_eq!(creator.form(EDIT, &fields("")).await.status, 303);
    let mut stranger = house.browser();
    assert!(stranger.get("/m/demo/live").await.body.contains("data-gate=\"open\""));
    let stream = go_live(&house, &mut creator).await;
    let admitted = stranger.api(&format!("/api/v1/experiences/{id}/admission")).await;
    assert_eq!(admitted.status, 200, "{}", admitted.body);
    let identity = admitted.json()["livekit"]["token"].as_str().unwrap().to_string();
    house.doors.inside.lock().insert((stream.parse().unwrap(), identity));
    let mut socket = stranger.socket(&id, "as=viewer").await;
    assert!(socket.hear("state").await.is_some());

    let began = Instant::now();
    assert_eq!(creator.form(EDIT, &fields("pass")).await.status, 303);
    assert_eq!(socket.hear("access").await.unwrap()["allowed"], false);
    assert_eq!(socket.closes().await, 4403);
    until("still in the room", async || house.doors.inside.lock().is_empty()).await;
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(stranger.api(&format!("/api/v1/experiences/{id}/admission")).await.code(), "needs_pass");
    house.close().await;
}
