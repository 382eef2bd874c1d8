//! Customers.

use super::calls::Call;
use super::model::Customer;
use super::refusal::Refusal;
use super::wire;
use serde_json::Value;

/// `POST /v1/customers`
pub fn create(call: &mut Call) -> Result<Value, Refusal> {
    call.params.only(&["email", "name", "phone", "description", "metadata"])?;
    call.books.room()?;
    let customer = Customer {
        id: call.books.id("cus"),
        created: call.now_s,
        email: call.params.kept("email"),
        name: call.params.kept("name"),
        phone: call.params.kept("phone"),
        description: call.params.kept("description"),
        metadata: call.params.metadata()?,
    };
    let shown = wire::customer(&customer);
    call.books.customers.insert(customer.id.clone(), customer);
    Ok(shown)
}

/// `GET /v1/customers/{id}`
pub fn retrieve(call: &mut Call, id: &str) -> Result<Value, Refusal> {
    let customer = call.books.customers.get(id).ok_or_else(|| Refusal::missing("customer", id, "id"))?;
    Ok(wire::customer(customer))
}

/// The customer named by a parameter, if one is.
pub fn named(call: &Call) -> Result<Option<String>, Refusal> {
    match call.params.text("customer") {
        Some(id) if !call.books.customers.contains_key(id) => Err(Refusal::missing("customer", id, "customer")),
        id => Ok(id.map(str::to_owned)),
    }
}
