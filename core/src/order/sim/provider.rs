//! A payment provider in memory: it takes each payment once, and answers a key the second time as the first time.

use super::super::*;
use super::rng::Rng;

/// The answer to a key is kept so long at least, unless money moved: then for ever.
const KEYS_KEPT_MS: i64 = 24 * HOUR_MS;
/// A message that was lost is sent again until it is heard, within this time.
const SENT_AGAIN_MS: i64 = 12 * HOUR_MS;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Paid,
    Canceled,
}

#[derive(Debug, Clone)]
pub(super) struct Payment {
    pub order: usize,
    pub invoice: u32,
    pub amount: Money,
    pub state: State,
    pub method: String,
    pub refunded: i64,
    pub disputes: BTreeMap<String, (i64, Option<bool>)>,
}

impl Payment {
    /// While a bank has the money, or for good, nothing can be given back.
    fn refundable(&self) -> bool {
        self.state == State::Paid && self.disputes.values().all(|(_, won)| *won == Some(true))
    }

    pub(super) fn lost(&self) -> bool {
        self.disputes.values().any(|(_, won)| *won == Some(false))
    }

    fn is_paid(&self) -> Event {
        Event::Paid { invoice: self.invoice, amount: self.amount, method: Some(self.method.clone()), held: false }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Paid(Event),
    Open,
    Declined,
    /// The key was used with another card.
    KeyReused,
}

#[derive(Debug)]
pub(super) struct Message {
    pub at: Timestamp,
    pub order: usize,
    pub event: Event,
}

#[derive(Default)]
pub(super) struct Provider {
    pub payments: Vec<Payment>,
    /// Orders whose card was saved.
    pub saved: BTreeMap<usize, String>,
    pub balance: i64,
    pub queue: Vec<Message>,
    /// With which card, for which payment, when it was declined.
    charges: BTreeMap<String, (String, usize, Option<Timestamp>)>,
    refunds: std::collections::BTreeSet<String>,
    disputes: usize,
}

impl Provider {
    pub(super) fn begin(&mut self, order: usize, invoice: u32, amount: Money) -> usize {
        let (state, refunded, disputes) = (State::Open, 0, BTreeMap::new());
        self.payments.push(Payment { order, invoice, amount, state, method: String::new(), refunded, disputes });
        self.payments.len() - 1
    }

    pub(super) fn pay(&mut self, at: Timestamp, payment: usize, method: &str, rng: &mut Rng) {
        let paid = &mut self.payments[payment];
        assert_eq!(paid.state, State::Open);
        paid.state = State::Paid;
        paid.method = method.into();
        self.balance += paid.amount.minor;
        let (order, event) = (paid.order, paid.is_paid());
        self.send(at, order, event, rng);
    }

    pub(super) fn save(&mut self, at: Timestamp, order: usize, method: &str, rng: &mut Rng) {
        self.saved.insert(order, method.into());
        self.send(at, order, Event::SetUp { method: method.into(), held: false }, rng);
    }

    pub(super) fn look(&self, payment: usize) -> Answer {
        match self.payments[payment].state {
            State::Paid => Answer::Paid(self.payments[payment].is_paid()),
            State::Open | State::Canceled => Answer::Open,
        }
    }

    /// Charges a saved card; `known`: the payment of an earlier try.
    pub(super) fn charge(
        &mut self,
        at: Timestamp,
        key: &str,
        method: &str,
        known: Option<usize>,
        about: (usize, u32, Money),
        rng: &mut Rng,
    ) -> (Answer, Option<usize>) {
        if let Some(payment) = known
            && self.payments[payment].state == State::Paid
        {
            return (self.look(payment), known);
        }
        if let Some((with, payment, declined)) = self.charges.get(key)
            && declined.is_none_or(|declined| at.since_ms(declined) < KEYS_KEPT_MS)
        {
            let same = with == method && self.payments[*payment].amount == about.2;
            return match (same, declined) {
                (false, _) => (Answer::KeyReused, None),
                (true, Some(_)) => (Answer::Declined, Some(*payment)),
                (true, None) => (self.look(*payment), Some(*payment)),
            };
        }
        let payment = known.unwrap_or_else(|| self.begin(about.0, about.1, about.2));
        let declined = rng.percent(35).then_some(at);
        self.charges.insert(key.into(), (method.into(), payment, declined));
        if declined.is_some() {
            return (Answer::Declined, Some(payment));
        }
        self.pay(at, payment, method, rng);
        (self.look(payment), Some(payment))
    }

