//! What a subscriber tells.

use super::error::Lost;
use super::room::Source;
use crate::frame::{Frame, Kind};
use crate::h264::ParameterSets;

/// In the order in which it happened. Of one kind there is at most one track at a time.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// In the room; media can flow.
    Connected,
    /// The connection was lost; another is made. All tracks have ended before.
    Reconnecting {
        /// Tries since the last success, from 1.
        attempt: u32,
        /// What happened.
        cause: String,
    },
    /// A track of the publisher was chosen. Its frames follow unless it is muted.
    TrackStarted {
        /// Picture or sound.
        kind: Kind,
        /// Where it comes from.
        source: Source,
        /// As announced, pixels.
        size: Option<(u16, u16)>,
    },
    /// Comes before the first picture, and whenever the parameter sets differ from those told last, also across tracks
    /// and connections: what was told stays true until told otherwise.
    FormatChanged {
        /// For the decoder.
        sets: ParameterSets,
        /// Pixels.
        width: u16,
        /// Pixels.
        height: u16,
    },
    /// A picture or a piece of sound. Pictures begin with a keyframe, also after each gap.
    Frame(Frame),
    /// The publisher sends nothing of this kind until [`Event::Unmuted`].
    Muted {
        /// Picture or sound.
        kind: Kind,
    },
    /// Frames follow again.
    Unmuted {
        /// Picture or sound.
        kind: Kind,
    },
    /// The track is gone, or another takes its place.
    TrackEnded {
        /// Picture or sound.
        kind: Kind,
    },
    /// The last event.
    Ended {
        /// Why.
        reason: EndReason,
    },
}

/// Why a participant ended for good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndReason {
    /// It was told to stop.
    #[error("stopped")]
    Stopped,
    /// The server does not let it in: a wrong token or room. With the HTTP status.
    #[error("refused with HTTP {status}: {reason}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the server says about it.
        reason: String,
    },
    /// The server put it out: removed, the room closed, or the same identity joined again.
    #[error("put out: {0}")]
    PutOut(&'static str),
    /// There is no token any more.
    #[error("{0}")]
    NoToken(String),
    /// The address cannot be used.
    #[error("{0}")]
    Address(String),
    /// Nobody read the events for so long that even the rare ones did not fit any more.
    #[error("events were not read")]
    NotRead,
    /// A fault of ours.
    #[error("the participant's task failed")]
    Failed,
}

impl EndReason {
    pub(super) fn of(lost: &Lost) -> EndReason {
        match lost {
            Lost::Refused { status, reason } => EndReason::Refused { status: *status, reason: reason.clone() },
            Lost::PutOut(reason) => EndReason::PutOut(reason),
            other => EndReason::Address(other.to_string()),
        }
    }
}
