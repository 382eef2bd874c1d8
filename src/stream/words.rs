//! Timeline lines in words: what happened and why.

use backstage_actors::ports::EventRow;

use crate::locale;

/// The line for people. Texts: `timeline.words` in the locale; an event without a text of its own is told by its phase.
pub fn of(row: &EventRow) -> String {
    let known = [
        format!("timeline.words.{}.{}", row.event, row.phase),
        format!("timeline.words.{}", row.event),
        format!("timeline.words.phase.{}", row.phase),
    ];
    let key = known.iter().find(|key| locale::has(key));
    key.map_or_else(|| row.event.replace('_', " "), |key| locale::text(key).to_string())
}
