//! Disputes: a holder says that a charge was none of theirs, and the money leaves the balance until the matter is decided.
//! Evidence decides it at once, by Stripe's words for tests: <https://docs.stripe.com/testing#disputes>.

use super::calls::Call;
use super::model::{Dispute, DisputeStatus};
use super::refusal::Refusal;
use super::wire;
use serde_json::Value;

/// As `evidence[uncategorized_text]`: the bank sides with us.
const WINNING: &str = "winning_evidence";
/// As `evidence[uncategorized_text]`: the bank sides with the holder.
const LOSING: &str = "losing_evidence";

/// Opens one for all that is left of a charge.
pub fn open(call: &mut Call, charge: &str) {
    let id = call.books.id("dp");
    let now_s = call.now_s;
    let Some(charge) = call.books.charges.get_mut(charge) else { return };
    charge.disputed = true;
    let dispute = Dispute {
        id: id.clone(),
        created: now_s,
        charge: charge.id.clone(),
        intent: charge.intent.clone(),
        amount: charge.amount - charge.refunded,
        currency: charge.currency.clone(),
        status: DisputeStatus::NeedsResponse,
    };
    let shown = wire::dispute(&dispute);
    call.books.disputes.insert(id, dispute);
    call.books.tell(now_s, "charge.dispute.created", shown);
}

/// `GET /v1/disputes/{id}`
pub fn retrieve(call: &mut Call, id: &str) -> Result<Value, Refusal> {
    Ok(wire::dispute(find(call, id)?))
}

/// `GET /v1/disputes`
pub fn list(call: &mut Call) -> Result<Value, Refusal> {
    call.params.only(&["payment_intent", "charge", "created", "limit", "starting_after", "ending_before"])?;
    let (intent, charge) = (call.params.text("payment_intent"), call.params.text("charge"));
    let is_asked = |one: &Dispute| {
        intent.is_none_or(|intent| one.intent == intent) && charge.is_none_or(|charge| one.charge == charge)
    };
    call.page(&call.books.disputes, is_asked, |one| one.created, wire::dispute)
}

/// `POST /v1/disputes/{id}`
pub fn update(call: &mut Call, id: &str) -> Result<Value, Refusal> {
    call.params.only(&["evidence", "submit", "metadata"])?;
    let status = match call.params.text("evidence[uncategorized_text]") {
        Some(WINNING) => DisputeStatus::Won,
        Some(LOSING) => DisputeStatus::Lost,
        Some(_) | None => DisputeStatus::NeedsResponse,
    };
    decide(call, id, status)
}

/// `POST /v1/disputes/{id}/close`
pub fn close(call: &mut Call, id: &str) -> Result<Value, Refusal> {
    call.params.only(&[])?;
    decide(call, id, DisputeStatus::Lost)
}

fn decide(call: &mut Call, id: &str, status: DisputeStatus) -> Result<Value, Refusal> {
    if find(call, id)?.status != DisputeStatus::NeedsResponse {
        return Err(Refusal::state("", "This dispute is already closed."));
    }
    if let Some(dispute) = call.books.disputes.get_mut(id) {
        dispute.status = status;
    }
    let shown = wire::dispute(find(call, id)?);
    match status {
        DisputeStatus::NeedsResponse => call.books.tell(call.now_s, "charge.dispute.updated", shown.clone()),
        DisputeStatus::Won | DisputeStatus::Lost => {
            call.books.tell(call.now_s, "charge.dispute.closed", shown.clone());
        }
    }
    Ok(shown)
}

fn find<'a>(call: &'a Call, id: &str) -> Result<&'a Dispute, Refusal> {
    call.books.disputes.get(id).ok_or_else(|| Refusal::missing("dispute", id, "id"))
}
