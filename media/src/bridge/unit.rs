//! What the bridge hands on: pictures and sound on one continuous timeline.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::frame::Kind;
use crate::h264::{ParameterSets, SpsError};
use crate::mp4::VideoFormat;

/// Why something had to be put in where nothing was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The publisher switched camera or microphone off.
    Muted,
    /// The track was taken back, or there has never been one.
    NoTrack,
    /// The bridge itself had lost its connection.
    Reconnecting,
    /// Nothing came, for no reason that we were told.
    Stalled,
    /// The process that wrote had ended without a word.
    Crashed,
    /// The writer could not keep up, and units were lost.
    Overrun,
    /// The format of the picture changed.
    Format,
}

/// The format of the pictures, shared by all units that have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// As they stood in the stream.
    pub sets: ParameterSets,
    /// The same for MP4 and FLV.
    pub format: VideoFormat,
}

impl Picture {
    /// The format that these sets tell.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn of(sets: ParameterSets) -> Result<Picture, SpsError> {
        let sps = sets.parse()?;
        let format = VideoFormat { width: sps.width, height: sps.height, avcc: sets.avcc() };
        Ok(Picture { sets, format })
    }
}

/// One picture or one packet of sound with its place on the output timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Picture or sound.
    pub kind: Kind,
    /// When it is shown, microseconds since the timeline began. Strictly rising per kind; sound has no holes. For sound
    /// always a multiple of 2,500, which is a whole number of samples.
    pub at_us: i64,
    /// How long it lasts, microseconds; 0 for pictures, which last until the next one.
    pub duration_us: i64,
    /// When it was captured, microseconds since the Unix epoch by the publisher's clock; for what was put in, when it
    /// would have been.
    pub captured_us: i64,
    /// Decoding can begin here; always so for sound.
    pub keyframe: bool,
    /// Set when it was not received but put in, and why.
    pub filler: Option<Cause>,
    /// Pictures: NAL units, each after its length in 4 bytes, without parameter sets. Sound: one Opus packet.
    pub data: Bytes,
    /// Of pictures; `None` for sound.
    pub picture: Option<Arc<Picture>>,
}
