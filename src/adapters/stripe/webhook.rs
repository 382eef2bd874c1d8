//! Stripe's webhooks: checked, then read. They come more than once and in any order; `id` tells repetitions. Stripe's
//! signature is made as Mux's, so one check serves both. Source: <https://docs.stripe.com/webhooks#verify-manually>.

use super::types::{Charge, Dispute, PaymentIntent, SetupIntent};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use crate::adapters::mux::webhook::{Forged, TOLERANCE_S, verify};

/// The header with the signature.
pub const SIGNATURE: &str = "stripe-signature";

/// A webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct Webhook {
    /// The same at each repetition, `evt_…`.
    pub id: String,
    /// Such as `payment_intent.succeeded`.
    pub kind: String,
    /// When it happened, Unix s.
    pub created: i64,
    /// What it says.
    pub event: Event,
}

/// What a webhook says; objects are as they were then.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// `payment_intent.succeeded`
    PaymentSucceeded(Box<PaymentIntent>),
    /// `payment_intent.payment_failed`
    PaymentFailed(Box<PaymentIntent>),
    /// `payment_intent.requires_action`
    PaymentNeedsAction(Box<PaymentIntent>),
    /// `payment_intent.canceled`
    PaymentCanceled(Box<PaymentIntent>),
    /// `setup_intent.succeeded`
    SetupSucceeded(Box<SetupIntent>),
    /// `setup_intent.setup_failed`
    SetupFailed(Box<SetupIntent>),
    /// `charge.refunded`
    ChargeRefunded(Box<Charge>),
    /// `charge.dispute.created`
    DisputeCreated(Box<Dispute>),
    /// `charge.dispute.closed`
    DisputeClosed(Box<Dispute>),
    /// One that we do not know or cannot read, as it came.
    Other(Value),
}

#[derive(Deserialize)]
struct Raw {
    id: String,
    r#type: String,
    #[serde(default)]
    created: i64,
    data: Held,
}

#[derive(Deserialize)]
struct Held {
    object: Value,
}

/// Reads the body of a webhook that was verified. What we do not know is [`Event::Other`]; the error is for what is no
/// event at all.
pub fn parse(body: &[u8]) -> Result<Webhook, serde_json::Error> {
    let raw: Raw = serde_json::from_slice(body)?;
    let event = known(&raw.r#type, &raw.data.object).unwrap_or(Event::Other(raw.data.object));
    Ok(Webhook { id: raw.id, kind: raw.r#type, created: raw.created, event })
}

fn known(kind: &str, object: &Value) -> Option<Event> {
    fn read<T: DeserializeOwned>(object: &Value) -> Option<Box<T>> {
        T::deserialize(object).map(Box::new).ok()
    }
    Some(match kind {
        "payment_intent.succeeded" => Event::PaymentSucceeded(read(object)?),
        "payment_intent.payment_failed" => Event::PaymentFailed(read(object)?),
        "payment_intent.requires_action" => Event::PaymentNeedsAction(read(object)?),
        "payment_intent.canceled" => Event::PaymentCanceled(read(object)?),
        "setup_intent.succeeded" => Event::SetupSucceeded(read(object)?),
        "setup_intent.setup_failed" => Event::SetupFailed(read(object)?),
        "charge.refunded" => Event::ChargeRefunded(read(object)?),
        "charge.dispute.created" => Event::DisputeCreated(read(object)?),
        "charge.dispute.closed" => Event::DisputeClosed(read(object)?),
        _ => return None,
    })
}
