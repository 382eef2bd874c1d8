//! What would be on the screen of an HLS player: it starts with enough media in front, runs with the clock, and stands when
//! there is none. Pure: time is an argument.

use std::time::{Duration, Instant};

/// Media in front of the playhead when it starts or goes on: as our player's (`web/models/catch_up.ts`).
pub const GOAL: Duration = Duration::from_millis(500);

/// A virtual playhead.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Playhead {
    running_since: Option<Instant>,
    stood_since: Option<Instant>,
    /// Media shown before it last started or stopped.
    shown: Duration,
    /// All media that came.
    media: Duration,
    /// How often it stood.
    pub stalls: u64,
    /// The longest time it stood.
    pub longest_stall: Duration,
    /// When the first picture was shown.
    pub first_at: Option<Instant>,
}

impl Playhead {
    /// More media has come.
    pub fn feed(&mut self, media: Duration, now: Instant) {
        self.look(now);
        self.media += media;
        if self.runs() || self.media - self.shown < GOAL {
            return;
        }
        if let Some(since) = self.stood_since.take() {
            self.longest_stall = self.longest_stall.max(now.saturating_duration_since(since));
        }
        self.first_at.get_or_insert(now);
        self.running_since = Some(now);
    }

    /// Notices that it has run out of media.
    pub fn look(&mut self, now: Instant) {
        let Some(since) = self.running_since else { return };
        let left = self.media - self.shown;
        if now.saturating_duration_since(since) > left {
            self.stalls += 1;
            self.shown = self.media;
            (self.running_since, self.stood_since) = (None, Some(since + left));
        }
    }

    /// Media in front of it.
    pub fn ahead(&self, now: Instant) -> Duration {
        let run = self.running_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        (self.media - self.shown).saturating_sub(run)
    }

    /// For how long it has been standing; zero while it runs or has not begun.
    pub fn standing(&self, now: Instant) -> Duration {
        self.stood_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Pictures are moving.
    pub fn runs(&self) -> bool {
        self.running_since.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn it_starts_with_enough_in_front_and_stands_without() {
        let zero = Instant::now();
        let mut head = Playhead::default();
        head.feed(ms(400), zero);
        assert!(!head.runs() && head.first_at.is_none() && head.standing(zero + ms(900)).is_zero());
        head.feed(ms(200), zero + ms(100));
        assert!(head.runs());
        assert_eq!((head.first_at, head.ahead(zero + ms(300))), (Some(zero + ms(100)), ms(400)));
        head.feed(ms(200), zero + ms(300));
        head.look(zero + ms(899));
        assert_eq!(head.stalls, 0);
        head.look(zero + ms(1_000));
        assert_eq!((head.stalls, head.standing(zero + ms(1_000))), (1, ms(100)));
        head.feed(ms(200), zero + ms(1_100));
        assert!(!head.runs(), "it waits until there is enough to go on");
        head.feed(ms(300), zero + ms(1_400));
        assert_eq!((head.runs(), head.longest_stall, head.ahead(zero + ms(1_500))), (true, ms(500), ms(400)));
    }

    #[test]
    fn steady_parts_never_make_it_stand() {
        let zero = Instant::now();
        let mut head = Playhead::default();
        head.feed(ms(600), zero);
        for part in 1..=100 {
            head.feed(ms(200), zero + ms(200 * part));
        }
        assert_eq!((head.stalls, head.ahead(zero + ms(20_000))), (0, ms(600)));
    }
}
