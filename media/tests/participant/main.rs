//! The participant against a real `livekit-server`: `BACKSTAGE_LIVEKIT_BIN`, or `livekit-server` in `PATH`. Clips are
//! made by `ffmpeg`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a test stands in the world itself")]

mod changes;
mod clips;
mod loss;
mod receive;
mod refusal;
mod server;
mod viewers;
mod watch;
