use super::*;
use crate::figures::{Errors, Second, Totals};
use crate::verdict::judge;

const SCENARIO: &str = r#"
name = "evening"
about = "a <small> evening"
[target]
space = "demo"
experience = "live"
[publisher]
kind = "external"
[[phase]]
name = "rise & shine"
seconds = 4
viewers = 10
[limits]
join_ms_p95 = 500
moved_within_ms = 1_000
errors_max = 0
"#;

fn outcome(scenario: &Scenario) -> Outcome {
    let mut totals = Totals { came: 10, pictures: 1_200, ..Totals::default() };
    (1..=10).for_each(|n| totals.join.record(n * 30));
    let errors = Errors { count: 2, example: "<script>alert(1)</script>".into() };
    totals.errors.insert("slow_down".into(), errors);
    let second = |n: u32| Second {
        at_s: f64::from(n),
        wanted: 10,
        here: 10,
        webrtc: if n < 3 { 10 } else { 4 },
        hls: if n < 3 { 0 } else { 6 },
        join_ms_p95: (n == 2).then_some(300),
        pages_ms_p99: Some(20 + u64::from(n)),
        ..Second::default()
    };
    let verdict = judge(&scenario.limits, &totals, true);
    let phases = vec![(0.0, "rise & shine".to_string())];
    Outcome { totals, seconds: (1..=4).map(second).collect(), phases, verdict, published: 120 }
}

#[test]
fn the_table_tells_what_holds_and_what_does_not() {
    let scenario = Scenario::parse(SCENARIO).unwrap();
    let outcome = outcome(&scenario);
    let text = table(Subject { scenario: &scenario, target: "http://127.0.0.1:1", outcome: &outcome });
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    for line in [
        "pass  Join, 95 %                               300 ms   at most 500 ms",
        "FAIL  95 % moved within              nothing measured   at most 1000 ms",
        "FAIL  Errors                                        2   at most 0",
        "2 x slow_down: <script>alert(1)</script>",
        "FAILED",
    ] {
        assert!(lines.contains(&line), "{line:?} is missing in\n{text}");
    }
}

#[test]
fn the_page_is_one_whole_file_and_shows_words_as_words() {
    let scenario = Scenario::parse(SCENARIO).unwrap();
    let outcome = outcome(&scenario);
    let page = html(Subject { scenario: &scenario, target: "http://127.0.0.1:1", outcome: &outcome });
    assert_eq!(page.matches("<svg ").count(), 6);
    for open in ["figure", "svg", "table", "section", "main", "header", "style"] {
        let (opened, closed) = (page.matches(&format!("<{open}")).count(), page.matches(&format!("</{open}>")).count());
        assert_eq!(opened, closed, "{open}");
    }
    assert!(page.contains("a &lt;small&gt; evening") && page.contains("rise &amp; shine"));
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script") && !page.contains("NaN"));
    for other in ["src=", "href=", "@import", "url("] {
        assert!(!page.contains(other), "it needs {other}");
    }
    // 10 viewers at the top, 4 left on WebRTC: the line goes down at the third of four seconds.
    assert!(
        page.contains("<path class=\"line a\" d=\"M216.0 14.0h0.1L380.0 14.0L544.0 122.0L708.0 122.0\"/>"),
        "{page}"
    );
}

#[test]
fn json_has_every_figure_and_null_for_what_was_not_measured() {
    let scenario = Scenario::parse(SCENARIO).unwrap();
    let outcome = outcome(&scenario);
    let value = json(Subject { scenario: &scenario, target: "http://127.0.0.1:1", outcome: &outcome });
    assert_eq!((&value["passed"], &value["join_ms"]["p95"]), (&false.into(), &300.into()));
    assert!(value["move_ms"]["p50"].is_null() && value["moved_within_ms"].is_null());
    assert_eq!(value["seconds"].as_array().unwrap().len(), 4);
    assert_eq!(value["limits"][0]["limit"], "join_ms_p95");
}
