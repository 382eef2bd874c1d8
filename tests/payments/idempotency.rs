//! The same key is the same deed.

use crate::shop::*;
use backstage::adapters::stripe::{IntentStatus, StripeError};

#[tokio::test]
async fn the_same_call_with_the_same_key_is_done_once() {
    let shop = Shop::open().await;
    let first = shop.stripe.create_payment(&usd(1_000), "order 17").await.unwrap();
    let again = shop.stripe.create_payment(&usd(1_000), "order 17").await.unwrap();
    assert_eq!(first, again);
    let method = shop.method(PAYS).await;
    for _ in 0..2 {
        let paid = shop.stripe.confirm_payment(&first.id, &method.id, BACK, "order 17, paid").await.unwrap();
        assert_eq!(paid.status, IntentStatus::Succeeded);
    }
    assert_eq!(shop.stripe.payments_since(0, None).await.unwrap().data.len(), 1);
}

#[tokio::test]
async fn a_decline_is_told_again_under_its_key_and_tried_anew_under_another() {
    let shop = Shop::open().await;
    let (payment, method) = (shop.payment().await, shop.method(DECLINES).await);
    let first = shop.stripe.confirm_payment(&payment.id, &method.id, BACK, "a").await.unwrap_err();
    let charge = shop.stripe.payment(&payment.id).await.unwrap().latest_charge;
    let again = shop.stripe.confirm_payment(&payment.id, &method.id, BACK, "a").await.unwrap_err();
    assert_eq!(first, again);
    assert_eq!(shop.stripe.payment(&payment.id).await.unwrap().latest_charge, charge);
    shop.stripe.confirm_payment(&payment.id, &method.id, BACK, "b").await.unwrap_err();
    assert_ne!(shop.stripe.payment(&payment.id).await.unwrap().latest_charge, charge);
}

#[tokio::test]
async fn a_key_used_for_something_else_is_refused() {
    let shop = Shop::open().await;
    shop.stripe.create_payment(&usd(1_000), "order 17").await.unwrap();
    let other = shop.stripe.create_payment(&usd(2_000), "order 17").await.unwrap_err();
    assert_eq!(other, StripeError::KeyReused);
    let path = shop.stripe.create_customer(&Default::default(), "order 17").await.unwrap_err();
    assert_eq!(path, StripeError::KeyReused);
    assert_eq!(shop.stripe.payments_since(0, None).await.unwrap().data.len(), 1);
}

#[tokio::test]
async fn a_key_is_remembered_for_a_day() {
    let shop = Shop::open().await;
    let first = shop.stripe.create_payment(&usd(1_000), "order 17").await.unwrap();
    shop.sandbox.advance(23 * 60 * 60 * 1_000);
    assert_eq!(shop.stripe.create_payment(&usd(1_000), "order 17").await.unwrap().id, first.id);
    shop.sandbox.advance(2 * 60 * 60 * 1_000);
    assert_ne!(shop.stripe.create_payment(&usd(1_000), "order 17").await.unwrap().id, first.id);
}

#[tokio::test]
async fn a_write_without_a_usable_key_is_not_sent() {
    let shop = Shop::open().await;
    for key in [String::new(), "k".repeat(256)] {
        let error = shop.stripe.create_payment(&usd(1_000), &key).await.unwrap_err();
        assert!(matches!(error, StripeError::Config(_)));
    }
    assert!(shop.stripe.payments_since(0, None).await.unwrap().data.is_empty());
}

#[tokio::test]
async fn two_at_once_under_one_key_are_one_payment() {
    let shop = Shop::open().await;
    let new = usd(1_000);
    let calls = (0..8).map(|_| shop.stripe.create_payment(&new, "order 17"));
    let answers = futures_util::future::join_all(calls).await;
    let first = answers[0].clone().unwrap();
    assert!(answers.into_iter().all(|answer| answer.unwrap() == first));
}
