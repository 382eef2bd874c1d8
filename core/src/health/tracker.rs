//! Follows the samples of one stream. Lives beside the bridge; what it finds is told to the stream.

use super::grade::{Cause, Grade, PublisherSample, ServerSample, worst};
use super::{Figures, HealthNews, Minute, Spread};
use crate::time::{MINUTE_MS, Timestamp};

/// How long something must be worse before the grade falls, ms.
pub const WORSE_MS: i64 = 3_000;
/// How long everything must be better before the grade rises, ms.
pub const BETTER_MS: i64 = 10_000;
/// A sample older than this says nothing any more, ms.
const FRESH_MS: i64 = 10_000;
/// Samples of a minute that are kept.
const SAMPLES_MAX: usize = 120;

/// A grade that waits to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pending {
    since: Timestamp,
    grade: Grade,
    cause: Option<Cause>,
}

/// Follows one stream.
#[derive(Debug, Clone, Default)]
pub struct Tracker {
    grade: Grade,
    cause: Option<Cause>,
    server: Option<(Timestamp, ServerSample)>,
    publisher: Option<(Timestamp, PublisherSample)>,
    worse: Option<Pending>,
    better: Option<Pending>,
    minute_at: Option<Timestamp>,
    minute_worst: Grade,
    seen: Seen,
}

/// The figures of the minute so far.
#[derive(Debug, Clone, Default)]
struct Seen {
    bitrate_kbps: Vec<u32>,
    fps: Vec<u32>,
    loss_per_mille: Vec<u32>,
    rtt_ms: Vec<u32>,
    keyframe_ms: Vec<u32>,
    drift_ms: Vec<u32>,
}

impl Tracker {
    /// The grade now and what is worst.
    pub fn now(&self) -> (Grade, Option<Cause>) {
        (self.grade, self.cause)
    }

    /// Takes a sample of the bridge; what follows is to be told to the stream. Up to two news: the minute before, the grade.
    pub fn server(&mut self, now: Timestamp, sample: ServerSample) -> Vec<HealthNews> {
        let news = self.begin(now);
        self.server = Some((now, sample));
        let ServerSample { bitrate_kbps, fps, keyframe_ms, loss_per_mille, drift_ms, .. } = sample;
        keep(&mut self.seen.bitrate_kbps, bitrate_kbps);
        keep(&mut self.seen.fps, fps);
        keep(&mut self.seen.keyframe_ms, keyframe_ms);
        keep(&mut self.seen.loss_per_mille, loss_per_mille);
        keep(&mut self.seen.drift_ms, drift_ms);
        self.judge(now, news)
    }

    /// Takes a sample of the publisher; likewise.
    pub fn publisher(&mut self, now: Timestamp, sample: PublisherSample) -> Vec<HealthNews> {
        let news = self.begin(now);
        self.publisher = Some((now, sample));
        keep(&mut self.seen.rtt_ms, sample.rtt_ms);
        // Without a bridge, the publisher's word is all there is.
        if self.server.is_none() {
            keep(&mut self.seen.bitrate_kbps, sample.bitrate_kbps);
            keep(&mut self.seen.fps, sample.fps);
            keep(&mut self.seen.loss_per_mille, sample.loss_per_mille);
        }
        self.judge(now, news)
    }

    /// Closes the minute that is over.
    fn begin(&mut self, now: Timestamp) -> Vec<HealthNews> {
        let at = *self.minute_at.get_or_insert(now);
        if now.since_ms(at) < MINUTE_MS {
            return vec![];
        }
        let minute = Minute { at, worst: self.minute_worst, figures: self.seen.figures() };
        self.seen = Seen::default();
        self.minute_at = Some(now);
        self.minute_worst = self.grade;
        vec![HealthNews::MinutePassed { minute }]
    }

    fn judge(&mut self, now: Timestamp, mut news: Vec<HealthNews>) -> Vec<HealthNews> {
        let (seen, cause) = self.look(now, false);
        // On the way up, every figure must be well within its bounds.
        let (strict, strict_cause) = self.look(now, true);
        let mut change = None;
        if seen > self.grade {
            let held = self.worse.filter(|held| held.grade > self.grade);
            // The mildest of what was seen all the time is what can be believed.
            let milder = match held {
                Some(held) if held.grade <= seen => Pending { cause: held.cause.or(cause), ..held },
                Some(held) => Pending { grade: seen, cause, ..held },
                None => Pending { since: now, grade: seen, cause },
            };
            self.worse = Some(milder);
            if now.since_ms(milder.since) >= WORSE_MS {
                change = Some((milder.grade, milder.cause));
            }
        } else {
            self.worse = None;
        }
        if strict < self.grade {
            let worse_of = match self.better {
                Some(held) if held.grade >= strict => held,
                Some(held) => Pending { grade: strict, cause: strict_cause, ..held },
                None => Pending { since: now, grade: strict, cause: strict_cause },
            };
            self.better = Some(worse_of);
            if now.since_ms(worse_of.since) >= BETTER_MS {
                change = Some((worse_of.grade, worse_of.cause));
            }
        } else {
            self.better = None;
        }
        if let Some((grade, cause)) = change {
            (self.grade, self.cause) = (grade, cause);
            (self.worse, self.better) = (None, None);
            news.push(HealthNews::Graded { grade, cause });
        }
        self.minute_worst = self.minute_worst.max(self.grade);
        news
    }

    fn look(&self, now: Timestamp, strict: bool) -> (Grade, Option<Cause>) {
        let server = self.server.filter(|(at, _)| now.since_ms(*at) <= FRESH_MS).map(|(_, sample)| sample);
        let publisher = self.publisher.filter(|(at, _)| now.since_ms(*at) <= FRESH_MS).map(|(_, sample)| sample);
        let (server, publisher) = (server.unwrap_or_default(), publisher.unwrap_or_default());
        let figures = [
            (Cause::Loss, server.loss_per_mille),
            (Cause::Loss, publisher.loss_per_mille),
            (Cause::Fps, server.fps.or(publisher.fps)),
            (Cause::Bitrate, server.bitrate_kbps.or(publisher.bitrate_kbps)),
            (Cause::Frozen, server.frozen_ms),
            (Cause::Black, server.black_ms),
            (Cause::Silence, server.silent_ms),
            (Cause::Keyframes, server.keyframe_ms),
            (Cause::Drift, server.drift_ms),
            (Cause::Rtt, publisher.rtt_ms),
        ];
        worst(&figures, publisher.limited, strict)
    }
}

fn keep(seen: &mut Vec<u32>, figure: Option<u32>) {
    if seen.len() < SAMPLES_MAX {
        seen.extend(figure);
    }
}

impl Seen {
    fn figures(&mut self) -> Figures {
        Figures {
            bitrate_kbps: Spread::of(&mut self.bitrate_kbps),
            fps: Spread::of(&mut self.fps),
            loss_per_mille: Spread::of(&mut self.loss_per_mille),
            rtt_ms: Spread::of(&mut self.rtt_ms),
            keyframe_ms: Spread::of(&mut self.keyframe_ms),
            drift_ms: Spread::of(&mut self.drift_ms),
        }
    }
}
