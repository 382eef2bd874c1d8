//! What holders do with a subscription: another card, going, staying for less.

use crate::browser::Browser;
use crate::house::House;
use crate::shop::{PAYS, until};
use backstage::adapters::stripe::TestCard;
use backstage::config::Secret;
use backstage::order;
use backstage_core::OrderId;
use backstage_core::order::{Event, Phase, Task};
use serde_json::{Value, json};

/// Can be saved, and is declined when it is charged.
const DECLINES_LATER: &str = "4000000000000341";
/// 3-D Secure each time.
const ASKS: &str = "4000002760003184";

/// A month passes.
async fn charged(house: &House, order: &str) {
    let held = house.purchase(order).await;
    let job = held.order.jobs.iter().find(|job| matches!(job.task, Task::Charge { .. })).unwrap().id;
    let event = Event::Later { job, at: house.app.state.clock.now() };
    order::tell(&house.app.state, &OrderId::parse(order).unwrap(), event).await.unwrap();
}

async fn phase(house: &House, order: &str) -> Phase {
    house.purchase(order).await.order.phase(house.app.state.clock.now())
}

/// Saves a card as the Payment Element does; the id of the setup, and where its holder has to go first.
async fn save(house: &House, begun: &Value, number: &str) -> (String, Option<String>) {
    let secret = begun["client_secret"].as_str().unwrap();
    let setup = secret.split("_secret_").next().unwrap().to_owned();
    let stripe = &house.till().stripe;
    let card = TestCard { number: Secret::new(number), exp_month: 12, exp_year: 2040, cvc: Secret::new("123") };
    let card = stripe.method_of_card(&card, &format!("card {setup}")).await.unwrap().id;
    let back = begun["return_url"].as_str().unwrap();
    let done = stripe.confirm_setup(&setup, &card, back, &format!("confirm {setup}")).await.unwrap();
    let go = done.next_action.and_then(|next| next.redirect_to_url).and_then(|next| next.url);
    (setup, go.map(|url| url.expose().to_owned()))
}

/// A subscriber to a trial whose saved card does not pay, a month later.
async fn late(house: &House) -> (Browser, String) {
    let mut creator = house.creator().await;
    let fields = [("name", "Try"), ("slug", "try"), ("status", "published"), ("opens", "all")];
    assert_eq!(creator.form("/studio/demo/passes/new", &fields).await.status, 303);
    let fields = [("kind", "recurring"), ("amount", "5"), ("currency", "USD"), ("every_unit", "month")];
    let fields = [fields.as_slice(), &[("trial_days", "7")]].concat();
    assert_eq!(creator.form("/studio/demo/passes/try/prices/new", &fields).await.status, 303);
    let mut buyer = house.signed_in("ada@example.com").await;
    let begun = house.begin(&mut buyer, "/demo/try", "").await.json();
    house.confirm(&begun, DECLINES_LATER).await.unwrap();
    let order = begun["order"].as_str().unwrap().to_owned();
    until("the trial", async || house.purchase(&order).await.order.begun()).await;
    charged(house, &order).await;
    until("the decline", async || phase(house, &order).await == Phase::PastDue).await;
    (buyer, order)
}

#[actix_web::test]
async fn another_card_pays_what_was_declined_at_once() {
    let house = House::open().await;
    let (mut buyer, order) = late(&house).await;
    let page = buyer.get(&format!("/orders/{order}")).await;
    assert!(page.body.contains(&format!("/orders/{order}/card")), "{}", page.body);
    assert!(buyer.get(&format!("/orders/{order}/card")).await.body.contains("is tried again"));
    let begun = buyer.api(&format!("/api/v1/orders/{order}/card")).await.json();
    let look = format!("/api/v1/orders/{order}/card/look");
    let setup = begun["client_secret"].as_str().unwrap().split("_secret_").next().unwrap().to_owned();
    let body = json!({ "setup": setup }).to_string();
    assert_eq!(buyer.json("POST", &look, &body).await.json()["paid"], false, "nothing is saved yet");
    let (setup, _) = save(&house, &begun, PAYS).await;
    let body = json!({ "setup": setup }).to_string();
    assert_eq!(buyer.json("POST", &look, &body).await.json()["paid"], true);
    until("the charge", async || phase(&house, &order).await == Phase::Active).await;
    assert_eq!(house.purchase(&order).await.order.kept_minor(), 500);
    house.close().await;
}

