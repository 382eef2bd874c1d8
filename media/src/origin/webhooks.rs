//! Webhooks, signed and repeated as Mux does: `mux-signature: t=…,v1=…`, five seconds for an answer, anything but 2xx is
//! tried again with growing delay for 24 h. They wait in the books, so a restart loses none. Those of one object leave in
//! order; each may come twice.

use super::faults::Faults;
use super::model::{Attempt, Books, Delivery, wire};
use super::store::Desk;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::sync::Arc;
use std::time::Duration;

/// How long the receiver may take, ms, as at Mux.
pub const ANSWER_MS_MAX: u64 = 5_000;
/// How long a webhook is tried, ms, as at Mux.
pub const TRIED_MS_MAX: i64 = 24 * 60 * 60 * 1_000;
/// Rest before the second attempt, ms; it doubles.
const REST_MS: i64 = 1_000;
const REST_MS_MAX: i64 = 30 * 60 * 1_000;
/// Sent at the same time, each about another object.
const TOGETHER_MAX: usize = 8;
/// A webhook that failed so often no longer holds back those after it.
const PASSED_AFTER: usize = 6;
/// Attempts told to the receiver.
const ATTEMPTS_MAX: usize = 20;

/// Who is told.
#[derive(Clone)]
pub struct Receiver {
    /// Where webhooks are posted to.
    pub url: String,
    /// Signs them.
    pub secret: String,
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The value of `mux-signature` for this body at this time (Unix s).
pub fn signature(secret: &str, at_s: i64, body: &[u8]) -> String {
    // A key of any length fits.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(at_s.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at_s},v1={hex}")
}

/// Delivers for ever.
pub async fn run(desk: Arc<Desk>, receiver: Receiver, faults: Faults) {
    let client = reqwest::Client::builder()
        .timeout(Duration::from_millis(ANSWER_MS_MAX))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent("Mux-Webhooks (backstage origin)")
        .build();
    let client = match client {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "no webhook can be sent");
            return;
        }
    };
    let mut changes = desk.changes();
    loop {
        changes.borrow_and_update();
        let now_ms = desk.now_ms();
        let (leaving, next_ms) = desk.read(|books| books.leaving(now_ms, TOGETHER_MAX, PASSED_AFTER));
        if leaving.is_empty() {
            let rest_ms = next_ms.map_or(60_000, |next_ms| (next_ms - now_ms).clamp(1, 60_000));
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(rest_ms as u64)) => {}
                changed = changes.changed() => if changed.is_err() { return },
            }
            continue;
        }
        let answers = leaving.into_iter().map(|delivery| {
            let (client, receiver, faults) = (&client, &receiver, &faults);
            async move {
                let status = match faults.are_webhooks_lost() {
                    true => 200,
                    false => deliver(client, receiver, &delivery, now_ms).await,
                };
                (delivery, Attempt { at_ms: now_ms, status })
            }
        });
        let answers = futures_util::future::join_all(answers).await;
        let kept = desk.change(move |books, now| {
            for (delivery, attempt) in answers {
                settle(books, now.ms, delivery, attempt);
            }
        });
        if let Err(error) = kept.await {
            tracing::error!(%error, "what came of webhooks was not kept: they will be sent again");
            tokio::time::sleep(Duration::from_millis(1_000)).await;
        }
    }
}

/// The status of the answer; 0 without one.
async fn deliver(client: &reqwest::Client, receiver: &Receiver, delivery: &Delivery, now_ms: i64) -> u16 {
    let body = envelope(delivery, &receiver.url);
    let signed = signature(&receiver.secret, now_ms.div_euclid(1_000), &body);
    let request = client
        .post(&receiver.url)
        .header("content-type", "application/json")
        .header("mux-signature", signed)
        .body(body);
    match request.send().await {
        Ok(response) => response.status().as_u16(),
        Err(error) => {
            tracing::debug!(error = %error.without_url(), "a webhook was not answered");
            0
        }
    }
}

/// The body of an attempt.
fn envelope(delivery: &Delivery, url: &str) -> Vec<u8> {
    let attempts: Vec<Value> = delivery
        .attempts
        .iter()
        .enumerate()
        .map(|(n, attempt)| {
            json!({
                "id": format!("{}-{}", delivery.id, n + 1),
                "address": url,
                "created_at": wire::rfc3339(attempt.at_ms),
                "response_status_code": attempt.status,
                "response_headers": {},
                "response_body": null,
                "max_attempts": 30,
            })
        })
        .collect();
    let mut body = delivery.body.clone();
    body.insert("attempts".into(), attempts.into());
    serde_json::to_vec(&body).unwrap_or_default()
}

/// Notes what came of an attempt.
fn settle(books: &mut Books, now_ms: i64, mut delivery: Delivery, attempt: Attempt) {
    if (200..300).contains(&attempt.status) {
        return books.drop_delivery(delivery.seq);
    }
    if now_ms - delivery.created_ms > TRIED_MS_MAX {
        tracing::warn!(status = attempt.status, "a webhook is given up");
        return books.drop_delivery(delivery.seq);
    }
    if delivery.attempts.len() >= ATTEMPTS_MAX {
        delivery.attempts.remove(0);
    }
    delivery.attempts.push(attempt);
    let doubled = REST_MS.saturating_mul(1 << delivery.attempts.len().saturating_sub(1).min(20));
    delivery.due_ms = now_ms + doubled.min(REST_MS_MAX);
    books.put_delivery(delivery);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_openssl_makes_of_it() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret
        let signed = signature("secret", 1_700_000_000, br#"{"a":1}"#);
        assert_eq!(signed, "t=1700000000,v1=49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686");
    }
}
