//! Ten thousand webhooks of payments: three of ten come twice, three of ten late, forged ones among them. What is left is
//! as if each had come once and in order.

use crate::house::House;
use backstage::adapters::stripe::webhook::SIGNATURE;
use backstage::order::store::{self, NewPurchase, Provider};
use backstage::world::SystemClock;
use backstage::{order, price};
use backstage_actors::ports::Clock;
use backstage_core::Timestamp;
use backstage_core::order::{Invoice, Phase};
use backstage_core::pass::Stock;
use backstage_media::origin::webhooks::signature;
use futures_util::StreamExt;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const ORDERS: usize = 1_700;
const WEBHOOKS: usize = 10_000;

/// What happens to the `n`-th order, in order.
fn story(n: usize, order: &str) -> Vec<(&'static str, Value)> {
    let metadata = json!({ "order": order, "invoice": "0" });
    let intent = format!("pi_{n}");
    let paid = json!({ "id": intent, "status": "succeeded", "amount": 2_900, "amount_received": 2_900, "currency": "usd",
                       "payment_method": "pm_1", "metadata": metadata });
    let failed = json!({ "id": intent, "status": "requires_payment_method", "amount": 2_900, "currency": "usd",
                         "metadata": metadata });
    let refunded = |total: i64| {
        (
            "charge.refunded",
            json!({ "id": format!("ch_{n}"), "amount": 2_900, "amount_refunded": total, "currency": "usd",
                                    "payment_intent": intent, "metadata": metadata }),
        )
    };
    let dispute = |status: &str| {
        json!({ "id": format!("dp_{n}"), "amount": 2_900, "currency": "usd", "reason": "fraudulent", "status": status,
                "payment_intent": intent })
    };
    let mut told = vec![("payment_intent.payment_failed", failed), ("payment_intent.succeeded", paid)];
    match n % 5 {
        0 => told.extend([refunded(100), refunded(2_900)]),
        1 => told.extend([refunded(100), refunded(200), refunded(300)]),
        2 => told
            .extend([("charge.dispute.created", dispute("needs_response")), ("charge.dispute.closed", dispute("won"))]),
        3 => told.extend([
            ("charge.dispute.created", dispute("needs_response")),
            ("charge.dispute.closed", dispute("lost")),
        ]),
        _ => {}
    }
    told
}

/// What is left of an order: where it stands, and what happened to its money.
type Left = (Phase, Vec<Invoice>, bool);

struct End {
    orders: BTreeMap<usize, Left>,
    balances: Vec<(String, String, i64)>,
    stock: Stock,
}

async fn shop(house: &House) -> Vec<String> {
    let state = &house.app.state;
    let space = state.store.find_space("demo").await.unwrap().unwrap().state.id;
    let shelf = price::store::shelf(&state.db, &space).await.unwrap();
    let offer = shelf.offers.iter().find(|offer| offer.stock.total == Some(100)).unwrap();
    sqlx::query("UPDATE stocks SET total = 100000").execute(&state.db.pool).await.unwrap();
    let mut orders = vec![];
    for n in 0..ORDERS {
        let new = NewPurchase {
            id: state.ids.next().parse().unwrap(),
            offer,
            user: None,
            contact: &backstage::user::Contact::Email(format!("buyer{n}@example.com")),
            browser: &format!("browser{n}"),
            provider: Provider::Sandbox,
            customer: None,
            answers: &[],
            platform_fee_bp: 250,
        };
        let held = store::open(&state.db, &new, state.clock.now()).await.unwrap();
        store::note_payment(&state.db, &format!("pi_{n}"), &held.order.id, 0).await.unwrap();
        orders.push(held.order.id.to_string());
    }
    orders
}

