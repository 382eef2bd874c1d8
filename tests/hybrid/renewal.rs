//! Tokens of playback run out, and whoever may still watch does not notice.

use serde_json::json;
use std::time::{Duration, Instant};

use crate::house::{House, look};

const TOKEN_MS: u64 = 4_000;

#[actix_web::test]
async fn a_token_runs_out_a_new_one_goes_on_and_the_server_renews_its_own() {
    let mut house = House::open(|config| config.delivery.playback_token_ms = TOKEN_MS as i64).await;
    let show = house.goes_live().await;
    let mut guests = house.audience(2).await;
    house.hears(&show, "delivery_hls").await;
    let first = house.playlist(&mut guests[0]).await;
    let end = Instant::now() + Duration::from_millis(3 * TOKEN_MS);
    while Instant::now() < end {
        // As a player does half way through its token's life.
        let (status, offer) = house.offered(&mut guests[0], json!({ "watching": "hls" })).await;
        assert_eq!((status, &offer["delivery"]), (200, &"hls".into()), "{offer}");
        let left_ms = offer["expires_at"].as_i64().unwrap() - house.app.state.clock.now().0;
        assert!(left_ms > TOKEN_MS as i64 / 2 && left_ms <= TOKEN_MS as i64, "{left_ms} ms left");
        let url = format!("http://{}{}", house.app.address, offer["hls"]["url"].as_str().unwrap());
        assert_eq!(look(&url).await.0, 200);
        tokio::time::sleep(Duration::from_millis(TOKEN_MS / 2)).await;
    }
    assert_eq!(look(&first).await.0, 403, "the first one is over");
    assert_eq!(house.how_often(&show, "delivery_fallback").await, 0, "the server itself kept looking");
    house.close().await;
}
