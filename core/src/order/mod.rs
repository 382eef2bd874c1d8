//! One purchase: from checkout through renewals to its last refund.
//!
//! | Phase | Meaning |
//! |---|---|
//! | `Pending` | Checkout is open; a piece of the stock is held until [`Order::expires_at`]. |
//! | `Closed` | Nobody paid in time. |
//! | `Active` | Paid, or in its trial: it opens its pass. |
//! | `PastDue` | A renewal or a part was declined; it is tried again, and access lasts for the grace. |
//! | `Cancelled` | Runs until what is paid for is over; nothing is charged any more. |
//! | `Ended` | Over: cancelled and run out, not paid, ended by the team, or a charge went back while others were kept. |
//! | `Refunded` | All that was paid went back. |
//! | `Disputed` | A bank took money back, for now or for good. |
//! | `Void` | Paid, but there was nothing left, or the buyer had it already: it goes back by itself. |
//!
//! The order keeps facts and derives the rest, so what the provider tells twice, late or in another order ends in the same
//! state: paid is a yes, what went back is the largest total heard, a dispute's end outweighs its beginning. What is to
//! be done in the world is a [`Job`], committed with the state and done at least once under a key that never changes.
//!
//! Who stays for less pays less from the next charge on. If that one was made at its whole price in the same moment, the
//! difference goes back.
//!
//! A charge that is called off (cancelled, ended, given back, disputed) may have been made in the same moment. It is still
//! heard then: it counts if the order goes on, and goes back by itself if not. Taken up again, it keeps its key.

mod access;
mod hear;
mod job;
#[cfg(test)]
mod sim;
#[cfg(test)]
mod tests;

pub use access::Access;
pub use job::{Job, Letter, Task};

use crate::ids::OrderId;
use crate::money::Money;
use crate::pass::{Charge, Price, PriceKind, Stay, Stock};
use crate::time::{HOUR_MS, MINUTE_MS, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long a checkout holds a piece, ms.
pub const RESERVATION_MS: i64 = 30 * MINUTE_MS;
/// Most charges of one order: daily for three years, monthly for a century. After the last it is not renewed.
pub const INVOICES_MAX: usize = 1_200;
/// Most disputes of one charge; Stripe allows one.
pub const DISPUTES_MAX: usize = 8;
/// Most jobs that wait when the team asks for another refund.
pub const JOBS_MAX: usize = 100;
/// How long access outlasts what is paid while a charge is tried again, ms.
pub const GRACE_MS: i64 = 5 * 24 * HOUR_MS;
/// Rests between the tries of a charge that was declined, ms; after the last the order ends.
pub const RETRIES_MS: [i64; 3] = [24 * HOUR_MS, 48 * HOUR_MS, 48 * HOUR_MS];
/// Rest before a refund that is owed and was refused is tried again, ms.
const REFUND_AGAIN_MS: i64 = HOUR_MS;
/// Rest before it is looked whether an open payment was made, ms; it doubles.
pub const LOOK_MS: i64 = MINUTE_MS;

/// Where an order stands; see the table of this module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the module's table says what they are")]
pub enum Phase {
    Pending,
    Closed,
    Active,
    PastDue,
    Cancelled,
    Ended,
    Refunded,
    Disputed,
    Void,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Phase; 9] = [
        Phase::Pending,
        Phase::Closed,
        Phase::Active,
        Phase::PastDue,
        Phase::Cancelled,
        Phase::Ended,
        Phase::Refunded,
        Phase::Disputed,
        Phase::Void,
    ];

    /// The name used in the store and in the locale files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Phase::Pending => "pending",
            Phase::Closed => "closed",
            Phase::Active => "active",
            Phase::PastDue => "past_due",
            Phase::Cancelled => "cancelled",
            Phase::Ended => "ended",
            Phase::Refunded => "refunded",
            Phase::Disputed => "disputed",
            Phase::Void => "void",
        }
    }

    /// Reads [`Phase::as_str`] back.
    pub fn parse(text: &str) -> Option<Phase> {
        Phase::ALL.into_iter().find(|phase| phase.as_str() == text)
    }
}

/// The order's piece of the stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// Held for it.
    Held,
    /// Given back before it was sold, or after.
    Returned,
    /// Sold to it.
    Sold,
}

/// Why a paid order is void.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Void {
    /// Its piece was sold to somebody else.
    SoldOut,
    /// The buyer has the pass from another order: paid in two windows.
    AlreadyHeld,
}

/// One charge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// How much.
    pub amount: Money,
    /// When.
    pub due_at: Timestamp,
    /// Paid, whatever came later.
    pub paid: bool,
    /// Given back of it, minor units.
    pub refunded: i64,
    /// By the provider's id: how much, and whether it was won; `None`: open.
    pub disputes: BTreeMap<String, (i64, Option<bool>)>,
    /// Charges without the buyer that were declined.
    pub declined: u8,
    /// Nothing is opened for it: it goes back by itself.
    #[serde(default)]
    owed: bool,
}

