//! One continuous timeline out of frames that come and go. Pure: the time is an argument.
//!
//! Each kind has an *offset* from the publisher's clock to the timeline. It is kept as long as frames arrive about when
//! their capture times say. When they do not (a clock that jumps, a new publication with another base), the kind takes
//! over the other kind's offset if that fits, so that picture and sound stay in step, else one by arrival.
//!
//! | what happens | what comes out |
//! |---|---|
//! | no picture for up to 0.6 s | nothing: the last picture stays |
//! | no picture for longer | the last picture for 0.4 s, then flat dark pictures, ten a second, a keyframe each second, in the format of the stream if it can be (else a format of our own, which is a change of format) |
//! | no sound for 0.3 s | silence in packets of 20 ms, so that sound never has a hole; sound that drifts is put right by a packet more or less |
//! | picture back | from its first keyframe on |
//! | neither for `filler_max_us` | the timeline stands still until something comes |
//! | the process itself stood still for 5 s | the timeline did too |

use std::sync::Arc;

use bytes::Bytes;

use super::opus;
use super::unit::{Cause, Picture, Unit};
use crate::frame::{Frame, Kind};
use crate::h264::{Flat, ParameterSets, is_keyframe, to_length_prefixed};

/// Without a picture for this long, flat ones are put in.
const SLATE_AFTER_US: i64 = 600_000;
/// How long the last picture stays before the first flat one.
const FREEZE_US: i64 = 400_000;
/// Flat pictures stay this far behind the time at which real ones are due, so that real ones find room.
const SLATE_BEHIND_US: i64 = 200_000;
const SLATE_EVERY_US: i64 = 100_000;
/// Silence stays this far behind the time at which real sound is due.
const SILENCE_BEHIND_US: i64 = 300_000;
const SILENCE_US: i64 = 20_000;
/// Sound of the usual packets of 20 ms is moved by up to this much to lie without holes. More than half a packet, so that
/// one put in or left out is enough; a third of what viewers may notice.
const SOUND_SLACK_US: i64 = 12_500;
/// A picture in a series that comes at the time of the one before is moved behind it.
const STEP_US: i64 = 1_000;
/// Pictures that lie further back than this are not moved but left out, until the next keyframe.
const REORDER_US: i64 = 50_000;
/// A capture time further ahead of its arrival than this is a jump of the clock.
const AHEAD_US: i64 = 500_000;
/// Frames that were held up in the network by more than this have their clock's offset renewed.
const LATE_US: i64 = 3_000_000;
/// How well the other kind's offset must fit to be taken over.
const SHARED_CLOCK_US: i64 = 500_000;
/// So long may frames be late by more than flat pictures leave room for, before that is the new normal.
const LATE_FOR_US: i64 = 2_000_000;
/// The same after a gap, where nothing real is shown meanwhile; a burst of what was held up is over by then.
const LATE_AFTER_GAP_US: i64 = 500_000;
/// Kinds that are late by the same are held up together.
const TOGETHER_US: i64 = 100_000;
/// Capture times beyond the year 2255 are none.
const CAPTURED_MAX_US: i64 = 1 << 53;
/// A timeline that has sound only begins after this time.
const SOUND_ONLY_AFTER_US: i64 = 2_000_000;
/// A clock that was not read for this long belongs to a process that stood still.
const STOOD_STILL_US: i64 = 5_000_000;
/// Smaller pictures are what servers send at the end of a publication, pixels.
const SIDE_MIN: u16 = 48;

/// What the timeline may do.
#[derive(Debug, Clone, Copy)]
pub struct TimelineSettings {
    /// Size of flat pictures when no real one has come yet, pixels.
    pub slate_size: (u16, u16),
    /// Keyframes of flat pictures, microseconds.
    pub slate_keyframe_us: i64,
    /// With neither picture nor sound for this long, nothing is put in any more, microseconds.
    pub filler_max_us: i64,
}

