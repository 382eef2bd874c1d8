//! What is measured, by everybody and in one place. Times are ms; percentiles are true to 0.1 %.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::socket::Delivery;

/// Longer times count as this.
const MS_MAX: u64 = 600_000;
/// Kinds of errors that are told apart.
const KINDS_MAX: usize = 50;
const EXAMPLE_CHARS_MAX: usize = 200;
/// Samples of one kind kept of one second.
const SAMPLES_MAX: usize = 20_000;

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

#[derive(Default)]
struct Interval {
    join: Vec<u64>,
    first_frame: Vec<u64>,
    gap: Vec<u64>,
    latency: Vec<u64>,
    pages: Vec<u64>,
    errors: u64,
}

#[derive(Default)]
struct Inner {
    totals: Totals,
    seconds: Vec<Second>,
    now: Interval,
    here: usize,
    watching: BTreeMap<Delivery, usize>,
    behind: BTreeSet<usize>,
    first_word: Option<Instant>,
    moved_ms: Vec<u64>,
    /// Whoever leaves now is sent home, and was left behind if it was.
    closing: bool,
}

/// Cheap to clone; everybody counts into the same.
#[derive(Clone)]
pub struct Figures {
    inner: Arc<Mutex<Inner>>,
    began: Instant,
}

impl Default for Figures {
    fn default() -> Figures {
        Figures { inner: Arc::default(), began: Instant::now() }
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn keep(list: &mut Vec<u64>, value: u64) {
    if list.len() < SAMPLES_MAX {
        list.push(value);
    }
}

/// The value that so many percent do not exceed.
fn percentile(list: &mut [u64], percent: usize) -> Option<u64> {
    list.sort_unstable();
    let at = (list.len() * percent).div_ceil(100).saturating_sub(1);
    list.get(at).copied()
}

impl Figures {
    /// A viewer is connected.
    pub fn joined(&self, after: Duration) {
        let mut inner = self.inner.lock();
        inner.totals.join.record(ms(after));
        keep(&mut inner.now.join, ms(after));
    }

    /// A viewer has its first picture.
    pub fn first_frame(&self, after: Duration) {
        let mut inner = self.inner.lock();
        inner.totals.first_frame.record(ms(after));
        keep(&mut inner.now.first_frame, ms(after));
    }

    /// Two pictures were further apart than any before them of this source.
    pub fn gap_now(&self, ms: u64) {
        keep(&mut self.inner.lock().now.gap, ms);
    }

    /// The longest gap of a source that ends.
    pub fn gap(&self, ms: u64) {
        self.inner.lock().totals.gap.record(ms);
    }

    /// A picture stood.
    pub fn stalled(&self) {
        self.inner.lock().totals.stalls += 1;
    }

    /// How far an HLS viewer is behind the capture.
    pub fn latency(&self, ms: u64) {
        let mut inner = self.inner.lock();
        inner.totals.latency.record(ms);
        keep(&mut inner.now.latency, ms);
    }

    /// A page was opened.
    pub fn page(&self, after: Duration) {
        let mut inner = self.inner.lock();
        inner.totals.pages.record(ms(after));
        keep(&mut inner.now.pages, ms(after));
    }

    /// A source has brought so much when it ends.
    pub fn pictures(&self, pictures: u64, keyframes: u64) {
        let mut inner = self.inner.lock();
        inner.totals.pictures += pictures;
        inner.totals.keyframes += keyframes;
    }

    /// Something went wrong. `kind` is one of few; `example` are the words.
    pub fn error(&self, kind: &str, example: &str) {
        let mut inner = self.inner.lock();
        inner.now.errors += 1;
        let known = inner.totals.errors.contains_key(kind) || inner.totals.errors.len() < KINDS_MAX;
        let errors = inner.totals.errors.entry(if known { kind } else { "others" }.to_owned()).or_default();
        errors.count += 1;
        if errors.count == 1 {
            errors.example = example.chars().take(EXAMPLE_CHARS_MAX).collect();
        }
    }

    /// A viewer came.
    pub fn came(&self) {
        let mut inner = self.inner.lock();
        inner.totals.came += 1;
        inner.here += 1;
    }

    /// A viewer left.
    pub fn left(&self, viewer: usize) {
        let mut inner = self.inner.lock();
        inner.here = inner.here.saturating_sub(1);
        if !inner.closing {
            inner.behind.remove(&viewer);
        }
    }

    /// A viewer watches another delivery than before, or none.
    pub fn watches(&self, before: Option<Delivery>, now: Option<Delivery>) {
        let mut inner = self.inner.lock();
        if let Some(count) = before.and_then(|before| inner.watching.get_mut(&before)) {
            *count = count.saturating_sub(1);
        }
        if let Some(now) = now {
            *inner.watching.entry(now).or_default() += 1;
        }
    }

    /// A viewer was told to move.
    pub fn told_to_move(&self, viewer: usize) {
        let mut inner = self.inner.lock();
        inner.first_word.get_or_insert_with(Instant::now);
        if inner.behind.insert(viewer) {
            inner.totals.told += 1;
        }
    }

    /// A viewer was told to stay after all.
    pub fn told_to_stay(&self, viewer: usize) {
        let mut inner = self.inner.lock();
        if !inner.closing && inner.behind.remove(&viewer) {
            inner.totals.told -= 1;
        }
    }

    /// The run is over: all are sent home now.
    pub fn close(&self) {
        self.inner.lock().closing = true;
    }

    /// A viewer has moved.
    pub fn moved(&self, viewer: usize, after: Duration, gap_ms: u64) {
        let mut inner = self.inner.lock();
        inner.behind.remove(&viewer);
        inner.totals.move_time.record(ms(after));
        inner.totals.move_gap.record(gap_ms);
        let since = inner.first_word.map_or(after, |word| word.elapsed());
        keep(&mut inner.moved_ms, ms(since));
    }

    /// Ends a second of the run.
    pub fn second(&self, wanted: usize) -> Second {
        let mut inner = self.inner.lock();
        let mut now = std::mem::take(&mut inner.now);
        let watching = |delivery| inner.watching.get(&delivery).copied().unwrap_or(0);
        let second = Second {
            at_s: self.began.elapsed().as_secs_f64(),
            wanted,
            here: inner.here,
            webrtc: watching(Delivery::Webrtc),
            hls: watching(Delivery::Hls),
            join_ms_p95: percentile(&mut now.join, 95),
            first_frame_ms_max: now.first_frame.iter().max().copied(),
            gap_ms_max: now.gap.iter().max().copied(),
            latency_ms_p50: percentile(&mut now.latency, 50),
            pages_ms_p50: percentile(&mut now.pages, 50),
            pages_ms_p99: percentile(&mut now.pages, 99),
            moved: inner.totals.move_time.count(),
            errors: now.errors,
        };
        inner.seconds.push(second.clone());
        second
    }

    /// Since the start.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Everything so far.
    pub fn totals(&self) -> Totals {
        let inner = self.inner.lock();
        let mut totals = inner.totals.clone();
        totals.behind = inner.behind.len() as u64;
        let mut moved = inner.moved_ms.clone();
        let needed = (totals.told as usize * 95).div_ceil(100);
        moved.sort_unstable();
        totals.moved_within_ms = needed.checked_sub(1).and_then(|at| moved.get(at).copied());
        totals
    }

    /// Second by second.
    pub fn seconds(&self) -> Vec<Second> {
        self.inner.lock().seconds.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_tells_of_itself_only_and_totals_of_all() {
        let figures = Figures::default();
        (1..=100).for_each(|n| figures.page(Duration::from_millis(n)));
        figures.came();
        figures.watches(None, Some(Delivery::Webrtc));
        figures.error("slow_down", "429");
        let first = figures.second(1);
        assert_eq!((first.pages_ms_p50, first.pages_ms_p99, first.errors), (Some(50), Some(99), 1));
        assert_eq!((first.here, first.webrtc, first.hls), (1, 1, 0));
        figures.watches(Some(Delivery::Webrtc), Some(Delivery::Hls));
        figures.left(0);
        let second = figures.second(0);
        assert_eq!((second.pages_ms_p50, second.errors, second.here, second.hls), (None, 0, 0, 1));
        let totals = figures.totals();
        assert_eq!((totals.pages.count(), totals.errors(), totals.came), (100, 1, 1));
        assert_eq!(totals.join.percentile(95.0), None);
    }

    #[tokio::test]
    async fn a_move_is_within_the_time_of_nineteen_in_twenty() {
        let figures = Figures::default();
        (0..20).for_each(|viewer| figures.told_to_move(viewer));
        (0..18).for_each(|viewer| figures.moved(viewer, Duration::from_millis(5), 33));
        assert_eq!((figures.totals().moved_within_ms, figures.totals().behind), (None, 2));
        figures.moved(18, Duration::from_millis(5), 33);
        assert!(figures.totals().moved_within_ms.is_some());
        figures.left(19);
        assert_eq!(figures.totals().behind, 0, "who left is not left behind");
        figures.told_to_move(20);
        figures.told_to_stay(20);
        assert_eq!((figures.totals().told, figures.totals().behind), (20, 0));
    }

    #[tokio::test]
    async fn kinds_of_errors_are_bounded() {
        let figures = Figures::default();
        (0..200).for_each(|n| figures.error(&format!("kind {n}"), &"x".repeat(999)));
        let errors = figures.totals().errors;
        assert_eq!((errors.len(), errors["others"].count), (51, 150));
        assert!(errors.values().all(|one| one.example.len() <= 200));
    }
}
