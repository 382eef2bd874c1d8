//! What can go wrong at Mux, sorted by what trying again could change.

use super::{is_server_error, read, retry_after};
use backstage_actors::ports::ProviderError;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use std::time::Duration;

/// Why a call brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MuxError {
    /// Later it may work: Mux is busy, broken or out of reach, or refuses our token, which an operator puts right.
    #[error("{0}")]
    TryAgain(String),
    /// It may have been done or not: look before it is asked again.
    #[error("{0}, and it may have been done")]
    Unsure(String),
    /// There is no such object.
    #[error("Mux knows no such object")]
    NotFound,
    /// The object's state does not allow it.
    #[error("Mux refused: {0}")]
    WrongState(String),
    /// It will never work.
    #[error("{0}")]
    Final(String),
}

impl From<MuxError> for ProviderError {
    fn from(error: MuxError) -> ProviderError {
        match error {
            MuxError::TryAgain(_) | MuxError::Unsure(_) => ProviderError::TryAgain(error.to_string()),
            MuxError::NotFound | MuxError::WrongState(_) | MuxError::Final(_) => {
                ProviderError::Final(error.to_string())
            }
        }
    }
}

#[derive(Debug, Default, Deserialize)]
struct Refused {
    #[serde(default)]
    error: Words,
}

#[derive(Debug, Default, Deserialize)]
struct Words {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    messages: Vec<String>,
}

/// The body of a good answer; else the error, and how long to rest if it may be tried again at once.
pub(super) async fn of_answer(
    method: &Method,
    response: reqwest::Response,
) -> Result<Vec<u8>, (MuxError, Option<Duration>)> {
    let (status, after) = (response.status(), retry_after(&response));
    let repeatable = *method != Method::POST;
    let body = match read(response).await {
        Ok(body) => body,
        Err(why) if status.is_success() => {
            return Err(unknown_fate(repeatable, format!("Mux's answer broke off: {why}")));
        }
        Err(_) => vec![],
    };
    if status.is_success() {
        return Ok(body);
    }
    let Words { kind, messages } = serde_json::from_slice::<Refused>(&body).unwrap_or_default().error;
    let words = format!("{kind}: {}", messages.join("; "));
    Err(match status {
        StatusCode::NOT_FOUND => (MuxError::NotFound, None),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            (MuxError::TryAgain(format!("Mux refuses our token ({status})")), None)
        }
        StatusCode::TOO_MANY_REQUESTS => {
            (MuxError::TryAgain("Mux answered 429: too many calls".into()), Some(after.unwrap_or_default()))
        }
        StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED | StatusCode::UNPROCESSABLE_ENTITY => {
            (MuxError::WrongState(words), None)
        }
        other if is_server_error(other) => unknown_fate(repeatable, format!("Mux answered {other}")),
        other => (MuxError::Final(format!("Mux answered {other}: {words}")), None),
    })
}

/// No answer came.
pub(super) fn of_failure(method: &Method, error: reqwest::Error) -> (MuxError, Option<Duration>) {
    let never_left = error.is_connect() || error.is_builder();
    let words = match error.is_timeout() {
        true => format!("Mux did not answer within {} ms", super::CALL_MS_MAX),
        false => format!("Mux cannot be reached: {}", cause(&error.without_url())),
    };
    match never_left {
        true => (MuxError::TryAgain(words), Some(Duration::ZERO)),
        false => unknown_fate(*method != Method::POST, words),
    }
}

fn unknown_fate(repeatable: bool, words: String) -> (MuxError, Option<Duration>) {
    match repeatable {
        true => (MuxError::TryAgain(words), Some(Duration::ZERO)),
        false => (MuxError::Unsure(words), None),
    }
}

/// The innermost cause, which says what went wrong ("Connection refused").
fn cause(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
