use super::*;
use crate::time::Timestamp;
use proptest::prelude::*;

fn good() -> ServerSample {
    ServerSample { bitrate_kbps: Some(2_000), fps: Some(30), loss_per_mille: Some(0), ..ServerSample::default() }
}

fn lossy(loss_per_mille: u32) -> ServerSample {
    ServerSample { loss_per_mille: Some(loss_per_mille), ..good() }
}

/// A sample a second from `from_s` on; what was told, each with its second.
fn feed(tracker: &mut Tracker, from_s: i64, samples: &[ServerSample]) -> Vec<(i64, HealthNews)> {
    let at = |n: usize| from_s + i64::try_from(n).unwrap();
    let news = samples.iter().enumerate().map(|(n, sample)| (at(n), tracker.server(Timestamp(at(n) * 1_000), *sample)));
    news.flat_map(|(at, news)| news.into_iter().map(move |news| (at, news))).collect()
}

fn graded(grade: Grade, cause: Option<Cause>) -> HealthNews {
    HealthNews::Graded { grade, cause }
}

#[test]
fn a_short_dip_is_no_news_and_a_long_one_is() {
    let mut tracker = Tracker::default();
    assert_eq!(feed(&mut tracker, 0, &[good(), lossy(50), lossy(50), lossy(50), good()]), []);
    let news = feed(&mut tracker, 5, &[lossy(50), lossy(50), lossy(50), lossy(50)]);
    assert_eq!(news, [(8, graded(Grade::Poor, Some(Cause::Loss)))]);
}

#[test]
fn it_is_good_again_only_after_ten_seconds_well_within_the_bounds() {
    let mut tracker = Tracker::default();
    feed(&mut tracker, 0, &[lossy(50); 4]);
    // 25 is under the bound of 30, but not by a fifth.
    assert_eq!(feed(&mut tracker, 4, &[lossy(25); 30]), []);
    assert_eq!(feed(&mut tracker, 34, &[lossy(20); 11]), [(44, graded(Grade::Good, None))]);
}

#[test]
fn what_was_bad_all_the_time_is_what_is_believed() {
    let mut tracker = Tracker::default();
    let news = feed(&mut tracker, 0, &[lossy(50), lossy(300), lossy(300), lossy(300)]);
    assert_eq!(news, [(3, graded(Grade::Poor, Some(Cause::Loss)))]);
    let news = feed(&mut tracker, 4, &[lossy(300); 4]);
    assert_eq!(news, [(7, graded(Grade::Critical, Some(Cause::Loss)))]);
}

#[test]
fn every_cause_is_found() {
    let with = |sample: ServerSample| ServerSample { bitrate_kbps: sample.bitrate_kbps.or(Some(2_000)), ..sample };
    let found = |sample: ServerSample| {
        let mut tracker = Tracker::default();
        feed(&mut tracker, 0, &[with(sample); 4]);
        tracker.now()
    };
    let none = ServerSample::default();
    let rows = [
        (ServerSample { bitrate_kbps: Some(100), ..none }, Grade::Critical, Cause::Bitrate),
        (ServerSample { fps: Some(10), ..none }, Grade::Poor, Cause::Fps),
        (ServerSample { keyframe_ms: Some(5_000), ..none }, Grade::Poor, Cause::Keyframes),
        (ServerSample { black_ms: Some(6_000), ..none }, Grade::Poor, Cause::Black),
        (ServerSample { frozen_ms: Some(11_000), ..none }, Grade::Critical, Cause::Frozen),
        (ServerSample { silent_ms: Some(16_000), ..none }, Grade::Poor, Cause::Silence),
        (ServerSample { drift_ms: Some(100), ..none }, Grade::Poor, Cause::Drift),
    ];
    for (sample, grade, cause) in rows {
        assert_eq!(found(sample), (grade, Some(cause)));
    }
    let publisher = |sample: PublisherSample| {
        let mut tracker = Tracker::default();
        (0..4).for_each(|n| drop(tracker.publisher(Timestamp(n * 1_000), sample)));
        tracker.now()
    };
    let cpu = PublisherSample { limited: Limited::Cpu, ..PublisherSample::default() };
    assert_eq!(publisher(cpu), (Grade::Poor, Some(Cause::Cpu)));
    let line = PublisherSample { limited: Limited::Bandwidth, ..PublisherSample::default() };
    assert_eq!(publisher(line), (Grade::Poor, Some(Cause::Line)));
    let far = PublisherSample { rtt_ms: Some(900), ..PublisherSample::default() };
    assert_eq!(publisher(far), (Grade::Critical, Some(Cause::Rtt)));
}

#[test]
fn a_minute_is_told_with_its_smallest_middle_and_largest_figures() {
    let mut tracker = Tracker::default();
    let samples: Vec<_> = (0..61).map(|n| ServerSample { fps: Some(20 + n % 11), ..good() }).collect();
    let news = feed(&mut tracker, 0, &samples);
    let [(60, HealthNews::MinutePassed { minute })] = news[..] else { panic!("{news:?}") };
    assert_eq!(minute.figures.fps, Some(Spread { min: 20, median: 25, max: 30 }));
    assert_eq!((minute.at, minute.worst, minute.figures.rtt_ms), (Timestamp(0), Grade::Good, None));
}

#[test]
fn the_report_stays_small_and_keeps_the_worst() {
    let mut report = Report::default();
    for n in 0..24 * 60 {
        let fps = Some(Spread { min: 10, median: 20, max: if n == 700 { 99 } else { 30 } });
        let minute =
            Minute { at: Timestamp(n * 60_000), worst: Grade::Good, figures: Figures { fps, ..Default::default() } };
        report.note(Timestamp(n * 60_000), HealthNews::MinutePassed { minute });
    }
    assert!(report.minutes.len() <= MINUTES_MAX && report.row_minutes == 32, "{}", report.row_minutes);
    assert_eq!(report.minutes.iter().filter_map(|row| row.figures.fps).map(|fps| fps.max).max(), Some(99));
    for n in 0..20i64 {
        let bad = if n == 3 { Grade::Critical } else { Grade::Poor };
        report.note(Timestamp(n * 100), graded(bad, Some(Cause::Loss)));
        report.note(Timestamp(n * 100 + 50 + n), graded(Grade::Good, None));
    }
    assert_eq!(report.periods.len(), PERIODS_MAX);
    assert!(report.periods.iter().any(|period| period.grade == Grade::Critical));
    assert!(report.periods.iter().all(|period| period.until.is_some()));
}

proptest! {
    #[test]
    fn whatever_is_sampled_no_grade_lasts_less_than_it_must_and_all_stays_bounded(
        losses in prop::collection::vec((0u32..200, 1i64..4_000), 1..400)
    ) {
        let (mut tracker, mut report, mut now) = (Tracker::default(), Report::default(), 0);
        let mut last: Option<(i64, Grade)> = None;
        for (loss, wait_ms) in losses {
            now += wait_ms;
            for news in tracker.server(Timestamp(now), lossy(loss)) {
                if let HealthNews::Graded { grade, .. } = &news {
                    if let Some((at, before)) = last {
                        let least_ms = if *grade > before { WORSE_MS } else { BETTER_MS };
                        prop_assert!(now - at >= least_ms);
                    }
                    last = Some((now, *grade));
                }
                report.note(Timestamp(now), news);
            }
            prop_assert_eq!(report.grade, tracker.now().0);
            prop_assert!(report.minutes.len() <= MINUTES_MAX && report.periods.len() <= PERIODS_MAX);
        }
    }
}
