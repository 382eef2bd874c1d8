//! What webhooks of the provider say about orders.

use backstage_core::OrderId;
use backstage_core::order::Event;

use super::store;
use super::till::{Answer, INVOICE, NotTaken, ORDER, Till, answer_of, answer_of_setup, card_event};
use crate::adapters::stripe::{Metadata, webhook};
use crate::db::Db;

/// The webhooks that say something about orders.
pub const KINDS: [&str; 5] = [
    "payment_intent.succeeded",
    "setup_intent.succeeded",
    "charge.refunded",
    "charge.dispute.created",
    "charge.dispute.closed",
];
/// Keys of its messages in the inbox begin with this.
pub const KEY_PREFIX: &str = "stripe:";

/// The order that is meant, and what it is told; `None`: nothing of ours.
pub async fn of(till: &Till, db: &Db, said: &webhook::Event) -> Result<Option<(OrderId, Event)>, NotTaken> {
    use webhook::Event as Said;
    Ok(match said {
        Said::PaymentSucceeded(payment) => named(&payment.metadata)
            .and_then(|(order, invoice)| done(answer_of(payment, invoice)).map(|event| (order, event))),
        Said::SetupSucceeded(setup) if card_event(setup).is_some() => card_event(setup),
        Said::SetupSucceeded(setup) => {
            let order = setup.metadata.as_ref().and_then(named).map(|(order, _)| order);
            order.zip(done(answer_of_setup(setup)))
        }
        Said::ChargeRefunded(charge) => {
            let meant = match named(&charge.metadata) {
                Some(meant) => Some(meant),
                None => by_payment(till, db, charge.payment_intent.as_deref()).await?,
            };
            meant.map(|(order, invoice)| (order, Event::Refunded { invoice, total: charge.amount_refunded }))
        }
        Said::DisputeCreated(dispute) | Said::DisputeClosed(dispute) => {
            let won = match dispute.status.as_str() {
                "won" => Some(true),
                "lost" => Some(false),
                _ => None,
            };
            let event = |invoice| Event::Disputed { invoice, dispute: dispute.id.clone(), amount: dispute.amount, won };
            let meant = by_payment(till, db, dispute.payment_intent.as_deref()).await?;
            meant.map(|(order, invoice)| (order, event(invoice)))
        }
        Said::PaymentFailed(_)
        | Said::PaymentNeedsAction(_)
        | Said::PaymentCanceled(_)
        | Said::SetupFailed(_)
        | Said::Other(_) => None,
    })
}

fn done(answer: Answer) -> Option<Event> {
    match answer {
        Answer::Done(event) => Some(event),
        Answer::Open | Answer::Go(_) | Answer::Closed | Answer::Declined => None,
    }
}

fn named(metadata: &Metadata) -> Option<(OrderId, u32)> {
    let order = OrderId::parse(metadata.get(ORDER)?).ok()?;
    Some((order, metadata.get(INVOICE)?.parse().ok()?))
}

/// By our own note, or, if its webhook was faster than we, by what the payment says.
async fn by_payment(till: &Till, db: &Db, intent: Option<&str>) -> Result<Option<(OrderId, u32)>, NotTaken> {
    let Some(intent) = intent else { return Ok(None) };
    if let Some(known) = store::of_payment(db, intent).await? {
        return Ok(Some(known));
    }
    match till.stripe.payment(intent).await {
        Ok(payment) => Ok(named(&payment.metadata)),
        Err(crate::adapters::stripe::StripeError::Missing) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
