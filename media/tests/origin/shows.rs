use crate::house::{House, first_id, folder, id, probe, push_to, until};
use reqwest::{Method, StatusCode};
use serde_json::json;

const LIVE: &str = "/video/v1/live-streams";

#[actix_web::test]
async fn a_show_from_ffmpeg_is_played_completed_and_kept() {
    let house = House::open().await;
    let stream = house.stream(30).await;
    let (path, pid) = (format!("{LIVE}/{}", id(&stream)), first_id(&stream));
    assert_eq!(house.play(&format!("/{pid}.m3u8")).await.0, StatusCode::PRECONDITION_FAILED, "idle");
    let mut encoder = house.push(&stream, 60);
    let active = house.ear.wait("live_stream.active", 1).await;
    assert_eq!((&active["data"]["connected"], &active["data"]["recording"]), (&json!(true), &json!(true)));
    let asset = active["data"]["active_asset_id"].as_str().unwrap().to_owned();
    let playlist = until("four segments", async || {
        let playlist = house.playlist(&pid).await;
        (playlist.matches("#EXTINF").count() >= 4).then_some(playlist)
    })
    .await;
    assert!(playlist.contains("#EXT-X-PART"), "{playlist}");
    let target = json!({"url": "rtmp://h/app"});
    let (status, _) = house.call(Method::POST, &format!("{path}/simulcast-targets"), Some(target)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "targets are frozen while it is active");
    let running = house.get(&format!("/video/v1/assets/{asset}")).await;
    assert_eq!((&running["status"], &running["is_live"]), (&json!("ready"), &json!(true)));
    assert_eq!(running["passthrough"], "stream 1");
    house.put(&format!("{path}/complete")).await;
    assert!(house.playlist(&pid).await.contains("#EXT-X-ENDLIST"), "players see the end");
    let done = house.ear.wait("asset.live_stream_completed", 1).await;
    let seconds = done["data"]["duration"].as_f64().unwrap();
    assert!(seconds > 3.0, "{done}");
    assert!(done["data"].get("is_live").is_none());
    assert_eq!((&done["data"]["aspect_ratio"], &done["data"]["live_stream_id"]), (&json!("16:9"), &stream["id"]));
    let (found, complaints) = probe(&house.url(&format!("/{}.m3u8", first_id(&done["data"])))).await;
    assert!((found - seconds).abs() < 0.3, "{found} and {seconds}");
    assert_eq!(complaints, "");
    assert_eq!(house.get(&path).await["status"], "idle");
    encoder.kill().await.unwrap();
    let live: Vec<String> = house.ear.types().into_iter().filter(|one| one.starts_with("live")).collect();
    let expected = ["created", "connected", "recording", "active", "idle"].map(|what| format!("live_stream.{what}"));
    assert_eq!(live[..5], expected);
    assert!(folder(&house, &asset).is_dir());
    let (status, _) = house.call(Method::DELETE, &format!("/video/v1/assets/{asset}"), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert!(!folder(&house, &asset).exists());
    house.close().await;
}

#[actix_web::test]
async fn within_the_window_an_encoder_continues_its_recording_behind_one_discontinuity() {
    let house = House::open().await;
    let stream = house.stream(60).await;
    let (path, pid) = (format!("{LIVE}/{}", id(&stream)), first_id(&stream));
    let mut encoder = house.push(&stream, 60);
    house.ear.wait("live_stream.active", 1).await;
    let asset = house.get(&path).await["active_asset_id"].clone();
    encoder.kill().await.unwrap();
    house.ear.wait("live_stream.disconnected", 1).await;
    assert_eq!(house.get(&path).await["status"], "active");
    let _encoder = house.push(&stream, 60);
    house.ear.wait("live_stream.recording", 2).await;
    let playlist = until("a discontinuity", async || {
        let playlist = house.playlist(&pid).await;
        playlist.contains("#EXT-X-DISCONTINUITY\n").then_some(playlist)
    })
    .await;
    assert_eq!(playlist.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{playlist}");
    assert_eq!(house.get(&path).await["active_asset_id"], asset);
    house.put(&format!("{path}/complete")).await;
    let done = house.ear.wait("asset.live_stream_completed", 1).await;
    assert_eq!(done["data"]["recording_times"].as_array().unwrap().len(), 2);
    assert_eq!(house.ear.count("asset.created"), 1);
    house.close().await;
}

#[actix_web::test]
async fn past_the_window_an_encoder_begins_a_new_recording() {
    let house = House::open().await;
    let stream = house.stream(1).await;
    let path = format!("{LIVE}/{}", id(&stream));
    for round in 1..=2 {
        let mut encoder = house.push(&stream, 60);
        house.ear.wait("live_stream.active", round).await;
        encoder.kill().await.unwrap();
        house.ear.wait("asset.live_stream_completed", round).await;
        house.ear.wait("live_stream.idle", round).await;
    }
    let found = house.get(&path).await;
    assert_eq!(found["recent_asset_ids"].as_array().unwrap().len(), 2);
    let assets = house.get(&format!("/video/v1/assets?live_stream_id={}", id(&stream))).await;
    assert_eq!(assets.as_array().unwrap().len(), 2);
    assert_eq!(assets[0]["id"], found["recent_asset_ids"][1], "the newest first");
    house.close().await;
}

#[actix_web::test]
async fn a_restart_in_mid_stream_keeps_playback_id_and_recording() {
    let house = House::open().await;
    let stream = house.stream(120).await;
    let (path, pid) = (format!("{LIVE}/{}", id(&stream)), first_id(&stream));
    let mut encoder = house.push(&stream, 60);
    house.ear.wait("live_stream.active", 1).await;
    let asset = house.get(&path).await["active_asset_id"].clone();
    let house = house.restart().await;
    encoder.kill().await.unwrap();
    let before = house.playlist(&pid).await;
    assert!(before.contains("#EXTINF") && !before.contains("ENDLIST"), "players wait: {before}");
    let _encoder = house.push(&stream, 60);
    house.ear.wait("live_stream.recording", 2).await;
    until("the playlist to go on", async || {
        house.playlist(&pid).await.contains("#EXT-X-DISCONTINUITY\n").then_some(())
    })
    .await;
    assert_eq!(house.get(&path).await["active_asset_id"], asset);
    house.put(&format!("{path}/complete")).await;
    let done = house.ear.wait("asset.live_stream_completed", 1).await;
    assert_eq!(done["data"]["id"], asset);
    house.close().await;
}

#[actix_web::test]
async fn a_wrong_key_and_a_disabled_stream_are_refused() {
    let house = House::open().await;
    let stream = house.stream(5).await;
    let path = format!("{LIVE}/{}", id(&stream));
    let refused = house.push_key("not-the-key", 60).wait_with_output().await.unwrap();
    assert!(!refused.status.success());
    house.put(&format!("{path}/disable")).await;
    assert_eq!(house.get(&path).await["status"], "disabled");
    assert!(!house.push(&stream, 60).wait().await.unwrap().success());
    house.put(&format!("{path}/enable")).await;
    let mut encoder = house.push(&stream, 60);
    house.ear.wait("live_stream.active", 1).await;
    house.put(&format!("{path}/disable")).await;
    assert!(!encoder.wait().await.unwrap().success(), "the encoder is closed");
    house.ear.wait("live_stream.disabled", 2).await;
    house.ear.wait("asset.live_stream_completed", 1).await;
    assert_eq!(house.ear.count("live_stream.connected"), 1);
    house.close().await;
}

#[actix_web::test]
async fn a_stream_that_never_becomes_active_says_so_by_silence() {
    let house = House::open().await;
    house.settings.faults.never_active(true);
    let stream = house.stream(60).await;
    let _encoder = house.push(&stream, 60);
    house.ear.wait("live_stream.recording", 1).await;
    let asset = house.ear.last("live_stream.recording")["data"]["active_asset_id"].as_str().unwrap().to_owned();
    until("media on the disk", async || folder(&house, &asset).join("1.m4s").exists().then_some(())).await;
    assert_eq!(house.ear.count("live_stream.active"), 0);
    assert_eq!(house.play(&format!("/{}.m3u8", first_id(&stream))).await.0, StatusCode::PRECONDITION_FAILED);
    house.settings.faults.never_active(false);
    house.ear.wait("live_stream.active", 1).await;
    house.close().await;
}

#[actix_web::test]
async fn a_target_gets_what_the_stream_gets_and_a_dead_one_is_told() {
    let far = House::open().await;
    let there = far.stream(5).await;
    let house = House::open().await;
    let stream = house.stream(5).await;
    let path = format!("{LIVE}/{}", id(&stream));
    let targets = format!("{path}/simulcast-targets");
    let good = json!({"url": far.origin.ingest_url(), "stream_key": there["stream_key"]});
    let good = id(&house.post(&targets, good).await);
    let dead = id(&house.post(&targets, json!({"url": "rtmp://127.0.0.1:9/app", "stream_key": "x"})).await);
    let _encoder = push_to(&format!("{}/{}", house.origin.ingest_url(), stream["stream_key"].as_str().unwrap()), 60);
    far.ear.wait("live_stream.active", 1).await;
    house.ear.wait("live_stream.simulcast_target.broadcasting", 1).await;
    let errored = house.ear.wait("live_stream.simulcast_target.errored", 1).await;
    assert_eq!((&errored["data"]["id"], &errored["data"]["error_severity"]), (&json!(dead), &json!("normal")));
    assert_eq!(house.get(&format!("{targets}/{good}")).await["status"], "broadcasting");
    house.put(&format!("{path}/complete")).await;
    far.ear.wait("live_stream.disconnected", 1).await;
    assert_eq!(house.get(&format!("{targets}/{good}")).await["status"], "idle");
    house.close().await;
    far.close().await;
}

#[actix_web::test]
async fn a_clip_is_cut_with_and_without_decoding() {
    let house = House::open().await;
    let stream = house.stream(30).await;
    let _encoder = house.push(&stream, 60);
    house.ear.wait("live_stream.active", 1).await;
    let asset = house.get(&format!("{LIVE}/{}", id(&stream))).await["active_asset_id"].as_str().unwrap().to_owned();
    until("six segments", async || folder(&house, &asset).join("6.m4s").exists().then_some(())).await;
    let clip = |from: f64, to: f64| {
        let input = json!({"url": format!("mux://assets/{asset}"), "start_time": from, "end_time": to});
        json!({"inputs": [input], "playback_policies": ["public"], "passthrough": "a clip"})
    };
    let open_end = json!({"inputs": [{"url": format!("mux://assets/{asset}")}]});
    let (status, _) = house.call(Method::POST, "/video/v1/assets", Some(open_end)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "a live asset needs an end_time");
    for (n, (from, to)) in [(2.0, 4.0), (1.36, 3.0)].into_iter().enumerate() {
        let made = house.post("/video/v1/assets", clip(from, to)).await;
        assert_eq!((&made["status"], &made["source_asset_id"]), (&json!("preparing"), &json!(asset)));
        let path = format!("/video/v1/assets/{}", id(&made));
        let ready = until("the clip", async || {
            let found = house.get(&path).await;
            assert_ne!(found["status"], "errored", "{found}");
            (found["status"] == "ready").then_some(found)
        })
        .await;
        let seconds = ready["duration"].as_f64().unwrap();
        assert!((seconds - (to - from)).abs() < 0.12, "clip {n} is {seconds} s long");
        let (found, complaints) = probe(&house.url(&format!("/{}.m3u8", first_id(&ready)))).await;
        assert!((found - seconds).abs() < 0.3, "clip {n}: {found} and {seconds}");
        assert_eq!(complaints, "", "clip {n}");
    }
    house.close().await;
}
