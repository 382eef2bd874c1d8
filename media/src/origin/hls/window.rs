//! What of a broadcast can be watched now: segments, their parts, init segments. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::format::Tracks;
use super::packager::{CLOCK_HZ, Fragment, Init, Opened, Resume};

/// Segments that are kept in memory: the window a player near the edge reads from.
const IN_MEMORY: u64 = 16;
/// Closed segments whose parts are listed.
pub const PARTS_LISTED: usize = 4;
/// Segments over which bitrates and the picture rate are measured.
const MEASURED: usize = 30;

/// A part of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Where its bytes begin in the segment.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
    /// Ticks of 90 kHz.
    pub duration: u64,
    /// It begins with a keyframe.
    pub independent: bool,
    /// Pictures in it.
    pub pictures: u32,
}

impl Part {
    /// Where its bytes lie in the segment.
    pub fn range(&self) -> Range<u64> {
        self.offset..self.offset.saturating_add(self.length)
    }
}

/// A segment: the parts it has so far, all of them once it is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its beginning.
    pub opened: Opened,
    /// Its parts; of older segments only the first one is remembered.
    pub parts: Vec<Part>,
    /// Ticks; of an open one what it has so far.
    pub duration: u64,
    /// Bytes.
    pub length: u64,
    /// Pictures in it.
    pub pictures: u32,
    /// The bytes of its parts, as long as it is young.
    pub(super) data: Vec<Bytes>,
}

impl Segment {
    pub(super) fn new(opened: Opened) -> Segment {
        Segment { opened, parts: vec![], duration: 0, length: 0, pictures: 0, data: vec![] }
    }

    pub(super) fn push(&mut self, part: Part) {
        self.duration += part.duration;
        self.length = part.range().end;
        self.pictures = self.pictures.saturating_add(part.pictures);
        self.parts.push(part);
    }

    fn bits_per_second(&self) -> u64 {
        self.length.saturating_mul(8 * u64::from(CLOCK_HZ)) / self.duration.max(1)
    }
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Window {
    segments: VecDeque<Segment>,
    open: Option<Segment>,
    inits: BTreeMap<u32, (Bytes, Tracks)>,
    /// Discontinuities in front of the first segment.
    gone_discontinuities: u64,
    /// Seconds, grows only.
    target_duration: u64,
    ended: bool,
    next: Resume,
    bytes: u64,
    duration: u64,
}

/// What the multivariant playlist tells of the pace of a broadcast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// The most that a segment needed, bit/s.
    pub peak_bps: u64,
    /// On average, bit/s.
    pub average_bps: u64,
    /// Pictures a second; 0 without.
    pub pictures_per_second: f64,
}

impl Window {
    pub(super) fn init(&mut self, init: &Init) {
        self.next.init = self.next.init.max(init.number + 1);
        self.inits.insert(init.number, (init.data.clone(), init.tracks.clone()));
    }

    pub(super) fn open(&mut self, opened: Opened) {
        self.next.msn = opened.msn + 1;
        self.next.captured_us = opened.captured_us;
        self.open = Some(Segment::new(opened));
    }

    /// The part that a fragment becomes: where it lies in the open segment.
    pub(super) fn part(&mut self, fragment: &Fragment) -> Option<Part> {
        let open = self.open.as_mut()?;
        let part = Part {
            offset: open.length,
            length: fragment.data.len() as u64,
            duration: fragment.duration,
            independent: fragment.independent,
            pictures: fragment.pictures,
        };
        open.push(part);
        open.data.push(fragment.data.clone());
        self.bytes += part.length;
        self.duration += part.duration;
        Some(part)
    }

    pub(super) fn close(&mut self) {
        let Some(mut segment) = self.open.take() else { return };
        self.next.end = self.next.end.max(segment.opened.start + segment.duration);
        self.next.captured_us = self.next.captured_us.saturating_add(1_000);
        if segment.data.len() > 1 {
            segment.data = vec![segment.data.concat().into()];
        }
        let rounded = (segment.duration + u64::from(CLOCK_HZ) / 2) / u64::from(CLOCK_HZ);
        self.target_duration = self.target_duration.max(rounded).max(1);
        self.segments.push_back(segment);
        if let Some(index) = self.segments.len().checked_sub(IN_MEMORY as usize + 1)
            && let Some(old) = self.segments.get_mut(index)
        {
            old.data = vec![];
            old.parts.truncate(1);
            old.parts.shrink_to_fit();
        }
    }

    /// Takes a whole segment, as it was found on disk.
    pub(super) fn restore(&mut self, segment: Segment) {
        self.bytes += segment.length;
        self.duration += segment.duration;
        self.open(segment.opened);
        self.open = Some(segment);
        self.close();
    }

