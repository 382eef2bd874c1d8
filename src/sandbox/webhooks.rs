//! Webhooks, signed and repeated as Stripe does: `Stripe-Signature: t=…,v1=…`; anything but 2xx is tried again with
//! growing delay, [`ATTEMPTS_MAX`] times in all. (Mux signs in the same way.) They wait in the books, so a restart loses none. Each may come twice and
//! in any order. Source: <https://docs.stripe.com/webhooks>.

use super::door::Door;
use super::model::Event;
use super::wire;
use crate::config::Secret;
use backstage_media::origin::webhooks::signature;
use std::sync::Arc;
use std::time::Duration;

/// How long the receiver may take, ms.
const ANSWER_MS_MAX: u64 = 10_000;
/// Attempts to send one.
const ATTEMPTS_MAX: u32 = 16;
/// Rest before the second attempt, ms; it doubles.
const REST_MS: i64 = 1_000;
const REST_MS_MAX: i64 = 60 * 60 * 1_000;
/// Sent at the same time.
const TOGETHER_MAX: usize = 8;
/// Longest rest without looking, ms.
const LOOK_MS: i64 = 60_000;

/// Who is told.
#[derive(Debug, Clone)]
pub struct Receiver {
    /// Where webhooks are posted to.
    pub url: String,
    /// Signs them.
    pub secret: Secret,
}

/// Delivers for ever.
pub async fn run(door: Arc<Door>, receiver: Receiver) {
    let client = reqwest::Client::builder()
        .timeout(Duration::from_millis(ANSWER_MS_MAX))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent("Stripe/1.0 (backstage sandbox)")
        .build();
    let client = match client {
        Ok(client) => client,
        Err(error) => return tracing::error!(%error, "no webhook of the sandbox can be sent"),
    };
    let mut changes = door.changes.subscribe();
    loop {
        changes.borrow_and_update();
        let now_ms = door.clock.now_ms();
        let (leaving, next_ms) = match door.faults.holds_webhooks() {
            true => (vec![], None),
            false => door.books.lock().leaving(now_ms, TOGETHER_MAX),
        };
        if leaving.is_empty() {
            let rest_ms = next_ms.map_or(LOOK_MS, |next_ms| (next_ms - now_ms).clamp(1, LOOK_MS));
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(rest_ms.unsigned_abs())) => {}
                changed = changes.changed() => if changed.is_err() { return },
            }
            continue;
        }
        let answers = leaving.iter().map(|event| deliver(&client, &receiver, event, now_ms));
        let answers = futures_util::future::join_all(answers).await;
        let noted = door.with(|books| {
            for (event, arrived) in leaving.iter().zip(answers) {
                let Some(delivery) = books.deliveries.get_mut(&event.id) else { continue };
                delivery.attempts += 1;
                let rest_ms = REST_MS.saturating_mul(1 << delivery.attempts.saturating_sub(1).min(20));
                delivery.due_ms = now_ms + rest_ms.min(REST_MS_MAX);
                if arrived || delivery.attempts >= ATTEMPTS_MAX {
                    if !arrived {
                        tracing::warn!(event = event.id, kind = event.kind, "a webhook of the sandbox is given up");
                    }
                    books.deliveries.remove(&event.id);
                }
            }
        });
        if noted.await.is_err() {
            tokio::time::sleep(Duration::from_millis(REST_MS.unsigned_abs())).await;
        }
    }
}

/// Whether it arrived.
async fn deliver(client: &reqwest::Client, receiver: &Receiver, event: &Event, now_ms: i64) -> bool {
    let body = serde_json::to_vec(&wire::event(event, 1)).unwrap_or_default();
    let signed = signature(receiver.secret.expose(), now_ms.div_euclid(1_000), &body);
    let request = client
        .post(&receiver.url)
        .header("content-type", "application/json; charset=utf-8")
        .header("stripe-signature", signed)
        .body(body);
    match request.send().await {
        Ok(response) => response.status().is_success(),
        Err(error) => {
            tracing::debug!(error = %error.without_url(), "a webhook of the sandbox was not answered");
            false
        }
    }
}
