//! Pings on the signalling socket: when to send one, and when the other side counts as gone. Pure.

use std::time::{Duration, Instant};

/// Bounds for what the server asks for.
const INTERVAL_MIN: Duration = Duration::from_secs(1);
const INTERVAL_MAX: Duration = Duration::from_secs(60);

/// LiveKit closes the session of a client that does not ping; we leave one that does not answer.
#[derive(Debug)]
pub struct Heartbeat {
    interval: Duration,
    timeout: Duration,
    began: Instant,
    next_ping: Instant,
    heard: Instant,
    rtt: Option<Duration>,
}

impl Heartbeat {
    /// As the join's answer asks for, in seconds; zero or less means LiveKit's usual 5 and 15.
    pub fn new(interval_s: i32, timeout_s: i32, now: Instant) -> Heartbeat {
        let seconds = |value: i32, usual: u64| {
            Duration::from_secs(u64::try_from(value).ok().filter(|value| *value > 0).unwrap_or(usual))
        };
        let interval = seconds(interval_s, 5).clamp(INTERVAL_MIN, INTERVAL_MAX);
        let timeout = seconds(timeout_s, 15).clamp(2 * interval, 4 * INTERVAL_MAX);
        Heartbeat { interval, timeout, began: now, next_ping: now + interval, heard: now, rtt: None }
    }

    /// Anything came from the server.
    pub fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// The answer to a ping came, with the ping's own time stamp.
    pub fn pong(&mut self, stamp_ms: i64, now: Instant) {
        let sent = u64::try_from(stamp_ms).ok().and_then(|ms| self.began.checked_add(Duration::from_millis(ms)));
        self.rtt = sent.and_then(|sent| now.checked_duration_since(sent)).filter(|rtt| *rtt < self.timeout);
    }

    /// When to look here again.
    pub fn deadline(&self) -> Instant {
        self.next_ping.min(self.heard + self.timeout)
    }

    /// Time stamp of the ping to send now, if one is due: milliseconds since the beginning.
    pub fn ping_due(&mut self, now: Instant) -> Option<i64> {
        if now < self.next_ping {
            return None;
        }
        self.next_ping = now + self.interval;
        i64::try_from(now.duration_since(self.began).as_millis()).ok()
    }

    /// For how long nothing was heard, when that is too long.
    pub fn silent_for(&self, now: Instant) -> Option<Duration> {
        let silence = now.saturating_duration_since(self.heard);
        (silence >= self.timeout).then_some(silence)
    }

    /// Of the last ping that was answered.
    pub fn rtt(&self) -> Option<Duration> {
        self.rtt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_is_due_at_each_interval_and_silence_ends_it() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut heartbeat = Heartbeat::new(5, 15, start);
        assert_eq!(heartbeat.ping_due(at(4_999)), None);
        assert_eq!(heartbeat.ping_due(at(5_000)), Some(5_000));
        assert_eq!(heartbeat.ping_due(at(5_001)), None);
        heartbeat.pong(5_000, at(5_020));
        heartbeat.heard(at(5_020));
        assert_eq!(heartbeat.rtt(), Some(Duration::from_millis(20)));
        assert_eq!(heartbeat.deadline(), at(10_000));
        assert_eq!(heartbeat.silent_for(at(20_019)), None);
        assert!(heartbeat.silent_for(at(20_020)).is_some());
    }

    #[test]
    fn odd_figures_are_bounded() {
        let start = Instant::now();
        let heartbeat = Heartbeat::new(i32::MIN, 1, start);
        assert_eq!(heartbeat.deadline(), start + Duration::from_secs(5));
        assert_eq!(heartbeat.silent_for(start + Duration::from_secs(9)), None);
        assert!(heartbeat.silent_for(start + Duration::from_secs(10)).is_some());
        let mut heartbeat = Heartbeat::new(i32::MAX, i32::MAX, start);
        heartbeat.pong(i64::MAX, start);
        heartbeat.pong(-1, start);
        assert_eq!(heartbeat.rtt(), None);
    }
}
