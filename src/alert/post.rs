//! Sends the mails: looks every [`LOOK_EVERY`] which alerts are due, a batch at a time, so a large audience neither
//! floods the mail server nor this process. At least once; the message id is made of alert and stream, so a repetition
//! can be told.

use backstage_actors::ports::ProviderError;
use backstage_core::access::{Decision, Denial};
use backstage_core::{ExperienceId, UserId};
use futures_util::StreamExt;
use std::time::Duration;

use super::letter;
use super::store::{self, Due};
use crate::access;
use crate::error::Problem;
use crate::state::State;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Alerts taken at once.
const BATCH_MAX: i64 = 100;
/// Mails on their way at the same time.
const AT_ONCE_MAX: usize = 8;
/// A claim lasts so long, ms: longer than any try.
const LEASE_MS: i64 = 120_000;
/// First wait after a failure, ms; doubled each time.
const BACKOFF_MS_MIN: i64 = 5_000;
/// Longest wait after a failure, ms.
const BACKOFF_MS_MAX: i64 = 300_000;
/// Tries for one stream; then this stream's mail is given up.
const TRIES_MAX: i64 = 10;

/// Runs until dropped.
pub async fn run(state: &State) {
    let mut every = tokio::time::interval(LOOK_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        while match look(state).await {
            Ok(sent) => sent >= usize::try_from(BATCH_MAX).unwrap_or(usize::MAX),
            Err(problem) => {
                tracing::warn!(%problem, "could not look for alerts to send; trying again");
                false
            }
        } {}
    }
}

/// Sends what is due; gives how many there were.
pub async fn look(state: &State) -> Result<usize, Problem> {
    let due = store::due(&state.db, state.clock.now(), BATCH_MAX).await?;
    let count = due.len();
    let results = futures_util::stream::iter(due).map(|due| send(state, due)).buffer_unordered(AT_ONCE_MAX);
    let failed: Vec<Problem> = results.filter_map(|result| std::future::ready(result.err())).collect().await;
    failed.into_iter().next().map_or(Ok(count), Err)
}

async fn send(state: &State, due: Due) -> Result<(), Problem> {
    let now = state.clock.now();
    if !store::claim(&state.db, &due, now + LEASE_MS).await? {
        return Ok(());
    }
    let Some(letter) = letter(state, &due).await? else {
        return Ok(store::told(&state.db, &due).await?);
    };
    let key = format!("alert.{}.{}", short(&due.id), short(&due.stream_id));
    match state.mail.deliver(letter, &key).await {
        Ok(()) => Ok(store::told(&state.db, &due).await?),
        Err(ProviderError::TryAgain(error)) if due.attempts < TRIES_MAX => {
            tracing::warn!(alert = due.id, error, "an alert will be mailed again");
            let wait_ms = BACKOFF_MS_MIN.saturating_mul(1 << due.attempts.clamp(0, 10)).min(BACKOFF_MS_MAX);
            Ok(store::later(&state.db, &due, now + wait_ms).await?)
        }
        Err(error) => {
            tracing::error!(alert = due.id, stream = due.stream_id, %error, "an alert could not be mailed; given up");
            Ok(store::told(&state.db, &due).await?)
        }
    }
}

/// The part of an id that tells it apart, so that a message id stays within its length.
fn short(id: &str) -> &str {
    id.get(id.len().saturating_sub(24)..).unwrap_or(id)
}

/// The mail, unless they could not watch by any means: withdrawn passes, closed spaces.
async fn letter(state: &State, due: &Due) -> Result<Option<crate::ports::Letter>, Problem> {
    let (Ok(id), Ok(user)) = (ExperienceId::parse(&due.experience_id), UserId::parse(&due.user_id)) else {
        return Ok(None);
    };
    let Some(experience) = state.store.experience(&id).await?.map(|found| found.state) else {
        return Ok(None);
    };
    let Some(space) = state.store.space(&experience.space).await?.map(|found| found.state) else {
        return Ok(None);
    };
    let person = access::of_user(state, &user, &space).await?;
    match access::judge(state, &person, &space, &experience) {
        Decision::Denied(Denial::Suspended | Denial::Revoked) => return Ok(None),
        Decision::Denied(Denial::NeedsPass | Denial::Expired) | Decision::Allowed { .. } => {}
    }
    let site = &state.site.public_url;
    let watch = format!("{site}/m/{}/{}", space.settings.slug, experience.settings.slug);
    let off = format!("{site}/alerts/{}/off?token={}", due.id, letter::token(&state.seal, &due.id));
    Ok(Some(letter::letter(&due.email, &experience.settings.title, &space.settings.name, &watch, &off)))
}
