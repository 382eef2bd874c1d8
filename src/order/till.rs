//! The till: takes money by Stripe's protocol, from Stripe or from the sandbox. Every call carries a key made of the order,
//! so that a crash, a second click or a lost answer never makes a second payment of one charge: each charge has one
//! payment for its whole life.

use backstage_core::money::{Currency, Money};
use backstage_core::order::{Event, Job};
use backstage_core::{OrderId, Timestamp, UserId};
use tokio::sync::Notify;

use super::customers;
use super::store::{self, Provider, Purchase};
use crate::adapters::stripe::{
    IntentStatus, Metadata, NewCustomer, NewPayment, NewRefund, PaymentIntent, Reason, SetupIntent, Stripe, StripeError,
};
use crate::config::Secret;
use crate::db::Db;
use crate::error::Problem;

/// Name in the metadata of a payment: the order.
pub const ORDER: &str = "order";
/// Name in the metadata of a payment: which charge of it.
pub const INVOICE: &str = "invoice";
/// As [`INVOICE`]: none, another card for those to come.
pub const CARD: &str = "card";

/// Within so long of its first use, a key surely still holds at the provider, ms: Stripe keeps them for 24 h at least
/// (<https://docs.stripe.com/api/idempotent_requests>).
const KEYS_HOLD_MS: i64 = 20 * 60 * 60 * 1_000;

/// Who takes money.
pub struct Till {
    /// By this client.
    pub stripe: Stripe,
    /// Whose it is.
    pub provider: Provider,
    /// Opens to browsers what they need.
    pub publishable_key: String,
    /// Proves webhooks.
    pub webhook_secret: Secret,
    /// What the platform keeps, hundredths of a percent.
    pub platform_fee_bp: u16,
    /// Where people come back to: the address of the site, without a slash at its end.
    pub site: String,
    /// Rung when there is something to do.
    pub bell: Notify,
}

/// A payment that waits for the buyer.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Opens it to the buyer's browser.
    pub client_secret: Secret,
    /// A card is saved, nothing is paid.
    pub saves_only: bool,
}

impl Till {
    /// Whether no money moves.
    pub fn is_sandbox(&self) -> bool {
        self.provider == Provider::Sandbox
    }

    /// Whether an order's payments are with this provider; the site may have changed it since.
    pub fn serves(&self, held: &Purchase) -> bool {
        held.provider == self.provider
    }

    /// Where somebody comes back to who was led away to pay.
    pub fn return_url(&self, order: &OrderId) -> String {
        format!("{}/orders/{order}", self.site)
    }

    /// Makes the payment of an order's first charge, or finds the one that was made.
    pub async fn begin(&self, db: &Db, held: &Purchase, methods: &[String]) -> Result<Begun, NotTaken> {
        let customer = self.customer(db, held).await?;
        let secret = if saves_only(held) {
            let key = format!("{}-setup", held.order.id);
            let setup = self.stripe.create_setup(&customer, &about(held, 0), &key).await?;
            store::note_payment(db, &setup.id, &held.order.id, 0).await?;
            setup.client_secret
        } else {
            let new = self.payment_of(held, 0, &customer, methods)?;
            let payment = self.stripe.create_payment(&new, &format!("{}-0", held.order.id)).await?;
            store::note_payment(db, &payment.id, &held.order.id, 0).await?;
            payment.client_secret
        };
        let client_secret = secret.ok_or(StripeError::Unclear("there is no client secret".into()))?;
        Ok(Begun { client_secret, saves_only: saves_only(held) })
    }

    /// Pays an order's first charge with a saved card while its holder is there. What comes back is an event, or where the
    /// holder has to go first.
    pub async fn pay_saved(
        &self,
        db: &Db,
        held: &Purchase,
        methods: &[String],
        method: &str,
    ) -> Result<Answer, NotTaken> {
        self.begin(db, held, methods).await?;
        let intent = store::payment_of(db, &held.order.id, 0).await?;
        let intent = intent.ok_or(StripeError::Missing)?;
        let back = self.return_url(&held.order.id);
        // Another card after a declined one is another attempt; the same card again is the same.
        let key = format!("{}-0-{method}", held.order.id);
        if saves_only(held) {
            let setup = self.stripe.confirm_setup(&intent, method, &back, &key).await?;
            return Ok(answer_of_setup(&setup));
        }
        let payment = self.stripe.confirm_payment(&intent, method, &back, &key).await?;
        Ok(answer_of(&payment, 0))
    }

