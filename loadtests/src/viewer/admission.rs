//! `POST /api/v1/experiences/{id}/admission`: which delivery this viewer gets, and the way into it.

use std::sync::Arc;

use backstage_media::participant::{Access, TokenError, TokenSource};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::Value;

use crate::browser::{Browser, RequestError};
use crate::socket::Delivery;

/// Refusals that asking again cannot change.
const FINAL: [&str; 5] = ["needs_pass", "pass_expired", "pass_revoked", "suspended", "not_found"];

/// Let in.
#[derive(Clone, PartialEq, Eq)]
pub enum Admission {
    /// Into a room.
    Webrtc(Access),
    /// To a playlist, whose address holds a token that ends then (ms since the Unix epoch).
    Hls {
        /// A multivariant playlist.
        url: String,
        /// ms since the Unix epoch.
        expires_at: i64,
    },
}

impl Admission {
    /// The word for it.
    pub fn delivery(&self) -> Delivery {
        match self {
            Admission::Webrtc(_) => Delivery::Webrtc,
            Admission::Hls { .. } => Delivery::Hls,
        }
    }

    fn read(told: &Value) -> Option<Admission> {
        match told["delivery"].as_str()? {
            "webrtc" => {
                let (url, token) = (told["livekit"]["url"].as_str()?, told["livekit"]["token"].as_str()?);
                Some(Admission::Webrtc(Access { url: url.into(), token: token.into() }))
            }
            "hls" => {
                let url = told["hls"]["url"].as_str()?.to_owned();
                Some(Admission::Hls { url, expires_at: told["expires_at"].as_i64()? })
            }
            _ => None,
        }
    }
}

/// Whether asking again makes sense.
pub fn is_final(error: &RequestError) -> bool {
    matches!(error, RequestError::Refused { code, .. } if FINAL.contains(&code.as_str()))
}

/// What the server is to know when it decides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wish {
    /// What is on the screen.
    pub watching: Option<Delivery>,
    /// What has just failed, so that the server may offer the other one.
    pub failed: Option<Delivery>,
}

/// Asks.
///
/// # Errors
/// When it is refused.
pub async fn ask(browser: &Browser, experience: &str, wish: Wish) -> Result<Admission, RequestError> {
    let path = format!("/api/v1/experiences/{experience}/admission");
    let mut body = serde_json::Map::new();
    for (name, delivery) in [("watching", wish.watching), ("failed", wish.failed)] {
        if let Some(delivery) = delivery {
            body.insert(name.into(), delivery.as_str().into());
        }
    }
    let body = Value::Object(body);
    let told = browser.post(&path, &body).await?.json()?;
    Admission::read(&told).ok_or(RequestError::Unexpected { path, what: "it offers neither webrtc nor hls" })
}

/// The ticket of the first join; later joins ask for one of their own, as the page does.
pub struct Tickets {
    first: Mutex<Option<Access>>,
    browser: Browser,
    experience: String,
}

impl Tickets {
    /// With that of an admission.
    pub fn new(first: Access, browser: Browser, experience: &str) -> Arc<Tickets> {
        Arc::new(Tickets { first: Mutex::new(Some(first)), browser, experience: experience.to_owned() })
    }
}

impl TokenSource for Tickets {
    fn access(&self) -> BoxFuture<'_, Result<Access, TokenError>> {
        Box::pin(async {
            if let Some(first) = self.first.lock().take() {
                return Ok(first);
            }
            let wish = Wish { watching: Some(Delivery::Webrtc), failed: None };
            match ask(&self.browser, &self.experience, wish).await {
                Ok(Admission::Webrtc(access)) if self.browser.target().allow_text(&access.url).is_ok() => Ok(access),
                Ok(_) => Err(TokenError::Never("another delivery is offered".into())),
                Err(error) if is_final(&error) => Err(TokenError::Never(error.to_string())),
                Err(error) => Err(TokenError::NotNow(error.to_string())),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_admission_says_what_to_play() {
        let webrtc =
            json!({"delivery": "webrtc", "livekit": {"url": "ws://x", "token": "t"}, "hls": null, "expires_at": 5});
        assert_eq!(Admission::read(&webrtc).unwrap().delivery(), Delivery::Webrtc);
        let hls = json!({"delivery": "hls", "livekit": null, "hls": {"url": "http://x?token=t"}, "expires_at": 5});
        assert_eq!(Admission::read(&hls).unwrap().delivery(), Delivery::Hls);
        for wrong in [json!({}), json!({"delivery": "hls", "hls": null}), json!({"delivery": "slate"}), json!([])] {
            assert!(Admission::read(&wrong).is_none());
        }
    }
}
