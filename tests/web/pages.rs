use crate::house::House;

#[actix_web::test]
async fn the_first_start_in_development_finds_the_demo() {
    let house = House::open().await;
    let mut browser = house.browser();
    assert!(browser.get("/@demo").await.body.contains("Demo Creator"));
    assert!(browser.get("/demo").await.body.contains("for 7 days"));
    assert_eq!(browser.get("/m/demo").await.header("location"), "/m/demo/live");
    let page = browser.get("/m/demo/live").await;
    assert!(page.body.contains("<live-player") && page.body.contains("data-gate=\"refused\""));
    let mut creator = house.creator().await;
    assert!(creator.get("/studio").await.body.contains("/studio/demo/live"));
    assert_eq!(creator.get("/studio/demo/live").await.status, 200);
    let mail = house.browser().get("/dev/mail.json").await.json();
    assert_eq!(mail[0]["to"], "creator@example.com");
    assert_eq!(mail[0]["code"].as_str().unwrap().len(), 6);
    for path in ["/", "/sign-in", "/dev/mail", "/dev/components"] {
        assert_eq!(browser.get(path).await.status, 200, "{path}");
    }
    house.close().await;
}

#[actix_web::test]
async fn joining_makes_a_guest_at_once_and_opens_the_player() {
    let house = House::open().await;
    let mut guest = house.guest().await;
    let page = guest.get("/m/demo/live").await;
    assert!(page.body.contains("data-gate=\"open\"") && page.body.contains("You are in with: Free"), "{}", page.body);
    assert!(guest.get("/demo").await.body.contains("You are in"));
    // Twice is once.
    assert_eq!(guest.form("/m/demo/live/join", &[]).await.header("location"), "/m/demo/live");
    // A guest has a name to change, but no studio.
    assert_eq!(guest.form("/account", &[("name", " New\u{0} Name ")]).await.status, 303);
    assert!(guest.get("/account").await.body.contains("New Name"));
    assert!(guest.get("/studio").await.header("location").starts_with("/sign-in"));
    house.close().await;
}

#[actix_web::test]
async fn a_stream_tells_its_story_in_words() {
    let house = House::open().await;
    let id = house.experience().await;
    let mut creator = house.creator().await;
    let stream =
        creator.api(&format!("/api/v1/experiences/{id}/lobby")).await.json()["stream_id"].as_str().unwrap().to_string();
    creator.api(&format!("/api/v1/experiences/{id}/end")).await;
    let timeline = creator.get(&format!("/api/v1/streams/{stream}/timeline")).await.json();
    let words: Vec<&str> =
        timeline["events"].as_array().unwrap().iter().map(|event| event["words"].as_str().unwrap()).collect();
    assert_eq!(words[..2], ["The lobby opened. People may wait inside.", "You called the stream off."]);
    let page = creator.get("/studio/demo/live/timeline").await;
    assert!(page.body.contains("You called the stream off.") && page.body.contains("Cancelled"), "{}", page.body);
    house.close().await;
}

#[actix_web::test]
async fn probes_answer() {
    let house = House::open().await;
    let mut browser = house.browser();
    assert_eq!(browser.get("/healthz").await.status, 200);
    assert_eq!(browser.get("/readyz").await.json()["ready"], true);
    assert!(browser.get("/metrics").await.body.contains("backstage_"));
    assert_eq!(browser.get("/api/v1/preflight").await.json()["livekit"]["ok"], true);
    house.close().await;
}

#[actix_web::test]
async fn a_page_can_be_asked_for_its_head() {
    let house = House::open().await;
    let head = house.browser().send("HEAD", "/demo", &[], vec![]).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    house.close().await;
}

