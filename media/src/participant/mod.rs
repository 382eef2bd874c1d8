//! A participant of a LiveKit room: receives one publisher ([`Subscriber`], [`Viewer`]), or publishes files
//! ([`Publisher`]).
//!
//! It speaks LiveKit's protocol 16 with two media connections (`/rtc`), of which each participant here uses one: that to
//! subscribe, where the server offers, or that to publish, where we do. Media goes over UDP only; there is neither TURN nor ICE over TCP.
//!
//! ```text
//!  signal.rs  WebSocket ┐
//!  udp.rs     datagrams ├─ link.rs "what happened next" ─┬─ subscriber/session.rs ── queue.rs ── Subscriber::next
//!  peer.rs    str0m     ┘                                └─ publisher/session.rs  ── player.rs (clips)
//! ```
//!
//! One task drives one participant. What decides is pure and has no I/O: `room` and `lane` (which track plays), `format`
//! (what can be decoded), `keyframes` (when to ask for one), `clock` (when a frame was captured), `player` (what is due).
//!
//! Limits: a bounded queue of frames and events, 8 MiB per message and frame, 10 s for a join, 5 s for a write; joins are
//! repeated after 125 ms to 5 s. The token is asked for anew before each join.

mod access;
mod backoff;
mod clock;
mod error;
mod event;
mod format;
mod heartbeat;
mod keyframes;
mod lane;
mod link;
mod peer;
mod publisher;
mod queue;
mod receive;
mod room;
mod signal;
mod stats;
mod subscriber;
mod task;
mod udp;
mod wall;

pub use access::{Access, TokenError, TokenSource};
pub use error::Lost;
pub use event::{EndReason, Event};
pub use publisher::{
    AudioClip, ClipError, OggError, OnKeyframeRequest, Programme, PublishError, Published, Publisher,
    PublisherSettings, PublisherStats, VideoClip,
};
pub use room::{Picture, Preference, Source};
pub use stats::{Stats, TrackStats};
pub use subscriber::{Steering, Subscriber, SubscriberSettings, Viewer};
pub use udp::Impairment;
pub use wall::{WallClock, system_clock};
