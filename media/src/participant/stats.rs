//! Figures of what is received, for health and load tests.

use crate::frame::Kind;
use std::time::{Duration, Instant};
use str0m::media::Mid;

/// Over which time rates are measured.
const WINDOW: Duration = Duration::from_secs(1);

/// A snapshot. Counts run over tracks and connections.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stats {
    /// Media can flow.
    pub connected: bool,
    /// Connections made after the first.
    pub reconnects: u64,
    /// From start to the first connection, ms.
    pub connected_after_ms: Option<u64>,
    /// From start to the first picture, ms.
    pub first_picture_after_ms: Option<u64>,
    /// Pictures.
    pub video: TrackStats,
    /// Sound.
    pub audio: TrackStats,
    /// Frames dropped because the reader was too slow.
    pub unread: u64,
    /// Round trip to the media server, ms, by its connectivity checks.
    pub rtt_ms: Option<f32>,
    /// Packets of the last interval that did not come though asked for again, as receiver reports say: percent. What
    /// the network really lost shows in [`TrackStats::nacks`].
    pub loss_percent: f32,
}

/// Of one kind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrackStats {
    /// Complete frames, black ones at the end of a track not counted.
    pub frames: u64,
    /// Of these, keyframes.
    pub keyframes: u64,
    /// Bytes in frames.
    pub bytes: u64,
    /// RTP packets in frames.
    pub packets: u64,
    /// Packets that did not come, not even when asked for again.
    pub lost: u64,
    /// Frames that came after a gap and could not be decoded, until the next keyframe.
    pub broken: u64,
    /// Times something was missing between two frames.
    pub gaps: u64,
    /// Requests for lost packets.
    pub nacks: u64,
    /// Requests for a keyframe.
    pub keyframe_requests: u64,
    /// Between the last two keyframes, ms.
    pub keyframe_distance_ms: Option<u64>,
    /// Since the last keyframe, ms.
    pub keyframe_age_ms: Option<u64>,
    /// Since the last frame, ms.
    pub frame_age_ms: Option<u64>,
    /// The longest time between two frames, mutes and changes of track included, ms.
    pub longest_gap_ms: u64,
    /// Frames per second over the last second.
    pub fps: f32,
    /// Bits per second over the last second.
    pub bitrate_bps: u64,
    /// The publisher sends nothing on purpose.
    pub muted: bool,
    /// A track of this kind plays.
    pub present: bool,
    /// Of the picture, pixels.
    pub size: Option<(u16, u16)>,
}

/// Frames and bytes of the last second.
#[derive(Debug, Clone, Copy)]
struct Rate {
    since: Instant,
    frames: u32,
    bytes: u64,
    fps: f32,
    bitrate_bps: u64,
}

/// Counts one kind.
#[derive(Debug)]
pub(super) struct Counter {
    pub stats: TrackStats,
    rate: Rate,
    last_frame: Option<Instant>,
    last_keyframe: Option<Instant>,
    /// Requests as str0m counts them, from zero for each media section.
    nacks: (Option<Mid>, u64),
}

impl Counter {
    fn new(now: Instant) -> Counter {
        let rate = Rate { since: now, frames: 0, bytes: 0, fps: 0.0, bitrate_bps: 0 };
        Counter { stats: TrackStats::default(), rate, last_frame: None, last_keyframe: None, nacks: (None, 0) }
    }

    pub fn frame(&mut self, bytes: usize, keyframe: bool, now: Instant) {
        self.roll(now);
        self.stats.frames += 1;
        self.stats.bytes += bytes as u64;
        self.rate.frames += 1;
        self.rate.bytes += bytes as u64;
        if let Some(last) = self.last_frame.replace(now) {
            let gap = millis(now.saturating_duration_since(last));
            self.stats.longest_gap_ms = self.stats.longest_gap_ms.max(gap);
        }
        if keyframe {
            self.stats.keyframes += 1;
            let before = self.last_keyframe.replace(now);
            self.stats.keyframe_distance_ms = before.map(|before| millis(now.saturating_duration_since(before)));
        }
    }

