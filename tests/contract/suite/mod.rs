//! The promises, each a test of any store.

pub mod commits;
pub mod effects;
pub mod fences;
pub mod inbox;
pub mod settling;
pub mod streams;
pub mod timers;
