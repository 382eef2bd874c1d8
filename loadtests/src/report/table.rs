//! Pass and fail, for the terminal.

use std::fmt::Write;

use super::Subject;
use crate::verdict::Line;

/// A figure with its unit.
pub(super) fn figure(value: Option<u64>, unit: &str) -> String {
    match (value, unit) {
        (None, _) => "nothing measured".into(),
        (Some(value), "") => value.to_string(),
        (Some(value), unit) => format!("{value} {unit}"),
    }
}

/// Every limit with what was measured, then errors by kind.
pub fn table(subject: Subject<'_>) -> String {
    let (verdict, totals) = (&subject.outcome.verdict, &subject.outcome.totals);
    let mut out = format!("{}: {}\n", subject.scenario.name, subject.scenario.about);
    let _ = writeln!(
        out,
        "{} viewers came, {} pictures received, {} moved of {} told\n",
        totals.came,
        totals.pictures,
        totals.move_time.count(),
        totals.told
    );
    for Line { words, unit, allowed, measured, passed, .. } in &verdict.lines {
        let word = if *passed { "pass" } else { "FAIL" };
        let (measured, allowed) = (figure(*measured, unit), figure(Some(*allowed), unit));
        let _ = writeln!(out, "  {word}  {words:<30} {measured:>16}   at most {allowed}");
    }
    if !totals.errors.is_empty() {
        out.push_str("\nErrors:\n");
        for (kind, errors) in &totals.errors {
            let _ = writeln!(out, "  {:>6} x {kind}: {}", errors.count, errors.example);
        }
    }
    let end = match (verdict.complete, verdict.passed()) {
        (false, _) => "FAILED: it was ended early",
        (true, true) => "PASSED",
        (true, false) => "FAILED",
    };
    let _ = writeln!(out, "\n{end}");
    out
}
