use crate::browser::Browser;
use crate::house::House;

const NASTY: &str = "<script>alert('x')</script>\"'&";

#[actix_web::test]
async fn a_space_and_an_experience_are_made_shown_and_renamed() {
    let house = House::open().await;
    let mut ada = house.signed_in("ada@example.com").await;
    let fields = [
        ("name", "Ada's Stage"),
        ("slug", "ada"),
        ("headline", "Engines"),
        ("description", "a\r\nb"),
        ("accent", "violet"),
    ];
    assert_eq!(ada.form("/studio/spaces/new", &fields).await.header("location"), "/studio/ada/experiences/new");
    let in_two_hours = (std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()
        + 7_200_000)
        .to_string();
    let fields = [
        ("title", "First show"),
        ("slug", "first"),
        ("description", "About"),
        ("starts_at", in_two_hours.as_str()),
        ("grace_s", "30"),
    ];
    assert_eq!(ada.form("/studio/ada/experiences/new", &fields).await.header("location"), "/studio/ada/first");
    let page = house.browser().get("/ada").await;
    for part in
        ["Ada&#39;s Stage", "Engines", "Free pass", "First show", "/ada/free/join", "data-accent=\"violet\"", "/@ada"]
    {
        assert!(page.body.contains(part), "{part} in {}", page.body);
    }
    assert_eq!(house.browser().get("/m/ada").await.header("location"), "/m/ada/first");
    assert!(house.browser().get("/@ada").await.body.contains("Ada&#39;s Stage"));
    assert!(house.browser().get("/").await.body.contains("First show"));
    let file = house.browser().get("/m/ada/first.ics").await;
    assert_eq!(file.header("content-type"), "text/calendar; charset=utf-8");
    for part in ["BEGIN:VCALENDAR", "SUMMARY:First show", "DTSTART:2", "/m/ada/first"] {
        assert!(file.body.replace("\r\n ", "").contains(part), "{part} in {}", file.body);
    }

    let fields = [("name", "Ada"), ("slug", "ada-l"), ("headline", ""), ("description", ""), ("accent", "teal")];
    assert_eq!(ada.form("/studio/ada/edit", &fields).await.header("location"), "/studio");
    assert_eq!(house.browser().get("/ada").await.header("location"), "/ada-l");
    assert_eq!(house.browser().get("/m/ada/first").await.header("location"), "/m/ada-l/first");
    let fields = [("title", "Second"), ("slug", "second"), ("grace_s", "45")];
    assert_eq!(ada.form("/studio/ada-l/first/edit", &fields).await.header("location"), "/studio");
    assert_eq!(house.browser().get("/m/ada-l/first").await.header("location"), "/m/ada-l/second");
    assert_eq!(house.browser().get("/m/ada-l/second.ics").await.status, 404);
    house.close().await;
}

#[actix_web::test]
async fn wrong_fields_are_told_and_what_was_typed_is_kept() {
    let house = House::open().await;
    let mut ada = house.signed_in("ada@example.com").await;
    let long = "n".repeat(60_000);
    for (name, slug, message) in [
        ("", "fine", "1 to 80 characters"),
        (long.as_str(), "fine", "1 to 80 characters"),
        ("Name", "studio", "reserved"),
        ("Name", "demo", "taken"),
        ("Name", "Not Good", "small letters"),
        ("Name", "", "small letters"),
    ] {
        let answer =
            ada.form("/studio/spaces/new", &[("name", name), ("slug", slug), ("headline", "kept headline")]).await;
        assert_eq!(answer.status, 422, "{slug}");
        assert!(
            answer.body.contains(message) && answer.body.contains("kept headline"),
            "{slug}: {}",
            &answer.body[..2_000]
        );
    }
    let mut creator = house.creator().await;
    for (field, value, message) in [
        ("title", "", "1 to 120 characters"),
        ("slug", "edit", "reserved"),
        ("slug", "live", "taken"),
        ("starts_at", "tomorrow", "time does not work"),
        ("starts_at", "1", "time does not work"),
        ("starts_at", "9223372036854775807", "time does not work"),
        ("grace_s", "-1", "does not work here"),
        ("grace_s", "99999999999999999999", "does not work here"),
    ] {
        let mut fields =
            vec![("title", "T"), ("slug", "t"), ("description", "kept text"), ("starts_at", ""), ("grace_s", "60")];
        fields.retain(|(name, _)| *name != field);
        fields.push((field, value));
        let answer = creator.form("/studio/demo/experiences/new", &fields).await;
        assert_eq!(answer.status, 422, "{field}={value}");
        assert!(answer.body.contains(message) && answer.body.contains("kept text"), "{field}={value}");
    }
    house.close().await;
}

