//! A stream: one broadcast of an experience, from its opening to its archive.
//!
//! | phase | left by | to |
//! |---|---|---|
//! | `scheduled` | lobby opened, go live | `lobby` |
//! | | media arrives | `live` |
//! | | cancelled, nobody came for [`SCHEDULE_EXPIRY_MS`] | `cancelled` |
//! | `lobby` | media arrives | `live` |
//! | | ended by the creator, no show for [`LOBBY_EXPIRY_MS`] | `cancelled` |
//! | `live` | last track lost | `reconnecting` |
//! | | ended by the creator, [`LIVE_LIMIT_MS`] over | `ended` |
//! | `reconnecting` | media back | `live` |
//! | | ended by the creator, grace over | `ended` |
//! | `ended` | room closed, bridge stopped, recording settled | `archived` |
//! | `archived`, `cancelled` | nothing | |
//!
//! Beside the phase stand the delivery ([`crate::delivery`]), the recording ([`crate::recording`]) and the health report.
//!
//! A phase never goes back, `reconnecting` to `live` apart (INV-08). Every phase that is not the last has a timer (INV-10).

mod machine;
mod media;
mod plan;
#[cfg(test)]
mod tests;

pub use plan::{Plan, Setup};

use crate::delivery::{Delivery, DeliveryEvent};
use crate::health::{HealthNews, Report};

use crate::ids::*;
use crate::recording::{Recorder, RecorderEvent};
use crate::time::{HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How long after its time a schedule waits for the creator: two hours.
pub const SCHEDULE_EXPIRY_MS: i64 = 2 * HOUR_MS;
/// How long a lobby may be open without a show: six hours after it opened or was due, whichever is later.
pub const LOBBY_EXPIRY_MS: i64 = 6 * HOUR_MS;
/// How long Go live waits for media before it is taken back: one minute.
pub const ARMING_MS: i64 = MINUTE_MS;
/// The longest stream: one day.
pub const LIVE_LIMIT_MS: i64 = 24 * HOUR_MS;
/// How long the room's end may stay unconfirmed before it is asked for again.
pub const CLOSING_MS: i64 = MINUTE_MS;
/// Grace when an experience sets none: one minute.
pub const GRACE_MS_DEFAULT: i64 = MINUTE_MS;
/// Shortest and longest grace an experience may set.
pub const GRACE_MS_RANGE: std::ops::RangeInclusive<i64> = SECOND_MS..=30 * MINUTE_MS;
/// Tracks remembered as gone, so that crossed messages do not bring them back.
pub const GONE_TRACKS_MAX: usize = 16;
/// Tracks of one publisher that are followed; more are ignored.
pub const TRACKS_MAX: usize = 16;

/// Where a stream is in its life.
#[allow(missing_docs, reason = "the fields say what they are")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// Announced; nobody let in yet.
    Scheduled { starts_at: Timestamp },
    /// People may wait. `armed_until` is set once the creator pressed Go live and media is expected.
    Lobby { opened_at: Timestamp, starts_at: Option<Timestamp>, armed_until: Option<Timestamp> },
    /// Media flows.
    Live { since: Timestamp },
    /// Media is gone; viewers keep their place until `until`.
    Reconnecting { live_since: Timestamp, since: Timestamp, until: Timestamp },
    /// Over; the room is being closed, the recording archived.
    Ended { live_since: Timestamp, at: Timestamp, cause: EndCause },
    /// Over and cleaned up.
    Archived { live_since: Timestamp, ended_at: Timestamp, cause: EndCause, recording: Recording },
    /// Never went live.
    Cancelled { at: Timestamp, cause: CancelCause },
}

/// Why a live stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndCause {
    /// The creator ended it.
    Creator,
    /// The creator's link did not come back within the grace.
    GraceOver,
    /// It reached [`LIVE_LIMIT_MS`].
    Limit,
}

/// Why a stream never went live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelCause {
    /// The creator called it off.
    Creator,
    /// Nobody came within [`SCHEDULE_EXPIRY_MS`].
    ScheduleExpired,
    /// The lobby stayed without a show for [`LOBBY_EXPIRY_MS`].
    LobbyExpired,
}

impl EndCause {
    /// The code used in the timeline, the API and the event spine.
    pub const fn as_str(self) -> &'static str {
        match self {
            EndCause::Creator => "creator",
            EndCause::GraceOver => "grace_over",
            EndCause::Limit => "limit",
        }
    }
}

impl CancelCause {
    /// The code used in the timeline, the API and the event spine.
    pub const fn as_str(self) -> &'static str {
        match self {
            CancelCause::Creator => "creator",
            CancelCause::ScheduleExpired => "schedule_expired",
            CancelCause::LobbyExpired => "lobby_expired",
        }
    }
}

/// What became of the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recording {
    /// None was asked for: this server does not record.
    NotRecorded,
    /// It is in the object storage.
    Kept,
    /// The recorder received nothing.
    Empty,
    /// The recorder could not be started.
    Refused,
    /// It could not be brought to the object storage: the file is kept with its dead letter.
    Failed,
}

/// How a stream begins.
#[allow(missing_docs, reason = "the fields say what they are")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Announced for a time.
    Scheduled { starts_at: Timestamp },
    /// Straight into the lobby.
    Lobby,
    /// Straight to waiting for media.
    GoLive,
}

