//! Customers and their cards.

use super::*;
use stripe_core::customer::{CreateCustomer, ListPaymentMethodsCustomer};
use stripe_payment::payment_method::*;

/// Saved cards that are looked at.
const CARDS_MAX: i64 = 100;

/// A customer to be made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewCustomer {
    /// Where receipts go.
    pub email: Option<String>,
    /// With its country code.
    pub phone: Option<String>,
    /// How they are called.
    pub name: Option<String>,
    /// Ours.
    pub metadata: Metadata,
}

/// One of Stripe's test cards. A real card's number must never come to us.
#[derive(Clone)]
pub struct TestCard {
    /// Without spaces.
    pub number: Secret,
    /// From 1.
    pub exp_month: i64,
    /// Four digits.
    pub exp_year: i64,
    /// Three digits.
    pub cvc: Secret,
}

/// Customers and their cards.
impl Stripe {
    /// Makes one.
    pub async fn create_customer(&self, new: &NewCustomer, key: &str) -> Result<Customer, StripeError> {
        let mut request = CreateCustomer::new();
        if !new.metadata.is_empty() {
            request = request.metadata(metadata(&new.metadata));
        }
        if let Some(email) = &new.email {
            request = request.email(email.as_str());
        }
        if let Some(phone) = &new.phone {
            request = request.phone(phone.as_str());
        }
        if let Some(name) = &new.name {
            request = request.name(name.as_str());
        }
        self.write(&request, key).await
    }

    /// The customer's saved cards, the latest first, 100 at most.
    pub async fn saved_methods(&self, customer: &str) -> Result<Vec<PaymentMethod>, StripeError> {
        let request = ListPaymentMethodsCustomer::new(part(customer)?).limit(CARDS_MAX);
        let page: Page<PaymentMethod> = self.read(&request).await?;
        Ok(page.data)
    }

    /// Forgets a saved card: it cannot be charged any more.
    pub async fn forget_method(&self, id: &str, key: &str) -> Result<PaymentMethod, StripeError> {
        self.write(&DetachPaymentMethod::new(part(id)?), key).await
    }

    /// Makes a payment method of a test card, as the Payment Element does in a browser. For the sandbox: Stripe
    /// itself takes numbers from servers only where the account may.
    pub async fn method_of_card(&self, card: &TestCard, key: &str) -> Result<PaymentMethod, StripeError> {
        let mut details =
            CreatePaymentMethodCardDetailsParams::new(card.exp_month, card.exp_year, card.number.expose());
        details.cvc = Some(card.cvc.expose().to_owned());
        let request = CreatePaymentMethod::new()
            .type_(CreatePaymentMethodType::Card)
            .card(CreatePaymentMethodCard::CardDetailsParams(details));
        self.write(&request, key).await
    }
}
