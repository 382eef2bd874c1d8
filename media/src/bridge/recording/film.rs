//! What a finished recording consists of, as `film.json` beside it tells.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::RecordingError;
use super::journal::{Part, gaps};
use crate::bridge::Cause;

/// The folder of the finished recording within the recording's folder.
pub const FILM_FOLDER: &str = "film";
/// The whole film: H.264 and AAC, the index first, so that it plays while it loads.
pub const FILM_FILE: &str = "film.mp4";
/// A picture of it.
pub const POSTER_FILE: &str = "poster.jpg";
/// Many small pictures in one.
pub const STORYBOARD_FILE: &str = "storyboard.jpg";
/// Which of them belongs to which time (WebVTT with `#xywh=`).
pub const STORYBOARD_VTT_FILE: &str = "storyboard.vtt";
/// HLS: `index.m3u8`, `init.mp4`, `s00000.m4s` and so on.
pub const HLS_FOLDER: &str = "hls";
pub(super) const MANIFEST_FILE: &str = "film.json";

/// A finished recording. All times of the film in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Film {
    /// How long it is.
    pub duration_ms: i64,
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
    /// Of [`FILM_FILE`].
    pub bytes: u64,
    /// Whether pictures had to be coded anew, since the parts were of different formats.
    pub transcoded: bool,
    /// Where each stretch of the film comes from: what happened at a moment of the show is found with it.
    pub stretches: Vec<Stretch>,
    /// Where time is missing.
    pub cuts: Vec<Cut>,
}

/// A stretch of the film that was recorded without a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Where it begins in the film.
    pub at_ms: i64,
    /// When its first picture was captured, milliseconds since the Unix epoch.
    pub captured_ms: i64,
    /// How long it is.
    pub duration_ms: i64,
}

/// A place where time is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// In the film.
    pub at_ms: i64,
    /// How much was not received.
    pub missing_ms: i64,
    /// Why.
    pub cause: Cause,
}

impl Film {
    /// The finished recording of a folder, if there is one.
    ///
    /// # Errors
    /// When there is one and it cannot be read.
    pub fn of(folder: &Path) -> Result<Option<Film>, RecordingError> {
        match std::fs::read(folder.join(FILM_FOLDER).join(MANIFEST_FILE)) {
            Ok(text) => Ok(Some(
                serde_json::from_slice(&text).map_err(|_| RecordingError::Broken("its film.json cannot be read"))?,
            )),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Where in the film a moment of the show is, milliseconds; a moment that is missing is the cut.
    pub fn place_ms(&self, captured_ms: i64) -> i64 {
        let before = self.stretches.iter().rev().find(|stretch| stretch.captured_ms <= captured_ms);
        before.map_or(0, |stretch| stretch.at_ms + (captured_ms - stretch.captured_ms).min(stretch.duration_ms))
    }
}

/// The stretches of a film made of these parts, one behind the other, and the cuts between them.
pub(super) fn lay_out(parts: &[Part]) -> (Vec<Stretch>, Vec<Cut>) {
    let mut at_us = 0;
    let mut stretches = Vec::with_capacity(parts.len());
    for part in parts {
        let duration_us = part.duration_us.unwrap_or(0);
        stretches.push(Stretch {
            at_ms: at_us / 1_000,
            captured_ms: part.captured_us / 1_000,
            duration_ms: duration_us / 1_000,
        });
        at_us += duration_us;
    }
    let cuts = gaps(parts)
        .into_iter()
        .zip(stretches.iter().skip(1))
        .filter(|(gap, _)| gap.duration_us > 0)
        .map(|(gap, after)| Cut { at_ms: after.at_ms, missing_ms: gap.duration_us / 1_000, cause: gap.cause })
        .collect();
    (stretches, cuts)
}
