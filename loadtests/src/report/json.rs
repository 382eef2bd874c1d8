//! The report for programs. Fields are only ever added.

use serde_json::{Value, json as value};

use super::Subject;
use crate::figures::Times;

fn times(times: &Times) -> Value {
    let at = |percent| times.percentile(percent);
    value!({ "count": times.count(), "p50": at(50.0), "p95": at(95.0), "p99": at(99.0), "max": times.max() })
}

/// Times are ms, `at_s` seconds since the start; null: nothing was measured.
pub fn json(subject: Subject<'_>) -> Value {
    let Subject { scenario, target, outcome } = subject;
    let totals = &outcome.totals;
    let seconds: Vec<Value> = outcome
        .seconds
        .iter()
        .map(|second| {
            value!({
                "at_s": (second.at_s * 10.0).round() / 10.0,
                "wanted": second.wanted,
                "here": second.here,
                "webrtc": second.webrtc,
                "hls": second.hls,
                "join_ms_p95": second.join_ms_p95,
                "first_frame_ms_max": second.first_frame_ms_max,
                "gap_ms_max": second.gap_ms_max,
                "latency_ms_p50": second.latency_ms_p50,
                "pages_ms_p50": second.pages_ms_p50,
                "pages_ms_p99": second.pages_ms_p99,
                "moved": second.moved,
                "errors": second.errors,
            })
        })
        .collect();
    let errors: Vec<Value> = totals
        .errors
        .iter()
        .map(|(kind, errors)| value!({ "kind": kind, "count": errors.count, "example": errors.example }))
        .collect();
    value!({
        "format": 1,
        "scenario": scenario.name,
        "about": scenario.about,
        "seed": scenario.seed,
        "target": target,
        "passed": outcome.verdict.passed(),
        "complete": outcome.verdict.complete,
        "limits": outcome.verdict.lines,
        "viewers": { "came": totals.came, "told_to_move": totals.told, "left_behind": totals.behind },
        "join_ms": times(&totals.join),
        "first_frame_ms": times(&totals.first_frame),
        "gap_ms": times(&totals.gap),
        "move_gap_ms": times(&totals.move_gap),
        "move_ms": times(&totals.move_time),
        "moved_within_ms": totals.moved_within_ms,
        "hls_latency_ms": times(&totals.latency),
        "pages_ms": times(&totals.pages),
        "stalls": totals.stalls,
        "pictures": totals.pictures,
        "keyframes": totals.keyframes,
        "published_pictures": outcome.published,
        "errors": errors,
        "phases": outcome.phases.iter().map(|(at, name)| value!({ "at_s": at, "name": name })).collect::<Vec<_>>(),
        "seconds": seconds,
    })
}
