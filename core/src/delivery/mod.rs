//! How a stream reaches its audience: over WebRTC alone, or over HLS as well.
//!
//! | mode | left by | to |
//! |---|---|---|
//! | `webrtc` | the audience nears the limit, or HLS is wanted | `warming` |
//! | `warming` | the playlist advances, and HLS is wanted | `hybrid`, upwards |
//! | | no longer needed | `webrtc` |
//! | | the playlist does not advance in time, the bridge fails | `fallback` |
//! | `hybrid`, upwards | every cohort has moved | `hls` |
//! | | no longer needed | `hybrid`, downwards |
//! | `hybrid`, downwards | every cohort was told, and nobody is left on HLS or had long enough | `webrtc` |
//! | | needed again | `hybrid`, upwards |
//! | `hls` | no longer needed | `hybrid`, downwards |
//! | `hybrid`, `hls` | the playlist stands still, the bridge fails | `fallback` |
//! | `fallback` | rested | `warming` |
//! | | no longer needed | `webrtc` |
//!
//! What is needed is said by [`decide::decide`]. A mode that waits for something has `step_at`, kept as the timer
//! `DeliveryStep` (INV-10). Beside the mode stand the two things that cost money and must never be left behind (INV-11):
//! the bridge and the broadcast (a live stream at the HLS provider). The broadcast is made while nothing is sent to it,
//! and completed only once the bridge has stopped.

pub mod assign;
pub mod budget;
pub mod decide;
pub mod expected;
pub mod limits;
mod machine;
pub mod reason;
#[cfg(test)]
mod tests;

pub use assign::{Assignment, Slot, Source, ViewerRef};
pub use limits::Limits;
pub use reason::{Fault, Reason};

use crate::ids::BroadcastId;
use crate::time::Timestamp;
use budget::Used;
use serde::{Deserialize, Serialize};

/// An HLS side that held this long before it failed was well: its failure counts as the first again, ms.
pub const STABLE_MS: i64 = 60_000;
/// How long HLS goes on for the last ones who were told to leave it, beyond the jitter, ms.
pub const LAST_LEAVE_MS: i64 = 10_000;
/// How long the successor of an orphaned bridge may take to be set up before it is missed, ms.
pub const SUCCESSOR_MS: i64 = 1_500;
/// Rest between two times that WebRTC lets in people who wait at the slate, ms.
pub const LET_IN_MS: i64 = 5_000;

/// How many people, by what they see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Audience {
    /// Watching over WebRTC, the stage not counted.
    pub webrtc: u32,
    /// Watching over HLS.
    pub hls: u32,
    /// At the slate, since there is no room.
    pub slate: u32,
    /// Waiting in the lobby.
    pub waiting: u32,
    /// Said that they come.
    pub rsvps: u32,
    /// Hold a pass that opens this experience.
    pub holders: u32,
}

impl Audience {
    /// Everybody who watches or would.
    pub fn watching(&self) -> u32 {
        self.webrtc.saturating_add(self.hls).saturating_add(self.slate)
    }

    /// Whether a change is worth noting: by `step` or more, or to or from none.
    fn differs(&self, other: &Audience, step: u32) -> bool {
        let pairs = [
            (self.webrtc, other.webrtc),
            (self.hls, other.hls),
            (self.slate, other.slate),
            (self.waiting, other.waiting),
            (self.rsvps, other.rsvps),
            (self.holders, other.holders),
        ];
        pairs.into_iter().any(|(a, b)| a.abs_diff(b) >= step || (a == 0) != (b == 0))
    }
}

/// What the creator chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// As the figures say.
    #[default]
    Auto,
    /// WebRTC whatever the figures say.
    Webrtc,
    /// HLS whatever the figures say.
    Hls,
}

/// Which way the cohorts move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Heading {
    /// To HLS.
    Up,
    /// Back to WebRTC.
    Down,
}

