//! What is refused, what a browser may do, how lists are paged, and what outlives a restart.

use crate::shop::*;
use backstage::adapters::stripe::{Config, IntentStatus, NewPayment, Stripe, StripeError};
use backstage::config::Secret;
use backstage::sandbox::{Sandbox, SandboxError, Settings};

fn rejected(error: StripeError) -> String {
    match error {
        StripeError::Rejected { code, .. } => code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn amounts_and_currencies_that_make_no_sense_are_refused() {
    let shop = Shop::open().await;
    let cases = [
        (-5, "parameter_invalid_integer"),
        (0, "parameter_invalid_integer"),
        (49, "amount_too_small"),
        (100_000_000, "amount_too_large"),
    ];
    for (amount, code) in cases {
        let error = shop.stripe.create_payment(&usd(amount), &shop.key()).await.unwrap_err();
        assert_eq!(rejected(error), code, "{amount}");
    }
    let new = NewPayment { currency: "dollars".into(), ..usd(1_000) };
    let error = shop.stripe.create_payment(&new, &shop.key()).await.unwrap_err();
    assert!(matches!(error, StripeError::Config(_) | StripeError::Rejected { .. }), "{error:?}");
}

#[tokio::test]
async fn a_wrong_key_opens_nothing() {
    let shop = Shop::open().await;
    let stranger = client(&shop.sandbox.url(), "sk_test_other");
    assert_eq!(stranger.create_payment(&usd(1_000), "a").await.unwrap_err(), StripeError::Unauthorized);
    let payment = shop.payment().await;
    assert_eq!(stranger.payment(&payment.id).await.unwrap_err(), StripeError::Unauthorized);
}

#[tokio::test]
async fn the_secret_key_is_taken_as_a_user_name_too() {
    let shop = Shop::open().await;
    let url = format!("{}/v1/payment_intents", shop.sandbox.url());
    let ask = |user: &'static str| reqwest::Client::new().get(&url).basic_auth(user, None::<&str>).send();
    assert_eq!(ask(KEY).await.unwrap().status(), 200);
    assert_eq!(ask("sk_test_other").await.unwrap().status(), 401);
}

#[tokio::test]
async fn what_is_not_there_is_missing_and_no_id_leads_elsewhere() {
    let shop = Shop::open().await;
    for id in ["pi_nothing", "", "../customers", "pi?x=1", "pi/confirm"] {
        assert_eq!(shop.stripe.payment(id).await.unwrap_err(), StripeError::Missing, "{id}");
    }
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_a_plain_wire_is_for_this_machine_only() {
    let shop = Shop::open().await;
    let url = shop.sandbox.url();
    shop.sandbox.stop().await;
    assert_eq!(client(&url, KEY).payment("pi_1").await.unwrap_err(), StripeError::Unreachable);
    for (base_url, key) in [("http://example.com", KEY), ("ftp://127.0.0.1", KEY), ("no address", KEY), (&url, "")] {
        let made = Stripe::new(&Config { base_url: base_url.into(), secret_key: Secret::new(key) });
        assert!(matches!(made, Err(StripeError::Config(_))), "{base_url}");
    }
}

#[tokio::test]
async fn no_secret_is_written_by_debug() {
    let shop = Shop::open().await;
    let payment = shop.payment().await;
    let secret = payment.client_secret.clone().unwrap();
    let config = Config { base_url: shop.sandbox.url(), secret_key: Secret::new(KEY) };
    let texts = [format!("{payment:?}"), format!("{config:?}"), format!("{:?} {:?}", shop.stripe, shop.sandbox)];
    for text in texts {
        assert!(!text.contains(KEY) && !text.contains(secret.expose()), "{text}");
    }
}

#[tokio::test]
async fn a_browser_pays_with_the_secret_of_its_payment_and_sees_no_more() {
    let shop = Shop::open().await;
    let payment = shop.payment().await;
    let card = format!("type=card&card[number]={PAYS}&card[exp_month]=1&card[exp_year]=40&card[cvc]=123");
    let (status, method) = shop.post("/v1/payment_methods", PUBLISHABLE, card).await;
    assert_eq!(status, 200);
    let confirm = format!("/v1/payment_intents/{}/confirm", payment.id);
    let body = |secret: &str| format!("payment_method={}&client_secret={secret}", method["id"].as_str().unwrap());
    assert_eq!(shop.post(&confirm, PUBLISHABLE, body("wrong")).await.0, 401);
    let secret = payment.client_secret.unwrap();
    let (status, shown) = shop.post(&confirm, PUBLISHABLE, body(secret.expose())).await;
    assert_eq!((status, shown["status"].as_str()), (200, Some("succeeded")));
    assert_eq!(shown["metadata"], serde_json::json!({}));
    assert_eq!(shop.stripe.payment(&payment.id).await.unwrap().status, IntentStatus::Succeeded);
    for path in ["/v1/customers", "/v1/refunds", "/v1/payment_intents"] {
        assert_eq!(shop.post(path, PUBLISHABLE, "amount=1000&currency=usd".into()).await.0, 401, "{path}");
    }
}

#[tokio::test]
async fn strange_and_endless_requests_are_refused() {
    let shop = Shop::open().await;
    let (status, body) = shop.post("/v1/customers", KEY, "shoe_size=43".into()).await;
    assert_eq!((status, body["error"]["code"].as_str()), (400, Some("parameter_unknown")));
    assert_eq!(shop.post("/v1/customers", KEY, format!("name={}", "x".repeat(70_000))).await.0, 413);
    let many: String = (0..51).map(|n| format!("metadata[k{n}]=v&")).collect();
    assert_eq!(shop.post("/v1/customers", KEY, many).await.0, 400);
    assert_eq!(shop.post("/v1/balance_transfers", KEY, String::new()).await.0, 404);
}

#[tokio::test]
async fn payments_are_listed_from_a_time_on_in_pages() {
    let shop = Shop::open().await;
    shop.payment().await;
    shop.sandbox.advance(3_600_000);
    let from_s = shop.sandbox.clock().now_s();
    let mut made = vec![];
    for _ in 0..3 {
        made.push(shop.payment().await.id);
    }
    made.reverse();
    let page = shop.stripe.payments_since(from_s, None).await.unwrap();
    assert_eq!(page.data.iter().map(|one| one.id.clone()).collect::<Vec<_>>(), made);
    assert!(!page.has_more);
    let rest = shop.stripe.payments_since(from_s, Some(&made[1])).await.unwrap();
    assert_eq!(rest.data.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), [made[2].as_str()]);
    let url = format!("{}/v1/payment_intents?limit=2", shop.sandbox.url());
    let page = reqwest::Client::new().get(url).bearer_auth(KEY).send().await.unwrap();
    let page: serde_json::Value = page.json().await.unwrap();
    assert_eq!((page["data"].as_array().unwrap().len(), page["has_more"].as_bool()), (2, Some(true)));
}

#[tokio::test]
async fn what_was_answered_is_in_the_file_already() {
    let folder = std::env::temp_dir().join(format!("backstage-sandbox-{}", uuid::Uuid::new_v4().simple()));
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("sandbox.json");
    let shop = Shop::with(Settings { file: Some(file.clone()), ..settings() }).await;
    for _ in 0..5 {
        let paid = shop.pay(PAYS).await.unwrap();
        let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(kept["intents"][&paid.id]["status"], "succeeded");
    }
    drop(shop);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_not_overwritten() {
    let file = std::env::temp_dir().join(format!("backstage-sandbox-{}.json", uuid::Uuid::new_v4().simple()));
    std::fs::write(&file, "{ half").unwrap();
    let started = Sandbox::start(Settings { file: Some(file.clone()), ..settings() }).await;
    assert!(matches!(started, Err(SandboxError::File(..))));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{ half");
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn a_restart_forgets_nothing() {
    let folder = std::env::temp_dir().join(format!("backstage-sandbox-{}", uuid::Uuid::new_v4().simple()));
    std::fs::create_dir(&folder).unwrap();
    let settings = Settings { file: Some(folder.join("sandbox.json")), ..settings() };
    let shop = Shop::with(settings.clone()).await;
    let paid = shop.pay(PAYS).await.unwrap();
    let asking = shop.pay(ASKS_ALWAYS).await.unwrap();
    let once = shop.stripe.create_payment(&usd(1_000), "order 17").await.unwrap();
    shop.sandbox.stop().await;

    let shop = Shop::with(settings).await;
    assert_eq!(shop.stripe.payment(&paid.id).await.unwrap(), paid);
    assert_eq!(shop.answer(&asking, "complete").await.status(), 200);
    assert_eq!(shop.stripe.create_payment(&usd(1_000), "order 17").await.unwrap().id, once.id);
    assert!(shop.stripe.create_payment(&usd(1_000), "order 18").await.unwrap().id > once.id);
    shop.sandbox.stop().await;
    let kept = std::fs::read_to_string(folder.join("sandbox.json")).unwrap();
    assert!(!kept.contains(PAYS), "no card number is written");
    std::fs::remove_dir_all(folder).unwrap();
}
