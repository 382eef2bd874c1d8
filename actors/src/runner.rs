//! The outbox runner: performs committed effects, at least once, each under its fixed key; brings the outcome back as
//! an event that settles the row in the same transaction.

use crate::keep::Kept;
use crate::ports::{Archiving, OutboxRow, Path, Performed, ProviderError, Settles};
use crate::stage::{Refusal, Stage};
use backstage_core::delivery::DeliveryEvent;
use backstage_core::effect::Lane;
use backstage_core::recording::RecorderEvent;
use backstage_core::stream::{Setup, StreamEvent};
use backstage_core::{Effect, ExperienceId, SpaceId, StreamId};
use futures_util::future::join_all;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// Effects performed at the same time in a lane.
const BATCH_MAX: u32 = 32;
/// First wait after a failure, ms; doubled each time.
const BACKOFF_MS_MIN: i64 = 250;
/// Longest wait after a failure, ms.
const BACKOFF_MS_MAX: i64 = 10_000;
/// How long to wait before work that goes on is asked about again, ms.
const GOING_MS: i64 = 2_000;
/// How long to wait when the store cannot be read.
const AGAIN_MS: u64 = 500;

/// Starts the loop of one lane.
pub fn start(stage: Stage, lane: Lane) -> Kept {
    let gauge = stage.shared().ports.gauge.clone();
    // Once per process: an effect that makes this loop panic must not come back before its lease is over.
    let first = Rc::new(Cell::new(true));
    Kept::start(lane.as_str(), gauge, move || {
        let (stage, first) = (stage.clone(), first.clone());
        async move {
            if first.replace(false) {
                release(&stage, lane).await;
            }
            loop {
                let sleep_ms = round(&stage, lane).await;
                if sleep_ms > 0 {
                    let bell = stage.shared().lane(lane).notified();
                    let _ = tokio::time::timeout(Duration::from_millis(sleep_ms), bell).await;
                }
            }
        }
    })
}

/// What a process that died had claimed must not wait for its leases to end.
async fn release(stage: &Stage, lane: Lane) {
    let ports = &stage.shared().ports;
    while let Err(error) = ports.store.release_effects(lane, ports.clock.now()).await {
        tracing::warn!(%error, lane = lane.as_str(), "the outbox cannot be taken over yet; trying again");
        tokio::time::sleep(Duration::from_millis(AGAIN_MS)).await;
    }
}

/// Performs what is due in a lane; says how long to sleep.
async fn round(stage: &Stage, lane: Lane) -> u64 {
    let ports = &stage.shared().ports;
    let now = ports.clock.now();
    let rows = match ports.store.claim_effects(lane, now, ports.limits.lease_ms, BATCH_MAX).await {
        Ok(rows) => rows,
        Err(error) => {
            tracing::warn!(%error, lane = lane.as_str(), "the outbox cannot be read; trying again");
            return AGAIN_MS;
        }
    };
    if rows.is_empty() {
        return match ports.store.next_effect_at(lane).await {
            Ok(Some(at)) => u64::try_from(at.since_ms(ports.clock.now())).unwrap_or(0).clamp(1, ports.limits.poll_ms),
            Ok(None) => ports.limits.poll_ms,
            Err(_) => AGAIN_MS,
        };
    }
    join_all(rows.into_iter().map(|row| perform_and_report(stage, row))).await;
    0
}

/// What one attempt came to.
enum Attempt {
    /// Done, and the row is settled by the event it caused.
    Settled,
    /// Done; the row is to be marked.
    Done,
    /// It goes on by itself: to be asked about again.
    Going,
    Failed(ProviderError),
}

