//! The load tests themselves, against the real server (`BACKSTAGE_BIN`, or the one built beside this test), a real
//! `livekit-server` (`BACKSTAGE_LIVEKIT_BIN`) and ffmpeg.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a test stands in the world itself")]

mod command;
mod folder;
mod hls;
mod server;
mod show;
