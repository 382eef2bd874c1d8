//! Pictures and sound brought into the order of the timeline. Pure.
//!
//! Sound on the timeline has no holes, so a unit is let go as soon as the other kind has come as far. Should one kind
//! fail to come, units wait no longer than [`HOLD_US_MAX`] of the timeline.

use std::collections::VecDeque;

use super::unit::Unit;
use crate::frame::Kind;

/// The longest wait of one kind for the other, microseconds of the timeline.
pub const HOLD_US_MAX: i64 = 1_500_000;

/// See the module.
#[derive(Debug, Default)]
pub struct Interleave {
    video: VecDeque<Unit>,
    audio: VecDeque<Unit>,
    /// Up to where each kind is known.
    video_us: i64,
    audio_us: i64,
}

impl Interleave {
    /// Nothing waiting.
    pub fn new() -> Interleave {
        Interleave::default()
    }

    /// Takes a unit; those of one kind come in their order.
    pub fn push(&mut self, unit: Unit) {
        match unit.kind {
            Kind::Video => {
                self.video_us = unit.at_us;
                self.video.push_back(unit);
            }
            Kind::Audio => {
                self.audio_us = unit.at_us + unit.duration_us;
                self.audio.push_back(unit);
            }
        }
    }

    /// The next unit in order, if it need not wait.
    pub fn pop(&mut self) -> Option<Unit> {
        let newest_us = self.video_us.max(self.audio_us);
        let sound_first = match (self.video.front(), self.audio.front()) {
            (Some(video), Some(audio)) => audio.at_us < video.at_us,
            (Some(video), None) if video.at_us < self.audio_us || newest_us - video.at_us > HOLD_US_MAX => false,
            (None, Some(audio)) if audio.at_us <= self.video_us || newest_us - audio.at_us > HOLD_US_MAX => true,
            _ => return None,
        };
        if sound_first { self.audio.pop_front() } else { self.video.pop_front() }
    }

    /// What still waits, in order; the end has come.
    pub fn drain(&mut self) -> Vec<Unit> {
        let mut rest: Vec<Unit> = self.video.drain(..).chain(self.audio.drain(..)).collect();
        rest.sort_by_key(|unit| unit.at_us);
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn unit(kind: Kind, at_us: i64) -> Unit {
        let duration_us = if kind == Kind::Audio { 20_000 } else { 0 };
        let (captured_us, keyframe, filler, picture) = (at_us, true, None, None);
        Unit { kind, at_us, duration_us, captured_us, keyframe, filler, data: Bytes::new(), picture }
    }

    proptest! {
        #[test]
        fn units_come_out_once_and_in_order(lead_us in -400_000i64..400_000, count in 1i64..80) {
            let mut input: Vec<(i64, Unit)> = (0..count)
                .map(|nth| (nth * 33_000, unit(Kind::Video, nth * 33_000)))
                .chain((0..count).map(|nth| (nth * 20_000 + lead_us, unit(Kind::Audio, nth * 20_000))))
                .collect();
            input.sort_by_key(|(arrival_us, _)| *arrival_us);
            let mut interleave = Interleave::new();
            let mut out = vec![];
            for (_, unit) in input {
                interleave.push(unit);
                while let Some(unit) = interleave.pop() {
                    out.push(unit.at_us);
                }
            }
            out.extend(interleave.drain().iter().map(|unit| unit.at_us));
            prop_assert_eq!(out.len() as i64, count * 2);
            prop_assert!(out.is_sorted());
        }
    }

    #[test]
    fn a_kind_that_never_comes_does_not_hold_the_other_for_ever() {
        let mut interleave = Interleave::new();
        for nth in 0..100 {
            interleave.push(unit(Kind::Video, nth * 33_000));
        }
        let out = std::iter::from_fn(|| interleave.pop()).count();
        assert!((50..60).contains(&out), "{out}");
    }
}
