//! Looks for what webhooks did not bring. Stripe gives up after three days; whoever was away longer, or whose address was
//! wrong, still hears of each payment, refund and dispute.

use backstage_actors::ports::{InboxMessage, Store};
use backstage_core::Timestamp;
use std::time::Duration;

use super::facts::{KEY_PREFIX, KINDS};
use super::till::{NotTaken, Till};
use crate::error::Problem;
use crate::state::State;

/// Time between two sweeps, ms.
const EVERY_MS: i64 = 60 * 60 * 1_000;
/// How far the first one looks back, ms: Stripe keeps events for 30 days.
const FIRST_MS: i64 = 29 * 24 * 60 * 60 * 1_000;
/// How far the others do, ms: two of them may fail.
const LATER_MS: i64 = 3 * EVERY_MS;
/// Most pages of one sweep, of 100 events each.
const PAGES_MAX: usize = 100;

/// Runs until dropped.
pub async fn run(state: &State) {
    let Some(till) = &state.till else { return std::future::pending().await };
    let mut back_ms = FIRST_MS;
    loop {
        match sweep(state, till, state.clock.now() + -back_ms).await {
            Ok(0) => back_ms = LATER_MS,
            Ok(missed) => {
                tracing::warn!(missed, "payment webhooks did not arrive: is their address set up at the provider?");
                back_ms = LATER_MS;
            }
            Err(problem) => tracing::warn!(%problem, "could not look for missed payment webhooks; trying again"),
        }
        tokio::time::sleep(Duration::from_millis(EVERY_MS.unsigned_abs())).await;
    }
}

/// Puts into the inbox what happened since then and is not there; how much that was.
pub async fn sweep(state: &State, till: &Till, from: Timestamp) -> Result<usize, Problem> {
    let (mut missed, mut after) = (0, None::<String>);
    for _ in 0..PAGES_MAX {
        let page = till.stripe.events_since(from.0 / 1_000, &KINDS, after.as_deref()).await.map_err(NotTaken::from)?;
        for event in &page.data {
            let Some(id) = event["id"].as_str() else { continue };
            let key = format!("{KEY_PREFIX}{id}");
            let message = InboxMessage { key, body: event.to_string(), at: state.clock.now() };
            missed += usize::from(state.store.receive(message).await?);
        }
        after = page.data.last().and_then(|event| event["id"].as_str()).map(str::to_owned);
        if !page.has_more || after.is_none() {
            break;
        }
    }
    if missed > 0 {
        till.bell.notify_one();
    }
    Ok(missed)
}
