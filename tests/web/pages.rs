use crate::house::House;

#[actix_web::test]
async fn the_first_start_in_development_finds_the_demo() {
    let house = House::open().await;
    let mut browser = house.browser();
    assert!(browser.get("/@demo").await.body.contains("Demo Creator"));
    assert!(browser.get("/demo").await.body.contains("Free pass"));
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
    assert!(page.body.contains("data-gate=\"open\"") && page.body.contains("Free pass"), "{}", page.body);
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
