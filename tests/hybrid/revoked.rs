//! Access that is taken back ends what is being watched, by either way.

use backstage::access;
use backstage::adapters::livekit::HOST_PREFIX;
use backstage_core::{SpaceId, UserId};
use backstage_media::participant::{Access, Picture, Preference, SubscriberSettings, Viewer};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::house::{House, look};

const TOKEN_MS: u64 = 4_000;

#[actix_web::test]
async fn a_pass_taken_back_ends_webrtc_in_five_seconds_and_hls_within_its_token() {
    let mut house = House::open(|config| config.delivery.playback_token_ms = TOKEN_MS as i64).await;
    let show = house.goes_live().await;
    let mut guests = house.audience(1).await;
    let (_, offer) = house.offered(&mut guests[0], json!({})).await;
    let text = |key: &str| offer["livekit"][key].as_str().unwrap().to_owned();
    let ticket = Access { url: text("url"), token: text("token") };
    let host = Preference { identity_prefix: HOST_PREFIX.into(), picture: Picture::default() };
    let mut viewer = Viewer::start(SubscriberSettings::new(host), Arc::new(ticket));
    let end = Instant::now() + Duration::from_secs(10);
    while viewer.stats().video.frames == 0 {
        assert!(Instant::now() < end, "no picture came: {:?}", viewer.stats());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    guests.extend(house.audience(1).await);
    house.hears(&show, "delivery_hls").await;
    let playlist = house.playlist(&mut guests[0]).await;
    assert_eq!(look(&playlist).await.0, 200);

    let identity = offer["livekit"]["token"].as_str().unwrap();
    let user = user_of(identity);
    let space = house.app.state.store.find_space("demo").await.unwrap().unwrap().state.id;
    let began = Instant::now();
    assert!(access::revoke(&house.app.state, &SpaceId::parse(space.as_str()).unwrap(), &user).await.unwrap());
    assert_eq!(guests[0].socket.closes().await, 4403);
    let ended = tokio::time::timeout(Duration::from_secs(5), viewer.ended()).await;
    println!("WebRTC ended after {} ms: {ended:?}", began.elapsed().as_millis());
    assert!(ended.is_ok(), "WebRTC went on for {:?}", began.elapsed());
    let (status, refused) = house.offered(&mut guests[0], json!({ "watching": "hls" })).await;
    assert_eq!((status, &refused["code"]), (403, &"pass_revoked".into()));
    while look(&playlist).await.0 == 200 {
        assert!(began.elapsed() <= Duration::from_millis(TOKEN_MS), "HLS goes on");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("HLS ended after {} ms", began.elapsed().as_millis());
    assert_eq!(look(&playlist).await.0, 403);
    let (status, _) = house.offered(&mut guests[1], json!({ "watching": "hls" })).await;
    assert_eq!(status, 200, "the others go on");
    house.close().await;
}

/// Whose ticket it is.
fn user_of(ticket: &str) -> UserId {
    use base64::Engine;
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(ticket.split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    claims["sub"].as_str().unwrap().split(':').nth(1).unwrap().parse().unwrap()
}
