//! Pages about orders: the buyer's, and the team's.

use crate::locale;
use crate::money;
use crate::page::{Moment, Page};
use crate::space::views::SpaceRef;
use askama::Template;
use backstage_core::order::{Order, Phase};
use backstage_core::{Timestamp, money::Money};

/// Where an order stands, as the locale file says it.
pub struct PhaseBadge {
    /// `active` and so on.
    pub word: &'static str,
    /// What people read.
    pub label: &'static str,
    /// Name of the icon.
    pub icon: &'static str,
    /// Ending of the badge's class.
    pub color: &'static str,
}

impl From<Phase> for PhaseBadge {
    fn from(phase: Phase) -> PhaseBadge {
        let word = phase.as_str();
        let option =
            |part: &str| locale::known(&format!("order.fields.phase.options.{word}.{part}")).unwrap_or_default();
        PhaseBadge { word, label: option("label"), icon: option("icon"), color: option("color") }
    }
}

/// A charge of an order.
pub struct ChargeRow {
    /// Its number.
    pub n: usize,
    /// How much.
    pub amount: String,
    /// When it is or was due.
    pub due_at: Moment,
    /// `paid`, `due`, `declined`, `refunded`, `partly_refunded`, `disputed`.
    pub state: &'static str,
    /// Went back, if some did.
    pub refunded: Option<String>,
    /// What may still go back, for a form; empty: nothing.
    pub left: String,
}

impl ChargeRow {
    /// The charges of an order that are of something.
    pub fn all(order: &Order) -> Vec<ChargeRow> {
        let rows = order.invoices.iter().enumerate().filter(|(_, invoice)| invoice.amount.minor > 0);
        rows.map(|(n, invoice)| {
            let money = |minor| money::text(Money { minor, ..invoice.amount });
            let left = invoice.amount.minor - invoice.refunded;
            let state = match invoice {
                invoice if invoice.disputed() => "disputed",
                invoice if invoice.paid && left == 0 => "refunded",
                invoice if invoice.paid && invoice.refunded > 0 => "partly_refunded",
                invoice if invoice.paid => "paid",
                invoice if invoice.declined > 0 => "declined",
                _ => "due",
            };
            ChargeRow {
                n,
                amount: money(invoice.amount.minor),
                due_at: invoice.due_at.into(),
                state,
                refunded: (invoice.refunded > 0).then(|| money(invoice.refunded)),
                left: if invoice.paid && left > 0 && !invoice.disputed() {
                    plain(left, invoice.amount)
                } else {
                    String::new()
                },
            }
        })
        .collect()
    }
}

/// An amount as an input takes it: `29.00`, in Spanish `29,00`.
pub fn plain(minor: i64, like: Money) -> String {
    let digits = usize::from(like.currency.digits());
    let (whole, rest) = Money { minor, ..like }.parts();
    let point = if locale::current() == locale::Language::Spanish { ',' } else { '.' };
    if digits == 0 { whole.to_string() } else { format!("{whole}{point}{rest:0digits$}") }
}

/// An order in a list.
pub struct OrderRow {
    /// Its id.
    pub id: String,
    /// When it was made.
    pub at: Moment,
    /// Of the pass.
    pub pass: String,
    /// Of the space, in the buyer's list.
    pub space: String,
    /// The buyer in the team's list: their address or number.
    pub contact: String,
    /// What is kept of it.
    pub kept: String,
    /// Where it stands.
    pub phase: PhaseBadge,
    /// Until when it opens the pass.
    pub until: Option<Moment>,
}

/// Until when an order opens its pass, if that has an end.
pub fn until(order: &Order) -> Option<Moment> {
    order.access().and_then(|access| access.until).map(Moment::from)
}

/// A pass in somebody's hand.
pub struct HeldRow {
    /// Of the pass.
    pub pass: String,
    /// Of the space.
    pub space: String,
    /// Where it leads.
    pub url: String,
    /// Until when.
    pub until: Option<Moment>,
    /// It is over.
    pub over: bool,
}

