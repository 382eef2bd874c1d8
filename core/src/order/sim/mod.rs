//! A whole shop under chance: several orders of few pieces, a provider that tells late, twice and in any order, a runner of
//! jobs that crashes between a call and its commit, answers that are lost, a clock that jumps.
//!
//! A schedule is its seed. One that fails is printed and then added to [`SEEDS_ONCE_BROKEN`].

mod check;
mod provider;
mod rng;

use super::*;
use crate::ledger::{Account, Entry};
use crate::money::Currency;
use crate::pass::{Interval, PriceKind, Split, Unit};
use check::Heard;
use provider::{Answer, Provider, State};
use rng::Rng;

const SCHEDULES: u64 = 20_000;
const SEEDS_ONCE_BROKEN: &[u64] = &[];
/// What the platform keeps, hundredths of a percent.
const FEE_BP: u16 = 1_234;
const ORDERS_MAX: usize = 6;
const BUYERS: usize = 3;
/// Steps until everything must be done once nothing new happens.
const REST_STEPS_MAX: usize = 4_000;
/// What all schedules together must reach, so that no check is blind; besides every phase.
const REACHED: [&str; 17] = [
    "paid too late",
    "first paid",
    "later paid",
    "saved",
    "went back",
    "dispute begun",
    "dispute won",
    "dispute lost",
    "charge declined",
    "resumed",
    "stayed",
    "paid less",
    "paid whole although stayed",
    "other card",
    "asked back",
    "ended by the team",
    "money moved and not committed",
];
/// How often.
const REACHED_MIN: u64 = 200;
/// Lines of the trace that are shown.
const TRACE_MAX: usize = 60;

struct Shop {
    rng: Rng,
    now: Timestamp,
    stock: Stock,
    orders: Vec<Order>,
    buyers: Vec<usize>,
    heard: Vec<Heard>,
    provider: Provider,
    /// Payments that we know by their id; what was not committed is not known.
    noted: BTreeMap<(usize, u32), usize>,
    balances: BTreeMap<Account, i64>,
    keys: std::collections::BTreeSet<String>,
    is_faulty: bool,
    trace: Vec<String>,
    /// How often what was reached, so that the checks are not blind.
    seen: BTreeMap<String, u64>,
}

fn usd(minor: i64) -> Money {
    Money { minor, currency: Currency::parse("USD").unwrap() }
}

impl Shop {
    fn new(seed: u64) -> Shop {
        let mut rng = Rng(seed);
        let stock = Stock { total: Some(u32::try_from(rng.between(1, 3)).unwrap()), ..Stock::default() };
        Shop {
            rng,
            now: Timestamp(1_700_000_000_000),
            stock,
            orders: vec![],
            buyers: vec![],
            heard: vec![],
            provider: Provider::default(),
            noted: BTreeMap::new(),
            balances: BTreeMap::new(),
            keys: std::collections::BTreeSet::new(),
            is_faulty: true,
            trace: vec![],
            seen: BTreeMap::new(),
        }
    }

    fn see(&mut self, what: impl Into<String>) {
        *self.seen.entry(what.into()).or_default() += 1;
    }

    fn due_now(&self, n: usize) -> Money {
        self.orders[n].price.due_now()
    }

    fn any_price(&mut self) -> Price {
        let amount = usd(self.rng.between(12, 2_000));
        let unit = [Unit::Day, Unit::Week, Unit::Month][self.rng.below(3)];
        let every = Interval { count: 1, unit };
        let parts = u8::try_from(self.rng.between(2, 4)).unwrap();
        let kind = match self.rng.below(4) {
            0 => PriceKind::Once { amount, split: None },
            1 => PriceKind::Once { amount, split: Some(Split { parts, every }) },
            _ => PriceKind::Recurring { amount, every },
        };
        let recurs = matches!(kind, PriceKind::Recurring { .. });
        let trial_days = (recurs && self.rng.percent(30)).then_some(5);
        let initial_fee = self.rng.percent(20).then(|| usd(300));
        let stay = (recurs && self.rng.percent(60)).then(|| Stay {
            percent: u8::try_from(self.rng.between(1, 90)).unwrap(),
            charges: u8::try_from(self.rng.between(1, 3)).unwrap(),
        });
        let price = Price { kind, initial_fee, trial_days, stay };
        price.check().unwrap();
        price
    }