#[actix_web::test]
async fn what_people_type_is_never_markup() {
    let house = House::open().await;
    let mut ada = house.signed_in("ada@example.com").await;
    assert_eq!(ada.form("/account", &[("name", NASTY)]).await.status, 303);
    let fields = [("name", NASTY), ("slug", "nasty"), ("headline", NASTY), ("description", NASTY), ("accent", NASTY)];
    assert_eq!(ada.form("/studio/spaces/new", &fields).await.status, 303);
    let fields = [("title", NASTY), ("slug", "show"), ("description", NASTY), ("starts_at", ""), ("grace_s", "60")];
    assert_eq!(ada.form("/studio/nasty/experiences/new", &fields).await.status, 303);
    let echoed = [("name", NASTY), ("slug", NASTY), ("headline", NASTY), ("description", NASTY)];
    let mut bodies = vec![ada.form("/studio/spaces/new", &echoed).await.body];
    let echoed = [("title", NASTY), ("slug", NASTY), ("description", NASTY), ("starts_at", NASTY), ("grace_s", NASTY)];
    bodies.push(ada.form("/studio/nasty/experiences/new", &echoed).await.body);
    bodies.push(ada.form("/sign-in", &[("email", NASTY), ("next", NASTY)]).await.body);
    for path in [
        "/",
        "/nasty",
        "/m/nasty/show",
        "/studio",
        "/studio/nasty/show",
        "/studio/nasty/edit",
        "/studio/nasty/show/edit",
        "/account",
        "/studio/nasty/show/timeline",
    ] {
        let page = ada.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        bodies.push(page.body);
    }
    for body in bodies {
        assert!(!body.contains("<script>alert"), "{body}");
        // What was shaped by Markdown is text between tags (src/markdown.rs holds it): quotes are quotes there.
        let plain: String = body
            .split("<div class=\"prose prose--rich\">")
            .enumerate()
            .map(|(part, text)| if part == 0 { text } else { text.split_once("</div>").unwrap().1 })
            .collect();
        assert!(!plain.contains("\"'&"), "{plain}");
    }
    house.close().await;
}

#[actix_web::test]
async fn a_stranger_sees_no_studio_but_their_own() {
    let house = House::open().await;
    let id = house.experience().await;
    let mut stranger = house.signed_in("stranger@example.com").await;
    for path in [
        "/studio/demo/live",
        "/studio/demo/edit",
        "/studio/demo/live/edit",
        "/studio/demo/experiences/new",
        "/studio/demo/live/timeline",
    ] {
        assert_eq!(stranger.get(path).await.status, 403, "{path}");
        let signed_out = house.browser().get(path).await;
        assert!(signed_out.status == 303 && signed_out.header("location").starts_with("/sign-in?next="), "{path}");
        let mut guest = house.guest().await;
        assert_eq!(guest.get(path).await.status, 303, "{path}");
    }
    let fields = [("name", "Mine"), ("slug", "demo")];
    assert_eq!(stranger.form("/studio/demo/edit", &fields).await.status, 403);
    for what in ["lobby", "go-live", "publisher-token", "end"] {
        let answer = stranger.api(&format!("/api/v1/experiences/{id}/{what}")).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "not_yours"), "{what}");
        assert_eq!(house.browser().api(&format!("/api/v1/experiences/{id}/{what}")).await.code(), "sign_in");
    }
    let mut creator = house.creator().await;
    let lobby = creator.api(&format!("/api/v1/experiences/{id}/lobby")).await;
    let stream = lobby.json()["stream_id"].as_str().unwrap().to_string();
    assert_eq!(stranger.get(&format!("/api/v1/streams/{stream}/timeline")).await.code(), "not_yours");
    assert_eq!(stranger.api(&format!("/api/v1/streams/{stream}/observe")).await.code(), "not_yours");
    assert_eq!(stranger.socket(&id, "as=host").await.closes().await, 4403);
    house.close().await;
}

async fn go_live(browser: &mut Browser, id: &str) -> (u16, String) {
    let answer = browser.api(&format!("/api/v1/experiences/{id}/go-live")).await;
    (answer.status, answer.body)
}

#[actix_web::test]
async fn of_two_go_lives_at_once_one_wins_and_one_is_told() {
    let house = House::open().await;
    let id = house.experience().await;
    let (mut one, mut two) = (house.creator().await, house.creator().await);
    let ((a, first), (b, second)) = futures_util::join!(go_live(&mut one, &id), go_live(&mut two, &id));
    let mut statuses = [a, b];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{first} {second}");
    let refused = if a == 409 { first } else { second };
    assert!(refused.contains("already_live") && refused.contains("live already"), "{refused}");
    house.close().await;
}

#[actix_web::test]
async fn commands_in_the_wrong_moment_are_refused_with_a_reason() {
    let house = House::open().await;
    let id = house.experience().await;
    let mut creator = house.creator().await;
    let path = |what: &str| format!("/api/v1/experiences/{id}/{what}");
    assert_eq!(creator.api(&path("end")).await.code(), "not_live");
    assert_eq!(creator.api(&path("publisher-token")).await.code(), "not_live");
    assert_eq!(creator.api(&path("lobby")).await.status, 200);
    assert_eq!(creator.api(&path("go-live")).await.status, 200);
    assert_eq!(creator.api(&path("lobby")).await.code(), "already_live");
    let token = creator.api(&path("publisher-token")).await.json();
    assert!(token["identity"].as_str().unwrap().starts_with("host:"), "{token}");
    assert_eq!(creator.api(&path("end")).await.status, 202);
    house.close().await;
}