    pub fn nacks(&mut self, mid: Mid, count: u64) {
        let before = if self.nacks.0 == Some(mid) { self.nacks.1 } else { 0 };
        self.stats.nacks += count.saturating_sub(before);
        self.nacks = (Some(mid), count);
    }

    /// Ends the window if it is over.
    fn roll(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.rate.since);
        if passed >= WINDOW {
            let seconds = passed.as_secs_f32();
            self.rate = Rate {
                since: now,
                frames: 0,
                bytes: 0,
                fps: self.rate.frames as f32 / seconds,
                bitrate_bps: (self.rate.bytes as f32 * 8.0 / seconds) as u64,
            };
        }
    }

    fn snapshot(&self, now: Instant) -> TrackStats {
        let age = |at: Option<Instant>| at.map(|at| millis(now.saturating_duration_since(at)));
        let mut stats = self.stats.clone();
        (stats.frame_age_ms, stats.keyframe_age_ms) = (age(self.last_frame), age(self.last_keyframe));
        // A window that nobody ended says that nothing came.
        if now.saturating_duration_since(self.rate.since) < 2 * WINDOW {
            (stats.fps, stats.bitrate_bps) = (self.rate.fps, self.rate.bitrate_bps);
        }
        stats
    }
}

/// Counts everything.
#[derive(Debug)]
pub(super) struct Counters {
    started: Instant,
    general: Stats,
    pub video: Counter,
    pub audio: Counter,
}

impl Counters {
    pub fn new(now: Instant) -> Counters {
        Counters { started: now, general: Stats::default(), video: Counter::new(now), audio: Counter::new(now) }
    }

    pub fn of(&mut self, kind: Kind) -> &mut Counter {
        match kind {
            Kind::Video => &mut self.video,
            Kind::Audio => &mut self.audio,
        }
    }

    pub fn connected(&mut self, now: Instant) {
        if self.general.connected_after_ms.is_some() {
            self.general.reconnects += 1;
        }
        self.general.connected_after_ms.get_or_insert(millis(now.saturating_duration_since(self.started)));
        self.general.connected = true;
    }

    pub fn lost_connection(&mut self) {
        self.general.connected = false;
    }

    pub fn picture(&mut self, now: Instant) {
        self.general.first_picture_after_ms.get_or_insert(millis(now.saturating_duration_since(self.started)));
    }

    pub fn network(&mut self, rtt: Option<Duration>, loss_fraction: Option<f32>) {
        if let Some(rtt) = rtt {
            self.general.rtt_ms = Some(rtt.as_secs_f32() * 1_000.0);
        }
        self.general.loss_percent = loss_fraction.unwrap_or(0.0) * 100.0;
    }

    pub fn snapshot(&self, now: Instant, unread: u64) -> Stats {
        Stats { video: self.video.snapshot(now), audio: self.audio.snapshot(now), unread, ..self.general.clone() }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_last_second_and_fall_to_zero() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut counters = Counters::new(start);
        for n in 0..90u64 {
            counters.video.frame(1_000, n % 30 == 0, at(n * 33));
        }
        let stats = counters.snapshot(at(90 * 33), 0).video;
        assert!((stats.fps - 30.0).abs() < 1.0, "{stats:?}");
        assert!(stats.bitrate_bps.abs_diff(240_000) < 8_000, "{stats:?}");
        assert_eq!((stats.keyframes, stats.keyframe_distance_ms, stats.longest_gap_ms), (3, Some(990), 33));
        let later = counters.snapshot(at(10_000), 0).video;
        assert_eq!((later.fps, later.bitrate_bps), (0.0, 0));
        assert_eq!(later.frame_age_ms, Some(10_000 - 89 * 33));
    }
}
