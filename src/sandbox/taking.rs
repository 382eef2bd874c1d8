//! Taking the money of a payment intent: what the card says, what is noted and told.

use super::calls::Call;
use super::model::*;
use super::payments::{find, tell};
use super::refusal::Refusal;
use super::{cards, disputes, methods, wire};
use serde_json::Value;

/// Uses the card.
pub fn attempt(call: &mut Call, id: &str, method: &str, off_session: bool) -> Result<Value, Refusal> {
    let found = methods::find(call, method, "payment_method")?;
    let asks = match found.card.behaviour {
        Behaviour::AsksAlways => true,
        Behaviour::AsksUntilSetUp => !(off_session && found.set_up),
        Behaviour::Pays
        | Behaviour::PaysThenDisputes
        | Behaviour::Declines
        | Behaviour::DeclinesWhenCharged
        | Behaviour::LacksFunds
        | Behaviour::IsLost
        | Behaviour::IsExpired
        | Behaviour::CvcIsWrong => false,
    };
    match (asks, off_session) {
        (false, _) => pay(call, id, method, false),
        (true, true) => {
            let message = "Your card was declined. This transaction requires authentication.";
            let decline_code = Some("authentication_required".into());
            let (code, message) = ("authentication_required".into(), message.into());
            let decline = Decline { code, decline_code, message, method: method.to_owned(), charge: None };
            charge_failed(call, id, decline)
        }
        (true, false) => {
            if let Some(intent) = call.books.intents.get_mut(id) {
                intent.status = Status::RequiresAction;
                intent.method = Some(method.to_owned());
                intent.decline = None;
            }
            tell(call, id, "payment_intent.requires_action")
        }
    }
}

/// Takes the money, if the card has it.
pub fn pay(call: &mut Call, id: &str, method: &str, authenticated: bool) -> Result<Value, Refusal> {
    let behaviour = methods::find(call, method, "payment_method")?.card.behaviour;
    if let Some(decline) = cards::decline_of(behaviour, method) {
        return charge_failed(call, id, decline);
    }
    let charge = charge(call, id, method, None)?;
    let mut saved_for = None;
    if let Some(intent) = call.books.intents.get_mut(id) {
        intent.status = Status::Succeeded;
        intent.method = Some(method.to_owned());
        intent.charge = Some(charge.clone());
        intent.decline = None;
        saved_for = intent.setup_future_usage.as_ref().and(intent.customer.clone());
    }
    if let Some(customer) = &saved_for {
        methods::save(call, method, customer);
    }
    if let Some(found) = call.books.methods.get_mut(method) {
        found.spent = true;
        found.set_up |= saved_for.is_some() && (authenticated || behaviour != Behaviour::AsksUntilSetUp);
    }
    let shown = tell(call, id, "payment_intent.succeeded")?;
    if behaviour == Behaviour::PaysThenDisputes {
        disputes::open(call, &charge);
    }
    Ok(shown)
}

/// Notes an attempt to take the money.
fn charge(call: &mut Call, id: &str, method: &str, decline: Option<Decline>) -> Result<String, Refusal> {
    let charge_id = call.books.id("ch");
    let intent = find(call, id)?;
    let charge = Charge {
        id: charge_id.clone(),
        created: call.now_s,
        intent: id.to_owned(),
        method: method.to_owned(),
        amount: intent.amount,
        refunded: 0,
        currency: intent.currency.clone(),
        customer: intent.customer.clone(),
        description: intent.description.clone(),
        metadata: intent.metadata.clone(),
        decline,
        disputed: false,
    };
    call.books.charges.insert(charge_id.clone(), charge);
    Ok(charge_id)
}

fn charge_failed(call: &mut Call, id: &str, mut decline: Decline) -> Result<Value, Refusal> {
    let method = decline.method.clone();
    let charge = charge(call, id, &method, Some(decline.clone()))?;
    if let Some(intent) = call.books.intents.get_mut(id) {
        intent.charge = Some(charge.clone());
    }
    decline.charge = Some(charge);
    fail(call, id, decline)
}

/// The intent waits for another card. Always an error.
pub fn fail(call: &mut Call, id: &str, decline: Decline) -> Result<Value, Refusal> {
    if let Some(intent) = call.books.intents.get_mut(id) {
        intent.status = Status::RequiresPaymentMethod;
        intent.method = None;
        intent.decline = Some(decline.clone());
    }
    let shown = tell(call, id, "payment_intent.payment_failed")?;
    let method = wire::method_of(call.books, &decline.method);
    Err(Refusal::declined(&decline, method).about("payment_intent", shown))
}
