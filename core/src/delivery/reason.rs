//! Why a delivery is what it is. Words for people: `delivery.reasons` in the locale, by [`Reason::code`].

use serde::{Deserialize, Serialize};

/// Why the audience is served as it is.
#[allow(missing_docs, reason = "the fields say what they are")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Reason {
    /// This server has no HLS side.
    NotSetUp,
    /// The creator chose WebRTC.
    ChosenWebrtc,
    /// The creator chose HLS.
    ChosenHls,
    /// The stream has cost what it may cost.
    BudgetSpent { spent_minor: i64, max_minor: i64 },
    /// It is sent to other platforms as well, which goes the same way as HLS.
    Targets { count: u32 },
    /// More viewers are expected than WebRTC carries.
    Expected { expected: u32, limit: u32 },
    /// More viewers are there than WebRTC carries.
    Viewers { viewers: u32, limit: u32 },
    /// The limit is near.
    NearLimit { viewers: u32, warm_at: u32 },
    /// The audience is small, and has been for a while.
    FewViewers { viewers: u32, back_at: u32 },
    /// The HLS side failed.
    Failed { fault: Fault },
}

/// What went wrong at the HLS side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The playlist did not advance in time after the start.
    NeverActive,
    /// The playlist advanced and then stood still.
    PlaylistStalled,
    /// The bridge is gone.
    BridgeLost,
    /// The bridge could not be started.
    BridgeRefused,
    /// The live stream could not be created.
    BroadcastRefused,
    /// The live stream is gone at the provider.
    BroadcastLost,
}

impl Reason {
    /// The code used in the timeline, the API, the event spine and the locale.
    pub const fn code(self) -> &'static str {
        match self {
            Reason::NotSetUp => "not_set_up",
            Reason::ChosenWebrtc => "chosen_webrtc",
            Reason::ChosenHls => "chosen_hls",
            Reason::BudgetSpent { .. } => "budget_spent",
            Reason::Targets { .. } => "targets",
            Reason::Expected { .. } => "expected",
            Reason::Viewers { .. } => "viewers",
            Reason::NearLimit { .. } => "near_limit",
            Reason::FewViewers { .. } => "few_viewers",
            Reason::Failed { fault } => fault.code(),
        }
    }

    /// Every code there is, for tests of the locale.
    pub const CODES: [&'static str; 15] = [
        "not_set_up",
        "chosen_webrtc",
        "chosen_hls",
        "budget_spent",
        "targets",
        "expected",
        "viewers",
        "near_limit",
        "few_viewers",
        "never_active",
        "playlist_stalled",
        "bridge_lost",
        "bridge_refused",
        "broadcast_refused",
        "broadcast_lost",
    ];
}

impl Fault {
    /// The code used in the timeline, the API, the event spine and the locale.
    pub const fn code(self) -> &'static str {
        match self {
            Fault::NeverActive => "never_active",
            Fault::PlaylistStalled => "playlist_stalled",
            Fault::BridgeLost => "bridge_lost",
            Fault::BridgeRefused => "bridge_refused",
            Fault::BroadcastRefused => "broadcast_refused",
            Fault::BroadcastLost => "broadcast_lost",
        }
    }
}
