//! What travels between the parts of this crate: encoded pictures and sound with the time at which they were captured.

use bytes::Bytes;

/// Picture or sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// H.264.
    Video,
    /// Opus, 48 kHz.
    Audio,
}

/// One access unit or one audio frame, as the publisher encoded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Picture or sound.
    pub kind: Kind,
    /// When it was captured, by the publisher's clock where its sender reports tell, else by arrival: microseconds
    /// since the Unix epoch. Pictures and sound of one publisher share the clock, so the two are in step.
    pub captured_us: i64,
    /// Decoding can begin here; always so for audio.
    pub keyframe: bool,
    /// Video: an access unit in Annex B form, parameter sets before each keyframe. Audio: one Opus packet.
    pub data: Bytes,
}
