//! Webhooks arrive signed, complete and until they are taken.

use crate::shop::*;
use backstage::adapters::stripe::webhook::{Event, Forged, verify};
use backstage::adapters::stripe::{IntentStatus, NewRefund};
use backstage::config::Secret;
use backstage::sandbox::Settings;

async fn shop_and_mailbox(refuses: usize) -> (Shop, Mailbox) {
    let mailbox = Mailbox::open(refuses).await;
    let shop = Shop::with(Settings { receiver: Some(mailbox.receiver()), ..settings() }).await;
    (shop, mailbox)
}

#[tokio::test]
async fn a_payment_is_told_with_a_signature_that_fits() {
    let (shop, mut mailbox) = shop_and_mailbox(0).await;
    let paid = shop.pay(PAYS).await.unwrap();
    let arrival = mailbox.next().await;
    let now_s = shop.sandbox.clock().now_s();
    let secret = Secret::new(WEBHOOK_SECRET);
    assert_eq!(verify(&secret, &arrival.signature, &arrival.body, now_s), Ok(()));
    let forged = verify(&Secret::new("whsec_other"), &arrival.signature, &arrival.body, now_s);
    assert_eq!(forged, Err(Forged::Wrong));
    let changed = String::from_utf8(arrival.body.clone()).unwrap().replace("1000", "9000");
    assert_eq!(verify(&secret, &arrival.signature, changed.as_bytes(), now_s), Err(Forged::Wrong));
    let old = verify(&secret, &arrival.signature, &arrival.body, now_s + 310);
    assert_eq!(old, Err(Forged::OutOfTime));
    let told = arrival.read();
    assert_eq!(told.kind, "payment_intent.succeeded");
    assert_eq!(told.event, Event::PaymentSucceeded(Box::new(paid)));
    mailbox.close().await;
}

#[tokio::test]
async fn each_turn_of_a_payment_is_told() {
    let (shop, mut mailbox) = shop_and_mailbox(0).await;
    shop.pay(DECLINES).await.unwrap_err();
    let told = mailbox.next().await.read();
    let Event::PaymentFailed(payment) = told.event else { panic!("{told:?}") };
    assert_eq!(payment.last_payment_error.unwrap().code.as_deref(), Some("card_declined"));

    let asking = shop.pay(ASKS_ALWAYS).await.unwrap();
    let told = mailbox.next().await.read();
    assert!(matches!(&told.event, Event::PaymentNeedsAction(payment) if payment.id == asking.id), "{told:?}");
    shop.answer(&asking, "complete").await;
    let told = mailbox.next().await.read();
    let Event::PaymentSucceeded(payment) = told.event else { panic!("{told:?}") };
    assert_eq!((payment.status, payment.metadata["order"].as_str()), (IntentStatus::Succeeded, "17"));

    let refund = NewRefund { payment: asking.id, amount: Some(300), reason: None, metadata: Default::default() };
    shop.stripe.refund(&refund, &shop.key()).await.unwrap();
    let told = mailbox.next().await.read();
    let Event::ChargeRefunded(charge) = told.event else { panic!("{told:?}") };
    assert_eq!((charge.amount, charge.amount_refunded, charge.refunded), (1_000, 300, false));
    assert_eq!(charge.payment_intent, Some(refund.payment));
    mailbox.close().await;
}

#[tokio::test]
async fn a_dispute_is_told_after_the_payment() {
    let (shop, mut mailbox) = shop_and_mailbox(0).await;
    let paid = shop.pay(DISPUTES).await.unwrap();
    let mut told = [mailbox.next().await.read(), mailbox.next().await.read()];
    // Sent together, they may arrive in any order; their ids say which was first.
    told.sort_by(|a, b| a.id.cmp(&b.id));
    assert!(matches!(&told[0].event, Event::PaymentSucceeded(_)), "{told:?}");
    let Event::DisputeCreated(dispute) = &told[1].event else { panic!("{told:?}") };
    assert_eq!((dispute.amount, dispute.reason.as_str()), (1_000, "fraudulent"));
    assert_eq!(dispute.payment_intent.as_ref(), Some(&paid.id));
    mailbox.close().await;
}

#[tokio::test]
async fn a_webhook_that_was_refused_comes_again_with_the_same_id() {
    let (shop, mut mailbox) = shop_and_mailbox(2).await;
    shop.pay(PAYS).await.unwrap();
    let first = mailbox.next().await.read();
    shop.sandbox.advance(3_600_000);
    let second = mailbox.next().await.read();
    shop.sandbox.advance(3_600_000);
    assert_eq!(mailbox.next().await.read(), first);
    assert_eq!(second, first);
    mailbox.close().await;
}

#[tokio::test]
async fn webhooks_that_were_not_taken_outlive_a_restart() {
    let folder = std::env::temp_dir().join(format!("backstage-sandbox-{}", uuid::Uuid::new_v4().simple()));
    std::fs::create_dir(&folder).unwrap();
    let mut mailbox = Mailbox::open(1).await;
    let receiver = Some(mailbox.receiver());
    let settings = Settings { receiver, file: Some(folder.join("sandbox.json")), ..settings() };
    let shop = Shop::with(settings.clone()).await;
    shop.pay(PAYS).await.unwrap();
    let first = mailbox.next().await.read();
    shop.sandbox.stop().await;
    let shop = Shop::with(settings).await;
    shop.sandbox.advance(3_600_000);
    assert_eq!(mailbox.next().await.read(), first);
    shop.sandbox.stop().await;
    mailbox.close().await;
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn webhooks_that_were_held_back_come_later() {
    let (shop, mut mailbox) = shop_and_mailbox(0).await;
    shop.sandbox.faults().hold_webhooks(true);
    let paid = shop.pay(PAYS).await.unwrap();
    assert!(mailbox.is_empty());
    shop.sandbox.faults().hold_webhooks(false);
    shop.sandbox.advance(1);
    let told = mailbox.next().await.read();
    assert_eq!(told.event, Event::PaymentSucceeded(Box::new(paid)));
    mailbox.close().await;
}
