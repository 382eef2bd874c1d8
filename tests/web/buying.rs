//! Purchases over HTTP: what a buyer, a webhook, a crash and a second window do to an order.

use crate::house::House;
use crate::shop::{DECLINES, DISPUTES, PAYS, until};
use backstage::order;
use backstage::order::store;
use backstage::ports::Mail;
use backstage_core::order::{Event, Phase, Task};
use backstage_core::{OrderId, Timestamp};
use serde_json::json;
use std::time::{Duration, Instant};

fn now(house: &House) -> Timestamp {
    house.app.state.clock.now()
}

#[actix_web::test]
async fn whoever_pays_is_in_after_the_code_and_nobody_before() {
    let house = House::open().await;
    let mut buyer = house.browser();
    let order = house.buy(&mut buyer, "/demo/pro", "ada@example.com").await;
    assert!(buyer.get("/m/demo/backstage").await.body.contains("data-gate=\"refused\""), "in without a code");
    let page = buyer.get(&format!("/orders/{order}")).await;
    assert!(page.body.contains("One more step"), "{}", page.body);
    let next = format!("/orders/{order}/in");
    let code = house.code("ada@example.com");
    let fields = [("email", "ada@example.com"), ("code", code.as_str()), ("next", next.as_str())];
    assert_eq!(buyer.form("/sign-in/code", &fields).await.header("location"), next);
    assert_eq!(buyer.get(&next).await.header("location"), "/m/demo/live");
    assert!(buyer.get("/m/demo/backstage").await.body.contains("You are in with: Pro"));
    // Nobody else sees the order, by no address.
    let mut rival = house.signed_in("rival@example.com").await;
    for path in [format!("/orders/{order}"), next, format!("/studio/demo/orders/{order}")] {
        assert!([403, 404].contains(&rival.get(&path).await.status), "{path}");
    }
    house.close().await;
}

#[actix_web::test]
async fn a_paid_pass_is_not_given_away_by_any_door() {
    let house = House::open().await;
    let mut stranger = house.guest().await;
    assert_eq!(stranger.form("/demo/pro/join", &[]).await.header("location"), "/demo/pro/checkout");
    assert_eq!(stranger.form("/m/demo/backstage/join", &[]).await.header("location"), "/demo/pro");
    assert!(stranger.get("/m/demo/backstage").await.body.contains("data-gate=\"refused\""));
    // Without a price on sale it is not free, but not for sale.
    let mut creator = house.creator().await;
    let price = house.price("/demo/pro").await;
    let retire = format!("/studio/demo/passes/pro/prices/{price}/retire");
    assert_eq!(creator.form(&retire, &[]).await.status, 303);
    assert!(stranger.get("/demo/pro").await.body.contains("Not for sale"));
    assert_eq!(stranger.form("/m/demo/backstage/join", &[]).await.header("location"), "/demo");
    let body = json!({ "price": price, "email": "x@example.com" }).to_string();
    assert_eq!(stranger.json("POST", "/api/v1/checkouts", &body).await.code(), "price_gone");
    house.close().await;
}

#[actix_web::test]
async fn what_is_typed_wrongly_is_named_and_a_declined_card_costs_nothing() {
    let house = House::open().await;
    let mut buyer = house.browser();
    assert_eq!(house.begin(&mut buyer, "/demo/pro", "no address").await.code(), "email");
    for body in ["", "[]", "{}", r#"{"price":"x","email":"a@b.c","more":1}"#] {
        let answer = buyer.json("POST", "/api/v1/checkouts", body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.body);
    }
    let body = json!({ "price": "nothing", "email": "a@example.com" }).to_string();
    assert_eq!(buyer.json("POST", "/api/v1/checkouts", &body).await.status, 404);
    let begun = house.begin(&mut buyer, "/demo/pro", "a@example.com").await.json();
    assert!(house.confirm(&begun, DECLINES).await.is_err());
    let order = begun["order"].as_str().unwrap();
    assert_eq!(buyer.api(&format!("/api/v1/orders/{order}/look")).await.json()["paid"], false);
    assert_eq!(house.purchase(order).await.order.phase(now(&house)), Phase::Pending);
    house.close().await;
}