/// `/passes`
#[derive(Template)]
#[template(path = "order/index.html")]
pub struct OrderIndex {
    /// Frame.
    pub page: Page,
    /// What they hold.
    pub held: Vec<HeldRow>,
    /// What they bought.
    pub orders: Vec<OrderRow>,
}

/// `/orders/{id}`
#[derive(Template)]
#[template(path = "order/show.html")]
pub struct OrderShow {
    /// Frame.
    pub page: Page,
    /// Where.
    pub space: SpaceRef,
    /// The order.
    pub order: OrderRow,
    /// What was agreed, in words.
    pub terms: String,
    /// Its charges.
    pub charges: Vec<ChargeRow>,
    /// It can be cancelled.
    pub may_cancel: bool,
    /// It can be resumed.
    pub may_resume: bool,
    /// Something is still to be charged, to a card that may be another.
    pub may_change_card: bool,
    /// Whoever would cancel is offered something.
    pub may_stay: bool,
    /// It opens its pass.
    pub open: bool,
}

/// `/orders/{id}/card`
#[derive(Template)]
#[template(path = "order/card.html")]
pub struct CardShow {
    /// Frame.
    pub page: Page,
    /// Where.
    pub space: SpaceRef,
    /// Id of the order.
    pub order: String,
    /// Of the pass.
    pub pass: String,
    /// A charge was declined, and is tried again with the new card.
    pub is_late: bool,
    /// Opens the provider to the browser.
    pub publishable_key: String,
    /// Whether no money moves.
    pub sandbox: bool,
    /// Of its charges, as `usd`.
    pub currency: String,
}

/// `/orders/{id}/cancel`
#[derive(Template)]
#[template(path = "order/cancel.html")]
pub struct CancelShow {
    /// Frame.
    pub page: Page,
    /// Where.
    pub space: SpaceRef,
    /// Id of the order.
    pub order: String,
    /// Of the pass.
    pub pass: String,
    /// What is offered.
    pub lead: String,
    /// What a charge would cost.
    pub amount: String,
}

/// `/studio/{space}/orders`
#[derive(Template)]
#[template(path = "order/team_index.html")]
pub struct TeamIndex {
    /// Frame.
    pub page: Page,
    /// Where.
    pub space: SpaceRef,
    /// The newest first.
    pub orders: Vec<OrderRow>,
    /// What was earned, by currency.
    pub earned: Vec<String>,
    /// Query of the next page.
    pub more: Option<u32>,
}

/// A refund as it was typed, with what is wrong about it.
pub struct WrongRefund {
    /// Of this charge.
    pub invoice: usize,
    /// What was typed.
    pub typed: String,
    /// What is wrong, in words.
    pub message: String,
}

impl TeamShow {
    /// What was typed for this charge and why it was not taken.
    pub fn wrong_at(&self, charge: &ChargeRow) -> Option<&WrongRefund> {
        self.wrong.as_ref().filter(|wrong| wrong.invoice == charge.n)
    }
}

/// `/studio/{space}/orders/{id}`
#[derive(Template)]
#[template(path = "order/team_show.html")]
pub struct TeamShow {
    /// Frame.
    pub page: Page,
    /// Where.
    pub space: SpaceRef,
    /// The order.
    pub order: OrderRow,
    /// What was agreed, in words.
    pub terms: String,
    /// Its charges.
    pub charges: Vec<ChargeRow>,
    /// Questions and what was answered.
    pub answers: Vec<(String, String)>,
    /// A refund that was not taken.
    pub wrong: Option<WrongRefund>,
    /// It can be ended.
    pub may_end: bool,
}

/// A row of a purchase.
pub fn row(held: &super::store::Purchase, pass: String, space: String, now: Timestamp) -> OrderRow {
    let minor = held.order.kept_minor().saturating_sub(held.order.disputed_minor()).max(0);
    let kept = Money { minor, ..held.order.price.amount() };
    OrderRow {
        id: held.order.id.to_string(),
        at: held.order.opened_at.into(),
        pass,
        space,
        contact: held.contact.to_string(),
        kept: money::text(kept),
        phase: held.order.phase(now).into(),
        until: until(&held.order),
    }
}
