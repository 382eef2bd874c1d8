//! An asset: one recording, of a live stream or cut out of another asset.
//!
//! | status | on | becomes |
//! |---|---|---|
//! | `Preparing`, live | `ready` | `Ready`, live |
//! | any, live | `finish` with a duration | `Ready`, not live |
//! | any, live | `finish` without media | `Errored` |
//! | `Preparing` clip | `cut` | `Ready` or `Errored` |

use super::PlaybackId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Gaps remembered; later ones join the last.
pub const RECORDING_TIMES_MAX: usize = 1_000;

/// A recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asset {
    /// Names it.
    pub id: String,
    /// Order of making.
    pub seq: u64,
    /// When it was made, ms since the epoch.
    pub created_ms: i64,
    /// The live stream it records.
    pub live_stream_id: Option<String>,
    /// What it was cut out of.
    pub clip: Option<Clip>,
    /// What can be played.
    pub playback_ids: Vec<PlaybackId>,
    /// Text of the owner.
    pub passthrough: Option<String>,
    /// `title`, `creator_id`, `external_id`.
    pub meta: Option<Map<String, Value>>,
    /// `basic`, `plus` or `premium`.
    pub video_quality: Option<String>,
    /// How far it is.
    pub status: AssetStatus,
    /// Whether more may come.
    pub live: bool,
    /// When the encoder sent.
    pub recording_times: Vec<RecordingTime>,
    /// Known at the end, ms.
    pub duration_ms: Option<i64>,
    /// Pixels, once known.
    pub size: Option<(u16, u16)>,
}

/// Which part of which asset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clip {
    /// The asset it comes from.
    pub source: String,
    /// Ms since its start.
    pub start_ms: i64,
    /// Ms since its start; none for its end.
    pub end_ms: Option<i64>,
}

/// How far an asset is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetStatus {
    /// Cannot be played yet.
    Preparing,
    /// Can be played.
    Ready,
    /// Never will be.
    Errored(String),
}

/// A stretch without a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingTime {
    /// Ms since the epoch.
    pub started_ms: i64,
    /// None while it goes on.
    pub duration_ms: Option<i64>,
}

impl Asset {
    /// Recording goes on from now.
    pub fn resume(&mut self, now_ms: i64) {
        if self.recording_times.len() < RECORDING_TIMES_MAX {
            self.recording_times.push(RecordingTime { started_ms: now_ms, duration_ms: None });
        }
    }

    /// Recording rests from now.
    pub fn pause(&mut self, now_ms: i64) {
        if let Some(last) = self.recording_times.last_mut()
            && last.duration_ms.is_none()
        {
            last.duration_ms = Some((now_ms - last.started_ms).max(0));
        }
    }

    /// Players get pictures. Says whether that is new.
    pub fn ready(&mut self) -> bool {
        let new = self.status == AssetStatus::Preparing;
        if new {
            self.status = AssetStatus::Ready;
        }
        new
    }

    /// No more comes; `duration_ms` of what is there. Says whether that is new.
    pub fn finish(&mut self, now_ms: i64, duration_ms: i64) -> bool {
        if !self.live {
            return false;
        }
        self.pause(now_ms);
        self.live = false;
        self.duration_ms = Some(duration_ms);
        self.status = match duration_ms {
            ..=0 => AssetStatus::Errored("nothing was received that can be played".into()),
            _ => AssetStatus::Ready,
        };
        true
    }
}
