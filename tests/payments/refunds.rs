//! Money goes back once, and no more of it than came.

use crate::shop::*;
use backstage::adapters::stripe::{Metadata, NewRefund, Reason, StripeError};

fn some(payment: &str, amount: Option<i64>) -> NewRefund {
    NewRefund { payment: payment.into(), amount, reason: Some(Reason::Requested), metadata: Metadata::new() }
}

fn rejected(error: StripeError) -> String {
    match error {
        StripeError::Rejected { code, param, .. } if code.is_empty() => param.unwrap_or_default(),
        StripeError::Rejected { code, .. } => code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_payment_is_given_back_in_full() {
    let shop = Shop::open().await;
    let paid = shop.pay(PAYS).await.unwrap();
    let refund = shop.stripe.refund(&some(&paid.id, None), &shop.key()).await.unwrap();
    assert_eq!((refund.amount, refund.status.as_deref()), (1_000, Some("succeeded")));
    assert_eq!(refund.payment_intent.as_deref(), Some(paid.id.as_str()));
    let again = shop.stripe.refund(&some(&paid.id, None), &shop.key()).await.unwrap_err();
    assert_eq!(rejected(again), "charge_already_refunded");
}

#[tokio::test]
async fn parts_are_given_back_until_nothing_is_left() {
    let shop = Shop::open().await;
    let paid = shop.pay(PAYS).await.unwrap();
    shop.stripe.refund(&some(&paid.id, Some(300)), &shop.key()).await.unwrap();
    let too_much = shop.stripe.refund(&some(&paid.id, Some(701)), &shop.key()).await.unwrap_err();
    assert_eq!(rejected(too_much), "amount");
    let rest = shop.stripe.refund(&some(&paid.id, None), &shop.key()).await.unwrap();
    assert_eq!(rest.amount, 700);
    let amounts: Vec<i64> = shop.stripe.refunds_of(&paid.id).await.unwrap().iter().map(|one| one.amount).collect();
    assert_eq!(amounts, [700, 300]);
}

#[tokio::test]
async fn a_refund_under_one_key_is_given_once() {
    let shop = Shop::open().await;
    let paid = shop.pay(PAYS).await.unwrap();
    let first = shop.stripe.refund(&some(&paid.id, Some(300)), "refund 1").await.unwrap();
    assert_eq!(shop.stripe.refund(&some(&paid.id, Some(300)), "refund 1").await.unwrap(), first);
    assert_eq!(shop.stripe.refunds_of(&paid.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_never_paid_or_is_disputed_is_not_given_back() {
    let shop = Shop::open().await;
    let payment = shop.payment().await;
    let unpaid = shop.stripe.refund(&some(&payment.id, None), &shop.key()).await.unwrap_err();
    assert_eq!(rejected(unpaid), "payment_intent_unexpected_state");
    let disputed = shop.pay(DISPUTES).await.unwrap();
    let error = shop.stripe.refund(&some(&disputed.id, None), &shop.key()).await.unwrap_err();
    assert_eq!(rejected(error), "charge_disputed");
    let nothing = shop.stripe.refund(&some("pi_nothing", None), &shop.key()).await.unwrap_err();
    assert_eq!(nothing, StripeError::Missing);
}

#[tokio::test]
async fn nothing_less_than_nothing_is_given_back() {
    let shop = Shop::open().await;
    let paid = shop.pay(PAYS).await.unwrap();
    for amount in [0, -5] {
        let error = shop.stripe.refund(&some(&paid.id, Some(amount)), &shop.key()).await.unwrap_err();
        assert_eq!(rejected(error), "parameter_invalid_integer");
    }
}
