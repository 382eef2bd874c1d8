//! How well a stream goes: samples in, a grade with its reason and hint out, and a report that stays with the stream.
//!
//! | grade | left when | to |
//! |---|---|---|
//! | `good`, `poor` | something is worse for [`WORSE_MS`] without a break | that grade |
//! | `poor`, `critical` | everything is better for [`BETTER_MS`] without a break | the worst grade seen in that time |
//!
//! Going back needs a margin as well: a figure counts as better only when it is a fifth within its bound. Words for
//! people: `health.reasons` and `health.hints` in the locale, by [`Cause::code`].

mod grade;
mod report;
#[cfg(test)]
mod tests;
mod tracker;

pub use grade::{Cause, Grade, Limited, PublisherSample, ServerSample};
pub use report::{Figures, MINUTES_MAX, Minute, PERIODS_MAX, Period, Report, Spread};
pub use tracker::{BETTER_MS, Tracker, WORSE_MS};

use serde::{Deserialize, Serialize};

/// What is told to the stream.
#[allow(missing_docs, reason = "the fields say what they are")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "health", rename_all = "snake_case")]
pub enum HealthNews {
    /// The grade changed; `cause` is what is worst, none when all is well.
    Graded { grade: Grade, cause: Option<Cause> },
    /// A minute's figures.
    MinutePassed { minute: Minute },
}

impl HealthNews {
    /// Name in the timeline.
    pub const fn name(&self) -> &'static str {
        match self {
            HealthNews::Graded { grade: Grade::Good, .. } => "health_good",
            HealthNews::Graded { grade: Grade::Poor, .. } => "health_poor",
            HealthNews::Graded { grade: Grade::Critical, .. } => "health_critical",
            HealthNews::MinutePassed { .. } => "health_minute",
        }
    }
}