#[actix_web::test]
async fn two_windows_of_one_browser_are_one_order() {
    let house = House::open().await;
    let mut buyer = house.browser();
    let first = house.begin(&mut buyer, "/demo/pro", "a@example.com").await.json();
    let second = house.begin(&mut buyer, "/demo/pro", "a@example.com").await.json();
    assert_eq!((&first["order"], &first["client_secret"]), (&second["order"], &second["client_secret"]));
    house.close().await;
}

#[actix_web::test]
async fn who_pays_twice_in_two_browsers_gets_one_back() {
    let house = House::open().await;
    let (mut phone, mut laptop) = (house.browser(), house.browser());
    let first = house.buy(&mut phone, "/demo/pro", "a@example.com").await;
    let second = house.buy(&mut laptop, "/demo/pro", "a@example.com").await;
    until("the refund", async || house.purchase(&second).await.order.kept_minor() == 0).await;
    assert_eq!(house.purchase(&second).await.order.phase(now(&house)), Phase::Void);
    assert_eq!(house.purchase(&first).await.order.phase(now(&house)), Phase::Active);
    let (sold,): (i64,) = sqlx::query_as("SELECT SUM(sold) FROM stocks WHERE total = 100")
        .fetch_one(&house.app.state.db.pool)
        .await
        .unwrap();
    assert_eq!(sold, 1);
    house.close().await;
}

#[actix_web::test]
async fn a_closed_tab_loses_nothing_the_webhook_brings_it() {
    let house = House::open().await;
    let mut buyer = house.browser();
    let begun = house.begin(&mut buyer, "/demo/pro", "a@example.com").await.json();
    house.confirm(&begun, PAYS).await.unwrap();
    // No look: the browser is gone.
    let order = begun["order"].as_str().unwrap().to_owned();
    until("the webhook", async || house.purchase(&order).await.order.begun()).await;
    house.close().await;
}

#[actix_web::test]
async fn a_lost_webhook_is_made_up_for_by_a_look() {
    let house = House::open().await;
    house.app.sandbox().unwrap().faults().hold_webhooks(true);
    let mut buyer = house.browser();
    let begun = house.begin(&mut buyer, "/demo/pro", "a@example.com").await.json();
    house.confirm(&begun, PAYS).await.unwrap();
    let order = begun["order"].as_str().unwrap().to_owned();
    assert!(!house.purchase(&order).await.order.begun());
    // A minute passes.
    let id = OrderId::parse(&order).unwrap();
    let look = house.purchase(&order).await.order.next_job().unwrap().id;
    order::tell(&house.app.state, &id, Event::Later { job: look, at: now(&house) }).await.unwrap();
    until("the look", async || house.purchase(&order).await.order.begun()).await;
    house.close().await;
}

#[actix_web::test]
async fn a_dispute_and_a_refund_put_the_buyer_out_and_the_books_sum_to_zero() {
    let house = House::open().await;
    let mut disputes = house.browser();
    let begun = house.begin(&mut disputes, "/demo/pro", "bank@example.com").await.json();
    house.confirm(&begun, DISPUTES).await.unwrap();
    let order = begun["order"].as_str().unwrap().to_owned();
    until("the dispute", async || house.purchase(&order).await.order.phase(now(&house)) == Phase::Disputed).await;
    let mut buyer = house.browser();
    let second = house.buy(&mut buyer, "/demo/pro", "back@example.com").await;
    let mut creator = house.creator().await;
    let path = format!("/studio/demo/orders/{second}/refund");
    assert_eq!(creator.form(&path, &[("invoice", "0"), ("amount", "nothing")]).await.status, 422);
    assert_eq!(creator.form(&path, &[("invoice", "0"), ("amount", "29.01")]).await.status, 409);
    assert_eq!(creator.form(&path, &[("invoice", "0"), ("amount", "9")]).await.status, 303);
    until("the first part", async || house.purchase(&second).await.order.kept_minor() == 2_000).await;
    assert!(house.purchase(&second).await.order.access().is_some());
    assert_eq!(creator.form(&path, &[("invoice", "0"), ("amount", "20")]).await.status, 303);
    until("the rest", async || house.purchase(&second).await.order.phase(now(&house)) == Phase::Refunded).await;
    assert!(house.purchase(&second).await.order.access().is_none());
    let held: Vec<(i64,)> = sqlx::query_as("SELECT COUNT(*) FROM grants WHERE order_id <> '' AND revoked_at IS NULL")
        .fetch_all(&house.app.state.db.pool)
        .await
        .unwrap();
    assert_eq!(held[0].0, 0);
    // One was given back, the other disputed: nothing is earned.
    let page = creator.get("/studio/demo/orders").await;
    assert!(page.body.contains("$0") && !page.body.contains("$29"), "{}", page.body);
    let balances = store::balances(&house.app.state.db, None).await.unwrap();
    assert_eq!(balances.iter().map(|(_, _, minor)| minor).sum::<i64>(), 0, "{balances:?}");
    house.close().await;
}

