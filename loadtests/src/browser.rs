//! One browser without a screen: cookies, the page's CSRF token, forms and JSON requests as the pages send them.
//!
//! 15 s per request, 4 MiB per answer, no redirects followed but by the caller. Browsers share one connection pool; a
//! request that waits holds a connection of its own, as in a browser.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use parking_lot::Mutex;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method};
use serde_json::Value;

use crate::target::Target;

/// Until an answer is there.
pub const REQUEST_MAX: Duration = Duration::from_secs(15);
/// Of an answer, bytes.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
const COOKIES_MAX: usize = 20;

/// Why there is no answer that could be used.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// No connection, or it broke, or it took too long.
    #[error("{path}: {cause}")]
    Transport {
        /// What was asked for.
        path: String,
        /// Why; without addresses.
        cause: String,
    },
    /// The answer was too large.
    #[error("{0}: the answer is too large")]
    TooLarge(String),
    /// A refusal. `code` is that of problem+json, else the status.
    #[error("{path}: {status} {code}: {detail}")]
    Refused {
        /// What was asked for.
        path: String,
        /// HTTP status.
        status: u16,
        /// For programs.
        code: String,
        /// For people.
        detail: String,
        /// `Retry-After`, s.
        retry_after_s: Option<u64>,
    },
    /// The answer is not what it should be.
    #[error("{path}: {what}")]
    Unexpected {
        /// What was asked for.
        path: String,
        /// What is wrong.
        what: &'static str,
    },
}

impl RequestError {
    /// One word for figures.
    pub fn word(&self) -> String {
        match self {
            RequestError::Transport { .. } => "no answer".into(),
            RequestError::TooLarge(_) => "answer too large".into(),
            RequestError::Refused { code, .. } => code.clone(),
            RequestError::Unexpected { .. } => "unexpected answer".into(),
        }
    }
}

/// An answer, of whatever status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was asked for.
    pub path: String,
    /// HTTP status.
    pub status: u16,
    /// Of the answer.
    pub headers: HeaderMap,
    /// Of the answer.
    pub body: String,
}

impl Answer {
    /// The text between two others.
    pub fn between(&self, before: &str, after: &str) -> Option<&str> {
        let rest = &self.body[self.body.find(before)? + before.len()..];
        rest.find(after).map(|end| &rest[..end])
    }

    /// # Errors
    /// Unless the status is one of success or a redirect.
    pub fn good(self) -> Result<Answer, RequestError> {
        if self.status < 400 {
            return Ok(self);
        }
        let problem: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let code = problem["code"].as_str().map_or_else(|| format!("http_{}", self.status), str::to_owned);
        let header = self.headers.get("retry-after").and_then(|value| value.to_str().ok());
        Err(RequestError::Refused {
            status: self.status,
            code: short(&code, 40),
            detail: short(problem["detail"].as_str().unwrap_or_default(), 200),
            retry_after_s: header.and_then(|text| text.parse().ok()),
            path: self.path,
        })
    }

    /// # Errors
    /// Unless it is a success with JSON.
    pub fn json(self) -> Result<Value, RequestError> {
        let good = self.good()?;
        serde_json::from_str(&good.body)
            .map_err(|_| RequestError::Unexpected { path: good.path, what: "it is no JSON" })
    }
}

fn short(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

/// The client that all browsers of a run share.
///
/// # Errors
/// When TLS cannot be set up.
pub fn client() -> Result<Client, reqwest::Error> {
    Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(REQUEST_MAX).no_proxy().build()
}

#[derive(Default)]
struct Kept {
    cookies: BTreeMap<String, String>,
    csrf: String,
}

/// Cheap to clone; clones are tabs of the same browser.
#[derive(Clone)]
pub struct Browser {
    client: Client,
    target: Arc<Target>,
    kept: Arc<Mutex<Kept>>,
}

impl Browser {
    /// Without any cookie.
    pub fn new(client: Client, target: Arc<Target>) -> Browser {
        Browser { client, target, kept: Arc::default() }
    }

    /// Whom it visits.
    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// For media, which comes from elsewhere and without cookies.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// As a `Cookie` header has it; empty without any.
    pub fn cookies(&self) -> String {
        let kept = self.kept.lock();
        kept.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// Opens a page; remembers its token.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get(&self, path: &str) -> Result<Answer, RequestError> {
        self.send(Method::GET, path, None, String::new()).await
    }

    /// Sends a form with the page's token.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Result<Answer, RequestError> {
        let csrf = self.kept.lock().csrf.clone();
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("csrf", &csrf)
            .extend_pairs(fields)
            .finish();
        self.send(Method::POST, path, Some("application/x-www-form-urlencoded"), body).await
    }

    /// Posts JSON with the page's token.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer, RequestError> {
        self.send(Method::POST, path, Some("application/json"), body.to_string()).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        content: Option<&str>,
        body: String,
    ) -> Result<Answer, RequestError> {
        let broken = |error: reqwest::Error| RequestError::Transport { path: path.into(), cause: cause(&error) };
        let mut request = self.client.request(method, self.target.at(path));
        let cookies = self.cookies();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies);
        }
        if let Some(content) = content {
            let csrf = self.kept.lock().csrf.clone();
            request = request.header("content-type", content).header("origin", self.target.origin());
            request = request.header("x-csrf-token", csrf).body(body);
        }
        let response = request.send().await.map_err(broken)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut bytes = vec![];
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            bytes.extend_from_slice(&chunk.map_err(broken)?);
            if bytes.len() > BODY_BYTES_MAX {
                return Err(RequestError::TooLarge(path.into()));
            }
        }
        let body = String::from_utf8_lossy(&bytes).into_owned();
        let answer = Answer { path: path.into(), status, headers, body };
        self.remember(&answer);
        Ok(answer)
    }

    fn remember(&self, answer: &Answer) {
        let mut kept = self.kept.lock();
        for cookie in answer.headers.get_all("set-cookie") {
            let Ok(cookie) = cookie.to_str() else { continue };
            let Some((name, value)) = cookie.split(';').next().and_then(|pair| pair.split_once('=')) else { continue };
            if cookie.contains("Max-Age=0") {
                kept.cookies.remove(name);
            } else if kept.cookies.len() < COOKIES_MAX || kept.cookies.contains_key(name) {
                kept.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        if let Some(csrf) = answer.between("csrf-token\" content=\"", "\"") {
            kept.csrf = csrf.to_owned();
        }
    }
}

/// What happened, without the address: it may hold a token.
pub fn cause(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "it took too long"
    } else if error.is_connect() {
        "no connection"
    } else if error.is_body() || error.is_decode() {
        "the answer broke off"
    } else {
        "the request failed"
    };
    let mut source = std::error::Error::source(error);
    let mut last = None;
    while let Some(inner) = source {
        (last, source) = (Some(inner.to_string()), inner.source());
    }
    last.map_or_else(|| what.to_owned(), |last| short(&format!("{what}: {last}"), 200))
}
