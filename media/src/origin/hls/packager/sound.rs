//! The clock of sound: frames follow each other by their count of samples, not by the rounded stamps of FLV.

/// A stamp further from the count than this is believed instead, ms.
const RESYNC_MS: i64 = 50;

/// Places frames on a track whose clock is the sample rate.
#[derive(Debug)]
pub(super) struct SoundClock {
    rate_hz: u32,
    samples_per_frame: u32,
    next: Option<u64>,
}

impl SoundClock {
    pub(super) fn new(rate_hz: u32, samples_per_frame: u32) -> SoundClock {
        SoundClock { rate_hz: rate_hz.max(1), samples_per_frame, next: None }
    }

    pub(super) fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    pub(super) fn samples_per_frame(&self) -> u32 {
        self.samples_per_frame
    }

    /// Where a frame stamped with `at` begins, ticks; `None` when its time is over: it lies before `start`, or the count
    /// has run ahead of the stamps by more than the limit.
    pub(super) fn place(&mut self, at: i64, start: u64) -> Option<u64> {
        let begin = match self.next {
            None => u64::try_from(at).ok().filter(|at| *at >= start)?,
            Some(next) => {
                let ahead = at.saturating_sub(i64::try_from(next).ok()?);
                let limit = i64::from(self.rate_hz) * RESYNC_MS / 1_000;
                if ahead < -limit {
                    return None;
                }
                if ahead > limit { u64::try_from(at).ok()? } else { next }
            }
        };
        self.next = Some(begin + u64::from(self.samples_per_frame));
        Some(begin)
    }
}
