//! Every message of the socket is made here, and only here. Shapes: docs/LIVE.md; fields are only ever added.

use backstage_actors::ports::EventRow;
use backstage_core::Timestamp;
use backstage_core::experience::Experience;
use backstage_core::stream::{Phase, Stream};
use serde::Serialize;
use serde_json::json;

use super::for_hosts::ForHosts;
use crate::stream::words;

/// Where a browser is in the story: version of the experience and of its stream. Equal cursors mean equal states.
pub fn cursor(experience_version: i64, stream_version: Option<i64>) -> String {
    format!("e{experience_version}.s{}", stream_version.unwrap_or(0))
}

/// The part of a `state` message that is the same for everybody, without the opening brace: [`state`] puts the time in front.
pub fn state_body(cursor: &str, experience: &Experience, stream: Option<&Stream>) -> String {
    let body = json!({
        "cursor": cursor,
        "experience": {
            "id": experience.id,
            "title": experience.settings.title,
            "starts_at": experience.settings.starts_at,
        },
        "stream": stream.map(StreamNow::of),
    });
    body.to_string().split_off(1)
}

/// The `state` message. `now` lets the browser find its clock's offset.
pub fn state(body: &str, now: Timestamp) -> String {
    format!("{{\"type\":\"state\",\"now\":{},{body}", now.0)
}

/// The same for a host, who is told more in `studio`.
pub fn state_for_host(body: &str, now: Timestamp, more: &ForHosts) -> Result<String, serde_json::Error> {
    Ok(format!("{{\"type\":\"state\",\"now\":{},\"studio\":{},{body}", now.0, serde_json::to_string(more)?))
}

/// A face in the lobby.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Face {
    /// Shown name.
    pub name: String,
    /// One or two letters.
    pub initials: String,
    /// Colour, 0 to 359.
    pub hue: u16,
}

/// How many watch, and some of them.
pub fn presence(viewers: usize, here: &[Face]) -> String {
    json!({ "type": "presence", "viewers": viewers, "here": here }).to_string()
}

/// This one viewer is to play the other delivery, from a random moment within this time.
pub fn moved(delivery: &str, within_ms: i64) -> String {
    json!({ "type": "move", "delivery": delivery, "within_ms": within_ms }).to_string()
}

/// Access is over; the player stops.
pub fn access_ended(reason: &str) -> String {
    json!({ "type": "access", "allowed": false, "reason": reason }).to_string()
}

/// A line of the timeline as the API and the socket give it.
pub fn timeline_event(row: &EventRow) -> serde_json::Value {
    json!({
        "at": row.at,
        "event": row.event,
        "phase": row.phase,
        "cause": row.cause,
        "cause_words": words::cause(row),
        "words": words::of(row),
    })
}

/// One more line in the timeline (hosts only).
pub fn timeline(row: &EventRow) -> String {
    json!({ "type": "timeline", "event": timeline_event(row) }).to_string()
}

/// The server goes away; come back after `retry_ms` and some jitter.
pub fn bye(retry_ms: u64) -> String {
    json!({ "type": "bye", "retry_ms": retry_ms }).to_string()
}

/// Answer to a ping.
pub fn pong(now: Timestamp) -> String {
    format!("{{\"type\":\"pong\",\"now\":{}}}", now.0)
}

#[derive(Serialize)]
struct StreamNow<'a> {
    id: &'a str,
    phase: &'static str,
    armed: bool,
    starts_at: Option<Timestamp>,
    live_since: Option<Timestamp>,
    reconnecting_since: Option<Timestamp>,
    grace_until: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    end_cause: Option<&'static str>,
}

impl StreamNow<'_> {
    fn of(stream: &Stream) -> StreamNow<'_> {
        let mut now = StreamNow {
            id: stream.id.as_str(),
            phase: stream.phase.as_str(),
            armed: false,
            starts_at: None,
            live_since: None,
            reconnecting_since: None,
            grace_until: None,
            ended_at: None,
            end_cause: None,
        };
        match stream.phase {
            Phase::Scheduled { starts_at } => now.starts_at = Some(starts_at),
            Phase::Lobby { starts_at, armed_until, .. } => {
                now.starts_at = starts_at;
                now.armed = armed_until.is_some();
            }
            Phase::Live { since } => now.live_since = Some(since),
            Phase::Reconnecting { live_since, since, until } => {
                now.live_since = Some(live_since);
                now.reconnecting_since = Some(since);
                now.grace_until = Some(until);
            }
            Phase::Ended { live_since, at, cause } | Phase::Archived { live_since, ended_at: at, cause, .. } => {
                now.live_since = Some(live_since);
                now.ended_at = Some(at);
                now.end_cause = Some(cause.as_str());
            }
            Phase::Cancelled { at, cause } => {
                now.ended_at = Some(at);
                now.end_cause = Some(cause.as_str());
            }
        }
        now
    }
}