impl Default for TimelineSettings {
    fn default() -> TimelineSettings {
        TimelineSettings { slate_size: (1280, 720), slate_keyframe_us: 1_000_000, filler_max_us: 300_000_000 }
    }
}

/// Figures of a timeline, all since its begin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimelineFigures {
    /// How often a kind's clock was set anew.
    pub rebases: u64,
    /// Pictures left out: before the first keyframe, after a gap, broken.
    pub pictures_dropped: u64,
    /// Packets of sound left out to stay in step, or broken.
    pub sounds_dropped: u64,
    /// Flat pictures were shown this long, microseconds.
    pub slate_us: i64,
    /// Silence was put in for this long, microseconds.
    pub silence_us: i64,
    /// How much later sound is placed than its capture time asks, compared with the pictures; microseconds.
    pub skew_us: i64,
}

#[derive(Debug, Clone)]
struct Track {
    offset_us: Option<i64>,
    /// How long after its place on the timeline a frame usually arrives.
    lag_us: i64,
    captured_us: i64,
    arrived_us: i64,
    /// By how much the last frame was later than usual, and since when that is a lot.
    late_us: i64,
    late_since_us: Option<i64>,
    /// Pictures: place of the last one. Sound: end of the last packet.
    edge_us: i64,
    in_filler: bool,
    cause: Cause,
}

/// See the module.
#[derive(Debug)]
pub struct Timeline {
    settings: TimelineSettings,
    video: Track,
    audio: Track,
    begun: bool,
    first_sound_us: Option<i64>,
    ticked_us: Option<i64>,
    picture: Option<Arc<Picture>>,
    slate: Option<(Arc<Picture>, Flat)>,
    needs_keyframe: bool,
    /// Flat pictures since the last keyframe of theirs, and how many of those.
    slate_nth: u32,
    slate_keyframes: u32,
    slate_key_at_us: i64,
    figures: TimelineFigures,
}

impl Timeline {
    /// A timeline that begins with the first keyframe, or with sound if there is nothing else for two seconds.
    pub fn new(settings: TimelineSettings) -> Timeline {
        let track = Track {
            offset_us: None,
            lag_us: 0,
            captured_us: 0,
            arrived_us: 0,
            late_us: 0,
            late_since_us: None,
            edge_us: 0,
            in_filler: false,
            cause: Cause::NoTrack,
        };
        Timeline {
            settings,
            video: track.clone(),
            audio: track,
            begun: false,
            first_sound_us: None,
            ticked_us: None,
            picture: None,
            slate: None,
            needs_keyframe: true,
            slate_nth: 0,
            slate_keyframes: 0,
            slate_key_at_us: 0,
            figures: TimelineFigures::default(),
        }
    }

    /// Its figures so far.
    pub fn figures(&self) -> TimelineFigures {
        self.figures
    }

    /// Whether anything has come out.
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// Why frames of this kind will not come for a while; holds until one comes.
    pub fn expect_gap(&mut self, kind: Kind, cause: Cause) {
        self.track(kind).cause = cause;
    }

    /// A frame came at `now_us` (microseconds of any clock that only goes forward). What is to be handed on is added
    /// to `out`, in the order of the timeline per kind. Broken frames are left out.
    pub fn push(&mut self, now_us: i64, frame: &Frame, out: &mut Vec<Unit>) {
        self.pass(now_us);
        if !(0..=CAPTURED_MAX_US).contains(&frame.captured_us) {
            match frame.kind {
                Kind::Video => self.figures.pictures_dropped += 1,
                Kind::Audio => self.figures.sounds_dropped += 1,
            }
            return;
        }
        match frame.kind {
            Kind::Video => self.push_picture(now_us, frame, out),
            Kind::Audio => self.push_sound(now_us, frame, out),
        }
    }

