//! RTMP for publishing: a server that others publish to and a client that publishes (Adobe, "Real Time Messaging
//! Protocol 1.0", 2012; "AMF 0", 2006). Playing is not part of it.
//!
//! | file | what |
//! |---|---|
//! | `handshake` `chunk` `amf0` `message` | the protocol's layers: bytes in, bytes out, no I/O, no clock |
//! | `server` `client` | one side of a connection as a machine, no I/O either |
//! | `serve` | [`Listener`]: connections, deadlines, limits; hands tags to a [`Sink`] |
//! | `push` | [`Push`]: publishes tags to a URL |
//!
//! Everything that comes from the other side is limited: [`chunk::CHUNK_BYTES_MAX`], [`chunk::MESSAGE_BYTES_MAX`],
//! [`chunk::STREAMS_MAX`], [`chunk::PARTIALS_MAX`], [`server::PREAMBLE_BYTES_MAX`], [`Limits`]. What goes beyond is an
//! error that ends the connection. Stream keys are secrets: [`StreamKey`] does not show them.

pub mod amf0;
pub mod chunk;
pub mod client;
pub mod handshake;
mod key;
pub mod message;
pub mod push;
pub mod serve;
pub mod server;
#[cfg(test)]
mod tests;

pub use key::StreamKey;
pub use push::{Push, PushError, PushOptions, Target};
pub use serve::{EndCause, Limits, Listener, PublishRequest, Publishers, Refusal, Sink};
