//! The whole server with everything real at its other ends (media server, origin, bridge, ffmpeg), and an origin that
//! fails on demand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a test stands in the world itself")]

#[path = "../web/browser.rs"]
#[allow(dead_code)]
mod browser;
#[path = "../egress/stand.rs"]
#[allow(dead_code)]
mod stand;
#[path = "../support/mod.rs"]
#[allow(dead_code)]
mod support;

mod egress;
mod failures;
mod house;
mod logs;
mod refusals;
mod renewal;
mod revoked;
mod stage;
