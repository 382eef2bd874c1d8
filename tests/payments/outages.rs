//! What the client does when Stripe is in trouble.

use crate::shop::*;
use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use backstage::adapters::stripe::{IntentStatus, Metadata, NewRefund, StripeError, TRIES_MAX};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;

/// A Stripe that answers with this status so many times, and then with a customer. Tells the keys that it sees.
fn troubled(status: u16, times: usize, body: &'static str) -> (String, mpsc::UnboundedReceiver<String>) {
    let (told, keys) = mpsc::unbounded_channel();
    let left = Arc::new(AtomicUsize::new(times));
    let server = HttpServer::new(move || {
        let (told, left) = (told.clone(), left.clone());
        App::new().default_service(web::to(move |request: HttpRequest| {
            let key = request.headers().get("idempotency-key").map(|key| key.to_str().unwrap().to_owned());
            told.send(key.unwrap_or_default()).unwrap();
            let fails = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
            async move {
                match fails {
                    true => HttpResponse::build(StatusCode::from_u16(status).unwrap()).body(body),
                    false => HttpResponse::Ok().body(r#"{"id":"cus_1","object":"customer","new_field":[1]}"#),
                }
            }
        }))
    })
    .workers(1)
    .disable_signals()
    .bind("127.0.0.1:0")
    .unwrap();
    let url = format!("http://{}", server.addrs()[0]);
    tokio::spawn(server.run());
    (url, keys)
}

const TROUBLE: &str = r#"{"error":{"type":"api_error","message":"later"}}"#;

#[tokio::test]
async fn a_write_is_sent_again_under_its_key_until_it_is_answered() {
    for (status, body) in [(503, TROUBLE), (429, TROUBLE), (502, "<h1>Bad gateway</h1>")] {
        let (url, mut keys) = troubled(status, 2, body);
        let made = client(&url, KEY).create_customer(&Default::default(), "person 5").await.unwrap();
        assert_eq!(made.id, "cus_1");
        for _ in 0..3 {
            assert_eq!(keys.recv().await.unwrap(), "person 5");
        }
        assert!(keys.try_recv().is_err());
    }
}

#[tokio::test]
async fn a_call_is_not_sent_for_ever() {
    let (url, mut keys) = troubled(503, usize::MAX, TROUBLE);
    let error = client(&url, KEY).create_customer(&Default::default(), "person 5").await.unwrap_err();
    assert_eq!(error, StripeError::Busy(503));
    assert!(error.may_pass());
    let mut sent = 0;
    while keys.try_recv().is_ok() {
        sent += 1;
    }
    assert_eq!(sent, TRIES_MAX);
}

#[tokio::test]
async fn what_was_refused_is_not_sent_again() {
    let refused = r#"{"error":{"type":"invalid_request_error","message":"no","param":"email"}}"#;
    let (url, mut keys) = troubled(400, usize::MAX, refused);
    let error = client(&url, KEY).create_customer(&Default::default(), "person 5").await.unwrap_err();
    assert!(matches!(&error, StripeError::Rejected { param: Some(param), .. } if param == "email"), "{error:?}");
    assert!(keys.recv().await.is_some() && keys.try_recv().is_err());
}

#[tokio::test]
async fn an_answer_that_was_lost_is_told_again_and_nothing_is_done_twice() {
    let shop = Shop::open().await;
    let (payment, method) = (shop.payment().await, shop.method(PAYS).await);
    shop.sandbox.faults().lose_answers(1);
    let paid = shop.stripe.confirm_payment(&payment.id, &method.id, BACK, "pay").await.unwrap();
    assert_eq!(paid.status, IntentStatus::Succeeded);
    let refund = NewRefund { payment: payment.id.clone(), amount: Some(300), reason: None, metadata: Metadata::new() };
    shop.sandbox.faults().lose_answers(TRIES_MAX as usize);
    let error = shop.stripe.refund(&refund, "back").await.unwrap_err();
    assert_eq!(error, StripeError::Unreachable);
    let refunded = shop.stripe.refund(&refund, "back").await.unwrap();
    assert_eq!(shop.stripe.refunds_of(&payment.id).await.unwrap(), [refunded]);
}

#[tokio::test]
async fn a_sandbox_in_trouble_does_nothing() {
    let shop = Shop::open().await;
    shop.sandbox.faults().refuse(TRIES_MAX as usize);
    assert_eq!(shop.stripe.create_payment(&usd(1_000), "a").await.unwrap_err(), StripeError::Busy(503));
    assert!(shop.stripe.payments_since(0, None).await.unwrap().data.is_empty());
}

#[tokio::test]
async fn two_at_once_take_and_give_the_money_once() {
    let shop = Shop::open().await;
    let (payment, method) = (shop.payment().await, shop.method(PAYS).await);
    let pay = |key| shop.stripe.confirm_payment(&payment.id, &method.id, BACK, key);
    let (a, b) = tokio::join!(pay("a"), pay("b"));
    assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
    let refund = NewRefund { payment: payment.id.clone(), amount: Some(600), reason: None, metadata: Metadata::new() };
    let (a, b) = tokio::join!(shop.stripe.refund(&refund, "c"), shop.stripe.refund(&refund, "d"));
    assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
}

#[tokio::test]
async fn a_decline_is_understood_however_little_is_said_with_it() {
    let declined = r#"{"error":{"type":"card_error","code":"card_declined","payment_intent":{"id":"pi_1","new":{}}}}"#;
    let (url, mut keys) = troubled(402, usize::MAX, declined);
    let error = client(&url, KEY).create_payment(&usd(1_000), "order 17").await.unwrap_err();
    let StripeError::Declined { code, intent, .. } = &error else { panic!("{error:?}") };
    assert_eq!((code.as_str(), intent.as_deref()), ("card_declined", Some("pi_1")));
    assert!(!error.may_pass() && keys.recv().await.is_some() && keys.try_recv().is_err());
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_repeats_nothing_of_it() {
    let (url, _keys) = troubled(200, usize::MAX, r#"{"id":7,"client_secret":"pi_1_secret_x"}"#);
    let error = client(&url, KEY).create_payment(&usd(1_000), "order 17").await.unwrap_err();
    assert!(matches!(error, StripeError::Unclear(_)) && !format!("{error} {error:?}").contains("secret"), "{error:?}");
}
