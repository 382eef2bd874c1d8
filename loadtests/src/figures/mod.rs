//! What is measured, by everybody and in one place. Times are ms; percentiles are true to 0.1 %.

#[cfg(test)]
mod tests;
mod totals;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::socket::Delivery;
pub use totals::{Errors, Second, Times, Totals};

/// Kinds of errors that are told apart.
const KINDS_MAX: usize = 50;
const EXAMPLE_CHARS_MAX: usize = 200;
/// Samples of one kind kept of one second.
const SAMPLES_MAX: usize = 20_000;

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
