//! The handshake without digests (RTMP 1.0, 5.2): a version, 1,536 bytes each way, and each echoed. Every publisher
//! and every server for live video takes it; digests prove nothing about who is there.

use bytes::{Buf, BufMut, BytesMut};

/// The only version that is spoken.
pub const VERSION: u8 = 3;
/// Bytes of each of the two packets that follow the version.
pub const PACKET_BYTES: usize = 1_536;

/// The peer does not speak RTMP.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not RTMP: it begins with byte {0}")]
pub struct NotRtmp(pub u8);

/// One side of the handshake.
#[derive(Debug)]
pub struct Handshake {
    is_server: bool,
    state: State,
    nonce: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// For the peer's version and first packet.
    Waiting,
    /// For the peer's echo of our packet.
    Echo,
    Done,
}

impl Handshake {
    /// The side that waits. `nonce` makes its packet differ from others; it is no secret.
    pub fn server(nonce: u64) -> Handshake {
        Handshake { is_server: true, state: State::Waiting, nonce }
    }

    /// The side that begins; its first bytes go to `out`.
    pub fn client(nonce: u64, out: &mut BytesMut) -> Handshake {
        put_hello(out, nonce);
        Handshake { is_server: false, state: State::Waiting, nonce }
    }

    /// Takes what it needs from `input` and writes its answers; true once it is done. What is left in `input` then is
    /// the first chunk.
    ///
    /// # Errors
    /// When the peer speaks something else.
    pub fn step(&mut self, input: &mut BytesMut, out: &mut BytesMut) -> Result<bool, NotRtmp> {
        if self.state == State::Waiting {
            match input.first() {
                // Later versions must be answered with ours (5.2.2); what is above is text, such as HTTP.
                Some(version) if !(VERSION..32).contains(version) => return Err(NotRtmp(*version)),
                _ if input.len() < 1 + PACKET_BYTES => return Ok(false),
                _ => {}
            }
            if self.is_server {
                put_hello(out, self.nonce);
            }
            out.put_slice(&input[1..=PACKET_BYTES]);
            input.advance(1 + PACKET_BYTES);
            self.state = State::Echo;
        }
        if self.state == State::Echo {
            if input.len() < PACKET_BYTES {
                return Ok(false);
            }
            // Many publishers do not echo what they should, so it is not compared.
            input.advance(PACKET_BYTES);
            self.state = State::Done;
        }
        Ok(true)
    }
}

/// Version, time 0, four zero bytes (which say: no digests), and bytes that differ.
fn put_hello(out: &mut BytesMut, nonce: u64) {
    out.reserve(1 + PACKET_BYTES);
    out.put_u8(VERSION);
    out.put_u64(0);
    let mut state = nonce | 1;
    for _ in 0..(PACKET_BYTES - 8) / 8 {
        // Xorshift: never 0 when it did not begin so.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.put_u64(state);
    }
}