    fn any_order(&mut self) -> Option<usize> {
        (!self.orders.is_empty()).then(|| self.rng.below(self.orders.len()))
    }

    /// The buyer has the pass from another order.
    fn holds_another(&self, n: usize) -> bool {
        let others = (0..self.orders.len()).filter(|other| *other != n && self.buyers[*other] == self.buyers[n]);
        others.into_iter().any(|other| check::opens(&self.orders[other], self.now))
    }

    /// One commit. What the provider says is never refused.
    fn tell(&mut self, n: usize, event: Event) -> Result<(), String> {
        let event = match event {
            Event::Paid { invoice, amount, method, .. } => {
                Event::Paid { invoice, amount, method, held: invoice == 0 && self.holds_another(n) }
            }
            Event::SetUp { method, .. } => Event::SetUp { method, held: self.holds_another(n) },
            event => event,
        };
        self.trace.push(format!("{} order {n}: {event:?}", self.now.0));
        let before = (self.orders[n].clone(), self.stock);
        let order = &mut self.orders[n];
        match order.apply(self.now, event.clone(), &mut self.stock) {
            Ok(entries) => {
                self.heard[n].note(self.now, &event, &before.0);
                let twice = matches!(event, Event::Paid { held: true, .. } | Event::SetUp { held: true, .. });
                let begins = !before.0.begun() && self.orders[n].begun();
                if twice && begins && self.orders[n].void != Some(Void::AlreadyHeld) {
                    return Err(format!("INV-03: order {n} opens what its buyer has already"));
                }
                let too_late = self.heard[n].too_late.len();
                if let Event::Paid { invoice, amount, .. } = &event
                    && self.orders[n].whole(*invoice).is_some()
                {
                    let whole = self.orders[n].whole(*invoice) == Some(*amount);
                    self.see(if whole { "paid whole although stayed" } else { "paid less" });
                }
                if matches!(event, Event::Paid { .. }) && too_late > 0 {
                    self.see("paid too late");
                }
                self.post(&entries)?;
                if self.orders[n] != before.0 {
                    self.see(self.orders[n].phase(self.now).as_str());
                    self.see_event(&event);
                }
            }
            Err(rejection) => {
                let may = matches!(
                    event,
                    Event::Cancel
                        | Event::Resume
                        | Event::Stay
                        | Event::End
                        | Event::GiveBack { .. }
                        | Event::UseMethod { .. }
                );
                if !may {
                    return Err(format!("order {n} refuses {event:?}: {rejection}"));
                }
                if (&self.orders[n], self.stock) != (&before.0, before.1) {
                    return Err(format!("order {n} refuses {event:?} and is changed"));
                }
            }
        }
        check::always(self)
    }

    fn see_event(&mut self, event: &Event) {
        let what = match event {
            Event::Paid { invoice: 0, .. } => "first paid",
            Event::Paid { .. } => "later paid",
            Event::SetUp { .. } => "saved",
            Event::Refunded { .. } => "went back",
            Event::Disputed { won: None, .. } => "dispute begun",
            Event::Disputed { won: Some(true), .. } => "dispute won",
            Event::Disputed { won: Some(false), .. } => "dispute lost",
            Event::Declined { .. } => "charge declined",
            Event::Resume => "resumed",
            Event::Stay => "stayed",
            Event::UseMethod { .. } => "other card",
            Event::GiveBack { .. } => "asked back",
            Event::End => "ended by the team",
            Event::Closed | Event::Done { .. } | Event::Later { .. } | Event::Cancel => return,
        };
        self.see(what);
    }

