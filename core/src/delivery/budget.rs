//! What HLS costs, estimated from what was counted. Money is whole minor units (cents) of the operator's currency.

use crate::time::{HOUR_MS, MINUTE_MS, Timestamp};
use serde::{Deserialize, Serialize};

/// Prices and the most one stream may cost. All zero: nothing is estimated and nothing is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// The most that one stream's HLS may cost, minor units; 0: no limit.
    pub stream_max_minor: i64,
    /// Delivery: price of a thousand minutes watched, minor units.
    pub per_1000_viewer_minutes_minor: i64,
    /// Encoding: price of a thousand minutes broadcast, minor units.
    pub per_1000_stream_minutes_minor: i64,
}

/// What was used so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Used {
    /// Time watched over HLS by all viewers together, ms.
    pub viewer_ms: i64,
    /// Time that the bridge was on, ms.
    pub bridge_ms: i64,
    /// Up to when this is counted.
    pub until: Option<Timestamp>,
}

/// The figures shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Spent so far, minor units, rounded up.
    pub spent_minor: i64,
    /// At the present audience, minor units an hour, rounded up.
    pub per_hour_minor: i64,
}

impl Budget {
    /// No figure is negative.
    pub fn is_sound(&self) -> bool {
        self.stream_max_minor >= 0 && self.per_1000_viewer_minutes_minor >= 0 && self.per_1000_stream_minutes_minor >= 0
    }

    /// Whether there is a price at all: without one there is no estimate to show.
    pub fn is_priced(&self) -> bool {
        self.per_1000_viewer_minutes_minor > 0 || self.per_1000_stream_minutes_minor > 0
    }

    /// Cost of what was used, in thousandths of a thousandth: minor units × 1,000 × ms of a minute.
    fn raw(&self, viewer_ms: i64, bridge_ms: i64) -> i128 {
        i128::from(viewer_ms.max(0)) * i128::from(self.per_1000_viewer_minutes_minor)
            + i128::from(bridge_ms.max(0)) * i128::from(self.per_1000_stream_minutes_minor)
    }

    /// Cost of so many ms watched and broadcast, minor units, rounded up.
    pub fn cost_minor(&self, viewer_ms: i64, bridge_ms: i64) -> i64 {
        let unit = i128::from(1_000 * MINUTE_MS);
        let raw = self.raw(viewer_ms, bridge_ms);
        i64::try_from((raw + unit - 1) / unit).unwrap_or(i64::MAX)
    }

    /// Spent, and the rate with `hls` viewers over a bridge that is on or not.
    pub fn estimate(&self, used: &Used, hls: u32, bridge: bool) -> Estimate {
        let per_hour = if bridge { self.cost_minor(HOUR_MS.saturating_mul(i64::from(hls)), HOUR_MS) } else { 0 };
        Estimate { spent_minor: self.cost_minor(used.viewer_ms, used.bridge_ms), per_hour_minor: per_hour }
    }

    /// Whether the limit is reached.
    pub fn is_spent(&self, used: &Used) -> bool {
        self.stream_max_minor > 0 && self.cost_minor(used.viewer_ms, used.bridge_ms) >= self.stream_max_minor
    }

    /// In how many ms the limit is reached at the present audience; `None` if never.
    pub fn lasts_ms(&self, used: &Used, hls: u32) -> Option<i64> {
        if self.stream_max_minor <= 0 {
            return None;
        }
        let each_ms = self.raw(i64::from(hls), 1);
        if each_ms <= 0 {
            return None;
        }
        // `is_spent` rounds up: the limit is reached once the cost is above the last minor unit below it.
        let limit = i128::from(self.stream_max_minor - 1) * i128::from(1_000 * MINUTE_MS) + 1;
        let left = (limit - self.raw(used.viewer_ms, used.bridge_ms)).max(0);
        Some(i64::try_from((left + each_ms - 1) / each_ms).unwrap_or(i64::MAX))
    }
}

impl Used {
    /// Counts the time since the last call, with what held during it.
    pub fn add(&mut self, now: Timestamp, hls: u32, bridge: bool) {
        let ms = self.until.map_or(0, |until| now.since_ms(until).max(0));
        if bridge {
            self.bridge_ms = self.bridge_ms.saturating_add(ms);
            self.viewer_ms = self.viewer_ms.saturating_add(ms.saturating_mul(i64::from(hls)));
        }
        self.until = Some(now);
    }
}