#[actix_web::test]
async fn a_card_that_was_saved_before_the_tab_was_closed_is_told_by_the_webhook() {
    let house = House::open().await;
    let (mut buyer, order) = late(&house).await;
    let begun = buyer.api(&format!("/api/v1/orders/{order}/card")).await.json();
    save(&house, &begun, PAYS).await;
    until("the charge", async || phase(&house, &order).await == Phase::Active).await;
    house.close().await;
}

#[actix_web::test]
async fn who_is_led_away_to_save_a_card_comes_back_to_the_order_with_it() {
    let house = House::open().await;
    house.app.sandbox().unwrap().faults().hold_webhooks(true);
    let mut buyer = house.signed_in("ada@example.com").await;
    let order = house.buy(&mut buyer, "/demo/basic", "").await;
    let before = house.purchase(&order).await.order.method;
    let begun = buyer.api(&format!("/api/v1/orders/{order}/card")).await.json();
    let (setup, go) = save(&house, &begun, ASKS).await;
    let agreed = reqwest::Client::new().post(format!("http://{}{}", house.app.address, path(&go.unwrap())));
    let secret = begun["client_secret"].as_str().unwrap();
    let agreed = agreed.body(format!("client_secret={secret}&outcome=complete")).send().await.unwrap();
    assert!(agreed.status().as_u16() < 400, "{}", agreed.status());
    let back = format!("/orders/{order}?setup_intent={setup}&redirect_status=succeeded");
    assert_eq!(buyer.get(&back).await.header("location"), format!("/orders/{order}"));
    assert!(buyer.get(&format!("/orders/{order}")).await.body.contains("Your card is saved"));
    assert_ne!(house.purchase(&order).await.order.method, before);
    house.close().await;
}

fn path(url: &str) -> String {
    let url = url::Url::parse(url).unwrap();
    url.path().to_owned()
}

#[actix_web::test]
async fn nobody_else_changes_a_card_and_no_setup_of_another_order_does() {
    let house = House::open().await;
    let mut ada = house.signed_in("ada@example.com").await;
    let mut bob = house.signed_in("bob@example.com").await;
    let first = house.buy(&mut ada, "/demo/basic", "").await;
    let second = house.buy(&mut bob, "/demo/basic", "").await;
    let begun = ada.api(&format!("/api/v1/orders/{first}/card")).await.json();
    let (setup, _) = save(&house, &begun, PAYS).await;
    for path in [format!("/api/v1/orders/{first}/card"), format!("/api/v1/orders/{first}/card/look")] {
        let body = json!({ "setup": setup }).to_string();
        assert_eq!(bob.json("POST", &path, &body).await.status, 404, "{path}");
    }
    let before = house.purchase(&second).await.order.method;
    let body = json!({ "setup": setup }).to_string();
    let looked = bob.json("POST", &format!("/api/v1/orders/{second}/card/look"), &body).await.json();
    assert_eq!((&looked["paid"], house.purchase(&second).await.order.method), (&json!(false), before));
    let nothing = json!({ "setup": "seti_nothing" }).to_string();
    let path = format!("/api/v1/orders/{second}/card/look");
    assert_eq!(bob.json("POST", &path, &nothing).await.status, 404);
    // Paid once, an order needs no card.
    let pro = house.buy(&mut ada, "/demo/pro", "").await;
    assert_eq!(ada.api(&format!("/api/v1/orders/{pro}/card")).await.code(), "no_card_needed");
    assert_eq!(ada.get(&format!("/orders/{pro}/card")).await.header("location"), format!("/orders/{pro}"));
    house.close().await;
}

#[actix_web::test]
async fn who_would_cancel_is_offered_to_stay_and_pays_less() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    let fields = [("name", "Club"), ("slug", "club"), ("status", "published"), ("opens", "all")];
    assert_eq!(creator.form("/studio/demo/passes/new", &fields).await.status, 303);
    let fields = [("kind", "recurring"), ("amount", "5"), ("currency", "USD"), ("every_unit", "month")];
    let new = "/studio/demo/passes/club/prices/new";
    for wrong in [("stay_percent", "100"), ("stay_percent", "x"), ("stay_charges", "99")] {
        let fields = [fields.as_slice(), &[wrong]].concat();
        assert_eq!(creator.form(new, &fields).await.status, 422, "{wrong:?}");
    }
    let fields = [fields.as_slice(), &[("stay_percent", "40"), ("stay_charges", "1")]].concat();
    assert_eq!(creator.form(new, &fields).await.status, 303);
    let mut buyer = house.signed_in("ada@example.com").await;
    let order = house.buy(&mut buyer, "/demo/club", "").await;
    let ask = buyer.get(&format!("/orders/{order}/cancel")).await;
    assert!(ask.body.contains("$3 instead of $5"), "{}", ask.body);
    assert_eq!(buyer.form(&format!("/orders/{order}/stay"), &[]).await.status, 303);
    for kept in [800, 1_300] {
        charged(&house, &order).await;
        until("the charge", async || house.purchase(&order).await.order.kept_minor() == kept).await;
    }
    // Once: the second time it is cancelled without a question.
    assert_eq!(buyer.get(&format!("/orders/{order}/cancel")).await.header("location"), format!("/orders/{order}"));
    assert_eq!(buyer.form(&format!("/orders/{order}/stay"), &[]).await.status, 409);
    assert_eq!(buyer.form(&format!("/orders/{order}/cancel"), &[]).await.status, 303);
    assert_eq!(phase(&house, &order).await, Phase::Cancelled);
    house.close().await;
}