    /// Time has gone by: call it about every 50 ms. Puts in what is missing.
    pub fn tick(&mut self, now_us: i64, out: &mut Vec<Unit>) {
        self.pass(now_us);
        if !self.begun {
            return;
        }
        self.put_silence(now_us - self.audio.lag_us - SILENCE_BEHIND_US, out);
        let due_us = now_us - self.video.lag_us;
        let next_us = match (self.video.in_filler, self.video.offset_us) {
            (true, _) => self.video.edge_us + SLATE_EVERY_US,
            (false, None) => self.video.edge_us,
            (false, Some(_)) if due_us - self.video.edge_us >= SLATE_AFTER_US => self.video.edge_us + FREEZE_US,
            (false, Some(_)) => return,
        };
        self.put_slate(next_us, due_us - SLATE_BEHIND_US, out);
    }

    /// Lets the timeline stand still while nobody ticks, and while there has been nothing for too long.
    fn pass(&mut self, now_us: i64) {
        let passed_us = now_us - self.ticked_us.unwrap_or(now_us);
        self.ticked_us = Some(now_us.max(self.ticked_us.unwrap_or(now_us)));
        let idle = self.video.in_filler
            && self.audio.in_filler
            && now_us - self.video.arrived_us.max(self.audio.arrived_us) > self.settings.filler_max_us;
        if self.begun && passed_us > 0 && (idle || passed_us > STOOD_STILL_US) {
            self.video.lag_us += passed_us;
            self.audio.lag_us += passed_us;
        }
    }

    fn track(&mut self, kind: Kind) -> &mut Track {
        match kind {
            Kind::Video => &mut self.video,
            Kind::Audio => &mut self.audio,
        }
    }

    fn begin(&mut self, now_us: i64) {
        self.begun = true;
        self.video.lag_us = now_us;
        self.audio.lag_us = now_us;
    }

    fn push_picture(&mut self, now_us: i64, frame: &Frame, out: &mut Vec<Unit>) {
        let keyframe = frame.keyframe && is_keyframe(&frame.data);
        let found = keyframe.then(|| self.picture_of(frame)).flatten();
        let data = to_length_prefixed(&frame.data);
        if data.is_empty() || (keyframe && found.is_none()) || (!self.begun && !keyframe) {
            self.figures.pictures_dropped += 1;
            return;
        }
        let has_predecessor = self.video.offset_us.is_some() || self.video.in_filler;
        if !self.begun {
            self.begin(now_us);
        }
        let mut at_us = self.place(now_us, Kind::Video, frame.captured_us).max(0);
        let behind_us = if has_predecessor { self.video.edge_us - at_us } else { -1 };
        // What follows a picture that was left out may refer to it: a keyframe is waited for.
        self.needs_keyframe |= behind_us >= 0 && (self.video.in_filler || behind_us > REORDER_US);
        if self.needs_keyframe && (!keyframe || behind_us >= 0) {
            self.figures.pictures_dropped += 1;
            return;
        }
        if behind_us >= 0 {
            at_us = self.video.edge_us + STEP_US;
        }
        if let Some(found) = found {
            self.picture = Some(found);
        }
        self.needs_keyframe = false;
        self.video.edge_us = at_us;
        self.video.in_filler = false;
        self.video.cause = Cause::Stalled;
        out.push(Unit {
            kind: Kind::Video,
            at_us,
            duration_us: 0,
            captured_us: frame.captured_us,
            keyframe,
            filler: None,
            data,
            picture: self.picture.clone(),
        });
    }

    /// The format of a keyframe: the one so far if it is the same; `None` if it tells none or one that is not shown.
    fn picture_of(&self, frame: &Frame) -> Option<Arc<Picture>> {
        let Some(sets) = ParameterSets::of(&frame.data) else { return self.picture.clone() };
        if let Some(same) = self.picture.as_ref().filter(|picture| picture.sets == sets) {
            return Some(same.clone());
        }
        let picture = Picture::of(sets).ok()?;
        let shown = picture.format.width >= SIDE_MIN && picture.format.height >= SIDE_MIN;
        shown.then(|| Arc::new(picture))
    }

