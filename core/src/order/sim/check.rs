//! What must hold after every step, and at the end.

use super::super::*;
use super::Shop;
use super::provider::State;
use crate::ledger::Account;

/// What one order heard that was accepted, kept apart from what it makes of it.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// How much.
    pub paid: BTreeMap<u32, Money>,
    pub saved: bool,
    pub refunded: BTreeMap<u32, i64>,
    pub disputes: BTreeMap<String, Option<bool>>,
    pub ended_at: Option<Timestamp>,
    /// Charges that were paid after nothing could be opened for them any more.
    pub too_late: std::collections::BTreeSet<u32>,
}

impl Heard {
    /// `before`: the order that heard it.
    pub(super) fn note(&mut self, now: Timestamp, event: &Event, before: &Order) {
        match event {
            Event::Paid { invoice, amount, .. } => {
                let over = self.ended_at.is_some() || before.invoices.iter().any(|held| held.paid && !held.counts());
                if self.paid.insert(*invoice, *amount).is_none() && *invoice > 0 && over {
                    self.too_late.insert(*invoice);
                }
            }
            Event::SetUp { .. } => self.saved = true,
            Event::Refunded { invoice, total } => {
                let held = self.refunded.entry(*invoice).or_default();
                *held = total.max(held).to_owned();
            }
            Event::Disputed { dispute, won, .. } => {
                let held = self.disputes.entry(dispute.clone()).or_default();
                *held = held.or(*won);
            }
            Event::End => self.ended_at = Some(now),
            Event::Declined { .. }
            | Event::Closed
            | Event::Done { .. }
            | Event::Later { .. }
            | Event::Cancel
            | Event::Resume
            | Event::Stay
            | Event::UseMethod { .. }
            | Event::GiveBack { .. } => {}
        }
    }
}

