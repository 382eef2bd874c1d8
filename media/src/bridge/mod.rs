//! The bridge: frames of one publisher in, RTMP and a recording out, pictures as they came.
//!
//! ```text
//! Source ─ frames ─▶ Timeline ─ units ─▶ ring ─┬─▶ recording/   fragmented MP4 on the disk, no codec
//!                       │ flat pictures,       ├─▶ destination/ H.264 ───────────▶ RTMP(S)
//!                       │ silence in gaps      │                Opus ─ ffmpeg ─ AAC ┘
//!                       └─▶ health             └─▶ more destinations
//! ```
//!
//! Everybody reads the one ring at their own pace and begins at its latest keyframe. Who is slow skips, who dies is
//! started again, and nobody is waited for. With the recording alone no other process runs. See docs/adr/0008.

pub mod audio;
pub mod destination;
pub mod ffmpeg;
pub mod health;
pub mod interleave;
pub mod opus;
pub mod recording;
pub mod ring;
mod run;
mod source;
mod tide;
pub mod timeline;
mod unit;
mod writer;

pub use destination::{DestinationSettings, DestinationState, DestinationStatus, SizeChange};
pub use health::{Health, HealthFigures};
pub use ring::{Cursor, Read, Ring, RingLimits};
pub use run::{AddError, Bridge, BridgeSettings, BridgeState, BridgeStatus, DESTINATIONS_MAX};
pub use source::{Input, Source};
pub use timeline::{Timeline, TimelineFigures, TimelineSettings};
pub use unit::{Cause, Picture, Unit};
pub use writer::RecordingStatus;
