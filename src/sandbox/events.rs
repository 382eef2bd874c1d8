//! What happened, for who missed a webhook; and charges, which only payments make.

use super::calls::Call;
use super::model::Event;
use super::refusal::Refusal;
use super::wire;
use serde_json::Value;

/// `GET /v1/events`
pub fn list(call: &mut Call) -> Result<Value, Refusal> {
    call.params.only(&["type", "types", "created", "limit", "starting_after", "ending_before"])?;
    let kind = call.params.text("type");
    let kinds: Vec<&str> = call.params.all_of("types");
    let is_asked = |one: &Event| {
        kind.is_none_or(|kind| one.kind == kind) && (kinds.is_empty() || kinds.contains(&one.kind.as_str()))
    };
    call.page(&call.books.events, is_asked, |one| one.created, |one| wire::event(one, pending(call, &one.id)))
}

/// `GET /v1/events/{id}`
pub fn retrieve(call: &mut Call, id: &str) -> Result<Value, Refusal> {
    let event = call.books.events.get(id).ok_or_else(|| Refusal::missing("event", id, "id"))?;
    Ok(wire::event(event, pending(call, id)))
}

/// `GET /v1/charges/{id}`
pub fn charge(call: &mut Call, id: &str) -> Result<Value, Refusal> {
    let charge = call.books.charges.get(id).ok_or_else(|| Refusal::missing("charge", id, "id"))?;
    Ok(wire::charge(call.books, charge))
}

fn pending(call: &Call, id: &str) -> u32 {
    call.books.deliveries.contains_key(id).into()
}
