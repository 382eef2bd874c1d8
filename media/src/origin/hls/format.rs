//! What a broadcast is made of, as its encoder says it: the sequence headers of FLV.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::h264::{Sps, SpsError};
use crate::mp4::{AudioFormat, VideoFormat};

/// Sample rates by their index (ISO/IEC 14496-3, table 1.18), Hz.
const RATES_HZ: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
/// A larger sequence header is none, bytes.
const HEADER_BYTES_MAX: usize = 4_096;

/// Why a sequence header was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// No decoder configuration record with a sequence parameter set.
    #[error("not an AVCDecoderConfigurationRecord")]
    Avcc,
    /// NAL units with lengths of other than 4 bytes.
    #[error("NAL units must stand behind lengths of 4 bytes")]
    LengthSize,
    /// Its sequence parameter set is broken.
    #[error("{0}")]
    Sps(#[from] SpsError),
    /// No AAC `AudioSpecificConfig`, or one that is not understood.
    #[error("not an AudioSpecificConfig of AAC with a usual sample rate")]
    Asc,
    /// HLS here carries AAC only.
    #[error("sound must be AAC")]
    NotAac,
}

/// The format of pictures by FLV's AVC sequence header: an `AVCDecoderConfigurationRecord` (ISO/IEC 14496-15, 5.3.3.1).
///
/// # Errors
/// See [`FormatError`].
pub fn video_format(avcc: Bytes) -> Result<VideoFormat, FormatError> {
    if avcc.len() > HEADER_BYTES_MAX || avcc.first() != Some(&1) {
        return Err(FormatError::Avcc);
    }
    let (Some(sizes), Some(sets)) = (avcc.get(4), avcc.get(5)) else { return Err(FormatError::Avcc) };
    if sizes & 3 != 3 {
        return Err(FormatError::LengthSize);
    }
    let Some([high, low]) = avcc.get(6..8).filter(|_| sets & 31 > 0) else { return Err(FormatError::Avcc) };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let sps = Sps::parse(avcc.get(8..8 + length).ok_or(FormatError::Avcc)?)?;
    Ok(VideoFormat { width: sps.width, height: sps.height, avcc })
}

/// The format of sound by FLV's AAC sequence header: an `AudioSpecificConfig` (ISO/IEC 14496-3, 1.6.2.1).
///
/// # Errors
/// See [`FormatError`].
pub fn audio_format(asc: Bytes) -> Result<AudioFormat, FormatError> {
    let [first, second, ..] = asc.as_ref() else { return Err(FormatError::Asc) };
    let object_type = first >> 3;
    let rate = usize::from((first & 7) << 1 | second >> 7);
    let channels = match second >> 3 & 15 {
        // Told in the stream itself: nearly always stereo.
        0 => 2,
        7 => 8,
        other @ 1..=6 => other,
        _ => return Err(FormatError::Asc),
    };
    if asc.len() > HEADER_BYTES_MAX || !matches!(object_type, 1..=5 | 29) {
        return Err(FormatError::Asc);
    }
    let sample_rate = RATES_HZ.get(rate).copied().ok_or(FormatError::Asc)?;
    Ok(AudioFormat::Aac { sample_rate, channels, asc })
}

/// Samples in one frame of AAC: 1,024, or 960 where its configuration says so.
pub(super) fn samples_per_frame(asc: &[u8]) -> u32 {
    if asc.get(1).is_some_and(|byte| byte & 4 != 0) { 960 } else { 1_024 }
}

/// What the multivariant playlist says of a broadcast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracks {
    /// RFC 6381, separated by commas: `avc1.42c01f,mp4a.40.2`.
    pub codecs: String,
    /// Width and height of the picture, pixels; `None` without one.
    pub resolution: Option<(u16, u16)>,
}

impl Tracks {
    /// Of these formats.
    pub fn of(video: Option<&VideoFormat>, audio: Option<&AudioFormat>) -> Tracks {
        let byte = |avcc: &Bytes, index: usize| avcc.get(index).copied().unwrap_or(0);
        let picture = video.map(|format| {
            let avcc = &format.avcc;
            format!("avc1.{:02x}{:02x}{:02x}", byte(avcc, 1), byte(avcc, 2), byte(avcc, 3))
        });
        let sound = audio.map(|format| match format {
            AudioFormat::Aac { asc, .. } => format!("mp4a.40.{}", byte(asc, 0) >> 3),
            AudioFormat::Opus { .. } => "opus".to_owned(),
        });
        Tracks {
            codecs: picture.into_iter().chain(sound).collect::<Vec<_>>().join(","),
            resolution: video.map(|format| (format.width, format.height)),
        }
    }
}