/// How the audience is served.
#[allow(missing_docs, reason = "the fields say what they are")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum Mode {
    /// WebRTC alone.
    #[default]
    Webrtc,
    /// WebRTC; the HLS side is started and must show that it works.
    Warming { since: Timestamp },
    /// Both; slots below `moved_percent` are on HLS.
    Hybrid { heading: Heading, moved_percent: u8, next_at: Timestamp },
    /// HLS, the stage apart.
    Hls { since: Timestamp },
    /// The HLS side failed: WebRTC as far as it goes, the slate beyond.
    Fallback { since: Timestamp, retry_at: Timestamp },
}

impl Mode {
    /// The word shown and stored; `hybrid` both ways.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Mode::Webrtc => "webrtc",
            Mode::Warming { .. } => "warming",
            Mode::Hybrid { .. } => "hybrid",
            Mode::Hls { .. } => "hls",
            Mode::Fallback { .. } => "fallback",
        }
    }

    /// Which way the cohorts move, while they do.
    pub const fn heading(&self) -> Option<Heading> {
        match self {
            Mode::Hybrid { heading, .. } => Some(*heading),
            Mode::Webrtc | Mode::Warming { .. } | Mode::Hls { .. } | Mode::Fallback { .. } => None,
        }
    }

    /// Name in the timeline of a turn to this mode.
    pub const fn turned_name(&self) -> &'static str {
        match self {
            Mode::Webrtc => "delivery_webrtc",
            Mode::Warming { .. } => "delivery_warming",
            Mode::Hybrid { heading: Heading::Up, .. } => "delivery_hybrid",
            Mode::Hybrid { heading: Heading::Down, .. } => "delivery_returning",
            Mode::Hls { .. } => "delivery_hls",
            Mode::Fallback { .. } => "delivery_fallback",
        }
    }

    /// Whether some viewers may be on HLS.
    pub const fn is_mixed(&self) -> bool {
        matches!(self, Mode::Hybrid { .. } | Mode::Hls { .. })
    }
}

/// The bridge of a stream.
#[allow(missing_docs, reason = "the fields say what they are")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "bridge", rename_all = "snake_case")]
pub enum Bridge {
    /// None, as far as anybody asked.
    #[default]
    Off,
    /// Asked for.
    Asked,
    /// Set up; it tries by itself to get frames through.
    On { since: Timestamp },
    /// Asked to stop.
    Stopping,
}

/// A live stream at the HLS provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// The provider's id.
    pub id: BroadcastId,
    /// The id it is played by.
    pub playback: String,
}

/// The live stream at the provider, from our side.
#[allow(missing_docs, reason = "the fields say what they are")]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "broadcast", rename_all = "snake_case")]
pub enum Broadcast {
    /// None.
    #[default]
    None,
    /// Asked for.
    Asked,
    /// There.
    Ready { live: Live },
    /// Asked to complete.
    Completing { live: Live },
    /// Over.
    Completed { live: Live },
}

impl Broadcast {
    /// The live stream, while it can be sent to and played.
    pub const fn ready(&self) -> Option<&Live> {
        match self {
            Broadcast::Ready { live } => Some(live),
            Broadcast::None | Broadcast::Asked | Broadcast::Completing { .. } | Broadcast::Completed { .. } => None,
        }
    }
}

/// How far the stream is in its life, as far as delivery cares.
#[allow(missing_docs, reason = "the fields say what they are")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// Nobody let in.
    #[default]
    Before,
    /// People wait.
    Lobby,
    /// Live or reconnecting.
    OnAir { since: Timestamp },
    /// Ended or cancelled.
    Over,
}

impl Stage {
    /// Live or reconnecting.
    pub const fn is_on_air(&self) -> bool {
        matches!(self, Stage::OnAir { .. })
    }
}

