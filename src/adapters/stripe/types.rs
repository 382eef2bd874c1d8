//! What Stripe tells, as far as we use it. Fields that we do not know are left aside, and words that we do not know are
//! `Unknown`, so that what Stripe adds breaks nothing. Amounts are in minor units of the currency, times in Unix seconds.

use crate::config::Secret;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Names and values of our own, which Stripe keeps with an object: 50 at most.
pub type Metadata = BTreeMap<String, String>;

/// Who pays.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Customer {
    /// `cus_…`
    pub id: String,
    /// Where receipts go.
    #[serde(default)]
    pub email: Option<String>,
    /// Ours.
    #[serde(default)]
    pub metadata: Metadata,
}

/// How far an intent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentStatus {
    /// Waits for a card: a new one, or the last one was declined.
    RequiresPaymentMethod,
    /// Has a card, waits for the word.
    RequiresConfirmation,
    /// Waits for the holder of the card.
    RequiresAction,
    /// On its way; a webhook will tell.
    Processing,
    /// Held on the card, not taken.
    RequiresCapture,
    /// Paid, or saved.
    Succeeded,
    /// Over.
    Canceled,
    /// Another one.
    #[serde(other)]
    Unknown,
}

/// A payment on its way.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PaymentIntent {
    /// `pi_…`
    pub id: String,
    /// How far it is.
    pub status: IntentStatus,
    /// Asked for.
    pub amount: i64,
    /// Received.
    #[serde(default)]
    pub amount_received: i64,
    /// Three small letters.
    pub currency: String,
    /// When it was made.
    #[serde(default)]
    pub created: i64,
    /// Who pays.
    #[serde(default)]
    pub customer: Option<String>,
    /// With which card.
    #[serde(default)]
    pub payment_method: Option<String>,
    /// The last attempt.
    #[serde(default)]
    pub latest_charge: Option<String>,
    /// Opens this payment to the browser of who pays, and to nobody else.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// Ours.
    #[serde(default)]
    pub metadata: Metadata,
    /// Why the last attempt failed.
    #[serde(default)]
    pub last_payment_error: Option<Failure>,
    /// What the holder has to do.
    #[serde(default)]
    pub next_action: Option<NextAction>,
}

/// A card on its way to being saved.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SetupIntent {
    /// `seti_…`
    pub id: String,
    /// How far it is.
    pub status: IntentStatus,
    /// Whose card.
    #[serde(default)]
    pub customer: Option<String>,
    /// The card.
    #[serde(default)]
    pub payment_method: Option<String>,
    /// Opens it to the browser of its holder, and to nobody else.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// Ours.
    #[serde(default)]
    pub metadata: Option<Metadata>,
    /// Why the last attempt failed.
    #[serde(default)]
    pub last_setup_error: Option<Failure>,
    /// What the holder has to do.
    #[serde(default)]
    pub next_action: Option<NextAction>,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Failure {
    /// Such as `card_declined`.
    pub code: Option<String>,
    /// Such as `insufficient_funds`.
    pub decline_code: Option<String>,
    /// For the person who pays.
    pub message: Option<String>,
}

/// What the holder of a card has to do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NextAction {
    /// `redirect_to_url`, `use_stripe_sdk` and so on.
    pub r#type: String,
    /// Where to send the holder, with `redirect_to_url`.
    #[serde(default)]
    pub redirect_to_url: Option<Redirect>,
}

/// Where to send the holder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Redirect {
    /// May hold the client secret.
    #[serde(default)]
    pub url: Option<Secret>,
}

/// A way of paying.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PaymentMethod {
    /// `pm_…`
    pub id: String,
    /// `card` and so on.
    pub r#type: String,
    /// Whose it is.
    #[serde(default)]
    pub customer: Option<String>,
    /// With `card`.
    #[serde(default)]
    pub card: Option<Card>,
}

/// What may be shown of a card.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Card {
    /// `visa` and so on.
    pub brand: String,
    /// Its last four digits.
    pub last4: String,
    /// Its last month, from 1.
    pub exp_month: i64,
    /// Of this year.
    pub exp_year: i64,
}

/// An attempt to take money.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Charge {
    /// `ch_…`
    pub id: String,
    /// Asked for.
    pub amount: i64,
    /// Given back so far.
    #[serde(default)]
    pub amount_refunded: i64,
    /// Three small letters.
    pub currency: String,
    /// Whether all of it was given back.
    #[serde(default)]
    pub refunded: bool,
    /// Of which payment.
    #[serde(default)]
    pub payment_intent: Option<String>,
    /// Ours, from the payment.
    #[serde(default)]
    pub metadata: Metadata,
}

/// Money that went back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Refund {
    /// `re_…`
    pub id: String,
    /// Given back.
    pub amount: i64,
    /// Three small letters.
    pub currency: String,
    /// `succeeded`, `pending`, `failed` and so on.
    #[serde(default)]
    pub status: Option<String>,
    /// Of which payment.
    #[serde(default)]
    pub payment_intent: Option<String>,
    /// Ours.
    #[serde(default)]
    pub metadata: Option<Metadata>,
}

/// A holder who says that a charge was none of theirs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Dispute {
    /// `dp_…`
    pub id: String,
    /// Taken back for now.
    pub amount: i64,
    /// Three small letters.
    pub currency: String,
    /// `fraudulent` and so on.
    pub reason: String,
    /// `needs_response`, `won`, `lost` and so on.
    pub status: String,
    /// Of which payment.
    #[serde(default)]
    pub payment_intent: Option<String>,
}

/// A page of a list, the youngest first.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Page<T> {
    /// 100 at most.
    pub data: Vec<T>,
    /// Whether there are older ones: ask again after the last of these.
    pub has_more: bool,
}
