//! What is kept of a run: histograms, counts, one line per second.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

/// Longer times count as this.
const MS_MAX: u64 = 600_000;

/// A histogram that cannot fail.
#[derive(Debug, Clone)]
pub struct Times(Histogram<u32>);

impl Default for Times {
    fn default() -> Times {
        // Its bounds are right, so the second way is never gone; it grows by itself.
        Times(
            Histogram::new_with_bounds(1, MS_MAX, 3).or_else(|_| Histogram::new(3)).unwrap_or_else(|_| unreachable!()),
        )
    }
}

impl Times {
    /// Counts one, ms.
    pub fn record(&mut self, ms: u64) {
        self.0.saturating_record(ms.clamp(1, MS_MAX));
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// A percentile, ms; `None` when nothing was measured.
    pub fn percentile(&self, percent: f64) -> Option<u64> {
        (self.count() > 0).then(|| self.0.value_at_percentile(percent))
    }

    /// The longest, ms.
    pub fn max(&self) -> Option<u64> {
        (self.count() > 0).then(|| self.0.max())
    }
}

/// One second of the run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Second {
    /// Since the start.
    pub at_s: f64,
    /// Who ought to be there.
    pub wanted: usize,
    /// On the page.
    pub here: usize,
    /// Watching WebRTC.
    pub webrtc: usize,
    /// Watching HLS.
    pub hls: usize,
    /// 95 % of those who joined in this second, ms.
    pub join_ms_p95: Option<u64>,
    /// The longest of this second, ms.
    pub first_frame_ms_max: Option<u64>,
    /// The longest gap between pictures that ended in this second, ms.
    pub gap_ms_max: Option<u64>,
    /// Median of HLS, ms behind the capture.
    pub latency_ms_p50: Option<u64>,
    /// Of pages, ms.
    pub pages_ms_p50: Option<u64>,
    /// Of pages, ms.
    pub pages_ms_p99: Option<u64>,
    /// Who has moved so far.
    pub moved: u64,
    /// In this second.
    pub errors: u64,
}

/// Of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Errors {
    /// How many.
    pub count: u64,
    /// The first one's words.
    pub example: String,
}

/// All of a run so far.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// To being connected.
    pub join: Times,
    /// To the first picture.
    pub first_frame: Times,
    /// Between two pictures, the longest of each source.
    pub gap: Times,
    /// Between the last picture of one delivery and the first of the next.
    pub move_gap: Times,
    /// From being told to move until moved.
    pub move_time: Times,
    /// Behind the capture, HLS.
    pub latency: Times,
    /// Pages opened by others.
    pub pages: Times,
    /// How often a picture stood.
    pub stalls: u64,
    /// Pictures received.
    pub pictures: u64,
    /// Of these, places where decoding can begin.
    pub keyframes: u64,
    /// Viewers who came.
    pub came: u64,
    /// Told to move; each viewer once per move.
    pub told: u64,
    /// From the first word of moving to 95 % moved of all who were told, ms; `None` until then.
    pub moved_within_ms: Option<u64>,
    /// Told to move, and have neither moved nor left.
    pub behind: u64,
    /// By kind.
    pub errors: BTreeMap<String, Errors>,
}

impl Totals {
    /// Of all kinds.
    pub fn errors(&self) -> u64 {
        self.errors.values().map(|errors| errors.count).sum()
    }
}
