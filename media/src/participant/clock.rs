//! When a frame was captured, from RTP time stamps and sender reports. Pure.
//!
//! RTP time stamps count from an arbitrary zero. A sender report (RFC 3550, 6.4.1) says which wall-clock time one of
//! them stands for, but the first comes about 3 s after subscribing. Until then the zero is put where arrival says:
//! at the frame that was on its way the shortest. From then on the time moves to what the reports say, so slowly that
//! nobody hears it.

/// How fast the time moves to what is known better: 1 ms in 200 ms.
const SLEW_DIVISOR: i64 = 200;
/// A publisher's clock further away than this is wrong; only its differences between picture and sound count then.
const FOREIGN_US: i64 = 500_000;
/// Time stamps that lead this far from arrival have jumped: they are put where arrival says again.
const JUMP_US: i64 = 10_000_000;

/// How far a publisher's clock is from ours, shared by its tracks, so that they stay in step: microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ForeignClock {
    ahead_us: i64,
}

/// Of one track.
#[derive(Debug)]
pub struct CaptureClock {
    hz: i64,
    /// Where the zero of RTP time lies on the wall clock, as well as it is known: microseconds.
    zero_us: Option<i64>,
    /// Where it lies for what is told.
    told_zero_us: i64,
    reported: bool,
    last_rtp: i64,
    last_us: i64,
}

impl CaptureClock {
    /// For time stamps that count `hz` times a second.
    pub fn new(hz: u32) -> CaptureClock {
        CaptureClock {
            hz: i64::from(hz.max(1)),
            zero_us: None,
            told_zero_us: 0,
            reported: false,
            last_rtp: 0,
            last_us: i64::MIN,
        }
    }

    fn span_us(&self, rtp: i64) -> i64 {
        i64::try_from(i128::from(rtp) * 1_000_000 / i128::from(self.hz)).unwrap_or(0)
    }

    /// The capture time of a frame with this extended time stamp that arrived then; always later than that of the
    /// frame before.
    pub fn captured_us(&mut self, rtp: u64, arrived_us: i64) -> i64 {
        let rtp = i64::try_from(rtp).unwrap_or(0);
        let span = self.span_us(rtp);
        let by_arrival = arrived_us - span;
        match self.zero_us {
            Some(zero) if (by_arrival - zero).abs() < JUMP_US => {
                if !self.reported {
                    self.zero_us = Some(zero.min(by_arrival));
                }
                self.slew(self.span_us(rtp - self.last_rtp));
            }
            Some(_) | None => {
                self.zero_us = Some(by_arrival);
                self.told_zero_us = by_arrival;
                self.reported = false;
            }
        }
        self.last_rtp = rtp;
        self.last_us = (span + self.told_zero_us).max(self.last_us.saturating_add(1));
        self.last_us
    }

    fn slew(&mut self, passed_us: i64) {
        let Some(zero) = self.zero_us else { return };
        let step = passed_us.max(0) / SLEW_DIVISOR;
        self.told_zero_us += (zero - self.told_zero_us).clamp(-step, step);
    }

    /// A sender report: the time stamp (its lower 32 bits) stood for this time of the publisher's clock. Ignored
    /// before the first frame.
    pub fn report(&mut self, rtp: u32, publisher_us: i64, foreign: &mut ForeignClock) {
        let Some(zero) = self.zero_us else { return };
        // The report's time stamp is near that of the last frame: their difference tells its upper bits.
        let near = (rtp.wrapping_sub(self.last_rtp as u32)) as i32;
        let by_publisher = publisher_us - self.span_us(self.last_rtp.saturating_add(i64::from(near)));
        if (by_publisher - foreign.ahead_us - zero).abs() > FOREIGN_US {
            let ahead = by_publisher - zero;
            foreign.ahead_us = if ahead.abs() > FOREIGN_US { ahead } else { 0 };
        }
        self.zero_us = Some(by_publisher - foreign.ahead_us);
        self.reported = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EPOCH_US: i64 = 1_800_000_000_000_000;

    /// 30 frames a second from `from` on, the network taking 20 to 35 ms.
    fn frames(clock: &mut CaptureClock, range: std::ops::Range<u64>) -> Vec<i64> {
        let frame =
            |n: u64| clock.captured_us(5_000 + n * 3_000, EPOCH_US + n as i64 * 33_333 + 20_000 + n as i64 % 3 * 5_000);
        range.map(frame).collect()
    }

    #[test]
    fn it_begins_on_arrival_and_moves_to_the_report() {
        let mut clock = CaptureClock::new(90_000);
        let mut foreign = ForeignClock::default();
        let begun = frames(&mut clock, 0..90);
        assert_eq!(begun[0], EPOCH_US + 20_000);
        clock.report(5_000 + 90 * 3_000, EPOCH_US + 3_000_000, &mut foreign);
        let moved = frames(&mut clock, 90..300);
        assert!((moved[0] - (EPOCH_US + 3_000_000 + 20_000)).abs() < 1_000, "no jump");
        assert!((moved[209] - (EPOCH_US + 299 * 33_333 + 99)).abs() < 200, "after 7 s it is there");
        assert_eq!(foreign, ForeignClock::default());
    }

    #[test]
    fn a_wrong_clock_shifts_picture_and_sound_alike() {
        let (mut video, mut audio) = (CaptureClock::new(90_000), CaptureClock::new(48_000));
        let mut foreign = ForeignClock::default();
        let wrong = EPOCH_US + 3_600_000_000;
        for n in 0..2_000u64 {
            let at = n as i64 * 20_000;
            let picture = video.captured_us(n * 1_800, EPOCH_US + at + 30_000);
            let sound = audio.captured_us(n * 960, EPOCH_US + at + 10_000);
            if n == 100 {
                video.report((n * 1_800) as u32, wrong + at, &mut foreign);
                audio.report((n * 960) as u32, wrong + at, &mut foreign);
            }
            if n == 1_999 {
                assert!((picture - sound).abs() < 500, "{picture} {sound}");
                assert!((picture - EPOCH_US - at).abs() < 40_000, "by our clock");
            }
        }
    }

    #[test]
    fn a_report_across_the_wrap_of_32_bits_is_understood() {
        let mut clock = CaptureClock::new(48_000);
        let base = (1u64 << 32) + 100;
        clock.captured_us(base, EPOCH_US);
        clock.report(u32::MAX - 859, EPOCH_US - 20_000, &mut ForeignClock::default());
        assert_eq!(clock.captured_us(base + 960, EPOCH_US + 20_000), EPOCH_US + 20_000);
    }

    #[test]
    fn a_jump_of_time_stamps_is_put_where_arrival_says() {
        let mut clock = CaptureClock::new(90_000);
        let before = clock.captured_us(1_000_000_000, EPOCH_US);
        let after = clock.captured_us(90_000, EPOCH_US + 33_000);
        assert_eq!(after - before, 33_000);
    }

    proptest! {
        #[test]
        fn time_never_goes_back(steps in proptest::collection::vec((any::<u64>(), any::<u32>(), 0..100_000i64, any::<bool>()), 1..60)) {
            let mut clock = CaptureClock::new(90_000);
            let mut foreign = ForeignClock::default();
            let (mut last, mut now) = (i64::MIN, EPOCH_US);
            for (rtp, report, passed, reports) in steps {
                now += passed;
                if reports {
                    clock.report(report, now + i64::from(report), &mut foreign);
                }
                let us = clock.captured_us(rtp, now);
                prop_assert!(us > last);
                last = us;
            }
        }
    }
}
