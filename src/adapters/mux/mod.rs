//! Mux, or whoever speaks like it: the embedded origin is spoken to by this same client.
//!
//! * Time-out: [`CALL_MS_MAX`] a call, [`WAIT_MS_MAX`] for its turn at the rate limit (`POST` once a second, others five
//!   times, as <https://www.mux.com/docs/core/make-api-requests> says).
//! * Retries: [`TRIES_MAX`] in all. 429 waits for `Retry-After`. After 5xx or a lost answer only what can be repeated
//!   without harm is: everything but `POST`. A `POST` whose fate is unknown is [`MuxError::Unsure`]; look with
//!   [`Mux::live_stream_of`] before sending it again.
//! * Removing what is gone, and completing what is over, count as done.

mod api;
mod broadcasts;
mod error;
mod far_end;
mod keys;
mod screens;
mod sign;
mod types;
pub mod webhook;

pub use broadcasts::MuxBroadcasts;
pub use error::MuxError;
pub use far_end::{FarEnd, FarEndError};
pub use screens::{Screen, Screens, TOKEN_MS};
pub use sign::{Audience, KeyError, Signer};
pub use types::*;

use crate::config::Secret;
use backstage_media::origin::rate::{Bucket, Rates};
use reqwest::{Method, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Longest wait for one answer, ms.
pub const CALL_MS_MAX: u64 = 10_000;
/// Longest wait for a turn, and longest `Retry-After` that is waited for, ms.
pub const WAIT_MS_MAX: u64 = 15_000;
/// Tries of one call.
pub const TRIES_MAX: u32 = 3;
/// Rest before the second try after a failure, ms; it doubles.
const REST_MS: u64 = 250;
/// Largest answer, bytes.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Where and as whom.
#[derive(Debug, Clone)]
pub struct Access {
    /// Such as `https://api.mux.com`.
    pub base_url: String,
    /// Token of one environment.
    pub token_id: String,
    /// Its secret.
    pub token_secret: Secret,
    /// How fast calls may follow each other; none at an origin of our own.
    pub rates: Option<Rates>,
}

/// The client. Cheap to clone; clones share the rate limit.
#[derive(Debug, Clone)]
pub struct Mux(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    access: Access,
    buckets: Option<(Bucket, Bucket)>,
    since: Instant,
}

impl Mux {
    /// Connects when first used. Error: no TLS.
    pub fn new(access: Access) -> Result<Mux, MuxError> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_millis(CALL_MS_MAX))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("backstage/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| MuxError::Final(format!("no client for Mux: {error}")))?;
        let buckets = access.rates.map(|rates| (Bucket::new(rates.post), Bucket::new(rates.other)));
        let base_url = access.base_url.trim_end_matches('/').to_owned();
        Ok(Mux(Arc::new(Inner { http, access: Access { base_url, ..access }, buckets, since: Instant::now() })))
    }

    /// Waits for a turn.
    async fn turn(&self, method: &Method) -> Result<(), MuxError> {
        let Some((post, other)) = &self.0.buckets else { return Ok(()) };
        let bucket = if method == Method::POST { post } else { other };
        let began = Instant::now();
        loop {
            let now_ms = i64::try_from(self.0.since.elapsed().as_millis()).unwrap_or(i64::MAX);
            let grant = bucket.take(now_ms);
            if grant.passes {
                return Ok(());
            }
            let rest = Duration::from_millis(grant.wait_ms.max(1));
            if began.elapsed() + rest > Duration::from_millis(WAIT_MS_MAX) {
                return Err(MuxError::TryAgain("too many calls to Mux wait for their turn".into()));
            }
            tokio::time::sleep(rest).await;
        }
    }

    /// The `data` of an answer.
    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<T, MuxError> {
        let bytes = self.send(method, path, query, body).await?;
        let envelope: Envelope<T> = serde_json::from_slice(&bytes)
            .map_err(|error| MuxError::Final(format!("Mux's answer cannot be read: {error}")))?;
        Ok(envelope.data)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, MuxError> {
        self.call(Method::GET, path, query, None::<&()>).await
    }

    /// A call whose answer says nothing.
    async fn tell(&self, method: Method, path: &str) -> Result<(), MuxError> {
        self.send(method, path, &[], None::<&()>).await.map(drop)
    }

    /// Removes; what is not there counts as removed.
    async fn remove(&self, path: &str) -> Result<(), MuxError> {
        match self.tell(Method::DELETE, path).await {
            Err(MuxError::NotFound) => Ok(()),
            other => other,
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<Vec<u8>, MuxError> {
        let access = &self.0.access;
        let mut tried = 0;
        loop {
            self.turn(&method).await?;
            tried += 1;
            let mut request = self
                .0
                .http
                .request(method.clone(), format!("{}{path}", access.base_url))
                .basic_auth(&access.token_id, Some(access.token_secret.expose()));
            if !query.is_empty() {
                request = request.query(query);
            }
            if let Some(body) = body {
                request = request.json(body);
            }
            let (error, rest) = match request.send().await {
                Ok(response) => match error::of_answer(&method, response).await {
                    Ok(bytes) => return Ok(bytes),
                    Err(error) => error,
                },
                Err(error) => error::of_failure(&method, error),
            };
            let doubled = Duration::from_millis(REST_MS << tried.min(8));
            match rest {
                Some(rest) if tried < TRIES_MAX && rest <= Duration::from_millis(WAIT_MS_MAX) => {
                    tokio::time::sleep(rest.max(doubled)).await;
                }
                Some(_) | None => return Err(error),
            }
        }
    }
}

/// The bytes of an answer, within limits.
async fn read(mut response: reqwest::Response) -> Result<Vec<u8>, String> {
    let mut bytes = vec![];
    while let Some(chunk) = response.chunk().await.map_err(|error| error.without_url().to_string())? {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(format!("more than {ANSWER_BYTES_MAX} bytes"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Seconds of `Retry-After`.
fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let text = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

fn is_server_error(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT
}

#[cfg(test)]
mod tests;
