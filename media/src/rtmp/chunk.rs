//! Messages in chunks (RTMP 1.0, 5.3). A message travels in pieces; pieces of several messages may alternate, each on
//! its own chunk stream.

mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use reader::{ChunkError, ChunkReader};
pub use writer::ChunkWriter;

use bytes::Bytes;

/// What both sides begin with (5.4.1), bytes.
pub const CHUNK_BYTES_DEFAULT: usize = 128;
/// The largest size of chunks that a peer may set, bytes.
pub const CHUNK_BYTES_MAX: usize = 1024 * 1024;
/// The largest message that is taken, bytes. A key frame of live video stays far below.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The most chunk streams of one peer. Publishers use about five.
pub const STREAMS_MAX: usize = 32;
/// The most messages of one peer that have begun and not ended.
pub const PARTIALS_MAX: usize = 8;
/// What these may hold together, bytes.
pub const PARTIAL_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A time that does not fit stands behind the header, and this in its place (5.3.1.3).
const EXTENDED: u32 = 0xff_ffff;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it is: see the constants of [`super::message`].
    pub kind: u8,
    /// The message stream: 0 for what concerns the connection.
    pub stream_id: u32,
    /// Milliseconds by the sender's clock; begins again after 49.7 days.
    pub timestamp_ms: u32,
    /// Its content.
    pub payload: Bytes,
}
