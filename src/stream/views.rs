//! The timeline page.

use crate::experience::views::ExperiencePage;
use crate::page::{Moment, Page};
use askama::Template;

/// One line.
pub struct TimelineRow {
    /// When.
    pub at: Moment,
    /// Name of the event.
    pub event: String,
    /// Phase after it.
    pub phase: String,
    /// Who or what caused it, in words.
    pub cause: String,
    /// What happened, in words.
    pub words: String,
}

/// How a stream went.
pub struct HealthReport {
    /// In one sentence.
    pub summary: String,
    /// The worst times.
    pub periods: Vec<HealthPeriod>,
    /// The figures over the whole time, as name and value.
    pub figures: Vec<(String, String)>,
}

/// A time in which it went badly.
pub struct HealthPeriod {
    /// From when.
    pub from: Moment,
    /// For how long, in words.
    pub lasted: String,
    /// `poor` or `critical`.
    pub grade: &'static str,
    /// The grade for people.
    pub grade_words: &'static str,
    /// Why, for people.
    pub reason: &'static str,
}

/// One stream.
pub struct TimelineStream {
    /// When it was opened.
    pub started: Moment,
    /// Phase now.
    pub phase: String,
    /// How it went; `None` if nothing was measured.
    pub health: Option<HealthReport>,
    /// Its lines, oldest first.
    pub events: Vec<TimelineRow>,
}

/// `/studio/{space}/{experience}/timeline`
#[derive(Template)]
#[template(path = "stream/timeline.html")]
pub struct StreamTimeline {
    /// Frame.
    pub page: Page,
    /// Whose streams.
    pub experience: ExperiencePage,
    /// Newest first.
    pub streams: Vec<TimelineStream>,
}
