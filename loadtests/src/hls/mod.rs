//! A player of low-latency HLS without a screen: it fetches what a browser would, when a browser would, and reads enough
//! of it to know what would be on the screen.

mod addresses;
mod error;
mod fragment;
mod next;
mod player;
mod playhead;
mod playlist;

pub use addresses::{token_of, with_token};
pub use error::{ENDED, HlsError};
pub use fragment::{FragmentError, Media, Tracks};
pub use player::{HlsPlayer, HlsStats};
pub use playhead::Playhead;
pub use playlist::{Part, Playlist, PlaylistError, Segment, variant};
