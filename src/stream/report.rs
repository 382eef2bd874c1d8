//! The health report of a stream, for people.

use backstage_core::Timestamp;
use backstage_core::health::{Figures, Grade, Report, Spread};

use super::views::{HealthPeriod, HealthReport};
use super::words;
use crate::locale;
use crate::page::Moment;

/// The report as of `until`: the end of the stream, or now. `None` if nothing was measured.
pub fn of(report: &Report, until: Timestamp) -> Option<HealthReport> {
    if report.minutes.is_empty() && report.periods.is_empty() {
        return None;
    }
    let worst = report.periods.iter().map(|period| period.grade).max().unwrap_or(Grade::Good);
    let bad_s: i64 =
        report.periods.iter().map(|period| period.until.unwrap_or(until).since_ms(period.from).max(0) / 1_000).sum();
    let summary = match worst {
        Grade::Good => locale::text("timeline.health.all_good").to_owned(),
        Grade::Poor | Grade::Critical => {
            words::fill(locale::text("timeline.health.some_bad"), &[("lasted", &lasted(bad_s))])
        }
    };
    let periods = report.periods.iter().map(|period| HealthPeriod {
        from: Moment::from(period.from),
        lasted: lasted(period.until.unwrap_or(until).since_ms(period.from).max(0) / 1_000),
        grade: period.grade.as_str(),
        grade_words: words::grade(period.grade),
        reason: period.cause.map_or("", words::health_reason),
    });
    Some(HealthReport { summary, periods: periods.collect(), figures: figures(report) })
}

fn figures(report: &Report) -> Vec<(String, String)> {
    let all: [(&str, &str, fn(&Figures) -> Option<Spread>); 6] = [
        ("bitrate", "kbit/s", |figures| figures.bitrate_kbps),
        ("fps", "", |figures| figures.fps),
        ("loss", "\u{2030}", |figures| figures.loss_per_mille),
        ("rtt", "ms", |figures| figures.rtt_ms),
        ("keyframe", "ms", |figures| figures.keyframe_ms),
        ("drift", "ms", |figures| figures.drift_ms),
    ];
    let shown = all.into_iter().filter_map(|(name, unit, of)| {
        let spreads: Vec<Spread> = report.minutes.iter().filter_map(|minute| of(&minute.figures)).collect();
        let least = spreads.iter().map(|spread| spread.min).min()?;
        let most = spreads.iter().map(|spread| spread.max).max()?;
        let mut medians: Vec<u32> = spreads.iter().map(|spread| spread.median).collect();
        let median = Spread::of(&mut medians)?.median;
        let value = words::fill(
            locale::text("timeline.health.spread"),
            &[("median", &median), ("least", &least), ("most", &most), ("unit", &unit)],
        );
        Some((locale::known(&format!("timeline.health.figures.{name}"))?.to_owned(), value))
    });
    shown.collect()
}

fn lasted(seconds: i64) -> String {
    match seconds {
        0..60 => words::fill(locale::text("timeline.health.seconds"), &[("s", &seconds)]),
        _ => words::fill(locale::text("timeline.health.minutes"), &[("m", &(seconds / 60)), ("s", &(seconds % 60))]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use backstage_core::health::{Cause, HealthNews, Minute};

    #[test]
    fn a_report_says_when_it_was_bad_for_how_long_and_why() {
        let mut report = Report::default();
        assert!(of(&report, Timestamp(0)).is_none());
        let mut rates = [1_000, 2_000, 3_000];
        let figures = Figures { bitrate_kbps: Spread::of(&mut rates), ..Figures::default() };
        let minute = Minute { at: Timestamp(0), worst: Grade::Poor, figures };
        report.note(Timestamp(60_000), HealthNews::MinutePassed { minute });
        report.note(Timestamp(5_000), HealthNews::Graded { grade: Grade::Poor, cause: Some(Cause::Loss) });
        let shown = of(&report, Timestamp(80_000)).unwrap();
        assert_eq!(shown.periods.len(), 1);
        assert!(shown.periods[0].lasted.contains("15") && !shown.periods[0].reason.is_empty());
        let [(_, rate)] = &shown.figures[..] else { panic!() };
        assert!(rate.contains("2000") && rate.contains("3000") && !rate.contains('{'), "{rate}");
    }
}
