//! What the HLS side can do to a show, and that the show goes on.

use backstage_media::origin::ApiFault;
use serde_json::json;
use std::time::{Duration, Instant};

use crate::house::House;

/// Nobody is left on a dead source for longer.
const DEAD_MAX: Duration = Duration::from_secs(5);

#[actix_web::test]
async fn a_provider_that_never_becomes_active_leaves_the_audience_on_webrtc_and_says_why() {
    let mut house = House::open(|config| config.delivery.warm_limit_ms = 3_000).await;
    house.faults.never_active(true);
    let show = house.goes_live().await;
    let mut guests = house.audience(2).await;
    assert_eq!(house.hears(&show, "delivery_fallback").await, "never_active");
    for guest in &mut guests {
        let (status, offer) = house.offered(guest, json!({ "watching": "webrtc" })).await;
        assert_eq!((status, &offer["delivery"]), (200, &"webrtc".into()));
    }
    let mut late = house.guest().await;
    assert_eq!(house.offered(&mut late, json!({})).await.1["delivery"], "webrtc");
    assert_eq!(house.how_often(&show, "delivery_hybrid").await, 0, "nobody was moved");

    house.faults.never_active(false);
    house.hears(&show, "delivery_hls").await;
    guests[0].is_moved_to("hls").await;
    house.close().await;
}

#[actix_web::test]
async fn a_playlist_that_stands_still_sends_everybody_back_in_time_until_it_goes_on() {
    let mut house = House::open(|_| {}).await;
    let show = house.goes_live().await;
    let mut guests = house.audience(2).await;
    for guest in &mut guests {
        guest.is_moved_to("hls").await;
        guest.watches("hls").await;
    }
    house.hears(&show, "delivery_hls").await;
    let playlist = house.playlist(&mut guests[0]).await;
    assert_eq!(crate::house::look(&playlist).await.0, 200);

    let began = Instant::now();
    house.faults.stalled(true);
    for guest in &mut guests {
        guest.is_moved_to("webrtc").await;
        let took = began.elapsed();
        assert!(took <= DEAD_MAX, "told after {took:?}");
        let (_, offer) = house.offered(guest, json!({ "watching": "hls", "failed": "hls" })).await;
        assert_eq!(offer["delivery"], "webrtc");
        guest.watches("webrtc").await;
    }
    assert_eq!(house.hears(&show, "delivery_fallback").await, "playlist_stalled");

    house.faults.stalled(false);
    house.hears_nth(&show, "delivery_hls", 2).await;
    for guest in &mut guests {
        guest.is_moved_to("hls").await;
    }
    house.close().await;
}

#[actix_web::test]
async fn a_provider_that_is_busy_or_broken_is_asked_again_and_makes_one_live_stream() {
    let mut house = House::open(|_| {}).await;
    house.faults.webhooks_lost(true);
    let rows = [
        ("429", ApiFault::TooMany(1), 2),
        ("500", ApiFault::Broken, 4),
        ("500 after the work was done", ApiFault::BrokenAfterwards, 1),
        ("silence", ApiFault::Silent(1_500), 2),
    ];
    for (name, fault, count) in rows {
        // Calls that look, then the one that makes the live stream; made in the first second, since viewers are expected.
        for post in [false, true] {
            match post {
                false => house.faults.api(fault, count),
                true => house.faults.api_post(fault, count),
            }
            let show = house.goes_live().await;
            let guests = house.audience(2).await;
            house.hears(&show, "delivery_hls").await;
            assert_eq!(
                house.how_often(&show, "delivery_fallback").await,
                0,
                "{name}: {:?}",
                house.timeline(&show).await
            );
            assert_eq!(house.how_often(&show, "media_lost").await, 0, "{name}");
            let made = house.broadcasts(&show).await;
            assert_eq!((made.len(), &made[0]["status"]), (1, &"active".into()), "{name}");
            drop(guests);
            house.ends(show).await;
        }
    }
    house.close().await;
}
