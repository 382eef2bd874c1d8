//! Payment methods: made from a card as the Payment Element would, saved for a customer, taken away again.

use super::calls::Call;
use super::cards;
use super::model::Method;
use super::refusal::Refusal;
use super::terms::{no_method, redirects, way_back};
use super::wire;
use serde_json::Value;

/// `POST /v1/payment_methods`
pub fn create(call: &mut Call) -> Result<Value, Refusal> {
    call.params.only(&["type", "card", "billing_details", "metadata", "allow_redisplay"])?;
    call.books.room()?;
    if call.params.needed("type")? != "card" {
        return Err(Refusal::invalid("type", "The sandbox takes cards only."));
    }
    let method = Method {
        id: call.books.id("pm"),
        created: call.now_s,
        customer: None,
        card: cards::read(&call.params, call.now_s)?,
        name: call.params.kept("billing_details[name]"),
        email: call.params.kept("billing_details[email]"),
        metadata: call.params.metadata()?,
        set_up: false,
        spent: false,
    };
    let shown = wire::method(&method);
    call.books.methods.insert(method.id.clone(), method);
    Ok(shown)
}

/// `GET /v1/payment_methods/{id}`
pub fn retrieve(call: &mut Call, id: &str) -> Result<Value, Refusal> {
    Ok(wire::method(find(call, id, "id")?))
}

/// `GET /v1/customers/{id}/payment_methods`
pub fn of_customer(call: &mut Call, customer: &str) -> Result<Value, Refusal> {
    call.params.only(&["type", "limit", "starting_after", "ending_before", "allow_redisplay"])?;
    if !call.books.customers.contains_key(customer) {
        return Err(Refusal::missing("customer", customer, "id"));
    }
    call.page(&call.books.methods, |one| one.customer.as_deref() == Some(customer), |one| one.created, wire::method)
}

/// `POST /v1/payment_methods/{id}/attach`
pub fn attach(call: &mut Call, id: &str) -> Result<Value, Refusal> {
    call.params.only(&["customer"])?;
    let customer = call.params.needed("customer")?.to_owned();
    super::customers::named(call)?;
    let method = find(call, id, "id")?;
    if method.customer.as_ref().is_some_and(|owner| *owner != customer) {
        return Err(Refusal::invalid("payment_method", "The payment method is already attached to another customer."));
    }
    usable(method, Some(&customer))?;
    save(call, id, &customer);
    retrieve(call, id)
}

/// `POST /v1/payment_methods/{id}/detach`
pub fn detach(call: &mut Call, id: &str) -> Result<Value, Refusal> {
    call.params.only(&[])?;
    if find(call, id, "id")?.customer.is_none() {
        let message = "The payment method you provided is not attached to a customer so detachment is impossible.";
        return Err(Refusal::invalid("payment_method", message));
    }
    if let Some(method) = call.books.methods.get_mut(id) {
        method.customer = None;
        method.spent = true;
    }
    retrieve(call, id)
}

/// The method with this id.
pub fn find<'a>(call: &'a Call, id: &str, param: &str) -> Result<&'a Method, Refusal> {
    call.books.methods.get(id).ok_or_else(|| Refusal::missing("PaymentMethod", id, param))
}

/// Whether a method may be used by this customer, or by nobody in particular.
pub fn usable(method: &Method, customer: Option<&str>) -> Result<(), Refusal> {
    let wrong = |message: &str| Err(Refusal::invalid("payment_method", message));
    match (&method.customer, customer) {
        (Some(owner), Some(customer)) if owner == customer => Ok(()),
        (Some(_), Some(_)) => wrong("The payment method does not belong to this customer."),
        (Some(_), None) => wrong("The payment method belongs to a customer: name the customer as well."),
        (None, _) if method.spent => wrong(
            "This PaymentMethod was previously used without being attached to a Customer or was detached from one.",
        ),
        (None, _) => Ok(()),
    }
}

/// Makes it the customer's.
pub fn save(call: &mut Call, id: &str, customer: &str) {
    if let Some(method) = call.books.methods.get_mut(id) {
        method.customer = Some(customer.to_owned());
    }
}

/// The method that a new intent is made with, if it names one; it needs one, and a way back, to be confirmed at once.
pub fn given(call: &Call, customer: Option<&str>, confirm: bool) -> Result<Option<String>, Refusal> {
    let method = call.params.kept("payment_method");
    if let Some(id) = &method {
        usable(find(call, id, "payment_method")?, customer)?;
    }
    if confirm && method.is_none() {
        return Err(no_method());
    }
    if confirm {
        way_back(call, redirects(call)?, None)?;
    }
    Ok(method)
}
