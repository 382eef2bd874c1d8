//! The bridge: frames of one publisher in, RTMP and a recording out.

pub mod ffmpeg;
pub mod interleave;
pub mod opus;
pub mod recording;
pub mod ring;
pub mod timeline;
mod unit;

pub use ring::{Cursor, Read, Ring, RingLimits};
pub use timeline::{Timeline, TimelineFigures, TimelineSettings};
pub use unit::{Cause, Picture, Unit};
