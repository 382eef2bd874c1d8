//! What stays with the stream: bounded, whatever its length.

use super::HealthNews;
use super::grade::{Cause, Grade};
use crate::time::{MINUTE_MS, Timestamp};
use serde::{Deserialize, Serialize};

/// Rows kept; when they are full, neighbours are merged and each row covers twice the time.
pub const MINUTES_MAX: usize = 60;
/// Worst periods kept.
pub const PERIODS_MAX: usize = 5;

/// The smallest, the middle and the largest of some figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// Smallest.
    pub min: u32,
    /// Median; of merged rows the mean of their medians.
    pub median: u32,
    /// Largest.
    pub max: u32,
}

impl Spread {
    /// Of these figures; `None` of none.
    pub fn of(figures: &mut [u32]) -> Option<Spread> {
        figures.sort_unstable();
        let (min, max) = (*figures.first()?, *figures.last()?);
        Some(Spread { min, median: *figures.get(figures.len() / 2)?, max })
    }

    fn merged(one: Option<Spread>, two: Option<Spread>) -> Option<Spread> {
        match (one, two) {
            (Some(a), Some(b)) => Some(Spread {
                min: a.min.min(b.min),
                median: u32::try_from((u64::from(a.median) + u64::from(b.median)) / 2).unwrap_or(u32::MAX),
                max: a.max.max(b.max),
            }),
            (one, None) => one,
            (None, two) => two,
        }
    }
}

/// The figures that a row has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Figures {
    /// kbit/s received.
    pub bitrate_kbps: Option<Spread>,
    /// Frames a second received.
    pub fps: Option<Spread>,
    /// Packets lost, of a thousand.
    pub loss_per_mille: Option<Spread>,
    /// The publisher's way there and back, ms.
    pub rtt_ms: Option<Spread>,
    /// Between keyframes, ms.
    pub keyframe_ms: Option<Spread>,
    /// Sound and picture apart, ms.
    pub drift_ms: Option<Spread>,
}

/// One row: a minute, or several once the stream is long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Minute {
    /// From when.
    pub at: Timestamp,
    /// The worst grade in it.
    pub worst: Grade,
    /// Its figures.
    pub figures: Figures,
}

impl Minute {
    fn merged(&self, later: &Minute) -> Minute {
        let (a, b) = (&self.figures, &later.figures);
        Minute {
            at: self.at,
            worst: self.worst.max(later.worst),
            figures: Figures {
                bitrate_kbps: Spread::merged(a.bitrate_kbps, b.bitrate_kbps),
                fps: Spread::merged(a.fps, b.fps),
                loss_per_mille: Spread::merged(a.loss_per_mille, b.loss_per_mille),
                rtt_ms: Spread::merged(a.rtt_ms, b.rtt_ms),
                keyframe_ms: Spread::merged(a.keyframe_ms, b.keyframe_ms),
                drift_ms: Spread::merged(a.drift_ms, b.drift_ms),
            },
        }
    }
}

/// A time in which it went badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// From when.
    pub from: Timestamp,
    /// Until when; `None` while it lasts.
    pub until: Option<Timestamp>,
    /// How badly.
    pub grade: Grade,
    /// Why.
    pub cause: Option<Cause>,
}

/// A stream's health, now and so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// The grade now.
    pub grade: Grade,
    /// What is worst now.
    pub cause: Option<Cause>,
    /// Oldest first, up to [`MINUTES_MAX`].
    pub minutes: Vec<Minute>,
    /// Minutes that a row covers: 1, 2, 4, ...
    pub row_minutes: u32,
    /// The worst periods, oldest first, up to [`PERIODS_MAX`].
    pub periods: Vec<Period>,
}

impl Report {
    /// Takes news in.
    pub fn note(&mut self, now: Timestamp, news: HealthNews) {
        match news {
            HealthNews::Graded { grade, cause } if (grade, cause) == (self.grade, self.cause) => {}
            HealthNews::Graded { grade, cause } => self.graded(now, grade, cause),
            HealthNews::MinutePassed { minute } => self.minute(minute),
        }
    }

    fn graded(&mut self, now: Timestamp, grade: Grade, cause: Option<Cause>) {
        (self.grade, self.cause) = (grade, cause);
        if let Some(open) = self.periods.iter_mut().find(|period| period.until.is_none()) {
            open.until = Some(now);
        }
        if grade == Grade::Good {
            return;
        }
        self.periods.push(Period { from: now, until: None, grade, cause });
        if self.periods.len() > PERIODS_MAX {
            let rank = |period: &Period| (period.grade, period.until.unwrap_or(now).since_ms(period.from));
            // The one that lasts still is kept: it is not over yet.
            let closed = self.periods.iter().enumerate().filter(|(_, period)| period.until.is_some());
            if let Some((least, _)) = closed.min_by_key(|(_, period)| rank(period)) {
                self.periods.remove(least);
            }
        }
    }

    /// Joins the row that covers its time, or begins a new one. A minute that came before the last row is dropped.
    fn minute(&mut self, minute: Minute) {
        self.row_minutes = self.row_minutes.max(1);
        let row_ms = i64::from(self.row_minutes) * MINUTE_MS;
        match self.minutes.last_mut() {
            Some(last) if minute.at < last.at => return,
            Some(last) if minute.at.since_ms(last.at) < row_ms && self.row_minutes > 1 => {
                *last = last.merged(&minute);
                return;
            }
            Some(last) if minute.at == last.at => return,
            Some(_) | None => self.minutes.push(minute),
        }
        if self.minutes.len() > MINUTES_MAX {
            self.minutes = self
                .minutes
                .chunks(2)
                .filter_map(|pair| match pair {
                    [one, two] => Some(one.merged(two)),
                    [one] => Some(*one),
                    _ => None,
                })
                .collect();
            self.row_minutes = self.row_minutes.saturating_mul(2);
        }
    }
}
