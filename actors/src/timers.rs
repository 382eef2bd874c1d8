//! Durable timers: rows in the store, fired when due, gone in the same transaction as what they caused.

use crate::keep::Kept;
use crate::ports::{Settles, TimerRow};
use crate::stage::{Refusal, Stage};
use backstage_core::machine::Kind;
use backstage_core::stream::StreamEvent;
use std::time::Duration;

/// Timers fired in one round.
const BATCH_MAX: u32 = 64;
/// How long to wait before a timer that could not be handed over is tried again.
const AGAIN_MS: u64 = 500;

/// Starts the loop.
pub fn start(stage: Stage) -> Kept {
    let gauge = stage.shared().ports.gauge.clone();
    Kept::start("timers", gauge, move || {
        let stage = stage.clone();
        async move {
            loop {
                let sleep_ms = round(&stage).await;
                let _ = tokio::time::timeout(Duration::from_millis(sleep_ms), stage.shared().timers.notified()).await;
            }
        }
    })
}

/// Fires what is due; says how long to sleep.
async fn round(stage: &Stage) -> u64 {
    let ports = &stage.shared().ports;
    let due = match ports.store.due_timers(ports.clock.now(), BATCH_MAX).await {
        Ok(due) => due,
        Err(error) => {
            tracing::warn!(%error, "timers cannot be read; trying again");
            return AGAIN_MS;
        }
    };
    let (full, mut failed) = (due.len() == BATCH_MAX as usize, false);
    for row in due {
        failed |= !fire(stage, row).await;
    }
    if failed {
        return AGAIN_MS;
    }
    if full {
        return 0;
    }
    match ports.store.next_timer_at().await {
        Ok(Some(at)) => u64::try_from(at.since_ms(ports.clock.now())).unwrap_or(0).clamp(1, ports.limits.poll_ms),
        Ok(None) => ports.limits.poll_ms,
        Err(_) => AGAIN_MS,
    }
}

/// `false` if it must be fired again.
async fn fire(stage: &Stage, row: TimerRow) -> bool {
    let settles = Settles::Timer { owner: row.owner.clone(), name: row.name, due_at: row.due_at };
    match (row.owner.kind, &row.path) {
        (Kind::Stream, Some(path)) => {
            let event = StreamEvent::TimerFired { name: row.name };
            match stage.stream(path, event, Some(settles)).await {
                Ok(_) | Err(Refusal::Rejected(_) | Refusal::AlreadySettled | Refusal::SlugTaken) => true,
                Err(Refusal::Unavailable(reason)) => {
                    tracing::warn!(stream = %path.stream, timer = row.name.as_str(), reason, "a timer waits");
                    false
                }
            }
        }
        (Kind::Stream, None) | (Kind::Space | Kind::Experience, _) => {
            tracing::error!(owner = row.owner.id, timer = row.name.as_str(), "a timer without an owner is dropped");
            stage.shared().ports.store.settle(settles).await.is_ok()
        }
    }
}
