//! What the origin keeps, and the rules it changes by. Pure: the time and new ids are given, nothing is performed here.
//!
//! The shapes follow Mux's Video API (<https://www.mux.com/docs/api-reference>); [`wire`] writes them as Mux does.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub mod asset;
pub mod books;
pub mod live;
pub mod wire;

pub use asset::{Asset, AssetStatus, Clip, RecordingTime};
pub use books::{Books, Deed, Key, Record};
pub use live::{Effect, Event, LiveStream, Phase, Rejection, Severity, Target, TargetStatus};

/// Most playback ids of one live stream or asset.
pub const PLAYBACK_IDS_MAX: usize = 10;
/// Most simulcast targets of one live stream, as at Mux.
pub const TARGETS_MAX: usize = 6;
/// Most live streams, assets and signing keys, each.
pub const OBJECTS_MAX: usize = 10_000;
/// Longest reconnect window, s, as at Mux.
pub const RECONNECT_WINDOW_S_MAX: u32 = 1_800;
/// Longest `passthrough`, characters, as at Mux.
pub const PASSTHROUGH_CHARS_MAX: usize = 255;

/// Who may play.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Everybody.
    Public,
    /// Whoever brings a token signed by one of the signing keys.
    Signed,
}

/// An address that can be played.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaybackId {
    /// Part of the URL.
    pub id: String,
    /// Who may play.
    pub policy: Policy,
}

/// What a playback id plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Playable {
    /// Whatever the live stream shows.
    LiveStream(String),
    /// One recording.
    Asset(String),
}

/// A key that tokens are signed with; the private half is shown once and not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKey {
    /// Named by `kid` of a token.
    pub id: String,
    /// Order of making.
    pub seq: u64,
    /// When it was made, ms since the epoch.
    pub created_ms: i64,
    /// DER (PKCS#1) of the public half, in base64.
    pub public_der: String,
}

/// What new assets of a live stream get.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AssetSettings {
    /// One playback id each.
    pub policies: Vec<Policy>,
    /// Given on to the asset.
    pub passthrough: Option<String>,
    /// Given on to the asset: `title`, `creator_id`, `external_id`.
    pub meta: Option<Map<String, Value>>,
    /// `basic`, `plus` or `premium`: kept and told; the origin never encodes.
    pub video_quality: Option<String>,
}

/// A webhook that is still to be delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Of the event; the same at each attempt.
    pub id: String,
    /// Order of making; deliveries of one object leave in this order.
    pub seq: u64,
    /// Id of the live stream or asset it tells about.
    pub object: String,
    /// The whole envelope but its `attempts`.
    pub body: Map<String, Value>,
    /// When the event happened, ms since the epoch.
    pub created_ms: i64,
    /// Not before, ms since the epoch.
    pub due_ms: i64,
    /// What came of the attempts so far; the status is 0 without an answer.
    pub attempts: Vec<Attempt>,
}

/// One try to deliver a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When, ms since the epoch.
    pub at_ms: i64,
    /// HTTP status; 0 without an answer.
    pub status: u16,
}

/// The time and new ids, for pure code.
pub struct Now<'a> {
    /// Ms since the Unix epoch.
    pub ms: i64,
    /// Draws a new id of letters and digits that nobody can guess.
    pub draw: &'a mut dyn FnMut() -> String,
}

impl Now<'_> {
    /// A new id.
    pub fn id(&mut self) -> String {
        (self.draw)()
    }

    /// One playback id for each policy.
    pub fn playback_ids(&mut self, policies: &[Policy]) -> Vec<PlaybackId> {
        policies.iter().map(|policy| PlaybackId { id: self.id(), policy: *policy }).collect()
    }
}

#[cfg(test)]
mod tests;
