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

use super::calls::{Call, Caller};
use super::customers;
use super::methods;
use super::model::*;
use super::refusal::Refusal;
use super::wire;
use serde_json::Value;

/// Least and largest amount, minor units.
const AMOUNT_MIN: i64 = 50;
const AMOUNT_MAX: i64 = 99_999_999;
/// Longest address to come back to, bytes.
const RETURN_URL_BYTES_MAX: usize = 2_048;

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
    let method = call.params.kept("payment_method");
    if let Some(id) = &method {
        methods::usable(methods::find(call, id, "payment_method")?, customer.as_deref())?;
    }
    if confirm && method.is_none() {
        return Err(no_method());
    }
    if confirm {
        way_back(call, redirects(call)?, None)?;
    }
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

/// Uses the card.
fn attempt(call: &mut Call, id: &str, method: &str, off_session: bool) -> Result<Value, Refusal> {
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
fn pay(call: &mut Call, id: &str, method: &str, authenticated: bool) -> Result<Value, Refusal> {
    let behaviour = methods::find(call, method, "payment_method")?.card.behaviour;
    if let Some(decline) = decline_of(behaviour, method) {
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
        dispute(call, &charge);
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
fn fail(call: &mut Call, id: &str, decline: Decline) -> Result<Value, Refusal> {
    if let Some(intent) = call.books.intents.get_mut(id) {
        intent.status = Status::RequiresPaymentMethod;
        intent.method = None;
        intent.decline = Some(decline.clone());
    }
    let shown = tell(call, id, "payment_intent.payment_failed")?;
    let method = wire::method_of(call.books, &decline.method);
    Err(Refusal::declined(&decline, method).about("payment_intent", shown))
}

fn dispute(call: &mut Call, charge: &str) {
    let id = call.books.id("dp");
    let now_s = call.now_s;
    let Some(charge) = call.books.charges.get_mut(charge) else { return };
    charge.disputed = true;
    let dispute = Dispute {
        id: id.clone(),
        created: now_s,
        charge: charge.id.clone(),
        intent: charge.intent.clone(),
        amount: charge.amount,
        currency: charge.currency.clone(),
    };
    let shown = wire::dispute(&dispute);
    call.books.disputes.insert(id, dispute);
    call.books.tell(now_s, "charge.dispute.created", shown);
}

/// Why this card does not pay.
pub fn decline_of(behaviour: Behaviour, method: &str) -> Option<Decline> {
    let (code, decline_code, message) = match behaviour {
        Behaviour::Pays | Behaviour::PaysThenDisputes | Behaviour::AsksUntilSetUp | Behaviour::AsksAlways => {
            return None;
        }
        Behaviour::Declines | Behaviour::DeclinesWhenCharged => {
            ("card_declined", Some("generic_decline"), "Your card was declined.")
        }
        Behaviour::LacksFunds => ("card_declined", Some("insufficient_funds"), "Your card has insufficient funds."),
        Behaviour::IsLost => ("card_declined", Some("lost_card"), "Your card was declined."),
        Behaviour::IsExpired => ("expired_card", None, "Your card has expired."),
        Behaviour::CvcIsWrong => ("incorrect_cvc", None, "Your card's security code is incorrect."),
    };
    Some(Decline {
        code: code.into(),
        decline_code: decline_code.map(str::to_owned),
        message: message.into(),
        method: method.to_owned(),
        charge: None,
    })
}

fn find<'a>(call: &'a Call, id: &str) -> Result<&'a Intent, Refusal> {
    call.books.intents.get(id).ok_or_else(|| Refusal::missing("payment_intent", id, "id"))
}

fn show(call: &Call, id: &str) -> Result<Value, Refusal> {
    Ok(wire::intent(call.books, call.base, find(call, id)?))
}

/// Shows it to the caller and to who listens.
fn tell(call: &mut Call, id: &str, kind: &str) -> Result<Value, Refusal> {
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

/// A confirmation without a card.
pub fn no_method() -> Refusal {
    let message = "You cannot confirm this intent because it's missing a payment method.";
    Refusal::invalid("payment_method", message).code("parameter_missing")
}

/// Opens one intent to a browser.
pub fn client_secret(id: &str) -> String {
    format!("{id}_secret_{}", uuid::Uuid::new_v4().simple())
}

fn amount(call: &Call) -> Result<i64, Refusal> {
    call.params.needed("amount")?;
    let amount = call.params.number("amount")?.unwrap_or_default();
    let wrong = |code: &str, message: &str| Err(Refusal::invalid("amount", message).code(code));
    match amount {
        ..=0 => wrong("parameter_invalid_integer", "This value must be greater than or equal to 1."),
        1..AMOUNT_MIN => wrong("amount_too_small", "Amount must be at least 50 minor units."),
        AMOUNT_MIN..=AMOUNT_MAX => Ok(amount),
        _ => wrong("amount_too_large", "Amount must be no more than 99999999 minor units."),
    }
}

fn currency(call: &Call) -> Result<String, Refusal> {
    let currency = call.params.needed("currency")?.to_ascii_lowercase();
    match currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_lowercase()) {
        true => Ok(currency),
        false => Err(Refusal::invalid("currency", "Invalid currency: three letters are needed.")),
    }
}

/// Whether methods that lead the holder away are allowed: yes if nothing else is said.
pub fn redirects(call: &Call) -> Result<bool, Refusal> {
    let name = "automatic_payment_methods[allow_redirects]";
    let word = call.params.word(name, &["always", "never"])?;
    Ok(word.as_deref() != Some("never") && call.params.text("payment_method_types[0]").is_none())
}

/// Whoever confirms from a server says where the holder comes back to, if a method may lead them away.
pub fn way_back(call: &Call, redirects: bool, kept: Option<&str>) -> Result<(), Refusal> {
    if !redirects || call.caller == Caller::Browser || kept.is_some() || call.params.text("return_url").is_some() {
        return Ok(());
    }
    let message = "Because some payment methods might redirect your customer off of your page, you must provide a \
                   `return_url`, or set `automatic_payment_methods[allow_redirects]` to `never`.";
    Err(Refusal::invalid("return_url", message))
}

/// Where the holder comes back to: a web address.
pub fn return_url(call: &Call) -> Result<Option<String>, Refusal> {
    let Some(text) = call.params.text("return_url") else { return Ok(None) };
    let is_web = |url: &url::Url| matches!(url.scheme(), "http" | "https");
    match url::Url::parse(text).ok().filter(is_web) {
        Some(url) if text.len() <= RETURN_URL_BYTES_MAX => Ok(Some(url.into())),
        Some(_) | None => Err(Refusal::invalid("return_url", "Not a valid URL").code("url_invalid")),
    }
}