#[actix_web::test]
async fn people_and_passes_work_on_postgres_too() {
    let url = crate::support::postgres::new_database().await;
    let house = House::open_with(|config| config.database.url = backstage::config::Secret::new(url)).await;
    let id = house.experience().await;
    let admission = format!("/api/v1/experiences/{id}/admission");
    let mut creator = house.creator().await;
    // Twice: the second poster replaces the first one.
    for alt in ["one", "two"] {
        let sent = crate::lobby::upload_some(&mut creator, alt).await;
        assert_eq!(sent.status, 303, "{}", sent.body);
    }
    assert!(creator.get("/m/demo/live").await.body.contains("alt=\"two\""));
    assert_eq!(creator.form("/m/demo/live/notify", &[("wanted", "on")]).await.status, 303);
    assert_eq!(creator.api(&format!("/api/v1/experiences/{id}/go-live")).await.status, 200);
    let mut guest = house.guest().await;
    assert_eq!(guest.api(&admission).await.status, 200);
    guest.get("/sign-in").await;
    guest.form("/sign-in", &[("email", "fan@example.com")]).await;
    let code = house.code("fan@example.com");
    assert_eq!(guest.form("/sign-in/code", &[("email", "fan@example.com"), ("code", "1")]).await.status, 422);
    assert_eq!(guest.form("/sign-in/code", &[("email", "fan@example.com"), ("code", &code)]).await.status, 303);
    guest.get("/account").await;
    assert_eq!(guest.api(&admission).await.status, 200);
    let again = house.guest().await;
    // A second browser of a guest joins an account that exists: its pass moves over.
    let mut again = again;
    again.get("/sign-in").await;
    again.form("/sign-in", &[("email", "fan@example.com")]).await;
    let code = house.code("fan@example.com");
    assert_eq!(again.form("/sign-in/code", &[("email", "fan@example.com"), ("code", &code)]).await.status, 303);
    let account = again.get("/account").await;
    assert_eq!(account.body.matches("/revoke").count(), 1, "{}", account.body);
    let session = account.between("/account/sessions/", "/revoke");
    assert_eq!(again.form(&format!("/account/sessions/{session}/revoke"), &[]).await.status, 303);
    assert_eq!(guest.api(&admission).await.code(), "needs_pass");
    let fields = [("name", "Fan"), ("slug", "fan"), ("accent", "rose")];
    assert_eq!(again.form("/studio/spaces/new", &fields).await.status, 303);
    let fields = [("name", "Fan"), ("slug", "fans"), ("accent", "rose")];
    assert_eq!(again.form("/studio/fan/edit", &fields).await.status, 303);
    assert_eq!(again.get("/fan").await.header("location"), "/fans");
    for path in ["/", "/fans", "/@demo", "/m/demo/live", "/studio", "/studio/demo/live/timeline"] {
        let status = creator.get(path).await.status;
        assert_eq!(status, 200, "{path}");
    }
    let space = house.app.state.store.find_space("demo").await.unwrap().unwrap().state.id;
    let user = house.app.state.sessions.find(&house.app.state, [0; 32]).await.unwrap();
    assert!(user.is_none());
    assert!(!backstage::access::revoke(&house.app.state, &space, &"nobody".parse().unwrap()).await.unwrap());
    house.close().await;
}

#[actix_web::test]
async fn what_a_creator_writes_is_shaped_and_shared_and_never_runs() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    let attack = "# Hi\n\n**Bold** <script>alert(1)</script> [x](javascript:alert(1)) \"quoted\"";
    let space = [("name", "<b>Stage</b>"), ("slug", "demo"), ("headline", "\"><script>"), ("description", attack)];
    assert_eq!(creator.form("/studio/demo/edit", &space).await.status, 303);
    let show = [("title", "A \"show\""), ("slug", "live"), ("description", attack), ("grace_s", "60")];
    assert_eq!(creator.form("/studio/demo/live/edit", &show).await.status, 303);
    let pass =
        [("name", "Free"), ("slug", "free"), ("status", "published"), ("headline", attack), ("description", attack)];
    assert_eq!(creator.form("/studio/demo/passes/free/edit", &pass).await.status, 303);
    let mut guest = house.guest().await;
    for path in ["/demo", "/demo/free", "/m/demo/live", "/@demo", "/"] {
        let page = guest.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(!page.body.contains("<script>") && !page.body.contains("href=\"javascript"), "{path}: {}", page.body);
    }
    for path in ["/demo", "/m/demo/live"] {
        let page = guest.get(path).await;
        assert!(page.body.contains("<strong>Bold</strong>"), "{path}: {}", page.body);
        let url = page.between("property=\"og:url\" content=\"", "\"");
        assert!(url.starts_with("http://") && url.ends_with(path), "{url}");
    }
    let told = guest.get("/m/demo/live").await.between("property=\"og:description\" content=\"", "\"");
    assert!(told.starts_with("Hi Bold") && told.contains("&#34;quoted&#34;"), "{told}");
    house.close().await;
}