    /// Counts segments that were there once.
    pub(super) fn restore_before<'a>(&mut self, gone: impl Iterator<Item = &'a Segment>) {
        for segment in gone {
            self.bytes += segment.length;
            self.duration += segment.duration;
            self.gone_discontinuities += u64::from(segment.opened.discontinuity);
            self.next.msn = segment.opened.msn + 1;
        }
    }

    pub(super) fn end(&mut self) {
        self.close();
        self.ended = true;
    }

    /// Forgets segments that ended more than `ticks` before the newest one did; gives their numbers.
    pub(super) fn forget_before(&mut self, ticks: u64) -> Vec<u64> {
        let mut gone = vec![];
        let mut listed: u64 = self.segments.iter().map(|segment| segment.duration).sum();
        while let Some(first) = self.segments.front() {
            if listed - first.duration < ticks || self.segments.len() <= PARTS_LISTED {
                break;
            }
            listed -= first.duration;
            self.gone_discontinuities += u64::from(first.opened.discontinuity);
            gone.push(first.opened.msn);
            self.segments.pop_front();
        }
        gone
    }

    /// Init segments that no segment here needs any more are forgotten; gives their numbers.
    pub(super) fn forget_inits(&mut self) -> Vec<u32> {
        let first = self.segments.front().or(self.open.as_ref()).map_or(u32::MAX, |segment| segment.opened.init);
        let newest = self.inits.keys().next_back().copied().unwrap_or(0);
        let gone: Vec<u32> = self.inits.keys().copied().filter(|number| *number < first.min(newest)).collect();
        for number in &gone {
            self.inits.remove(number);
        }
        gone
    }

    /// Closed segments, oldest first.
    pub fn segments(&self) -> &VecDeque<Segment> {
        &self.segments
    }

    /// The segment that still grows.
    pub fn open_segment(&self) -> Option<&Segment> {
        self.open.as_ref()
    }

    /// A segment that can be watched, closed or open.
    pub fn segment(&self, msn: u64) -> Option<&Segment> {
        if let Some(open) = self.open.as_ref().filter(|open| open.opened.msn == msn) {
            return Some(open);
        }
        let first = self.segments.front()?.opened.msn;
        let index = usize::try_from(msn.checked_sub(first)?).ok()?;
        self.segments.get(index)
    }

    /// Whether there is anything to watch.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.open.as_ref().is_none_or(|open| open.parts.is_empty())
    }

    /// Whether nothing more comes.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Discontinuities in front of the closed segment at `index`, that one's own not counted.
    pub fn discontinuities_before(&self, index: usize) -> u64 {
        let listed = self.segments.iter().take(index).filter(|segment| segment.opened.discontinuity).count();
        self.gone_discontinuities + listed as u64
    }

    /// The longest segment so far, rounded to whole seconds; at least 1.
    pub fn target_duration(&self) -> u64 {
        self.target_duration.max(1)
    }

    pub(super) fn resume(&self) -> Resume {
        self.next
    }

    /// Bytes that were ever packaged here.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Ticks that were ever packaged here.
    pub fn duration(&self) -> u64 {
        self.duration
    }

    pub(super) fn init_data(&self, number: u32) -> Option<Bytes> {
        self.inits.get(&number).map(|(data, _)| data.clone())
    }

    pub(super) fn newest_init(&self) -> Option<(u32, Bytes)> {
        self.inits.iter().next_back().map(|(number, (data, _))| (*number, data.clone()))
    }

    /// What the newest init segment says.
    pub fn tracks(&self) -> Option<&Tracks> {
        self.inits.values().next_back().map(|(_, tracks)| tracks)
    }

    /// As measured over the newest segments; before there is one, over the one that grows.
    pub fn rates(&self) -> Rates {
        let newest =
            || self.segments.iter().rev().take(MEASURED).chain(self.open.iter().filter(|_| self.segments.is_empty()));
        let (length, duration, pictures) = newest().fold((0u64, 0u64, 0u64), |sum, segment| {
            (sum.0 + segment.length, sum.1 + segment.duration, sum.2 + u64::from(segment.pictures))
        });
        let seconds = duration as f64 / f64::from(CLOCK_HZ);
        Rates {
            peak_bps: newest().map(Segment::bits_per_second).max().unwrap_or(0),
            average_bps: length.saturating_mul(8 * u64::from(CLOCK_HZ)) / duration.max(1),
            pictures_per_second: if duration == 0 { 0.0 } else { pictures as f64 / seconds },
        }
    }
}
