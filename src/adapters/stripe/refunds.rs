//! Refunds.

use super::*;
use stripe_core::refund::*;

/// Refunds of one payment that are looked at.
const REFUNDS_MAX: i64 = 100;

/// Why money goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Paid twice.
    Duplicate,
    /// Not paid by the holder.
    Fraudulent,
    /// The customer asked.
    Requested,
}

/// Money to give back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRefund {
    /// Of which payment, `pi_…`.
    pub payment: String,
    /// Minor units; none: all that is left.
    pub amount: Option<i64>,
    /// Why.
    pub reason: Option<Reason>,
    /// Ours.
    pub metadata: Metadata,
}

/// Refunds.
impl Stripe {
    /// Gives money back. More than is left, or of a payment that was disputed, is `Rejected`.
    pub async fn refund(&self, new: &NewRefund, key: &str) -> Result<Refund, StripeError> {
        let mut request = CreateRefund::new().payment_intent(part(&new.payment)?);
        if !new.metadata.is_empty() {
            request = request.metadata(metadata(&new.metadata));
        }
        if let Some(amount) = new.amount {
            request = request.amount(amount);
        }
        if let Some(reason) = new.reason {
            request = request.reason(match reason {
                Reason::Duplicate => CreateRefundReason::Duplicate,
                Reason::Fraudulent => CreateRefundReason::Fraudulent,
                Reason::Requested => CreateRefundReason::RequestedByCustomer,
            });
        }
        self.write(&request, key).await
    }

    /// What was given back of a payment, the latest first, 100 at most.
    pub async fn refunds_of(&self, payment: &str) -> Result<Vec<Refund>, StripeError> {
        let page: Page<Refund> = self.read(&ListRefund::new().payment_intent(payment).limit(REFUNDS_MAX)).await?;
        Ok(page.data)
    }
}
