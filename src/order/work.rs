//! What is done for orders behind the pages: jobs that are due, and webhooks from the inbox. Both are taken up again after
//! a crash; both end in the same state however often they are done.

use backstage_actors::ports::{ProviderError, Settles, Store};
use backstage_core::order::{Event, LOOK_MS, Task};
use backstage_core::{OrderId, Timestamp, UserId};
use futures_util::{StreamExt, TryStreamExt};
use std::collections::BTreeSet;
use std::time::Duration;

use super::letters::Written;
use super::store::{self, NotDone, Purchase};
use super::till::{Answer, NotTaken, Till};
use super::{due, facts, letters};
use crate::adapters::stripe::{StripeError, webhook};
use crate::error::Problem;
use crate::locale;
use crate::ports::Text;
use crate::sms;
use crate::state::State;

/// Orders taken at once.
const BATCH_MAX: u32 = 64;
/// Orders worked on at the same time.
const AT_ONCE_MAX: usize = 8;
/// Webhooks that may wait before newer ones are left alone too.
const WAITING_MAX: usize = 256;
/// A claim lasts so long, ms: longer than any call with its retries.
const LEASE_MS: i64 = 120_000;
/// First wait while the provider cannot be reached, ms; it doubles.
const REST_MS: i64 = 5_000;
/// Longest wait of a job that has to wait, ms.
const REST_MS_MAX: i64 = 60 * 60 * 1_000;
/// Longest time without looking whether something is due, ms.
const LOOK_EVERY_MS: i64 = 30_000;
/// Jobs of one order that are done in one go.
const IN_A_ROW_MAX: usize = 20;
/// Tries of a letter; then it is given up.
const LETTER_TRIES_MAX: u32 = 10;

/// Runs until dropped.
pub async fn run(state: &State) {
    let Some(till) = &state.till else { return std::future::pending().await };
    if state.db.sqlite
        && let Err(error) = due::take_back(&state.db, till.provider, state.clock.now(), LEASE_MS).await
    {
        tracing::warn!(%error, "jobs of orders that were begun before the start wait until their leases are over");
    }
    loop {
        let (mut more, mut waits) = (false, false);
        match drain(state, till).await {
            Ok(all_done) => waits = !all_done,
            Err(problem) => tracing::warn!(%problem, "payment webhooks cannot be worked on; trying again"),
        }
        match work_on(state, till).await {
            Ok(count) => more |= count >= BATCH_MAX as usize,
            Err(problem) => tracing::warn!(%problem, "could not look for orders that are due; trying again"),
        }
        let wait_ms = match (more, due::next_at(&state.db, till.provider).await) {
            (true, _) => 200,
            (false, Ok(Some(at))) => at.since_ms(state.clock.now()).clamp(50, LOOK_EVERY_MS),
            (false, Ok(None) | Err(_)) => LOOK_EVERY_MS,
        };
        let wait_ms = if waits { wait_ms.min(REST_MS) } else { wait_ms };
        let _ = tokio::time::timeout(Duration::from_millis(wait_ms.unsigned_abs()), till.bell.notified()).await;
    }
}

/// Tells an order something, and everybody what follows for access.
pub async fn tell(state: &State, order: &OrderId, event: Event) -> Result<Purchase, NotDone> {
    let fresh =
        UserId::parse(&state.ids.next()).map_err(|error| NotDone::Database(sqlx::Error::Decode(error.into())))?;
    let told = store::tell(&state.db, order, event, &fresh, state.clock.now()).await?;
    if let (true, Some(user)) = (told.access_changed, &told.purchase.user) {
        state.access.forget(user, &told.purchase.space);
        state.access.ended.notify_one();
    }
    if let Some(till) = &state.till {
        till.bell.notify_one();
    }
    Ok(told.purchase)
}

/// Works through the inbox once; `false` if something has to wait. What waits holds nothing else up.
pub async fn drain(state: &State, till: &Till) -> Result<bool, Problem> {
    let mut waiting = BTreeSet::new();
    loop {
        let limit = BATCH_MAX.saturating_add(u32::try_from(waiting.len()).unwrap_or(u32::MAX));
        let mut messages = state.store.unsettled_inbox(facts::KEY_PREFIX, limit).await?;
        messages.retain(|message| !waiting.contains(&message.key));
        if messages.is_empty() || waiting.len() >= WAITING_MAX {
            return Ok(waiting.is_empty());
        }
        let worked = messages.into_iter().map(async |message| -> Result<Option<String>, Problem> {
            let outcome = match webhook::parse(message.body.as_bytes()) {
                Ok(said) => apply(state, till, &said.event).await,
                Err(_) => Ok("malformed"),
            };
            match outcome {
                Ok(outcome) => {
                    state.store.settle(Settles::Inbox(message.key)).await?;
                    state.metrics.webhook("stripe", outcome);
                    Ok(None)
                }
                Err(problem) => {
                    tracing::warn!(key = message.key, %problem, "a payment webhook waits");
                    Ok(Some(message.key))
                }
            }
        });
        let mut worked = futures_util::stream::iter(worked).buffer_unordered(AT_ONCE_MAX);
        while let Some(waits) = worked.try_next().await? {
            waiting.extend(waits);
        }
    }
}

