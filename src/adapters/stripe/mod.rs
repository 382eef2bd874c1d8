//! Stripe, or whoever speaks like it: the sandbox is spoken to by this same client, told apart by the base URL alone.
//!
//! * Time-out: [`CALL_MS_MAX`] an attempt.
//! * Retries: [`TRIES_MAX`] in all, after a lost answer, 409, 429 and 5xx, with a rest that doubles. Every write carries
//!   the caller's idempotency key, so the second attempt of a payment is never a second payment.
//! * Idempotency: the key names what is to be done (such as `order 17, payment`) and is the same after a restart of ours.
//!   Stripe remembers it for 24 h at least; the same key for something else is [`StripeError::KeyReused`].
//! * Requests are async-stripe's, typed. Answers and errors are read here, and only what is used of them: async-stripe's
//!   strict reader would turn a field that Stripe leaves out into a payment of unknown fate.
//! * Card numbers do not come here: the Payment Element hands them to Stripe. Only [`Stripe::method_of_card`] takes one,
//!   for test cards.
//!
//! Source: <https://docs.stripe.com/api>, version 2026-09-30.endive.

mod error;
mod events;
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
use reqwest::{Method, Response};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use stripe_client_core::{StripeMethod, StripeRequest, VERSION};

/// Longest wait for one answer, ms.
pub const CALL_MS_MAX: u64 = 15_000;
/// Tries of one call.
pub const TRIES_MAX: u32 = 3;
/// Rest before the second try, ms; it doubles.
const REST_MS: u64 = 250;
/// Longest idempotency key, bytes.
const KEY_BYTES_MAX: usize = 255;
/// Largest answer, bytes.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Where and as whom.
#[derive(Debug, Clone)]
pub struct Config {
    /// Such as `https://api.stripe.com`. `http` only to this machine.
    pub base_url: String,
    /// `sk_…`
    pub secret_key: Secret,
}

/// The client. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stripe(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    /// Without a slash at its end.
    base_url: String,
    secret_key: Secret,
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
        let key = config.secret_key.expose();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(StripeError::Config("there is no usable secret key"));
        }
        let http = reqwest::Client::builder()
            .timeout(Duration::from_millis(CALL_MS_MAX))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("backstage/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| StripeError::Config("there is no TLS"))?;
        let base_url = url.as_str().trim_end_matches('/').to_owned();
        Ok(Stripe(Arc::new(Inner { http, base_url, secret_key: config.secret_key.clone() })))
    }

    /// A call that changes nothing.
    async fn read<T: DeserializeOwned>(&self, request: &impl StripeRequest) -> Result<T, StripeError> {
        self.send(request, None).await
    }

    /// A call that changes something, once for each key.
    async fn write<T: DeserializeOwned>(&self, request: &impl StripeRequest, key: &str) -> Result<T, StripeError> {
        let is_printed = key.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if !is_printed || !(1..=KEY_BYTES_MAX).contains(&key.len()) {
            return Err(StripeError::Config("its idempotency key is empty, too long or not in ASCII"));
        }
        self.send(request, Some(key)).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        request: &impl StripeRequest,
        key: Option<&str>,
    ) -> Result<T, StripeError> {
        let Inner { http, base_url, secret_key } = &*self.0;
        let request = request.build();
        let method = match request.method {
            StripeMethod::Get => Method::GET,
            StripeMethod::Post => Method::POST,
            StripeMethod::Delete => Method::DELETE,
        };
        let query = request.query.map(|query| format!("?{query}")).unwrap_or_default();
        let url = format!("{base_url}/v1{}{query}", request.path);
        let mut tried = 0;
        loop {
            tried += 1;
            let mut call = http
                .request(method.clone(), &url)
                .bearer_auth(secret_key.expose())
                .header("stripe-version", VERSION.as_str())
                .header("content-type", "application/x-www-form-urlencoded")
                .body(request.body.clone().unwrap_or_default());
            if let Some(key) = key {
                call = call.header("idempotency-key", key);
            }
            let error = match answer(call.send().await).await {
                Ok((200..300, bytes)) => return serde_json::from_slice(&bytes).map_err(StripeError::unclear),
                Ok((status, bytes)) => error::told(status, &bytes),
                Err(error) => error,
            };
            if tried >= TRIES_MAX || !error.may_pass() {
                return Err(error);
            }
            tokio::time::sleep(Duration::from_millis(REST_MS << tried.min(8))).await;
        }
    }
}

/// Status and bytes of an answer, within limits.
async fn answer(response: reqwest::Result<Response>) -> Result<(u16, Vec<u8>), StripeError> {
    let mut response = response.map_err(|_| StripeError::Unreachable)?;
    let mut bytes = vec![];
    while let Some(chunk) = response.chunk().await.map_err(|_| StripeError::Unreachable)? {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(StripeError::Unclear("it is too long".into()));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok((response.status().as_u16(), bytes))
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
