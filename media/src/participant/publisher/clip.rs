//! What is published: pictures and sound that were encoded before.

use super::ogg::{OggError, opus_packets, opus_samples};
use crate::h264::{ParameterSets, access_units, is_keyframe};
use bytes::Bytes;
use std::path::Path;
use std::time::Duration;

/// Larger files are not read into memory, bytes.
const FILE_BYTES_MAX: u64 = 512 << 20;
/// Samples per second.
const AUDIO_HZ: u64 = 48_000;

/// Why there is no clip.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// The file cannot be read.
    #[error("{path}: {error}")]
    File {
        /// Of the file.
        path: String,
        /// What is wrong.
        error: std::io::Error,
    },
    /// The file is too large.
    #[error("{0} is larger than 512 MiB")]
    TooLarge(String),
    /// There is no keyframe with parameter sets at its beginning.
    #[error("the video does not begin with a keyframe")]
    NoKeyframe,
    /// Frames per second must be between 1 and 240.
    #[error("{0} frames per second cannot be")]
    Rate(f64),
    /// The Ogg file is broken.
    #[error(transparent)]
    Ogg(#[from] OggError),
    /// There is no sound in it.
    #[error("the clip has no sound")]
    NoSound,
}

/// A picture of a clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    pub data: Bytes,
    pub keyframe: bool,
}

/// Pictures in H.264 at a steady rate. Cheap to clone.
#[derive(Debug, Clone)]
pub struct VideoClip {
    pub(super) units: std::sync::Arc<[Unit]>,
    frame_us: u64,
    size: (u16, u16),
}

impl VideoClip {
    /// Access units in Annex B form. B-frames are not understood: make the file without.
    ///
    /// # Errors
    /// When the rate cannot be or there is nothing to begin with.
    pub fn new(units: impl IntoIterator<Item = Bytes>, fps: f64) -> Result<VideoClip, ClipError> {
        if !(1.0..=240.0).contains(&fps) {
            return Err(ClipError::Rate(fps));
        }
        let unit = |data: Bytes| Unit { keyframe: is_keyframe(&data), data };
        let units: Vec<Unit> = units.into_iter().map(unit).skip_while(|unit| !unit.keyframe).collect();
        let first = units.first().and_then(|unit| ParameterSets::of(&unit.data)).and_then(|sets| sets.parse().ok());
        let sps = first.ok_or(ClipError::NoKeyframe)?;
        Ok(VideoClip { units: units.into(), frame_us: (1_000_000.0 / fps) as u64, size: (sps.width, sps.height) })
    }

    /// A byte stream in Annex B form, as `ffmpeg -f h264` writes it.
    ///
    /// # Errors
    /// As [`VideoClip::new`].
    pub fn from_annex_b(stream: Bytes, fps: f64) -> Result<VideoClip, ClipError> {
        let ranges: Vec<_> = access_units(&stream).collect();
        VideoClip::new(ranges.into_iter().map(|range| stream.slice(range)), fps)
    }

    /// Reads a file in Annex B form, at most 512 MiB.
    ///
    /// # Errors
    /// When it cannot be read or used.
    pub async fn read(path: &Path, fps: f64) -> Result<VideoClip, ClipError> {
        VideoClip::from_annex_b(read(path).await?, fps)
    }

    /// Pixels.
    pub fn size(&self) -> (u16, u16) {
        self.size
    }

    /// How many pictures there are.
    pub fn frames(&self) -> usize {
        self.units.len()
    }

    /// How many of them are keyframes.
    pub fn keyframes(&self) -> usize {
        self.units.iter().filter(|unit| unit.keyframe).count()
    }

    /// Played once.
    pub fn duration(&self) -> Duration {
        Duration::from_micros(self.at_us(self.units.len()))
    }

    /// When a picture is due, from the beginning.
    pub(super) fn at_us(&self, index: usize) -> u64 {
        index as u64 * self.frame_us
    }
}

/// Sound in Opus. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AudioClip {
    /// Each with its beginning, in samples from the start of the clip.
    pub(super) packets: std::sync::Arc<[(u64, Bytes)]>,
    samples: u64,
}

impl AudioClip {
    /// Opus packets that follow each other. What is not one is left out.
    ///
    /// # Errors
    /// When none is left.
    pub fn new(packets: impl IntoIterator<Item = Bytes>) -> Result<AudioClip, ClipError> {
        let mut samples = 0;
        let mut placed = Vec::new();
        for packet in packets {
            let length = u64::from(opus_samples(&packet));
            if length > 0 {
                placed.push((samples, packet));
                samples += length;
            }
        }
        if placed.is_empty() {
            return Err(ClipError::NoSound);
        }
        Ok(AudioClip { packets: placed.into(), samples })
    }

    /// Silence, for what needs sound but no particular one.
    ///
    /// # Errors
    /// When the duration is below 20 ms.
    pub fn silence(duration: Duration) -> Result<AudioClip, ClipError> {
        let packet = Bytes::from_static(&[0xf8, 0xff, 0xfe]);
        AudioClip::new(std::iter::repeat_n(packet, (duration.as_millis() / 20).min(1 << 20) as usize))
    }

    /// An Ogg file, as `ffmpeg -c:a libopus` writes it.
    ///
    /// # Errors
    /// When it is broken or has no sound.
    pub fn from_ogg(file: &Bytes) -> Result<AudioClip, ClipError> {
        AudioClip::new(opus_packets(file)?)
    }

    /// Reads an Ogg file, at most 512 MiB.
    ///
    /// # Errors
    /// When it cannot be read or used.
    pub async fn read(path: &Path) -> Result<AudioClip, ClipError> {
        AudioClip::from_ogg(&read(path).await?)
    }

    /// How many packets there are.
    pub fn packets(&self) -> usize {
        self.packets.len()
    }

    /// Played once.
    pub fn duration(&self) -> Duration {
        Duration::from_micros(self.samples * 1_000_000 / AUDIO_HZ)
    }

    /// When a packet is due, from the beginning.
    pub(super) fn at_us(&self, index: usize) -> u64 {
        self.packets.get(index).map_or(self.samples, |(at, _)| *at) * 1_000_000 / AUDIO_HZ
    }

    /// The first packet that is due then or later.
    pub(super) fn index_at(&self, us: u64) -> usize {
        self.packets.partition_point(|(at, _)| at * 1_000_000 / AUDIO_HZ < us)
    }
}

async fn read(path: &Path) -> Result<Bytes, ClipError> {
    let failed = |error| ClipError::File { path: path.display().to_string(), error };
    let length = tokio::fs::metadata(path).await.map_err(failed)?.len();
    if length > FILE_BYTES_MAX {
        return Err(ClipError::TooLarge(path.display().to_string()));
    }
    Ok(tokio::fs::read(path).await.map_err(failed)?.into())
}
