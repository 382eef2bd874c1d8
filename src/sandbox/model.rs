//! What the sandbox keeps. Amounts are in minor units; times are Unix seconds. Objects that Stripe would show are made
//! from these in `wire`.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Names and values of the application's own.
pub type Metadata = BTreeMap<String, String>;

/// Who pays.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Customer {
    pub id: String,
    pub created: i64,
    pub email: Option<String>,
    pub name: Option<String>,
    pub phone: Option<String>,
    pub description: Option<String>,
    pub metadata: Metadata,
}

/// What a test card does when it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// Pays.
    Pays,
    /// Pays; the holder then disputes it as fraud.
    PaysThenDisputes,
    /// Is declined, without a reason.
    Declines,
    /// Can be saved; is declined when charged.
    DeclinesWhenCharged,
    /// Is declined: not enough money.
    LacksFunds,
    /// Is declined: lost.
    IsLost,
    /// Is declined: expired.
    IsExpired,
    /// Is declined: the security code is another one.
    CvcIsWrong,
    /// 3-D Secure, until it was saved with it.
    AsksUntilSetUp,
    /// 3-D Secure each time, saved or not.
    AsksAlways,
}

/// A card, without its number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Card {
    pub brand: String,
    pub last4: String,
    pub exp_month: i64,
    pub exp_year: i64,
    pub has_cvc: bool,
    pub behaviour: Behaviour,
}

/// A way of paying.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Method {
    pub id: String,
    pub created: i64,
    /// Whose it is: only then can it be used again.
    pub customer: Option<String>,
    pub card: Card,
    pub name: Option<String>,
    pub email: Option<String>,
    pub metadata: Metadata,
    /// The holder agreed, with 3-D Secure if the card asks, to later charges.
    pub set_up: bool,
    /// Used without being saved.
    pub spent: bool,
}

/// How far an intent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Succeeded,
    Canceled,
}

/// Why a card did not pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decline {
    pub code: String,
    pub decline_code: Option<String>,
    pub message: String,
    pub method: String,
    pub charge: Option<String>,
}

impl Decline {
    /// Stripe's type of error.
    pub fn kind(&self) -> &'static str {
        // The holder failing 3-D Secure is no fault of the card.
        if self.code.ends_with("_authentication_failure") { "invalid_request_error" } else { "card_error" }
    }
}

/// A payment on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Intent {
    pub id: String,
    pub created: i64,
    pub client_secret: String,
    pub amount: i64,
    pub currency: String,
    pub customer: Option<String>,
    pub description: Option<String>,
    pub receipt_email: Option<String>,
    pub metadata: Metadata,
    /// `off_session` or `on_session`: the method is saved.
    pub setup_future_usage: Option<String>,
    pub status: Status,
    pub method: Option<String>,
    pub charge: Option<String>,
    pub decline: Option<Decline>,
    /// Whether methods that lead the holder away are allowed.
    pub redirects: bool,
    pub return_url: Option<String>,
    pub canceled_at: Option<i64>,
    pub cancellation_reason: Option<String>,
}

/// A method on its way to being saved.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Setup {
    pub id: String,
    pub created: i64,
    pub client_secret: String,
    pub customer: Option<String>,
    pub description: Option<String>,
    pub metadata: Metadata,
    pub usage: String,
    pub status: Status,
    pub method: Option<String>,
    pub decline: Option<Decline>,
    /// Whether methods that lead the holder away are allowed.
    pub redirects: bool,
    pub return_url: Option<String>,
}

/// One attempt to take money.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Charge {
    pub id: String,
    pub created: i64,
    pub intent: String,
    pub method: String,
    pub amount: i64,
    pub refunded: i64,
    pub currency: String,
    pub customer: Option<String>,
    pub description: Option<String>,
    pub metadata: Metadata,
    pub decline: Option<Decline>,
    pub disputed: bool,
}

/// Money that went back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refund {
    pub id: String,
    pub created: i64,
    pub charge: String,
    pub intent: String,
    pub amount: i64,
    pub currency: String,
    pub reason: Option<String>,
    pub metadata: Metadata,
}

/// How far a dispute is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeStatus {
    #[default]
    NeedsResponse,
    Won,
    Lost,
}

/// A holder who says that a charge was none of theirs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Dispute {
    pub id: String,
    pub created: i64,
    pub charge: String,
    pub intent: String,
    pub amount: i64,
    pub currency: String,
    #[serde(default)]
    pub status: DisputeStatus,
}

/// What happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    pub id: String,
    pub created: i64,
    pub kind: String,
    /// The object as it was then.
    pub object: Value,
    pub idempotency_key: Option<String>,
}

/// An event on its way to the receiver.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Delivery {
    pub attempts: u32,
    /// Unix ms.
    pub due_ms: i64,
}

/// An answer that is given again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Replay {
    pub at: i64,
    /// Digest of path and parameters.
    pub asked: String,
    pub status: u16,
    pub body: Value,
}