    /// Begins to save another card for the charges to come. Each try is another one: nothing is paid by it.
    pub async fn begin_card(&self, held: &Purchase, key: &str) -> Result<Begun, NotTaken> {
        let customer = held.customer.as_ref().ok_or(StripeError::Missing)?;
        let mut about = about(held, 0);
        about.insert(INVOICE.to_owned(), CARD.to_owned());
        let setup = self.stripe.create_setup(customer, &about, &format!("{}-card-{key}", held.order.id)).await?;
        let client_secret = setup.client_secret.ok_or(StripeError::Unclear("there is no client secret".into()))?;
        Ok(Begun { client_secret, saves_only: true })
    }

    /// The card that a setup has saved for this order.
    pub async fn card_of(&self, held: &Purchase, setup: &str) -> Result<Option<String>, NotTaken> {
        let setup = self.stripe.setup(setup).await?;
        match card_event(&setup) {
            Some((order, Event::UseMethod { method })) if order == held.order.id => Ok(Some(method)),
            Some(_) | None => Ok(None),
        }
    }

    /// What became of a charge's payment.
    pub async fn look(&self, db: &Db, held: &Purchase, invoice: u32) -> Result<Answer, NotTaken> {
        let Some(intent) = store::payment_of(db, &held.order.id, invoice).await? else {
            return Ok(Answer::Open);
        };
        if invoice == 0 && saves_only(held) {
            return Ok(answer_of_setup(&self.stripe.setup(&intent).await?));
        }
        Ok(answer_of(&self.stripe.payment(&intent).await?, invoice))
    }

