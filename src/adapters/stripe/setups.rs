//! Setup intents: a card is saved for later without being charged, as for a free trial.

use super::*;
use stripe_core::setup_intent::*;

/// Setups.
impl Stripe {
    /// Makes one that waits for the Payment Element.
    pub async fn create_setup(&self, customer: &str, ours: &Metadata, key: &str) -> Result<SetupIntent, StripeError> {
        let mut request = CreateSetupIntent::new()
            .customer(customer)
            .automatic_payment_methods(CreateSetupIntentAutomaticPaymentMethods::new(true))
            .usage(CreateSetupIntentUsage::OffSession);
        if !ours.is_empty() {
            request = request.metadata(metadata(ours));
        }
        self.write(&request, key).await
    }

    /// Saves the card while the holder is there. The answer may be `RequiresAction`: send the holder to `next_action`,
    /// who comes back to `return_url`.
    pub async fn confirm_setup(
        &self,
        id: &str,
        method: &str,
        return_url: &str,
        key: &str,
    ) -> Result<SetupIntent, StripeError> {
        let request = ConfirmSetupIntent::new(part(id)?).payment_method(method).return_url(return_url);
        self.write(&request, key).await
    }

    /// One.
    pub async fn setup(&self, id: &str) -> Result<SetupIntent, StripeError> {
        self.read(&RetrieveSetupIntent::new(part(id)?)).await
    }
}
