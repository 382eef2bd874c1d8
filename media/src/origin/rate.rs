//! Token buckets, as Mux has them: so many requests a second in the long run, more at once for a moment. Pure.

use parking_lot::Mutex;

/// How fast a bucket fills and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Requests a second.
    pub per_s: f64,
    /// Requests at once.
    pub burst: u32,
}

/// The limits of an API.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Of `POST`.
    pub post: Rate,
    /// Of all other verbs.
    pub other: Rate,
}

impl Rates {
    /// Those of Mux's Video API: `POST` once a second, others five times (<https://www.mux.com/docs/core/make-api-requests>).
    pub const MUX: Rates = Rates { post: Rate { per_s: 1.0, burst: 5 }, other: Rate { per_s: 5.0, burst: 10 } };
}

/// What a bucket answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Whether the request may pass.
    pub passes: bool,
    /// How many may follow at once.
    pub remaining: u32,
    /// When there is room again, ms from now; 0 if there is.
    pub wait_ms: u64,
}

/// One bucket; it begins full.
#[derive(Debug)]
pub struct Bucket {
    rate: Rate,
    state: Mutex<Option<(f64, i64)>>,
}

impl Bucket {
    /// A full bucket.
    pub fn new(rate: Rate) -> Bucket {
        Bucket { rate, state: Mutex::new(None) }
    }

    /// How many requests fit at once.
    pub fn limit(&self) -> u32 {
        self.rate.burst
    }

    /// Takes one if there is one. Time that runs backwards counts as none.
    pub fn take(&self, now_ms: i64) -> Grant {
        let burst = f64::from(self.rate.burst.max(1));
        let mut state = self.state.lock();
        let (held, at_ms) = state.unwrap_or((burst, now_ms));
        let gone_s = (now_ms - at_ms).max(0) as f64 / 1_000.0;
        let held = (held + gone_s * self.rate.per_s).min(burst);
        let passes = held >= 1.0;
        let left = if passes { held - 1.0 } else { held };
        *state = Some((left, now_ms));
        let missing_s = (1.0 - left).max(0.0) / self.rate.per_s.max(0.001);
        let wait_ms = if passes { 0 } else { (missing_s * 1_000.0).ceil() as u64 };
        Grant { passes, remaining: left as u32, wait_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_at_a_time() {
        let bucket = Bucket::new(Rate { per_s: 1.0, burst: 2 });
        assert!(bucket.take(0).passes && bucket.take(0).passes);
        let refused = bucket.take(400);
        assert_eq!(refused, Grant { passes: false, remaining: 0, wait_ms: 600 });
        assert!(bucket.take(1_000).passes);
        assert!(!bucket.take(1_500).passes);
    }

    #[test]
    fn time_that_runs_backwards_gives_nothing() {
        let bucket = Bucket::new(Rate { per_s: 1.0, burst: 1 });
        assert!(bucket.take(10_000).passes);
        assert!(!bucket.take(0).passes);
        assert!(bucket.take(1_000).passes);
    }
}
