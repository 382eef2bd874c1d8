//! What the operator allows: when to move an audience, how fast, and for how much.

use super::budget::Budget;
use serde::{Deserialize, Serialize};

/// Figures of the switch. Percentages are whole; times in ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Viewers of one stream that WebRTC may carry. More than that: HLS.
    pub webrtc_viewers_max: u32,
    /// At this part of the limit the HLS side is warmed up.
    pub warm_at_percent: u32,
    /// How far the audience must fall below the warming mark before anybody thinks of going back.
    pub hysteresis_percent: u32,
    /// And how long it must stay there.
    pub cooldown_ms: i64,
    /// Part of the audience that is moved at once.
    pub cohort_percent: u32,
    /// Between two cohorts.
    pub cohort_every_ms: i64,
    /// Viewers of one cohort move within this time of each other, not at once.
    pub jitter_ms: i64,
    /// How far WebRTC may be filled beyond its limit while there is no HLS; beyond that viewers see the slate.
    pub overflow_percent: u32,
    /// How long the playlist may take to advance after the bridge was asked for.
    pub warm_limit_ms: i64,
    /// Rest after the first failure of the HLS side; doubled with each.
    pub retry_ms_min: i64,
    /// Longest rest.
    pub retry_ms_max: i64,
    /// How long after its start a stream is judged by the viewers that were expected.
    pub expected_trust_ms: i64,
    /// What HLS may cost.
    pub budget: Budget,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            webrtc_viewers_max: 200,
            warm_at_percent: 60,
            hysteresis_percent: 30,
            cooldown_ms: 300_000,
            cohort_percent: 10,
            cohort_every_ms: 2_000,
            jitter_ms: 1_500,
            overflow_percent: 50,
            warm_limit_ms: 20_000,
            retry_ms_min: 2_000,
            retry_ms_max: 120_000,
            expected_trust_ms: 600_000,
            budget: Budget::default(),
        }
    }
}

/// A figure that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} must be {range}")]
pub struct BadLimit {
    /// Which, as in the configuration.
    pub key: &'static str,
    /// What is allowed.
    pub range: &'static str,
}

impl Limits {
    /// Every figure that is out of range, for a start that reports all errors at once.
    pub fn check(&self) -> Vec<BadLimit> {
        let rows = [
            ((1..=1_000_000).contains(&self.webrtc_viewers_max), "webrtc_viewers_max", "1 to 1,000,000"),
            ((1..=100).contains(&self.warm_at_percent), "warm_at_percent", "1 to 100"),
            ((1..=99).contains(&self.hysteresis_percent), "hysteresis_percent", "1 to 99"),
            ((0..=86_400_000).contains(&self.cooldown_ms), "cooldown_ms", "0 ms to a day"),
            ((1..=100).contains(&self.cohort_percent), "cohort_percent", "1 to 100"),
            ((100..=600_000).contains(&self.cohort_every_ms), "cohort_every_ms", "100 ms to 10 minutes"),
            ((0..=60_000).contains(&self.jitter_ms), "jitter_ms", "0 ms to a minute"),
            (self.overflow_percent <= 1_000, "overflow_percent", "0 to 1,000"),
            ((1_000..=600_000).contains(&self.warm_limit_ms), "warm_limit_ms", "1 second to 10 minutes"),
            ((100..=3_600_000).contains(&self.retry_ms_min), "retry_ms_min", "100 ms to an hour"),
            ((self.retry_ms_min..=86_400_000).contains(&self.retry_ms_max), "retry_ms_max", "retry_ms_min to a day"),
            ((0..=86_400_000).contains(&self.expected_trust_ms), "expected_trust_ms", "0 ms to a day"),
            (self.budget.is_sound(), "budget", "0 or more, in minor units"),
        ];
        rows.into_iter().filter(|(fits, _, _)| !fits).map(|(_, key, range)| BadLimit { key, range }).collect()
    }

    /// From this many viewers on the HLS side is warmed up; at least 1.
    pub fn warm_at(&self) -> u32 {
        part(self.webrtc_viewers_max, self.warm_at_percent.min(100)).max(1)
    }

    /// At this many viewers or fewer the way back is open; always below [`Limits::warm_at`].
    pub fn back_at(&self) -> u32 {
        let warm = u64::from(self.warm_at());
        let low = warm * u64::from(100 - self.hysteresis_percent.min(100)) / 100;
        u32::try_from(low.min(warm - 1)).unwrap_or(0)
    }

    /// The most that WebRTC takes while there is no HLS.
    pub fn overflow_max(&self) -> u32 {
        self.webrtc_viewers_max.saturating_add(part(self.webrtc_viewers_max, self.overflow_percent))
    }

    /// Rest after the `failures`th failure in a row (from 1), ms.
    pub fn retry_ms(&self, failures: u32) -> i64 {
        self.retry_ms_min.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(self.retry_ms_max)
    }

    /// Changes of the audience smaller than this are not worth a commit.
    pub fn count_step(&self) -> u32 {
        (self.webrtc_viewers_max / 20).max(1)
    }
}

/// `percent` of `whole`, rounded up.
fn part(whole: u32, percent: u32) -> u32 {
    u32::try_from((u64::from(whole) * u64::from(percent)).div_ceil(100)).unwrap_or(u32::MAX)
}
