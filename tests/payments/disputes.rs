//! Disputes are decided, and the balance follows the money.

use crate::shop::*;
use backstage::adapters::stripe::NewRefund;
use backstage::adapters::stripe::webhook::Event;
use backstage::sandbox::Settings;

async fn balance(shop: &Shop) -> i64 {
    let url = format!("{}/v1/balance", shop.sandbox.url());
    let response = reqwest::Client::new().get(url).bearer_auth(KEY).send().await.unwrap();
    let said: serde_json::Value = response.json().await.unwrap();
    said["available"][0]["amount"].as_i64().unwrap_or_default()
}

async fn disputed() -> (Shop, Mailbox, String, String) {
    let mailbox = Mailbox::open(0).await;
    let shop = Shop::with(Settings { receiver: Some(mailbox.receiver()), ..settings() }).await;
    let paid = shop.pay(DISPUTES).await.unwrap();
    let mut mailbox = mailbox;
    loop {
        if let Event::DisputeCreated(dispute) = mailbox.next().await.read().event {
            return (shop, mailbox, paid.id, dispute.id);
        }
    }
}

/// The status that the webhook of the decision tells.
async fn decided(mailbox: &mut Mailbox) -> String {
    loop {
        if let Event::DisputeClosed(dispute) = mailbox.next().await.read().event {
            return dispute.status;
        }
    }
}

#[tokio::test]
async fn the_balance_is_what_came_less_what_went_back() {
    let shop = Shop::open().await;
    assert_eq!(balance(&shop).await, 0);
    let paid = shop.pay(PAYS).await.unwrap();
    shop.pay(DECLINES).await.unwrap_err();
    assert_eq!(balance(&shop).await, 1_000);
    let part = NewRefund { payment: paid.id, amount: Some(300), reason: None, metadata: Default::default() };
    shop.stripe.refund(&part, &shop.key()).await.unwrap();
    assert_eq!(balance(&shop).await, 700);
}

#[tokio::test]
async fn a_dispute_that_is_won_brings_the_money_back() {
    let (shop, mut mailbox, paid, dispute) = disputed().await;
    assert_eq!(balance(&shop).await, 0);
    let path = format!("/v1/disputes/{dispute}");
    let evidence = "evidence[uncategorized_text]=winning_evidence".to_owned();
    let (status, said) = shop.post(&path, KEY, evidence.clone()).await;
    assert_eq!((status, said["status"].as_str()), (200, Some("won")), "{said}");
    assert_eq!(decided(&mut mailbox).await, "won");
    assert_eq!(balance(&shop).await, 1_000);
    assert_eq!(shop.post(&path, KEY, evidence).await.0, 400, "it is decided");
    let back = NewRefund { payment: paid, amount: None, reason: None, metadata: Default::default() };
    assert_eq!(shop.stripe.refund(&back, &shop.key()).await.unwrap().amount, 1_000);
    mailbox.close().await;
}

#[tokio::test]
async fn a_dispute_that_is_lost_or_given_up_keeps_the_money_away() {
    for (way, body) in [("", "evidence[uncategorized_text]=losing_evidence"), ("/close", "")] {
        let (shop, mut mailbox, paid, dispute) = disputed().await;
        let (status, said) = shop.post(&format!("/v1/disputes/{dispute}{way}"), KEY, body.into()).await;
        assert_eq!((status, said["status"].as_str()), (200, Some("lost")), "{said}");
        assert_eq!(decided(&mut mailbox).await, "lost");
        assert_eq!(balance(&shop).await, 0);
        let back = NewRefund { payment: paid, amount: None, reason: None, metadata: Default::default() };
        shop.stripe.refund(&back, &shop.key()).await.unwrap_err();
        mailbox.close().await;
    }
}
