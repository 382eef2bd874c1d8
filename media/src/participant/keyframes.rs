//! When to ask the publisher for a keyframe. Pure.
//!
//! A WebRTC encoder makes keyframes only when asked, and HLS can be cut only there. So one is asked for as soon as the
//! last is older than the target, and again until it comes: requests get lost, and the media server drops those that
//! follow each other too fast.

use std::time::{Duration, Instant};

/// Unanswered requests after which we ask more slowly.
const EAGER_REQUESTS: u32 = 10;
const SLOW_RETRY: Duration = Duration::from_secs(1);
/// A request is sent at most this much ahead of the target.
const LEAD_MAX: Duration = Duration::from_millis(150);

/// For one video track.
#[derive(Debug)]
pub struct KeyframeDriver {
    /// `None`: only when one is needed to go on.
    target: Option<Duration>,
    retry: Duration,
    last: Option<Instant>,
    /// Decoding cannot go on without one, since then.
    needed: Option<Instant>,
    first_request: Option<Instant>,
    last_request: Option<Instant>,
    requests: u32,
    /// How long a keyframe usually takes to come: it is asked for that much earlier.
    lead: Duration,
    paused: bool,
}

impl KeyframeDriver {
    /// A keyframe each `target`; requests repeated each `retry`. One is needed at once.
    pub fn new(target: Option<Duration>, retry: Duration, now: Instant) -> KeyframeDriver {
        KeyframeDriver {
            target,
            retry,
            last: None,
            needed: Some(now),
            first_request: None,
            last_request: None,
            requests: 0,
            lead: Duration::ZERO,
            paused: false,
        }
    }

    /// When the next request is due; `None` while paused or when none is wanted.
    pub fn deadline(&self) -> Option<Instant> {
        if self.paused {
            return None;
        }
        let aged = self.last.zip(self.target).map(|(last, target)| last + target.saturating_sub(self.lead));
        let wanted = match (self.needed, aged) {
            (Some(needed), _) => needed,
            (None, Some(aged)) => aged,
            (None, None) => return None,
        };
        let retry = if self.requests < EAGER_REQUESTS { self.retry } else { SLOW_RETRY.max(self.retry) };
        Some(self.last_request.map_or(wanted, |asked| wanted.max(asked + retry)))
    }

    /// Whether to ask now; if so it is noted as asked.
    pub fn ask(&mut self, now: Instant) -> bool {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return false;
        }
        self.first_request.get_or_insert(now);
        self.last_request = Some(now);
        self.requests = self.requests.saturating_add(1);
        true
    }

    /// A keyframe came. Returns its distance from the one before.
    pub fn came(&mut self, now: Instant) -> Option<Duration> {
        if let Some(asked) = self.first_request.take()
            && self.needed.is_none()
        {
            let took = now.saturating_duration_since(asked).min(LEAD_MAX);
            self.lead = (self.lead * 3 + took) / 4;
        }
        (self.last_request, self.requests, self.needed) = (None, 0, None);
        self.last.replace(now).map(|before| now.saturating_duration_since(before))
    }

    /// Decoding cannot go on without one.
    pub fn need(&mut self, now: Instant) {
        self.needed.get_or_insert(now);
    }

    /// Nothing is sent for now, as when muted.
    pub fn pause(&mut self) {
        self.paused = true;
    }

    /// Something is sent again; it begins with a keyframe.
    pub fn resume(&mut self, now: Instant) {
        if self.paused {
            self.paused = false;
            self.need(now);
            (self.first_request, self.last_request, self.requests) = (None, None, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_millis(1_000);
    const RETRY: Duration = Duration::from_millis(250);

    #[test]
    fn it_asks_once_the_target_is_over_and_again_until_one_comes() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut driver = KeyframeDriver::new(Some(TARGET), RETRY, start);
        assert!(driver.ask(at(0)), "the first frame must be one");
        assert!(!driver.ask(at(100)));
        assert_eq!(driver.came(at(150)), None);
        let asked: Vec<u64> = (151..2_000).filter(|ms| driver.ask(at(*ms))).collect();
        assert_eq!(asked, [1_150, 1_400, 1_650, 1_900]);
        assert_eq!(driver.came(at(2_000)), Some(Duration::from_millis(1_850)));
    }

    #[test]
    fn keyframes_settle_at_the_target_though_each_takes_a_while() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut driver = KeyframeDriver::new(Some(TARGET), RETRY, start);
        driver.came(start);
        let mut arrives = None;
        let mut distances = Vec::new();
        for ms in 1..20_000 {
            if driver.ask(at(ms)) {
                arrives.get_or_insert(ms + 60);
            }
            if arrives == Some(ms) {
                arrives = None;
                distances.push(driver.came(at(ms)).unwrap().as_millis());
            }
        }
        assert!(distances.iter().skip(8).all(|ms| (995..=1_012).contains(ms)), "{distances:?}");
    }

    #[test]
    fn without_a_target_it_asks_only_when_one_is_needed() {
        let start = Instant::now();
        let mut driver = KeyframeDriver::new(None, RETRY, start);
        assert!(driver.ask(start));
        driver.came(start);
        assert_eq!(driver.deadline(), None);
        driver.need(start + TARGET);
        assert_eq!(driver.deadline(), Some(start + TARGET));
    }

    #[test]
    fn it_is_quiet_while_muted_and_slower_when_nobody_answers() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut driver = KeyframeDriver::new(Some(TARGET), RETRY, start);
        driver.pause();
        assert_eq!(driver.deadline(), None);
        driver.resume(at(500));
        let asked: Vec<u64> = (500..8_000).filter(|ms| driver.ask(at(*ms))).collect();
        assert_eq!(asked[0], 500);
        assert_eq!(asked[9..12], [2_750, 3_750, 4_750]);
    }
}
