//! What the domain asks of the world. Effects are committed with the state that asked for them and
//! performed afterwards, at least once, each under a key that never changes.

use crate::experience::ExperienceEvent;
use crate::ids::*;
use crate::space::SpaceEvent;
use crate::stream::StreamEvent;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A wish to the world.
#[allow(missing_docs, reason = "the fields say what they are")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Wake this aggregate at `due_at` with the timer's name. Setting it again moves it.
    SetTimer { name: TimerName, due_at: Timestamp },
    /// Forget the timer; forgetting one that is not set is fine.
    CancelTimer { name: TimerName },
    /// Hand an event to a stream.
    TellStream { space: SpaceId, experience: ExperienceId, stream: StreamId, event: Box<StreamEvent> },
    /// Hand an event to an experience.
    TellExperience { space: SpaceId, experience: ExperienceId, event: Box<ExperienceEvent> },
    /// Hand an event to a space.
    TellSpace { space: SpaceId, event: Box<SpaceEvent> },
    /// Have a media room for the stream; one that is there is fine.
    OpenRoom { space: SpaceId, experience: ExperienceId, stream: StreamId },
    /// Close the stream's media room and disconnect everybody in it; the answer is `RoomClosed`.
    CloseRoom { space: SpaceId, experience: ExperienceId, stream: StreamId },
    /// Have a live stream at the HLS provider, once per stream; the answer is `BroadcastCreated`. `grace_ms`: how long the
    /// provider should wait for a bridge that dropped.
    CreateLiveStream { space: SpaceId, experience: ExperienceId, stream: StreamId, grace_ms: i64 },
    /// Complete it: what was played becomes a recording of fixed length. One that is gone is fine. Only asked for once the
    /// bridge has stopped; the answer is `BroadcastCompleted`.
    CompleteLiveStream { space: SpaceId, experience: ExperienceId, stream: StreamId, broadcast: BroadcastId },
    /// Have a bridge from the room to the live stream; one that is there is fine. The answer is `BridgeStarted`.
    StartBridge { space: SpaceId, experience: ExperienceId, stream: StreamId, broadcast: BroadcastId },
    /// Stop it; none there is fine. The answer is `BridgeStopped`.
    StopBridge { space: SpaceId, experience: ExperienceId, stream: StreamId },
    /// Have a recorder in the room; one that is there is fine, and one that was there before is continued. The answer is
    /// `Started`.
    StartRecording { space: SpaceId, experience: ExperienceId, stream: StreamId },
    /// Stop it and close its file; the answer is `Stopped`.
    StopRecording { space: SpaceId, experience: ExperienceId, stream: StreamId },
    /// Bring the recording to the object storage; the answer is `Archived`, once it is really there.
    Archive { space: SpaceId, experience: ExperienceId, stream: StreamId },
    /// Say it to the event spine: topic `backstage/v1/{space}/{experience}/{event}`.
    Publish(Lifecycle),
}

/// A durable alarm of one aggregate; at most one of each name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimerName {
    /// A schedule nobody came to: the stream is cancelled.
    ScheduleExpiry,
    /// A lobby without a show: the stream is cancelled.
    LobbyExpiry,
    /// Go live was pressed, but no media came: back to the lobby.
    Arming,
    /// The creator's link is down: the stream ends.
    Grace,
    /// The longest a stream may be live.
    LiveLimit,
    /// The room's end was not confirmed: ask again.
    Closing,
    /// The next step of the delivery is due: a cohort, a retry, a deadline, the way back.
    DeliveryStep,
}

impl TimerName {
    /// Every name, for tests and stores.
    pub const ALL: [TimerName; 7] = [
        TimerName::ScheduleExpiry,
        TimerName::LobbyExpiry,
        TimerName::Arming,
        TimerName::Grace,
        TimerName::LiveLimit,
        TimerName::Closing,
        TimerName::DeliveryStep,
    ];

    /// The name used in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            TimerName::ScheduleExpiry => "schedule_expiry",
            TimerName::LobbyExpiry => "lobby_expiry",
            TimerName::Arming => "arming",
            TimerName::Grace => "grace",
            TimerName::LiveLimit => "live_limit",
            TimerName::Closing => "closing",
            TimerName::DeliveryStep => "delivery_step",
        }
    }

    /// Reads [`TimerName::as_str`] back.
    pub fn parse(text: &str) -> Option<TimerName> {
        TimerName::ALL.into_iter().find(|name| name.as_str() == text)
    }
}

/// A lifecycle event for listeners outside: the payload of the event spine, version 1.
/// Contract: docs/EVENTS.md. Fields are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// Space it happened in.
    pub space: SpaceId,
    /// Experience it happened in.
    pub experience: ExperienceId,
    /// Stream it happened to, when there is one.
    pub stream: Option<StreamId>,
    /// Last part of the topic: `scheduled lobby armed live reconnecting resumed ended archived cancelled`, and
    /// `delivery_webrtc delivery_warming delivery_hybrid delivery_returning delivery_hls delivery_fallback`.
    pub event: String,
    /// Code of the cause: `creator media_arrived media_lost grace_over limit schedule_expired lobby_expired ...`.
    pub cause: String,
    /// When, in ms UTC.
    pub at: Timestamp,
}

/// Effects that leave at different speeds do not wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Between our own aggregates.
    Domain,
    /// The media server.
    Rooms,
    /// The event spine.
    Spine,
    /// Bridges and recorders.
    Media,
    /// The HLS provider.
    Broadcasts,
}

impl Lane {
    /// Every lane.
    pub const ALL: [Lane; 5] = [Lane::Domain, Lane::Rooms, Lane::Spine, Lane::Media, Lane::Broadcasts];

    /// The name used in the store and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Lane::Domain => "domain",
            Lane::Rooms => "rooms",
            Lane::Spine => "spine",
            Lane::Media => "media",
            Lane::Broadcasts => "broadcasts",
        }
    }
}

impl Effect {
    /// The lane it waits in; `None` for timers, which are part of the commit itself.
    pub fn lane(&self) -> Option<Lane> {
        match self {
            Effect::SetTimer { .. } | Effect::CancelTimer { .. } => None,
            Effect::TellStream { .. } | Effect::TellExperience { .. } | Effect::TellSpace { .. } => Some(Lane::Domain),
            Effect::OpenRoom { .. } | Effect::CloseRoom { .. } => Some(Lane::Rooms),
            Effect::Publish(_) => Some(Lane::Spine),
            Effect::StartBridge { .. }
            | Effect::StopBridge { .. }
            | Effect::StartRecording { .. }
            | Effect::StopRecording { .. }
            | Effect::Archive { .. } => Some(Lane::Media),
            Effect::CreateLiveStream { .. } | Effect::CompleteLiveStream { .. } => Some(Lane::Broadcasts),
        }
    }
}
