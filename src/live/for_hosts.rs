//! What hosts are told beside what everybody is told: how the audience is served and why, and how well the stream goes.
//!
//! One shape for the socket's `state` message, for the studio page and for the answer to a choice.

use backstage_core::Timestamp;
use backstage_core::delivery::expected::{expected, weighted_peak};
use backstage_core::delivery::{Audience, Bridge, Choice, Delivery, Limits, Mode};
use backstage_core::health::{Cause, Grade, Report};
use backstage_core::stream::Phase;
use serde::Serialize;

use super::channel::Snapshot;
use crate::locale;
use crate::stream::words;

/// Whoever measures has told a minute by then, ms.
const MEASURED_WITHIN_MS: i64 = 90_000;

/// See the module.
#[derive(Debug, Serialize)]
pub struct ForHosts {
    /// How the audience is served.
    pub delivery: DeliverySeen,
    /// How well it goes; `None` while nothing is on air, and while nobody measures: it is unknown then.
    pub health: Option<HealthSeen>,
}

/// How the audience is served.
#[derive(Debug, Serialize)]
pub struct DeliverySeen {
    /// There is an HLS side.
    pub available: bool,
    /// A stream is open, so that there is something to choose for.
    pub open: bool,
    /// `auto`, `webrtc` or `hls`.
    pub choice: Choice,
    /// `webrtc`, `warming`, `hybrid`, `hls` or `fallback`.
    pub mode: &'static str,
    /// The mode for people.
    pub mode_words: &'static str,
    /// Why, as a code and for people; while nothing has been decided: what is suggested, or what holds, and why.
    pub reason: Option<&'static str>,
    /// The reason for people.
    pub reason_words: String,
    /// Part of the audience that has moved, while it moves.
    pub moved_percent: Option<u8>,
    /// People by what they see.
    pub audience: Audience,
    /// Viewers expected; 0 once what is counted says more.
    pub expected: u32,
    /// Viewers that WebRTC may carry.
    pub webrtc_viewers_max: Option<u32>,
    /// `off`, `asked`, `on` or `stopping`.
    pub bridge: &'static str,
    /// The bridge for people.
    pub bridge_words: &'static str,
    /// What HLS costs; `None` where the operator gave no prices.
    pub estimate: Option<Estimate>,
}

/// Money in minor units of the operator's currency.
#[derive(Debug, Serialize)]
pub struct Estimate {
    /// So far.
    pub spent_minor: i64,
    /// At the present audience.
    pub per_hour_minor: i64,
    /// The most for one stream; `None`: no limit.
    pub max_minor: Option<i64>,
}

/// How well it goes.
#[derive(Debug, Serialize)]
pub struct HealthSeen {
    /// `good`, `poor` or `critical`.
    pub grade: Grade,
    /// The grade for people.
    pub grade_words: &'static str,
    /// What is worst.
    pub cause: Option<Cause>,
    /// For people.
    pub reason_words: &'static str,
    /// What to do.
    pub hint_words: &'static str,
}

impl ForHosts {
    /// As things are now. `limits`: what this server offers, for a show without a stream yet; `coming`: who said they
    /// come and who may.
    pub fn of(snapshot: &Snapshot, limits: Option<&Limits>, coming: &Audience, now: Timestamp) -> ForHosts {
        match snapshot.stream.as_ref().filter(|stream| !stream.phase.is_over()) {
            Some(stream) => {
                let graded = live_since(&stream.phase).is_some_and(|since| is_known(&stream.health, since, now));
                ForHosts {
                    delivery: DeliverySeen::of(&stream.delivery, true, now),
                    health: graded.then(|| HealthSeen::of(stream.health.grade, stream.health.cause)),
                }
            }
            None => {
                let peaks = weighted_peak(&snapshot.experience.peaks);
                let planned = Delivery { audience: *coming, ..Delivery::planned(limits.copied(), 0, peaks) };
                ForHosts { delivery: DeliverySeen::of(&planned, false, now), health: None }
            }
        }
    }
}

/// Since when a stream is on air; `None` when it is not.
fn live_since(phase: &Phase) -> Option<Timestamp> {
    match *phase {
        Phase::Live { since } => Some(since),
        Phase::Reconnecting { live_since, .. } => Some(live_since),
        Phase::Scheduled { .. }
        | Phase::Lobby { .. }
        | Phase::Ended { .. }
        | Phase::Archived { .. }
        | Phase::Cancelled { .. } => None,
    }
}

