//! Virtual audiences: each viewer opens the page, joins, holds the page's socket and takes its media by the protocols that
//! browsers use, LiveKit's WebRTC or low-latency HLS, and moves between them when the server says so.
//!
//! ```text
//! scenario (TOML) ─> run ─┬─> creator   signs in, goes live, publishes a clip
//!                         ├─> viewer/*  one task each: page, socket, admission, media ──┐
//!                         └─> pages     open pages, measure                             ├─> figures ─> verdict ─> report
//!                                                                                       ┘
//! ```
//!
//! Limits: 5,000 viewers, 4 hours, 15 s per request, and only this machine as the target unless its owner says otherwise.

pub mod browser;
pub mod clip;
pub mod creator;
pub mod figures;
pub mod hls;
pub mod pages;
pub mod progress;
pub mod report;
pub mod run;
pub mod scenario;
pub mod socket;
pub mod target;
pub mod verdict;
pub mod viewer;
