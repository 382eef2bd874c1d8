//! The LiveKit adapter against a real `livekit-server`: `BACKSTAGE_LIVEKIT_BIN`, or `livekit-server` in `PATH`.

#![allow(clippy::disallowed_methods, reason = "a test has no Clock port and reads where its programs are")]

mod rooms;
mod server;
mod stand;
mod webhooks;
