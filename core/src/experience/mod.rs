//! An experience: the lasting home of streams, one open stream at a time (INV-01).
//!
//! | stream | event | then |
//! |---|---|---|
//! | none | schedule, open lobby, go live | one stream is opened under the id that came with the event |
//! | one | open lobby, go live | handed to that stream; a second go-live is refused |
//! | one | stream finished | none |

mod machine;
#[cfg(test)]
mod tests;

use crate::access::Rule;
use crate::ids::*;
use crate::slug::Slug;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Longest title in characters.
pub const TITLE_CHARS_MAX: usize = 120;
/// Longest description in characters.
pub const DESCRIPTION_CHARS_MAX: usize = 4_000;
/// How far ahead a stream may be announced: one year.
pub const SCHEDULE_AHEAD_MS_MAX: i64 = 366 * 24 * crate::time::HOUR_MS;

/// What a team member may set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Address part under `/m/{space}/`.
    pub slug: Slug,
    /// 1 to [`TITLE_CHARS_MAX`] characters.
    pub title: String,
    /// Up to [`DESCRIPTION_CHARS_MAX`] characters.
    pub description: String,
    /// Who may watch.
    pub access: Rule,
    /// How long viewers keep their place when the creator's link drops, ms.
    pub grace_ms: i64,
    /// The announced start of the next stream.
    pub starts_at: Option<Timestamp>,
}

/// The open stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Current {
    /// Its id.
    pub stream: StreamId,
    /// Go live was pressed, or media is there.
    pub going_live: bool,
}

/// An experience of kind live stream. Changes only through [`crate::Machine::apply`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Experience {
    /// Its id.
    pub id: ExperienceId,
    /// The space it is in.
    pub space: SpaceId,
    /// What the team set.
    pub settings: Settings,
    /// The open stream, if any.
    pub current: Option<Current>,
    /// The stream that finished last.
    pub last: Option<StreamId>,
    /// Most viewers at once of its last streams, newest first, up to [`crate::delivery::expected::PEAKS_MAX`].
    #[serde(default)]
    pub peaks: Vec<u32>,
}

/// What happens to an experience.
#[allow(missing_docs, reason = "the fields say what they are")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ExperienceEvent {
    /// First event of a life. `stream` is used if `settings.starts_at` asks for one.
    Create { id: ExperienceId, space: SpaceId, settings: Settings, stream: StreamId },
    /// New settings; a changed start opens, moves or takes back the scheduled stream (`stream` if one must be opened).
    Edit { settings: Settings, stream: StreamId },
    /// Let people in; `stream` is the id of the stream to open if there is none.
    OpenLobby { stream: StreamId },
    /// Expect media now; `stream` as above.
    GoLive { stream: StreamId },
    /// The stream has media.
    StreamLive { stream: StreamId },
    /// Go live was taken back, since no media came.
    StreamDisarmed { stream: StreamId },
    /// The stream is over. `peak`: most viewers at once; `None` if it was never live or nobody counted.
    StreamFinished {
        stream: StreamId,
        #[serde(default)]
        peak: Option<u32>,
    },
}

/// Why an experience refuses an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExperienceRejection {
    /// Its first event must be `Create`.
    #[error("this experience does not exist")]
    NotCreated,
    /// `Create` came twice.
    #[error("this experience exists already")]
    AlreadyCreated,
    /// A stream is on air or about to be.
    #[error("this experience is live already")]
    AlreadyLive,
    /// Title empty or over [`TITLE_CHARS_MAX`].
    #[error("a title has 1 to 120 characters")]
    BadTitle,
    /// Description over [`DESCRIPTION_CHARS_MAX`].
    #[error("a description has up to 4,000 characters")]
    BadDescription,
    /// Grace outside [`crate::stream::GRACE_MS_RANGE`].
    #[error("the reconnection grace is between 1 second and 30 minutes")]
    BadGrace,
    /// The start is in the past or more than a year ahead.
    #[error("the start must lie between now and a year ahead")]
    BadStart,
    /// The event speaks of a stream that is not the current one.
    #[error("this is not the current stream")]
    OtherStream,
}
