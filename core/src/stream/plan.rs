//! What a stream is opened with, beside its time: how it may be delivered, and whether it is recorded.

use crate::delivery::Limits;
use serde::{Deserialize, Serialize};

/// What this server offers its streams. The default offers WebRTC alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Setup {
    /// Figures of the switch to HLS; `None`: no HLS.
    pub delivery: Option<Limits>,
    /// Streams are recorded.
    pub record: bool,
}

/// What is known of a stream's audience before it opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    /// Filled in by the server that opens the stream.
    pub setup: Setup,
    /// The weighted peak of the experience's last streams; 0 without any.
    pub last_peaks: u32,
    /// Other platforms it is sent to.
    pub targets: u32,
}
