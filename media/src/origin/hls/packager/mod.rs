//! Cuts a broadcast into segments and parts. Pure: pictures and sound in, boxes out, time is what their stamps say.
//!
//! ```text
//! waiting ──first keyframe (or a second of sound alone)──> running ──picture format changes, jump, discontinuity──> waiting
//! running: a picture is held until the next one tells how long it lasts; then
//!   keyframe at or past the target, or 10 s over      segment ends, part ends
//!   a part's length reached, within half a picture    part ends
//! ```
//!
//! A run is one continuous timeline with one init segment. The next run goes on where the last one ended, behind a
//! discontinuity, so decode times only ever grow.

mod run;
mod sound;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use self::run::Run;
use super::format::{FormatError, Tracks};
use crate::mp4::{self, AudioFormat, Mp4Error, VideoFormat};

/// Ticks a second of everything that is told in ticks here.
pub const CLOCK_HZ: u32 = mp4::VIDEO_CLOCK_HZ;
/// Sound that waits for its picture; the oldest gives way beyond it (about 20 s), frames.
const SOUNDS_MAX: usize = 1_000;
/// A larger frame is not AAC (8 channels need 6 KiB), bytes.
const SOUND_BYTES_MAX: usize = 16 * 1024;
/// Sound alone for this long, and no picture is waited for, µs.
const SOUND_ALONE_US: i64 = 1_000_000;

/// Where it is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// A part's length. Default: 200 ms.
    pub part: Duration,
    /// A segment ends at the first keyframe at or past this. Default: 1 s.
    pub segment: Duration,
    /// A segment ends here even without a keyframe. Default: 10 s.
    pub segment_max: Duration,
}

impl Default for Cut {
    fn default() -> Cut {
        Cut { part: Duration::from_millis(200), segment: Duration::from_secs(1), segment_max: Duration::from_secs(10) }
    }
}

impl Cut {
    pub(super) fn ticks(duration: Duration) -> u64 {
        u64::try_from(duration.as_micros()).unwrap_or(u64::MAX / 9) * 9 / 100
    }
}

/// One picture as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// When it is decoded, µs on the publisher's timeline, which begins anywhere.
    pub dts_us: i64,
    /// How much later it is shown than decoded, µs; 0 without B-frames.
    pub cts_us: i32,
    /// Decoding can begin here (an IDR picture).
    pub keyframe: bool,
    /// NAL units, each after its length in 4 bytes.
    pub data: Bytes,
}

/// One AAC frame as it came in, without ADTS header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// When it begins to be heard, µs on the same timeline as the pictures.
    pub pts_us: i64,
    /// The raw frame.
    pub data: Bytes,
}

/// What comes out, in this order: `(Init? Opened Part+ Closed)*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// The formats from the next segment on.
    Init(Init),
    /// A segment begins.
    Opened(Opened),
    /// A part of it.
    Part(Fragment),
    /// The segment ends; it lasts as long as its parts do, ticks.
    Closed(u64),
}

/// An init segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Init {
    /// Counts from 0.
    pub number: u32,
    /// `ftyp` and `moov`.
    pub data: Bytes,
    /// What it says.
    pub tracks: Tracks,
}

/// The beginning of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Its media sequence number, counts from 0.
    pub msn: u64,
    /// The init segment that it needs.
    pub init: u32,
    /// Decode time of its first sample, ticks.
    pub start: u64,
    /// When its first sample was captured, µs since the Unix epoch; never before that of an earlier segment.
    pub captured_us: i64,
    /// It does not continue the segment before it.
    pub discontinuity: bool,
    /// It begins with a keyframe.
    pub independent: bool,
}

/// A part: `moof` and `mdat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// The boxes.
    pub data: Bytes,
    /// How long it lasts, ticks.
    pub duration: u64,
    /// It begins with a keyframe.
    pub independent: bool,
    /// Pictures in it.
    pub pictures: u32,
}

