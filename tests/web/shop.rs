//! Buying as a browser does it, with the sandbox at the other end of the wire.

use crate::browser::{Answer, Browser};
use crate::house::House;
use backstage::adapters::stripe::{StripeError, TestCard};
use backstage::config::Secret;
use backstage::order::Till;
use backstage::order::store::{self, Purchase};
use backstage_core::OrderId;
use backstage_core::order::Task;
use backstage_core::time::HOUR_MS;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub const PAYS: &str = "4242424242424242";
pub const DECLINES: &str = "4000000000000002";
pub const DISPUTES: &str = "4000000000000259";
/// Can be saved, but pays nothing.
pub const FAILS_LATER: &str = "4000000000000341";

/// Waits until this is so.
pub async fn until(what: &str, mut look: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !look().await {
        assert!(began.elapsed() < Duration::from_secs(10), "waited for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl House {
    pub fn till(&self) -> &Till {
        self.app.state.till.as_deref().unwrap()
    }

    /// The first price of a pass, as its checkout page says it.
    pub async fn price(&self, pass: &str) -> String {
        self.browser().get(&format!("{pass}/checkout")).await.between("data-checkout-price-value=\"", "\"")
    }

    /// Makes a pass that costs $5 a month, and less for who would cancel.
    pub async fn sell(&self, team: &mut Browser, space: &str, pass: &str) {
        let list = format!("/studio/{space}/passes");
        let fields = [("name", pass), ("slug", pass), ("status", "published"), ("opens", "all")];
        let made = team.form(&format!("{list}/new"), &fields).await;
        assert_eq!(made.status, 303, "{}", made.body);
        let fields = [("kind", "recurring"), ("amount", "5"), ("currency", "USD"), ("every_unit", "month")];
        let fields = [fields.as_slice(), &[("stay_percent", "50")]].concat();
        let made = team.form(&format!("{list}/{pass}/prices/new"), &fields).await;
        assert_eq!(made.status, 303, "{}", made.body);
    }

    /// Begins a purchase; `pass` as `/demo/pro`.
    pub async fn begin(&self, browser: &mut Browser, pass: &str, email: &str) -> Answer {
        let price = self.price(pass).await;
        browser.get(pass).await;
        let body = json!({ "price": price, "email": email });
        browser.json("POST", "/api/v1/checkouts", &body.to_string()).await
    }

    /// Types in a card, as the Payment Element does.
    pub async fn confirm(&self, begun: &Value, number: &str) -> Result<(), StripeError> {
        let secret = begun["client_secret"].as_str().unwrap();
        let intent = secret.split("_secret_").next().unwrap();
        let stripe = &self.till().stripe;
        let key = format!("confirm {intent} {number}");
        let card = TestCard { number: Secret::new(number), exp_month: 12, exp_year: 2040, cvc: Secret::new("123") };
        let method = stripe.method_of_card(&card, &format!("card {key}")).await?.id;
        let back = begun["return_url"].as_str().unwrap();
        match begun["saves_only"].as_bool().unwrap() {
            true => stripe.confirm_setup(intent, &method, back, &key).await.map(drop),
            false => stripe.confirm_payment(intent, &method, back, &key).await.map(drop),
        }
    }

    /// From the page to a paid order; its id.
    pub async fn buy(&self, browser: &mut Browser, pass: &str, email: &str) -> String {
        let begun = self.begin(browser, pass, email).await;
        assert_eq!(begun.status, 200, "{}", begun.body);
        let begun = begun.json();
        let order = begun["order"].as_str().unwrap().to_owned();
        self.confirm(&begun, PAYS).await.unwrap();
        let looked = browser.api(&format!("/api/v1/orders/{order}/look")).await.json();
        assert_eq!(looked["paid"], true, "{looked}");
        order
    }

    /// An order becomes this much older; what it opens is written anew when it next hears something.
    pub async fn days_pass(&self, order: &str, days: i64) {
        let held = async || self.purchase(order).await.order;
        until("the letters", async || held().await.jobs.iter().all(|job| matches!(job.task, Task::Charge { .. })))
            .await;
        let mut state = serde_json::to_value(held().await).unwrap();
        state["opened_at"] = (state["opened_at"].as_i64().unwrap() - days * 24 * HOUR_MS).into();
        let changed = sqlx::query("UPDATE orders SET state = $2 WHERE id = $1").bind(order).bind(state.to_string());
        changed.execute(&self.app.state.db.pool).await.unwrap();
    }

    pub async fn purchase(&self, order: &str) -> Purchase {
        store::by_id(&self.app.state.db, &OrderId::parse(order).unwrap()).await.unwrap().unwrap()
    }
}
