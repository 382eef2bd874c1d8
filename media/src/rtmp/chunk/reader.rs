//! From bytes to messages.

use bytes::{Buf, Bytes, BytesMut};

use super::{
    CHUNK_BYTES_DEFAULT, CHUNK_BYTES_MAX, EXTENDED, MESSAGE_BYTES_MAX, Message, PARTIAL_BYTES_MAX, PARTIALS_MAX,
    STREAMS_MAX,
};
use crate::rtmp::message::{ABORT, SET_CHUNK_SIZE};

/// What a peer did that ends the connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// Zero or more than [`CHUNK_BYTES_MAX`].
    #[error("a size of chunks of {0} bytes is not accepted")]
    ChunkSize(u32),
    /// More than the reader takes at this time.
    #[error("a message of {0} bytes is too large")]
    MessageSize(usize),
    /// More than [`STREAMS_MAX`].
    #[error("too many chunk streams")]
    Streams,
    /// More than [`PARTIALS_MAX`], or more than [`PARTIAL_BYTES_MAX`] in them.
    #[error("too many messages at a time")]
    Partials,
    /// A short header on a chunk stream that has had no long one.
    #[error("chunk stream {0} begins without a header")]
    NoHeader(u32),
    /// A protocol control message of the wrong length.
    #[error("a broken control message")]
    Control,
}

/// Reads messages from chunks, however the bytes are cut. Memory: what is being assembled, at most
/// [`PARTIAL_BYTES_MAX`], and input that was not read yet.
#[derive(Debug)]
pub struct ChunkReader {
    input: BytesMut,
    chunk_bytes: usize,
    message_bytes_max: usize,
    streams: Vec<ChunkStream>,
    /// The chunk whose content comes next.
    open: Option<OpenChunk>,
}

#[derive(Debug)]
struct OpenChunk {
    /// Index into the streams.
    stream: usize,
    /// Bytes of this chunk that are still to come.
    left: usize,
}

/// What later headers of a chunk stream leave out, and the message it is in the middle of.
#[derive(Debug)]
struct ChunkStream {
    id: u32,
    timestamp_ms: u32,
    /// What a header of type 3 that begins a message adds: the last delta, or after a full header its time (5.3.1.2.4).
    delta_ms: u32,
    is_extended: bool,
    length: usize,
    kind: u8,
    stream_id: u32,
    partial: Option<Vec<u8>>,
}

/// A header as it stands in the stream; what it leaves out is `None`.
struct Header {
    chunk_stream: u32,
    /// 0 to 3: how much it leaves out.
    form: u8,
    /// Time or delta, of 24 or 32 bits.
    time: u32,
    is_extended: bool,
    length: usize,
    kind: u8,
    stream_id: u32,
    /// Bytes that the header takes.
    size: usize,
}

impl Default for ChunkReader {
    fn default() -> ChunkReader {
        ChunkReader {
            input: BytesMut::new(),
            chunk_bytes: CHUNK_BYTES_DEFAULT,
            message_bytes_max: MESSAGE_BYTES_MAX,
            streams: Vec::new(),
            open: None,
        }
    }
}

impl ChunkReader {
    /// Takes larger messages or smaller ones only, from the next header on; never above [`MESSAGE_BYTES_MAX`].
    pub fn limit_messages(&mut self, bytes_max: usize) {
        self.message_bytes_max = bytes_max.min(MESSAGE_BYTES_MAX);
    }

