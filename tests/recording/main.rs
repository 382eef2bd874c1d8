//! The way of a recording into the archive: real recorder, real ffmpeg, real files; stopped at each step and gone on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a test stands in the world itself")]

#[path = "../support/mod.rs"]
#[allow(dead_code)]
mod support;

mod archive;
mod crash;
mod place;
mod planned;
