//! What the server sees of a stream's health, from the units themselves; nothing is decoded. Pure.
//!
//! | figure | how | limits |
//! |---|---|---|
//! | bitrate, frame rate | what was received in the last five seconds | |
//! | distance of keyframes | between the last two received | |
//! | still | pictures so small that nothing in them moves | a still slide on a shared screen is one too |
//! | flat | keyframes so small that there is nothing to see in them: black, or a covered camera | tells no colour |
//! | silent | packets so small that there is no sound in them, or none received | a microphone's noise is sound |

use std::collections::VecDeque;

use serde::Serialize;

use super::unit::Unit;
use crate::frame::Kind;

/// Over which the rates are taken, microseconds of the timeline.
const WINDOW_US: i64 = 5_000_000;
/// More units than any stream has in that time.
const WINDOW_UNITS_MAX: usize = 8_192;
/// 20 ms of digital silence take 3 to 9 bytes, the faintest noise more.
const SILENT_BYTES_PER_20_MS: i64 = 10;
/// A picture in which nothing moves: a header, and skipped macroblocks.
const STILL_BYTES: usize = 32;
/// and this many macroblocks a byte on top, as encoders spend some bits on nothing.
const STILL_MACROBLOCKS_PER_BYTE: usize = 40;
/// A keyframe with nothing in it takes about a byte a macroblock.
const FLAT_BYTES_PER_MACROBLOCK: usize = 2;

/// Figures of the last seconds. Times in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct HealthFigures {
    /// Pictures, bits a second.
    pub video_bps: u64,
    /// Sound, bits a second.
    pub audio_bps: u64,
    /// Pictures a second.
    pub fps: f64,
    /// Pixels; 0 before the first picture.
    pub width: u16,
    /// Pixels.
    pub height: u16,
    /// Between the last two keyframes.
    pub keyframe_ms: i64,
    /// For how long nothing has moved in the picture.
    pub still_ms: i64,
    /// For how long there has been nothing to see in it.
    pub flat_ms: i64,
    /// For how long nothing is heard.
    pub silent_ms: i64,
    /// For how long no picture has been received.
    pub no_video_ms: i64,
    /// For how long no sound has been received.
    pub no_audio_ms: i64,
}

/// Watches units in the order in which the timeline gives them.
#[derive(Debug, Default)]
pub struct Health {
    /// When, kind, bytes.
    window: VecDeque<(i64, Kind, usize)>,
    size: (u16, u16),
    now_us: i64,
    keyframe_us: Option<i64>,
    keyframe_distance_us: i64,
    /// Since when; none when it is not so.
    still_us: Option<i64>,
    flat_us: Option<i64>,
    silent_us: Option<i64>,
    no_video_us: Option<i64>,
    no_audio_us: Option<i64>,
}

impl Health {
    /// Nothing seen yet.
    pub fn new() -> Health {
        Health::default()
    }

    /// Takes a unit into account.
    pub fn add(&mut self, unit: &Unit) {
        self.now_us = self.now_us.max(unit.at_us);
        let received = unit.filler.is_none();
        if received {
            self.window.push_back((unit.at_us, unit.kind, unit.data.len()));
        }
        while self.window.front().is_some_and(|(at_us, ..)| self.now_us - at_us > WINDOW_US)
            || self.window.len() > WINDOW_UNITS_MAX
        {
            self.window.pop_front();
        }
        match unit.kind {
            Kind::Audio => {
                let silent_bytes = unit.duration_us * SILENT_BYTES_PER_20_MS / 20_000;
                since(&mut self.silent_us, !received || unit.data.len() as i64 <= silent_bytes, unit.at_us);
                since(&mut self.no_audio_us, !received, unit.at_us);
            }
            Kind::Video => {
                since(&mut self.no_video_us, !received, unit.at_us);
                if received {
                    self.see(unit);
                } else {
                    // Neither is known of a picture that is not there.
                    (self.still_us, self.flat_us, self.keyframe_us) = (None, None, None);
                }
            }
        }
    }

    fn see(&mut self, unit: &Unit) {
        if let Some(picture) = &unit.picture {
            self.size = (picture.format.width, picture.format.height);
        }
        let macroblocks = usize::from(self.size.0).div_ceil(16) * usize::from(self.size.1).div_ceil(16);
        if unit.keyframe {
            // A keyframe is large whether anything moves or not.
            if let Some(before_us) = self.keyframe_us.replace(unit.at_us) {
                self.keyframe_distance_us = unit.at_us - before_us;
            }
            since(&mut self.flat_us, unit.data.len() <= macroblocks * FLAT_BYTES_PER_MACROBLOCK, unit.at_us);
        } else {
            let still_bytes = STILL_BYTES + macroblocks / STILL_MACROBLOCKS_PER_BYTE;
            since(&mut self.still_us, unit.data.len() <= still_bytes, unit.at_us);
        }
    }

