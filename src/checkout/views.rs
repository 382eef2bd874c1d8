//! Pages of checkout.

use crate::page::Page;
use crate::price::Question;
use crate::space::views::SpaceRef;
use askama::Template;

/// A price as a buyer reads it.
#[derive(Debug, Clone)]
pub struct PriceCard {
    /// Its id.
    pub id: String,
    /// `$29`.
    pub amount: String,
    /// `per month`, `once`, `in 3 payments`.
    pub how: String,
    /// What is paid at once.
    pub due: String,
    /// Trial, initial fee; in words, may be empty.
    pub notes: Vec<String>,
    /// How many are left, in words, when they are counted.
    pub left: Option<String>,
    /// None is left.
    pub sold_out: bool,
    /// Asks nothing, so that one click can be enough.
    pub plain: bool,
}

/// A way of paying that a signed-in person has saved.
#[derive(Debug, Clone)]
pub struct SavedCard {
    /// As people read it.
    pub name: String,
}

/// A question with its place.
pub struct Asked {
    /// Names its field.
    pub place: usize,
    /// What is asked.
    pub question: Question,
}

/// `/{space}/{pass}/checkout`
#[derive(Template)]
#[template(path = "checkout/show.html")]
pub struct CheckoutShow {
    /// Frame.
    pub page: Page,
    /// Where.
    pub space: SpaceRef,
    /// What is bought.
    pub pass_name: String,
    /// Its one sentence; may be empty.
    pub headline: String,
    /// Its address part.
    pub pass_slug: String,
    /// At which price.
    pub price: PriceCard,
    /// What is paid now.
    pub due: String,
    /// The same in minor units.
    pub due_minor: i64,
    /// Three small letters.
    pub currency: String,
    /// The address or number of somebody with an account; empty: they type it.
    pub contact: String,
    /// A number can be given instead.
    pub texts: bool,
    /// It is asked for.
    pub by_phone: bool,
    /// What they are asked.
    pub questions: Vec<Asked>,
    /// A card that they have saved.
    pub saved: Option<SavedCard>,
    /// Opens to the browser what it needs.
    pub publishable_key: String,
    /// No money moves.
    pub sandbox: bool,
    /// A card is charged later too.
    pub later: bool,
    /// Ways of paying by Stripe's names, parted by spaces; empty: those of the account.
    pub methods: String,
}

/// After payment, for somebody without an account.
#[derive(Template)]
#[template(path = "checkout/code.html")]
pub struct CheckoutCode {
    /// Frame.
    pub page: Page,
    /// Where the code went: an address or a number.
    pub contact: String,
    /// The name of the field that takes it.
    pub field: &'static str,
    /// Where they go then.
    pub next: String,
    /// What is wrong with the code; none yet.
    pub error: Option<String>,
    /// Of the pass.
    pub name: String,
}

/// After payment, while nothing is known yet, or when it was void.
#[derive(Template)]
#[template(path = "checkout/wait.html")]
pub struct CheckoutWait {
    /// Frame.
    pub page: Page,
    /// Text key of the heading.
    pub heading: &'static str,
    /// Text key of what it means.
    pub text: &'static str,
    /// It will be known: the page looks again.
    pub looks_again: bool,
    /// Where else to go.
    pub back: String,
}