/// Delivery of one stream. Changes only through [`Delivery::apply`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Delivery {
    /// The operator's figures; `None`: no HLS side.
    pub limits: Option<Limits>,
    /// What the creator chose.
    pub choice: Choice,
    /// Other platforms the stream is sent to.
    pub targets: u32,
    /// The weighted peak of the experience's last streams.
    pub last_peaks: u32,
    /// Who was there when it was last worth noting.
    pub audience: Audience,
    /// Most viewers at once, to within [`Limits::count_step`].
    pub peak: u32,
    /// Where the stream is.
    pub stage: Stage,
    /// How the audience is served.
    pub mode: Mode,
    /// Why.
    pub reason: Option<Reason>,
    /// The bridge.
    pub bridge: Bridge,
    /// The live stream at the provider.
    pub broadcast: Broadcast,
    /// Since when the playlist is known to advance.
    pub proven_at: Option<Timestamp>,
    /// Since when the audience is small enough to go back.
    pub under_since: Option<Timestamp>,
    /// Failures of the HLS side in a row.
    pub failures: u32,
    /// Without HLS, WebRTC has no room for so many of the [`assign::SLOTS`], the highest ones: they see the slate.
    pub shut_out: u16,
    /// When that was last set.
    pub shut_out_at: Timestamp,
    /// What HLS has cost.
    pub used: Used,
    /// When the next step is due.
    pub step_at: Option<Timestamp>,
}

/// What happens to a delivery.
#[allow(missing_docs, reason = "the fields say what they are")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "delivery", rename_all = "snake_case")]
pub enum DeliveryEvent {
    /// The operator's figures, at the opening and when the server starts with others.
    Planned { limits: Option<Limits> },
    /// People may wait.
    LobbyOpened,
    /// Media is there for the first time.
    WentLive,
    /// The stream is over.
    Finished,
    /// The audience was counted.
    ViewersCounted { audience: Audience },
    /// It is sent to so many other platforms.
    TargetsChanged { count: u32 },
    /// The creator chose.
    Overridden { choice: Choice },
    /// The provider made the live stream.
    BroadcastCreated { live: Live },
    /// The provider will not make one.
    BroadcastRefused,
    /// The provider no longer has it.
    BroadcastLost { id: BroadcastId },
    /// The live stream is complete.
    BroadcastCompleted { id: BroadcastId },
    /// The bridge is set up.
    BridgeStarted,
    /// The bridge cannot be set up.
    BridgeRefused,
    /// The bridge is gone or gave up, as looked at from `asked_at` on.
    BridgeFailed { asked_at: Timestamp },
    /// The bridge went with the process that ran it, as looked at from `asked_at` on: another one takes its place, and the
    /// audience stays where it is for as long as the playlist goes on.
    BridgeOrphaned { asked_at: Timestamp },
    /// The bridge has stopped.
    BridgeStopped,
    /// The playlist advanced after `asked_at`.
    PlaylistAdvanced { asked_at: Timestamp },
    /// The playlist stands still, as looked at from `asked_at` on.
    PlaylistStalled { asked_at: Timestamp },
    /// The step's time has come: a cohort has moved, a wait is over.
    CohortMoved,
}

/// What a delivery asks for; the stream makes [`crate::Effect`]s of it.
#[allow(missing_docs, reason = "the fields say what they are")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// See [`crate::Effect::CreateLiveStream`].
    CreateLiveStream,
    /// See [`crate::Effect::StartBridge`].
    StartBridge { broadcast: BroadcastId },
    /// See [`crate::Effect::StopBridge`].
    StopBridge,
    /// See [`crate::Effect::CompleteLiveStream`].
    CompleteLiveStream { broadcast: BroadcastId },
    /// Wake at this time.
    StepAt { due_at: Timestamp },
    /// Do not wake.
    ForgetStep,
    /// Tell the spine that the mode changed: see [`Mode::turned_name`].
    Say { mode: &'static str, cause: &'static str },
}

/// Why a delivery refuses an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryRejection {
    /// The stream is over; nobody is served any more.
    #[error("this stream is over")]
    Over,
    /// HLS was chosen on a server without it.
    #[error("this server has no HLS delivery")]
    NotSetUp,
    /// The step belongs to a moment that has passed.
    #[error("this step no longer applies")]
    StaleStep,
}
