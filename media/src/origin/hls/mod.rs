//! Low-latency HLS (RFC 8216 and draft-pantos-hls-rfc8216bis-15): a broadcast comes in picture by picture and goes out
//! as parts of 200 ms, segments of a second, and playlists that wait for the next part.
//!
//! ```text
//! ingest → Live::video, Live::audio → Packager (pure) → Window (pure) → playlist (pure)
//!               │ disk: journal, N.m4s, init-N.mp4          │ watch: a part more
//!               └→ Vod, after the end                       └→ playback: HTTP, tokens, images
//! ```
//!
//! One [`Live`] is one broadcast and one folder. A restart opens the folder again and goes on behind one discontinuity;
//! after the end the same folder is a [`Vod`].

mod catalogue;
mod format;
mod image;
mod journal;
mod live;
mod packager;
mod playback;
pub mod playlist;
mod store;
mod token;
mod vod;
mod window;

pub use catalogue::{Catalogue, Playable, Policy, PublicKey, Source};
pub use format::{FormatError, Tracks, audio_format, video_format};
pub use image::Images;
pub use live::{Edge, Live, LiveError, Progress, Settings, WallClock};
pub use packager::{Cut, Packager, PackagerError, Picture, Sound};
pub use playback::{Playback, routes};
pub use token::{Audience, TokenError};
pub use vod::{Vod, VodError};
pub use window::{Part, Segment, Window};