    /// Ends the first charge's payment, so that nobody can make it any more.
    pub async fn close(&self, db: &Db, held: &Purchase) -> Result<Answer, NotTaken> {
        let intent = store::payment_of(db, &held.order.id, 0).await?;
        // Without a payment, no browser was ever told how to pay. A card that is saved too late costs nothing.
        let Some(intent) = intent.filter(|_| !saves_only(held)) else {
            return Ok(Answer::Closed);
        };
        match self.stripe.cancel_payment(&intent, &format!("{}-close", held.order.id)).await {
            Ok(_) => Ok(Answer::Closed),
            Err(StripeError::Rejected { .. }) => self.look(db, held, 0).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Charges the saved card for a later charge. A payment that was made and never noted is found again: by its key for a
    /// day, and by what it says after that, or if the buyer has changed the card since.
    pub async fn charge(
        &self,
        db: &Db,
        held: &Purchase,
        invoice: u32,
        job: &Job,
        now: Timestamp,
    ) -> Result<Answer, NotTaken> {
        let (Some(customer), Some(method)) = (&held.customer, &held.order.method) else {
            return Ok(Answer::Declined);
        };
        let key = format!("{}-{invoice}-{}", held.order.id, job.id);
        let mut known = store::payment_of(db, &held.order.id, invoice).await?;
        if known.is_none() && (job.tries > 0 || now.since_ms(job.at) > KEYS_HOLD_MS) {
            known = self.made(customer, held, invoice).await?;
        }
        let mut done = match &known {
            None => {
                let new = self.payment_of(held, invoice, customer, &[])?;
                self.stripe.charge_saved(&NewPayment { save_card: false, ..new }, method, &key).await
            }
            Some(intent) => self.charge_known(held, intent, method, &key).await,
        };
        if matches!(done, Err(StripeError::KeyReused))
            && let Some(intent) = self.made(customer, held, invoice).await?
        {
            done = self.charge_known(held, &intent, method, &key).await;
        }
        let (intent, answer) = match done {
            // On its way at the bank: its webhook tells.
            Ok(payment) if payment.status == IntentStatus::Processing => (Some(payment.id), Answer::Open),
            Ok(payment) => match answer_of(&payment, invoice) {
                Answer::Open | Answer::Go(_) => (Some(payment.id), Answer::Declined),
                answer => (Some(payment.id), answer),
            },
            Err(StripeError::Declined { intent, .. } | StripeError::NeedsAction { intent }) => {
                (intent, Answer::Declined)
            }
            // The card or its holder is gone.
            Err(StripeError::Missing | StripeError::Rejected { .. }) => (None, Answer::Declined),
            Err(error) => return Err(error.into()),
        };
        if let Some(intent) = intent {
            store::note_payment(db, &intent, &held.order.id, invoice).await?;
        }
        Ok(answer)
    }

    /// Tries a payment that was made before, unless it is paid or on its way.
    async fn charge_known(
        &self,
        held: &Purchase,
        intent: &str,
        method: &str,
        key: &str,
    ) -> Result<PaymentIntent, StripeError> {
        let known = self.stripe.payment(intent).await?;
        if matches!(known.status, IntentStatus::Succeeded | IntentStatus::Processing) {
            return Ok(known);
        }
        let key = format!("{key}-{}", short_hash(method));
        self.stripe.confirm_payment(intent, method, &self.return_url(&held.order.id), &key).await
    }

    /// The payment of a charge by what it says itself.
    async fn made(&self, customer: &str, held: &Purchase, invoice: u32) -> Result<Option<String>, StripeError> {
        let about = about(held, invoice);
        let is_it =
            |payment: &PaymentIntent| about.iter().all(|(name, value)| payment.metadata.get(name) == Some(value));
        Ok(self.stripe.payments_of(customer).await?.into_iter().find(is_it).map(|payment| payment.id))
    }

    /// Gives money back; tells how much of that charge went back in all.
    pub async fn give_back(
        &self,
        db: &Db,
        held: &Purchase,
        invoice: u32,
        amount: i64,
        job: u32,
    ) -> Result<i64, NotTaken> {
        let intent = store::payment_of(db, &held.order.id, invoice).await?.ok_or(StripeError::Missing)?;
        let reason = held.order.void.map_or(Reason::Requested, |_| Reason::Duplicate);
        let metadata = about(held, invoice);
        let new = NewRefund { payment: intent.clone(), amount: Some(amount), reason: Some(reason), metadata };
        let refused = match self.stripe.refund(&new, &format!("{}-refund-{job}", held.order.id)).await {
            Ok(_) => None,
            // Somebody gave it back at the provider's own site, or a bank did: what is there counts.
            Err(error @ StripeError::Rejected { .. }) => Some(error),
            Err(error) => return Err(error.into()),
        };
        let failed = |status: &str| matches!(status, "failed" | "canceled");
        let refunds = self.stripe.refunds_of(&intent).await?;
        let counted = refunds.iter().filter(|refund| !refund.status.as_deref().is_some_and(failed));
        let total = counted.map(|refund| refund.amount).fold(0, i64::saturating_add);
        let before = held.order.invoices.get(invoice as usize).map_or(0, |charge| charge.refunded);
        match refused {
            Some(error) if total <= before => Err(error.into()),
            _ => Ok(total),
        }
    }

    /// Makes a buyer's customer theirs, with the card that they paid with: their next purchase takes one click.
    pub async fn remember(&self, db: &Db, user: &UserId, customer: &str, method: Option<&str>) -> Result<(), NotTaken> {
        customers::adopt_customer(db, user, self.provider, customer).await?;
        if customers::customer_of(db, user, self.provider).await?.as_deref() != Some(customer) {
            return Ok(());
        }
        let saved = self.stripe.saved_methods(customer).await?;
        let paid_with = saved.iter().find(|held| Some(held.id.as_str()) == method).or_else(|| saved.first());
        if let Some((held, card)) = paid_with.and_then(|held| Some((held, held.card.as_ref()?))) {
            let name = format!("{} •••• {}", brand(&card.brand), card.last4);
            customers::set_card(db, user, (self.provider, customer), &held.id, &name).await?;
        }
        Ok(())
    }

    async fn customer(&self, db: &Db, held: &Purchase) -> Result<String, NotTaken> {
        if let Some(customer) = &held.customer {
            return Ok(customer.clone());
        }
        let metadata = about(held, 0);
        let (email, phone) = (held.contact.email(), held.contact.phone());
        let new = NewCustomer {
            email: email.map(str::to_owned),
            phone: phone.map(|phone| phone.to_string()),
            name: None,
            metadata,
        };
        // The contact may be corrected between two tries; then it is another customer, and the first one is never charged.
        let key = format!("{}-customer-{}", held.order.id, short_hash(held.contact.as_str()));
        let customer = self.stripe.create_customer(&new, &key).await?.id;
        store::set_customer(db, &held.order.id, &customer).await?;
        if let Some(user) = &held.user {
            customers::adopt_customer(db, user, self.provider, &customer).await?;
        }
        Ok(customer)
    }

    fn payment_of(
        &self,
        held: &Purchase,
        invoice: u32,
        customer: &str,
        methods: &[String],
    ) -> Result<NewPayment, NotTaken> {
        let charge = held.order.invoices.get(invoice as usize).ok_or(StripeError::Missing)?;
        Ok(NewPayment {
            amount: charge.amount.minor,
            currency: charge.amount.currency.code().to_owned(),
            customer: Some(customer.to_owned()),
            save_card: true,
            description: Some(format!("Order {}", held.order.id)),
            receipt_to: None,
            methods: methods.to_vec(),
            metadata: about(held, invoice),
        })
    }
}

/// What the provider says of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Paid, or the card is saved: for the order.
    Done(Event),
    /// Waits for the buyer.
    Open,
    /// The buyer has to go there first.
    Go(Secret),
    /// Is over, unpaid.
    Closed,
    /// The card was declined.
    Declined,
}

/// Why it cannot be told what became of a payment, or it was refused.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// The provider.
    #[error(transparent)]
    Provider(#[from] StripeError),
    /// The database.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl From<NotTaken> for Problem {
    fn from(error: NotTaken) -> Problem {
        match error {
            NotTaken::Database(error) => error.into(),
            NotTaken::Provider(StripeError::Declined { message, .. }) => {
                Problem::new(actix_web::http::StatusCode::PAYMENT_REQUIRED, "card_declined", message)
            }
            NotTaken::Provider(error) if error.may_pass() => Problem::unavailable(&error),
            NotTaken::Provider(error) => Problem::internal(error),
        }
    }
}

fn saves_only(held: &Purchase) -> bool {
    held.order.invoices.first().is_none_or(|first| first.amount.minor == 0)
}

fn about(held: &Purchase, invoice: u32) -> Metadata {
    Metadata::from([(ORDER.to_owned(), held.order.id.to_string()), (INVOICE.to_owned(), invoice.to_string())])
}

/// Stripe's word for a brand as people write it.
fn brand(word: &str) -> String {
    match word {
        "visa" => "Visa".into(),
        "mastercard" => "Mastercard".into(),
        "amex" => "American Express".into(),
        other => {
            let mut letters = other.chars();
            letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
        }
    }
}

fn short_hash(text: &str) -> String {
    crate::security::seal::hex(&crate::security::seal::digest(text)).chars().take(16).collect()
}

/// What a payment says.
pub fn answer_of(payment: &PaymentIntent, invoice: u32) -> Answer {
    match payment.status {
        IntentStatus::Succeeded => match money(payment.amount_received, &payment.currency) {
            Some(amount) => {
                Answer::Done(Event::Paid { invoice, amount, method: payment.payment_method.clone(), held: false })
            }
            None => Answer::Open,
        },
        IntentStatus::Canceled => Answer::Closed,
        IntentStatus::RequiresAction => {
            let redirect = payment.next_action.as_ref().and_then(|next| next.redirect_to_url.as_ref());
            redirect.and_then(|redirect| redirect.url.clone()).map_or(Answer::Open, Answer::Go)
        }
        IntentStatus::RequiresPaymentMethod
        | IntentStatus::RequiresConfirmation
        | IntentStatus::Processing
        | IntentStatus::RequiresCapture
        | IntentStatus::Unknown => Answer::Open,
    }
}

/// What a setup says.
pub fn answer_of_setup(setup: &SetupIntent) -> Answer {
    match (setup.status, &setup.payment_method) {
        (IntentStatus::Succeeded, Some(method)) => Answer::Done(Event::SetUp { method: method.clone(), held: false }),
        (IntentStatus::Canceled, _) => Answer::Closed,
        (IntentStatus::RequiresAction, _) => {
            let redirect = setup.next_action.as_ref().and_then(|next| next.redirect_to_url.as_ref());
            redirect.and_then(|redirect| redirect.url.clone()).map_or(Answer::Open, Answer::Go)
        }
        _ => Answer::Open,
    }
}

/// The order that is meant, if a setup saved another card for it.
pub fn card_event(setup: &SetupIntent) -> Option<(OrderId, Event)> {
    let metadata = setup.metadata.as_ref().filter(|held| held.get(INVOICE).is_some_and(|invoice| invoice == CARD))?;
    let order = OrderId::parse(metadata.get(ORDER)?).ok()?;
    let method = setup.payment_method.clone().filter(|_| setup.status == IntentStatus::Succeeded)?;
    Some((order, Event::UseMethod { method }))
}

fn money(minor: i64, currency: &str) -> Option<Money> {
    Money::new(minor, Currency::parse(currency).ok()?).ok()
}
