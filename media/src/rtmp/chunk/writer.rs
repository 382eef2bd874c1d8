//! From messages to bytes.

use bytes::{BufMut, BytesMut};

use super::{CHUNK_BYTES_DEFAULT, CHUNK_BYTES_MAX, EXTENDED, Message};
use crate::rtmp::message::SET_CHUNK_SIZE;

/// Protocol control messages have a chunk stream of their own (5.4).
const CONTROL_STREAM: u8 = 2;

/// Writes messages as chunks. A message never begins with a header of type 3: readers differ in what time that means
/// (nginx-rtmp adds nothing after a full header, the specification adds its time), and it saves three bytes.
#[derive(Debug)]
pub struct ChunkWriter {
    chunk_bytes: usize,
    /// What was last written on each chunk stream.
    last: Vec<Last>,
}

#[derive(Debug)]
struct Last {
    chunk_stream: u8,
    timestamp_ms: u32,
    length: usize,
    kind: u8,
    stream_id: u32,
}

impl Default for ChunkWriter {
    fn default() -> ChunkWriter {
        ChunkWriter { chunk_bytes: CHUNK_BYTES_DEFAULT, last: Vec::new() }
    }
}

impl ChunkWriter {
    /// Writes a message on a chunk stream (2 to 63; others are taken as the nearest of these).
    ///
    /// Of a payload beyond 24 bits of length only the first 16,777,215 bytes are written; callers limit it before.
    pub fn write(&mut self, out: &mut BytesMut, chunk_stream: u8, message: &Message) {
        let chunk_stream = chunk_stream.clamp(CONTROL_STREAM, 63);
        let payload = &message.payload[..message.payload.len().min(EXTENDED as usize)];
        out.reserve(payload.len() + payload.len() / self.chunk_bytes * 5 + 18);
        let extended = self.header(out, chunk_stream, message, payload.len());
        for (number, piece) in payload.chunks(self.chunk_bytes).enumerate() {
            if number > 0 {
                out.put_u8(3 << 6 | chunk_stream);
                if let Some(time) = extended {
                    out.put_u32(time);
                }
            }
            out.put_slice(piece);
        }
    }

    /// Tells the peer that chunks are of this size from now on, and makes them so. 1 to [`CHUNK_BYTES_MAX`].
    pub fn set_chunk_size(&mut self, out: &mut BytesMut, bytes: usize) {
        let bytes = bytes.clamp(1, CHUNK_BYTES_MAX);
        let payload = (bytes as u32).to_be_bytes().to_vec().into();
        let message = Message { kind: SET_CHUNK_SIZE, stream_id: 0, timestamp_ms: 0, payload };
        self.write(out, CONTROL_STREAM, &message);
        self.chunk_bytes = bytes;
    }

    /// Writes the header; the extended time if it has one.
    fn header(&mut self, out: &mut BytesMut, chunk_stream: u8, message: &Message, length: usize) -> Option<u32> {
        let now = message.timestamp_ms;
        let at = self.last.iter().position(|last| last.chunk_stream == chunk_stream);
        let last = at.map(|at| &mut self.last[at]);
        // A step back, as where 32 bits begin again, needs the time itself. So does the first header.
        let (form, time): (u8, u32) = match last.as_deref() {
            Some(last) if last.stream_id == message.stream_id && now >= last.timestamp_ms => {
                let delta = now - last.timestamp_ms;
                let is_alike = last.kind == message.kind && last.length == length;
                (if is_alike { 2 } else { 1 }, delta)
            }
            _ => (0, now),
        };
        let is_extended = time >= EXTENDED;
        out.put_u8(form << 6 | chunk_stream);
        put_24(out, if is_extended { EXTENDED } else { time });
        if form < 2 {
            put_24(out, length as u32);
            out.put_u8(message.kind);
        }
        if form == 0 {
            out.put_u32_le(message.stream_id);
        }
        if is_extended {
            out.put_u32(time);
        }
        let kept = Last { chunk_stream, timestamp_ms: now, length, kind: message.kind, stream_id: message.stream_id };
        match last {
            Some(last) => *last = kept,
            None => self.last.push(kept),
        }
        is_extended.then_some(time)
    }
}

fn put_24(out: &mut BytesMut, number: u32) {
    out.put_slice(&number.to_be_bytes()[1..]);
}
