//! Why HLS is not played.

use super::fragment::FragmentError;
use super::playlist::PlaylistError;
use crate::target::TargetError;

/// The word for a playlist that has ended, see [`HlsError::word`].
pub const ENDED: &str = "hls ended";

/// Why it plays no more.
#[derive(Debug, thiserror::Error)]
pub enum HlsError {
    /// The show is over: the playlist has an end.
    #[error("the playlist has ended")]
    Ended,
    /// The address is on another machine.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// No connection, or it broke.
    #[error("{what}: {cause}")]
    Transport {
        /// What was asked for.
        what: &'static str,
        /// Why.
        cause: String,
    },
    /// An HTTP error.
    #[error("{what} is refused with {status}")]
    Refused {
        /// What was asked for.
        what: &'static str,
        /// The status.
        status: u16,
    },
    /// Larger than 32 MiB.
    #[error("{0} is too large")]
    TooLarge(&'static str),
    /// Not a playlist.
    #[error("the playlist: {0}")]
    Playlist(#[from] PlaylistError),
    /// Not media.
    #[error("a part: {0}")]
    Media(#[from] FragmentError),
    /// An address in the playlist is none.
    #[error("an address in the playlist cannot be read")]
    Address,
}

impl HlsError {
    /// One word for figures.
    pub fn word(&self) -> &'static str {
        match self {
            HlsError::Ended => ENDED,
            HlsError::Target(_) | HlsError::Address => "hls address",
            HlsError::Transport { .. } => "hls no answer",
            HlsError::Refused { .. } => "hls refused",
            HlsError::TooLarge(_) | HlsError::Playlist(_) | HlsError::Media(_) => "hls unreadable",
        }
    }

    /// Trying again would only give the same.
    pub(super) fn is_final(&self) -> bool {
        match self {
            HlsError::Ended | HlsError::Target(_) | HlsError::Address | HlsError::TooLarge(_) => true,
            HlsError::Refused { status, .. } => matches!(status, 401 | 403 | 410),
            HlsError::Transport { .. } | HlsError::Playlist(_) | HlsError::Media(_) => false,
        }
    }
}