async fn perform_and_report(stage: &Stage, row: OutboxRow) {
    let ports = &stage.shared().ports;
    let lane = row.lane.as_str();
    let outcome = match perform(stage, &row).await {
        Attempt::Settled => {
            ports.gauge.effect(lane, "done");
            return;
        }
        Attempt::Done => Performed::Done,
        Attempt::Going => Performed::Retry { at: ports.clock.now() + GOING_MS, error: "not finished yet".into() },
        Attempt::Failed(ProviderError::TryAgain(error)) => {
            tracing::warn!(key = row.key, attempts = row.attempts + 1, error, "an effect will be tried again");
            Performed::Retry { at: ports.clock.now() + backoff_ms(row.attempts), error }
        }
        Attempt::Failed(ProviderError::Final(error)) => {
            tracing::error!(key = row.key, error, "an effect was refused for good; it is kept in the dead letters");
            // The stream hears of it first: a row that is dead is never looked at again.
            match tell_refusal(stage, &row.effect).await {
                Ok(()) => Performed::Dead { error },
                Err(error) => Performed::Retry { at: ports.clock.now() + backoff_ms(row.attempts), error },
            }
        }
    };
    ports.gauge.effect(
        lane,
        match outcome {
            Performed::Done => "done",
            Performed::Retry { .. } => "retry",
            Performed::Dead { .. } => "dead",
        },
    );
    if let Err(error) = ports.store.performed(&row.key, outcome).await {
        // The lease runs out and the effect is performed once more: at least once.
        tracing::warn!(key = row.key, %error, "an effect's outcome could not be stored");
    }
}

/// Exponential, bounded. No jitter: rows of one lane are tried together anyway.
fn backoff_ms(attempts: u32) -> i64 {
    BACKOFF_MS_MIN.saturating_mul(1 << attempts.min(10)).min(BACKOFF_MS_MAX)
}

async fn perform(stage: &Stage, row: &OutboxRow) -> Attempt {
    let ports = &stage.shared().ports;
    let settles = Some(Settles::Effect(row.key.clone()));
    match &row.effect {
        Effect::TellStream { space, experience, stream, event } => {
            let event = furnished((**event).clone(), ports.media.setup);
            handed_over(stage.stream(&path(space, experience, stream), event, settles).await)
        }
        Effect::TellExperience { space, experience, event } => {
            handed_over(stage.experience_settling(space, experience, (**event).clone(), settles).await)
        }
        Effect::TellSpace { space, event } => {
            handed_over(stage.space_settling(space, (**event).clone(), settles).await)
        }
        Effect::OpenRoom { stream, .. } => done(ports.rooms.open(stream).await),
        Effect::CloseRoom { space, experience, stream } => match ports.rooms.close(stream).await {
            Ok(()) => {
                let path = path(space, experience, stream);
                handed_over(stage.stream(&path, StreamEvent::RoomClosed, settles).await)
            }
            Err(error) => Attempt::Failed(error),
        },
        Effect::CreateLiveStream { .. }
        | Effect::CompleteLiveStream { .. }
        | Effect::StartBridge { .. }
        | Effect::StopBridge { .. }
        | Effect::StartRecording { .. }
        | Effect::StopRecording { .. }
        | Effect::Archive { .. } => match perform_media(stage, &row.effect).await {
            Ok(Some((path, event))) => handed_over(stage.stream(&path, event, settles).await),
            Ok(None) => Attempt::Going,
            Err(error) => Attempt::Failed(error),
        },
        Effect::Publish(event) => done(ports.spine.publish(&row.key, event).await),
        // Timers are part of the commit and never come here.
        Effect::SetTimer { .. } | Effect::CancelTimer { .. } => Attempt::Done,
    }
}

/// The effects of delivery and recording; `None` while the work goes on by itself.
async fn perform_media(stage: &Stage, effect: &Effect) -> Result<Option<(Path, StreamEvent)>, ProviderError> {
    let media = &stage.shared().ports.media;
    let delivery = |path, news| Ok(Some((path, StreamEvent::Delivery { news })));
    let recording = |path, news| Ok(Some((path, StreamEvent::Recording { news })));
    match effect {
        Effect::CreateLiveStream { space, experience, stream, grace_ms } => {
            let path = path(space, experience, stream);
            let live = media.broadcasts.create(&path, *grace_ms).await?;
            delivery(path, DeliveryEvent::BroadcastCreated { live })
        }
        Effect::CompleteLiveStream { space, experience, stream, broadcast } => {
            media.broadcasts.complete(broadcast).await?;
            delivery(path(space, experience, stream), DeliveryEvent::BroadcastCompleted { id: broadcast.clone() })
        }
        Effect::StartBridge { space, experience, stream, broadcast } => {
            let path = path(space, experience, stream);
            media.bridges.start(&path, broadcast).await?;
            delivery(path, DeliveryEvent::BridgeStarted)
        }
        Effect::StopBridge { space, experience, stream } => {
            media.bridges.stop(stream).await?;
            delivery(path(space, experience, stream), DeliveryEvent::BridgeStopped)
        }
        Effect::StartRecording { space, experience, stream } => {
            let path = path(space, experience, stream);
            media.recordings.start(&path).await?;
            recording(path, RecorderEvent::Started)
        }
        Effect::StopRecording { space, experience, stream } => {
            let media = media.recordings.stop(stream).await?;
            recording(path(space, experience, stream), RecorderEvent::Stopped { media })
        }
        Effect::Archive { space, experience, stream } => {
            let path = path(space, experience, stream);
            match media.recordings.archive(&path).await? {
                Archiving::Going => Ok(None),
                Archiving::Done(archive) => recording(path, RecorderEvent::Archived { archive }),
            }
        }
        Effect::SetTimer { .. }
        | Effect::CancelTimer { .. }
        | Effect::TellStream { .. }
        | Effect::TellExperience { .. }
        | Effect::TellSpace { .. }
        | Effect::OpenRoom { .. }
        | Effect::CloseRoom { .. }
        | Effect::Publish(_) => Ok(None),
    }
}

