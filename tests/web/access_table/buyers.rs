//! Holders by money: each buys at the sandbox, and what becomes of it is what the server makes of what it is told.

use super::holders::Holder::{self, *};
use super::stage::Stage;
use crate::browser::Browser;
use crate::shop::{DECLINES, DISPUTES, FAILS_LATER, PAYS, until};
use backstage::adapters::stripe::TestCard;
use backstage::config::Secret;
use backstage::order;
use backstage_core::OrderId;
use backstage_core::order::{Event, Phase, RETRIES_MS, Task};
use backstage_core::time::HOUR_MS;

const BASIC: &str = "/demo/basic";
const PRO: &str = "/demo/pro";
const TASTE: &str = "/demo/taste";
/// Tries after which a charge is given up.
const TRIES: usize = RETRIES_MS.len() + 1;

impl Stage {
    /// A browser of this kind; those without money have no place here.
    pub async fn by_money(&self, holder: Holder) -> Browser {
        let email = format!("{holder:?}@example.com").to_lowercase();
        let house = &self.house;
        if holder == Unproven {
            let mut browser = house.browser();
            house.buy(&mut browser, PRO, &email).await;
            return browser;
        }
        let mut browser = house.signed_in(&email).await;
        match holder {
            Buyer => drop(self.bought(&mut browser, PRO, PAYS).await),
            BuyerElsewhere => drop(self.bought(&mut browser, "/rival/vip", PAYS).await),
            Unpaid => assert_eq!(house.begin(&mut browser, PRO, "").await.status, 200),
            Refunded => {
                let order = self.bought(&mut browser, PRO, PAYS).await;
                self.gives_back(&order, "29").await;
                self.becomes(&order, Phase::Refunded).await;
            }
            PartlyRefunded => {
                let order = self.bought(&mut browser, PRO, PAYS).await;
                self.gives_back(&order, "9").await;
                until("a part", async || house.purchase(&order).await.order.kept_minor() == 2_000).await;
            }
            RefundedSubscriber => {
                self.bought(&mut browser, BASIC, PAYS).await;
                let order = self.bought(&mut browser, PRO, PAYS).await;
                self.gives_back(&order, "29").await;
                self.becomes(&order, Phase::Refunded).await;
            }
            Disputed => {
                let order = self.bought(&mut browser, PRO, DISPUTES).await;
                self.becomes(&order, Phase::Disputed).await;
            }
            Subscriber => drop(self.bought(&mut browser, BASIC, PAYS).await),
            Cancelled => {
                let order = self.bought(&mut browser, BASIC, PAYS).await;
                browser.get(&format!("/orders/{order}")).await;
                assert_eq!(browser.form(&format!("/orders/{order}/cancel"), &[]).await.status, 303);
                self.becomes(&order, Phase::Cancelled).await;
            }
            EndedByTeam => {
                let order = self.bought(&mut browser, BASIC, PAYS).await;
                let path = format!("/studio/demo/orders/{order}/end");
                assert_eq!(self.creator.lock().await.form(&path, &[]).await.status, 303);
                self.becomes(&order, Phase::Ended).await;
            }
            Declined => {
                let order = self.bought(&mut browser, BASIC, PAYS).await;
                self.uses(&order, DECLINES).await;
                self.is_declined(&order, 1).await;
                self.becomes(&order, Phase::PastDue).await;
            }
            Lapsed => {
                let order = self.bought(&mut browser, BASIC, PAYS).await;
                self.uses(&order, DECLINES).await;
                self.is_declined(&order, TRIES).await;
                self.becomes(&order, Phase::Ended).await;
            }
            RanOut => {
                let order = self.bought(&mut browser, BASIC, PAYS).await;
                self.two_months_pass(&order).await;
                self.becomes(&order, Phase::Ended).await;
            }
            Trial => drop(self.bought(&mut browser, TASTE, PAYS).await),
            TrialNotPaid => {
                let order = self.bought(&mut browser, TASTE, FAILS_LATER).await;
                self.is_declined(&order, TRIES).await;
                self.becomes(&order, Phase::Ended).await;
            }
            Stranger | Account | Rival | FreePass | CrewPass | Expired | Revoked | Moderator | LeftTeam | Owner
            | Unproven => {
                panic!("{holder:?} has paid nothing")
            }
        }
        browser
    }

    /// From the page to a paid order or a saved card; its id.
    async fn bought(&self, browser: &mut Browser, pass: &str, card: &str) -> String {
        let begun = self.house.begin(browser, pass, "").await;
        assert_eq!(begun.status, 200, "{}", begun.body);
        let begun = begun.json();
        self.house.confirm(&begun, card).await.unwrap();
        let order = begun["order"].as_str().unwrap().to_owned();
        let looked = browser.api(&format!("/api/v1/orders/{order}/look")).await.json();
        assert_eq!(looked["paid"], true, "{looked}");
        order
    }

    async fn becomes(&self, order: &str, phase: Phase) {
        let now = || self.house.app.state.clock.now();
        let what = format!("{} to be {}", self.house.purchase(order).await.contact, phase.as_str());
        until(&what, async || self.house.purchase(order).await.order.phase(now()) == phase).await;
    }

    /// The team gives money back.
    async fn gives_back(&self, order: &str, amount: &str) {
        let path = format!("/studio/demo/orders/{order}/refund");
        let fields = [("invoice", "0"), ("amount", amount)];
        assert_eq!(self.creator.lock().await.form(&path, &fields).await.status, 303);
    }

    /// Later charges are made to this card.
    async fn uses(&self, order: &str, number: &str) {
        let card = TestCard { number: Secret::new(number), exp_month: 12, exp_year: 2040, cvc: Secret::new("123") };
        let method = self.house.till().stripe.method_of_card(&card, &format!("card of {order}")).await.unwrap().id;
        self.tell(order, Event::UseMethod { method }).await;
    }

    /// The next charge becomes due, and each time that it is tried again, and is declined.
    async fn is_declined(&self, order: &str, times: usize) {
        let held = async || self.house.purchase(order).await.order;
        for nth in 1..=times {
            let order_held = held().await;
            let charge = order_held.jobs.iter().find(|job| matches!(job.task, Task::Charge { .. })).unwrap();
            self.tell(order, Event::Later { job: charge.id, at: self.house.app.state.clock.now() }).await;
            until("the decline", async || held().await.invoices.iter().any(|one| usize::from(one.declined) == nth))
                .await;
        }
    }

    /// Nothing was charged meanwhile, as when the payment provider is away for long.
    async fn two_months_pass(&self, order: &str) {
        self.house.days_pass(order, 61).await;
        let charge = self.house.purchase(order).await.order.jobs[0].id;
        self.tell(order, Event::Later { job: charge, at: self.house.app.state.clock.now() + HOUR_MS }).await;
    }

    async fn tell(&self, order: &str, event: Event) {
        order::tell(&self.house.app.state, &OrderId::parse(order).unwrap(), event).await.unwrap();
    }
}
