//! The calendar entry of an announced stream (RFC 5545).

use backstage_core::Timestamp;
use backstage_core::experience::Experience;
use chrono::{DateTime, Utc};
use icalendar::{Calendar, Component, Event, EventLike};

/// How long an entry lasts, since nobody knows when a show ends.
const LASTS_MINUTES: i64 = 60;

/// The file. `url` is the viewer page's full address.
pub fn file(experience: &Experience, space: &str, url: &str, starts_at: Timestamp, now: Timestamp) -> String {
    let start: DateTime<Utc> = DateTime::from_timestamp_millis(starts_at.0).unwrap_or_default();
    let made: DateTime<Utc> = DateTime::from_timestamp_millis(now.0).unwrap_or_default();
    let event = Event::with_uid(&format!("{}@backstage-pass", experience.id))
        .summary(&format!("{} · {space}", experience.settings.title))
        .description(format!("{}\n\n{url}", experience.settings.description).trim())
        .url(url)
        .starts(start)
        .ends(start + chrono::Duration::minutes(LASTS_MINUTES))
        .timestamp(made)
        .done();
    Calendar::new().name(&experience.settings.title).push(event).done().to_string()
}
