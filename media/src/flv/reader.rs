//! FLV as a byte stream: a header, then tags, each followed by its size.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{Tag, TagKind, Timeline};

/// The largest body of a tag that is read, bytes.
pub const TAG_BYTES_MAX: usize = 4 * 1024 * 1024;

const SIGNATURE: &[u8; 3] = b"FLV";
const HEADER_BYTES: usize = 9;
/// A header longer than this is none.
const HEADER_BYTES_MAX: usize = 1_024;
const TAG_HEADER_BYTES: usize = 11;
/// The size of the tag before, which stands behind each tag and behind the header.
const SIZE_BYTES: usize = 4;
const READ_BYTES: usize = 32 * 1024;

/// Why no tag could be read.
#[derive(Debug, thiserror::Error)]
pub enum FlvReadError {
    /// The source failed.
    #[error("FLV could not be read: {0}")]
    Io(#[from] std::io::Error),
    /// It does not begin as FLV does.
    #[error("this is not FLV")]
    NotFlv,
    /// A body larger than [`TAG_BYTES_MAX`].
    #[error("an FLV tag of {0} bytes is too large")]
    TooLarge(usize),
    /// The source ended within a tag.
    #[error("FLV ended within a tag")]
    Truncated,
}

/// Reads tags from a source such as the output of `ffmpeg -f flv pipe:1`.
#[derive(Debug)]
pub struct FlvReader<R> {
    source: R,
    buffer: BytesMut,
    has_header: bool,
    timeline: Timeline,
}

impl<R: AsyncRead + Unpin> FlvReader<R> {
    /// Reads nothing yet.
    pub fn new(source: R) -> FlvReader<R> {
        FlvReader { source, buffer: BytesMut::new(), has_header: false, timeline: Timeline::default() }
    }

    /// The next tag; `None` where the source ends between two of them. Tags of unknown kinds are skipped. Nothing is
    /// lost when the future is dropped before it is done.
    ///
    /// # Errors
    /// When the source fails, ends within a tag or is not FLV. Reading cannot go on then.
    pub async fn next(&mut self) -> Result<Option<Tag>, FlvReadError> {
        loop {
            if let Some(tag) = self.take()? {
                return Ok(Some(tag));
            }
            self.buffer.reserve(READ_BYTES);
            if self.source.read_buf(&mut self.buffer).await? == 0 {
                // What may be left is the size of the last tag, which some writers leave out or cut.
                let is_whole = self.has_header && self.buffer.len() <= SIZE_BYTES;
                return if is_whole { Ok(None) } else { Err(FlvReadError::Truncated) };
            }
        }
    }

    /// A tag that is there as a whole.
    fn take(&mut self) -> Result<Option<Tag>, FlvReadError> {
        if !self.has_header && !self.take_header()? {
            return Ok(None);
        }
        loop {
            // The size of what came before stands first.
            let Some(head) = self.buffer.get(SIZE_BYTES..SIZE_BYTES + TAG_HEADER_BYTES) else { return Ok(None) };
            let length = u32::from_be_bytes([0, head[1], head[2], head[3]]) as usize;
            if length > TAG_BYTES_MAX {
                return Err(FlvReadError::TooLarge(length));
            }
            let stamp = u32::from_be_bytes([head[7], head[4], head[5], head[6]]);
            let kind = kind_of(head[0]);
            if self.buffer.len() < SIZE_BYTES + TAG_HEADER_BYTES + length {
                return Ok(None);
            }
            self.buffer.advance(SIZE_BYTES + TAG_HEADER_BYTES);
            let body: Bytes = self.buffer.split_to(length).freeze();
            let Some(kind) = kind else { continue };
            let timestamp_ms = match kind {
                TagKind::Meta => self.timeline.peek(stamp),
                TagKind::Audio | TagKind::Video => self.timeline.unwrap(stamp),
            };
            return Ok(Some(Tag { timestamp_ms, kind, body }));
        }
    }

    fn take_header(&mut self) -> Result<bool, FlvReadError> {
        let known = self.buffer.len().min(SIGNATURE.len());
        if self.buffer[..known] != SIGNATURE[..known] {
            return Err(FlvReadError::NotFlv);
        }
        let Some(head) = self.buffer.first_chunk::<HEADER_BYTES>() else { return Ok(false) };
        let length = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) as usize;
        if !(HEADER_BYTES..=HEADER_BYTES_MAX).contains(&length) {
            return Err(FlvReadError::NotFlv);
        }
        if self.buffer.len() < length {
            return Ok(false);
        }
        self.buffer.advance(length);
        self.has_header = true;
        Ok(true)
    }
}

fn kind_of(first: u8) -> Option<TagKind> {
    // The upper bits say whether it is encrypted, which nothing here can read.
    match first {
        8 => Some(TagKind::Audio),
        9 => Some(TagKind::Video),
        18 => Some(TagKind::Meta),
        _ => None,
    }
}

/// What an FLV stream begins with.
pub fn write_header(out: &mut BytesMut, has_video: bool, has_audio: bool) {
    out.put_slice(SIGNATURE);
    out.put_slice(&[1, u8::from(has_video) | u8::from(has_audio) << 2]);
    out.put_u32(HEADER_BYTES as u32);
    out.put_u32(0);
}

/// One tag of an FLV stream. A body of more than 24 bits of length is left out, which no tag of ours has.
pub fn write_tag(out: &mut BytesMut, tag: &Tag) {
    let Ok(length) = u32::try_from(tag.body.len()) else { return };
    if length >= 1 << 24 {
        return;
    }
    let kind = match tag.kind {
        TagKind::Audio => 8,
        TagKind::Video => 9,
        TagKind::Meta => 18,
    };
    let stamp = (tag.timestamp_ms as u32).to_be_bytes();
    out.reserve(SIZE_BYTES + TAG_HEADER_BYTES + tag.body.len());
    out.put_u32(kind << 24 | length);
    out.put_slice(&[stamp[1], stamp[2], stamp[3], stamp[0], 0, 0, 0]);
    out.put_slice(&tag.body);
    out.put_u32(TAG_HEADER_BYTES as u32 + length);
}
