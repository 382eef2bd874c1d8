//! What can go wrong, told apart by what is to be done then.

use serde::Deserialize;

/// Why a call was not done. None of these texts holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StripeError {
    /// The card was declined: another card may do.
    #[error("the card was declined ({code}{})", decline_code.as_deref().map(|code| format!(", {code}")).unwrap_or_default())]
    Declined {
        /// Such as `card_declined`, `expired_card`.
        code: String,
        /// Such as `insufficient_funds`.
        decline_code: Option<String>,
        /// For the person who pays.
        message: String,
        /// The payment or setup intent, if it came so far.
        intent: Option<String>,
    },
    /// The card wants its holder, who is not there: let them pay with the same method on the page.
    #[error("the card asks for its holder")]
    NeedsAction {
        /// The payment intent.
        intent: Option<String>,
    },
    /// What was asked cannot be done, however often.
    #[error("Stripe refused: {message} ({code})")]
    Rejected {
        /// For machines; empty if there is none.
        code: String,
        /// For us.
        message: String,
        /// The parameter that is wrong.
        param: Option<String>,
    },
    /// There is no such object.
    #[error("Stripe knows no such object")]
    Missing,
    /// The idempotency key was used for something else.
    #[error("the idempotency key was used for something else before")]
    KeyReused,
    /// The secret key is wrong or may not do this.
    #[error("Stripe does not accept our key")]
    Unauthorized,
    /// Too many calls, or trouble at Stripe: later.
    #[error("Stripe asks for patience ({0})")]
    Busy(u16),
    /// No answer. A write may have been done: ask again with the same key.
    #[error("Stripe cannot be reached")]
    Unreachable,
    /// An answer that cannot be read. A write may have been done: ask again with the same key, or look.
    #[error("Stripe's answer cannot be read: {0}")]
    Unclear(String),
    /// We are set up wrongly.
    #[error("Stripe cannot be used: {0}")]
    Config(&'static str),
}

impl StripeError {
    /// The parser's own text may repeat what it could not read, so it is left out.
    pub(super) fn unclear(error: serde_json::Error) -> StripeError {
        StripeError::Unclear(format!("{:?} error at column {}", error.classify(), error.column()))
    }

    /// Whether the same call, with the same key, may do later.
    pub fn may_pass(&self) -> bool {
        match self {
            StripeError::Busy(_) | StripeError::Unreachable | StripeError::Unclear(_) => true,
            StripeError::Declined { .. }
            | StripeError::NeedsAction { .. }
            | StripeError::Rejected { .. }
            | StripeError::Missing
            | StripeError::KeyReused
            | StripeError::Unauthorized
            | StripeError::Config(_) => false,
        }
    }
}

/// `{"error": …}`, as far as we use it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Envelope {
    error: Told,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    r#type: String,
    code: Option<String>,
    decline_code: Option<String>,
    message: Option<String>,
    param: Option<String>,
    payment_intent: Option<Named>,
    setup_intent: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

/// What an answer that is no success says.
pub(super) fn told(status: u16, body: &[u8]) -> StripeError {
    match status {
        401 | 403 => return StripeError::Unauthorized,
        404 => return StripeError::Missing,
        409 | 429 | 500.. => return StripeError::Busy(status),
        _ => {}
    }
    let Told { r#type, code, decline_code, message, param, payment_intent, setup_intent } =
        match serde_json::from_slice::<Envelope>(body) {
            Ok(envelope) => envelope.error,
            Err(error) => return StripeError::unclear(error),
        };
    let intent = payment_intent.or(setup_intent).map(|intent| intent.id);
    let (code, message) = (code.unwrap_or_default(), message.unwrap_or_default());
    match r#type.as_str() {
        "card_error" if code == "authentication_required" => StripeError::NeedsAction { intent },
        "card_error" => StripeError::Declined { code, decline_code, message, intent },
        "idempotency_error" => StripeError::KeyReused,
        _ if code == "resource_missing" => StripeError::Missing,
        _ => StripeError::Rejected { code, message, param },
    }
}
