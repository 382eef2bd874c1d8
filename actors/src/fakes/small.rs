//! The ports that need only a few lines.

use crate::ports::{Announcer, Clock, Gauge, Ids, News};
use backstage_core::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};

/// Follows tokio's clock, paused or not: simulated milliseconds since [`PausedClock::START`].
pub struct PausedClock(tokio::time::Instant);

impl PausedClock {
    /// Where every simulated world begins.
    pub const START: Timestamp = Timestamp(1_800_000_000_000);

    /// A clock that reads [`PausedClock::START`] now. Call it inside a tokio runtime.
    pub fn new() -> PausedClock {
        PausedClock(tokio::time::Instant::now())
    }
}

impl Default for PausedClock {
    fn default() -> Self {
        PausedClock::new()
    }
}

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        PausedClock::START + i64::try_from(self.0.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// `id-1`, `id-2`, ...
#[derive(Default)]
pub struct CountedIds(AtomicU64);

impl Ids for CountedIds {
    fn next(&self) -> String {
        format!("id-{}", self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// Listens to nothing: an [`Announcer`] and a [`Gauge`] for tests that need none.
pub struct Silent;

impl Announcer for Silent {
    fn announce(&self, _: News) {}
}

impl Gauge for Silent {
    fn phase_changed(&self, _: Option<&str>, _: &str, _: &str) {}
    fn actor_restarted(&self, _: &str) {}
    fn actor_escalated(&self, _: &str) {}
    fn effect(&self, _: &str, _: &str) {}
    fn reconciled(&self, _: &str) {}
    fn swept(&self, _: usize, _: i64) {}
    fn mailbox_depth(&self, _: &str, _: usize) {}
}
