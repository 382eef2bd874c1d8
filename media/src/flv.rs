//! FLV: what RTMP messages and `ffmpeg -f flv` carry (Adobe, "Video File Format Specification 10.1", annex E; enhanced
//! RTMP v2 by the Veovera Software Organization as far as it wraps the same two codecs). H.264 and AAC are understood;
//! any other codec is an error that names it.
//!
//! A [`Tag`] is time, kind and body; [`VideoTag`] and [`AudioTag`] are what a body says. [`FlvReader`] takes tags from
//! a byte stream, [`write_header`] and [`write_tag`] make one. Nothing here panics on foreign bytes.

mod reader;
mod tag;
#[cfg(test)]
mod tests;
mod timeline;

pub use reader::{FlvReadError, FlvReader, TAG_BYTES_MAX, write_header, write_tag};
pub use tag::{AudioTag, FlvError, VideoTag};
pub use timeline::Timeline;

use bytes::Bytes;

/// What a tag carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TagKind {
    /// A body for [`AudioTag::parse`].
    Audio,
    /// A body for [`VideoTag::parse`].
    Video,
    /// AMF 0: a name, such as `onMetaData`, and values.
    Meta,
}

/// One FLV tag. Cloning is cheap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// When it is decoded, milliseconds by the sender's clock. FLV has 32 bits for it; here it goes on counting.
    pub timestamp_ms: u64,
    /// What `body` is.
    pub kind: TagKind,
    /// Without FLV's tag header.
    pub body: Bytes,
}

impl Tag {
    /// A video tag.
    pub fn video(timestamp_ms: u64, video: &VideoTag) -> Tag {
        Tag { timestamp_ms, kind: TagKind::Video, body: video.write() }
    }

    /// An audio tag.
    pub fn audio(timestamp_ms: u64, audio: &AudioTag) -> Tag {
        Tag { timestamp_ms, kind: TagKind::Audio, body: audio.write() }
    }
}
