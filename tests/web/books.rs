//! The ledger against the provider's own books: a hundred thousand random payments, renewals, refunds and disputes, told
//! late, twice, in any order, or found by looking. What the ledger says the provider holds is what the provider holds.

use crate::house::House;
use crate::shop::{DECLINES, DISPUTES, PAYS};
use crate::support::mailbox::{Mailbox, WEBHOOK_SECRET};
use backstage::adapters::stripe::webhook::{Event as Said, Webhook};
use backstage::adapters::stripe::{Metadata, NewCustomer, NewRefund, StripeError, TestCard};
use backstage::config::{PaymentProvider, Secret};
use backstage::order::store::{self, NewPurchase, Provider};
use backstage::order::{self, Answer, due};
use backstage::price::{self, Offer, Options};
use backstage::sandbox::{Sandbox, Settings};
use backstage_core::OrderId;
use backstage_core::money::{Currency, Money};
use backstage_core::order::{Event, Task};
use backstage_core::pass::{Interval, Price, PriceKind, Split, Stock, Unit};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const EVENTS: usize = 100_000;
const KEY: &str = "sk_test_books";
const MONTH: Interval = Interval { count: 1, unit: Unit::Month };

struct World {
    house: House,
    sandbox: Sandbox,
    mailbox: Mailbox,
    dice: StdRng,
    offers: Vec<Offer>,
    http: reqwest::Client,
    customer: String,
    /// Saved cards: one that pays, one whose payments are disputed, one that is declined.
    cards: [String; 3],
    orders: Vec<OrderId>,
    /// Webhooks that are on their way for days.
    late: Vec<Webhook>,
    disputes: Vec<String>,
    /// How often each thing happened.
    events: BTreeMap<&'static str, usize>,
}

/// Once, in three parts, monthly, with a fee at the beginning, after a trial: in a currency with and one without cents.
async fn offers(house: &House) -> Vec<Offer> {
    let state = &house.app.state;
    let space = house.app.state.store.find_space("demo").await.unwrap().unwrap().state.id;
    let shelf = price::store::shelf(&state.db, &space).await.unwrap();
    let pass = shelf.offers.iter().find(|offer| offer.stock.total == Some(100)).unwrap().pass.clone();
    let mut offers = vec![];
    for (n, code) in ["USD", "EUR", "JPY"].into_iter().cycle().take(9).enumerate() {
        let of = |minor| Money::new(minor, Currency::parse(code).unwrap()).unwrap();
        let split = Split { parts: 3, every: MONTH };
        let monthly = PriceKind::Recurring { amount: of(999), every: MONTH };
        let (kind, initial_fee, trial_days) = match n % 5 {
            0 => (PriceKind::Once { amount: of(2_900), split: None }, None, None),
            1 => (PriceKind::Once { amount: of(10_000), split: Some(split) }, None, None),
            2 => (monthly, None, None),
            3 => (monthly, Some(of(1_234)), None),
            _ => (monthly, None, Some(14)),
        };
        let offer = Offer {
            id: state.ids.next().parse().unwrap(),
            line: state.ids.next(),
            pass: pass.clone(),
            space: space.clone(),
            price: Price { kind, initial_fee, trial_days, stay: None },
            options: Options::default(),
            stock: Stock::default(),
            retired: false,
        };
        price::store::add(&state.db, &offer, state.clock.now()).await.unwrap();
        offers.push(offer);
    }
    offers
}

