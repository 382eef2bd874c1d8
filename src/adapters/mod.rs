//! The far ends: one adapter per provider, each speaking the provider's real protocol. What differs between a laptop
//! and production is only who answers at the other end.

pub mod livekit;
pub mod mail;
pub mod mqtt;
pub mod mux;
mod private_file;
pub mod sms;
pub mod storage;
pub mod stripe;
