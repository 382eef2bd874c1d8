//! RTMP against strangers: ffmpeg publishes to us, we publish to nginx-rtmp, and peers that mean no good.
//!
//! Needs `ffmpeg`, `ffprobe` and `nginx` with its RTMP module; `bin/setup` installs them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

mod clip;
mod hostile;
mod house;
mod ingest;
mod nginx;
mod push;
