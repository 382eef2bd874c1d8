//! Bugs planted on purpose: each takes away one guard that the design rests on. The checks must find every one.

use crate::node::World;
use backstage_actors::Rules;
use backstage_actors::ports::*;
use backstage_core::delivery::DeliveryEvent;
use backstage_core::effect::Lane;
use backstage_core::experience::{Experience, ExperienceEvent, ExperienceRejection};
use backstage_core::recording::{Archive, RecorderEvent};
use backstage_core::stream::{EndCause, Phase, Stream, StreamEvent, StreamRejection};
use backstage_core::{Effect, Machine, TimerName, Timestamp};
use futures_util::FutureExt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// The experience no longer refuses a second go-live; the store's fence stands.
    SecondGoLive,
    /// A stream that ended goes live again when media arrives.
    BackFromTheDead,
    /// The grace is never timed.
    NoGraceTimer,
    /// The end is not told to the experience.
    EndNotTold,
    /// The store loses every fifth commit's timers.
    LostTimer,
    /// The store loses every fifth commit's outbox rows: the effects were not part of the transaction.
    LostEffects,
    /// Effects are marked done when they are claimed: at most once instead of at least once.
    DoneBeforePerformed,
    /// Timers are forgotten when they are read, before what they cause is committed.
    TimerForgottenEarly,
    /// The version fence is open: the later writer wins.
    NoFence,
    /// An outcome does not settle its effect.
    OutcomeNotSettled,
    /// Nothing compares the media server with the store.
    NoSweep,
    /// A stream whose media is gone says that it is live.
    LiveByClock,
    /// A bridge that is lost and a playlist that stands still are not noticed.
    BridgeLostUnnoticed,
    /// A cohort that moved is not followed by the next: the step is forgotten.
    CohortForgotten,
    /// The broadcast is completed at the end, before the bridge has stopped.
    CompleteBeforeStop,
    /// The recording is said to be kept, and was never brought to the archive.
    ArchiveClaimed,
    /// A live stream that the provider makes after the end is forgotten, and the sweep does not look.
    BroadcastForgotten,
    /// Nothing looks at bridges, playlists and recorders.
    NoWatch,
}

impl Bug {
    pub const ALL: [Bug; 18] = [
        Bug::SecondGoLive,
        Bug::BackFromTheDead,
        Bug::NoGraceTimer,
        Bug::EndNotTold,
        Bug::LostTimer,
        Bug::LostEffects,
        Bug::DoneBeforePerformed,
        Bug::TimerForgottenEarly,
        Bug::NoFence,
        Bug::OutcomeNotSettled,
        Bug::NoSweep,
        Bug::LiveByClock,
        Bug::BridgeLostUnnoticed,
        Bug::CohortForgotten,
        Bug::CompleteBeforeStop,
        Bug::ArchiveClaimed,
        Bug::BroadcastForgotten,
        Bug::NoWatch,
    ];

    pub fn rules(self) -> Rules {
        let mut rules = Rules::default();
        match self {
            Bug::SecondGoLive => rules.experience.apply = second_go_live,
            Bug::BackFromTheDead => rules.stream.apply = back_from_the_dead,
            Bug::NoGraceTimer => rules.stream.apply = no_grace_timer,
            Bug::EndNotTold => rules.stream.apply = end_not_told,
            Bug::LiveByClock => rules.stream.apply = live_by_clock,
            Bug::BridgeLostUnnoticed => rules.stream.apply = bridge_lost_unnoticed,
            Bug::CohortForgotten => rules.stream.apply = cohort_forgotten,
            Bug::CompleteBeforeStop => rules.stream.apply = complete_before_stop,
            Bug::ArchiveClaimed => rules.stream.apply = archive_claimed,
            Bug::BroadcastForgotten => rules.stream.apply = broadcast_forgotten,
            Bug::LostTimer
            | Bug::LostEffects
            | Bug::DoneBeforePerformed
            | Bug::TimerForgottenEarly
            | Bug::NoFence
            | Bug::OutcomeNotSettled
            | Bug::NoSweep
            | Bug::NoWatch => {}
        }
        rules
    }

    /// Before the store sees a commit.
    pub fn spoil_commit(self, n: u64, commit: &mut Commit, world: &World) {
        match self {
            Bug::LostTimer if n.is_multiple_of(5) => commit.timers_set.clear(),
            Bug::LostEffects if n.is_multiple_of(5) => commit.outbox.clear(),
            Bug::NoFence => {
                let held = world.memory.load(&commit.key).now_or_never().and_then(Result::ok).flatten();
                commit.expected_version = held.map_or(0, |stored| stored.version);
            }
            Bug::OutcomeNotSettled => {
                if matches!(commit.settles, Some(Settles::Effect(_))) {
                    commit.settles = None;
                }
            }
            _ => {}
        }
    }