/// What happens to a stream: commands of the creator (imperative) and facts (past tense).
#[allow(missing_docs, reason = "the fields say what they are")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum StreamEvent {
    /// First event of a life.
    Open {
        space: SpaceId,
        experience: ExperienceId,
        stream: StreamId,
        start: Start,
        grace_ms: i64,
        #[serde(default)]
        plan: Box<Plan>,
    },
    /// Move the announced time.
    Reschedule { starts_at: Timestamp },
    /// Take the announcement back; only while `scheduled`.
    Unschedule,
    /// Let people in.
    OpenLobby,
    /// Expect media now.
    GoLive,
    /// End it, or call it off when it was not live yet.
    End,
    /// The media server says that the creator's track is there.
    MediaArrived { track: TrackId },
    /// The media server says that the track is gone.
    MediaLost { track: TrackId },
    /// The sweep saw the creator's tracks, or that there is no room. `asked_at` is when the sweep began to look.
    MediaObserved { tracks: BTreeSet<TrackId>, room: bool, asked_at: Timestamp },
    /// A timer of this stream fell due.
    TimerFired { name: crate::effect::TimerName },
    /// The media room is gone.
    RoomClosed,
    /// What this server offers, when it starts: streams that have not begun follow it.
    Planned { setup: Setup },
    /// News for the delivery.
    Delivery { news: DeliveryEvent },
    /// News for the recording.
    Recording { news: RecorderEvent },
    /// News of the stream's health.
    Health { news: HealthNews },
}

/// Why a stream refuses an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StreamRejection {
    /// Its first event must be `Open`.
    #[error("this stream was never opened")]
    NotOpened,
    /// `Open` came twice.
    #[error("this stream was opened already")]
    AlreadyOpened,
    /// Go live or lobby on a stream that is on air or about to be.
    #[error("this stream is live already")]
    AlreadyLive,
    /// The lobby is open already.
    #[error("the lobby is open already")]
    AlreadyOpen,
    /// Ended, archived or cancelled.
    #[error("this stream is over")]
    Over,
    /// Only a scheduled stream has a time to move.
    #[error("only a stream that has not begun can be moved")]
    Begun,
    /// The timer belongs to a moment that has passed.
    #[error("this timer no longer applies")]
    StaleTimer,
    /// HLS was chosen on a server without it.
    #[error("this server has no HLS delivery")]
    NoHls,
    /// Only the stream itself says this.
    #[error("this is for the stream itself to say")]
    NotForYou,
}

/// One broadcast. Changes only through [`crate::Machine::apply`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Its id.
    pub id: StreamId,
    /// The space it is in.
    pub space: SpaceId,
    /// The experience it belongs to.
    pub experience: ExperienceId,
    /// Where it is in its life.
    pub phase: Phase,
    /// How long `reconnecting` may last, ms.
    pub grace_ms: i64,
    /// The creator's tracks that are there, and when each was first known.
    #[serde(default)]
    pub tracks: BTreeMap<TrackId, Timestamp>,
    /// Tracks that were lost, newest last.
    #[serde(default)]
    pub gone: VecDeque<TrackId>,
    /// How the audience is served.
    #[serde(default)]
    pub delivery: Delivery,
    /// The recording.
    #[serde(default)]
    pub recorder: Recorder,
    /// How well it went.
    #[serde(default)]
    pub health: Report,
    /// After the end: the room is confirmed closed.
    #[serde(default)]
    pub room_closed: bool,
}

impl Stream {
    /// Reads a stored state.
    pub fn from_json(state: &str) -> Result<Stream, serde_json::Error> {
        serde_json::from_str(state)
    }
}

impl Phase {
    /// The phase as a word, as stored and shown.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Phase::Scheduled { .. } => "scheduled",
            Phase::Lobby { .. } => "lobby",
            Phase::Live { .. } => "live",
            Phase::Reconnecting { .. } => "reconnecting",
            Phase::Ended { .. } => "ended",
            Phase::Archived { .. } => "archived",
            Phase::Cancelled { .. } => "cancelled",
        }
    }

    /// How far along its life a phase is; `live` and `reconnecting` share a step.
    pub const fn rank(&self) -> u8 {
        match self {
            Phase::Scheduled { .. } => 0,
            Phase::Lobby { .. } => 1,
            Phase::Live { .. } | Phase::Reconnecting { .. } => 2,
            Phase::Ended { .. } => 3,
            Phase::Archived { .. } | Phase::Cancelled { .. } => 4,
        }
    }

    /// Whether media may be flowing or is expected: a viewer may ask to join.
    pub const fn admits(&self) -> bool {
        matches!(self, Phase::Lobby { armed_until: Some(_), .. } | Phase::Live { .. } | Phase::Reconnecting { .. })
    }

    /// Over for good, or only to be cleaned up.
    pub const fn is_over(&self) -> bool {
        self.rank() >= 3
    }

    /// Whether the stream should have a media room.
    pub const fn wants_room(&self) -> bool {
        matches!(self, Phase::Lobby { .. } | Phase::Live { .. } | Phase::Reconnecting { .. })
    }
}

/// Phases, as stored words, in which an experience has an open stream: at most one at a time (INV-01).
pub const OPEN_PHASES: [&str; 4] = ["scheduled", "lobby", "live", "reconnecting"];