/// Why nothing could be packaged.
#[derive(Debug, thiserror::Error)]
pub enum PackagerError {
    /// A sequence header that cannot be played.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The boxes could not be written.
    #[error(transparent)]
    Mp4(#[from] Mp4Error),
}

/// Where an earlier packager stopped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resume {
    /// The next segment's number.
    pub msn: u64,
    /// The next init segment's number.
    pub init: u32,
    /// Where the timeline goes on, ticks.
    pub end: u64,
    /// No later segment was captured before this, µs since the Unix epoch.
    pub captured_us: i64,
}

/// See the module.
#[derive(Debug)]
pub struct Packager {
    cut: Cut,
    video: Option<VideoFormat>,
    audio: Option<AudioFormat>,
    /// Wall clock minus publisher's timeline, µs.
    capture_offset_us: Option<i64>,
    run: Option<Run>,
    /// Sound that came before its picture.
    waiting: VecDeque<Sound>,
    next: Resume,
    /// The newest init segment.
    init: Option<(u32, Bytes)>,
    fragments: u32,
}

/// Offsets nearer than this are the same: arrival times and clocks jitter, µs.
const OFFSET_JITTER_US: i64 = 20_000;

impl Packager {
    /// A packager that begins, or goes on where an earlier one stopped.
    pub fn new(cut: Cut, resume: Resume) -> Packager {
        // Fragments are numbered for the eye of a debugger only; they go up across a restart.
        let fragments = u32::try_from(resume.msn.saturating_mul(64)).unwrap_or(0);
        Packager {
            cut,
            video: None,
            audio: None,
            capture_offset_us: None,
            run: None,
            waiting: VecDeque::new(),
            next: resume,
            init: None,
            fragments,
        }
    }

    /// The newest init segment of an earlier packager: it is used again if the formats are the same.
    pub fn knows_init(&mut self, number: u32, data: Bytes) {
        self.init = Some((number, data));
    }

    /// Says when something of the publisher's timeline was captured by the wall clock (both µs). It holds from the next
    /// segment on. Without it the first picture counts as captured at the Unix epoch.
    pub fn captured(&mut self, media_us: i64, wall_us: i64) {
        let offset = wall_us.saturating_sub(media_us);
        if self.capture_offset_us.is_none_or(|known| known.abs_diff(offset) > OFFSET_JITTER_US as u64) {
            self.capture_offset_us = Some(offset);
        }
    }

    /// Whether it was ever said when something was captured, on this timeline.
    pub fn knows_capture(&self) -> bool {
        self.capture_offset_us.is_some()
    }

    /// The pictures from now on have this format. Another one than before ends the run.
    ///
    /// # Errors
    /// When what was held cannot be written.
    pub fn video_format(&mut self, format: VideoFormat) -> Result<Vec<Output>, PackagerError> {
        let changed = self.video.as_ref() != Some(&format);
        self.video = Some(format);
        if changed { self.end_run() } else { Ok(vec![]) }
    }

    /// Sound from now on has this format. Another one than before is heard from the next keyframe on.
    ///
    /// # Errors
    /// Sound other than AAC.
    pub fn audio_format(&mut self, format: AudioFormat) -> Result<Vec<Output>, PackagerError> {
        if !matches!(format, AudioFormat::Aac { .. }) {
            return Err(FormatError::NotAac.into());
        }
        let changed = self.audio.as_ref() != Some(&format);
        self.audio = Some(format);
        if !changed {
            return Ok(vec![]);
        }
        self.waiting.clear();
        match &mut self.run {
            Some(run) if run.leads_with_video() => Ok(vec![]),
            _ => self.end_run(),
        }
    }

