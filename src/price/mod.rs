//! Prices of passes: what is asked, how many there are, what buyers are asked and where they go. A pass without a price is free.

pub mod form;
pub mod routes;
pub mod store;
pub mod views;

use backstage_core::pass::{Price, Stock};
use backstage_core::{PassId, PriceId, SpaceId};
use serde::{Deserialize, Serialize};

/// Most prices of a pass that are on sale.
pub const PRICES_MAX: usize = 10;
/// Most questions at checkout.
pub const QUESTIONS_MAX: usize = 10;
/// Longest question in characters.
pub const QUESTION_CHARS_MAX: usize = 200;
/// Longest answer in characters.
pub const ANSWER_CHARS_MAX: usize = 1_000;
/// Ways of paying that a team may switch on, by Stripe's names (<https://docs.stripe.com/payments/payment-methods>). None
/// chosen: those that the account has on.
pub const METHODS: [&str; 8] =
    ["card", "link", "paypal", "klarna", "ideal", "bancontact", "sepa_debit", "us_bank_account"];

/// A question at checkout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What is asked.
    pub text: String,
    /// Whether it must be answered.
    pub required: bool,
}

/// What a team sets beside the terms.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// What only the team reads; may be empty.
    pub internal_name: String,
    /// What buyers are asked.
    pub questions: Vec<Question>,
    /// Where buyers go, a path here or a whole `https` address; empty: to what they bought.
    pub redirect: String,
    /// Of [`METHODS`].
    pub methods: Vec<String>,
}

/// One version of a price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// This version.
    pub id: PriceId,
    /// The price through all its versions; names its stock.
    pub line: String,
    /// What it is the price of.
    pub pass: PassId,
    /// Where.
    pub space: SpaceId,
    /// Its terms, which never change.
    pub price: Price,
    /// What else the team set.
    pub options: Options,
    /// How many are left.
    pub stock: Stock,
    /// No longer on sale.
    pub retired: bool,
}
