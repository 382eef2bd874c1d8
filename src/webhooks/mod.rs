//! Webhooks: verified, stored once, acknowledged, then turned into events. They are hints (LiveKit drops and crosses
//! them); the sweep is the truth. So a message that is hard to understand is counted and let go.
//!
//! Outcomes counted in `backstage_webhooks_total`: at the door `accepted`, `repeated`, `ignored` (not about a host of
//! ours), `forged`, `malformed`, `expired`, `unavailable` (the store is away: LiveKit tries again); by the worker
//! `applied`, `refused` (the domain says no, or it changes nothing any more), `expired`.

mod livekit;
mod mux;
mod stripe;
mod worker;

pub use livekit::{LiveKitDoor, routes};
pub use mux::{MuxDoor, routes as mux_routes};
pub use stripe::{StripeDoor, routes as stripe_routes};
pub use worker::{Worker, WorkerPorts};
