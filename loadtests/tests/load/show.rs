//! Whole shows.

use backstage_loadtests::run::{Outcome, run};
use backstage_loadtests::scenario::Scenario;
use backstage_loadtests::target::Target;
use backstage_loadtests::verdict::Line;

use crate::server::Server;

const HEAD: &str = r#"
name = "test"
about = "a test"
[target]
space = "demo"
experience = "live"
[publisher]
kind = "creator"
email = "creator@example.com"
"#;

async fn play(server: &Server, text: &str) -> Outcome {
    let scenario = Scenario::parse(&format!("{HEAD}{text}")).unwrap();
    let target = Target::new(&server.url(), false).unwrap();
    run(&scenario, target, |_, _, _| {}, std::future::pending()).await.unwrap()
}

fn assert_passed(outcome: &Outcome, server: &Server) {
    let failed: Vec<&Line> = outcome.verdict.lines.iter().filter(|line| !line.passed).collect();
    assert!(outcome.verdict.passed(), "{failed:#?}\n{:#?}\n{}", outcome.totals.errors, server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_viewers_of_all_kinds_watch_a_show_and_all_goes_home() {
    let server = Server::start(&[]).await;
    let outcome = play(
        &server,
        r#"
after_s = 2
[[phase]]
name = "lobby and show"
seconds = 7
viewers = 20
ramp_s = 4
[[phase]]
name = "half of them go"
seconds = 4
viewers = 10
[[viewer]]
kind = "watches"
share = 70
[[viewer]]
kind = "reloads"
share = 20
each_s = 5
[[viewer]]
kind = "lurks"
share = 10
[pages]
per_second = 4
paths = ["/", "/demo", "/m/demo/live"]
[limits]
join_ms_p95 = 10_000
first_frame_ms_p95 = 15_000
frame_gap_ms_max = 10_000
pages_ms_p99 = 5_000
errors_max = 0
"#,
    )
    .await;
    assert_passed(&outcome, &server);
    let totals = &outcome.totals;
    assert_eq!((totals.came, totals.told, totals.behind), (20, 0, 0));
    assert!(totals.join.percentile(50.0).unwrap() < 1_900, "waiting in the lobby does not count: {totals:?}");
    assert!(totals.first_frame.count() >= 16, "each but the lurkers, the reloaders more than once: {totals:?}");
    assert!(totals.pictures > 1_000 && totals.keyframes >= 16, "{totals:?}");
    assert!((100..=400).contains(&outcome.published), "9 s of 30 pictures: {}", outcome.published);
    assert!((40..=48).contains(&totals.pages.count()), "4 a second for 11 s: {totals:?}");
    let seconds = &outcome.seconds;
    assert!((10..=11).contains(&seconds.len()));
    assert!(seconds.iter().any(|second| second.webrtc >= 15), "{seconds:#?}");
    let last = seconds.last().unwrap();
    assert!(last.here <= 12 && last.webrtc <= 10 && last.hls == 0, "the others have gone: {last:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audience_that_outgrows_webrtc_is_moved_to_hls_and_nobody_is_left_behind() {
    let server = Server::start(&[
        ("BACKSTAGE__DELIVERY__WEBRTC_VIEWERS_MAX", "8"),
        ("BACKSTAGE__DELIVERY__COHORT_PERCENT", "25"),
        ("BACKSTAGE__DELIVERY__COHORT_EVERY_MS", "1000"),
        ("BACKSTAGE__DELIVERY__JITTER_MS", "500"),
    ])
    .await;
    let outcome = play(
        &server,
        r#"
[[phase]]
name = "few"
seconds = 6
viewers = 7
[[phase]]
name = "many"
seconds = 20
viewers = 16
ramp_s = 3
[pages]
per_second = 2
paths = ["/m/demo/live"]
[limits]
first_frame_ms_p95 = 15_000
move_gap_ms_max = 1_000
moved_within_ms = 18_000
left_behind_max = 0
pages_ms_p99 = 5_000
errors_max = 0
"#,
    )
    .await;
    assert_passed(&outcome, &server);
    let totals = &outcome.totals;
    assert!(totals.told >= 7 && totals.move_time.count() == totals.told, "{totals:?}");
    assert!(totals.latency.count() > 50, "{totals:?}");
    let seconds = &outcome.seconds;
    assert!(seconds.iter().any(|second| second.webrtc == 7 && second.hls == 0), "{seconds:#?}");
    let last = seconds.last().unwrap();
    assert_eq!((last.webrtc, last.hls), (0, 16), "{seconds:#?}");
    server.stop().await;
}