    fn push_sound(&mut self, now_us: i64, frame: &Frame, out: &mut Vec<Unit>) {
        let Some(samples) = opus::samples(&frame.data) else {
            self.figures.sounds_dropped += 1;
            return;
        };
        if !self.begun {
            let first_us = *self.first_sound_us.get_or_insert(now_us);
            if now_us - first_us < SOUND_ONLY_AFTER_US {
                return;
            }
            self.begin(now_us);
        }
        let duration_us = i64::from(samples) * 125 / 6;
        let at_us = self.place(now_us, Kind::Audio, frame.captured_us);
        if at_us - self.audio.edge_us > SOUND_SLACK_US {
            self.put_silence(at_us + SILENCE_US / 2, out);
        }
        let late_us = self.audio.edge_us - at_us;
        if late_us > SOUND_SLACK_US.max(duration_us * 5 / 8) {
            self.figures.sounds_dropped += 1;
            return;
        }
        let shift_us = match (self.audio.offset_us, self.video.offset_us) {
            (Some(audio), Some(video)) if (audio - video).abs() <= SHARED_CLOCK_US => audio - video,
            _ => 0,
        };
        self.figures.skew_us = shift_us + late_us;
        self.audio.in_filler = false;
        self.audio.cause = Cause::Stalled;
        self.sound(frame.captured_us, duration_us, None, frame.data.clone(), out);
    }

    fn sound(&mut self, captured_us: i64, duration_us: i64, filler: Option<Cause>, data: Bytes, out: &mut Vec<Unit>) {
        let at_us = self.audio.edge_us;
        self.audio.edge_us += duration_us;
        out.push(Unit {
            kind: Kind::Audio,
            at_us,
            duration_us,
            captured_us,
            keyframe: true,
            filler,
            data,
            picture: None,
        });
    }

    /// Silence up to this time, as far as whole packets fit in.
    fn put_silence(&mut self, until_us: i64, out: &mut Vec<Unit>) {
        while self.audio.edge_us + SILENCE_US <= until_us {
            self.audio.in_filler = true;
            self.figures.silence_us += SILENCE_US;
            let captured_us = self.audio.edge_us - self.offset_of(Kind::Audio);
            let cause = self.audio.cause;
            self.sound(captured_us, SILENCE_US, Some(cause), Bytes::from_static(opus::SILENCE), out);
        }
    }

    fn put_slate(&mut self, first_us: i64, until_us: i64, out: &mut Vec<Unit>) {
        let mut at_us = first_us;
        while at_us <= until_us {
            let Some((picture, flat)) = self.slate() else { return };
            let keyframe = !self.video.in_filler || at_us - self.slate_key_at_us >= self.settings.slate_keyframe_us;
            let annex_b = if keyframe {
                self.slate_key_at_us = at_us;
                self.slate_keyframes = self.slate_keyframes.wrapping_add(1);
                self.slate_nth = 0;
                flat.keyframe(self.slate_keyframes)
            } else {
                self.slate_nth = self.slate_nth.wrapping_add(1);
                flat.repetition(self.slate_nth)
            };
            self.figures.slate_us += if self.video.in_filler { at_us - self.video.edge_us } else { 0 };
            self.video.in_filler = true;
            self.video.edge_us = at_us;
            self.needs_keyframe = true;
            out.push(Unit {
                kind: Kind::Video,
                at_us,
                duration_us: 0,
                captured_us: at_us - self.offset_of(Kind::Video),
                keyframe,
                filler: Some(self.video.cause),
                data: to_length_prefixed(&annex_b),
                picture: Some(picture),
            });
            at_us += SLATE_EVERY_US;
        }
    }

