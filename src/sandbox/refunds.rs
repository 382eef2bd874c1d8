//! Refunds.

use super::calls::Call;
use super::model::{Dispute, DisputeStatus, Refund};
use super::refusal::Refusal;
use super::wire;
use serde_json::Value;

/// `POST /v1/refunds`
pub fn create(call: &mut Call) -> Result<Value, Refusal> {
    call.params.only(&["payment_intent", "charge", "amount", "reason", "metadata"])?;
    call.books.room()?;
    let reason = call.params.word("reason", &["duplicate", "fraudulent", "requested_by_customer"])?;
    let metadata = call.params.metadata()?;
    let id = charge_of(call)?;
    let charge = call.books.charges.get(&id).ok_or_else(|| Refusal::missing("charge", &id, "charge"))?;
    if charge.decline.is_some() {
        return Err(Refusal::state("charge_not_refundable", "This charge failed: there is nothing to refund."));
    }
    let stands = |one: &Dispute| one.charge == id && one.status != DisputeStatus::Won;
    if charge.disputed && call.books.disputes.values().any(stands) {
        return Err(Refusal::state("charge_disputed", format!("Charge {id} has been charged back.")));
    }
    let left = charge.amount - charge.refunded;
    if left == 0 {
        return Err(Refusal::state("charge_already_refunded", format!("Charge {id} has already been refunded.")));
    }
    let amount = call.params.number("amount")?.unwrap_or(left);
    if amount < 1 {
        return Err(Refusal::invalid("amount", "Invalid positive integer").code("parameter_invalid_integer"));
    }
    if amount > left {
        let message = format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left})");
        return Err(Refusal::invalid("amount", message));
    }
    let (intent, currency) = (charge.intent.clone(), charge.currency.clone());
    let refund = Refund {
        id: call.books.id("re"),
        created: call.now_s,
        charge: id.clone(),
        intent,
        amount,
        currency,
        reason,
        metadata,
    };
    let shown = wire::refund(&refund);
    call.books.refunds.insert(refund.id.clone(), refund);
    if let Some(charge) = call.books.charges.get_mut(&id) {
        charge.refunded += amount;
    }
    let charge = call.books.charges.get(&id).map(|charge| wire::charge(call.books, charge));
    call.books.tell(call.now_s, "charge.refunded", charge.unwrap_or_default());
    Ok(shown)
}

/// `GET /v1/refunds/{id}`
pub fn retrieve(call: &mut Call, id: &str) -> Result<Value, Refusal> {
    let refund = call.books.refunds.get(id).ok_or_else(|| Refusal::missing("refund", id, "id"))?;
    Ok(wire::refund(refund))
}

/// `GET /v1/refunds`
pub fn list(call: &mut Call) -> Result<Value, Refusal> {
    call.params.only(&["payment_intent", "charge", "created", "limit", "starting_after", "ending_before"])?;
    let (intent, charge) = (call.params.text("payment_intent"), call.params.text("charge"));
    let is_asked = |one: &Refund| {
        intent.is_none_or(|intent| one.intent == intent) && charge.is_none_or(|charge| one.charge == charge)
    };
    call.page(&call.books.refunds, is_asked, |one| one.created, wire::refund)
}

/// The charge that is meant, by itself or as the one of an intent.
fn charge_of(call: &Call) -> Result<String, Refusal> {
    if let Some(charge) = call.params.text("charge") {
        return Ok(charge.to_owned());
    }
    let id = call.params.needed("payment_intent")?;
    let intent = call.books.intents.get(id).ok_or_else(|| Refusal::missing("payment_intent", id, "payment_intent"))?;
    let message = "This PaymentIntent does not have a successful charge to refund.";
    intent.charge.clone().ok_or_else(|| Refusal::state("payment_intent_unexpected_state", message))
}
