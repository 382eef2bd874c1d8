//! What hosts see and say about delivery and health.

use crate::browser::Browser;
use crate::house::House;

async fn open_lobby(house: &House, creator: &mut Browser) -> String {
    let id = house.experience().await;
    let lobby = creator.api(&format!("/api/v1/experiences/{id}/lobby")).await;
    lobby.json()["stream_id"].as_str().unwrap().to_string()
}

#[actix_web::test]
async fn only_a_host_chooses_the_delivery_or_tells_how_they_send() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    let stream = open_lobby(&house, &mut creator).await;
    let mut stranger = house.signed_in("stranger@example.com").await;
    let mut guest = house.guest().await;
    for (what, body) in [("delivery", r#"{"choice":"webrtc"}"#), ("health", r#"{"fps":30}"#)] {
        let path = format!("/api/v1/streams/{stream}/{what}");
        assert_eq!(stranger.api_with(&path, body).await.code(), "not_yours");
        assert_eq!(guest.api_with(&path, body).await.code(), "not_yours");
        assert_eq!(house.browser().api_with(&path, body).await.code(), "sign_in");
        let json = [("content-type", "application/json")];
        let forged = creator.send("POST", &path, &json, body.as_bytes().to_vec()).await;
        assert_eq!(forged.status, 403, "{what} without a token: {}", forged.body);
        assert!(creator.api_with(&path, body).await.status < 300);
        assert_eq!(creator.api_with("/api/v1/streams/nobody/x", body).await.status, 404);
        let unknown = format!("/api/v1/streams/01a210a4-046d-77a1-a22d-28b86ebd9421/{what}");
        assert_eq!(creator.api_with(&unknown, body).await.code(), "not_found");
        assert_eq!(creator.get(&path).await.status, 405);
    }
    house.close().await;
}

#[actix_web::test]
async fn a_choice_that_cannot_be_is_refused_with_what_to_do() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    let stream = open_lobby(&house, &mut creator).await;
    let path = format!("/api/v1/streams/{stream}/delivery");
    for wrong in ["", "{}", "[]", r#"{"choice":"mqtt"}"#, r#"{"choice":1}"#, r#"{"choice":"hls","more":1}"#, "\u{0}"] {
        let answer = creator.api_with(&path, wrong).await;
        assert_eq!((answer.status, answer.header("content-type")), (400, "application/problem+json"), "{wrong}");
        assert!(answer.body.contains("auto"), "{}", answer.body);
    }
    // This house has no HLS side.
    let answer = creator.api_with(&path, r#"{"choice":"hls"}"#).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "no_hls"));
    let id = house.experience().await;
    creator.api(&format!("/api/v1/experiences/{id}/end")).await;
    let answer = creator.api_with(&path, r#"{"choice":"webrtc"}"#).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "over"));
    house.close().await;
}

#[actix_web::test]
async fn samples_out_of_any_range_are_refused_or_cut_and_never_break_anything() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    let stream = open_lobby(&house, &mut creator).await;
    let path = format!("/api/v1/streams/{stream}/health");
    for wrong in
        ["", "null", r#"{"fps":-1}"#, r#"{"fps":1e99}"#, r#"{"limited":"x"}"#, r#"{"other":1}"#, r#"{"fps":"30"}"#]
    {
        assert_eq!(creator.api_with(&path, wrong).await.status, 400, "{wrong}");
    }
    for fine in ["{}", r#"{"fps":4294967295,"rtt_ms":null}"#, r#"{"bitrate_kbps":2000,"limited":"bandwidth"}"#] {
        assert_eq!(creator.api_with(&path, fine).await.status, 202, "{fine}");
    }
    house.close().await;
}

#[actix_web::test]
async fn the_studio_is_told_the_delivery_and_viewers_are_not() {
    let house = House::open().await;
    let id = house.experience().await;
    let mut creator = house.creator().await;
    let page = creator.get("/studio/demo/live").await;
    assert!(page.body.contains("&#34;studio&#34;") || page.body.contains("&quot;studio&quot;"), "no studio part");
    let stream = open_lobby(&house, &mut creator).await;
    let mut host = creator.socket(&id, "as=host").await;
    let state = host.hear("state").await.unwrap();
    assert_eq!(state["studio"]["delivery"]["mode"], "webrtc");
    assert_eq!(state["studio"]["delivery"]["available"], false);
    creator.api_with(&format!("/api/v1/streams/{stream}/delivery"), r#"{"choice":"webrtc"}"#).await;
    let state = host.hear_if(|message| message["studio"]["delivery"]["choice"] == "webrtc").await;
    assert!(state.is_some());
    let mut guest = house.guest().await;
    let _ = guest.get("/m/demo/live").await;
    let mut watching = guest.socket(&id, "").await;
    assert!(watching.hear("state").await.unwrap().get("studio").is_none());
    house.close().await;
}

#[actix_web::test]
async fn who_asked_to_be_told_and_who_holds_a_pass_raise_what_is_expected() {
    let house = House::open().await;
    let id = house.experience().await;
    let _guest = house.guest().await;
    let mut fan = house.signed_in("fan@example.com").await;
    fan.get("/m/demo/live").await;
    fan.form("/m/demo/live/notify", &[("wanted", "on")]).await;
    let mut creator = house.creator().await;
    creator.get("/studio/demo/live").await;
    let mut host = creator.socket(&id, "as=host").await;
    host.hear("state").await.unwrap();
    house.app.state.live.count_coming().await;
    let snapshot = house.app.state.live.snapshot(&id.parse().unwrap()).await.unwrap().unwrap();
    let told = house.app.state.live.state_for_host(&snapshot);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let audience = &told["studio"]["delivery"]["audience"];
    assert!(audience["holders"].as_u64().unwrap() >= 1, "{audience}");
    assert_eq!(audience["rsvps"], 1, "{audience}");
    house.close().await;
}
