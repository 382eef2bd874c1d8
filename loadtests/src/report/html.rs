//! The report for people: one file that needs nothing else.

use std::fmt::Write;

use super::Subject;
use super::chart::{Chart, Series, escape};
use super::table::figure;
use crate::figures::{Second, Times};
use crate::verdict::Line;

const STYLE: &str = include_str!("report.css");

/// A whole page.
pub fn html(subject: Subject<'_>) -> String {
    let Subject { scenario, target, outcome } = subject;
    let verdict = &outcome.verdict;
    let (word, class) = if verdict.passed() { ("Passed", "good") } else { ("Failed", "bad") };
    let name = escape(&scenario.name);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{name}: {word}</title>\n<style>\n{STYLE}</style>\n<main>\n<header>\n<p class=\"verdict {class}\">{word}</p>\n<h1>{name}</h1>\n<p>{}</p>\n",
        escape(&scenario.about)
    );
    let _ = writeln!(
        out,
        "<p class=\"quiet\">{} · up to {} viewers · {} s · seed {}{}</p>\n</header>",
        escape(target),
        scenario.viewers_max(),
        scenario.length().as_secs(),
        scenario.seed,
        if verdict.complete { "" } else { " · ended early" },
    );
    limits(&mut out, &verdict.lines);
    times(&mut out, subject);
    out.push_str("<section class=\"charts\">\n");
    charts(subject).iter().for_each(|chart| out.push_str(&chart.figure()));
    out.push_str("</section>\n");
    errors(&mut out, subject);
    out.push_str("</main>\n</html>\n");
    out
}

fn limits(out: &mut String, lines: &[Line]) {
    if lines.is_empty() {
        out.push_str("<p class=\"quiet\">The scenario has no limits.</p>\n");
        return;
    }
    out.push_str("<table>\n<caption>Limits</caption>\n<tr><th>What<th class=\"number\">Measured<th class=\"number\">At most<th>Verdict</tr>\n");
    for line in lines {
        let (word, class) = if line.passed { ("pass", "good") } else { ("FAIL", "bad") };
        let (measured, allowed) = (figure(line.measured, line.unit), figure(Some(line.allowed), line.unit));
        let _ = writeln!(
            out,
            "<tr><td>{}<td class=\"number\">{measured}<td class=\"number\">{allowed}<td class=\"{class}\">{word}</tr>",
            escape(line.words)
        );
    }
    out.push_str("</table>\n");
}

fn times(out: &mut String, subject: Subject<'_>) {
    let totals = &subject.outcome.totals;
    let rows: [(&str, &Times); 7] = [
        ("Join", &totals.join),
        ("First picture", &totals.first_frame),
        ("Gap between pictures, longest of each source", &totals.gap),
        ("Move: from the word to the swap", &totals.move_time),
        ("Move: gap between pictures", &totals.move_gap),
        ("HLS behind the capture", &totals.latency),
        ("Pages", &totals.pages),
    ];
    out.push_str(
        "<table>\n<caption>Times, ms</caption>\n<tr><th>What<th class=\"number\">Count<th class=\"number\">50 %<th class=\"number\">95 %<th class=\"number\">99 %<th class=\"number\">Longest</tr>\n",
    );
    for (words, times) in rows.into_iter().filter(|(_, times)| times.count() > 0) {
        let _ = write!(out, "<tr><td>{words}<td class=\"number\">{}", times.count());
        for value in [times.percentile(50.0), times.percentile(95.0), times.percentile(99.0), times.max()] {
            let _ = write!(out, "<td class=\"number\">{}", value.unwrap_or(0));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table>\n");
    let _ = writeln!(
        out,
        "<p class=\"quiet\">{} viewers came and received {} pictures, {} of them keyframes, in {} stalls. {} were told to move, {} did, {} were left behind.</p>",
        totals.came,
        totals.pictures,
        totals.keyframes,
        totals.stalls,
        totals.told,
        totals.move_time.count(),
        totals.behind,
    );
}

fn charts(subject: Subject<'_>) -> Vec<Chart<'_>> {
    let Subject { scenario, outcome, .. } = subject;
    let limits = &scenario.limits;
    let length_s = outcome.seconds.last().map_or(1.0, |second| second.at_s);
    let series = |name, class, value: &dyn Fn(&Second) -> Option<u64>| Series {
        name,
        class,
        points: outcome.seconds.iter().map(|second| (second.at_s, value(second).map(|value| value as f64))).collect(),
    };
    let chart = |title, unit, series, limit: Option<u64>| Chart {
        title,
        unit,
        series,
        limit: limit.map(|limit| limit as f64),
        phases: &outcome.phases,
        length_s,
    };
    let count = |value: usize| Some(value as u64);
    vec![
        chart(
            "Viewers by delivery",
            "viewers",
            vec![
                series("wanted", "d", &|second| count(second.wanted)),
                series("here", "c", &|second| count(second.here)),
                series("WebRTC", "a", &|second| count(second.webrtc)),
                series("HLS", "b", &|second| count(second.hls)),
            ],
            None,
        ),
        chart(
            "Join and first picture",
            "ms",
            vec![
                series("join, 95 % of a second", "a", &|second| second.join_ms_p95),
                series("first picture, longest of a second", "b", &|second| second.first_frame_ms_max),
            ],
            limits.first_frame_ms_p95,
        ),
        chart(
            "Gaps between pictures",
            "ms",
            vec![series("longest of a second", "a", &|second| second.gap_ms_max)],
            limits.frame_gap_ms_max,
        ),
        chart("HLS behind the capture", "ms", vec![series("median", "b", &|second| second.latency_ms_p50)], None),
        chart(
            "Pages",
            "ms",
            vec![
                series("50 %", "a", &|second| second.pages_ms_p50),
                series("99 %", "b", &|second| second.pages_ms_p99),
            ],
            limits.pages_ms_p99,
        ),
        chart(
            "Moved, and errors",
            "count",
            vec![
                series("moved so far", "b", &|second| Some(second.moved)),
                series("errors of a second", "bad", &|second| Some(second.errors)),
            ],
            None,
        ),
    ]
}

fn errors(out: &mut String, subject: Subject<'_>) {
    let errors = &subject.outcome.totals.errors;
    if errors.is_empty() {
        out.push_str("<p class=\"quiet\">No errors.</p>\n");
        return;
    }
    out.push_str("<table>\n<caption>Errors</caption>\n<tr><th>Kind<th class=\"number\">Count<th>The first one</tr>\n");
    for (kind, errors) in errors {
        let _ = writeln!(
            out,
            "<tr><td>{}<td class=\"number\">{}<td>{}</tr>",
            escape(kind),
            errors.count,
            escape(&errors.example)
        );
    }
    out.push_str("</table>\n");
}
