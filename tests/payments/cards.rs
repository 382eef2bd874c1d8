//! Each test card does what Stripe says that it does.

use crate::shop::*;
use backstage::adapters::stripe::{IntentStatus, StripeError};

fn declined(error: StripeError) -> (String, Option<String>, Option<String>) {
    match error {
        StripeError::Declined { code, decline_code, intent, .. } => (code, decline_code, intent),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_good_card_pays() {
    let shop = Shop::open().await;
    let paid = shop.pay(PAYS).await.unwrap();
    assert_eq!(paid.status, IntentStatus::Succeeded);
    assert_eq!((paid.amount, paid.amount_received, paid.currency.as_str()), (1_000, 1_000, "usd"));
    assert_eq!(paid.metadata["order"], "17");
    assert!(paid.latest_charge.is_some());
    assert_eq!(shop.stripe.payment(&paid.id).await.unwrap(), paid);
}

#[tokio::test]
async fn a_declined_card_says_so_and_another_card_may_pay() {
    let shop = Shop::open().await;
    let payment = shop.payment().await;
    for (number, why) in [(DECLINES, "generic_decline"), (LACKS_FUNDS, "insufficient_funds")] {
        let method = shop.method(number).await;
        let error = shop.stripe.confirm_payment(&payment.id, &method.id, BACK, &shop.key()).await.unwrap_err();
        let expected = ("card_declined".to_owned(), Some(why.to_owned()), Some(payment.id.clone()));
        assert_eq!(declined(error), expected);
        let after = shop.stripe.payment(&payment.id).await.unwrap();
        assert_eq!(after.status, IntentStatus::RequiresPaymentMethod);
        assert_eq!(after.last_payment_error.unwrap().decline_code.as_deref(), Some(why));
    }
    let good = shop.method(PAYS).await;
    let paid = shop.stripe.confirm_payment(&payment.id, &good.id, BACK, &shop.key()).await.unwrap();
    assert_eq!((paid.status, paid.last_payment_error), (IntentStatus::Succeeded, None));
}

#[tokio::test]
async fn a_card_that_asks_for_its_holder_pays_when_the_holder_agrees() {
    let shop = Shop::open().await;
    for number in [ASKS_UNTIL_SET_UP, ASKS_ALWAYS] {
        let (payment, method) = (shop.payment().await, shop.method(number).await);
        let asking = shop.stripe.confirm_payment(&payment.id, &method.id, BACK, &shop.key()).await.unwrap();
        assert_eq!((asking.status, asking.amount_received), (IntentStatus::RequiresAction, 0));
        let action = asking.next_action.clone().unwrap();
        assert_eq!(action.r#type, "redirect_to_url");
        let page = action.redirect_to_url.unwrap().url.unwrap();
        let page = reqwest::get(page.expose()).await.unwrap();
        assert!(page.text().await.unwrap().contains("No money moves"));
        assert_eq!(shop.answer(&asking, "complete").await.status(), 200);
        assert_eq!(shop.stripe.payment(&payment.id).await.unwrap().status, IntentStatus::Succeeded);
        assert_eq!(shop.answer(&asking, "complete").await.status(), 400, "once");
    }
}

#[tokio::test]
async fn a_holder_who_fails_has_not_paid_and_may_try_again() {
    let shop = Shop::open().await;
    let asking = shop.pay(ASKS_ALWAYS).await.unwrap();
    assert_eq!(shop.answer(&asking, "fail").await.status(), 200);
    let after = shop.stripe.payment(&asking.id).await.unwrap();
    assert_eq!(after.status, IntentStatus::RequiresPaymentMethod);
    let error = after.last_payment_error.unwrap();
    assert_eq!(error.code.as_deref(), Some("payment_intent_authentication_failure"));
    let good = shop.method(PAYS).await;
    let paid = shop.stripe.confirm_payment(&asking.id, &good.id, BACK, &shop.key()).await.unwrap();
    assert_eq!(paid.status, IntentStatus::Succeeded);
}

#[tokio::test]
async fn only_who_has_its_secret_answers_for_a_payment() {
    let shop = Shop::open().await;
    let asking = shop.pay(ASKS_ALWAYS).await.unwrap();
    for secret in ["", "wrong"] {
        assert_eq!(shop.answer_with(&asking.id, secret, "complete").await.status(), 404);
    }
    assert_eq!(shop.stripe.payment(&asking.id).await.unwrap().status, IntentStatus::RequiresAction);
}

#[tokio::test]
async fn a_card_typed_wrong_is_refused_and_so_is_any_real_one() {
    let shop = Shop::open().await;
    let mut wrong = [card("4242424242424241"), card(PAYS), card(PAYS), card(PAYS), card("4111111111111111")];
    wrong[1].exp_month = 13;
    wrong[2].exp_year = 2_020;
    wrong[3].cvc = backstage::config::Secret::new("1");
    let codes = ["incorrect_number", "invalid_expiry_month", "invalid_expiry_year", "invalid_cvc", "card_declined"];
    for (card, code) in wrong.iter().zip(codes) {
        let error = shop.stripe.method_of_card(card, &shop.key()).await.unwrap_err();
        assert_eq!(declined(error).0, code);
    }
}

#[tokio::test]
async fn a_canceled_payment_cannot_be_paid_and_a_paid_one_not_canceled() {
    let shop = Shop::open().await;
    let payment = shop.payment().await;
    let canceled = shop.stripe.cancel_payment(&payment.id, &shop.key()).await.unwrap();
    assert_eq!(canceled.status, IntentStatus::Canceled);
    let method = shop.method(PAYS).await;
    let late = shop.stripe.confirm_payment(&payment.id, &method.id, BACK, &shop.key()).await.unwrap_err();
    let unexpected = |error: &StripeError| matches!(error, StripeError::Rejected { code, .. } if code == "payment_intent_unexpected_state");
    assert!(unexpected(&late), "{late:?}");
    let paid = shop.pay(PAYS).await.unwrap();
    let late = shop.stripe.cancel_payment(&paid.id, &shop.key()).await.unwrap_err();
    assert!(unexpected(&late), "{late:?}");
}

#[tokio::test]
async fn a_holder_in_a_browser_is_sent_back_with_the_outcome() {
    let shop = Shop::open().await;
    for (outcome, status) in [("complete", "succeeded"), ("fail", "failed")] {
        let asking = shop.pay(ASKS_ALWAYS).await.unwrap();
        let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let secret = asking.client_secret.clone().unwrap();
        let request = browser
            .post(format!("{}/sandbox/authenticate/{}", shop.sandbox.url(), asking.id))
            .header("accept", "text/html,*/*;q=0.8")
            .body(format!("client_secret={}&outcome={outcome}", secret.expose()));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 303);
        let back = response.headers()["location"].to_str().unwrap().to_owned();
        assert!(back.starts_with(BACK), "{back}");
        assert!(back.contains(&format!("payment_intent={}", asking.id)), "{back}");
        assert!(back.ends_with(&format!("redirect_status={status}")), "{back}");
    }
}

#[tokio::test]
async fn a_server_that_names_no_way_back_is_refused_as_by_stripe() {
    let shop = Shop::open().await;
    let (payment, method) = (shop.payment().await, shop.method(PAYS).await);
    let confirm = format!("/v1/payment_intents/{}/confirm", payment.id);
    let (status, body) = shop.post(&confirm, KEY, format!("payment_method={}", method.id)).await;
    assert_eq!((status, body["error"]["param"].as_str()), (400, Some("return_url")));
}
