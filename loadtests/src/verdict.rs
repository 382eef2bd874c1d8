//! Limits against what was measured. Pure.

use serde::Serialize;

use crate::figures::Totals;
use crate::scenario::Limits;

/// One limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// As in the scenario.
    pub limit: &'static str,
    /// For people.
    pub words: &'static str,
    /// `ms`, or empty for counts.
    pub unit: &'static str,
    /// What is allowed.
    pub allowed: u64,
    /// What was measured; `None`: nothing.
    pub measured: Option<u64>,
    /// It holds.
    pub passed: bool,
}

/// Every limit of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// One for each limit of the scenario.
    pub lines: Vec<Line>,
    /// The run came to its end.
    pub complete: bool,
}

impl Verdict {
    /// Whether all limits hold and the run is complete.
    pub fn passed(&self) -> bool {
        self.complete && self.lines.iter().all(|line| line.passed)
    }
}

/// A limit for which nothing was measured does not hold: a run that proves nothing is no success.
pub fn judge(limits: &Limits, totals: &Totals, complete: bool) -> Verdict {
    // What is counted was measured if anybody was there at all.
    let counted = |count: u64| (totals.came > 0).then_some(count);
    let moves = |count: u64| (totals.told > 0).then_some(count);
    let all = [
        ("join_ms_p95", "Join, 95 %", "ms", limits.join_ms_p95, totals.join.percentile(95.0)),
        (
            "first_frame_ms_p95",
            "First picture, 95 %",
            "ms",
            limits.first_frame_ms_p95,
            totals.first_frame.percentile(95.0),
        ),
        ("frame_gap_ms_max", "Longest gap between pictures", "ms", limits.frame_gap_ms_max, totals.gap.max()),
        ("move_gap_ms_max", "Longest gap of a move", "ms", limits.move_gap_ms_max, totals.move_gap.max()),
        ("stalls_max", "Stalls", "", limits.stalls_max, counted(totals.stalls)),
        ("moved_within_ms", "95 % moved within", "ms", limits.moved_within_ms, totals.moved_within_ms),
        ("left_behind_max", "Left behind", "", limits.left_behind_max, moves(totals.behind)),
        ("pages_ms_p99", "Pages, 99 %", "ms", limits.pages_ms_p99, totals.pages.percentile(99.0)),
        ("errors_max", "Errors", "", limits.errors_max, counted(totals.errors())),
    ];
    let line = |(limit, words, unit, allowed, measured): (_, _, _, Option<u64>, Option<u64>)| {
        let allowed = allowed?;
        let passed = measured.is_some_and(|measured| measured <= allowed);
        Some(Line { limit, words, unit, allowed, measured, passed })
    };
    Verdict { lines: all.into_iter().filter_map(line).collect(), complete }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_holds_up_to_its_figure() {
        let limits = Limits { join_ms_p95: Some(100), errors_max: Some(0), ..Limits::default() };
        let mut totals = Totals { came: 1, ..Totals::default() };
        totals.join.record(100);
        let verdict = judge(&limits, &totals, true);
        assert!(verdict.passed() && verdict.lines.len() == 2);
        assert!(!judge(&limits, &totals, false).passed(), "an interrupted run is no success");
        totals.join.record(101);
        assert!(!judge(&limits, &totals, true).passed());
    }

    #[test]
    fn what_was_not_measured_does_not_hold() {
        let limits = Limits {
            first_frame_ms_p95: Some(600_000),
            moved_within_ms: Some(600_000),
            left_behind_max: Some(1_000),
            stalls_max: Some(1_000),
            ..Limits::default()
        };
        let verdict = judge(&limits, &Totals::default(), true);
        assert!(verdict.lines.iter().all(|line| !line.passed && line.measured.is_none()));
        assert!(judge(&Limits::default(), &Totals::default(), true).passed(), "without limits it is a measurement");
    }
}