    fn post(&mut self, entries: &[Entry]) -> Result<(), String> {
        for entry in entries {
            if !entry.balances() || !self.keys.insert(entry.key.clone()) {
                return Err(format!("INV-04: {entry:?} does not balance, or was posted before"));
            }
            for line in &entry.lines {
                *self.balances.entry(line.account).or_default() += line.amount.minor;
            }
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), String> {
        match self.rng.below(100) {
            0..=11 => self.open(),
            12..=27 => self.pay(),
            28..=44 => self.deliver(),
            45..=69 => self.work(),
            70..=82 => {
                self.wait();
                Ok(())
            }
            83..=89 => self.act(),
            90..=94 => self.team(),
            95 | 96 => {
                self.provider.refund_there(self.now, &mut self.rng);
                Ok(())
            }
            97 | 98 => {
                self.provider.dispute(self.now, &mut self.rng);
                Ok(())
            }
            _ => {
                self.provider.decide(self.now, &mut self.rng);
                Ok(())
            }
        }
    }

    fn open(&mut self) -> Result<(), String> {
        if self.orders.len() >= ORDERS_MAX {
            return Ok(());
        }
        let (n, price, buyer) = (self.orders.len(), self.any_price(), self.rng.below(BUYERS));
        let (id, left) = (OrderId::parse(&format!("o{n}")).unwrap(), self.stock.left());
        match Order::open(self.now, id, price, FEE_BP, &mut self.stock) {
            Ok(order) => {
                self.orders.push(order);
                self.buyers.push(buyer);
                self.heard.push(Heard::default());
            }
            Err(_) if left == Some(0) => {}
            Err(sold_out) => return Err(format!("{sold_out} with {left:?} left")),
        }
        check::always(self)
    }

    /// The buyer, in the browser: each open payment succeeds at most once.
    fn pay(&mut self) -> Result<(), String> {
        let Some(n) = self.any_order() else { return Ok(()) };
        let amount = self.due_now(n);
        if amount.minor == 0 {
            // The provider lets a card be saved long after we closed.
            if !self.provider.saved.contains_key(&n) {
                self.provider.save(self.now, n, "first", &mut self.rng);
            }
            return Ok(());
        }
        if !self.noted.contains_key(&(n, 0)) && self.orders[n].phase(self.now) == Phase::Pending {
            let payment = self.provider.begin(n, 0, amount);
            self.noted.insert((n, 0), payment);
        }
        let open = self.noted.get(&(n, 0)).copied();
        let open = open.filter(|payment| self.provider.payments[*payment].state == State::Open);
        if let Some(payment) = open.filter(|_| self.rng.percent(70)) {
            self.trace.push(format!("{} order {n} is paid in the browser", self.now.0));
            self.provider.pay(self.now, payment, "first", &mut self.rng);
        }
        Ok(())
    }

    /// One message that is due; the order among them is chance.
    fn deliver(&mut self) -> Result<(), String> {
        let due = |n: &usize| self.provider.queue[*n].at <= self.now;
        let due = (0..self.provider.queue.len()).filter(due).collect::<Vec<_>>();
        if due.is_empty() {
            return Ok(());
        }
        let message = self.provider.queue.swap_remove(due[self.rng.below(due.len())]);
        self.tell(message.order, message.event)
    }

    fn wait(&mut self) {
        let ms = match self.rng.below(10) {
            0..=3 => self.rng.between(0, MINUTE_MS),
            4..=6 => self.rng.between(0, 2 * HOUR_MS),
            7 => self.rng.between(0, 24 * HOUR_MS),
            8 => self.rng.between(0, 40 * 24 * HOUR_MS),
            // Clocks are set back too.
            _ => -self.rng.between(0, 10 * MINUTE_MS),
        };
        self.now = self.now + ms;
    }

    fn act(&mut self) -> Result<(), String> {
        let Some(n) = self.any_order() else { return Ok(()) };
        let event = match self.rng.below(6) {
            0 => Event::Cancel,
            1 => Event::Resume,
            2 | 3 => Event::Stay,
            _ => Event::UseMethod { method: format!("card{}", self.rng.below(9)) },
        };
        self.tell(n, event)
    }

    fn team(&mut self) -> Result<(), String> {
        let Some(n) = self.any_order() else { return Ok(()) };
        if self.rng.percent(20) {
            return self.tell(n, Event::End);
        }
        let invoice = self.rng.below(self.orders[n].invoices.len());
        let left = self.orders[n].invoices[invoice].amount.minor;
        let amount = if self.rng.percent(60) { left } else { self.rng.between(0, left + 1) };
        self.tell(n, Event::GiveBack { invoice: u32::try_from(invoice).unwrap(), amount })
    }

    /// One job that is due, of any order.
    fn work(&mut self) -> Result<(), String> {
        let due = |n: &usize| self.orders[*n].next_job().is_some_and(|job| job.at <= self.now);
        let due = (0..self.orders.len()).filter(due).collect::<Vec<_>>();
        if due.is_empty() {
            return Ok(());
        }
        let n = due[self.rng.below(due.len())];
        let job = self.orders[n].next_job().unwrap().clone();
        let rest = self.now + (5_000_i64 << job.tries.min(16)).min(HOUR_MS);
        let later = Event::Later { job: job.id, at: rest };
        if self.is_faulty && self.rng.percent(8) {
            return self.tell(n, later);
        }
        self.trace.push(format!("{} order {n} performs {job:?}", self.now.0));
        let (events, payment) = self.perform(n, &job, later.clone());
        if !self.is_faulty {
            self.note(payment);
            return events.into_iter().try_for_each(|event| self.tell(n, event));
        }
        // Others commit between the call and its commit.
        if matches!(job.task, Task::Charge { .. }) && self.rng.percent(30) {
            self.tell(n, Event::Stay)?;
        }
        while self.rng.percent(25) {
            match self.rng.below(4) {
                0 => self.act()?,
                1 => self.team()?,
                _ => self.deliver()?,
            }
        }
        match self.rng.below(10) {
            // A crash: the call happened, the commit did not. What is stored is what is read back.
            0 | 1 => {
                self.trace.push("crash".into());
                if matches!(events.first(), Some(Event::Paid { .. } | Event::Refunded { .. })) {
                    self.see("money moved and not committed");
                }
                let json = serde_json::to_string(&self.orders[n]).unwrap();
                self.orders[n] = serde_json::from_str(&json).unwrap();
                Ok(())
            }
            // The answer was lost.
            2 => self.tell(n, later),
            // A crash between two commits.
            3 => {
                self.note(payment);
                events.into_iter().take(1).try_for_each(|event| self.tell(n, event))
            }
            _ => {
                self.note(payment);
                events.into_iter().try_for_each(|event| self.tell(n, event))
            }
        }
    }

    fn note(&mut self, payment: Option<usize>) {
        if let Some(payment) = payment {
            let about = &self.provider.payments[payment];
            self.noted.insert((about.order, about.invoice), payment);
        }
    }

    /// The call of a job: what is to be told then, and the payment that is known by it.
    fn perform(&mut self, n: usize, job: &Job, later: Event) -> (Vec<Event>, Option<usize>) {
        let first = self.noted.get(&(n, 0)).copied();
        let saved = self.provider.saved.get(&n).cloned().filter(|_| self.due_now(n).minor == 0);
        match job.task {
            Task::Look => {
                let found = match (first.map(|payment| self.provider.look(payment)), saved) {
                    (Some(Answer::Paid(event)), _) => event,
                    (_, Some(method)) => Event::SetUp { method, held: false },
                    _ => Event::Later { job: job.id, at: self.now + (LOOK_MS << job.tries.min(16)) },
                };
                (vec![found], None)
            }
            Task::Close => {
                if let Some(payment) = first {
                    if let Answer::Paid(event) = self.provider.look(payment) {
                        return (vec![event], None);
                    }
                    self.provider.payments[payment].state = State::Canceled;
                }
                (vec![Event::Closed], None)
            }
            Task::Charge { invoice } => {
                let Some(method) = self.orders[n].method.clone() else {
                    return (vec![Event::Declined { job: job.id }], None);
                };
                let (key, known) = (format!("o{n}-{invoice}-{}", job.id), self.noted.get(&(n, invoice)).copied());
                let about = (n, invoice, self.orders[n].invoices[invoice as usize].amount);
                let (answer, payment) = self.provider.charge(self.now, &key, &method, known, about, &mut self.rng);
                let event = match answer {
                    Answer::Paid(event) => event,
                    Answer::Declined | Answer::Open => Event::Declined { job: job.id },
                    Answer::KeyReused => later,
                };
                (vec![event], payment)
            }
            Task::Refund { invoice, amount } => {
                // By our own note, or by what the provider finds under our name.
                let paid = |payment: &usize| {
                    let held = &self.provider.payments[*payment];
                    (held.order, held.invoice, held.state) == (n, invoice, State::Paid)
                };
                let payment = (0..self.provider.payments.len()).find(paid).unwrap();
                let key = format!("o{n}-refund-{}", job.id);
                let total = self.provider.refund(self.now, &key, payment, amount, &mut self.rng);
                (vec![Event::Refunded { invoice, total }, Event::Done { job: job.id }], None)
            }
            Task::Write { .. } => (vec![Event::Done { job: job.id }], None),
        }
    }

    /// Nothing new happens, nothing fails: all that is due is heard and done, and what renews is cancelled.
    fn rest(&mut self) -> Result<(), String> {
        self.is_faulty = false;
        for _ in 0..REST_STEPS_MAX {
            self.provider.decide(self.now, &mut self.rng);
            for n in 0..self.orders.len() {
                let recurs = matches!(self.orders[n].price.kind, PriceKind::Recurring { .. });
                let charged = self.orders[n].jobs.iter().any(|job| matches!(job.task, Task::Charge { .. }));
                if recurs && charged {
                    self.tell(n, Event::Cancel)?;
                }
            }
            let messages = self.provider.queue.iter().map(|message| message.at);
            let jobs = self.orders.iter().filter_map(Order::next_job).map(|job| job.at);
            let Some(next) = messages.chain(jobs).min() else { return check::at_rest(self) };
            self.now = self.now.max(next);
            self.deliver()?;
            self.work()?;
        }
        Err("it never comes to rest".into())
    }
}

fn run(seed: u64) -> Result<BTreeMap<String, u64>, String> {
    let mut shop = Shop::new(seed);
    let steps = shop.rng.between(20, 160);
    let played = (0..steps).try_for_each(|_| {
        shop.step()?;
        check::always(&shop)
    });
    match played.and_then(|()| shop.rest()) {
        Ok(()) => Ok(shop.seen),
        Err(broken) => {
            let from = shop.trace.len().saturating_sub(TRACE_MAX);
            Err(format!("seed {seed}: {broken}\n{}", shop.trace[from..].join("\n")))
        }
    }
}

#[test]
fn a_shop_under_chance_keeps_its_promises() {
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for seed in SEEDS_ONCE_BROKEN.iter().copied().chain(0..SCHEDULES) {
        match run(seed) {
            Ok(reached) => reached.into_iter().for_each(|(what, count)| *seen.entry(what).or_default() += count),
            Err(broken) => panic!("{broken}"),
        }
    }
    for (what, count) in Phase::ALL.map(Phase::as_str).into_iter().chain(REACHED).map(|what| (what, seen.get(what))) {
        assert!(count.is_some_and(|count| *count >= REACHED_MIN), "{what}: reached {count:?} times");
    }
}