impl World {
    async fn open(seed: u64) -> World {
        let mailbox = Mailbox::open(0).await;
        let settings = Settings { receiver: Some(mailbox.receiver()), ..Settings::local(Secret::new(KEY)) };
        let sandbox = Sandbox::start(settings).await.unwrap();
        let base_url = sandbox.url();
        // As with a Stripe account: the sandbox is another server.
        let house = House::open_with(|config| {
            config.payments.provider = PaymentProvider::Stripe;
            config.payments.secret_key = Secret::new(KEY);
            config.payments.publishable_key = "pk_test_books".into();
            config.payments.webhook_secret = Secret::new(WEBHOOK_SECRET);
            config.payments.base_url = base_url;
            config.payments.platform_fee_bp = 275;
        })
        .await;
        let offers = offers(&house).await;
        let stripe = &house.till().stripe;
        let customer = NewCustomer { email: Some("ada@example.com".into()), ..NewCustomer::default() };
        let customer = stripe.create_customer(&customer, "customer").await.unwrap().id;
        let mut cards = vec![];
        for number in [PAYS, DISPUTES, DECLINES] {
            let card = TestCard { number: Secret::new(number), exp_month: 12, exp_year: 2040, cvc: Secret::new("123") };
            let card = stripe.method_of_card(&card, number).await.unwrap().id;
            let setup = stripe.create_setup(&customer, &Metadata::new(), &format!("setup {number}")).await.unwrap();
            let _ = stripe.confirm_setup(&setup.id, &card, "https://pass.test", &format!("save {number}")).await;
            cards.push(card);
        }
        let cards = cards.try_into().unwrap();
        let dice = StdRng::seed_from_u64(seed);
        World {
            house,
            sandbox,
            mailbox,
            dice,
            offers,
            http: reqwest::Client::new(),
            customer,
            cards,
            orders: vec![],
            late: vec![],
            disputes: vec![],
            events: BTreeMap::new(),
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.events.entry(what).or_default() += 1;
    }

    fn any_order(&mut self) -> Option<OrderId> {
        let place = self.dice.random_range(0..self.orders.len().max(1));
        self.orders.get(place).cloned()
    }

    async fn tell(&self, order: &OrderId, event: Event) {
        match order::tell(&self.house.app.state, order, event).await {
            Ok(_) | Err(store::NotDone::Rejected(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// Somebody buys; now and then somebody who has it already.
    async fn buy(&mut self) {
        let state = &self.house.app.state;
        let offer = &self.offers[self.dice.random_range(0..self.offers.len())];
        let n = self.orders.len();
        let buyer = if self.dice.random_ratio(1, 20) { self.dice.random_range(0..=n) } else { n };
        let new = NewPurchase {
            id: state.ids.next().parse().unwrap(),
            offer,
            user: None,
            contact: &backstage::user::Contact::Email(format!("buyer{buyer}@example.com")),
            browser: &format!("browser{n}"),
            provider: Provider::Stripe,
            customer: Some(&self.customer),
            answers: &[],
            platform_fee_bp: 275,
        };
        let held = store::open(&state.db, &new, state.clock.now()).await.unwrap();
        let till = self.house.till();
        let saves_only = till.begin(&state.db, &held, &[]).await.unwrap().saves_only;
        let intent = store::payment_of(&state.db, &held.order.id, 0).await.unwrap().unwrap();
        let card = match self.dice.random_range(0..10) {
            0..=6 => &self.cards[0],
            7..=8 => &self.cards[1],
            _ => &self.cards[2],
        };
        let key = format!("confirm {intent}");
        let done = match saves_only {
            true => till.stripe.confirm_setup(&intent, card, "https://pass.test", &key).await.map(drop),
            false => till.stripe.confirm_payment(&intent, card, "https://pass.test", &key).await.map(drop),
        };
        let what = match done {
            Ok(()) if saves_only => "trial",
            Ok(()) => "paid",
            Err(StripeError::Declined { .. }) => "declined",
            Err(error) => panic!("{error}"),
        };
        self.orders.push(held.order.id);
        self.count(what);
    }

    /// The page, or a job, asks what became of it.
    async fn look(&mut self) {
        let Some(id) = self.any_order() else { return };
        let held = self.house.purchase(id.as_str()).await;
        let invoice = self.dice.random_range(0..u32::try_from(held.order.invoices.len()).unwrap());
        let answer = self.house.till().look(&self.house.app.state.db, &held, invoice).await.unwrap();
        if let Answer::Done(event) = answer {
            self.tell(&id, event).await;
            self.count("looked");
        }
    }

    /// A month passes for one of them.
    async fn renew(&mut self) {
        let Some(id) = self.any_order() else { return };
        let held = self.house.purchase(id.as_str()).await;
        let due = held.order.jobs.iter().find(|job| matches!(job.task, Task::Charge { .. }));
        if let Some(job) = due {
            self.tell(&id, Event::Later { job: job.id, at: self.house.app.state.clock.now() }).await;
            self.count("renewed");
        }
    }

    /// The team gives some of it back, by our own page.
    async fn give_back(&mut self) {
        let Some(id) = self.any_order() else { return };
        let held = self.house.purchase(id.as_str()).await;
        let invoice = self.dice.random_range(0..held.order.invoices.len());
        let left = held.order.invoices[invoice].amount.minor - held.order.invoices[invoice].refunded;
        if held.order.invoices[invoice].paid && left > 0 {
            let amount = self.dice.random_range(1..=left);
            self.tell(&id, Event::GiveBack { invoice: u32::try_from(invoice).unwrap(), amount }).await;
            self.count("given back");
        }
    }

    /// Somebody gives some of it back at the provider's own site.
    async fn refund(&mut self) {
        let Some(id) = self.any_order() else { return };
        let state = &self.house.app.state;
        let Some(intent) = store::payment_of(&state.db, &id, 0).await.unwrap() else { return };
        let amount = Some(self.dice.random_range(1..1_500));
        let new = NewRefund { payment: intent, amount, reason: None, metadata: Metadata::new() };
        match self.house.till().stripe.refund(&new, &state.ids.next()).await {
            Ok(_) => self.count("refunded"),
            // Never paid, disputed, or less than that is left.
            Err(StripeError::Rejected { .. } | StripeError::Missing) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// A bank decides.
    async fn decide(&mut self) {
        let Some(dispute) = self.disputes.pop() else { return };
        let text = if self.dice.random() { "winning_evidence" } else { "losing_evidence" };
        let url = format!("{}/v1/disputes/{dispute}", self.sandbox.url());
        let body = format!("evidence[uncategorized_text]={text}");
        let said = self.http.post(url).bearer_auth(KEY).body(body).send().await.unwrap();
        assert_eq!(said.status(), 200);
        self.count("decided");
    }

    /// The buyer stops it, or the team does.
    async fn stop(&mut self) {
        let Some(id) = self.any_order() else { return };
        let event = if self.dice.random() { Event::Cancel } else { Event::End };
        self.tell(&id, event).await;
        self.count("stopped");
    }

    async fn apply(&mut self, webhook: &Webhook, what: &'static str) {
        if let Said::DisputeCreated(dispute) = &webhook.event
            && what == "told"
        {
            self.disputes.push(dispute.id.clone());
        }
        let outcome = order::apply(&self.house.app.state, self.house.till(), &webhook.event).await.unwrap();
        if outcome == "applied" {
            self.count(what);
        }
    }

    /// Webhooks arrive: now, twice, or later.
    async fn hear(&mut self) {
        while let Some(arrival) = self.mailbox.take() {
            let webhook = arrival.read();
            if self.dice.random_ratio(1, 5) {
                self.late.push(webhook);
                continue;
            }
            self.apply(&webhook, "told").await;
            for _ in 0..self.dice.random_range(0..=4) {
                match self.dice.random() {
                    true => self.late.push(webhook.clone()),
                    false => self.apply(&webhook, "repeated").await,
                }
            }
        }
        if !self.late.is_empty() && self.dice.random_ratio(9, 10) {
            let place = self.dice.random_range(0..self.late.len());
            let webhook = self.late.swap_remove(place);
            self.apply(&webhook, "told late").await;
        }
    }

    /// One more thing happens.
    async fn step(&mut self) {
        match self.dice.random_range(0..100) {
            0..=29 => self.buy().await,
            30..=49 => self.look().await,
            50..=64 => self.renew().await,
            65..=74 => self.give_back().await,
            75..=89 => self.refund().await,
            90..=96 => self.decide().await,
            _ => self.stop().await,
        }
        self.hear().await;
    }

    /// By currency: what the provider holds, by its own books.
    async fn held(&self) -> BTreeMap<String, i64> {
        let url = format!("{}/v1/balance", self.sandbox.url());
        let said: Value = self.http.get(url).bearer_auth(KEY).send().await.unwrap().json().await.unwrap();
        let of = |one: &Value| (one["currency"].as_str().unwrap().to_uppercase(), one["amount"].as_i64().unwrap());
        said["available"].as_array().unwrap().iter().map(of).collect()
    }

    /// The same by the ledger; and the sum over all accounts, which is nothing.
    async fn booked(&self) -> BTreeMap<String, i64> {
        let (mut held, mut sums) = (BTreeMap::new(), BTreeMap::<String, i64>::new());
        for (account, currency, minor) in store::balances(&self.house.app.state.db, None).await.unwrap() {
            *sums.entry(currency.clone()).or_default() += minor;
            if account == "provider_balance" {
                held.insert(currency, minor);
            }
        }
        assert!(sums.values().all(|sum| *sum == 0), "{sums:?}");
        held
    }

    /// What is late arrives at last, refunds that were asked for are made.
    async fn settle(&mut self) {
        let began = Instant::now();
        loop {
            self.hear().await;
            while let Some(webhook) = self.late.pop() {
                self.apply(&webhook, "told late").await;
            }
            let (held, booked) = (self.held().await, self.booked().await);
            let now = self.house.app.state.clock.now();
            let next = due::next_at(&self.house.app.state.db, Provider::Stripe).await.unwrap();
            if held == booked && next.is_none_or(|at| at > now) && self.mailbox.is_empty() {
                return;
            }
            assert!(
                began.elapsed() < Duration::from_secs(120),
                "the provider holds {held:?}, the ledger says {booked:?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// So many events in a world of its own; how often each thing happened.
async fn random_events(seed: u64, count: usize) -> BTreeMap<&'static str, usize> {
    let mut world = World::open(seed).await;
    while world.events.values().sum::<usize>() < count {
        world.step().await;
    }
    world.settle().await;
    assert_eq!(world.held().await.len(), 3);
    world.house.close().await;
    world.sandbox.stop().await;
    world.mailbox.close().await;
    world.events
}

#[test]
fn after_a_hundred_thousand_random_events_the_ledger_says_what_the_provider_holds() {
    // Two worlds at once: each has a core.
    let worlds = [11, 12]
        .map(|seed| std::thread::spawn(move || actix_web::rt::System::new().block_on(random_events(seed, EVENTS / 2))));
    for events in worlds.map(|world| world.join().unwrap()) {
        println!("{events:?}");
        for (what, least) in [
            ("paid", 3_000),
            ("refunded", 1_000),
            ("given back", 500),
            ("decided", 500),
            ("told late", 5_000),
            ("repeated", 5_000),
        ] {
            assert!(events[what] > least, "{what}: {events:?}");
        }
    }
}
