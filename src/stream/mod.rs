//! Streams: the host's commands and the timeline.

pub mod routes;
pub mod views;
pub mod words;
