//! How much may come in.

use std::time::Duration;

/// A bucket of bytes that fills at the allowed rate. Time comes from the caller.
#[derive(Debug)]
pub(super) struct Rate {
    bytes_per_s: u64,
    bucket_max: u64,
    bucket: u64,
    /// Until when it was filled.
    filled: Duration,
}

impl Rate {
    /// Full at time 0.
    pub(super) fn new(bps: u64, burst: Duration) -> Rate {
        let bytes_per_s = bps / 8;
        let bucket_max = bytes_per_s.saturating_mul(burst.as_millis() as u64) / 1_000;
        Rate { bytes_per_s, bucket_max, bucket: bucket_max, filled: Duration::ZERO }
    }

    /// Takes bytes that came at `now`, counted from the beginning; false when that is too much.
    pub(super) fn take(&mut self, bytes: usize, now: Duration) -> bool {
        let passed_ms = now.saturating_sub(self.filled).as_millis() as u64;
        let gained = self.bytes_per_s.saturating_mul(passed_ms) / 1_000;
        self.bucket = self.bucket.saturating_add(gained).min(self.bucket_max);
        self.filled += Duration::from_millis(passed_ms);
        match self.bucket.checked_sub(bytes as u64) {
            Some(left) => self.bucket = left,
            None => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_twice_the_rate_does_not() {
        let second = Duration::from_secs(1);
        let mut rate = Rate::new(8_000, second * 3);
        assert!(rate.take(3_000, Duration::ZERO));
        assert!(!rate.take(1, Duration::ZERO));
        for at in 1..100 {
            assert!(rate.take(1_000, second * at), "at the rate it goes on for ever");
        }
        let mut rate = Rate::new(8_000, second * 3);
        let stopped = (1..100).find(|at| !rate.take(2_000, second * *at));
        assert_eq!(stopped, Some(3));
    }
}