    /// The maker of flat pictures for the present format; made anew only when the format has changed.
    fn slate(&mut self) -> Option<(Arc<Picture>, Flat)> {
        let is_present = |slate: &(Arc<Picture>, Flat)| match &self.picture {
            Some(picture) => {
                slate.0.format.width == picture.format.width
                    && slate.0.format.height == picture.format.height
                    && (slate.0.sets == picture.sets || Flat::in_format_of(&picture.sets).is_none())
            }
            None => true,
        };
        if let Some(slate) = self.slate.as_ref().filter(|slate| is_present(slate)) {
            return Some(slate.clone());
        }
        let same =
            self.picture.as_ref().and_then(|picture| Some((picture.clone(), Flat::in_format_of(&picture.sets)?)));
        self.slate = same.or_else(|| {
            let size = self.picture.as_ref().map(|picture| (picture.format.width, picture.format.height));
            let (width, height) = size.unwrap_or(self.settings.slate_size);
            let flat = Flat::new(width, height)?;
            Some((Arc::new(Picture::of(flat.sets().clone()).ok()?), flat))
        });
        self.slate.clone()
    }

    /// From the publisher's clock to the timeline, of this kind or else of the other.
    fn offset_of(&self, kind: Kind) -> i64 {
        let (own, other) = match kind {
            Kind::Video => (&self.video, &self.audio),
            Kind::Audio => (&self.audio, &self.video),
        };
        own.offset_us.or(other.offset_us).unwrap_or(0)
    }

    /// Where on the timeline a frame belongs; sets the kind's clock anew if it must.
    fn place(&mut self, now_us: i64, kind: Kind, captured_us: i64) -> i64 {
        let (own, other) = match kind {
            Kind::Video => (&mut self.video, &self.audio),
            Kind::Audio => (&mut self.audio, &self.video),
        };
        // A clock that was last heard of before a gap may have changed since.
        let other_is_fresh = now_us - other.arrived_us < LATE_US;
        let patience_us = if own.in_filler { LATE_AFTER_GAP_US } else { LATE_FOR_US };
        if own.late_since_us.is_some_and(|since_us| now_us - since_us > patience_us) {
            own.late_since_us = None;
            if !own.in_filler && other_is_fresh && (own.late_us - other.late_us).abs() <= TOGETHER_US {
                own.lag_us += own.late_us;
            } else {
                own.offset_us = None;
                self.figures.rebases += 1;
            }
        }
        let due_us = now_us - own.lag_us;
        let offset_us = match own.offset_us {
            Some(offset_us) if own.goes_on(now_us, captured_us, offset_us) => offset_us,
            before => {
                self.figures.rebases += u64::from(before.is_some());
                own.late_since_us = None;
                let fits = |offset_us: &i64| {
                    let at_us = captured_us + offset_us;
                    at_us > own.edge_us - STEP_US && (at_us - due_us).abs() <= SHARED_CLOCK_US
                };
                let shared = other.offset_us.filter(|offset_us| other_is_fresh && fits(offset_us));
                shared.unwrap_or(due_us.max(own.edge_us) - captured_us)
            }
        };
        let at_us = captured_us + offset_us;
        own.late_us = due_us - at_us;
        if own.late_us.abs() <= SLATE_BEHIND_US {
            own.lag_us += own.late_us / 16;
            own.late_since_us = None;
        } else {
            own.late_since_us.get_or_insert(now_us);
        }
        own.offset_us = Some(offset_us);
        own.captured_us = captured_us;
        own.arrived_us = now_us;
        at_us
    }
}

impl Track {
    /// Whether a capture time goes on from the one before, given when it arrived.
    fn goes_on(&self, now_us: i64, captured_us: i64, offset_us: i64) -> bool {
        let step_us = captured_us - self.captured_us;
        let passed_us = now_us - self.arrived_us;
        let ahead_us = captured_us + offset_us - (now_us - self.lag_us);
        step_us > -REORDER_US && step_us - passed_us <= AHEAD_US && (-LATE_US..=AHEAD_US).contains(&ahead_us)
    }
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
