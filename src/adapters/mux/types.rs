//! What Mux tells, as far as we use it. Fields that we do not know are left aside, and words that we do not know are
//! `Unknown`, so that what Mux adds breaks nothing.

use crate::config::Secret;
use serde::{Deserialize, Deserializer, Serialize};

/// `{"data": …}`.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope<T> {
    pub data: T,
}

/// Who may play.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Everybody.
    Public,
    /// Whoever brings a token.
    Signed,
    /// Another one.
    #[serde(other, skip_serializing)]
    Unknown,
}

/// An address that can be played.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PlaybackId {
    /// Part of the URL.
    pub id: String,
    /// Who may play.
    pub policy: Policy,
}

/// Status of a live stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LiveStatus {
    /// Can be played.
    Active,
    /// Nobody publishes.
    Idle,
    /// Encoders are refused.
    Disabled,
    /// Another one.
    #[serde(other)]
    Unknown,
}

/// A live stream.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LiveStream {
    /// Names it.
    pub id: String,
    /// How it is.
    pub status: LiveStatus,
    /// Who has it may publish.
    #[serde(default)]
    pub stream_key: Secret,
    /// What plays it.
    #[serde(default)]
    pub playback_ids: Vec<PlaybackId>,
    /// The recording being made.
    #[serde(default)]
    pub active_asset_id: Option<String>,
    /// The last recordings, the latest last.
    #[serde(default)]
    pub recent_asset_ids: Vec<String>,
    /// Our stream id.
    #[serde(default)]
    pub passthrough: Option<String>,
    /// How long a lost encoder may be gone, s.
    #[serde(default)]
    pub reconnect_window: f64,
    /// Where it is pushed to as well.
    #[serde(default)]
    pub simulcast_targets: Vec<SimulcastTarget>,
    /// When it was made, s since the epoch.
    #[serde(default, deserialize_with = "seconds")]
    pub created_at: i64,
    /// In webhooks: whether an encoder is connected.
    #[serde(default)]
    pub connected: Option<bool>,
    /// In webhooks: whether it records.
    #[serde(default)]
    pub recording: Option<bool>,
}

/// How a simulcast target does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetStatus {
    /// Nothing is pushed.
    Idle,
    /// It connects.
    Starting,
    /// Pushed.
    Broadcasting,
    /// It failed.
    Errored,
    /// Another one.
    #[serde(other)]
    Unknown,
}

/// How bad an error of a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It may recover.
    Normal,
    /// It is not tried again for this recording.
    Fatal,
    /// Another one.
    #[serde(other)]
    Unknown,
}

/// Somewhere else that a live stream is pushed to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SimulcastTarget {
    /// Names it.
    pub id: String,
    /// Up to the application.
    pub url: String,
    /// How it goes.
    pub status: TargetStatus,
    /// With `Errored`.
    #[serde(default)]
    pub error_severity: Option<Severity>,
    /// Ours.
    #[serde(default)]
    pub passthrough: Option<String>,
    /// In webhooks.
    #[serde(default)]
    pub live_stream_id: Option<String>,
}

/// How far an asset is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetStatus {
    /// Cannot be played yet.
    Preparing,
    /// Can be played.
    Ready,
    /// Never will be.
    Errored,
    /// Another one.
    #[serde(other)]
    Unknown,
}

/// A recording.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Asset {
    /// Names it.
    pub id: String,
    /// How far it is.
    pub status: AssetStatus,
    /// What plays it.
    #[serde(default)]
    pub playback_ids: Vec<PlaybackId>,
    /// Whether more may come.
    #[serde(default)]
    pub is_live: bool,
    /// What it records.
    #[serde(default)]
    pub live_stream_id: Option<String>,
    /// What it was cut from.
    #[serde(default)]
    pub source_asset_id: Option<String>,
    /// s.
    #[serde(default)]
    pub duration: Option<f64>,
    /// Ours.
    #[serde(default)]
    pub passthrough: Option<String>,
    /// Why it is errored.
    #[serde(default)]
    pub errors: Option<AssetErrors>,
    /// When it was made, s since the epoch.
    #[serde(default, deserialize_with = "seconds")]
    pub created_at: i64,
}

/// Why an asset is errored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct AssetErrors {
    /// For machines.
    pub r#type: String,
    /// For people.
    pub messages: Vec<String>,
}

/// A signing key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SigningKey {
    /// Goes into `kid`.
    pub id: String,
    /// PEM in base64; only in the answer that made it.
    #[serde(default)]
    pub private_key: Secret,
}

/// What a playback id plays.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PlaybackOwner {
    /// The playback id.
    pub id: String,
    /// Who may play.
    pub policy: Policy,
    /// What it plays.
    pub object: ObjectRef,
}

/// A kind and an id.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ObjectRef {
    /// Such as `asset` or `live_stream`.
    pub r#type: String,
    /// Names it.
    pub id: String,
}

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Whoami {
    /// Of the environment.
    pub environment_id: String,
    /// For people.
    #[serde(default)]
    pub environment_name: String,
    /// Such as `video:write`.
    #[serde(default)]
    pub permissions: Vec<String>,
}

/// Who watches, by Mux Data.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct ViewerCounts {
    /// Plays.
    pub views: u64,
    /// People.
    pub viewers: u64,
    /// RFC 3339.
    pub updated_at: String,
}

/// What Mux thinks of what it is sent.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct IngestHealth {
    /// `excellent`, `good`, `poor` or `unknown`.
    pub status: String,
    /// ms.
    pub stream_drift_session_avg: f64,
    /// RFC 3339.
    pub updated_at: String,
}

/// A live stream to be made. There is no title: what is in `meta` may become public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLiveStream {
    /// Our stream id: goes with the live stream and its recordings.
    pub passthrough: String,
    /// Of the playback id of the live stream and of its recordings.
    pub policy: Policy,
    /// How long a lost encoder may be gone, s; always said, since Mux's default depends on the latency.
    pub reconnect_window_s: u32,
    /// Where it is pushed to as well: fixed from now on.
    pub targets: Vec<NewTarget>,
}

/// A simulcast target to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTarget {
    /// `rtmp://` or `rtmps://`, up to the application.
    pub url: String,
    /// Secret of the place.
    pub stream_key: Secret,
    /// Ours.
    pub passthrough: String,
}

/// Unix seconds, as a number or as a text: Mux does both. Anything else is 0.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    let number = value.as_i64().or_else(|| value.as_f64().map(|number| number as i64));
    Ok(number.or_else(|| value.as_str()?.parse().ok()).unwrap_or(0))
}
