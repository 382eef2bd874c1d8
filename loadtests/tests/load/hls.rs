//! The HLS player against our own origin, with ffmpeg as the encoder.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use backstage_loadtests::browser::client;
use backstage_loadtests::hls::{HlsError, HlsPlayer, HlsStats};
use backstage_loadtests::target::Target;
use backstage_media::origin::{Origin, Settings};
use base64::Engine;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use url::Url;

use crate::folder::Folder;

const PATIENCE: Duration = Duration::from_secs(40);

/// An origin with one live stream, and an encoder that pushes into it.
struct Stage {
    origin: Origin,
    playback: String,
    encoder: Child,
    _folder: Folder,
}

impl Stage {
    async fn open(policy: &str) -> Stage {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = Folder::new();
        let origin = Origin::start(Settings::local(folder.path())).await.unwrap();
        let keys = origin.credentials();
        let body = json!({ "playback_policies": [policy], "latency_mode": "low", "reconnect_window": 60 });
        let made: Value = client()
            .unwrap()
            .post(format!("{}/video/v1/live-streams", origin.base_url()))
            .basic_auth(&keys.token_id, Some(&keys.token_secret))
            .json(&body)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        let (key, playback) = (text(&made["data"]["stream_key"]), text(&made["data"]["playback_ids"][0]["id"]));
        let encoder = push(&format!("{}/{key}", origin.ingest_url()));
        Stage { origin, playback, encoder, _folder: folder }
    }

    fn url(&self, token: Option<&str>) -> String {
        let query = token.map(|token| format!("?token={token}")).unwrap_or_default();
        format!("{}/{}.m3u8{query}", self.origin.base_url(), self.playback)
    }

    fn token(&self, life: i64) -> String {
        let keys = self.origin.credentials();
        let base64 = base64::engine::general_purpose::STANDARD;
        let pem = String::from_utf8(base64.decode(&keys.private_key).unwrap()).unwrap();
        let body: String = pem.lines().filter(|line| !line.starts_with("---")).collect();
        // An RSA key of 2048 bits in PKCS#8 is one in PKCS#1 behind 26 bytes.
        let key = EncodingKey::from_rsa_der(&base64.decode(body).unwrap()[26..]);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
        let claims = json!({ "sub": self.playback, "aud": "v", "exp": now + life, "kid": keys.signing_key });
        let header = Header { kid: Some(keys.signing_key.clone()), ..Header::new(Algorithm::RS256) };
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    }

    /// Waits until the playlist can be played.
    async fn plays(&self, token: Option<&str>) {
        let (client, deadline) = (client().unwrap(), Instant::now() + PATIENCE);
        while !client.get(self.url(token)).send().await.unwrap().status().is_success() {
            assert!(Instant::now() < deadline, "there is nothing to play");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn player(&self, token: Option<&str>) -> HlsPlayer {
        let target = Arc::new(Target::new(self.origin.base_url(), false).unwrap());
        HlsPlayer::start(client().unwrap(), target, &self.url(token))
    }

    async fn close(mut self) {
        let _ = self.encoder.kill().await;
        self.origin.stop().await;
    }
}

fn push(to: &str) -> Child {
    let picture = "testsrc2=size=320x180:rate=30";
    let sound = "sine=frequency=440:sample_rate=48000";
    Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-re", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p"])
        .args(["-g", "30", "-keyint_min", "30", "-sc_threshold", "0", "-b:v", "300k", "-c:a", "aac", "-f", "flv", to])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn until(player: &HlsPlayer, what: &str, is_so: impl Fn(&HlsStats) -> bool) -> HlsStats {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let stats = player.stats();
        if is_so(&stats) {
            return stats;
        }
        if let Some(why) = player.over() {
            panic!("{what}: it is over: {why}: {stats:?}");
        }
        assert!(Instant::now() < deadline, "{what}: {stats:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_plays_near_the_edge_and_never_faster_than_real_time() {
    let mut stage = Stage::open("public").await;
    stage.plays(None).await;
    let began = Instant::now();
    let player = stage.player(None);
    until(&player, "a first picture", |stats| stats.first_picture_after_ms.is_some()).await;
    let stats = until(&player, "6 s of pictures", |stats| stats.pictures >= 180).await;
    let took = began.elapsed();
    // What stood in the playlist at the start comes at once: the hold-back, and the segment around it.
    assert!(took > Duration::from_millis(3_500), "{took:?}: {stats:?}");
    assert!(stats.ready && stats.advances > 10 && stats.keyframes >= 5 && stats.jumps == 0, "{stats:?}");
    assert!(stats.latency_ms.is_some_and(|ms| ms < 8_000), "{stats:?}");
    assert!(stats.requests > 40, "parts, one by one: {stats:?}");

    // The encoder is gone: the picture stands.
    stage.encoder.kill().await.unwrap();
    let stats = until(&player, "a stall", |stats| stats.standing_ms > 500).await;
    assert!(stats.stalls >= 1 && !stats.ready, "{stats:?}");
    drop(player);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_renewed_without_a_stall_and_its_end_is_the_end() {
    let stage = Stage::open("signed").await;
    let first = stage.token(6);
    stage.plays(Some(&first)).await;
    let first = stage.token(6);
    let (renewed, left_alone) = (stage.player(Some(&first)), stage.player(Some(&first)));
    until(&renewed, "a first picture", |stats| stats.ready).await;
    until(&left_alone, "a first picture", |stats| stats.ready).await;
    renewed.renew(&Url::parse(&stage.url(Some(&stage.token(600)))).unwrap());

    let deadline = Instant::now() + PATIENCE;
    let why = loop {
        if let Some(why) = left_alone.over() {
            break why;
        }
        assert!(Instant::now() < deadline, "it plays on after the end of its token: {:?}", left_alone.stats());
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(matches!(why, HlsError::Refused { status: 403, .. }), "{why}");
    let before = renewed.stats();
    let after = until(&renewed, "2 s more", |stats| stats.pictures >= before.pictures + 60).await;
    assert_eq!((after.stalls, after.jumps), (before.stalls, 0), "{after:?}");

    let stranger = stage.player(None);
    let deadline = Instant::now() + PATIENCE;
    while stranger.over().is_none() {
        assert!(Instant::now() < deadline, "it plays without a token: {:?}", stranger.stats());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stage.close().await;
}
