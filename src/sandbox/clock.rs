//! The sandbox's time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// The clock on the wall, set forward by what tests say. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    ahead_ms: Arc<AtomicI64>,
}

impl Clock {
    /// Unix time, ms.
    #[expect(clippy::disallowed_methods, reason = "the one place where the sandbox reads the clock on the wall")]
    pub fn now_ms(&self) -> i64 {
        use std::time::{SystemTime, UNIX_EPOCH};
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX).saturating_add(self.ahead_ms.load(Ordering::Relaxed))
    }

    /// Unix time, s.
    pub fn now_s(&self) -> i64 {
        self.now_ms().div_euclid(1_000)
    }

    /// Sets it forward; back it never goes.
    pub(super) fn advance(&self, by_ms: u32) {
        self.ahead_ms.fetch_add(by_ms.into(), Ordering::Relaxed);
    }
}