/// Tells the stream that what it asked for will never come. Taking it twice is harmless.
async fn tell_refusal(stage: &Stage, effect: &Effect) -> Result<(), String> {
    let (at, event) = match effect {
        Effect::CreateLiveStream { space, experience, stream, .. } => {
            (path(space, experience, stream), StreamEvent::Delivery { news: DeliveryEvent::BroadcastRefused })
        }
        Effect::StartBridge { space, experience, stream, .. } => {
            (path(space, experience, stream), StreamEvent::Delivery { news: DeliveryEvent::BridgeRefused })
        }
        // The sweep stops what goes on all the same.
        Effect::StopBridge { space, experience, stream } => {
            (path(space, experience, stream), StreamEvent::Delivery { news: DeliveryEvent::BridgeStopped })
        }
        Effect::StartRecording { space, experience, stream } => {
            (path(space, experience, stream), StreamEvent::Recording { news: RecorderEvent::StartRefused })
        }
        // Whatever was recorded is worth archiving; if there is nothing, the archive says so.
        Effect::StopRecording { space, experience, stream } => {
            (path(space, experience, stream), StreamEvent::Recording { news: RecorderEvent::Stopped { media: true } })
        }
        Effect::Archive { space, experience, stream } => {
            (path(space, experience, stream), StreamEvent::Recording { news: RecorderEvent::ArchiveRefused })
        }
        Effect::CompleteLiveStream { .. }
        | Effect::SetTimer { .. }
        | Effect::CancelTimer { .. }
        | Effect::TellStream { .. }
        | Effect::TellExperience { .. }
        | Effect::TellSpace { .. }
        | Effect::OpenRoom { .. }
        | Effect::CloseRoom { .. }
        | Effect::Publish(_) => return Ok(()),
    };
    match stage.stream(&at, event, None).await {
        Ok(_) | Err(Refusal::Rejected(_) | Refusal::AlreadySettled) => Ok(()),
        Err(error @ (Refusal::SlugTaken | Refusal::Unavailable(_))) => Err(error.to_string()),
    }
}

fn path(space: &SpaceId, experience: &ExperienceId, stream: &StreamId) -> Path {
    Path { space: space.clone(), experience: experience.clone(), stream: stream.clone() }
}

/// What this server offers is known here, not to the experience that opens the stream.
fn furnished(mut event: StreamEvent, setup: Setup) -> StreamEvent {
    if let StreamEvent::Open { plan, .. } = &mut event {
        plan.setup = setup;
    }
    event
}

fn done(result: Result<(), ProviderError>) -> Attempt {
    match result {
        Ok(()) => Attempt::Done,
        Err(error) => Attempt::Failed(error),
    }
}

/// An event that the domain refused is settled too: asking again would change nothing.
fn handed_over<T, R: std::error::Error>(result: Result<T, Refusal<R>>) -> Attempt {
    match result {
        Ok(_) | Err(Refusal::Rejected(_)) => Attempt::Settled,
        Err(Refusal::AlreadySettled) => Attempt::Settled,
        Err(error @ (Refusal::SlugTaken | Refusal::Unavailable(_))) => {
            Attempt::Failed(ProviderError::TryAgain(error.to_string()))
        }
    }
}
