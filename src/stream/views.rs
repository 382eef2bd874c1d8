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

/// One stream.
pub struct TimelineStream {
    /// When it was opened.
    pub started: Moment,
    /// Phase now.
    pub phase: String,
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
