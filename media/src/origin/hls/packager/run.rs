//! One continuous timeline with one init segment.

use std::collections::VecDeque;

use bytes::Bytes;

use super::sound::SoundClock;
use super::{CLOCK_HZ, Cut, Fragment, Opened, Output, PackagerError, Picture, Resume, SOUNDS_MAX, Sound};
use crate::mp4::{self, AudioFormat, Sample, VideoFormat};
use crate::origin::hls::format::samples_per_frame;

/// A jump of the stamps forwards beyond this, or backwards beyond [`STEP_BACK_US`], is another timeline, µs.
const STEP_FORWARD_US: i64 = 10_000_000;
/// See [`STEP_FORWARD_US`]. Smaller steps back are rounding and crossed packets: the picture follows at once, µs.
const STEP_BACK_US: i64 = 1_000_000;
/// How long a picture lasts when no next one tells, ticks: 30 a second.
const PICTURE_TICKS: u64 = 3_000;
/// More samples or bytes than this end a part, so that stamps that stand still cannot fill the memory.
const PART_SAMPLES_MAX: usize = 1_024;
const PART_BYTES_MAX: usize = 16 * 1024 * 1024;
/// As [`PART_BYTES_MAX`], of a segment: 10 s of 50 Mbit/s.
const SEGMENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A sample of the leading track whose end is not known yet.
#[derive(Debug)]
struct Held {
    /// Ticks.
    dts: u64,
    /// As stamped, µs.
    dts_us: i64,
    cts: i32,
    keyframe: bool,
    data: Bytes,
}

#[derive(Debug)]
struct Segment {
    start: u64,
    bytes: usize,
}

#[derive(Debug)]
pub(super) struct Run {
    cut: Cut,
    init: u32,
    base_us: i64,
    origin: u64,
    video: Option<VideoFormat>,
    audio: Option<AudioFormat>,
    clock: Option<SoundClock>,
    held: Option<Held>,
    /// How long the last picture lasted, ticks.
    last: u64,
    segment: Option<Segment>,
    part_start: u64,
    part_bytes: usize,
    leading: Vec<Sample>,
    sound: VecDeque<Sample>,
    /// Where the sound that went out ends, ticks of its own clock.
    heard: u64,
    discontinuity: bool,
}

impl Run {
    pub(super) fn new(
        cut: Cut,
        init: u32,
        base_us: i64,
        origin: u64,
        video: Option<VideoFormat>,
        audio: Option<AudioFormat>,
    ) -> Run {
        let clock = audio.as_ref().map(|format| match format {
            AudioFormat::Aac { asc, sample_rate, .. } => SoundClock::new(*sample_rate, samples_per_frame(asc)),
            AudioFormat::Opus { .. } => SoundClock::new(format.clock_hz(), 960),
        });
        Run {
            cut,
            init,
            base_us,
            origin,
            video,
            audio,
            clock,
            held: None,
            last: PICTURE_TICKS,
            segment: None,
            part_start: origin,
            part_bytes: 0,
            leading: vec![],
            sound: VecDeque::new(),
            heard: 0,
            discontinuity: false,
        }
    }

    pub(super) fn leads_with_video(&self) -> bool {
        self.video.is_some()
    }

    pub(super) fn has_formats(&self, video: Option<&VideoFormat>, audio: Option<&AudioFormat>) -> bool {
        self.video.as_ref() == video && self.audio.as_ref() == audio
    }

    /// Whether a sample with this stamp belongs to this timeline.
    pub(super) fn continues(&self, dts_us: i64) -> bool {
        let Some(held) = &self.held else { return true };
        let step = dts_us.saturating_sub(held.dts_us);
        (-STEP_BACK_US..=STEP_FORWARD_US).contains(&step)
    }

    /// On the output's timeline, in a clock of `hz`; negative before its beginning.
    fn place(&self, at_us: i64, hz: u32) -> i64 {
        let since = i128::from(at_us) - i128::from(self.base_us);
        let ticks = i128::from(self.origin) * i128::from(hz) / i128::from(CLOCK_HZ)
            + (since * i128::from(hz) + 500_000).div_euclid(1_000_000);
        i64::try_from(ticks).unwrap_or(i64::MAX)
    }

