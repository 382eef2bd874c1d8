//! Live state in browsers: what an experience is doing now, who is here, and the socket that carries it.

pub mod broadcasts;
pub mod channel;
pub mod for_hosts;
pub mod hub;
pub mod presence;
pub mod socket;