/// What an order hears.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields say what they are")]
pub enum Event {
    /// The provider: that invoice is paid. `held`: the buyer has the pass from another order already.
    Paid { invoice: u32, amount: Money, method: Option<String>, held: bool },
    /// The provider: the card is saved, as for a trial.
    SetUp { method: String, held: bool },
    /// The provider: so much of that invoice went back, in all.
    Refunded { invoice: u32, total: i64 },
    /// The provider: a bank takes money back (`won` is `None`), or the matter is decided.
    Disputed { invoice: u32, dispute: String, amount: i64, won: Option<bool> },
    /// The charge of this job was declined.
    Declined { job: u32 },
    /// The provider let go of the open payment: nobody can pay it any more.
    Closed,
    /// This job is done.
    Done { job: u32 },
    /// This job has to wait.
    Later { job: u32, at: Timestamp },
    /// The buyer: no more renewals.
    Cancel,
    /// The buyer: renew after all.
    Resume,
    /// The buyer: takes what the price offers to those who would cancel, and stays.
    Stay,
    /// The buyer: charge this card from now on.
    UseMethod { method: String },
    /// The team: give so much of that invoice back, minor units.
    GiveBack { invoice: u32, amount: i64 },
    /// The team: it ends now.
    End,
}

/// Why an event is refused; the order stays as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderRejection {
    /// There is no such invoice, or none of it can go back.
    #[error("there is no such charge, or nothing of it left")]
    NoSuchInvoice,
    /// An amount outside what was charged, or in another currency.
    #[error("the amount does not fit this order")]
    BadAmount,
    /// Nothing runs that could be cancelled, resumed or ended.
    #[error("this order does not run")]
    NotRunning,
    /// Its price offers nothing for staying, or it was taken already.
    #[error("there is no such offer any more")]
    NoOffer,
    /// A limit of this module is reached.
    #[error("too many of these for one order")]
    TooMany,
}

/// One purchase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// What was agreed.
    pub price: Price,
    /// What the platform keeps, in hundredths of a percent.
    pub platform_fee_bp: u16,
    /// When checkout began: paid time counts from here.
    pub opened_at: Timestamp,
    /// Until when its piece is held.
    pub expires_at: Timestamp,
    /// Its piece of the stock.
    pub piece: Piece,
    /// Charges, the first at purchase; it is of nothing when only a card is saved.
    pub invoices: Vec<Invoice>,
    /// The card that later charges use.
    pub method: Option<String>,
    /// A card was saved, as for a trial.
    pub set_up: bool,
    /// Why it is void.
    pub void: Option<Void>,
    /// The buyer wants no more renewals.
    pub cancelled: bool,
    /// The first charge that costs less since the buyer stayed.
    #[serde(default)]
    pub stayed_from: Option<u32>,
    /// Nobody can pay it any more.
    pub closed: bool,
    /// When it ended before its time.
    pub ended_at: Option<Timestamp>,
    /// What is to be done.
    pub jobs: Vec<Job>,
    next_job: u32,
    /// The charge that was called off; it may have been made in the same moment.
    #[serde(default)]
    stopped: Option<Job>,
}

impl Order {
    /// Opens a checkout and takes a piece of the stock for it; [`crate::pass::SoldOut`] if none is left.
    pub fn open(
        now: Timestamp,
        id: OrderId,
        price: Price,
        platform_fee_bp: u16,
        stock: &mut Stock,
    ) -> Result<Order, crate::pass::SoldOut> {
        stock.reserve()?;
        let first = Invoice::new(price.due_now(), now);
        let mut order = Order {
            id,
            price,
            platform_fee_bp: platform_fee_bp.min(10_000),
            opened_at: now,
            expires_at: now + RESERVATION_MS,
            piece: Piece::Held,
            invoices: vec![first],
            method: None,
            set_up: false,
            void: None,
            cancelled: false,
            stayed_from: None,
            closed: false,
            ended_at: None,
            jobs: vec![],
            next_job: 0,
            stopped: None,
        };
        order.plan(now + LOOK_MS, Task::Look);
        order.plan(order.expires_at, Task::Close);
        Ok(order)
    }

    /// Whether it was paid, or its card saved.
    pub fn begun(&self) -> bool {
        match self.invoices.first() {
            Some(first) if first.amount.minor > 0 => first.paid,
            Some(_) | None => self.set_up,
        }
    }