async fn end(house: &House, orders: &[String]) -> End {
    let state = &house.app.state;
    let mut left = BTreeMap::new();
    let mut line = None;
    for (n, id) in orders.iter().enumerate() {
        let held = house.purchase(id).await;
        let phase = held.order.phase(SystemClock.now());
        // The two worlds opened their orders at different times.
        let mut invoices = held.order.invoices.clone();
        invoices.iter_mut().for_each(|invoice| invoice.due_at = Timestamp(0));
        left.insert(n, (phase, invoices, held.order.access().is_some()));
        line = Some(held.price);
    }
    let stock = price::store::by_id(&state.db, &line.unwrap()).await.unwrap().unwrap().stock;
    End { orders: left, balances: store::balances(&state.db, None).await.unwrap(), stock }
}

fn envelope(id: &str, kind: &str, object: &Value) -> String {
    json!({ "id": id, "type": kind, "created": 1, "data": { "object": object } }).to_string()
}

#[actix_web::test]
async fn ten_thousand_webhooks_repeated_late_and_forged_end_as_in_order() {
    let house = House::open().await;
    let state = &house.app.state;
    let secret = house.till().webhook_secret.expose().to_owned();
    let mut dice = StdRng::seed_from_u64(7);
    let (stormy, calm) = (shop(&house).await, House::open().await);
    let calm_orders = shop(&calm).await;

    // In order, once each.
    for (n, id) in calm_orders.iter().enumerate() {
        for (kind, object) in story(n, id) {
            let said = backstage::adapters::stripe::webhook::parse(envelope("evt", kind, &object).as_bytes()).unwrap();
            order::apply(&calm.app.state, calm.till(), &said.event).await.unwrap();
        }
    }

    let mut bodies: Vec<(String, bool)> = vec![];
    for (n, id) in stormy.iter().enumerate() {
        for (place, (kind, object)) in story(n, id).iter().enumerate() {
            bodies.push((envelope(&format!("evt_{n}_{place}"), kind, object), true));
        }
    }
    // Three of ten come twice; the forged ones fill up to ten thousand.
    for n in 0..bodies.len() {
        if dice.random_ratio(3, 10) {
            bodies.push(bodies[n].clone());
        }
    }
    let mut forged = 0;
    while bodies.len() < WEBHOOKS {
        let victim = dice.random_range(0..ORDERS);
        let (kind, object) = &story(victim, &stormy[victim])[1];
        bodies.push((envelope(&format!("evt_forged_{forged}"), kind, object), false));
        forged += 1;
    }
    assert!(forged > 100, "{forged}");
    // Three of ten come at another time.
    for n in 0..bodies.len() {
        if dice.random_ratio(3, 10) {
            let other = dice.random_range(0..bodies.len());
            bodies.swap(n, other);
        }
    }
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/webhooks/stripe", house.app.address);
    let at = SystemClock.now().0 / 1_000;
    let send = |(body, right): (String, bool)| {
        let key = if right { secret.as_str() } else { "whsec_of_somebody_else" };
        let signed = signature(key, at, body.as_bytes());
        let request = http.post(&url).header(SIGNATURE, signed).body(body);
        async move { (request.send().await.unwrap().status().as_u16(), right) }
    };
    let answers: Vec<(u16, bool)> = futures_util::stream::iter(bodies).map(send).buffer_unordered(16).collect().await;
    let taken = answers.iter().filter(|(status, right)| *right && *status == 200).count();
    assert_eq!(taken + forged, answers.len());
    assert_eq!(answers.iter().filter(|(status, right)| !*right && *status == 401).count(), forged);

    let began = Instant::now();
    loop {
        use backstage_actors::ports::Store;
        if state.store.unsettled_inbox(order::KEY_PREFIX, 1).await.unwrap().is_empty() {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "the inbox is not worked off");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (stormy, calm_end) = (end(&house, &stormy).await, end(&calm, &calm_orders).await);
    for (n, left) in &calm_end.orders {
        assert_eq!(&stormy.orders[n], left, "order {n}");
    }
    assert_eq!((stormy.balances, stormy.stock), (calm_end.balances.clone(), calm_end.stock));
    assert_eq!(calm_end.balances.iter().map(|(_, _, minor)| minor).sum::<i64>(), 0);
    house.close().await;
    calm.close().await;
}