    pub fn after_claim(self, rows: &[OutboxRow], world: &World) {
        if self == Bug::DoneBeforePerformed {
            for row in rows.iter().filter(|row| row.lane != Lane::Domain) {
                let _ = world.memory.performed(&row.key, Performed::Done).now_or_never();
            }
        }
    }

    pub fn after_due(self, rows: &[TimerRow], world: &World) {
        if self == Bug::TimerForgottenEarly {
            for row in rows {
                let settles = Settles::Timer { owner: row.owner.clone(), name: row.name, due_at: row.due_at };
                let _ = world.memory.settle(settles).now_or_never();
            }
        }
    }
}

type Told = Result<Vec<Effect>, StreamRejection>;

fn second_go_live(
    e: &mut Experience,
    now: Timestamp,
    event: ExperienceEvent,
) -> Result<Vec<Effect>, ExperienceRejection> {
    if let (ExperienceEvent::GoLive { .. }, Some(_)) = (&event, &e.current) {
        e.current = None;
    }
    e.apply(now, event)
}

fn back_from_the_dead(stream: &mut Stream, now: Timestamp, event: StreamEvent) -> Told {
    if let (StreamEvent::MediaArrived { .. }, Phase::Ended { live_since, .. } | Phase::Archived { live_since, .. }) =
        (&event, &stream.phase)
    {
        stream.phase = Phase::Live { since: *live_since };
        return Ok(vec![Effect::SetTimer { name: TimerName::LiveLimit, due_at: now + 1_000 }]);
    }
    stream.apply(now, event)
}

fn no_grace_timer(stream: &mut Stream, now: Timestamp, event: StreamEvent) -> Told {
    let mut effects = stream.apply(now, event)?;
    effects.retain(|effect| !matches!(effect, Effect::SetTimer { name: TimerName::Grace, .. }));
    Ok(effects)
}

fn end_not_told(stream: &mut Stream, now: Timestamp, event: StreamEvent) -> Told {
    let mut effects = stream.apply(now, event)?;
    if let Phase::Ended { cause: EndCause::GraceOver, .. } = stream.phase {
        effects.retain(|effect| !matches!(effect, Effect::TellExperience { .. }));
    }
    Ok(effects)
}

fn live_by_clock(stream: &mut Stream, now: Timestamp, event: StreamEvent) -> Told {
    let effects = stream.apply(now, event)?;
    if let Phase::Reconnecting { live_since, .. } = stream.phase {
        stream.phase = Phase::Live { since: live_since };
    }
    Ok(effects)
}

fn bridge_lost_unnoticed(stream: &mut Stream, now: Timestamp, event: StreamEvent) -> Told {
    match event {
        StreamEvent::Delivery { news: DeliveryEvent::BridgeFailed { .. } | DeliveryEvent::PlaylistStalled { .. } } => {
            Ok(vec![])
        }
        event => stream.apply(now, event),
    }
}

fn cohort_forgotten(stream: &mut Stream, now: Timestamp, event: StreamEvent) -> Told {
    let step = matches!(event, StreamEvent::TimerFired { name: TimerName::DeliveryStep });
    let mut effects = stream.apply(now, event)?;
    if step {
        effects.retain(|effect| !matches!(effect, Effect::SetTimer { name: TimerName::DeliveryStep, .. }));
    }
    Ok(effects)
}

fn complete_before_stop(stream: &mut Stream, now: Timestamp, event: StreamEvent) -> Told {
    let open = !stream.phase.is_over();
    let mut effects = stream.apply(now, event)?;
    if open
        && stream.phase.is_over()
        && let Some(live) = stream.delivery.broadcast.ready()
    {
        let (space, experience) = (stream.space.clone(), stream.experience.clone());
        let (stream, broadcast) = (stream.id.clone(), live.id.clone());
        effects.push(Effect::CompleteLiveStream { space, experience, stream, broadcast });
    }
    Ok(effects)
}

fn archive_claimed(stream: &mut Stream, now: Timestamp, event: StreamEvent) -> Told {
    let stopped = matches!(event, StreamEvent::Recording { news: RecorderEvent::Stopped { media: true } });
    let mut effects = stream.apply(now, event)?;
    if stopped {
        effects.retain(|effect| !matches!(effect, Effect::Archive { .. }));
        let archive = Archive { key: "somewhere".into(), duration_ms: 1, bytes: 1 };
        effects.extend(stream.apply(now, StreamEvent::Recording { news: RecorderEvent::Archived { archive } })?);
    }
    Ok(effects)
}

/// As if it were completed already; the sweep takes it for a live stream that is waited for.
fn broadcast_forgotten(stream: &mut Stream, now: Timestamp, event: StreamEvent) -> Told {
    let mut effects = stream.apply(now, event)?;
    if effects.iter().any(|effect| matches!(effect, Effect::CompleteLiveStream { .. })) {
        effects.retain(|effect| !matches!(effect, Effect::CompleteLiveStream { .. }));
        stream.delivery.broadcast = backstage_core::delivery::Broadcast::Asked;
    }
    Ok(effects)
}
