//! Payment intents.

use super::*;
use stripe_core::payment_intent::CreatePaymentIntentAutomaticPaymentMethodsAllowRedirects as AllowRedirects;
use stripe_core::payment_intent::*;
use stripe_shared::PaymentIntentSetupFutureUsage as Usage;

/// Objects on a page, the most that Stripe gives.
const PAGE: i64 = 100;

/// A payment to be made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewPayment {
    /// Minor units of the currency.
    pub amount: i64,
    /// Three letters, ISO 4217.
    pub currency: String,
    /// Who pays, `cus_…`.
    pub customer: Option<String>,
    /// Whether the card is saved for the customer, to be charged later without them.
    pub save_card: bool,
    /// Stands on the receipt.
    pub description: Option<String>,
    /// Address that Stripe sends the receipt to.
    pub receipt_to: Option<String>,
    /// Ways of paying by Stripe's names; none: those that the account has on.
    pub methods: Vec<String>,
    /// Ours: what tells the payment's order when its webhook comes.
    pub metadata: Metadata,
}

impl NewPayment {
    fn request(&self, redirects: AllowRedirects) -> Result<CreatePaymentIntent, StripeError> {
        let currency = self.currency.to_ascii_lowercase().parse::<stripe_types::Currency>();
        let currency = currency.map_err(|_| StripeError::Config("there is no such currency"))?;
        let mut request = CreatePaymentIntent::new(self.amount, currency);
        let mut automatic = CreatePaymentIntentAutomaticPaymentMethods::new(true);
        automatic.allow_redirects = Some(redirects);
        request = request.automatic_payment_methods(automatic);
        if !self.methods.is_empty() {
            let named = self.methods.iter().filter_map(|name| name.parse().ok());
            request = request.allowed_payment_method_types(
                named.collect::<Vec<stripe_shared::PaymentIntentAllowedPaymentMethodTypes>>(),
            );
        }
        if !self.metadata.is_empty() {
            request = request.metadata(metadata(&self.metadata));
        }
        if let Some(customer) = &self.customer {
            request = request.customer(customer.as_str());
        }
        if let Some(description) = &self.description {
            request = request.description(description.as_str());
        }
        if let Some(address) = &self.receipt_to {
            request = request.receipt_email(address.as_str());
        }
        if self.save_card {
            request = request.setup_future_usage(Usage::OffSession);
        }
        Ok(request)
    }
}

/// Payments.
impl Stripe {
    /// Makes a payment that waits for the Payment Element.
    pub async fn create_payment(&self, new: &NewPayment, key: &str) -> Result<PaymentIntent, StripeError> {
        self.write(&new.request(AllowRedirects::Always)?, key).await
    }

    /// Takes the money from a saved card while its holder is not there. Errors that are no mishap: `Declined`, and
    /// `NeedsAction`, after which the holder pays that same payment on the page. Both are told again under the same key: a
    /// later attempt needs another.
    pub async fn charge_saved(&self, new: &NewPayment, method: &str, key: &str) -> Result<PaymentIntent, StripeError> {
        let request = new.request(AllowRedirects::Never)?.payment_method(method).confirm(true);
        self.write(&request.off_session(CreatePaymentIntentOffSession::Bool(true)), key).await
    }

    /// Takes the money while the holder is there. The answer may be `RequiresAction`: send the holder to `next_action`,
    /// who comes back to `return_url`.
    pub async fn confirm_payment(
        &self,
        id: &str,
        method: &str,
        return_url: &str,
        key: &str,
    ) -> Result<PaymentIntent, StripeError> {
        let request = ConfirmPaymentIntent::new(part(id)?).payment_method(method).return_url(return_url);
        self.write(&request, key).await
    }

    /// One.
    pub async fn payment(&self, id: &str) -> Result<PaymentIntent, StripeError> {
        self.read(&RetrievePaymentIntent::new(part(id)?)).await
    }

    /// A customer's, the youngest first; 100 at most. For what was made and never noted.
    pub async fn payments_of(&self, customer: &str) -> Result<Vec<PaymentIntent>, StripeError> {
        let page: Page<PaymentIntent> = self.read(&ListPaymentIntent::new().customer(customer).limit(PAGE)).await?;
        Ok(page.data)
    }

    /// Those made at this time or later, the youngest first; the next page begins after the last of this one. For a sweep
    /// after lost webhooks.
    pub async fn payments_since(&self, from_s: i64, after: Option<&str>) -> Result<Page<PaymentIntent>, StripeError> {
        let mut request = ListPaymentIntent::new().created(stripe_types::RangeQueryTs::gte(from_s)).limit(PAGE);
        if let Some(after) = after {
            request = request.starting_after(after);
        }
        self.read(&request).await
    }

    /// Ends a payment that was not made. One that was made is `Rejected`.
    pub async fn cancel_payment(&self, id: &str, key: &str) -> Result<PaymentIntent, StripeError> {
        self.write(&CancelPaymentIntent::new(part(id)?), key).await
    }
}
