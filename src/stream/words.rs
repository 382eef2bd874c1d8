//! Timeline lines in words: what happened and why.

use backstage_actors::ports::EventRow;

use crate::locale;

/// Events that happen too often, or mean too little, to be lines of a timeline.
const QUIET: [&str; 9] = [
    "planned",
    "viewers_counted",
    "delivery_step",
    "playlist_advanced",
    "broadcast_created",
    "broadcast_completed",
    "bridge_started",
    "bridge_stopped",
    "health_minute",
];

/// Whether the timeline leaves it out. It is stored all the same. A bridge that was the last thing to stop is what archives
/// the stream, which is news.
pub fn is_quiet(row: &EventRow) -> bool {
    let archives = row.event == "bridge_stopped" && row.phase == "archived";
    QUIET.contains(&row.event.as_str()) && !archives
}

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