    /// Takes the next picture, in order of decoding. Before the first keyframe, and without a format, it is skipped.
    ///
    /// # Errors
    /// When the boxes cannot be written.
    pub fn video(&mut self, picture: Picture) -> Result<Vec<Output>, PackagerError> {
        if self.video.is_none() || picture.data.is_empty() {
            return Ok(vec![]);
        }
        let mut out = match &self.run {
            Some(run) if !run.continues(picture.dts_us) => self.end_run()?,
            _ => vec![],
        };
        let stale = |run: &Run| !run.has_formats(self.video.as_ref(), self.audio.as_ref());
        if picture.keyframe && self.run.as_ref().is_some_and(stale) {
            out.extend(self.end_run_at(Some(picture.dts_us))?);
        }
        if self.run.is_none() {
            if !picture.keyframe {
                return Ok(out);
            }
            out.extend(self.begin(picture.dts_us)?);
        }
        let Some(run) = &mut self.run else { return Ok(out) };
        // Only sound that is heard before this picture ends belongs to what ends with it.
        run.hear(&mut self.waiting);
        run.lead(picture, &mut self.next, self.capture_offset_us, &mut self.fragments, &mut out)?;
        Ok(out)
    }

    /// Takes the next frame of sound. Without a format it is skipped.
    ///
    /// # Errors
    /// When the boxes cannot be written.
    pub fn audio(&mut self, sound: Sound) -> Result<Vec<Output>, PackagerError> {
        if self.audio.is_none() || sound.data.is_empty() || sound.data.len() > SOUND_BYTES_MAX {
            return Ok(vec![]);
        }
        let alone = self.video.is_none();
        let mut out = match &self.run {
            Some(run) if alone && !run.continues(sound.pts_us) => self.end_run()?,
            _ => vec![],
        };
        if self.waiting.len() >= SOUNDS_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(sound);
        if !alone {
            return Ok(out);
        }
        if self.run.is_none() {
            let ends = self.waiting.front().zip(self.waiting.back());
            let Some((first, last)) = ends else { return Ok(out) };
            let (first, last) = (first.pts_us, last.pts_us);
            if last.saturating_sub(first) < SOUND_ALONE_US {
                return Ok(out);
            }
            out.extend(self.begin(first)?);
        }
        if let Some(run) = &mut self.run {
            while let Some(sound) = self.waiting.pop_front() {
                let picture = Picture { dts_us: sound.pts_us, cts_us: 0, keyframe: true, data: sound.data };
                run.lead(picture, &mut self.next, self.capture_offset_us, &mut self.fragments, &mut out)?;
            }
        }
        Ok(out)
    }

    /// The publisher's timeline breaks here, as when its connection ends or another one begins. What comes next has a
    /// timeline and formats of its own: both formats and the time of capture must be told again.
    ///
    /// # Errors
    /// When the boxes cannot be written.
    pub fn discontinuity(&mut self) -> Result<Vec<Output>, PackagerError> {
        let out = self.end_run();
        (self.video, self.audio, self.capture_offset_us) = (None, None, None);
        self.waiting.clear();
        out
    }

    /// Gives out what is held. A picture after this begins anew, as after [`discontinuity`](Packager::discontinuity).
    ///
    /// # Errors
    /// When the boxes cannot be written.
    pub fn finish(&mut self) -> Result<Vec<Output>, PackagerError> {
        self.discontinuity()
    }

    /// Begins a run; gives its init segment unless the one before it had the same.
    fn begin(&mut self, base_us: i64) -> Result<Option<Output>, PackagerError> {
        let data = mp4::init_segment(self.video.as_ref(), self.audio.as_ref())?;
        let (number, init) = match &self.init {
            Some((number, known)) if *known == data => (*number, None),
            _ => {
                let number = self.next.init;
                self.next.init += 1;
                self.init = Some((number, data.clone()));
                let tracks = Tracks::of(self.video.as_ref(), self.audio.as_ref());
                (number, Some(Output::Init(Init { number, data, tracks })))
            }
        };
        self.run = Some(Run::new(self.cut, number, base_us, self.next.end, self.video.clone(), self.audio.clone()));
        Ok(init)
    }

    fn end_run(&mut self) -> Result<Vec<Output>, PackagerError> {
        self.end_run_at(None)
    }

    fn end_run_at(&mut self, at_us: Option<i64>) -> Result<Vec<Output>, PackagerError> {
        let mut out = vec![];
        if let Some(mut run) = self.run.take() {
            run.hear(&mut self.waiting);
            run.end(at_us, &mut self.next, &mut self.fragments, &mut out)?;
        }
        Ok(out)
    }
}
