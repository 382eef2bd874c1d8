//! What most tests begin with: a sandbox and a client of it.

pub use crate::support::mailbox::{Mailbox, WEBHOOK_SECRET};
use backstage::adapters::stripe::{
    Config, Metadata, NewCustomer, NewPayment, PaymentIntent, PaymentMethod, Stripe, StripeError, TestCard,
};
use backstage::config::Secret;
use backstage::sandbox::{Sandbox, Settings};
use std::sync::atomic::{AtomicUsize, Ordering};

pub const KEY: &str = "sk_test_sandbox";
pub const PUBLISHABLE: &str = "pk_test_sandbox";

/// Where holders come back to.
pub const BACK: &str = "https://shop.example/back?order=17";

pub const PAYS: &str = "4242424242424242";
pub const DECLINES: &str = "4000000000000002";
pub const LACKS_FUNDS: &str = "4000000000009995";
pub const ASKS_UNTIL_SET_UP: &str = "4000002500003155";
pub const ASKS_ALWAYS: &str = "4000002760003184";
pub const DISPUTES: &str = "4000000000000259";

/// A sandbox and a client.
pub struct Shop {
    pub sandbox: Sandbox,
    pub stripe: Stripe,
    keys: AtomicUsize,
}

pub fn settings() -> Settings {
    Settings { publishable_key: PUBLISHABLE.into(), ..Settings::local(Secret::new(KEY)) }
}

pub fn client(url: &str, key: &str) -> Stripe {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Stripe::new(&Config { base_url: url.into(), secret_key: Secret::new(key) }).unwrap()
}

impl Shop {
    pub async fn open() -> Shop {
        Shop::with(settings()).await
    }

    pub async fn with(settings: Settings) -> Shop {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let sandbox = Sandbox::start(settings).await.unwrap();
        let stripe = client(&sandbox.url(), KEY);
        Shop { sandbox, stripe, keys: AtomicUsize::new(0) }
    }

    /// An idempotency key of its own for each call.
    pub fn key(&self) -> String {
        format!("key {}", self.keys.fetch_add(1, Ordering::Relaxed))
    }

    pub async fn method(&self, number: &str) -> PaymentMethod {
        self.stripe.method_of_card(&card(number), &self.key()).await.unwrap()
    }

    pub async fn customer(&self) -> String {
        let new = NewCustomer { email: Some("ada@example.com".into()), ..NewCustomer::default() };
        self.stripe.create_customer(&new, &self.key()).await.unwrap().id
    }

    pub async fn payment(&self) -> PaymentIntent {
        self.stripe.create_payment(&usd(1_000), &self.key()).await.unwrap()
    }

    /// A payment of 1,000 with this card, confirmed.
    pub async fn pay(&self, number: &str) -> Result<PaymentIntent, StripeError> {
        let (payment, method) = (self.payment().await, self.method(number).await);
        self.stripe.confirm_payment(&payment.id, &method.id, BACK, &self.key()).await
    }

    /// The holder of the card answers.
    pub async fn answer(&self, payment: &PaymentIntent, outcome: &str) -> reqwest::Response {
        let secret = payment.client_secret.as_ref().unwrap();
        self.answer_with(&payment.id, secret.expose(), outcome).await
    }

    pub async fn answer_with(&self, id: &str, secret: &str, outcome: &str) -> reqwest::Response {
        let url = format!("{}/sandbox/authenticate/{id}", self.sandbox.url());
        let body = format!("client_secret={secret}&outcome={outcome}");
        reqwest::Client::new().post(url).body(body).send().await.unwrap()
    }

    /// A call of the REST by hand.
    pub async fn post(&self, path: &str, key: &str, body: String) -> (u16, serde_json::Value) {
        let request = reqwest::Client::new().post(format!("{}{path}", self.sandbox.url())).bearer_auth(key);
        let response = request.body(body).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }
}

pub fn card(number: &str) -> TestCard {
    TestCard { number: Secret::new(number), exp_month: 12, exp_year: 2_050, cvc: Secret::new("123") }
}

pub fn usd(amount: i64) -> NewPayment {
    let metadata = Metadata::from([("order".to_owned(), "17".to_owned()), ("pass".to_owned(), "9".to_owned())]);
    NewPayment { amount, currency: "usd".into(), metadata, ..NewPayment::default() }
}