    /// Gives back if it can; how much went back in all.
    pub(super) fn refund(&mut self, at: Timestamp, key: &str, payment: usize, amount: i64, rng: &mut Rng) -> i64 {
        let held = &mut self.payments[payment];
        if held.refundable() && amount <= held.amount.minor - held.refunded && self.refunds.insert(key.into()) {
            held.refunded += amount;
            self.balance -= amount;
            let (order, event) = (held.order, Event::Refunded { invoice: held.invoice, total: held.refunded });
            self.send(at, order, event, rng);
        }
        self.payments[payment].refunded
    }

    /// Somebody gives back at the provider's own site.
    pub(super) fn refund_there(&mut self, at: Timestamp, rng: &mut Rng) {
        let Some(payment) = self.any_paid(rng) else { return };
        let left = self.payments[payment].amount.minor - self.payments[payment].refunded;
        if left > 0 {
            let amount = if rng.percent(40) { left } else { rng.between(1, left) };
            let key = format!("there-{payment}-{left}");
            self.refund(at, &key, payment, amount, rng);
        }
    }

    pub(super) fn dispute(&mut self, at: Timestamp, rng: &mut Rng) {
        let Some(payment) = self.any_paid(rng) else { return };
        self.disputes += 1;
        let dispute = format!("dp{}", self.disputes);
        let held = &mut self.payments[payment];
        if held.disputes.len() >= 2 || !held.refundable() {
            return;
        }
        let amount = if rng.percent(60) { held.amount.minor } else { rng.between(1, held.amount.minor) };
        held.disputes.insert(dispute.clone(), (amount, None));
        self.balance -= amount;
        let (order, event) = (held.order, Event::Disputed { invoice: held.invoice, dispute, amount, won: None });
        self.send(at, order, event, rng);
    }

    pub(super) fn decide(&mut self, at: Timestamp, rng: &mut Rng) -> bool {
        let open = |held: &Payment| held.disputes.values().any(|(_, won)| won.is_none());
        let Some(held) = self.payments.iter_mut().find(|held| open(held)) else { return false };
        let Some((dispute, (amount, decided))) = held.disputes.iter_mut().find(|(_, (_, won))| won.is_none()) else {
            return false;
        };
        let won = rng.percent(60);
        *decided = Some(won);
        let (dispute, amount) = (dispute.clone(), *amount);
        self.balance += if won { amount } else { 0 };
        let (order, invoice) = (held.order, held.invoice);
        self.send(at, order, Event::Disputed { invoice, dispute, amount, won: Some(won) }, rng);
        true
    }

    fn any_paid(&self, rng: &mut Rng) -> Option<usize> {
        let paid = (0..self.payments.len()).filter(|n| self.payments[*n].state == State::Paid).collect::<Vec<_>>();
        (!paid.is_empty()).then(|| paid[rng.below(paid.len())])
    }

    /// Messages come late, twice and in any order. Those that are lost are sent again; only what the order itself looks for
    /// may never come at all.
    fn send(&mut self, at: Timestamp, order: usize, event: Event, rng: &mut Rng) {
        let looked_for = matches!(event, Event::Paid { invoice: 0, .. } | Event::SetUp { .. });
        if looked_for && rng.percent(25) {
            return;
        }
        for _ in 0..1 + rng.below(3) / 2 {
            let wait = if rng.percent(60) { rng.between(0, 5_000) } else { rng.between(0, SENT_AGAIN_MS) };
            self.queue.push(Message { at: at + wait, order, event: event.clone() });
        }
    }
}