    /// Where it stands.
    pub fn phase(&self, now: Timestamp) -> Phase {
        if !self.begun() {
            return if self.closed { Phase::Closed } else { Phase::Pending };
        }
        if self.void.is_some() {
            return Phase::Void;
        }
        if self.invoices.iter().any(Invoice::disputed) {
            return Phase::Disputed;
        }
        if self.all_given_back() {
            return Phase::Refunded;
        }
        let over = self.access().and_then(|access| access.until).is_some_and(|until| until <= now);
        if self.ended_at.is_some() || over {
            return Phase::Ended;
        }
        if self.cancelled {
            return Phase::Cancelled;
        }
        let past_due = self.invoices.iter().any(|invoice| !invoice.paid && invoice.declined > 0);
        if past_due { Phase::PastDue } else { Phase::Active }
    }

    /// What was paid and did not go back, minor units.
    pub fn kept_minor(&self) -> i64 {
        let paid = self.invoices.iter().filter(|invoice| invoice.paid);
        paid.map(|invoice| invoice.amount.minor.saturating_sub(invoice.refunded)).fold(0, i64::saturating_add)
    }

    /// Whether another charge of a saved card is planned.
    pub fn is_charged_again(&self) -> bool {
        self.jobs.iter().any(|job| matches!(job.task, Task::Charge { .. }))
    }

    /// What the buyer is offered for staying: how much the next charge would cost, and for how many charges.
    pub fn offer_to_stay(&self, now: Timestamp) -> Option<(Money, u8)> {
        let stay = self.price.stay.filter(|_| self.stayed_from.is_none())?;
        let runs = matches!(self.phase(now), Phase::Active | Phase::Cancelled);
        runs.then(|| (stay.of(self.price.amount()), stay.charges))
    }

    /// The `n`-th charge after the purchase, from 1, less what the buyer was offered for staying.
    fn later(&self, n: u32) -> Option<Charge> {
        let charge = self.price.later(n, self.opened_at)?;
        let amount = self.stay_at(n).map_or(charge.amount, |stay| stay.of(charge.amount));
        Some(Charge { amount, ..charge })
    }

    fn stay_at(&self, n: u32) -> Option<Stay> {
        let (stay, from) = self.price.stay.zip(self.stayed_from)?;
        (from..from.saturating_add(stay.charges.into())).contains(&n).then_some(stay)
    }

    /// What that charge cost before the buyer stayed: it may have been made in that moment.
    fn whole(&self, n: u32) -> Option<Money> {
        self.stay_at(n).and_then(|_| self.price.later(n, self.opened_at)).map(|charge| charge.amount)
    }

    /// What banks took back of it, for now or for good, minor units.
    pub fn disputed_minor(&self) -> i64 {
        let standing = self.invoices.iter().flat_map(|invoice| invoice.disputes.values());
        standing.filter(|(_, won)| *won != Some(true)).map(|(minor, _)| *minor).fold(0, i64::saturating_add)
    }

    fn all_given_back(&self) -> bool {
        let mut paid = self.invoices.iter().filter(|invoice| invoice.paid && invoice.amount.minor > 0).peekable();
        paid.peek().is_some() && paid.all(Invoice::given_back)
    }

    fn any_given_back(&self) -> bool {
        self.invoices.iter().any(Invoice::given_back)
    }

    /// The charge that the provider tells something of. One that was called off too late is there again.
    fn charged(&mut self, n: u32) -> Result<&mut Invoice, OrderRejection> {
        let called_off = self.stopped.as_ref().is_some_and(|job| job.task == Task::Charge { invoice: n });
        if called_off
            && n as usize == self.invoices.len()
            && let Some(charge) = self.later(n)
        {
            self.invoices.push(Invoice::new(charge.amount, charge.at));
        }
        self.invoice_mut(n)
    }

    fn invoice_mut(&mut self, n: u32) -> Result<&mut Invoice, OrderRejection> {
        self.invoices.get_mut(n as usize).ok_or(OrderRejection::NoSuchInvoice)
    }
}

impl Invoice {
    fn new(amount: Money, due_at: Timestamp) -> Invoice {
        Invoice { amount, due_at, paid: false, refunded: 0, disputes: BTreeMap::new(), declined: 0, owed: false }
    }

    /// A dispute about it is open or lost.
    pub fn disputed(&self) -> bool {
        self.disputes.values().any(|(_, won)| *won != Some(true))
    }

    /// Paid and not given back in full.
    pub fn counts(&self) -> bool {
        self.paid && !self.given_back()
    }

    fn given_back(&self) -> bool {
        self.paid && self.amount.minor > 0 && self.refunded >= self.amount.minor
    }

    /// The most that can have been paid: `whole` is what it cost before its buyer stayed.
    fn most(&self, whole: Option<Money>) -> i64 {
        whole.filter(|_| !self.paid).map_or(self.amount.minor, |whole| whole.minor.max(self.amount.minor))
    }

    /// Nobody ever told anything of it.
    fn untouched(&self) -> bool {
        !self.paid && self.declined == 0 && self.refunded == 0 && self.disputes.is_empty()
    }
}
