//! Payment intents.
//!
//! | from | by | to |
//! |---|---|---|
//! | requires_payment_method, requires_confirmation, requires_action | confirm, the card pays | succeeded |
//! | the same | confirm, the card asks for its holder | requires_action |
//! | the same | confirm, the card is declined | requires_payment_method |
//! | requires_action | the holder agrees | succeeded, or as above if the card is declined |
//! | requires_action | the holder fails | requires_payment_method |
//! | all but succeeded | cancel | canceled |

use super::calls::Call;
use super::model::*;
use super::refusal::Refusal;
use super::taking::{attempt, fail, pay};
use super::terms::*;
use super::{customers, methods, wire};
use serde_json::Value;

/// `POST /v1/payment_intents`
pub fn create(call: &mut Call) -> Result<Value, Refusal> {
    call.params.only(&[
        "amount",
        "currency",
        "customer",
        "description",
        "receipt_email",
        "metadata",
        "setup_future_usage",
        "automatic_payment_methods",
        "payment_method_types",
        "allowed_payment_method_types",
        "payment_method",
        "confirm",
        "off_session",
        "return_url",
        "use_stripe_sdk",
    ])?;
    call.books.room()?;
    let confirm = call.params.flag("confirm")?;
    let off_session = call.params.flag("off_session")?;
    if off_session && !confirm {
        return Err(Refusal::invalid("off_session", "off_session needs confirm=true."));
    }
    let amount = amount(call)?;
    let currency = currency(call)?;
    let customer = customers::named(call)?;
    let setup_future_usage = call.params.word("setup_future_usage", &["off_session", "on_session"])?;
    let method = methods::given(call, customer.as_deref(), confirm)?;
    let id = call.books.id("pi");
    let intent = Intent {
        client_secret: client_secret(&id),
        created: call.now_s,
        amount,
        currency,
        customer,
        description: call.params.kept("description"),
        receipt_email: call.params.kept("receipt_email"),
        metadata: call.params.metadata()?,
        setup_future_usage,
        status: if method.is_some() { Status::RequiresConfirmation } else { Status::RequiresPaymentMethod },
        method: method.clone(),
        charge: None,
        decline: None,
        redirects: redirects(call)?,
        return_url: return_url(call)?,
        canceled_at: None,
        cancellation_reason: None,
        id: id.clone(),
    };
    call.books.intents.insert(id.clone(), intent);
    match method {
        Some(method) if confirm => attempt(call, &id, &method, off_session),
        Some(_) | None => show(call, &id),
    }
}

/// `GET /v1/payment_intents/{id}`
pub fn retrieve(call: &mut Call, id: &str) -> Result<Value, Refusal> {
    show(call, id)
}

/// `GET /v1/payment_intents`
pub fn list(call: &mut Call) -> Result<Value, Refusal> {
    call.params.only(&["created", "customer", "limit", "starting_after", "ending_before"])?;
    let customer = customers::named(call)?;
    let is_asked = |one: &Intent| customer.is_none() || one.customer == customer;
    call.page(&call.books.intents, is_asked, |one| one.created, |one| wire::intent(call.books, call.base, one))
}

/// `POST /v1/payment_intents/{id}/confirm`
pub fn confirm(call: &mut Call, id: &str) -> Result<Value, Refusal> {
    call.params.only(&[
        "payment_method",
        "off_session",
        "return_url",
        "use_stripe_sdk",
        "setup_future_usage",
        "receipt_email",
    ])?;
    call.books.room()?;
    let intent = find(call, id)?;
    match intent.status {
        Status::RequiresPaymentMethod | Status::RequiresConfirmation | Status::RequiresAction => {}
        Status::Succeeded | Status::Canceled => return Err(unexpected(call, id)),
    }
    let method = call.params.kept("payment_method").or_else(|| intent.method.clone()).ok_or_else(no_method)?;
    methods::usable(methods::find(call, &method, "payment_method")?, intent.customer.as_deref())?;
    way_back(call, intent.redirects, intent.return_url.as_deref())?;
    let off_session = call.params.flag("off_session")?;
    let return_url = return_url(call)?;
    let usage = call.params.word("setup_future_usage", &["off_session", "on_session"])?;
    if let Some(intent) = call.books.intents.get_mut(id) {
        intent.return_url = return_url.or(intent.return_url.take());
        intent.setup_future_usage = usage.or(intent.setup_future_usage.take());
    }
    attempt(call, id, &method, off_session)
}

/// `POST /v1/payment_intents/{id}/cancel`
pub fn cancel(call: &mut Call, id: &str) -> Result<Value, Refusal> {
    call.params.only(&["cancellation_reason"])?;
    let known = ["duplicate", "fraudulent", "requested_by_customer", "abandoned"];
    let reason = call.params.word("cancellation_reason", &known)?;
    match find(call, id)?.status {
        Status::RequiresPaymentMethod | Status::RequiresConfirmation | Status::RequiresAction => {}
        Status::Succeeded | Status::Canceled => return Err(unexpected(call, id)),
    }
    let now_s = call.now_s;
    if let Some(intent) = call.books.intents.get_mut(id) {
        intent.status = Status::Canceled;
        intent.canceled_at = Some(now_s);
        intent.cancellation_reason = reason;
    }
    tell(call, id, "payment_intent.canceled")
}

/// The holder answered the card's question.
pub fn authenticate(call: &mut Call, id: &str, agrees: bool) -> Result<Value, Refusal> {
    let intent = find(call, id)?;
    let (Status::RequiresAction, Some(method)) = (intent.status, intent.method.clone()) else {
        return Err(unexpected(call, id));
    };
    if agrees {
        return pay(call, id, &method, true);
    }
    let decline = Decline {
        code: "payment_intent_authentication_failure".into(),
        decline_code: None,
        message: "The provided PaymentMethod has failed authentication.".into(),
        method,
        charge: None,
    };
    // The holder's own answer is no failed call: the intent says what came of it.
    fail(call, id, decline).or_else(|_| show(call, id))
}

/// The intent with this id.
pub fn find<'a>(call: &'a Call, id: &str) -> Result<&'a Intent, Refusal> {
    call.books.intents.get(id).ok_or_else(|| Refusal::missing("payment_intent", id, "id"))
}

fn show(call: &Call, id: &str) -> Result<Value, Refusal> {
    Ok(wire::intent(call.books, call.base, find(call, id)?))
}

/// Shows it to the caller and to who listens.
pub fn tell(call: &mut Call, id: &str, kind: &str) -> Result<Value, Refusal> {
    let shown = show(call, id)?;
    call.books.tell(call.now_s, kind, shown.clone());
    Ok(shown)
}

fn unexpected(call: &Call, id: &str) -> Refusal {
    let message = "This PaymentIntent's status does not allow this: see the intent.";
    let refusal = Refusal::state("payment_intent_unexpected_state", message);
    match show(call, id) {
        Ok(shown) => refusal.about("payment_intent", shown),
        Err(missing) => missing,
    }
}
