//! Timeline lines in words: what happened and why.

use backstage_actors::ports::EventRow;
use backstage_core::delivery::{Choice, DeliveryEvent, Reason};
use backstage_core::health::{Cause, Grade, HealthNews};
use backstage_core::stream::StreamEvent;
use std::fmt::Display;

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

/// Who or what it came from, for people.
pub fn cause(row: &EventRow) -> String {
    let key = format!("timeline.causes.{}", row.cause);
    if locale::has(&key) { locale::text(&key).to_string() } else { row.cause.replace('_', " ") }
}

/// The line for people. Texts: `timeline.words` in the locale; an event without a text of its own is told by its phase.
/// What has figures, a reason or a choice tells them in a second sentence.
pub fn of(row: &EventRow) -> String {
    let known = [
        format!("timeline.words.{}.{}", row.event, row.phase),
        format!("timeline.words.{}", row.event),
        format!("timeline.words.phase.{}", row.phase),
    ];
    let key = known.iter().find(|key| locale::has(key));
    let line = key.map_or_else(|| row.event.replace('_', " "), |key| locale::text(key).to_string());
    match more(row) {
        Some(more) => format!("{line} {more}"),
        None => line,
    }
}

fn more(row: &EventRow) -> Option<String> {
    match serde_json::from_str(&row.payload).ok()? {
        StreamEvent::Delivery { news: DeliveryEvent::ViewersCounted { audience } } => {
            let numbers: [(&str, &dyn Display); 3] =
                [("viewers", &audience.watching()), ("webrtc", &audience.webrtc), ("hls", &audience.hls)];
            Some(fill(locale::text("timeline.words.watching_now"), &numbers))
        }
        StreamEvent::Delivery { news: DeliveryEvent::Overridden { choice } } => Some(
            locale::text(match choice {
                Choice::Auto => "delivery.chosen.auto",
                Choice::Webrtc => "delivery.chosen.webrtc",
                Choice::Hls => "delivery.chosen.hls",
            })
            .to_owned(),
        ),
        StreamEvent::Health { news: HealthNews::Graded { cause: Some(cause), .. } } => {
            Some(health_reason(cause).to_owned())
        }
        _ => None,
    }
}

/// Why the audience is served as it is, with its figures.
pub fn reason(reason: Reason) -> String {
    let text = locale::text(&format!("delivery.reasons.{}", reason.code())).to_owned();
    match reason {
        Reason::Expected { expected, limit } => fill(&text, &[("expected", &expected), ("limit", &limit)]),
        Reason::Viewers { viewers, limit } => fill(&text, &[("viewers", &viewers), ("limit", &limit)]),
        Reason::NearLimit { viewers, warm_at } => fill(&text, &[("viewers", &viewers), ("limit", &warm_at)]),
        Reason::FewViewers { viewers, back_at } => fill(&text, &[("viewers", &viewers), ("limit", &back_at)]),
        Reason::Targets { count } => fill(&text, &[("count", &count)]),
        Reason::NotSetUp
        | Reason::ChosenWebrtc
        | Reason::ChosenHls
        | Reason::BudgetSpent { .. }
        | Reason::Failed { .. } => text,
    }
}

/// A grade for people.
pub fn grade(grade: Grade) -> &'static str {
    locale::text(match grade {
        Grade::Good => "health.grades.good",
        Grade::Poor => "health.grades.poor",
        Grade::Critical => "health.grades.critical",
    })
}

/// What is wrong, for people.
pub fn health_reason(cause: Cause) -> &'static str {
    locale::known(&format!("health.reasons.{}", cause.code())).unwrap_or_default()
}

/// What to do about it.
pub fn health_hint(cause: Cause) -> &'static str {
    locale::known(&format!("health.hints.{}", cause.code())).unwrap_or_default()
}

/// Puts values in place of `{name}`.
pub fn fill(text: &str, values: &[(&str, &dyn Display)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), &value.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use backstage_core::Timestamp;
    use backstage_core::delivery::Audience;

    #[test]
    fn every_reason_and_cause_has_its_words() {
        for code in Reason::CODES {
            assert!(locale::has(&format!("delivery.reasons.{code}")), "{code}");
            assert!(locale::has(&format!("timeline.causes.{code}")), "{code}");
        }
        for cause in Cause::ALL {
            assert!(!health_reason(cause).is_empty() && !health_hint(cause).is_empty(), "{cause:?}");
        }
        let text = reason(Reason::Viewers { viewers: 180, limit: 150 });
        assert!(text.contains("180") && text.contains("150") && !text.contains('{'), "{text}");
    }

    #[test]
    fn a_turn_of_the_delivery_is_told_with_its_figures() {
        let audience = Audience { webrtc: 180, ..Audience::default() };
        let event = StreamEvent::Delivery { news: DeliveryEvent::ViewersCounted { audience } };
        let row = EventRow {
            version: 1,
            at: Timestamp(1),
            event: "delivery_hybrid".into(),
            phase: "live".into(),
            cause: "viewers".into(),
            payload: serde_json::to_string(&event).unwrap(),
        };
        let line = of(&row);
        assert!(line.contains("180") && !line.contains('{'), "{line}");
    }
}
