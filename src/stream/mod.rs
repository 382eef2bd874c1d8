//! Streams: the host's commands and the timeline.

pub mod health;
pub mod report;
pub mod routes;
pub mod views;
pub mod words;