    /// Takes what came from the peer.
    pub fn push(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// Bytes that wait to be read by [`ChunkReader::read`].
    pub fn waiting(&self) -> usize {
        self.input.len()
    }

    /// The next whole message; `None` when more bytes are needed. Sizes of chunks and aborts take effect here and are
    /// not handed out.
    ///
    /// # Errors
    /// When the peer broke the protocol or a limit. The reader is of no use then.
    pub fn read(&mut self) -> Result<Option<Message>, ChunkError> {
        loop {
            if self.open.is_none() && !self.begin_chunk()? {
                return Ok(None);
            }
            let Some(message) = self.fill()? else {
                if self.input.is_empty() {
                    return Ok(None);
                }
                continue;
            };
            match message.kind {
                SET_CHUNK_SIZE => self.set_chunk_size(&message.payload)?,
                ABORT => self.abort(&message.payload)?,
                _ => return Ok(Some(message)),
            }
        }
    }

    /// What the messages that are being assembled take of memory, bytes.
    pub(super) fn held(&self) -> usize {
        self.streams.iter().filter_map(|stream| stream.partial.as_ref()).map(Vec::capacity).sum()
    }

    /// Reads a header, if it is there as a whole.
    fn begin_chunk(&mut self) -> Result<bool, ChunkError> {
        let known = |id: u32| self.streams.iter().find(|stream| stream.id == id).is_some_and(|it| it.is_extended);
        let Some(header) = Header::parse(&self.input, known) else { return Ok(false) };
        let at = self.stream_of(&header)?;
        let stream = &mut self.streams[at];
        stream.apply(&header);
        if stream.length > self.message_bytes_max {
            return Err(ChunkError::MessageSize(stream.length));
        }
        let stream = &mut self.streams[at];
        let done = stream.partial.get_or_insert_default().len();
        let left = (stream.length - done).min(self.chunk_bytes);
        self.input.advance(header.size);
        self.open = Some(OpenChunk { stream: at, left });
        if self.streams.iter().filter(|stream| stream.partial.is_some()).count() > PARTIALS_MAX {
            return Err(ChunkError::Partials);
        }
        Ok(true)
    }

    fn stream_of(&mut self, header: &Header) -> Result<usize, ChunkError> {
        if let Some(at) = self.streams.iter().position(|stream| stream.id == header.chunk_stream) {
            return Ok(at);
        }
        // Some publishers begin with the second form where they mean the first at time 0.
        if header.form > 1 {
            return Err(ChunkError::NoHeader(header.chunk_stream));
        }
        if self.streams.len() == STREAMS_MAX {
            return Err(ChunkError::Streams);
        }
        self.streams.push(ChunkStream::new(header.chunk_stream));
        Ok(self.streams.len() - 1)
    }

    /// Moves input into the open chunk; a message when that completes one.
    fn fill(&mut self) -> Result<Option<Message>, ChunkError> {
        let held = self.held();
        let Some(open) = self.open.as_mut() else { return Ok(None) };
        let stream = &mut self.streams[open.stream];
        let partial = stream.partial.get_or_insert_default();
        let take = open.left.min(self.input.len());
        let more = growth(partial, take, stream.length);
        if held + more > PARTIAL_BYTES_MAX {
            return Err(ChunkError::Partials);
        }
        partial.reserve_exact(more + partial.capacity() - partial.len());
        partial.extend_from_slice(&self.input[..take]);
        self.input.advance(take);
        open.left -= take;
        if open.left > 0 {
            return Ok(None);
        }
        self.open = None;
        if partial.len() < stream.length {
            return Ok(None);
        }
        let payload = Bytes::from(stream.partial.take().unwrap_or_default());
        let (kind, stream_id, timestamp_ms) = (stream.kind, stream.stream_id, stream.timestamp_ms);
        Ok(Some(Message { kind, stream_id, timestamp_ms, payload }))
    }

    fn set_chunk_size(&mut self, payload: &[u8]) -> Result<(), ChunkError> {
        let size = u32::from_be_bytes(*payload.first_chunk().ok_or(ChunkError::Control)?);
        // The first bit must be 0 (5.4.1); then it is too large anyway.
        if size == 0 || size as usize > CHUNK_BYTES_MAX {
            return Err(ChunkError::ChunkSize(size));
        }
        self.chunk_bytes = size as usize;
        Ok(())
    }

    fn abort(&mut self, payload: &[u8]) -> Result<(), ChunkError> {
        let id = u32::from_be_bytes(*payload.first_chunk().ok_or(ChunkError::Control)?);
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.id == id) {
            stream.partial = None;
        }
        Ok(())
    }
}

/// By how much the room for a message of `length` grows to take `more` bytes: to twice what it was, so that it is
/// seldom moved, and never beyond what the message needs.
fn growth(partial: &Vec<u8>, more: usize, length: usize) -> usize {
    let room = partial.capacity();
    if room - partial.len() >= more {
        return 0;
    }
    let wanted = (partial.len() + more).max(room * 2).max(4_096);
    wanted.min(length).saturating_sub(room)
}

impl ChunkStream {
    fn new(id: u32) -> ChunkStream {
        ChunkStream {
            id,
            timestamp_ms: 0,
            delta_ms: 0,
            is_extended: false,
            length: 0,
            kind: 0,
            stream_id: 0,
            partial: None,
        }
    }

    fn apply(&mut self, header: &Header) {
        if header.form == 3 {
            // The next piece of a message, or a message like the one before.
            if self.partial.is_none() {
                if header.is_extended {
                    self.delta_ms = header.time;
                }
                self.timestamp_ms = self.timestamp_ms.wrapping_add(self.delta_ms);
            }
            return;
        }
        // A message begins; what was not finished never will be.
        self.partial = None;
        self.is_extended = header.is_extended;
        self.delta_ms = header.time;
        self.timestamp_ms = match header.form {
            0 => header.time,
            _ => self.timestamp_ms.wrapping_add(header.time),
        };
        if header.form < 2 {
            self.length = header.length;
            self.kind = header.kind;
        }
        if header.form == 0 {
            self.stream_id = header.stream_id;
        }
    }
}

impl Header {
    /// `None` while it is not there as a whole. `was_extended` says whether the last header of a chunk stream had an
    /// extended time: then headers of type 3 have one too.
    fn parse(input: &[u8], was_extended: impl Fn(u32) -> bool) -> Option<Header> {
        let first = *input.first()?;
        let form = first >> 6;
        let (chunk_stream, mut size) = match first & 0x3f {
            0 => (64 + u32::from(*input.get(1)?), 2),
            1 => (64 + u32::from(*input.get(1)?) + 256 * u32::from(*input.get(2)?), 3),
            id => (u32::from(id), 1),
        };
        let fields = input.get(size..)?;
        let mut header =
            Header { chunk_stream, form, time: 0, is_extended: false, length: 0, kind: 0, stream_id: 0, size: 0 };
        if form < 3 {
            header.time = number_24(fields)?;
            size += 3;
        }
        if form < 2 {
            header.length = number_24(fields.get(3..)?)? as usize;
            header.kind = *fields.get(6)?;
            size += 4;
        }
        if form == 0 {
            header.stream_id = u32::from_le_bytes(*fields.get(7..)?.first_chunk()?);
            size += 4;
        }
        header.is_extended = if form < 3 { header.time == EXTENDED } else { was_extended(chunk_stream) };
        if header.is_extended {
            header.time = u32::from_be_bytes(*input.get(size..)?.first_chunk()?);
            size += 4;
        }
        header.size = size;
        Some(header)
    }
}

fn number_24(bytes: &[u8]) -> Option<u32> {
    let &[high, middle, low] = bytes.first_chunk()?;
    Some(u32::from_be_bytes([0, high, middle, low]))
}
