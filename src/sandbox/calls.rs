//! Which call is whose.

use super::books::Books;
use super::form::Params;
use super::refusal::Refusal;
use super::{balance, customers, disputes, events, methods, payments, refunds, setups, wire};
use serde_json::Value;
use std::collections::BTreeMap;

/// Objects on a page, and how many there are if nothing is said.
const PAGE_MAX: i64 = 100;
const PAGE: i64 = 10;

/// What calls may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Get,
    Post,
}

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// With the secret key.
    Server,
    /// With the publishable key: may make a payment method, and see and confirm the one intent whose secret it has.
    Browser,
}

/// One call, while the books are held.
pub struct Call<'a> {
    pub books: &'a mut Books,
    pub params: Params,
    pub caller: Caller,
    /// Unix time, s.
    pub now_s: i64,
    /// Where browsers reach the sandbox, without a slash at its end.
    pub base: &'a str,
    /// As it was asked for.
    pub path: &'a str,
}

impl Call<'_> {
    /// One page of a list, the youngest first: `limit`, `starting_after`, `created[gte]` and so on.
    pub fn page<T>(
        &self,
        all: &BTreeMap<String, T>,
        is_asked: impl Fn(&T) -> bool,
        created: impl Fn(&T) -> i64,
        show: impl Fn(&T) -> Value,
    ) -> Result<Value, Refusal> {
        let limit = self.params.number("limit")?.unwrap_or(PAGE);
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(Refusal::invalid("limit", "limit must be between 1 and 100."));
        }
        if self.params.text("ending_before").is_some() {
            return Err(Refusal::invalid("ending_before", "The sandbox pages forward only."));
        }
        let (gt, gte) = (self.params.number("created[gt]")?, self.params.number("created[gte]")?);
        let (lt, lte) = (self.params.number("created[lt]")?, self.params.number("created[lte]")?);
        let exact = self.params.number("created")?;
        let in_time = |at: i64| {
            gt.is_none_or(|bound| at > bound)
                && gte.is_none_or(|bound| at >= bound)
                && lt.is_none_or(|bound| at < bound)
                && lte.is_none_or(|bound| at <= bound)
                && exact.is_none_or(|exact| at == exact)
        };
        let after = self.params.text("starting_after");
        let after = after.map(|id| id.to_owned());
        let older = match after {
            Some(id) => all.range(..id),
            None => all.range::<String, _>(..),
        };
        let asked = older.rev().map(|(_, one)| one).filter(|one| is_asked(one) && in_time(created(one)));
        let limit = usize::try_from(limit).unwrap_or_default();
        let mut data: Vec<Value> = asked.take(limit + 1).map(show).collect();
        let has_more = data.len() > limit;
        data.truncate(limit);
        Ok(wire::list(self.path, data, has_more))
    }
}

/// Answers a call.
pub fn answer(call: &mut Call, verb: Verb) -> Result<Value, Refusal> {
    let path = call.path;
    let parts: Vec<&str> = path.strip_prefix("/v1/").unwrap_or_default().split('/').collect();
    if call.caller == Caller::Browser {
        return for_browser(call, verb, &parts);
    }
    match (verb, parts.as_slice()) {
        (Verb::Post, ["customers"]) => customers::create(call),
        (Verb::Get, ["customers", id]) => customers::retrieve(call, id),
        (Verb::Get, ["customers", id, "payment_methods"]) => methods::of_customer(call, id),
        (Verb::Post, ["payment_methods"]) => methods::create(call),
        (Verb::Get, ["payment_methods", id]) => methods::retrieve(call, id),
        (Verb::Post, ["payment_methods", id, "attach"]) => methods::attach(call, id),
        (Verb::Post, ["payment_methods", id, "detach"]) => methods::detach(call, id),
        (Verb::Post, ["payment_intents"]) => payments::create(call),
        (Verb::Get, ["payment_intents"]) => payments::list(call),
        (Verb::Get, ["payment_intents", id]) => payments::retrieve(call, id),
        (Verb::Post, ["payment_intents", id, "confirm"]) => payments::confirm(call, id),
        (Verb::Post, ["payment_intents", id, "cancel"]) => payments::cancel(call, id),
        (Verb::Post, ["setup_intents"]) => setups::create(call),
        (Verb::Get, ["setup_intents", id]) => setups::retrieve(call, id),
        (Verb::Post, ["setup_intents", id, "confirm"]) => setups::confirm(call, id),
        (Verb::Post, ["refunds"]) => refunds::create(call),
        (Verb::Get, ["refunds"]) => refunds::list(call),
        (Verb::Get, ["refunds", id]) => refunds::retrieve(call, id),
        (Verb::Get, ["charges", id]) => events::charge(call, id),
        (Verb::Get, ["disputes"]) => disputes::list(call),
        (Verb::Get, ["disputes", id]) => disputes::retrieve(call, id),
        (Verb::Post, ["disputes", id]) => disputes::update(call, id),
        (Verb::Post, ["disputes", id, "close"]) => disputes::close(call, id),
        (Verb::Get, ["balance"]) => balance::retrieve(call),
        (Verb::Get, ["events"]) => events::list(call),
        (Verb::Get, ["events", id]) => events::retrieve(call, id),
        _ => Err(Refusal::no_call()),
    }
}

fn for_browser(call: &mut Call, verb: Verb, parts: &[&str]) -> Result<Value, Refusal> {
    match (verb, parts) {
        (Verb::Post, ["payment_methods"]) => methods::create(call),
        (Verb::Get, ["payment_intents", id]) if opens(call, id) => payments::retrieve(call, id),
        (Verb::Post, ["payment_intents", id, "confirm"]) if opens(call, id) => payments::confirm(call, id),
        (Verb::Get, ["setup_intents", id]) if opens(call, id) => setups::retrieve(call, id),
        (Verb::Post, ["setup_intents", id, "confirm"]) if opens(call, id) => setups::confirm(call, id),
        _ => Err(Refusal::key("This API call cannot be made with a publishable API key.").code("secret_key_required")),
    }
}

/// Whether the caller has the secret of this intent.
pub fn opens(call: &Call, id: &str) -> bool {
    use subtle::ConstantTimeEq;
    let payment = call.books.intents.get(id).map(|one| &one.client_secret);
    let secret = payment.or_else(|| call.books.setups.get(id).map(|one| &one.client_secret));
    let given = call.params.text("client_secret").unwrap_or_default();
    secret.is_some_and(|secret| secret.as_bytes().ct_eq(given.as_bytes()).into())
}
