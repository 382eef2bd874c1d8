//! What can go wrong between us and the media server.

use livekit_protocol::{DisconnectReason, LeaveRequest, leave_request::Action};
use std::time::Duration;

/// Characters of a refusal's text that are kept.
const REASON_CHARS_MAX: usize = 200;

/// Why a participant is not, or no longer, in the room.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// The address cannot be used.
    #[error("{0} is not the address of a media server")]
    Address(String),
    /// No connection to the address, or it broke while joining.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The server answered the join with an HTTP error.
    #[error("refused with HTTP {status}: {reason}")]
    Refused {
        /// The status of its answer.
        status: u16,
        /// The text of its answer, cut to 200 characters.
        reason: String,
    },
    /// Something did not happen in time.
    #[error("{what} did not come within {} ms", within.as_millis())]
    TimedOut {
        /// What was waited for.
        what: &'static str,
        /// How long.
        within: Duration,
    },
    /// The signalling socket closed or broke.
    #[error("the signalling socket closed: {0}")]
    SocketClosed(String),
    /// What the server said cannot be understood.
    #[error("not understood: {0}")]
    Protocol(String),
    /// No packets come or go any more.
    #[error("the media connection was lost")]
    MediaLost,
    /// The media connection cannot be made or kept.
    #[error("media: {0}")]
    Media(#[from] str0m::RtcError),
    /// The UDP socket cannot be had.
    #[error("UDP: {0}")]
    Udp(#[from] std::io::Error),
    /// The server asked us to leave; joining again makes sense.
    #[error("told to leave: {0}")]
    ToldToLeave(&'static str),
    /// The server put us out for good.
    #[error("put out: {0}")]
    PutOut(&'static str),
}

impl Lost {
    /// Whether joining again would only be refused again.
    pub fn is_final(&self) -> bool {
        match self {
            Lost::Address(_) | Lost::PutOut(_) => true,
            // 408, 425 and 429 ask for patience; everything else of this class is a no.
            Lost::Refused { status, .. } => matches!(status, 400..=499) && !matches!(status, 408 | 425 | 429),
            Lost::Connect(_)
            | Lost::TimedOut { .. }
            | Lost::SocketClosed(_)
            | Lost::Protocol(_)
            | Lost::MediaLost
            | Lost::Media(_)
            | Lost::Udp(_)
            | Lost::ToldToLeave(_) => false,
        }
    }

    pub(super) fn refused(status: u16, body: &[u8]) -> Lost {
        let reason = String::from_utf8_lossy(body).trim().chars().take(REASON_CHARS_MAX).collect();
        Lost::Refused { status, reason }
    }

    /// What LiveKit's `LeaveRequest` means for us.
    pub(super) fn told(leave: &LeaveRequest) -> Lost {
        let reason = leave.reason();
        match reason {
            DisconnectReason::DuplicateIdentity
            | DisconnectReason::ParticipantRemoved
            | DisconnectReason::RoomDeleted
            | DisconnectReason::RoomClosed => Lost::PutOut(reason.as_str_name()),
            DisconnectReason::UnknownReason if leave.action() == Action::Disconnect && !leave.can_reconnect => {
                Lost::PutOut(reason.as_str_name())
            }
            _ => Lost::ToldToLeave(reason.as_str_name()),
        }
    }
}