#[actix_web::test]
async fn forged_webhooks_are_refused_and_repeated_ones_change_nothing() {
    use backstage::adapters::stripe::webhook::SIGNATURE;
    let house = House::open().await;
    let mut buyer = house.browser();
    let begun = house.begin(&mut buyer, "/demo/pro", "a@example.com").await.json();
    let order = begun["order"].as_str().unwrap().to_owned();
    let body = json!({
        "id": "evt_1", "type": "payment_intent.succeeded", "created": 1,
        "data": { "object": {
            "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 2_900, "amount_received": 2_900,
            "currency": "usd", "payment_method": "pm_1", "metadata": { "order": order, "invoice": "0" },
        } },
    })
    .to_string();
    let at = now(&house).0 / 1_000;
    let signed = |secret: &str, at: i64| backstage_media::origin::webhooks::signature(secret, at, body.as_bytes());
    let secret = house.till().webhook_secret.expose();
    for forged in [String::new(), "t=1,v1=00".into(), signed("whsec_other", at), signed(secret, at - 3_600)] {
        let answer = buyer.send("POST", "/webhooks/stripe", &[(SIGNATURE, &forged)], body.clone().into_bytes()).await;
        assert_eq!(answer.status, 401, "{forged}");
    }
    assert!(!house.purchase(&order).await.order.begun());
    for _ in 0..3 {
        let right = signed(secret, at);
        let answer = buyer.send("POST", "/webhooks/stripe", &[(SIGNATURE, &right)], body.clone().into_bytes()).await;
        assert_eq!(answer.status, 200);
    }
    until("the payment", async || house.purchase(&order).await.order.begun()).await;
    let paid = house.purchase(&order).await;
    assert_eq!(paid.order.kept_minor(), 2_900);
    house.close().await;
}

#[actix_web::test]
async fn the_next_pass_takes_one_click_but_never_a_foreign_one() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    house.sell(&mut creator, "demo", "club").await;
    let mut buyer = house.signed_in("ada@example.com").await;
    let order = house.buy(&mut buyer, "/demo/pro", "").await;
    assert_eq!(buyer.get(&format!("/orders/{order}/in")).await.header("location"), "/m/demo/live");
    let page = buyer.get("/demo/club").await;
    assert!(page.body.contains("Pay $5 with Visa •••• 4242"), "{}", page.body);
    let price = page.between("name=\"price\" value=\"", "\"");
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let bare = buyer.send("POST", "/demo/club/buy", &[kind], format!("price={price}").into_bytes()).await;
    assert_eq!(bare.status, 403);
    let bought = buyer.form("/demo/club/buy", &[("price", &price)]).await;
    assert!(bought.header("location").ends_with("/in"), "{}", bought.header("location"));
    assert_eq!(buyer.get(bought.header("location")).await.header("location"), "/m/demo/live");
    // Somebody without a card is not asked for one of another.
    let mut other = house.signed_in("bob@example.com").await;
    let body = json!({ "price": price, "saved": true }).to_string();
    assert_eq!(other.json("POST", "/api/v1/checkouts", &body).await.code(), "no_card");
    house.close().await;
}

