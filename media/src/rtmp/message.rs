//! What messages say: protocol control (RTMP 1.0, 5.4), user control (7.1.7), commands and data.

use bytes::{BufMut, Bytes, BytesMut};

use super::amf0::{self, Amf0Error, Value};
use super::chunk::Message;
use crate::flv::{Tag, TagKind};

/// The size of chunks that follow.
pub const SET_CHUNK_SIZE: u8 = 1;
/// The rest of a message will not come.
pub const ABORT: u8 = 2;
/// How many bytes the peer has received.
pub const ACKNOWLEDGEMENT: u8 = 3;
/// Pings and the like.
pub const USER_CONTROL: u8 = 4;
/// After how many bytes the peer wants an acknowledgement.
pub const WINDOW_SIZE: u8 = 5;
/// How much may be on its way without an acknowledgement.
pub const PEER_BANDWIDTH: u8 = 6;
/// An FLV audio tag.
pub const AUDIO: u8 = 8;
/// An FLV video tag.
pub const VIDEO: u8 = 9;
/// Metadata behind a byte of AMF 3.
pub const DATA_AMF3: u8 = 15;
/// A command behind a byte of AMF 3.
pub const COMMAND_AMF3: u8 = 17;
/// Metadata.
pub const DATA: u8 = 18;
/// A command.
pub const COMMAND: u8 = 20;
/// Several tags in one message.
pub const AGGREGATE: u8 = 22;

/// User control: a message stream begins.
pub const STREAM_BEGIN: u16 = 0;
/// User control: answer this.
pub const PING: u16 = 6;
/// User control: the answer.
pub const PONG: u16 = 7;

/// The window that we ask peers to acknowledge by, bytes.
pub const WINDOW_BYTES: u32 = 2_500_000;
/// A peer that wants acknowledgements more often than this gets them this often, bytes.
const WINDOW_BYTES_MIN: u32 = 64 * 1024;

/// A command or its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// Such as `connect`, `_result` or `onStatus`.
    pub name: String,
    /// Pairs an answer with its command; 0 asks for none.
    pub transaction: f64,
    /// The command object first, then what else there is.
    pub arguments: Vec<Value>,
}

impl Command {
    /// Reads one from a message of kind [`COMMAND`] or [`COMMAND_AMF3`].
    ///
    /// # Errors
    /// When it is not AMF 0. A name or number that is missing is empty or 0.
    pub fn parse(message: &Message) -> Result<Command, Amf0Error> {
        let skipped = usize::from(message.kind == COMMAND_AMF3).min(message.payload.len());
        let mut values = amf0::decode(&message.payload[skipped..])?.into_iter();
        let name = values.next().as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        let transaction = values.next().as_ref().and_then(Value::as_number).unwrap_or_default();
        Ok(Command { name, transaction, arguments: values.collect() })
    }

    /// As a message of a message stream.
    pub fn message(&self, stream_id: u32) -> Message {
        let mut payload = BytesMut::new();
        amf0::encode(&[self.name.as_str().into(), self.transaction.into()], &mut payload);
        amf0::encode(&self.arguments, &mut payload);
        Message { kind: COMMAND, stream_id, timestamp_ms: 0, payload: payload.freeze() }
    }

    /// An argument that is a text.
    pub fn text(&self, index: usize) -> Option<&str> {
        self.arguments.get(index).and_then(Value::as_str)
    }
}

/// A protocol control message of one number of 32 bits.
pub fn control(kind: u8, number: u32) -> Message {
    Message { kind, stream_id: 0, timestamp_ms: 0, payload: number.to_be_bytes().to_vec().into() }
}

/// [`PEER_BANDWIDTH`] with the dynamic limit.
pub fn peer_bandwidth(bytes: u32) -> Message {
    let mut payload = bytes.to_be_bytes().to_vec();
    payload.push(2);
    Message { kind: PEER_BANDWIDTH, stream_id: 0, timestamp_ms: 0, payload: payload.into() }
}

/// A user control message of one number.
pub fn user_control(event: u16, number: u32) -> Message {
    let mut payload = event.to_be_bytes().to_vec();
    payload.extend_from_slice(&number.to_be_bytes());
    Message { kind: USER_CONTROL, stream_id: 0, timestamp_ms: 0, payload: payload.into() }
}

/// The answer to a ping; `None` for every other user control message.
pub fn pong(payload: &[u8]) -> Option<Message> {
    let (event, rest) = payload.split_first_chunk()?;
    let number = u32::from_be_bytes(*rest.first_chunk()?);
    (u16::from_be_bytes(*event) == PING).then(|| user_control(PONG, number))
}

/// The number of a protocol control message.
pub fn number(payload: &[u8]) -> Option<u32> {
    payload.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

const SET_DATA_FRAME: &str = "@setDataFrame";

/// The body of a metadata tag in a message of kind [`DATA`] or [`DATA_AMF3`]: what stands behind `@setDataFrame`.
/// `None` when there is no text to begin with.
pub fn metadata(message: &Message) -> Option<Bytes> {
    let skipped = usize::from(message.kind == DATA_AMF3).min(message.payload.len());
    let body = message.payload.slice(skipped..);
    let (name, next) = amf0::leading_string(&body)?;
    Some(if name == SET_DATA_FRAME { body.slice(next..) } else { body })
}

/// A tag as a message of a message stream.
pub fn of_tag(tag: &Tag, stream_id: u32) -> Message {
    let (kind, payload) = match tag.kind {
        TagKind::Audio => (AUDIO, tag.body.clone()),
        TagKind::Video => (VIDEO, tag.body.clone()),
        TagKind::Meta => {
            let mut payload = BytesMut::with_capacity(tag.body.len() + 16);
            amf0::encode(&[SET_DATA_FRAME.into()], &mut payload);
            payload.put_slice(&tag.body);
            (DATA, payload.freeze())
        }
    };
    Message { kind, stream_id, timestamp_ms: tag.timestamp_ms as u32, payload }
}

/// Counts what was received and says when that is to be acknowledged (5.4.3).
#[derive(Debug)]
pub struct Acknowledger {
    /// Begins again after 4 GiB, as the protocol wants.
    received: u32,
    acknowledged: u32,
    window: u32,
}

impl Default for Acknowledger {
    fn default() -> Acknowledger {
        Acknowledger { received: 0, acknowledged: 0, window: WINDOW_BYTES }
    }
}

impl Acknowledger {
    /// Bytes came in.
    pub fn count(&mut self, bytes: usize) {
        self.received = self.received.wrapping_add(bytes as u32);
    }

    /// The peer said how often it wants to hear.
    pub fn set_window(&mut self, bytes: u32) {
        self.window = bytes.max(WINDOW_BYTES_MIN);
    }

    /// The acknowledgement that is due.
    pub fn due(&mut self) -> Option<Message> {
        if self.received.wrapping_sub(self.acknowledged) < self.window {
            return None;
        }
        self.acknowledged = self.received;
        Some(control(ACKNOWLEDGEMENT, self.received))
    }
}
