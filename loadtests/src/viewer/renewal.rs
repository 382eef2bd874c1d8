//! When a playback token is asked for anew. The same rule as in `web/models/renewal.ts`. Pure.

use std::time::Duration;

/// Before it ends, so long before and no later, ms.
const AHEAD_MS: f64 = 60_000.0;
/// Nobody asks more often than this, ms.
const SOONEST_MS: f64 = 2_000.0;
/// After a failed renewal, ms.
const AGAIN_MS: f64 = 4_000.0;

/// A minute before it ends (half way when it lives shorter), spread over a fifth of the time so that an audience that came
/// together does not ask together. `left_ms`: of its life; `random` in [0, 1).
pub fn renew_in(left_ms: i64, random: f64) -> Duration {
    let left = left_ms.clamp(0, 86_400_000) as f64;
    let latest = if left > 2.0 * AHEAD_MS { left - AHEAD_MS } else { left / 2.0 };
    Duration::from_millis((latest * (1.0 - 0.2 * random)).max(SOONEST_MS) as u64)
}

/// After a failure.
pub fn again_in(random: f64) -> Duration {
    Duration::from_millis((AGAIN_MS * (0.5 + random)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_asked_for_in_time_and_not_by_all_at_once() {
        assert_eq!(renew_in(60_000, 0.0), Duration::from_secs(30));
        assert_eq!(renew_in(60_000, 0.5), Duration::from_secs(27));
        assert_eq!(renew_in(600_000, 0.0), Duration::from_secs(540));
        assert_eq!(renew_in(-5, 0.9), Duration::from_secs(2));
        assert!(again_in(0.99) < Duration::from_secs(6));
    }
}
