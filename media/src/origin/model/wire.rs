//! Objects as Mux writes them in answers and webhooks.

use super::{Asset, AssetStatus, LiveStream, PlaybackId, SigningKey, Target};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

/// Where an object is written to; Mux writes times in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// An answer: `created_at` is a text of Unix seconds.
    Answer,
    /// A webhook: `created_at` is a number of Unix seconds; live streams tell `connected` and `recording` too.
    Webhook,
}

/// Ms since the epoch as RFC 3339.
pub fn rfc3339(ms: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(ms).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn created_at(ms: i64, to: To) -> Value {
    let seconds = ms.div_euclid(1_000);
    match to {
        To::Answer => seconds.to_string().into(),
        To::Webhook => seconds.into(),
    }
}

fn object(fields: Value) -> Map<String, Value> {
    match fields {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn set(map: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        map.insert(name.into(), value.into());
    }
}

/// `{id, policy}`.
pub fn playback_id(id: &PlaybackId) -> Value {
    json!({ "id": id.id, "policy": id.policy })
}

fn playback_ids(ids: &[PlaybackId]) -> Value {
    ids.iter().map(playback_id).collect()
}

/// A simulcast target; `live_stream_id` stands in webhooks only.
pub fn target(target: &Target, live_stream_id: Option<&str>) -> Map<String, Value> {
    let mut map = object(json!({ "id": target.id, "url": target.url, "status": target.status }));
    set(&mut map, "stream_key", target.stream_key.as_ref().map(|key| key.0.clone()));
    set(&mut map, "passthrough", target.passthrough.clone());
    set(&mut map, "error_severity", target.severity.map(|severity| json!(severity)));
    set(&mut map, "live_stream_id", live_stream_id);
    map
}

/// A live stream, its key included: as at Mux, whoever may ask may publish.
pub fn live_stream(stream: &LiveStream, to: To) -> Map<String, Value> {
    let new_asset = &stream.new_asset;
    let mut settings =
        object(json!({ "playback_policies": new_asset.policies, "playback_policy": new_asset.policies }));
    set(&mut settings, "passthrough", new_asset.passthrough.clone());
    set(&mut settings, "meta", new_asset.meta.clone());
    set(&mut settings, "video_quality", new_asset.video_quality.clone());
    let mut map = object(json!({
        "id": stream.id,
        "created_at": created_at(stream.created_ms, to),
        "status": stream.status(),
        "stream_key": stream.stream_key.0,
        "latency_mode": stream.latency_mode,
        "low_latency": stream.latency_mode == "low",
        "reduced_latency": stream.latency_mode == "reduced",
        "reconnect_window": stream.reconnect_window_s,
        "max_continuous_duration": stream.max_continuous_s,
        "playback_ids": playback_ids(&stream.playback_ids),
        "new_asset_settings": settings,
        "audio_only": false,
    }));
    set(&mut map, "passthrough", stream.passthrough.clone());
    set(&mut map, "meta", stream.meta.clone());
    set(&mut map, "active_asset_id", stream.asset().map(|(id, _)| id));
    set(&mut map, "active_ingest_protocol", stream.connected().then_some("rtmp"));
    set(&mut map, "test", stream.test.then_some(true));
    if !stream.recent_asset_ids.is_empty() {
        set(&mut map, "recent_asset_ids", Some(stream.recent_asset_ids.clone()));
    }
    if !stream.targets.is_empty() {
        let targets: Vec<Value> = stream.targets.iter().map(|one| target(one, None).into()).collect();
        set(&mut map, "simulcast_targets", Some(targets));
    }
    if to == To::Webhook {
        set(&mut map, "connected", Some(stream.connected()));
        set(&mut map, "recording", Some(stream.recording()));
    }
    map
}

/// An asset.
pub fn asset(asset: &Asset, to: To) -> Map<String, Value> {
    let (status, state, progress) = match &asset.status {
        AssetStatus::Preparing if asset.live => ("preparing", "live", -1),
        AssetStatus::Preparing => ("preparing", "ingesting", 0),
        AssetStatus::Ready if asset.live => ("ready", "live", -1),
        AssetStatus::Ready => ("ready", "completed", 100),
        AssetStatus::Errored(_) => ("errored", "errored", -1),
    };
    let mut map = object(json!({
        "id": asset.id,
        "created_at": created_at(asset.created_ms, to),
        "status": status,
        "progress": { "state": state, "progress": progress },
        "playback_ids": playback_ids(&asset.playback_ids),
        "encoding_tier": "smart",
        "master_access": "none",
        "mp4_support": "none",
        "max_resolution_tier": "1080p",
        "video_quality": asset.video_quality.as_deref().unwrap_or("basic"),
        "ingest_type": if asset.clip.is_some() { "on_demand_clip" } else { "live_rtmp" },
    }));
    set(&mut map, "passthrough", asset.passthrough.clone());
    set(&mut map, "meta", asset.meta.clone());
    set(&mut map, "live_stream_id", asset.live_stream_id.clone());
    set(&mut map, "source_asset_id", asset.clip.as_ref().map(|clip| clip.source.clone()));
    set(&mut map, "is_live", asset.live.then_some(true));
    set(&mut map, "duration", asset.duration_ms.map(|ms| ms as f64 / 1_000.0));
    if let AssetStatus::Errored(message) = &asset.status {
        set(&mut map, "errors", Some(json!({ "type": "invalid_input", "messages": [message] })));
    }
    if !asset.recording_times.is_empty() {
        let times = asset.recording_times.iter().map(|time| {
            let mut one = object(json!({ "started_at": rfc3339(time.started_ms), "type": "content" }));
            set(&mut one, "duration", time.duration_ms.map(|ms| ms as f64 / 1_000.0));
            Value::Object(one)
        });
        set(&mut map, "recording_times", Some(times.collect::<Vec<_>>()));
    }
    if let Some((width, height)) = asset.size {
        set(&mut map, "aspect_ratio", Some(aspect_ratio(width, height)));
        let (tier, stored) = match width.min(height) {
            0..=576 => ("720p", "SD"),
            577..=720 => ("720p", "HD"),
            721..=1_080 => ("1080p", "FHD"),
            1_081..=1_440 => ("1440p", "UHD"),
            1_441.. => ("2160p", "UHD"),
        };
        set(&mut map, "resolution_tier", Some(tier));
        set(&mut map, "max_stored_resolution", Some(stored));
        let track =
            json!([{ "id": format!("{}v", asset.id), "type": "video", "max_width": width, "max_height": height }]);
        set(&mut map, "tracks", Some(track));
    }
    map
}

fn aspect_ratio(width: u16, height: u16) -> String {
    let (mut a, mut b) = (width.max(1), height.max(1));
    while b != 0 {
        (a, b) = (b, a % b);
    }
    format!("{}:{}", width / a, height / a)
}

/// A signing key; the private half is added by the answer that shows it once.
pub fn signing_key(key: &SigningKey) -> Map<String, Value> {
    object(json!({ "id": key.id, "created_at": created_at(key.created_ms, To::Answer) }))
}