/// Tells the order that is meant what a webhook says; the outcome for the figures.
pub async fn apply(state: &State, till: &Till, said: &webhook::Event) -> Result<&'static str, Problem> {
    let Some((order, event)) = facts::of(till, &state.db, said).await? else { return Ok("ignored") };
    match tell(state, &order, event).await {
        Ok(_) => Ok("applied"),
        Err(NotDone::Missing) => Ok("ignored"),
        Err(NotDone::Rejected(rejection)) => {
            tracing::error!(%order, %rejection, "an order refuses what the payment provider says: look at it there");
            Ok("refused")
        }
        Err(NotDone::SoldOut | NotDone::Bought(_)) => Ok("refused"),
        Err(NotDone::Database(error)) => Err(error.into()),
    }
}

/// Takes orders with a job that is due and does it; how many there were.
pub async fn work_on(state: &State, till: &Till) -> Result<usize, Problem> {
    let claimed = due::claim(&state.db, till.provider, state.clock.now(), LEASE_MS, BATCH_MAX).await?;
    let count = claimed.len();
    futures_util::stream::iter(claimed)
        .map(|order| async move {
            if let Err(error) = jobs_of(state, till, &order).await {
                tracing::warn!(%order, %error, "a job of an order has to wait");
            }
        })
        .buffer_unordered(AT_ONCE_MAX)
        .collect::<()>()
        .await;
    Ok(count)
}

async fn jobs_of(state: &State, till: &Till, order: &OrderId) -> Result<(), NotDone> {
    for _ in 0..IN_A_ROW_MAX {
        let now = state.clock.now();
        let Some(held) = store::by_id(&state.db, order).await? else { return Ok(()) };
        let Some(job) = held.order.next_job().filter(|job| job.at <= now).cloned() else {
            return Ok(());
        };
        let rest = (REST_MS << job.tries.min(16)).min(REST_MS_MAX);
        let event = match job.task {
            Task::Look => match till.look(&state.db, &held, 0).await {
                Ok(Answer::Done(event)) => event,
                Ok(_) => Event::Later { job: job.id, at: now + (LOOK_MS << job.tries.min(16)) },
                Err(error) => wait(&error, job.id, now + rest),
            },
            Task::Close => match till.close(&state.db, &held).await {
                Ok(Answer::Done(event)) => event,
                Ok(Answer::Closed) => Event::Closed,
                Ok(_) => Event::Later { job: job.id, at: now + rest },
                Err(error) => wait(&error, job.id, now + rest),
            },
            Task::Charge { invoice } => match till.charge(&state.db, &held, invoice, &job, now).await {
                Ok(Answer::Done(event)) => event,
                Ok(Answer::Declined | Answer::Closed) => Event::Declined { job: job.id },
                // On its way at the bank: its webhook tells, and we look again.
                Ok(Answer::Open | Answer::Go(_)) => Event::Later { job: job.id, at: now + REST_MS_MAX },
                Err(error) => wait(&error, job.id, now + rest),
            },
            Task::Refund { invoice, amount } => match till.give_back(&state.db, &held, invoice, amount, job.id).await {
                Ok(total) => {
                    tell(state, order, Event::Refunded { invoice, total }).await?;
                    Event::Done { job: job.id }
                }
                Err(NotTaken::Provider(error)) if !error.may_pass() => {
                    tracing::error!(%order, %error, "a refund is refused: see to it at the payment provider");
                    Event::Later { job: job.id, at: now + REST_MS_MAX }
                }
                Err(error) => wait(&error, job.id, now + rest),
            },
            Task::Write { ref letter } => {
                let written = locale::within(held.language, letters::write(state, &held, letter)).await;
                let sent = match written.map_err(sqlx_error)? {
                    Some(Written::Letter(letter)) => {
                        state.mail.deliver(letter, &format!("order.{order}.{}", job.id)).await
                    }
                    Some(Written::Text(text)) => deliver(state, text).await?,
                    None => Ok(()),
                };
                match sent {
                    Err(ProviderError::TryAgain(_)) if job.tries < LETTER_TRIES_MAX => {
                        Event::Later { job: job.id, at: now + rest }
                    }
                    Ok(()) | Err(_) => Event::Done { job: job.id },
                }
            }
        };
        tell(state, order, event).await?;
    }
    Ok(())
}

/// A text within the cap of its hour; where there are none any more, nobody waits for it.
async fn deliver(state: &State, text: Text) -> Result<Result<(), ProviderError>, NotDone> {
    let Some(sms) = &state.sms else { return Ok(Ok(())) };
    if !sms::count(&state.db, state.texts_hourly_max, state.clock.now()).await? {
        state.metrics.text_message("capped");
        return Ok(Err(ProviderError::TryAgain("no more texts go out in this hour".into())));
    }
    Ok(sms.deliver(text).await)
}

fn sqlx_error(problem: Problem) -> NotDone {
    NotDone::Database(sqlx::Error::Protocol(problem.to_string()))
}

/// What cannot be told now waits; a fault of ours is seen by operators, and waits too.
fn wait(error: &NotTaken, job: u32, at: Timestamp) -> Event {
    match error {
        NotTaken::Provider(StripeError::Unauthorized | StripeError::Config(_) | StripeError::KeyReused) => {
            tracing::error!(%error, job, "the payment provider refuses us");
        }
        NotTaken::Provider(_) | NotTaken::Database(_) => tracing::warn!(%error, job, "a payment has to wait"),
    }
    Event::Later { job, at }
}