/// Whether the grade rests on anything: a stream that neither bridge, recorder nor studio measures is as good as it began.
fn is_known(report: &Report, live_since: Timestamp, now: Timestamp) -> bool {
    let measured = !report.minutes.is_empty() || !report.periods.is_empty();
    measured || now < live_since + MEASURED_WITHIN_MS
}

impl DeliverySeen {
    fn of(delivery: &Delivery, open: bool, now: Timestamp) -> DeliverySeen {
        let limits = delivery.limits.as_ref();
        let expected_now =
            if open { delivery.expected(now) } else { expected(delivery.last_peaks, &delivery.audience) };
        let reason_words = match delivery.reason {
            Some(reason) if delivery.stage.is_on_air() => words::reason(reason),
            Some(_) | None => suggestion(delivery, expected_now),
        };
        let budget = limits.map(|limits| limits.budget).filter(|budget| budget.is_priced());
        DeliverySeen {
            available: limits.is_some(),
            open,
            choice: delivery.choice,
            mode: delivery.mode.as_str(),
            mode_words: locale::text(mode_key(&delivery.mode)),
            reason: delivery.reason.map(|reason| reason.code()),
            reason_words,
            moved_percent: match delivery.mode {
                Mode::Hybrid { moved_percent, .. } => Some(moved_percent),
                Mode::Webrtc | Mode::Warming { .. } | Mode::Hls { .. } | Mode::Fallback { .. } => None,
            },
            audience: delivery.audience,
            expected: expected_now,
            webrtc_viewers_max: limits.map(|limits| limits.webrtc_viewers_max),
            bridge: bridge_code(&delivery.bridge),
            bridge_words: locale::text(match delivery.bridge {
                Bridge::Off => "delivery.bridges.off",
                Bridge::Asked => "delivery.bridges.asked",
                Bridge::On { .. } => "delivery.bridges.on",
                Bridge::Stopping => "delivery.bridges.stopping",
            }),
            estimate: budget.map(|budget| {
                let estimate = delivery.estimate(now);
                Estimate {
                    spent_minor: estimate.spent_minor,
                    per_hour_minor: estimate.per_hour_minor,
                    max_minor: (budget.stream_max_minor > 0).then_some(budget.stream_max_minor),
                }
            }),
        }
    }
}

/// Before the show: what it would begin with, and why. On air, before anything was decided: what holds.
fn suggestion(delivery: &Delivery, expected: u32) -> String {
    let Some(limits) = &delivery.limits else { return locale::text("delivery.suggest.no_hls").into() };
    let limit = limits.webrtc_viewers_max;
    let key = match delivery.choice {
        Choice::Webrtc => "delivery.suggest.chosen_webrtc",
        Choice::Hls => "delivery.suggest.chosen_hls",
        Choice::Auto if delivery.stage.is_on_air() => "delivery.suggest.on_air",
        Choice::Auto if expected > limit => "delivery.suggest.hls",
        Choice::Auto if expected == 0 => "delivery.suggest.unknown",
        Choice::Auto => "delivery.suggest.webrtc",
    };
    words::fill(locale::text(key), &[("expected", &expected), ("limit", &limit)])
}

const fn mode_key(mode: &Mode) -> &'static str {
    match mode {
        Mode::Webrtc => "delivery.modes.webrtc",
        Mode::Warming { .. } => "delivery.modes.warming",
        Mode::Hybrid { .. } => "delivery.modes.hybrid",
        Mode::Hls { .. } => "delivery.modes.hls",
        Mode::Fallback { .. } => "delivery.modes.fallback",
    }
}

/// The bridge as a word of the API and the figures.
pub const fn bridge_code(bridge: &Bridge) -> &'static str {
    match bridge {
        Bridge::Off => "off",
        Bridge::Asked => "asked",
        Bridge::On { .. } => "on",
        Bridge::Stopping => "stopping",
    }
}

impl HealthSeen {
    fn of(grade: Grade, cause: Option<Cause>) -> HealthSeen {
        HealthSeen {
            grade,
            grade_words: words::grade(grade),
            cause,
            reason_words: cause.map_or("", words::health_reason),
            hint_words: cause.map_or("", words::health_hint),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use backstage_core::health::HealthNews;

    #[test]
    fn health_is_unknown_when_nobody_has_measured_it_for_long() {
        let (since, mut report) = (Timestamp(1_000), Report::default());
        assert!(is_known(&report, since, since + 60_000));
        assert!(!is_known(&report, since, since + MEASURED_WITHIN_MS));
        report.note(since, HealthNews::Graded { grade: Grade::Poor, cause: None });
        assert!(is_known(&report, since, since + MEASURED_WITHIN_MS));
    }
}
