//! The domain of Backstage Pass: pure state machines and rules.
//!
//! Nothing in this crate reads a clock, draws a random number, or talks to anything. Time and ids come in
//! with the event; what should happen in the world goes out as [`effect::Effect`]s. So every decision can be
//! tested by a list of events, and replayed.

pub mod access;
pub mod delivery;
pub mod effect;
pub mod experience;
pub mod health;
pub mod ids;
pub mod invariants;
pub mod ledger;
pub mod machine;
pub mod money;
pub mod order;
pub mod pass;
pub mod phone;
pub mod recording;
pub mod slug;
pub mod space;
pub mod stream;
pub mod time;

pub use effect::{Effect, TimerName};
pub use ids::*;
pub use machine::{Kind, Machine};
pub use time::Timestamp;
