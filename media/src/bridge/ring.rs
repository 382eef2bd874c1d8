//! The last seconds of the timeline, from which every destination and the recording read at their own pace. Pure.
//!
//! The ring is the only queue between the timeline and its readers: a slow reader costs no memory, it falls behind, and
//! when what it wants next is gone it goes on at the latest keyframe and is told that something is missing.

use std::collections::VecDeque;

use super::unit::Unit;
use crate::frame::Kind;

/// How much a ring keeps.
#[derive(Debug, Clone, Copy)]
pub struct RingLimits {
    /// Of pictures and sound, bytes.
    pub bytes_max: usize,
    /// From the oldest unit to the newest, microseconds; must be longer than the distance of keyframes.
    pub span_us_max: i64,
}

impl Default for RingLimits {
    /// 20 seconds, at most 64 MiB.
    fn default() -> RingLimits {
        RingLimits { bytes_max: 64 * 1024 * 1024, span_us_max: 20_000_000 }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Ring {
    units: VecDeque<Unit>,
    /// Number of the unit at the front, counted from the begin of the timeline.
    first: u64,
    bytes: usize,
    limits: RingLimits,
    /// Number of the latest keyframe.
    keyframe: Option<u64>,
}

/// Where a reader is.
#[derive(Debug, Clone, Default)]
pub struct Cursor {
    joined: Option<Joined>,
}

#[derive(Debug, Clone)]
struct Joined {
    next: u64,
    /// Pictures before this number and sound before this time are not for this reader.
    keyframe: u64,
    from_us: i64,
}

/// What a reader gets.
#[derive(Debug, Default)]
pub struct Read {
    /// In the order of the ring; the first picture that a reader ever gets is a keyframe.
    pub units: Vec<Unit>,
    /// Something is missing before these units; the first picture among them is a keyframe again.
    pub lost: bool,
}

impl Ring {
    /// An empty ring.
    pub fn new(limits: RingLimits) -> Ring {
        Ring { units: VecDeque::new(), first: 0, bytes: 0, limits, keyframe: None }
    }

    /// Adds a unit and lets go of what is too old.
    pub fn push(&mut self, unit: Unit) {
        if unit.kind == Kind::Video && unit.keyframe {
            self.keyframe = Some(self.first + self.units.len() as u64);
        }
        let now_us = unit.at_us;
        self.bytes += unit.data.len();
        self.units.push_back(unit);
        while let Some(oldest) = self.units.front() {
            let fits = self.bytes <= self.limits.bytes_max && now_us - oldest.at_us <= self.limits.span_us_max;
            if fits {
                break;
            }
            self.bytes -= oldest.data.len();
            self.units.pop_front();
            self.first += 1;
        }
    }

    /// Up to `max` units after those that this reader has had. A new reader begins at the latest keyframe, with the
    /// sound from there on; it gets nothing as long as there is none.
    pub fn read(&self, cursor: &mut Cursor, max: usize) -> Read {
        let lost = cursor.joined.as_ref().is_some_and(|joined| joined.next < self.first);
        if lost {
            cursor.joined = None;
        }
        if cursor.joined.is_none() {
            cursor.joined = self.join();
        }
        let Some(joined) = &mut cursor.joined else {
            // Still to be told when there is a keyframe: a cursor that points before everything is behind.
            if lost {
                cursor.joined = Some(Joined { next: 0, keyframe: 0, from_us: 0 });
            }
            return Read::default();
        };
        let mut read = Read { units: vec![], lost };
        while read.units.len() < max
            && let Some(unit) = self.units.get(joined.next.saturating_sub(self.first) as usize)
        {
            let wanted = match unit.kind {
                Kind::Video => joined.next >= joined.keyframe,
                Kind::Audio => unit.at_us >= joined.from_us,
            };
            if wanted {
                read.units.push(unit.clone());
            }
            joined.next += 1;
        }
        read
    }

    /// Bytes and microseconds that it holds.
    pub fn size(&self) -> (usize, i64) {
        let span_us = match (self.units.front(), self.units.back()) {
            (Some(first), Some(last)) => last.at_us - first.at_us,
            _ => 0,
        };
        (self.bytes, span_us)
    }

    /// The latest keyframe, and the first sound that belongs beside it (which may stand before it).
    fn join(&self) -> Option<Joined> {
        let keyframe = self.keyframe.filter(|number| *number >= self.first)?;
        let index = (keyframe - self.first) as usize;
        let from_us = self.units.get(index)?.at_us;
        let beside = |unit: &Unit| unit.kind == Kind::Video || unit.at_us >= from_us;
        let before = self.units.iter().take(index).rev().take_while(|unit| beside(unit)).count() as u64;
        Some(Joined { next: keyframe - before, keyframe, from_us })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn unit(kind: Kind, at_us: i64, keyframe: bool, size: usize) -> Unit {
        Unit {
            kind,
            at_us,
            duration_us: 0,
            captured_us: at_us,
            keyframe,
            filler: None,
            data: Bytes::from(vec![0; size]),
            picture: None,
        }
    }

    fn filled(count: i64) -> Ring {
        let mut ring = Ring::new(RingLimits { bytes_max: 1_000_000, span_us_max: 3_000_000 });
        for nth in 0..count {
            ring.push(unit(Kind::Video, nth * 40_000, nth % 25 == 0, 100));
            ring.push(unit(Kind::Audio, nth * 40_000 + 10_000, true, 10));
        }
        ring
    }

    #[test]
    fn a_reader_begins_at_the_latest_keyframe_with_the_sound_beside_it() {
        let mut ring = filled(60);
        // Sound that is later than the keyframe to come.
        ring.push(unit(Kind::Audio, 2_450_000, true, 10));
        ring.push(unit(Kind::Video, 2_440_000, true, 10));
        let read = ring.read(&mut Cursor::default(), 100);
        assert!(!read.lost);
        let got: Vec<_> = read.units.iter().map(|unit| (unit.kind, unit.at_us)).collect();
        assert_eq!(got, [(Kind::Audio, 2_450_000), (Kind::Video, 2_440_000)]);
    }

    #[test]
    fn a_reader_that_keeps_up_gets_everything_once() {
        let mut ring = filled(1);
        let mut cursor = Cursor::default();
        let mut got = ring.read(&mut cursor, 100).units;
        for nth in 1..500 {
            ring.push(unit(Kind::Video, nth * 40_000, nth % 25 == 0, 100));
            let read = ring.read(&mut cursor, 100);
            assert!(!read.lost);
            got.extend(read.units);
        }
        assert_eq!(got.len(), 501);
    }

    #[test]
    fn a_reader_that_falls_behind_goes_on_at_a_keyframe_and_is_told() {
        let mut ring = filled(30);
        let mut cursor = Cursor::default();
        ring.read(&mut cursor, 3);
        for nth in 30..300 {
            ring.push(unit(Kind::Video, nth * 40_000, nth % 25 == 0, 100));
        }
        let read = ring.read(&mut cursor, 1_000);
        assert!(read.lost && read.units[0].keyframe && read.units[0].at_us == 275 * 40_000);
        assert!(!ring.read(&mut cursor, 1_000).lost);
    }

    #[test]
    fn a_loss_is_told_even_if_the_next_keyframe_comes_later() {
        let mut ring = filled(30);
        let mut cursor = Cursor::default();
        ring.read(&mut cursor, 3);
        for nth in 30..200 {
            ring.push(unit(Kind::Video, nth * 40_000, false, 100));
        }
        assert!(ring.read(&mut cursor, 10).units.is_empty());
        ring.push(unit(Kind::Video, 200 * 40_000, true, 100));
        let read = ring.read(&mut cursor, 10);
        assert!(read.lost && read.units.len() == 1);
    }

    proptest! {
        #[test]
        fn a_ring_never_holds_more_than_it_may(sizes in proptest::collection::vec((0usize..5_000, any::<bool>(), any::<bool>(), 0i64..500_000), 1..200), reads in 0usize..50) {
            let limits = RingLimits { bytes_max: 20_000, span_us_max: 2_000_000 };
            let mut ring = Ring::new(limits);
            let (mut cursor, mut at_us, mut seen) = (Cursor::default(), 0, false);
            for (index, (size, video, keyframe, step)) in sizes.into_iter().enumerate() {
                at_us += step;
                ring.push(unit(if video { Kind::Video } else { Kind::Audio }, at_us, keyframe || !video, size));
                let (bytes, span_us) = ring.size();
                prop_assert!(bytes <= limits.bytes_max && span_us <= limits.span_us_max);
                if index % (reads + 1) == 0 {
                    let read = ring.read(&mut cursor, reads);
                    seen &= !read.lost;
                    if let Some(first) = read.units.iter().find(|unit| unit.kind == Kind::Video) && !seen {
                        prop_assert!(first.keyframe);
                        seen = true;
                    }
                }
            }
        }
    }
}
