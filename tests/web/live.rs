use crate::house::House;
use backstage_core::StreamId;

#[actix_web::test]
async fn a_socket_tells_each_change_and_catches_up_by_cursor() {
    let house = House::open().await;
    let id = house.experience().await;
    let guest = house.guest().await;
    let mut socket = guest.socket(&id, "cursor=&as=viewer").await;
    let first = socket.hear("state").await.unwrap();
    assert_eq!(first["experience"]["id"], id.as_str());
    assert_eq!(first["stream"], serde_json::Value::Null);

    let mut creator = house.creator().await;
    let mut host = creator.socket(&id, "as=host").await;
    let went = creator.api(&format!("/api/v1/experiences/{id}/go-live")).await.json();
    let stream: StreamId = went["stream_id"].as_str().unwrap().parse().unwrap();
    let armed = socket.hear_if(|message| message["stream"]["armed"] == true).await.unwrap();
    assert_eq!(armed["stream"]["phase"], "lobby");
    assert_eq!(host.hear("timeline").await.unwrap()["event"]["event"], "go_live");

    house.rooms.publish(&stream, "track-1".parse().unwrap());
    assert_eq!(creator.api(&format!("/api/v1/streams/{stream}/observe")).await.status, 202);
    let live = socket.hear_if(|message| message["stream"]["phase"] == "live").await.unwrap();
    assert!(live["stream"]["live_since"].as_i64().unwrap() > 0 && live["now"].as_i64().unwrap() > 0);

    // Gone for a moment: with the same cursor nothing is repeated, with an old one the state comes at once.
    let cursor = live["cursor"].as_str().unwrap().to_string();
    let mut same = guest.socket(&id, &format!("cursor={cursor}&as=viewer")).await;
    same.say(r#"{"type":"ping"}"#).await;
    let next = same.hear_if(|message| message["type"] != "presence").await.unwrap();
    assert_eq!(next["type"], "pong");
    let mut old = guest.socket(&id, "cursor=e1.s0&as=viewer").await;
    assert_eq!(old.hear("state").await.unwrap()["cursor"], cursor.as_str());

    creator.api(&format!("/api/v1/experiences/{id}/end")).await;
    let ended = socket.hear_if(|message| message["stream"]["ended_at"].is_i64()).await.unwrap();
    assert_eq!(ended["stream"]["end_cause"], "creator");
    house.close().await;
}

#[actix_web::test]
async fn presence_counts_sessions_and_shows_faces() {
    let house = House::open().await;
    let id = house.experience().await;
    let (one, two) = (house.guest().await, house.guest().await);
    let mut first = one.socket(&id, "as=viewer").await;
    assert_eq!(first.hear("presence").await.unwrap()["viewers"], 1);
    let _tab = one.socket(&id, "as=viewer").await;
    let mut second = two.socket(&id, "as=viewer").await;
    let now = second.hear("presence").await.unwrap();
    assert_eq!((&now["viewers"], now["here"].as_array().unwrap().len()), (&2.into(), 2));
    assert!(first.hear_if(|message| message["viewers"] == 2).await.is_some());
    drop(second);
    assert!(first.hear_if(|message| message["viewers"] == 1).await.is_some());
    house.close().await;
}

#[actix_web::test]
async fn a_socket_that_says_too_much_is_closed() {
    let house = House::open().await;
    let id = house.experience().await;
    let guest = house.guest().await;
    let mut chatty = guest.socket(&id, "").await;
    for _ in 0..20 {
        chatty.say(r#"{"type":"ping"}"#).await;
    }
    assert_eq!(chatty.closes().await, 1008);
    let mut big = guest.socket(&id, "").await;
    big.say(format!("{{\"type\":\"ping\",\"x\":\"{}\"}}", "x".repeat(5_000))).await;
    assert!([1008, 1006].contains(&big.closes().await));
    let mut babble = guest.socket(&id, "").await;
    babble.say("nonsense").await;
    assert_eq!(babble.closes().await, 1008);
    let mut newer = guest.socket(&id, "").await;
    newer.say(r#"{"type":"from_the_future"}"#).await;
    newer.say(r#"{"type":"ping"}"#).await;
    assert!(newer.hear("pong").await.is_some());
    house.close().await;
}

#[actix_web::test]
async fn strangers_get_no_socket_and_everybody_a_goodbye() {
    let house = House::open().await;
    let id = house.experience().await;
    assert_eq!(house.browser().socket(&id, "as=viewer").await.closes().await, 4403);
    let guest = house.guest().await;
    assert_eq!(guest.socket(&id, "as=host").await.closes().await, 4403);
    assert_eq!(guest.socket("nope", "").await.closes().await, 4404);
    let mut socket = guest.socket(&id, "").await;
    assert!(socket.hear("state").await.is_some());
    let (_, bye) = futures_util::join!(house.close(), async {
        let bye = socket.hear("bye").await.unwrap();
        assert_eq!(socket.closes().await, 1001);
        bye
    });
    assert!(bye["retry_ms"].as_u64().unwrap() > 0);
}