    /// Takes the sound that came.
    pub(super) fn hear(&mut self, waiting: &mut VecDeque<Sound>) {
        if self.video.is_none() {
            return;
        }
        for Sound { pts_us, data } in waiting.drain(..) {
            let Some(hz) = self.clock.as_ref().map(SoundClock::rate_hz) else { continue };
            let at = self.place(pts_us, hz);
            let start = (u128::from(self.origin) * u128::from(hz)).div_ceil(u128::from(CLOCK_HZ)) as u64;
            let Some(clock) = &mut self.clock else { continue };
            if let Some(dts) = clock.place(at, start) {
                let duration = clock.samples_per_frame();
                if self.sound.len() >= SOUNDS_MAX {
                    self.sound.pop_front();
                }
                self.sound.push_back(Sample { dts, cts: 0, duration, keyframe: true, data });
            }
        }
    }

    /// Takes the next sample of the leading track; what ends with it goes to `out`.
    pub(super) fn lead(
        &mut self,
        picture: Picture,
        next: &mut Resume,
        capture_offset_us: Option<i64>,
        fragments: &mut u32,
        out: &mut Vec<Output>,
    ) -> Result<(), PackagerError> {
        let at = self.lead_time(&picture);
        let Some(dts) = at else { return Ok(()) };
        self.settle(dts);
        let half = self.last.min(Cut::ticks(self.cut.part)) / 2;
        if let Some(segment) = &self.segment {
            let lasted = dts - segment.start;
            let whole = picture.keyframe && lasted + half >= Cut::ticks(self.cut.segment)
                || lasted >= Cut::ticks(self.cut.segment_max)
                || segment.bytes + self.part_bytes >= SEGMENT_BYTES_MAX;
            let part = dts - self.part_start + half >= Cut::ticks(self.cut.part)
                || self.leading.len() >= PART_SAMPLES_MAX
                || self.part_bytes >= PART_BYTES_MAX;
            if whole {
                self.close_segment(dts, next, fragments, out)?;
            } else if part {
                self.close_part(dts, fragments, out)?;
            }
        }
        if self.segment.is_none() {
            let shown_us = picture.dts_us.saturating_add(picture.cts_us.into());
            self.open(dts, shown_us.saturating_add(capture_offset_us.unwrap_or(0)), picture.keyframe, next, out);
        }
        let cts = i64::from(picture.cts_us) * i64::from(CLOCK_HZ) / 1_000_000;
        self.held = Some(Held {
            dts,
            dts_us: picture.dts_us,
            cts: i32::try_from(cts).unwrap_or(0),
            keyframe: picture.keyframe,
            data: picture.data,
        });
        Ok(())
    }

    /// When a sample of the leading track begins, ticks of [`CLOCK_HZ`]: after the held one in any case.
    fn lead_time(&mut self, picture: &Picture) -> Option<u64> {
        if self.video.is_some() {
            let at = u64::try_from(self.place(picture.dts_us, CLOCK_HZ)).ok()?;
            return Some(self.held.as_ref().map_or(at, |held| at.max(held.dts + 1)));
        }
        let hz = self.clock.as_ref()?.rate_hz();
        let at = self.place(picture.dts_us, hz);
        let start = (u128::from(self.origin) * u128::from(hz) / u128::from(CLOCK_HZ)) as u64;
        let begin = self.clock.as_mut()?.place(at, start)?;
        Some(self.to_ticks(begin))
    }

    fn to_ticks(&self, sound_ticks: u64) -> u64 {
        let hz = self.clock.as_ref().map_or(CLOCK_HZ, SoundClock::rate_hz);
        (u128::from(sound_ticks) * u128::from(CLOCK_HZ)).div_ceil(u128::from(hz)) as u64
    }

    /// The held sample ends at `dts`.
    fn settle(&mut self, dts: u64) {
        let Some(held) = self.held.take() else { return };
        let duration = dts.saturating_sub(held.dts).max(1);
        self.last = duration;
        self.part_bytes += held.data.len();
        self.leading.push(Sample {
            dts: held.dts,
            cts: held.cts,
            duration: u32::try_from(duration).unwrap_or(u32::MAX),
            keyframe: held.keyframe,
            data: held.data,
        });
    }

