//! The LiveKit adapter against a real `livekit-server`: `BACKSTAGE_LIVEKIT_BIN`, or `livekit-server` in `PATH`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a test stands in the world itself")]

mod egress;
mod rooms;
mod server;
mod stand;
mod webhooks;
