//! The sandbox's objects are complete in the eyes of async-stripe's strict readers.

use crate::shop::*;
use backstage::adapters::stripe::{Metadata, NewPayment};
use stripe_core::customer::RetrieveCustomer;
use stripe_core::payment_intent::{ListPaymentIntent, RetrievePaymentIntent};
use stripe_core::refund::RetrieveRefund;
use stripe_core::setup_intent::RetrieveSetupIntent;
use stripe_payment::payment_method::RetrievePaymentMethod;

#[tokio::test]
async fn every_object_is_read_by_a_strict_reader() {
    let shop = Shop::open().await;
    let strict = stripe::ClientBuilder::new(KEY).url(format!("{}/", shop.sandbox.url())).build().unwrap();
    let customer = shop.customer().await;
    let read = RetrieveCustomer::new(customer.as_str()).send(&strict).await.unwrap();
    drop(read);
    let method = shop.method(PAYS).await;
    RetrievePaymentMethod::new(method.id.as_str()).send(&strict).await.unwrap();
    let setup = shop.stripe.create_setup(&customer, &Metadata::new(), &shop.key()).await.unwrap();
    shop.stripe.confirm_setup(&setup.id, &method.id, BACK, &shop.key()).await.unwrap();
    RetrieveSetupIntent::new(setup.id.as_str()).send(&strict).await.unwrap();
    let new = NewPayment { customer: Some(customer), ..usd(1_000) };
    let paid = shop.stripe.charge_saved(&new, &method.id, &shop.key()).await.unwrap();
    RetrievePaymentIntent::new(paid.id.as_str()).expand(vec![]).send(&strict).await.unwrap();
    let refund = backstage::adapters::stripe::NewRefund {
        payment: paid.id,
        amount: None,
        reason: None,
        metadata: Metadata::new(),
    };
    let refund = shop.stripe.refund(&refund, &shop.key()).await.unwrap();
    RetrieveRefund::new(refund.id.as_str()).send(&strict).await.unwrap();
    shop.pay(DECLINES).await.unwrap_err();
    shop.pay(ASKS_ALWAYS).await.unwrap();
    let asking = shop.payment().await;
    let asks = shop.method(ASKS_ALWAYS).await;
    shop.stripe.confirm_payment(&asking.id, &asks.id, BACK, &shop.key()).await.unwrap();
    let all = ListPaymentIntent::new().send(&strict).await.unwrap();
    assert_eq!(all.data.len(), 4);
}

#[tokio::test]
async fn charges_disputes_and_events_are_read_by_a_strict_reader() {
    let shop = Shop::open().await;
    shop.pay(DISPUTES).await.unwrap();
    shop.pay(LACKS_FUNDS).await.unwrap_err();
    let url = format!("{}/v1/events", shop.sandbox.url());
    let events = reqwest::Client::new().get(url).bearer_auth(KEY).send().await.unwrap();
    let events: serde_json::Value = events.json().await.unwrap();
    let mut kinds = vec![];
    for event in events["data"].as_array().unwrap() {
        kinds.push(event["type"].as_str().unwrap().to_owned());
        let _: stripe_shared::Event = miniserde::json::from_str(&event.to_string()).expect("an event");
        let object = &event["data"]["object"];
        match object["object"].as_str().unwrap() {
            "dispute" => {
                let _: stripe_shared::Dispute = miniserde::json::from_str(&object.to_string()).expect("a dispute");
            }
            _ => {
                let charge = object["latest_charge"].as_str().unwrap();
                let url = format!("{}/v1/charges/{charge}", shop.sandbox.url());
                let charge = reqwest::Client::new().get(url).bearer_auth(KEY).send().await.unwrap();
                let charge = charge.text().await.unwrap();
                let _: stripe_shared::Charge = miniserde::json::from_str(&charge).expect("a charge");
            }
        }
    }
    let expected = ["payment_intent.payment_failed", "charge.dispute.created", "payment_intent.succeeded"];
    assert_eq!(kinds, expected);
}
