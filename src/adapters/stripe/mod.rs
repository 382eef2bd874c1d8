//! Stripe, or whoever speaks like it: the sandbox is spoken to by this same client, told apart by the base URL alone.
//!
//! * Time-out: [`CALL_MS_MAX`] an attempt.
//! * Retries: [`TRIES_MAX`] in all, after a lost answer, 409, 429 and 5xx, with a rest that doubles. Every write carries
//!   the caller's idempotency key, so the second attempt of a payment is never a second payment.
//! * Idempotency: the key names what is to be done (such as `order 17, payment`) and is the same after a restart of ours.
//!   Stripe remembers it for 24 h at least; the same key for something else is [`StripeError::KeyReused`].
//! * Requests are async-stripe's. Of answers only what is used is read, since its strict reader turns a field that Stripe
//!   adds or leaves out into a payment of unknown fate.
//! * Card numbers do not come here: the Payment Element hands them to Stripe. Only [`Stripe::method_of_card`] takes one,
//!   for test cards.
//!
//! Source: <https://docs.stripe.com/api>, version 2026-09-30.endive.

mod error;
mod payments;
mod people;
mod refunds;
mod setups;
mod types;
pub mod webhook;

pub use error::StripeError;
pub use payments::NewPayment;
pub use people::{NewCustomer, TestCard};
pub use refunds::{NewRefund, Reason};
pub use types::*;

use crate::config::Secret;
use serde::de::DeserializeOwned;
use std::time::Duration;
use stripe::{IdempotencyKey, RequestStrategy, StripeRequest};

/// Longest wait for one answer, ms.
pub const CALL_MS_MAX: u64 = 15_000;
/// Tries of one call.
pub const TRIES_MAX: u32 = 3;
/// Rest before the second try, ms; it doubles.
const REST_MS: u64 = 250;

/// Where and as whom.
#[derive(Debug, Clone)]
pub struct Config {
    /// Such as `https://api.stripe.com`. `http` only to this machine.
    pub base_url: String,
    /// `sk_…`
    pub secret_key: Secret,
}

/// The client. Cheap to clone.
#[derive(Clone)]
pub struct Stripe {
    client: stripe::Client,
}

impl std::fmt::Debug for Stripe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stripe").finish_non_exhaustive()
    }
}

impl Stripe {
    /// Connects when first used. The process needs a TLS provider, which `main` installs. Error: no such address or key.
    pub fn new(config: &Config) -> Result<Stripe, StripeError> {
        let url = url::Url::parse(&config.base_url).map_err(|_| StripeError::Config("its address cannot be read"))?;
        let is_here = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        match url.scheme() {
            "https" => {}
            "http" if is_here => {}
            _ => return Err(StripeError::Config("its address must begin with https://")),
        }
        if config.secret_key.is_empty() {
            return Err(StripeError::Config("there is no secret key"));
        }
        let base = format!("{}/", url.as_str().trim_end_matches('/'));
        let client = stripe::ClientBuilder::new(config.secret_key.expose())
            .url(base)
            .timeout(Duration::from_millis(CALL_MS_MAX))
            .app_info("backstage-pass", Some(env!("CARGO_PKG_VERSION").to_owned()), None)
            .build()
            .map_err(|_| StripeError::Config("its key or address cannot be used"))?;
        Ok(Stripe { client })
    }

    /// A call that changes nothing.
    async fn read<T: DeserializeOwned>(&self, request: &impl StripeRequest) -> Result<T, StripeError> {
        self.send(request, RequestStrategy::Once).await
    }

    /// A call that changes something, once for each key.
    async fn write<T: DeserializeOwned>(&self, request: &impl StripeRequest, key: &str) -> Result<T, StripeError> {
        let key =
            IdempotencyKey::new(key).map_err(|_| StripeError::Config("its idempotency key is empty or too long"))?;
        self.send(request, RequestStrategy::Idempotent(key)).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        request: &impl StripeRequest,
        strategy: RequestStrategy,
    ) -> Result<T, StripeError> {
        let mut tried = 0;
        loop {
            tried += 1;
            let call = request.build().customize::<miniserde::json::Value>().request_strategy(strategy.clone());
            let error = match call.send(&self.client).await {
                Ok(answer) => {
                    let text = miniserde::json::to_string(&answer);
                    // The error's own text may repeat what it could not read.
                    let unclear = |error: serde_json::Error| format!("{:?} at {}", error.classify(), error.column());
                    return serde_json::from_str(&text).map_err(|error| StripeError::Unclear(unclear(error)));
                }
                Err(error) => StripeError::from(error),
            };
            if tried >= TRIES_MAX || !error.may_pass() {
                return Err(error);
            }
            tokio::time::sleep(Duration::from_millis(REST_MS << tried.min(8))).await;
        }
    }
}

/// An id as a part of a path: foreign text never becomes another path.
fn part(id: &str) -> Result<&str, StripeError> {
    let fits = !id.is_empty() && id.len() <= 255 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if fits { Ok(id) } else { Err(StripeError::Missing) }
}

/// Metadata as async-stripe takes it.
fn metadata(pairs: &Metadata) -> std::collections::HashMap<String, String> {
    pairs.clone().into_iter().collect()
}
