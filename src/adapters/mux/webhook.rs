//! Mux's webhooks: checked, then read. They come more than once and in any order; `id` tells repetitions.

use super::types::{Asset, LiveStream, ObjectRef, SimulcastTarget};
use crate::config::Secret;
use hmac::{Hmac, Mac};
use serde::Deserialize;
use serde_json::Value;
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// The header with the signature.
pub const SIGNATURE: &str = "mux-signature";
/// How old or how far ahead a webhook may be, s, as in Mux's own library.
pub const TOLERANCE_S: i64 = 300;
/// Signatures that are looked at in one header.
const SIGNATURES_MAX: usize = 8;

/// Why a webhook is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// No `mux-signature` with a time and a signature.
    #[error("the signature cannot be read")]
    Unreadable,
    /// More than [`TOLERANCE_S`] away.
    #[error("the signature is too old or too far ahead")]
    OutOfTime,
    /// Not made with our secret, or the body was changed.
    #[error("the signature does not fit")]
    Wrong,
}

/// Checks the value of `mux-signature` against the body as it came. Time is in Unix seconds.
pub fn verify(secret: &Secret, header: &str, body: &[u8], now_s: i64) -> Result<(), Forged> {
    let pairs = || header.split(',').filter_map(|pair| pair.trim().split_once('='));
    let time = pairs().find(|(name, _)| *name == "t").map(|(_, value)| value).ok_or(Forged::Unreadable)?;
    let at_s: i64 = time.parse().map_err(|_| Forged::Unreadable)?;
    let given: Vec<&str> =
        pairs().filter(|(name, _)| *name == "v1").map(|(_, value)| value).take(SIGNATURES_MAX).collect();
    if given.is_empty() || secret.is_empty() {
        return Err(Forged::Unreadable);
    }
    if now_s.saturating_sub(at_s).saturating_abs() > TOLERANCE_S {
        return Err(Forged::OutOfTime);
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).map_err(|_| Forged::Unreadable)?;
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    let expected: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let fits = given.iter().any(|one| one.as_bytes().ct_eq(expected.as_bytes()).into());
    if fits { Ok(()) } else { Err(Forged::Wrong) }
}

/// A webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct Webhook {
    /// The same at each repetition.
    pub id: String,
    /// Such as `video.live_stream.active`.
    pub kind: String,
    /// What it is about.
    pub object: Option<ObjectRef>,
    /// What it says.
    pub event: Event,
}

/// What a webhook says. `what` is the last word of its kind, such as `active`.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// `video.live_stream.{what}`
    LiveStream {
        /// What happened.
        what: String,
        /// As it was then.
        stream: Box<LiveStream>,
    },
    /// `video.live_stream.simulcast_target.{what}`
    Target {
        /// What happened.
        what: String,
        /// As it was then.
        target: Box<SimulcastTarget>,
    },
    /// `video.asset.{what}`
    Asset {
        /// What happened.
        what: String,
        /// As it was then.
        asset: Box<Asset>,
    },
    /// One that we do not know, as it came.
    Other(Value),
}

#[derive(Deserialize)]
struct Raw {
    id: String,
    r#type: String,
    #[serde(default)]
    object: Option<ObjectRef>,
    #[serde(default)]
    data: Value,
}

/// Reads the body of a webhook that was verified. What we do not know is [`Event::Other`]; the error is for what has no
/// `id` or `type`.
pub fn parse(body: &[u8]) -> Result<Webhook, serde_json::Error> {
    let raw: Raw = serde_json::from_slice(body)?;
    let event = known(&raw.r#type, &raw.data).unwrap_or(Event::Other(raw.data));
    Ok(Webhook { id: raw.id, kind: raw.r#type, object: raw.object, event })
}

fn known(kind: &str, data: &Value) -> Option<Event> {
    // Deeper names, such as `video.asset.track.ready`, are about other objects.
    let flat = |what: &&str| !what.contains('.');
    if let Some(what) = kind.strip_prefix("video.live_stream.simulcast_target.").filter(flat) {
        let target = Box::new(SimulcastTarget::deserialize(data).ok()?);
        return Some(Event::Target { what: what.to_owned(), target });
    }
    if let Some(what) = kind.strip_prefix("video.live_stream.").filter(flat) {
        let stream = Box::new(LiveStream::deserialize(data).ok()?);
        return Some(Event::LiveStream { what: what.to_owned(), stream });
    }
    let what = kind.strip_prefix("video.asset.").filter(flat)?;
    Some(Event::Asset { what: what.to_owned(), asset: Box::new(Asset::deserialize(data).ok()?) })
}
