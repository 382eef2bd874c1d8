//! What must hold whatever happens, each with its id and one sentence. Evaluated in tests, in the
//! simulation, and on the running server as the metric `backstage_invariant_violations`.

use crate::effect::TimerName;
use crate::ids::*;
use crate::stream::{Phase, Stream};
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// An invariant that can be checked on a picture of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// INV-01
    OneOpenStream,
    /// INV-05
    NoDeadSource,
    /// INV-07
    PerformedAndAppliedOnce,
    /// INV-08
    PhaseNeverBack,
    /// INV-10
    NothingRestsWithoutTimer,
}

impl Invariant {
    /// Every invariant of this module.
    pub const ALL: [Invariant; 5] = [
        Invariant::OneOpenStream,
        Invariant::NoDeadSource,
        Invariant::PerformedAndAppliedOnce,
        Invariant::PhaseNeverBack,
        Invariant::NothingRestsWithoutTimer,
    ];

    /// Id as in docs/INVARIANTS.md.
    pub const fn id(self) -> &'static str {
        match self {
            Invariant::OneOpenStream => "INV-01",
            Invariant::NoDeadSource => "INV-05",
            Invariant::PerformedAndAppliedOnce => "INV-07",
            Invariant::PhaseNeverBack => "INV-08",
            Invariant::NothingRestsWithoutTimer => "INV-10",
        }
    }

    /// The promise in one sentence.
    pub const fn sentence(self) -> &'static str {
        match self {
            Invariant::OneOpenStream => "An experience has at most one open stream.",
            Invariant::NoDeadSource => "No viewer's source is dead for longer than the sweep allows without a slate.",
            Invariant::PerformedAndAppliedOnce => {
                "Each committed effect is performed at least once and its outcome applied exactly once."
            }
            Invariant::PhaseNeverBack => "A stream's phase never goes back.",
            Invariant::NothingRestsWithoutTimer => "No stream rests in a middle phase without a timer.",
        }
    }
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which one.
    pub invariant: Invariant,
    /// What was seen.
    pub detail: String,
}

/// INV-01 over all streams.
pub fn one_open_stream<'a>(streams: impl IntoIterator<Item = &'a Stream>) -> Vec<Violation> {
    let mut open: BTreeMap<&ExperienceId, Vec<&StreamId>> = BTreeMap::new();
    for stream in streams.into_iter().filter(|stream| !stream.phase.is_over()) {
        open.entry(&stream.experience).or_default().push(&stream.id);
    }
    open.into_iter()
        .filter(|(_, ids)| ids.len() > 1)
        .map(|(experience, ids)| Violation {
            invariant: Invariant::OneOpenStream,
            detail: format!("experience {experience} has open streams {ids:?}"),
        })
        .collect()
}

/// INV-10 for one stream and the timers it has.
pub fn has_timer(stream: &Stream, timers: &[TimerName]) -> Option<Violation> {
    let wanted = match stream.phase {
        Phase::Scheduled { .. } => TimerName::ScheduleExpiry,
        Phase::Lobby { armed_until: Some(_), .. } => TimerName::Arming,
        Phase::Lobby { armed_until: None, .. } => TimerName::LobbyExpiry,
        Phase::Live { .. } => TimerName::LiveLimit,
        Phase::Reconnecting { .. } => TimerName::Grace,
        Phase::Ended { .. } => TimerName::Closing,
        Phase::Archived { .. } | Phase::Cancelled { .. } => return None,
    };
    (!timers.contains(&wanted)).then(|| Violation {
        invariant: Invariant::NothingRestsWithoutTimer,
        detail: format!("stream {} is {} without its {} timer", stream.id, stream.phase.as_str(), wanted.as_str()),
    })
}

/// INV-08 between two committed states of one stream.
pub fn phase_not_back(before: &Phase, after: &Phase) -> Option<Violation> {
    let reopened = before.rank() == 4 && before.as_str() != after.as_str();
    (after.rank() < before.rank() || reopened).then(|| Violation {
        invariant: Invariant::PhaseNeverBack,
        detail: format!("{} after {}", after.as_str(), before.as_str()),
    })
}

/// INV-05: media has been away since `media_lost_at`, yet the stream still says `live` after `allowed_ms`.
pub fn no_dead_source(
    now: Timestamp,
    stream: &Stream,
    media_lost_at: Option<Timestamp>,
    allowed_ms: i64,
) -> Option<Violation> {
    let lost_at = media_lost_at?;
    let away_ms = now.since_ms(lost_at);
    (matches!(stream.phase, Phase::Live { .. }) && away_ms > allowed_ms).then(|| Violation {
        invariant: Invariant::NoDeadSource,
        detail: format!("stream {} says live, media away for {away_ms} ms", stream.id),
    })
}
