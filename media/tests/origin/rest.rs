use crate::house::{House, first_id, id};
use backstage_media::origin::{ApiFault, Rate, Rates};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const LIVE: &str = "/video/v1/live-streams";

fn says(answer: &Value, kind: &str) -> bool {
    answer["error"]["type"] == kind && answer["error"]["messages"].as_array().is_some_and(|all| !all.is_empty())
}

#[actix_web::test]
async fn without_the_token_nothing_is_told() {
    let house = House::open().await;
    let client = reqwest::Client::new();
    let credentials = house.origin.credentials();
    for (id, secret) in [(credentials.token_id.as_str(), "wrong"), ("wrong", credentials.token_secret.as_str())] {
        for path in [LIVE, "/video/v1/no/such/path", "/system/v1/whoami"] {
            let answer = client.get(house.url(path)).basic_auth(id, Some(secret)).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
            assert!(says(&answer.json().await.unwrap(), "unauthorized"));
        }
    }
    let bare = client.get(house.url(LIVE)).send().await.unwrap();
    assert_eq!(bare.status(), StatusCode::UNAUTHORIZED);
    house.close().await;
}

#[actix_web::test]
async fn a_live_stream_is_made_read_listed_changed_and_removed() {
    let house = House::open().await;
    let made = house.stream(30).await;
    let path = format!("{LIVE}/{}", id(&made));
    assert_eq!(made["status"], "idle");
    assert_eq!(made["reconnect_window"], 30);
    assert!(made["created_at"].as_str().unwrap().parse::<i64>().unwrap() > 1_700_000_000);
    assert_eq!(house.get(&path).await, made);
    let other = house.stream(0).await;
    let listed = house.get(&format!("{LIVE}?limit=1")).await;
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["id"], other["id"], "the newest first");
    assert_eq!(house.get(&format!("{LIVE}?page=2&limit=1")).await[0]["id"], made["id"]);
    assert_eq!(house.get(&format!("{LIVE}?status=active")).await, json!([]));
    let (status, patched) =
        house.call(Method::PATCH, &path, Some(json!({"reconnect_window": 5, "passthrough": "x"}))).await;
    assert_eq!((status, &patched["data"]["reconnect_window"]), (StatusCode::OK, &json!(5)));
    let key = house.post(&format!("{path}/reset-stream-key"), json!({})).await["stream_key"].clone();
    assert_ne!(key, made["stream_key"]);
    let pid = house.post(&format!("{path}/playback-ids"), json!({"policy": "signed"})).await;
    assert_eq!(pid["policy"], "signed");
    let owner = house.get(&format!("/video/v1/playback-ids/{}", id(&pid))).await;
    assert_eq!(owner["object"], json!({"type": "live_stream", "id": made["id"]}));
    let (status, _) = house.call(Method::DELETE, &format!("{path}/playback-ids/{}", id(&pid)), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, _) = house.call(Method::DELETE, &path, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    for method in [Method::GET, Method::DELETE] {
        let (status, answer) = house.call(method, &path, None).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(says(&answer, "not_found"));
    }
    house.ear.wait("live_stream.deleted", 1).await;
    assert_eq!(house.ear.types()[0], "live_stream.created");
    house.close().await;
}

