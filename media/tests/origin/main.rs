//! The origin as its owners and players see it: REST, webhooks, RTMP from ffmpeg, HLS back.
//!
//! Needs `ffmpeg` and `ffprobe`; `bin/setup` installs them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

mod house;
mod rest;
mod shows;
mod tokens;