    fn open(&mut self, dts: u64, captured_us: i64, independent: bool, next: &mut Resume, out: &mut Vec<Output>) {
        let begins = !std::mem::replace(&mut self.discontinuity, true);
        let captured_us = captured_us.max(next.captured_us);
        out.push(Output::Opened(Opened {
            msn: next.msn,
            init: self.init,
            start: dts,
            captured_us,
            discontinuity: begins && next.msn > 0,
            independent,
        }));
        next.msn += 1;
        next.captured_us = captured_us;
        self.segment = Some(Segment { start: dts, bytes: 0 });
        self.part_start = dts;
    }

    fn close_part(&mut self, end: u64, fragments: &mut u32, out: &mut Vec<Output>) -> Result<(), PackagerError> {
        if self.leading.is_empty() {
            return Ok(());
        }
        let leading = std::mem::take(&mut self.leading);
        let independent = leading.first().is_some_and(|sample| sample.keyframe);
        let pictures = if self.video.is_some() { u32::try_from(leading.len()).unwrap_or(u32::MAX) } else { 0 };
        *fragments = fragments.wrapping_add(1);
        let data = match self.video {
            Some(_) => mp4::fragment(*fragments, &leading, &self.sound_before(end))?,
            None => mp4::fragment(*fragments, &[], &self.as_sound(leading))?,
        };
        if let Some(segment) = &mut self.segment {
            segment.bytes += data.len();
        }
        out.push(Output::Part(Fragment { data, duration: end - self.part_start, independent, pictures }));
        self.part_start = end;
        self.part_bytes = 0;
        Ok(())
    }

    /// The sound that came and begins before `end`.
    fn sound_before(&mut self, end: u64) -> Vec<Sample> {
        let Some(hz) = self.clock.as_ref().map(SoundClock::rate_hz) else { return vec![] };
        let end = (u128::from(end) * u128::from(hz)).div_ceil(u128::from(CLOCK_HZ)) as u64;
        let count = self.sound.iter().take_while(|sample| sample.dts < end).count();
        let sound: Vec<Sample> = self.sound.drain(..count).collect();
        self.note_heard(&sound);
        sound
    }

    /// Leading samples that are sound, in the track's own clock again.
    fn as_sound(&mut self, leading: Vec<Sample>) -> Vec<Sample> {
        let Some(clock) = &self.clock else { return vec![] };
        let hz = u128::from(clock.rate_hz());
        let back = |ticks: u64| (u128::from(ticks) * hz / u128::from(CLOCK_HZ)) as u64;
        let frame = clock.samples_per_frame();
        let sound: Vec<Sample> =
            leading.into_iter().map(|sample| Sample { dts: back(sample.dts), duration: frame, ..sample }).collect();
        self.note_heard(&sound);
        sound
    }

    fn note_heard(&mut self, sound: &[Sample]) {
        if let Some(last) = sound.last() {
            self.heard = last.dts + u64::from(last.duration);
        }
    }

    fn close_segment(
        &mut self,
        end: u64,
        next: &mut Resume,
        fragments: &mut u32,
        out: &mut Vec<Output>,
    ) -> Result<(), PackagerError> {
        self.close_part(end, fragments, out)?;
        if let Some(segment) = self.segment.take() {
            let lasted = end - segment.start;
            // The next segment was captured no earlier than this one ended, or nearly so: stamps jitter.
            next.captured_us = next.captured_us.saturating_add(1_000);
            out.push(Output::Closed(lasted));
        }
        next.end = next.end.max(end);
        Ok(())
    }

    /// Ends the timeline: the held sample lasts until `at_us` if that is said, else as long as the one before it.
    pub(super) fn end(
        &mut self,
        at_us: Option<i64>,
        next: &mut Resume,
        fragments: &mut u32,
        out: &mut Vec<Output>,
    ) -> Result<(), PackagerError> {
        let Some(held) = &self.held else { return Ok(()) };
        let nominal = held.dts + self.last.clamp(1, u64::from(CLOCK_HZ));
        let told = at_us.and_then(|at| u64::try_from(self.place(at, CLOCK_HZ)).ok()).filter(|at| *at > held.dts);
        let end = told.unwrap_or(nominal);
        self.settle(end);
        self.close_segment(end, next, fragments, out)?;
        next.end = next.end.max(self.to_ticks(self.heard));
        Ok(())
    }
}
