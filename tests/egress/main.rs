//! LiveKit's Egress as the bridge, against a stand-in that speaks its wire: `livekit.Egress` over Twirp in protobuf.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a test stands in the world itself")]

mod bridges;
mod failures;
#[path = "../hybrid/logs.rs"]
mod logs;
mod place;
mod stand;
