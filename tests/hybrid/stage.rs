//! A creator without a browser: a short film, sent to a room again and again.

use backstage_media::participant::{Access, AudioClip, Programme, Publisher, PublisherSettings, VideoClip};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use livekit_api::access_token::{AccessToken, VideoGrants};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use crate::support::temp::TempDir;

static FILM: OnceLock<Bytes> = OnceLock::new();
const FPS: &str = "30";
const SECONDS: &str = "10";

fn film() -> Bytes {
    let made = FILM.get_or_init(|| {
        let folder = TempDir::new("film");
        let file = folder.path().join("film.h264");
        let input = format!("testsrc2=size=320x180:rate={FPS}");
        let codec = "-c:v libx264 -preset veryfast -profile:v baseline -pix_fmt yuv420p -b:v 300k -maxrate 300k -bufsize \
                     300k -g 30 -bf 0 -sc_threshold 0 -x264-params aud=1:repeat-headers=1:slices=1 -f h264";
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-y", "-f", "lavfi", "-i", &input, "-t", SECONDS]);
        ffmpeg.args(codec.split_whitespace()).arg(&file).stdin(Stdio::null());
        assert!(ffmpeg.status().expect("ffmpeg can be run: see bin/setup").success());
        std::fs::read(file).unwrap().into()
    });
    made.clone()
}

/// Publishes into the room that this ticket for a host leads to. A ticket lets subscribe too, which a publisher of ours
/// does not: it makes one of its own with the keys in the server's folder.
pub async fn publish(data: &Path, went_live: &Value) -> Publisher {
    let ticket = went_live["livekit"]["token"].as_str().unwrap();
    let claims = URL_SAFE_NO_PAD.decode(ticket.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let keys = std::fs::read(data.join("livekit/keys.json")).unwrap();
    let keys: Value = serde_json::from_slice(&keys).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let grants = VideoGrants {
        room_join: true,
        room: text(&claims["video"]["room"]),
        can_publish: Some(true),
        can_subscribe: Some(false),
        can_publish_data: Some(false),
        ..VideoGrants::default()
    };
    let token = AccessToken::with_api_key(&text(&keys["api_key"]), &text(&keys["api_secret"]))
        .with_identity(&text(&went_live["identity"]))
        .with_ttl(Duration::from_secs(600))
        .with_grants(grants)
        .to_jwt()
        .unwrap();
    let access = Access { url: text(&went_live["livekit"]["url"]), token };
    let publisher = Publisher::join(&access, PublisherSettings::default()).await.unwrap();
    let film = VideoClip::from_annex_b(film(), 30.0).unwrap();
    let sound = AudioClip::silence(Duration::from_secs(10)).unwrap();
    publisher.publish(Programme::new(Some(film), Some(sound))).await.unwrap();
    publisher
}
