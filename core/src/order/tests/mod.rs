//! Lists of events, and what came of them.

mod facts;
mod money_back;
mod purchase;
mod refused;
mod renewal;

use super::*;
use crate::ledger::{Account, Entry};
use crate::money::Currency;
use crate::pass::{Interval, PriceKind, Split, Unit};

pub(super) const DAY_MS: i64 = 24 * HOUR_MS;
pub(super) const MONTH: Interval = Interval { count: 1, unit: Unit::Month };

pub(super) fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::parse("USD").unwrap()).unwrap()
}

pub(super) fn price(kind: PriceKind) -> Price {
    let price = Price { kind, initial_fee: None, trial_days: None, stay: None };
    price.check().unwrap();
    price
}

pub(super) fn once(minor: i64) -> Price {
    price(PriceKind::Once { amount: usd(minor), split: None })
}

pub(super) fn in_parts(minor: i64, parts: u8) -> Price {
    price(PriceKind::Once { amount: usd(minor), split: Some(Split { parts, every: MONTH }) })
}

pub(super) fn monthly(minor: i64) -> Price {
    price(PriceKind::Recurring { amount: usd(minor), every: MONTH })
}

pub(super) fn trial(minor: i64, days: u16) -> Price {
    Price { trial_days: Some(days), ..monthly(minor) }
}

/// An order, the stock it is of, and all it posted. The platform keeps 10 %.
struct Sale {
    order: Order,
    stock: Stock,
    entries: Vec<Entry>,
    now: Timestamp,
}

impl Sale {
    fn of(price: Price, total: u32) -> Sale {
        let mut stock = Stock { total: Some(total), ..Stock::default() };
        let order = Order::open(Timestamp(0), OrderId::parse("o").unwrap(), price, 1_000, &mut stock).unwrap();
        Sale { order, stock, entries: vec![], now: Timestamp(0) }
    }

    /// Paid, or its card saved, at 0.
    fn begun(price: Price) -> Sale {
        let mut sale = Sale::of(price, 5);
        match sale.order.invoices[0].amount.minor {
            0 => sale.hear(Event::SetUp { method: "card".into(), held: false }),
            _ => sale.hear(sale.paid(0)),
        };
        sale
    }

    fn paid(&self, n: u32) -> Event {
        let later = || self.order.price.later(n, self.order.opened_at).map(|charge| charge.amount);
        let amount = self.order.invoices.get(n as usize).map(|invoice| invoice.amount).or_else(later).unwrap();
        Event::Paid { invoice: n, amount, method: Some("card".into()), held: false }
    }

    fn hear(&mut self, event: Event) -> Vec<Entry> {
        self.try_hear(event).unwrap()
    }

    /// Checks what holds after everything: entries balance, a rejection changes nothing, the stored form is the same.
    fn try_hear(&mut self, event: Event) -> Result<Vec<Entry>, OrderRejection> {
        let before = (self.order.clone(), self.stock);
        let heard = self.order.apply(self.now, event, &mut self.stock);
        match &heard {
            Ok(entries) => {
                assert!(entries.iter().all(Entry::balances));
                self.entries.extend(entries.clone());
            }
            Err(_) => assert_eq!((&self.order, self.stock), (&before.0, before.1)),
        }
        let json = serde_json::to_string(&self.order).unwrap();
        assert_eq!(serde_json::from_str::<Order>(&json).unwrap(), self.order);
        heard
    }

    fn refused(&mut self, event: Event) -> OrderRejection {
        self.try_hear(event).unwrap_err()
    }

    fn at(&mut self, now: Timestamp) -> &mut Sale {
        self.now = now;
        self
    }

    fn refunded(&mut self, invoice: u32, total: i64) -> Vec<Entry> {
        self.hear(Event::Refunded { invoice, total })
    }

    fn disputed(&mut self, invoice: u32, won: Option<bool>) -> Vec<Entry> {
        let amount = self.order.invoices[invoice as usize].amount.minor;
        self.hear(Event::Disputed { invoice, dispute: "dp".into(), amount, won })
    }

    fn phase(&self) -> Phase {
        self.order.phase(self.now)
    }

    /// When and what, in the order of their numbers; letters left out.
    fn to_do(&self) -> Vec<(Timestamp, Task)> {
        let jobs = self.order.jobs.iter().filter(|job| !matches!(job.task, Task::Write { .. }));
        jobs.map(|job| (job.at, job.task.clone())).collect()
    }

    fn letters(&self) -> Vec<Letter> {
        let letter = |job: &Job| match &job.task {
            Task::Write { letter } => Some(letter.clone()),
            Task::Look | Task::Close | Task::Charge { .. } | Task::Refund { .. } => None,
        };
        self.order.jobs.iter().filter_map(letter).collect()
    }

    fn charge_job(&self) -> Option<&Job> {
        self.order.jobs.iter().find(|job| matches!(job.task, Task::Charge { .. }))
    }

    /// The waiting charge is made when it is due and declined.
    fn declined(&mut self) {
        let Job { id, at, .. } = *self.charge_job().unwrap();
        self.now = at;
        self.hear(Event::Declined { job: id });
    }

    /// The waiting charge is made when it is due and paid.
    fn charged(&mut self) -> Vec<Entry> {
        let job = self.charge_job().unwrap();
        let Task::Charge { invoice } = job.task else { unreachable!() };
        self.now = job.at;
        self.hear(self.paid(invoice))
    }

    fn until(&self) -> Option<Option<Timestamp>> {
        self.order.access().map(|access| access.until)
    }
}

fn month(n: u32) -> Timestamp {
    MONTH.after(Timestamp(0), n)
}

fn lines(entry: &Entry) -> (&str, Vec<(Account, i64)>) {
    (&entry.key, entry.lines.iter().map(|line| (line.account, line.amount.minor)).collect())
}

fn charge(invoice: u32) -> Task {
    Task::Charge { invoice }
}

fn refund(invoice: u32, amount: i64) -> Task {
    Task::Refund { invoice, amount }
}
