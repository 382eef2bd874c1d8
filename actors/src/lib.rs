//! Actors: load, apply, commit, announce. They hold no truth that is not in the store.
//!
//! [`Stage`] is the way in. Each aggregate has one owner (an [`owner::Owner`]): a space supervises its experiences, an
//! experience its stream. Three loops work beside them: [`runner`] performs committed effects, [`timers`] fires
//! durable timers, [`reconcile`] compares the media server with what we hold, and [`watch`] looks every second at what is
//! delivered and recorded.

pub mod fakes;
pub mod keep;
pub mod nouns;
pub mod owner;
pub mod ports;
pub mod reconcile;
pub mod registry;
pub mod rules;
pub mod runner;
pub mod stage;
pub mod supervisor;
pub mod timers;
pub mod unset;
pub mod watch;

pub use rules::Rules;
pub use stage::{Limits, Media, Ports, Receipt, Refusal, Running, Stage};