/// How often the provider took the money of a charge.
async fn taken(house: &House, order: &str, invoice: &str) -> usize {
    let payments = house.till().stripe.payments_since(0, None).await.unwrap().data;
    let is_it = |held: &backstage::adapters::stripe::Metadata| held["order"] == order && held["invoice"] == invoice;
    payments.iter().filter(|payment| payment.amount_received > 0 && is_it(&payment.metadata)).count()
}

/// A subscriber whose second month was taken, and nobody heard of it.
async fn unheard(house: &House) -> (Browser, String) {
    let mut buyer = house.signed_in("ada@example.com").await;
    let order = house.buy(&mut buyer, "/demo/basic", "").await;
    let faults = house.app.sandbox().unwrap().faults();
    faults.hold_webhooks(true);
    faults.lose_answers(1_000);
    charged(house, &order).await;
    until("the charge", async || {
        let held = house.purchase(&order).await.order;
        held.jobs.iter().any(|job| matches!(job.task, Task::Charge { .. }) && job.tries > 1)
    })
    .await;
    faults.lose_answers(0);
    assert_eq!((taken(house, &order, "1").await, house.purchase(&order).await.order.kept_minor()), (1, 100));
    (buyer, order)
}

#[actix_web::test]
async fn a_charge_that_nobody_heard_of_is_found_a_day_later_and_not_made_again() {
    let house = House::open().await;
    let (_, order) = unheard(&house).await;
    // Its key is forgotten.
    house.app.sandbox().unwrap().advance(25 * 60 * 60 * 1_000);
    charged(&house, &order).await;
    until("the second month", async || house.purchase(&order).await.order.kept_minor() == 200).await;
    assert_eq!(taken(&house, &order, "1").await, 1);
    house.close().await;
}

#[actix_web::test]
async fn a_charge_that_nobody_heard_of_is_not_made_again_with_another_card() {
    let house = House::open().await;
    let (mut buyer, order) = unheard(&house).await;
    let begun = buyer.api(&format!("/api/v1/orders/{order}/card")).await.json();
    let (setup, _) = save(&house, &begun, "5555555555554444").await;
    let body = json!({ "setup": setup }).to_string();
    assert_eq!(buyer.json("POST", &format!("/api/v1/orders/{order}/card/look"), &body).await.json()["paid"], true);
    charged(&house, &order).await;
    until("the second month", async || house.purchase(&order).await.order.kept_minor() == 200).await;
    assert_eq!(taken(&house, &order, "1").await, 1);
    house.close().await;
}

#[actix_web::test]
async fn what_the_former_provider_took_is_still_shown_and_asks_nobody() {
    let house = House::open().await;
    let mut buyer = house.signed_in("ada@example.com").await;
    let order = house.buy(&mut buyer, "/demo/basic", "").await;
    let begun = house.begin(&mut buyer, "/demo/pro", "").await.json();
    let open = begun["order"].as_str().unwrap().to_owned();
    // As if the site had got the keys of an account since.
    house.sql("UPDATE orders SET provider = 'stripe'").await;
    for path in [format!("/orders/{order}"), format!("/orders/{open}"), "/passes".into()] {
        assert_eq!(buyer.get(&path).await.status, 200, "{path}");
    }
    assert_eq!(buyer.api(&format!("/api/v1/orders/{order}/card")).await.code(), "no_card_needed");
    let mut creator = house.creator().await;
    creator.get(&format!("/studio/demo/orders/{order}")).await;
    let path = format!("/studio/demo/orders/{order}/refund");
    let refused = creator.form(&path, &[("invoice", "0"), ("amount", "1")]).await;
    assert!(refused.status == 422 && refused.body.contains("another payment provider"), "{}", refused.body);
    house.close().await;
}
