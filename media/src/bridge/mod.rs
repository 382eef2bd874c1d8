//! The bridge: frames of one publisher in, RTMP and a recording out.

pub mod opus;
pub mod timeline;
mod unit;

pub use timeline::{Timeline, TimelineFigures, TimelineSettings};
pub use unit::{Cause, Picture, Unit};
