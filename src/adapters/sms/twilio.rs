//! Text messages through Twilio's REST API: `POST /2010-04-01/Accounts/{sid}/Messages.json`
//! (<https://www.twilio.com/docs/messaging/api/message-resource>), basic auth by account and token, a form as body.
//!
//! Time-out [`CALL_MS_MAX`] a try. Twilio has no idempotency key, so only what was surely not taken is tried again, up to
//! [`TRIES_MAX`] times: a connection that was not made, and 429. An answer that was lost, and 5xx, are not: the text may be on its
//! way, and a second one would cost again. Whoever waits for it asks for another.
//!
//! Errors tell Twilio's number of the error, never its words: numbers stand in them.

use backstage_core::phone::Phone;
use serde::Deserialize;
use std::time::Duration;

use crate::config::Secret;

/// How long one call may take, ms.
pub const CALL_MS_MAX: u64 = 10_000;
/// How long a connection may take to be made, ms.
pub const CONNECT_MS_MAX: u64 = 5_000;
/// Tries of what was surely not taken.
pub const TRIES_MAX: u32 = 3;
/// Answers are read up to here, bytes.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// First pause between tries, ms; doubled each time.
const PAUSE_MS: u64 = 500;
/// A SID: two letters, 32 hexadecimal digits.
const SID_BYTES: usize = 34;

/// How to reach Twilio.
#[derive(Debug, Clone)]
pub struct TwilioSettings {
    /// `AC…`
    pub account_sid: String,
    /// Its token.
    pub auth_token: Secret,
    /// A number of the account, or `MG…` for a messaging service that chooses one.
    pub from: String,
    /// `https://api.twilio.com`
    pub base_url: String,
}

impl TwilioSettings {
    /// What is wrong with what is filled in, each with the name of its key.
    pub fn wrong(&self) -> Vec<(&'static str, &'static str)> {
        let mut wrong = vec![];
        if !self.account_sid.is_empty() && !is_sid(&self.account_sid, "AC") {
            wrong.push(("account_sid", "is no account SID: it begins with AC and has 32 hexadecimal digits"));
        }
        let is_number = Phone::parse(&self.from).is_ok_and(|phone| phone.as_str() == self.from);
        if !self.from.is_empty() && !is_number && !is_sid(&self.from, "MG") {
            wrong
                .push(("from", "is neither a number such as \"+15005550006\" nor the SID of a messaging service, MG…"));
        }
        if !self.auth_token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            wrong.push(("auth_token", "has spaces or letters in it that no token has: copy it again"));
        }
        let url = url::Url::parse(&self.base_url).ok();
        let is_here = url.as_ref().is_some_and(|url| match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        });
        if url.is_some_and(|url| url.scheme() == "http" && !is_here) {
            wrong.push(("base_url", "must begin with https://: the token would travel in the clear"));
        }
        wrong
    }
}

fn is_sid(text: &str, begins: &str) -> bool {
    text.len() == SID_BYTES && text.starts_with(begins) && text[2..].bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Why a text was not taken, or may not have been.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TwilioError {
    /// Settings that cannot be used.
    #[error("Twilio cannot be used: {0}")]
    Settings(&'static str),
    /// No connection; nothing was sent.
    #[error("Twilio cannot be reached")]
    Unreachable,
    /// Too much at once; nothing was sent.
    #[error("Twilio asks to slow down")]
    SlowDown,
    /// Account or token are wrong, or may not do this.
    #[error("Twilio refuses our account (status {status}, error {code}): check account SID, token and their rights")]
    Account {
        /// Of HTTP.
        status: u16,
        /// Twilio's number of the error; 0: none was told.
        code: u32,
    },
    /// This text: the number is none, may not be reached, or wants nothing from us.
    #[error(
        "Twilio refuses the text (status {status}, error {code}): see https://www.twilio.com/docs/api/errors/{code}"
    )]
    Refused {
        /// Of HTTP.
        status: u16,
        /// Twilio's number of the error; 0: none was told.
        code: u32,
    },
    /// It may have been sent.
    #[error("it is not known whether Twilio took the text: {0}")]
    Unclear(&'static str),
}

impl TwilioError {
    /// Whether nothing was sent and the next try may do.
    pub const fn may_pass(&self) -> bool {
        matches!(self, TwilioError::Unreachable | TwilioError::SlowDown)
    }
}

#[derive(Deserialize)]
struct Trouble {
    #[serde(default)]
    code: u32,
}

/// The client.
#[derive(Debug)]
pub struct Twilio {
    http: reqwest::Client,
    url: String,
    settings: TwilioSettings,
}

impl Twilio {
    /// Connects when first used. The process needs a TLS provider, which `main` installs.
    pub fn new(settings: &TwilioSettings) -> Result<Twilio, TwilioError> {
        if let Some((_, why)) = settings.wrong().first() {
            return Err(TwilioError::Settings(why));
        }
        let mut url = url::Url::parse(&settings.base_url).map_err(|_| TwilioError::Settings("base_url is no URL"))?;
        url.path_segments_mut().map_err(|()| TwilioError::Settings("base_url is no URL"))?.pop_if_empty().extend([
            "2010-04-01",
            "Accounts",
            settings.account_sid.as_str(),
            "Messages.json",
        ]);
        let http = reqwest::Client::builder()
            .timeout(Duration::from_millis(CALL_MS_MAX))
            .connect_timeout(Duration::from_millis(CONNECT_MS_MAX))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("backstage/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| TwilioError::Settings("there is no TLS"))?;
        Ok(Twilio { http, url: url.into(), settings: settings.clone() })
    }

    /// Sends one text, at most once.
    pub async fn send(&self, to: &Phone, text: &str) -> Result<(), TwilioError> {
        let from = if self.settings.from.starts_with('+') { "From" } else { "MessagingServiceSid" };
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("To", to.as_str())
            .append_pair(from, &self.settings.from)
            .append_pair("Body", text)
            .finish();
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match self.post(body.clone()).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if tries >= TRIES_MAX || !error.may_pass() {
                return Err(error);
            }
            tokio::time::sleep(Duration::from_millis(PAUSE_MS << (tries - 1))).await;
        }
    }

    async fn post(&self, body: String) -> Result<(), TwilioError> {
        let call = self
            .http
            .post(&self.url)
            .basic_auth(&self.settings.account_sid, Some(self.settings.auth_token.expose()))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        let response = call.send().await.map_err(|error| match error.is_connect() {
            true => TwilioError::Unreachable,
            false => TwilioError::Unclear("the answer did not come"),
        })?;
        match response.status().as_u16() {
            200..300 => Ok(()),
            429 => Err(TwilioError::SlowDown),
            status @ (401 | 403) => Err(TwilioError::Account { status, code: code(response).await }),
            status @ 300..500 => Err(TwilioError::Refused { status, code: code(response).await }),
            _ => Err(TwilioError::Unclear("it has trouble of its own")),
        }
    }
}

/// Twilio's number of an error; 0 if there is none to be read.
async fn code(mut response: reqwest::Response) -> u32 {
    let mut bytes = vec![];
    while let Ok(Some(chunk)) = response.chunk().await {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return 0;
        }
        bytes.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&bytes).map_or(0, |trouble: Trouble| trouble.code)
}
