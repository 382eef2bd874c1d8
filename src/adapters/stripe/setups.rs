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

    /// Saves the card while the holder is there. The answer may be `RequiresAction`.
    pub async fn confirm_setup(
        &self,
        id: &str,
        method: &str,
        return_url: Option<&str>,
        key: &str,
    ) -> Result<SetupIntent, StripeError> {
        let mut request = ConfirmSetupIntent::new(part(id)?).payment_method(method);
        if let Some(return_url) = return_url {
            request = request.return_url(return_url);
        }
        self.write(&request, key).await
    }

    /// One.
    pub async fn setup(&self, id: &str) -> Result<SetupIntent, StripeError> {
        self.read(&RetrieveSetupIntent::new(part(id)?)).await
    }
}