#[actix_web::test]
async fn what_cannot_be_used_is_refused_with_its_reason() {
    let house = House::open().await;
    let long = "x".repeat(256);
    let target = json!({"url": "rtmp://h/app"});
    for wrong in [
        json!({"reconnect_window": 1801}),
        json!({"reconnect_window": -1}),
        json!({"reconnect_window": "soon"}),
        json!({"latency_mode": "none"}),
        json!({"passthrough": long}),
        json!({"playback_policies": ["drm"]}),
        json!({"playback_policies": ["friends"]}),
        json!({"meta": {"title": 5}}),
        json!({"meta": {"e-mail": "a@b"}}),
        json!({"max_continuous_duration": 1}),
        json!({"simulcast_targets": [{"url": "http://h/app"}]}),
        json!({"simulcast_targets": [{"url": "srt://h:1"}]}),
        json!({"simulcast_targets": [target, target, target, target, target, target, target]}),
        json!({"new_asset_settings": {"video_quality": "best"}}),
        json!(["a list"]),
    ] {
        let (status, answer) = house.call(Method::POST, LIVE, Some(wrong.clone())).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
        assert!(says(&answer, "invalid_parameters"), "{wrong}: {answer}");
    }
    let made = house.stream(5).await;
    let path = format!("{LIVE}/{}", id(&made));
    let frozen = json!({"playback_policies": ["signed"]});
    assert_eq!(house.call(Method::PATCH, &path, Some(frozen)).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(house.call(Method::PUT, &format!("{path}/complete"), None).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(house.call(Method::GET, &format!("{LIVE}?page=x"), None).await.0, StatusCode::BAD_REQUEST);
    let broken = house.request(Method::POST, LIVE).body("{").send().await.unwrap();
    assert_eq!(broken.status(), StatusCode::BAD_REQUEST);
    let large = house.request(Method::POST, LIVE).body(vec![b' '; 100_000]).send().await.unwrap();
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    for wrong in [
        json!({}),
        json!({"inputs": [{"url": "https://example.com/a.mp4"}]}),
        json!({"inputs": [{"url": "mux://assets/none"}]}),
        json!({"inputs": [{"url": "mux://assets/none", "start_time": 2, "end_time": 2.2}]}),
    ] {
        let (status, answer) = house.call(Method::POST, "/video/v1/assets", Some(wrong.clone())).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
        assert!(says(&answer, "invalid_parameters"), "{wrong}: {answer}");
    }
    house.close().await;
}

#[actix_web::test]
async fn simulcast_targets_are_kept_with_their_stream() {
    let house = House::open().await;
    let made = house.stream(5).await;
    let path = format!("{LIVE}/{}/simulcast-targets", id(&made));
    for _ in 0..6 {
        house.post(&path, json!({"url": "rtmps://live.example.com/app", "stream_key": "k", "passthrough": "p"})).await;
    }
    let (status, _) = house.call(Method::POST, &path, Some(json!({"url": "rtmp://h/app"}))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let targets = house.get(&format!("{LIVE}/{}", id(&made))).await["simulcast_targets"].clone();
    assert_eq!(targets.as_array().unwrap().len(), 6);
    assert_eq!(targets[0]["status"], "idle");
    let one = format!("{path}/{}", id(&targets[0]));
    assert_eq!(house.get(&one).await, targets[0]);
    assert_eq!(house.call(Method::DELETE, &one, None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(house.call(Method::GET, &one, None).await.0, StatusCode::NOT_FOUND);
    house.ear.wait("live_stream.simulcast_target.deleted", 1).await;
    house.close().await;
}

#[actix_web::test]
async fn who_is_too_fast_is_told_when_to_come_again() {
    let rates = Rates { post: Rate { per_s: 0.5, burst: 1 }, other: Rate { per_s: 100.0, burst: 100 } };
    let house = House::with(|settings| settings.rates = Some(rates)).await;
    house.stream(5).await;
    let refused = house.request(Method::POST, LIVE).json(&json!({})).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let after: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=2).contains(&after));
    assert_eq!(refused.headers()["x-ratelimit-remaining"], "0");
    let other = house.request(Method::GET, LIVE).send().await.unwrap();
    assert_eq!((other.status(), &other.headers()["x-ratelimit-limit"]), (StatusCode::OK, &"100".parse().unwrap()));
    house.close().await;
}

#[actix_web::test]
async fn failures_can_be_switched_on() {
    let house = House::open().await;
    let faults = house.settings.faults.clone();
    faults.api(ApiFault::TooMany(7), 1);
    let busy = house.request(Method::GET, LIVE).send().await.unwrap();
    assert_eq!((busy.status(), &busy.headers()["retry-after"]), (StatusCode::TOO_MANY_REQUESTS, &"7".parse().unwrap()));
    faults.api(ApiFault::Broken, 1);
    assert_eq!(house.call(Method::GET, LIVE, None).await.0, StatusCode::INTERNAL_SERVER_ERROR);
    faults.api(ApiFault::BrokenAfterwards, 1);
    assert_eq!(house.call(Method::POST, LIVE, Some(json!({}))).await.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(house.get(LIVE).await.as_array().unwrap().len(), 1);
    house.close().await;
}

#[actix_web::test]
async fn signing_keys_are_shown_once_and_the_first_is_there_from_the_start() {
    let house = House::open().await;
    let first = house.get("/system/v1/signing-keys").await;
    assert_eq!(first[0]["id"], house.origin.credentials().signing_key);
    let made = house.post("/system/v1/signing-keys", json!({})).await;
    assert!(made["private_key"].as_str().unwrap().len() > 1_000);
    let path = format!("/system/v1/signing-keys/{}", id(&made));
    assert!(house.get(&path).await.get("private_key").is_none());
    assert_eq!(house.call(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(house.call(Method::GET, &path, None).await.0, StatusCode::NOT_FOUND);
    assert!(house.get("/system/v1/whoami").await["environment_id"].is_string());
    house.close().await;
}

#[actix_web::test]
async fn a_webhook_that_was_refused_comes_again_before_later_ones_and_after_a_restart() {
    let house = House::open().await;
    house.ear.refuse(2);
    let made = house.stream(5).await;
    let path = format!("{LIVE}/{}", id(&made));
    house.call(Method::PATCH, &path, Some(json!({"passthrough": "y"}))).await;
    let house = house.restart().await;
    let updated = house.ear.wait("live_stream.updated", 1).await;
    assert_eq!(house.ear.types(), ["live_stream.created", "live_stream.updated"]);
    assert_eq!(updated["object"], json!({"type": "live", "id": made["id"]}));
    let created = house.ear.last("live_stream.created");
    assert!(!created["attempts"].as_array().unwrap().is_empty());
    let found = house.get(&path).await;
    assert_eq!((&found["stream_key"], first_id(&found)), (&made["stream_key"], first_id(&made)));
    house.close().await;
}
