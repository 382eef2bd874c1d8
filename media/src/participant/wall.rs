//! The wall clock, for capture times. The one place here that reads it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time: microseconds since the Unix epoch.
pub type WallClock = fn() -> i64;

/// This machine's.
#[expect(clippy::disallowed_methods, reason = "frames carry the time at which they arrived; nothing is decided by it")]
pub fn system_clock() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
