//! What must hold whatever happens, each with its id and one sentence. Evaluated in tests, in the
//! simulation, and on the running server as the metric `backstage_invariant_violations`.

use crate::delivery::{Bridge, Mode, Source, ViewerRef};
use crate::effect::{Effect, TimerName};
use crate::ids::*;
use crate::stream::{Phase, Recording, Stream};
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// An invariant that can be checked on a picture of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// INV-01
    OneOpenStream,
    /// INV-05
    NoDeadSource,
    /// INV-06
    RecordingAccountedFor,
    /// INV-07
    PerformedAndAppliedOnce,
    /// INV-08
    PhaseNeverBack,
    /// INV-10
    NothingRestsWithoutTimer,
    /// INV-11
    NothingLeftRunning,
}

impl Invariant {
    /// Every invariant of this module.
    pub const ALL: [Invariant; 7] = [
        Invariant::OneOpenStream,
        Invariant::NoDeadSource,
        Invariant::RecordingAccountedFor,
        Invariant::PerformedAndAppliedOnce,
        Invariant::PhaseNeverBack,
        Invariant::NothingRestsWithoutTimer,
        Invariant::NothingLeftRunning,
    ];

    /// Id as in docs/INVARIANTS.md.
    pub const fn id(self) -> &'static str {
        match self {
            Invariant::OneOpenStream => "INV-01",
            Invariant::NoDeadSource => "INV-05",
            Invariant::RecordingAccountedFor => "INV-06",
            Invariant::PerformedAndAppliedOnce => "INV-07",
            Invariant::PhaseNeverBack => "INV-08",
            Invariant::NothingRestsWithoutTimer => "INV-10",
            Invariant::NothingLeftRunning => "INV-11",
        }
    }

    /// The promise in one sentence.
    pub const fn sentence(self) -> &'static str {
        match self {
            Invariant::OneOpenStream => "An experience has at most one open stream.",
            Invariant::NoDeadSource => "No viewer's source is dead for longer than the sweep allows without a slate.",
            Invariant::RecordingAccountedFor => {
                "A recording that started is archived, or in the dead letters with its file."
            }
            Invariant::PerformedAndAppliedOnce => {
                "Each committed effect is performed at least once and its outcome applied exactly once."
            }
            Invariant::PhaseNeverBack => "A stream's phase never goes back.",
            Invariant::NothingRestsWithoutTimer => "No stream rests in a middle phase without a timer.",
            Invariant::NothingLeftRunning => "Nothing is left running or billed after its stream.",
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
    let missing = |name: TimerName, what: &str| Violation {
        invariant: Invariant::NothingRestsWithoutTimer,
        detail: format!("stream {} is {what} without its {} timer", stream.id, name.as_str()),
    };
    if !timers.contains(&wanted) {
        return Some(missing(wanted, stream.phase.as_str()));
    }
    let mode = &stream.delivery.mode;
    let waits = match mode {
        Mode::Webrtc | Mode::Hls { .. } => false,
        Mode::Warming { .. } => stream.delivery.proven_at.is_none(),
        Mode::Hybrid { .. } | Mode::Fallback { .. } => true,
    };
    ((waits || stream.delivery.step_at.is_some()) && !timers.contains(&TimerName::DeliveryStep))
        .then(|| missing(TimerName::DeliveryStep, mode.as_str()))
}

/// INV-05 for viewers of the playlist: it has stood still since `dead_since`, yet a viewer is told to watch it after
/// `allowed_ms` and sees no slate.
pub fn no_dead_playlist(
    now: Timestamp,
    stream: &Stream,
    dead_since: Option<Timestamp>,
    viewer: ViewerRef,
    allowed_ms: i64,
) -> Option<Violation> {
    let dead_ms = now.since_ms(dead_since?);
    let told = stream.delivery.assign(viewer).source;
    (matches!(stream.phase, Phase::Live { .. }) && told == Source::Hls && dead_ms > allowed_ms).then(|| Violation {
        invariant: Invariant::NoDeadSource,
        detail: format!("stream {}: slot {} watches a playlist dead for {dead_ms} ms", stream.id, viewer.slot.number()),
    })
}

/// INV-06 for one stream: archived means that the file is there (`kept`), or in the dead letters with its file (`dead`), or
/// that there is a reason why nothing was recorded.
pub fn recording_accounted_for(stream: &Stream, recorded: bool, kept: bool, dead: bool) -> Option<Violation> {
    let Phase::Archived { recording, .. } = stream.phase else { return None };
    let holds = match recording {
        Recording::Kept => kept,
        Recording::Failed => dead,
        Recording::NotRecorded | Recording::Empty | Recording::Refused => !recorded,
    };
    (!holds).then(|| Violation {
        invariant: Invariant::RecordingAccountedFor,
        detail: format!("stream {} is archived as {}; its file is not there", stream.id, recording.as_str()),
    })
}

/// INV-11 in a decision: a broadcast is completed only once its bridge has stopped.
pub fn completed_after_stop(stream: &Stream, effects: &[Effect]) -> Option<Violation> {
    let completes = effects.iter().any(|effect| matches!(effect, Effect::CompleteLiveStream { .. }));
    (completes && stream.delivery.bridge != Bridge::Off).then(|| Violation {
        invariant: Invariant::NothingLeftRunning,
        detail: format!("stream {} completes its broadcast while the bridge still sends to it", stream.id),
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
