//! Passes and who holds them.

pub mod store;
