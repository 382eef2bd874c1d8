//! The HLS side of the origin, held to strangers: ffmpeg encodes and plays, m3u8-rs reads, an HTTP client asks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod images;
mod low_latency;
mod playback;
mod publisher;
mod restart;
mod server;
mod signed;
