//! One received track: from what the network delivers to frames that can be decoded. Without I/O.

use super::clock::{CaptureClock, ForeignClock};
use super::format::{Format, FormatWatch, Verdict};
use super::keyframes::KeyframeDriver;
use super::stats::Counters;
use crate::frame::{Frame, Kind};
use bytes::Bytes;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use str0m::media::{MediaData, Mid};
use str0m::rtp::SeqNo;

const VIDEO_HZ: u32 = 90_000;
const AUDIO_HZ: u32 = 48_000;
/// Opus packets are shorter (RFC 6716), and so are access units of any live encoder, bytes.
const FRAME_BYTES_MAX: usize = 8 << 20;

/// A track.
pub(super) struct Receiving {
    pub kind: Kind,
    pub mid: Mid,
    clock: CaptureClock,
    report: Option<(SystemTime, u32)>,
    watch: FormatWatch,
    /// Asks for keyframes; none for sound.
    pub keyframes: Option<KeyframeDriver>,
    last_seq: Option<SeqNo>,
}

/// A frame, and the format that it begins.
pub(super) struct Received {
    pub frame: Frame,
    /// For keyframes.
    pub format: Option<Format>,
}

impl Receiving {
    pub fn new(kind: Kind, mid: Mid, target: Option<Duration>, retry: Duration, now: Instant) -> Receiving {
        let (hz, keyframes) = match kind {
            Kind::Video => (VIDEO_HZ, Some(KeyframeDriver::new(target, retry, now))),
            Kind::Audio => (AUDIO_HZ, None),
        };
        let watch = FormatWatch::default();
        Receiving { kind, mid, clock: CaptureClock::new(hz), report: None, watch, keyframes, last_seq: None }
    }

    /// Takes in what came. `arrived_us` is the wall-clock time of its arrival, `now` that of the clock of time-outs.
    /// `None` when nothing can be made of it.
    pub fn take(
        &mut self,
        data: MediaData,
        arrived_us: i64,
        now: Instant,
        foreign: &mut ForeignClock,
        counters: &mut Counters,
    ) -> Option<Received> {
        let counter = counters.of(self.kind);
        let (first, last) = (*data.seq_range.start(), *data.seq_range.end());
        counter.stats.packets += last.saturating_sub(*first) + 1;
        if let Some(before) = self.last_seq.replace(last)
            && !data.contiguous
        {
            counter.stats.gaps += 1;
            counter.stats.lost += first.saturating_sub(*before + 1);
        }
        let captured_us = self.captured_us(&data, arrived_us, foreign);
        if data.data.len() > FRAME_BYTES_MAX {
            return None;
        }
        let contiguous = data.contiguous;
        let bytes = Bytes::from_owner(data.data);
        let received = match self.kind {
            Kind::Audio => {
                let frame = Frame { kind: Kind::Audio, captured_us, keyframe: true, data: bytes };
                Received { frame, format: None }
            }
            Kind::Video => self.picture(bytes, contiguous, captured_us, now, counters)?,
        };
        let frame = &received.frame;
        counters.of(self.kind).frame(frame.data.len(), frame.keyframe, now);
        Some(received)
    }

    fn picture(
        &mut self,
        data: Bytes,
        contiguous: bool,
        captured_us: i64,
        now: Instant,
        counters: &mut Counters,
    ) -> Option<Received> {
        let began = self.watch.format().is_some();
        if !contiguous && began {
            self.watch.gap();
        }
        match self.watch.judge(data) {
            Verdict::Picture { data, keyframe } => {
                if keyframe && let Some(driver) = &mut self.keyframes {
                    driver.came(now);
                }
                let format = if keyframe { self.watch.format().cloned() } else { None };
                Some(Received { frame: Frame { kind: Kind::Video, captured_us, keyframe, data }, format })
            }
            Verdict::Undecodable => {
                // What comes before the first keyframe is not broken, only early.
                if began {
                    counters.video.stats.broken += 1;
                }
                if let Some(driver) = &mut self.keyframes {
                    driver.need(now);
                }
                None
            }
            Verdict::Blank => None,
        }
    }

    fn captured_us(&mut self, data: &MediaData, arrived_us: i64, foreign: &mut ForeignClock) -> i64 {
        let captured_us = self.clock.captured_us(data.time.numer(), arrived_us);
        if let Some(sender) = data.last_sender_info {
            let report = (sender.ntp_time, sender.rtp_time.numer() as u32);
            if self.report != Some(report) {
                self.report = Some(report);
                self.clock.report(report.1, micros(report.0), foreign);
            }
        }
        captured_us
    }
}

fn micros(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_micros()).ok()).unwrap_or(0)
}