    /// The figures now.
    pub fn figures(&self) -> HealthFigures {
        let first_us = self.window.front().map_or(self.now_us, |(at_us, ..)| *at_us);
        let span_us = (self.now_us - first_us).max(1_000_000);
        let of = |kind| self.window.iter().filter(move |(_, of, _)| *of == kind);
        let bps = |kind| of(kind).map(|(.., bytes)| *bytes as u64).sum::<u64>() * 8_000_000 / span_us.unsigned_abs();
        let pictures = of(Kind::Video).count();
        let ms = |since_us: Option<i64>| since_us.map_or(0, |since_us| (self.now_us - since_us) / 1_000);
        HealthFigures {
            video_bps: bps(Kind::Video),
            audio_bps: bps(Kind::Audio),
            fps: pictures as f64 * 1_000_000.0 / span_us as f64,
            width: self.size.0,
            height: self.size.1,
            keyframe_ms: self.keyframe_distance_us / 1_000,
            still_ms: ms(self.still_us),
            flat_ms: ms(self.flat_us),
            silent_ms: ms(self.silent_us),
            no_video_ms: ms(self.no_video_us),
            no_audio_ms: ms(self.no_audio_us),
        }
    }
}

/// Notes since when something is so.
fn since(noted: &mut Option<i64>, is_so: bool, at_us: i64) {
    match (is_so, *noted) {
        (true, None) => *noted = Some(at_us),
        (false, Some(_)) => *noted = None,
        (true, Some(_)) | (false, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::unit::{Cause, Picture};
    use crate::h264::Flat;
    use bytes::Bytes;
    use std::sync::Arc;

    fn unit(kind: Kind, at_ms: i64, keyframe: bool, bytes: usize, filler: Option<Cause>) -> Unit {
        let flat = Flat::new(640, 360).unwrap();
        Unit {
            kind,
            at_us: at_ms * 1_000,
            duration_us: 20_000,
            captured_us: 0,
            keyframe,
            filler,
            data: Bytes::from(vec![1; bytes]),
            picture: (kind == Kind::Video).then(|| Arc::new(Picture::of(flat.sets().clone()).unwrap())),
        }
    }

    fn watch(seconds: i64, keyframe: usize, picture: usize, sound: usize, filler: Option<Cause>) -> HealthFigures {
        let mut health = Health::new();
        for ms in (0..seconds * 1_000).step_by(20) {
            if ms % 40 == 0 {
                let is_key = ms % 1_000 == 0;
                health.add(&unit(Kind::Video, ms, is_key, if is_key { keyframe } else { picture }, filler));
            }
            health.add(&unit(Kind::Audio, ms, true, sound, filler));
        }
        health.figures()
    }

    #[test]
    fn a_good_stream_has_nothing_against_it() {
        let figures = watch(10, 20_000, 5_000, 80, None);
        assert!((24.5..25.5).contains(&figures.fps), "{figures:?}");
        assert!((1_000_000..1_300_000).contains(&figures.video_bps) && (31_000..33_500).contains(&figures.audio_bps));
        assert_eq!(figures.keyframe_ms, 1_000);
        let bad = [figures.still_ms, figures.flat_ms, figures.silent_ms, figures.no_video_ms, figures.no_audio_ms];
        assert_eq!(bad, [0; 5]);
    }

    #[test]
    fn a_frozen_picture_a_covered_camera_and_silence_are_seen() {
        let figures = watch(10, 20_000, 20, 3, None);
        assert!(figures.still_ms > 9_000 && figures.flat_ms == 0 && figures.silent_ms > 9_000, "{figures:?}");
        let figures = watch(10, 900, 20, 80, None);
        assert!(figures.flat_ms > 8_000 && figures.silent_ms == 0, "{figures:?}");
    }

    #[test]
    fn what_was_put_in_is_not_what_was_received() {
        let figures = watch(10, 20_000, 5_000, 80, Some(Cause::Muted));
        assert_eq!((figures.video_bps, figures.still_ms, figures.flat_ms), (0, 0, 0));
        assert!(figures.no_video_ms > 9_000 && figures.no_audio_ms > 9_000 && figures.silent_ms > 9_000);
    }
}