pub(super) fn opens(order: &Order, now: Timestamp) -> bool {
    order.access().is_some_and(|access| access.from <= now && access.until.is_none_or(|until| now < until))
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

pub(super) fn always(shop: &Shop) -> Result<(), String> {
    stock(shop)?;
    for n in 0..shop.orders.len() {
        access(shop, n)?;
        nothing_waits_without_a_job(shop, n)?;
        taken_once(shop, n)?;
    }
    let sum: i64 = shop.balances.values().sum();
    ensure(sum == 0, || format!("INV-04: the ledger sums to {sum}"))
}

/// INV-02
fn stock(shop: &Shop) -> Result<(), String> {
    let count = |piece| shop.orders.iter().filter(|order| order.piece == piece).count();
    let (sold, held) = (shop.stock.sold as usize, shop.stock.held as usize);
    let total = shop.stock.total.unwrap() as usize;
    ensure(sold + held <= total, || format!("INV-02: {sold} sold and {held} held of {total}"))?;
    for (n, order) in shop.orders.iter().enumerate() {
        let pending = order.phase(shop.now) == Phase::Pending;
        ensure(pending == (order.piece == Piece::Held), || format!("INV-02: order {n} holds a piece: {order:?}"))?;
    }
    let said = (count(Piece::Sold), count(Piece::Held));
    ensure(said == (sold, held), || format!("INV-02: orders say {said:?}, the stock {sold} and {held}"))
}

/// INV-03
fn access(shop: &Shop, n: usize) -> Result<(), String> {
    let (order, heard, now) = (&shop.orders[n], &shop.heard[n], shop.now);
    if !opens(order, now) {
        return Ok(());
    }
    let counts = |invoice: &u32| {
        let saves_only = *invoice == 0 && shop.due_now(n).minor == 0;
        let refunded = heard.refunded.get(invoice).copied().unwrap_or_default();
        let kept = heard.paid.get(invoice).is_some_and(|amount| refunded < amount.minor);
        if saves_only { heard.saved } else { kept }
    };
    let paid = u32::try_from((0..).take_while(counts).count()).unwrap();
    let expiry = order.price.lasts_until(paid, order.opened_at).map(|at| at + GRACE_MS);
    let holds = paid > 0
        && order.void.is_none()
        && order.piece == Piece::Sold
        && expiry.is_none_or(|at| now < at)
        && heard.ended_at.is_none_or(|at| now < at)
        && heard.disputes.values().all(|won| *won == Some(true));
    ensure(holds, || format!("INV-03: order {n} opens: {order:?} after {heard:?}"))?;
    let running = matches!(order.phase(now), Phase::Active | Phase::PastDue | Phase::Cancelled);
    // A clock that was set back stands before the end.
    ensure(running || heard.ended_at.is_some(), || {
        format!("INV-03: order {n} opens while it is {}", order.phase(now).as_str())
    })
}

fn nothing_waits_without_a_job(shop: &Shop, n: usize) -> Result<(), String> {
    let order = &shop.orders[n];
    let has = |wanted: fn(&Task) -> bool| order.jobs.iter().any(|job| wanted(&job.task));
    let charges = has(|task| matches!(task, Task::Charge { .. }));
    let phase = order.phase(shop.now);
    let next = u32::try_from(order.invoices.iter().filter(|invoice| invoice.paid).count()).unwrap();
    let more = order.price.later(next, order.opened_at).is_some();
    let what = |what: &str| format!("order {n} is {} {what}: {order:?}", phase.as_str());
    match phase {
        Phase::Pending => ensure(has(|task| *task == Task::Close), || what("and nothing closes it"))?,
        Phase::Active | Phase::PastDue => ensure(charges == more, || what("without its next charge"))?,
        Phase::Void => {
            let left = order.invoices[0].amount.minor - order.invoices[0].refunded;
            let refunds = has(|task| matches!(task, Task::Refund { .. }));
            let holds = left == 0 || refunds || order.invoices[0].disputed();
            ensure(holds && !charges, || what("and does not go back, or is charged"))?;
        }
        Phase::Closed | Phase::Cancelled | Phase::Refunded | Phase::Disputed => {
            ensure(!charges, || what("and is charged"))?;
        }
        // After the grace, the last try may still wait.
        Phase::Ended => ensure(!charges || order.ended_at.is_none(), || what("and is charged"))?,
    }
    let count = order.jobs.iter().filter(|job| matches!(job.task, Task::Charge { .. })).count();
    ensure(count <= 1, || what("with two charges at once"))
}

fn taken_once(shop: &Shop, n: usize) -> Result<(), String> {
    let mut seen = std::collections::BTreeSet::new();
    let paid = shop.provider.payments.iter().filter(|payment| payment.order == n && payment.state == State::Paid);
    for payment in paid {
        ensure(seen.insert(payment.invoice), || format!("charge {} of order {n} was taken twice", payment.invoice))?;
    }
    Ok(())
}

/// Once everything was heard and done.
pub(super) fn at_rest(shop: &Shop) -> Result<(), String> {
    always(shop)?;
    let ours = shop.balances.get(&Account::ProviderBalance).copied().unwrap_or_default();
    let theirs = shop.provider.balance;
    ensure(ours == theirs, || format!("INV-04: the ledger says {ours}, the provider {theirs}"))?;
    let ours = shop.balances.get(&Account::PlatformFee).copied().unwrap_or_default();
    let fee = |minor: i64| minor * i64::from(super::FEE_BP) / 10_000;
    let paid = shop.provider.payments.iter().filter(|payment| payment.state == State::Paid);
    let theirs: i64 = paid.map(|payment| fee(payment.refunded) - fee(payment.amount.minor)).sum();
    ensure(ours == theirs, || format!("INV-04: the platform keeps {ours}, and should {theirs}"))?;
    for payment in shop.provider.payments.iter().filter(|payment| payment.state == State::Paid) {
        let order = &shop.orders[payment.order];
        let invoice = order.invoices.get(payment.invoice as usize);
        let same = invoice
            .is_some_and(|held| held.paid && held.refunded == payment.refunded && held.disputes == payment.disputes);
        ensure(same, || format!("the provider says {payment:?}, the order {order:?}"))?;
        let whole = payment.refunded == payment.amount.minor || payment.lost();
        let owed = order.void.is_some() || shop.heard[payment.order].too_late.contains(&payment.invoice);
        ensure(!owed || whole, || format!("nothing is opened for it, and it does not go back: {payment:?}"))?;
    }
    for (n, order) in shop.orders.iter().enumerate() {
        ensure(order.jobs.is_empty(), || format!("order {n} still has something to do: {order:?}"))?;
        ensure(order.begun() || order.closed, || format!("order {n} is still open"))?;
        let paid = shop.provider.payments.iter().filter(|payment| payment.order == n && payment.state == State::Paid);
        let kept: i64 = paid.map(|payment| payment.amount.minor - payment.refunded).sum();
        ensure(kept == order.kept_minor(), || format!("order {n} says that it keeps other than {kept}"))?;
    }
    Ok(())
}