#[actix_web::test]
async fn nothing_is_sold_in_production_without_a_stripe_account() {
    let house = House::open_to_the_public().await;
    assert!(house.app.state.till.is_none() && house.app.sandbox().is_none());
    house.close().await;
}

/// What stopped between two steps of checkout, and the same browser tries again.
async fn stopped_after(step: &str, house: &House) {
    match step {
        "the order was written" => house.app.sandbox().unwrap().faults().refuse(9),
        "the provider made a customer" | "the provider made a payment" => {}
        "the provider's answer was lost" => house.app.sandbox().unwrap().faults().lose_answers(1),
        other => panic!("{other}"),
    }
}

#[actix_web::test]
async fn a_stop_at_any_step_of_checkout_loses_nothing_and_charges_once() {
    let house = House::open().await;
    for (n, step) in [
        "the order was written",
        "the provider made a customer",
        "the provider made a payment",
        "the provider's answer was lost",
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("buyer{n}@example.com");
        let mut buyer = house.browser();
        stopped_after(step, &house).await;
        let first = house.begin(&mut buyer, "/demo/pro", &email).await;
        house.app.sandbox().unwrap().faults().refuse(0);
        // What was not yet written down when it stopped.
        match step {
            "the provider made a customer" => {
                house.sql("DELETE FROM payments").await;
                house.sql("UPDATE orders SET customer = NULL").await;
            }
            "the provider made a payment" => house.sql("DELETE FROM payments").await,
            _ => {}
        }
        let begun = house.begin(&mut buyer, "/demo/pro", &email).await;
        assert_eq!(begun.status, 200, "{step}: {}", begun.body);
        let begun = begun.json();
        if first.status == 200 {
            assert_eq!(first.json()["client_secret"], begun["client_secret"], "{step}: a second payment");
        }
        house.confirm(&begun, PAYS).await.unwrap();
        let order = begun["order"].as_str().unwrap().to_owned();
        // The browser is gone: the webhook brings it.
        until("the webhook", async || house.purchase(&order).await.order.begun()).await;
        assert_eq!(house.purchase(&order).await.order.kept_minor(), 2_900, "{step}");
    }
    let (orders,): (i64,) =
        sqlx::query_as("SELECT COUNT(*) FROM orders").fetch_one(&house.app.state.db.pool).await.unwrap();
    let taken = house.till().stripe.payments_since(0, None).await.unwrap().data;
    let taken = taken.iter().filter(|payment| payment.amount_received > 0).count();
    assert_eq!((orders, taken), (4, 4));
    let (entries,): (i64,) =
        sqlx::query_as("SELECT COUNT(*) FROM ledger_entries").fetch_one(&house.app.state.db.pool).await.unwrap();
    assert_eq!(entries, 4);
    house.close().await;
}

#[actix_web::test]
async fn a_renewal_is_charged_to_the_saved_card_when_it_is_due_and_not_after_cancelling() {
    let house = House::open().await;
    let mut buyer = house.signed_in("ada@example.com").await;
    let order = house.buy(&mut buyer, "/demo/basic", "").await;
    let id = OrderId::parse(&order).unwrap();
    let charge = |held: &store::Purchase| {
        held.order.jobs.iter().find(|job| matches!(job.task, Task::Charge { .. })).map(|job| job.id)
    };
    for paid in [100, 200] {
        until("what was paid", async || house.purchase(&order).await.order.kept_minor() == paid).await;
        // A month passes.
        let job = charge(&house.purchase(&order).await).unwrap();
        order::tell(&house.app.state, &id, Event::Later { job, at: now(&house) }).await.unwrap();
    }
    until("the third month", async || house.purchase(&order).await.order.kept_minor() == 300).await;
    let held = house.purchase(&order).await;
    assert_eq!(held.order.invoices.len(), 4, "the next one waits");
    let until_then = held.order.access().unwrap().until;
    buyer.get(&format!("/orders/{order}")).await;
    assert_eq!(buyer.form(&format!("/orders/{order}/cancel"), &[]).await.status, 303);
    let held = house.purchase(&order).await;
    assert_eq!((charge(&held), held.order.phase(now(&house))), (None, Phase::Cancelled));
    assert!(held.order.access().unwrap().until < until_then, "the grace of a renewal that will not come");
    // Receipts for all three, in the buyer's language.
    until("the letters", async || {
        house.mail.kept().iter().filter(|(_, letter)| letter.subject.starts_with("Paid: Basic")).count() == 3
    })
    .await;
    house.close().await;
}

