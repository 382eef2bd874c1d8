//! Each request that we send, checked by Stripe's own description of its API: stripe-mock
//! (<https://github.com/stripe/stripe-mock>) refuses what it does not describe, and answers with Stripe's own examples,
//! which our reader has to understand.

use crate::shop::{BACK, PAYS, card, client, usd};
use crate::support::temp::TempDir;
use backstage::adapters::stripe::{Metadata, NewCustomer, NewPayment, NewRefund, Reason, Stripe};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// `BACKSTAGE_STRIPE_MOCK`, or `stripe-mock` in `PATH`.
struct Mock {
    child: Child,
    url: String,
    _folder: TempDir,
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Mock {
    fn start() -> Mock {
        let folder = TempDir::new("stripe-mock");
        let program = std::env::var_os("BACKSTAGE_STRIPE_MOCK").unwrap_or("stripe-mock".into());
        let mut child = Command::new(&program)
            .args(["-http-addr", "127.0.0.1:", "-https-unix"])
            .arg(folder.path().join("https"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}; bin/setup installs it", program.display()));
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = loop {
            let line = said.next().expect("it ended").unwrap();
            if let Some(address) = line.strip_prefix("Listening for HTTP at address: ") {
                break address.to_owned();
            }
        };
        // What it says later is let go, so that it never waits for a reader.
        std::thread::spawn(move || said.for_each(drop));
        Mock { child, url: format!("http://{address}"), _folder: folder }
    }

    fn client(&self) -> Stripe {
        client(&self.url, "sk_test_mock")
    }
}

#[tokio::test]
async fn every_request_that_we_send_is_one_that_stripe_describes() {
    let mock = Mock::start();
    let stripe = mock.client();
    let metadata = Metadata::from([("order".to_owned(), "17".to_owned())]);
    let new = NewCustomer {
        email: Some("ada@example.com".into()),
        phone: Some("+34600123456".into()),
        name: Some("Ada".into()),
        metadata: metadata.clone(),
    };
    let customer = stripe.create_customer(&new, "customer").await.unwrap().id;
    stripe.saved_methods(&customer).await.unwrap();
    let method = stripe.method_of_card(&card(PAYS), "card").await.unwrap().id;
    stripe.forget_method(&method, "forget").await.unwrap();

    let whole = NewPayment {
        customer: Some(customer.clone()),
        save_card: true,
        description: Some("Order 17".into()),
        receipt_to: Some("ada@example.com".into()),
        methods: backstage::price::METHODS.map(str::to_owned).to_vec(),
        ..usd(1_000)
    };
    let payment = stripe.create_payment(&whole, "payment").await.unwrap().id;
    stripe.create_payment(&usd(1_000), "bare payment").await.unwrap();
    stripe.confirm_payment(&payment, &method, BACK, "confirm").await.unwrap();
    let later = NewPayment { customer: Some(customer.clone()), ..usd(1_000) };
    stripe.charge_saved(&later, &method, "charge").await.unwrap();
    stripe.payment(&payment).await.unwrap();
    stripe.payments_of(&customer).await.unwrap();
    stripe.payments_since(1_800_000_000, None).await.unwrap();
    stripe.payments_since(1_800_000_000, Some(&payment)).await.unwrap();
    stripe.cancel_payment(&payment, "cancel").await.unwrap();

    stripe.events_since(1_800_000_000, &["charge.refunded", "charge.dispute.created"], None).await.unwrap();
    stripe.events_since(1_800_000_000, &["charge.refunded"], Some("evt_1")).await.unwrap();

    let setup = stripe.create_setup(&customer, &metadata, "setup").await.unwrap().id;
    stripe.confirm_setup(&setup, &method, BACK, "confirm setup").await.unwrap();
    stripe.setup(&setup).await.unwrap();

    for (n, reason) in [None, Some(Reason::Requested), Some(Reason::Duplicate)].into_iter().enumerate() {
        let amount = reason.map(|_| 300);
        let refund = NewRefund { payment: payment.clone(), amount, reason, metadata: metadata.clone() };
        stripe.refund(&refund, &format!("refund {n}")).await.unwrap();
    }
    stripe.refunds_of(&payment).await.unwrap();
}

#[tokio::test]
async fn the_check_refuses_what_stripe_does_not_describe() {
    let mock = Mock::start();
    for (path, body) in
        [("payment_intents", "amount=1000"), ("refunds", "payment_intent=pi_1&ammount=3"), ("nothing", "")]
    {
        let request = reqwest::Client::new().post(format!("{}/v1/{path}", mock.url)).bearer_auth("sk_test_mock");
        let status = request
            .body(body)
            .header("content-type", "application/x-www-form-urlencoded")
            .send()
            .await
            .unwrap()
            .status();
        assert!([400, 404].contains(&status.as_u16()), "{path} {body}: {status}");
    }
}
