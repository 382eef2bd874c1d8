//! Recordings go when their time is over.

use std::time::Duration;

use super::store;
use crate::error::Problem;
use crate::objects::doomed;
use crate::state::State;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(300);
/// Deleted in one look.
const BATCH_MAX: i64 = 50;

/// Deletes what has expired by now; how many that were.
pub async fn look(state: &State) -> Result<usize, Problem> {
    let now = state.clock.now();
    let expired = store::expired(&state.db, now, BATCH_MAX).await?;
    for recording in &expired {
        store::delete(&state.db, recording, now).await?;
        tracing::info!(recording = recording.id, "its time is over: recording deleted");
    }
    if !expired.is_empty() {
        doomed::look(state).await?;
    }
    Ok(expired.len())
}

/// Looks until dropped.
pub async fn run(state: &State) {
    let mut every = tokio::time::interval(LOOK_EVERY);
    loop {
        every.tick().await;
        if let Err(problem) = look(state).await {
            tracing::warn!(%problem, "could not look for recordings whose time is over; trying again later");
        }
    }
}
