//! Setup intents: a card is saved for later without being charged.

use super::calls::Call;
use super::model::*;
use super::refusal::Refusal;
use super::terms::{client_secret, no_method, redirects, return_url, way_back};
use super::{cards, customers, methods, wire};
use serde_json::Value;

/// `POST /v1/setup_intents`
pub fn create(call: &mut Call) -> Result<Value, Refusal> {
    call.params.only(&[
        "customer",
        "description",
        "metadata",
        "usage",
        "automatic_payment_methods",
        "payment_method_types",
        "payment_method",
        "confirm",
        "return_url",
        "use_stripe_sdk",
    ])?;
    call.books.room()?;
    let confirm = call.params.flag("confirm")?;
    let customer = customers::named(call)?;
    let usage = call.params.word("usage", &["off_session", "on_session"])?;
    let method = methods::given(call, customer.as_deref(), confirm)?;
    let id = call.books.id("seti");
    let setup = Setup {
        client_secret: client_secret(&id),
        created: call.now_s,
        customer,
        description: call.params.kept("description"),
        metadata: call.params.metadata()?,
        usage: usage.unwrap_or_else(|| "off_session".into()),
        status: if method.is_some() { Status::RequiresConfirmation } else { Status::RequiresPaymentMethod },
        method: method.clone(),
        decline: None,
        redirects: redirects(call)?,
        return_url: return_url(call)?,
        id: id.clone(),
    };
    call.books.setups.insert(id.clone(), setup);
    match method {
        Some(method) if confirm => attempt(call, &id, &method),
        Some(_) | None => show(call, &id),
    }
}

/// `GET /v1/setup_intents/{id}`
pub fn retrieve(call: &mut Call, id: &str) -> Result<Value, Refusal> {
    show(call, id)
}

/// `POST /v1/setup_intents/{id}/confirm`
pub fn confirm(call: &mut Call, id: &str) -> Result<Value, Refusal> {
    call.params.only(&["payment_method", "return_url", "use_stripe_sdk"])?;
    let setup = find(call, id)?;
    match setup.status {
        Status::RequiresPaymentMethod | Status::RequiresConfirmation | Status::RequiresAction => {}
        Status::Succeeded | Status::Canceled => return Err(unexpected(call, id)),
    }
    let method = call.params.kept("payment_method").or_else(|| setup.method.clone()).ok_or_else(no_method)?;
    methods::usable(methods::find(call, &method, "payment_method")?, setup.customer.as_deref())?;
    way_back(call, setup.redirects, setup.return_url.as_deref())?;
    let return_url = return_url(call)?;
    if let Some(setup) = call.books.setups.get_mut(id) {
        setup.return_url = return_url.or(setup.return_url.take());
    }
    attempt(call, id, &method)
}

/// The holder answered the card's question.
pub fn authenticate(call: &mut Call, id: &str, agrees: bool) -> Result<Value, Refusal> {
    let setup = find(call, id)?;
    let (Status::RequiresAction, Some(method)) = (setup.status, setup.method.clone()) else {
        return Err(unexpected(call, id));
    };
    if agrees {
        return save(call, id, &method);
    }
    let decline = Decline {
        code: "setup_intent_authentication_failure".into(),
        decline_code: None,
        message: "The provided PaymentMethod has failed authentication.".into(),
        method,
        charge: None,
    };
    // The holder's own answer is no failed call: the intent says what came of it.
    fail(call, id, decline).or_else(|_| show(call, id))
}

fn attempt(call: &mut Call, id: &str, method: &str) -> Result<Value, Refusal> {
    let behaviour = methods::find(call, method, "payment_method")?.card.behaviour;
    match behaviour {
        Behaviour::AsksUntilSetUp | Behaviour::AsksAlways => {
            if let Some(setup) = call.books.setups.get_mut(id) {
                setup.status = Status::RequiresAction;
                setup.method = Some(method.to_owned());
                setup.decline = None;
            }
            tell(call, id, "setup_intent.requires_action")
        }
        Behaviour::Pays | Behaviour::PaysThenDisputes | Behaviour::DeclinesWhenCharged => save(call, id, method),
        Behaviour::Declines
        | Behaviour::LacksFunds
        | Behaviour::IsLost
        | Behaviour::IsExpired
        | Behaviour::CvcIsWrong => match cards::decline_of(behaviour, method) {
            Some(decline) => fail(call, id, decline),
            None => save(call, id, method),
        },
    }
}

fn save(call: &mut Call, id: &str, method: &str) -> Result<Value, Refusal> {
    let customer = find(call, id)?.customer.clone();
    if let Some(setup) = call.books.setups.get_mut(id) {
        setup.status = Status::Succeeded;
        setup.method = Some(method.to_owned());
        setup.decline = None;
    }
    if let Some(customer) = customer {
        methods::save(call, method, &customer);
    }
    if let Some(found) = call.books.methods.get_mut(method) {
        found.set_up = true;
    }
    tell(call, id, "setup_intent.succeeded")
}

/// The intent waits for another card. Always an error.
fn fail(call: &mut Call, id: &str, decline: Decline) -> Result<Value, Refusal> {
    if let Some(setup) = call.books.setups.get_mut(id) {
        setup.status = Status::RequiresPaymentMethod;
        setup.method = None;
        setup.decline = Some(decline.clone());
    }
    let shown = tell(call, id, "setup_intent.setup_failed")?;
    let method = wire::method_of(call.books, &decline.method);
    Err(Refusal::declined(&decline, method).about("setup_intent", shown))
}

fn find<'a>(call: &'a Call, id: &str) -> Result<&'a Setup, Refusal> {
    call.books.setups.get(id).ok_or_else(|| Refusal::missing("setup_intent", id, "id"))
}

fn show(call: &Call, id: &str) -> Result<Value, Refusal> {
    Ok(wire::setup(call.books, call.base, find(call, id)?))
}

fn tell(call: &mut Call, id: &str, kind: &str) -> Result<Value, Refusal> {
    let shown = show(call, id)?;
    call.books.tell(call.now_s, kind, shown.clone());
    Ok(shown)
}

fn unexpected(call: &Call, id: &str) -> Refusal {
    let message = "This SetupIntent's status does not allow this: see the intent.";
    let refusal = Refusal::state("setup_intent_unexpected_state", message);
    match show(call, id) {
        Ok(shown) => refusal.about("setup_intent", shown),
        Err(missing) => missing,
    }
}
