//! Pages of prices.

use crate::money;
use crate::page::{FormErrors, Page};
use crate::space::views::SpaceRef;
use askama::Template;
use backstage_core::pass::{Price, PriceKind, Unit};

use super::{METHODS, Offer};

/// Currencies to choose from, the usual ones first.
pub const CURRENCIES: [&str; 24] = [
    "USD", "EUR", "GBP", "AUD", "BHD", "BRL", "CAD", "CHF", "CLP", "CZK", "DKK", "HKD", "INR", "JPY", "KRW", "KWD",
    "MXN", "NOK", "NZD", "PLN", "SEK", "SGD", "VND", "ZAR",
];
/// Units of an interval as forms name them.
pub const UNITS: [(&str, Unit); 4] =
    [("day", Unit::Day), ("week", Unit::Week), ("month", Unit::Month), ("year", Unit::Year)];

/// A price in a few words: `$1 per month`.
pub fn short(price: &Price) -> String {
    match price.kind {
        PriceKind::Once { split: None, .. } => money::text(price.amount()),
        PriceKind::Once { .. } | PriceKind::Recurring { .. } => {
            format!("{} {}", money::text(price.amount()), money::how(price))
        }
    }
}

/// A price in the team's list.
pub struct PriceRow {
    /// Its id.
    pub id: String,
    /// What it says.
    pub words: String,
    /// What only the team reads.
    pub internal_name: String,
    /// Sold so far.
    pub sold: u32,
    /// Of how many.
    pub total: Option<u32>,
}

impl From<&Offer> for PriceRow {
    fn from(offer: &Offer) -> PriceRow {
        PriceRow {
            id: offer.id.to_string(),
            words: short(&offer.price),
            internal_name: offer.options.internal_name.clone(),
            sold: offer.stock.sold,
            total: offer.stock.total,
        }
    }
}

/// `/studio/{space}/passes/{pass}/prices`
#[derive(Template)]
#[template(path = "price/index.html")]
pub struct PriceIndex {
    /// Frame.
    pub page: Page,
    /// Where.
    pub space: SpaceRef,
    /// Of the pass.
    pub pass_name: String,
    /// Of the pass.
    pub pass_slug: String,
    /// On sale.
    pub prices: Vec<PriceRow>,
    /// The pass never had a price.
    pub free: bool,
    /// Somebody takes payments here.
    pub sells: bool,
}

/// What is typed into the form.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs, reason = "each is a field of the form")]
pub struct PriceForm {
    pub kind: String,
    pub amount: String,
    pub currency: String,
    pub every_count: String,
    pub every_unit: String,
    pub parts: String,
    pub fee: String,
    pub trial_days: String,
    pub stay_percent: String,
    pub stay_charges: String,
    pub stock: String,
    pub questions: String,
    pub redirect: String,
    pub internal_name: String,
    pub methods: Vec<String>,
}

impl PriceForm {
    /// Whether a way of paying is chosen.
    pub fn takes(&self, method: &str) -> bool {
        self.methods.iter().any(|held| held == method)
    }
}

/// `/studio/{space}/passes/{pass}/prices/new` and `…/{price}/edit`
#[derive(Template)]
#[template(path = "price/edit.html")]
pub struct PriceEdit {
    /// Frame.
    pub page: Page,
    /// Where.
    pub space: SpaceRef,
    /// Of the pass.
    pub pass_name: String,
    /// What was typed.
    pub form: PriceForm,
    /// What is wrong with it.
    pub errors: FormErrors,
    /// Where it posts to.
    pub action: String,
    /// Where Cancel leads.
    pub cancel_url: String,
    /// People hold it: they keep their terms.
    pub edits: bool,
}

impl PriceEdit {
    /// To choose from.
    pub fn currencies(&self) -> [&'static str; 24] {
        CURRENCIES
    }

    /// To choose from.
    pub fn methods(&self) -> [&'static str; 8] {
        METHODS
    }
}