#[actix_web::test]
async fn webhooks_that_have_to_wait_hold_no_others_up() {
    use backstage::adapters::stripe::webhook::SIGNATURE;
    let house = House::open().await;
    let mut buyer = house.browser();
    let begun = house.begin(&mut buyer, "/demo/pro", "a@example.com").await.json();
    let order = begun["order"].as_str().unwrap().to_owned();
    // Disputes of payments that nobody here knows: what they are about has to be asked, and nobody answers.
    house.app.sandbox().unwrap().faults().refuse(1_000_000);
    let at = now(&house).0 / 1_000;
    let secret = house.till().webhook_secret.expose().to_owned();
    let told = |n: usize, kind: &str, object: serde_json::Value| {
        json!({ "id": format!("evt_{n}"), "type": kind, "created": 1, "data": { "object": object } }).to_string()
    };
    let dispute = |n: usize| {
        let object = json!({ "id": format!("dp_{n}"), "amount": 1, "currency": "usd", "reason": "fraudulent",
                             "status": "needs_response", "payment_intent": format!("pi_unknown{n}") });
        told(n, "charge.dispute.created", object)
    };
    let paid = json!({ "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 2_900,
                       "amount_received": 2_900, "currency": "usd", "payment_method": "pm_1",
                       "metadata": { "order": order, "invoice": "0" } });
    let bodies = (0..70).map(dispute).chain([told(70, "payment_intent.succeeded", paid)]);
    for body in bodies {
        let signed = backstage_media::origin::webhooks::signature(&secret, at, body.as_bytes());
        let answer = buyer.send("POST", "/webhooks/stripe", &[(SIGNATURE, &signed)], body.into_bytes()).await;
        assert_eq!(answer.status, 200);
    }
    let began = Instant::now();
    while !house.purchase(&order).await.order.begun() {
        assert!(began.elapsed() < Duration::from_secs(60), "the payment waits for disputes");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    house.close().await;
}

#[actix_web::test]
async fn what_webhooks_did_not_bring_is_found_by_looking_at_what_happened() {
    let house = House::open().await;
    let sandbox = house.app.sandbox().unwrap();
    sandbox.faults().hold_webhooks(true);
    let mut buyer = house.browser();
    let order = house.buy(&mut buyer, "/demo/pro", "back@example.com").await;
    let mut other = house.browser();
    let begun = house.begin(&mut other, "/demo/pro", "bank@example.com").await.json();
    house.confirm(&begun, DISPUTES).await.unwrap();
    let disputed = begun["order"].as_str().unwrap().to_owned();
    // Given back at the provider's own site.
    let payment = store::payment_of(&house.app.state.db, &OrderId::parse(&order).unwrap(), 0).await.unwrap().unwrap();
    let new = backstage::adapters::stripe::NewRefund { payment, amount: None, reason: None, metadata: [].into() };
    house.till().stripe.refund(&new, "by hand").await.unwrap();
    assert_eq!(house.purchase(&order).await.order.phase(now(&house)), Phase::Active);
    let from = Timestamp(now(&house).0 - 60_000);
    let missed = order::sweep(&house.app.state, house.till(), from).await.unwrap();
    assert!(missed >= 3, "{missed}");
    until("the refund", async || house.purchase(&order).await.order.phase(now(&house)) == Phase::Refunded).await;
    until("the dispute", async || house.purchase(&disputed).await.order.phase(now(&house)) == Phase::Disputed).await;
    assert_eq!(order::sweep(&house.app.state, house.till(), from).await.unwrap(), 0, "once");
    // What comes late after all is known.
    sandbox.faults().hold_webhooks(false);
    sandbox.advance(1);
    house.close().await;
}
