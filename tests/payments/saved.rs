//! Saved cards: by a payment or without one, charged later, forgotten.

use crate::shop::*;
use backstage::adapters::stripe::{IntentStatus, Metadata, NewPayment, StripeError};

/// A customer with this card, saved by a setup; the holder agreed if the card asked.
async fn saved(shop: &Shop, number: &str) -> (String, String) {
    let (customer, method) = (shop.customer().await, shop.method(number).await);
    let setup = shop.stripe.create_setup(&customer, &Metadata::new(), &shop.key()).await.unwrap();
    assert_eq!(setup.status, IntentStatus::RequiresPaymentMethod);
    let setup = shop.stripe.confirm_setup(&setup.id, &method.id, BACK, &shop.key()).await.unwrap();
    if setup.status == IntentStatus::RequiresAction {
        let secret = setup.client_secret.unwrap();
        assert_eq!(shop.answer_with(&setup.id, secret.expose(), "complete").await.status(), 200);
    }
    assert_eq!(shop.stripe.setup(&setup.id).await.unwrap().status, IntentStatus::Succeeded);
    (customer, method.id)
}

fn of(customer: &str) -> NewPayment {
    NewPayment { customer: Some(customer.into()), ..usd(500) }
}

#[tokio::test]
async fn a_saved_card_is_charged_without_its_holder() {
    let shop = Shop::open().await;
    for number in [PAYS, ASKS_UNTIL_SET_UP] {
        let (customer, method) = saved(&shop, number).await;
        for _ in 0..2 {
            let paid = shop.stripe.charge_saved(&of(&customer), &method, &shop.key()).await.unwrap();
            assert_eq!(paid.status, IntentStatus::Succeeded, "{number}");
        }
    }
}

#[tokio::test]
async fn a_card_that_always_asks_waits_for_its_holder() {
    let shop = Shop::open().await;
    let (customer, method) = saved(&shop, ASKS_ALWAYS).await;
    let error = shop.stripe.charge_saved(&of(&customer), &method, &shop.key()).await.unwrap_err();
    let StripeError::NeedsAction { intent: Some(intent) } = error else { panic!("{error:?}") };
    let asking = shop.stripe.confirm_payment(&intent, &method, BACK, &shop.key()).await.unwrap();
    assert_eq!(asking.status, IntentStatus::RequiresAction);
    assert_eq!(shop.answer(&asking, "complete").await.status(), 200);
    assert_eq!(shop.stripe.payment(&intent).await.unwrap().status, IntentStatus::Succeeded);
}

#[tokio::test]
async fn a_saved_card_without_money_is_declined() {
    let shop = Shop::open().await;
    let (customer, method) = saved(&shop, "4000000000000341").await;
    let error = shop.stripe.charge_saved(&of(&customer), &method, &shop.key()).await.unwrap_err();
    assert!(matches!(error, StripeError::Declined { intent: Some(_), .. }), "{error:?}");
}

#[tokio::test]
async fn a_declined_card_is_not_saved() {
    let shop = Shop::open().await;
    let (customer, method) = (shop.customer().await, shop.method(DECLINES).await);
    let setup = shop.stripe.create_setup(&customer, &Metadata::new(), &shop.key()).await.unwrap();
    let error = shop.stripe.confirm_setup(&setup.id, &method.id, BACK, &shop.key()).await.unwrap_err();
    assert!(matches!(&error, StripeError::Declined { intent, .. } if *intent == Some(setup.id)), "{error:?}");
    assert!(shop.stripe.saved_methods(&customer).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_payment_saves_its_card_if_it_is_to_and_not_otherwise() {
    let shop = Shop::open().await;
    let customer = shop.customer().await;
    for save_card in [false, true] {
        let new = NewPayment { save_card, ..of(&customer) };
        let payment = shop.stripe.create_payment(&new, &shop.key()).await.unwrap();
        let method = shop.method(PAYS).await;
        shop.stripe.confirm_payment(&payment.id, &method.id, BACK, &shop.key()).await.unwrap();
        let kept: Vec<String> =
            shop.stripe.saved_methods(&customer).await.unwrap().into_iter().map(|one| one.id).collect();
        assert_eq!(kept, if save_card { vec![method.id.clone()] } else { vec![] });
        let later = shop.stripe.charge_saved(&of(&customer), &method.id, &shop.key()).await;
        assert_eq!(later.is_ok(), save_card);
    }
}

#[tokio::test]
async fn a_card_is_charged_for_its_owner_only() {
    let shop = Shop::open().await;
    let (_, method) = saved(&shop, PAYS).await;
    let stranger = shop.customer().await;
    let error = shop.stripe.charge_saved(&of(&stranger), &method, &shop.key()).await.unwrap_err();
    assert!(matches!(error, StripeError::Rejected { .. }), "{error:?}");
}

#[tokio::test]
async fn a_forgotten_card_is_charged_no_more() {
    let shop = Shop::open().await;
    let (customer, method) = saved(&shop, PAYS).await;
    let forgotten = shop.stripe.forget_method(&method, &shop.key()).await.unwrap();
    assert_eq!(forgotten.customer, None);
    assert!(shop.stripe.saved_methods(&customer).await.unwrap().is_empty());
    let error = shop.stripe.charge_saved(&of(&customer), &method, &shop.key()).await.unwrap_err();
    assert!(matches!(error, StripeError::Rejected { .. }), "{error:?}");
}
