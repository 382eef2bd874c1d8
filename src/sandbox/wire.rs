//! Objects as Stripe shows them: every field that Stripe requires is there, so that strict readers can read them.

use super::books::Books;
use super::model::*;
use super::refusal::error_of;
use serde_json::{Map, Value, json};

/// How long a dispute can be answered, s.
const EVIDENCE_S: i64 = 7 * 24 * 60 * 60;
/// Fields of a charge that we have nothing to say in.
const CHARGE_NEVER: [&str; 18] = [
    "application",
    "application_fee",
    "application_fee_amount",
    "balance_transaction",
    "failure_balance_transaction",
    "on_behalf_of",
    "receipt_email",
    "receipt_number",
    "receipt_url",
    "review",
    "shipping",
    "source",
    "source_transfer",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer",
    "transfer_data",
    "transfer_group",
];

pub fn customer(one: &Customer) -> Value {
    json!({
        "id": one.id, "object": "customer", "created": one.created, "livemode": false,
        "address": null, "balance": 0, "currency": null, "default_source": null, "delinquent": false,
        "description": one.description, "discount": null, "email": one.email,
        "invoice_prefix": one.id.get(4..12).unwrap_or_default().to_uppercase(),
        "invoice_settings": {
            "custom_fields": null, "default_payment_method": null, "footer": null, "rendering_options": null,
        },
        "metadata": one.metadata, "name": one.name, "next_invoice_sequence": 1, "phone": one.phone,
        "preferred_locales": [], "shipping": null, "tax_exempt": "none", "test_clock": null,
    })
}

fn billing_details(one: &Method) -> Value {
    json!({
        "address": {
            "city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null,
        },
        "email": one.email, "name": one.name, "phone": null, "tax_id": null,
    })
}

fn checks(card: &Card) -> Value {
    let cvc = if card.has_cvc { Some("pass") } else { None };
    json!({ "address_line1_check": null, "address_postal_code_check": null, "cvc_check": cvc })
}

pub fn method(one: &Method) -> Value {
    let card = &one.card;
    json!({
        "id": one.id, "object": "payment_method", "created": one.created, "livemode": false,
        "allow_redisplay": "unspecified", "billing_details": billing_details(one), "customer": one.customer,
        "metadata": one.metadata, "type": "card",
        "card": {
            "brand": card.brand, "checks": checks(card), "country": "US", "display_brand": card.brand,
            "exp_month": card.exp_month, "exp_year": card.exp_year, "fingerprint": fingerprint(card),
            "funding": "credit", "generated_from": null, "last4": card.last4,
            "networks": { "available": [card.brand], "preferred": null }, "regulated_status": "unregulated",
            "three_d_secure_usage": { "supported": true }, "wallet": null,
        },
    })
}

/// The same for each method made from one card.
fn fingerprint(card: &Card) -> String {
    format!("sandbox{}{}", card.brand, card.last4)
}

fn decline(books: &Books, decline: &Option<Decline>) -> Value {
    match decline {
        None => Value::Null,
        Some(decline) => error_of(decline, method_of(books, &decline.method)).into(),
    }
}

/// The method with this id; null if it is gone.
pub fn method_of(books: &Books, id: &str) -> Value {
    books.methods.get(id).map_or(Value::Null, method)
}

/// Where the holder answers the card's question.
fn next_action(base: &str, id: &str, client_secret: &str, return_url: &Option<String>) -> Value {
    let url = format!("{base}/sandbox/authenticate/{id}?client_secret={client_secret}");
    match return_url {
        Some(return_url) => {
            json!({ "type": "redirect_to_url", "redirect_to_url": { "url": url, "return_url": return_url } })
        }
        None => json!({
            "type": "use_stripe_sdk",
            "use_stripe_sdk": { "type": "three_d_secure_redirect", "stripe_js": url },
        }),
    }
}

fn allow_redirects(are_allowed: bool) -> &'static str {
    if are_allowed { "always" } else { "never" }
}

pub fn intent(books: &Books, base: &str, one: &Intent) -> Value {
    let asks = one.status == Status::RequiresAction;
    let next_action = if asks { next_action(base, &one.id, &one.client_secret, &one.return_url) } else { Value::Null };
    let received = if one.status == Status::Succeeded { one.amount } else { 0 };
    json!({
        "id": one.id, "object": "payment_intent", "created": one.created, "livemode": false,
        "amount": one.amount, "amount_capturable": 0, "amount_details": { "tip": {} }, "amount_received": received,
        "application": null, "application_fee_amount": null,
        "automatic_payment_methods": { "allow_redirects": allow_redirects(one.redirects), "enabled": true },
        "canceled_at": one.canceled_at, "cancellation_reason": one.cancellation_reason,
        "capture_method": "automatic_async", "client_secret": one.client_secret, "confirmation_method": "automatic",
        "currency": one.currency, "customer": one.customer, "description": one.description,
        "last_payment_error": decline(books, &one.decline), "latest_charge": one.charge, "metadata": one.metadata,
        "next_action": next_action, "on_behalf_of": null, "payment_method": one.method,
        "payment_method_configuration_details": null,
        "payment_method_options": {
            "card": {
                "installments": null, "mandate_options": null, "network": null, "request_three_d_secure": "automatic",
            },
        },
        "payment_method_types": ["card"], "processing": null, "receipt_email": one.receipt_email, "review": null,
        "setup_future_usage": one.setup_future_usage, "shipping": null, "source": null, "statement_descriptor": null,
        "statement_descriptor_suffix": null, "status": one.status, "transfer_data": null, "transfer_group": null,
    })
}

pub fn setup(books: &Books, base: &str, one: &Setup) -> Value {
    let asks = one.status == Status::RequiresAction;
    let next_action = if asks { next_action(base, &one.id, &one.client_secret, &one.return_url) } else { Value::Null };
    json!({
        "id": one.id, "object": "setup_intent", "created": one.created, "livemode": false, "application": null,
        "automatic_payment_methods": { "allow_redirects": allow_redirects(one.redirects), "enabled": true }, "cancellation_reason": null,
        "client_secret": one.client_secret, "customer": one.customer, "description": one.description,
        "flow_directions": null, "last_setup_error": decline(books, &one.decline), "latest_attempt": null,
        "mandate": null, "metadata": one.metadata, "next_action": next_action, "on_behalf_of": null,
        "payment_method": one.method, "payment_method_configuration_details": null,
        "payment_method_options": {
            "card": { "mandate_options": null, "network": null, "request_three_d_secure": "automatic" },
        },
        "payment_method_types": ["card"], "single_use_mandate": null, "status": one.status, "usage": one.usage,
    })
}

pub fn charge(books: &Books, one: &Charge) -> Value {
    let paid = one.decline.is_none();
    let method = books.methods.get(&one.method);
    let failure = one.decline.as_ref();
    let outcome = match failure {
        None => json!({
            "network_status": "approved_by_network", "reason": null, "risk_level": "normal",
            "seller_message": "Payment complete.", "type": "authorized",
        }),
        Some(decline) => json!({
            "network_status": "declined_by_network", "reason": decline.decline_code, "risk_level": "normal",
            "seller_message": "The bank did not return any further details with this decline.",
            "type": "issuer_declined",
        }),
    };
    let details = method.map(|method| {
        let card = &method.card;
        json!({
            "type": "card",
            "card": {
                "amount_authorized": one.amount, "brand": card.brand, "checks": checks(card), "country": "US",
                "exp_month": card.exp_month, "exp_year": card.exp_year, "fingerprint": fingerprint(card),
                "funding": "credit", "installments": null, "last4": card.last4, "mandate": null,
                "network": card.brand, "three_d_secure": null, "wallet": null,
            },
        })
    });
    let mut shown = json!({
        "id": one.id, "object": "charge", "created": one.created, "livemode": false,
        "amount": one.amount, "amount_captured": if paid { one.amount } else { 0 }, "amount_refunded": one.refunded,
        "billing_details": method.map(billing_details).unwrap_or_else(|| json!({})),
        "calculated_statement_descriptor": "BACKSTAGE PASS", "captured": paid, "currency": one.currency,
        "customer": one.customer, "description": one.description, "disputed": one.disputed,
        "failure_code": failure.map(|decline| &decline.code),
        "failure_message": failure.map(|decline| &decline.message), "fraud_details": {}, "metadata": one.metadata,
        "outcome": outcome, "paid": paid, "payment_intent": one.intent, "payment_method": one.method,
        "payment_method_details": details, "refunded": paid && one.refunded == one.amount,
        "status": if paid { "succeeded" } else { "failed" },
    });
    for never in CHARGE_NEVER {
        shown[never] = Value::Null;
    }
    shown
}

pub fn refund(one: &Refund) -> Value {
    json!({
        "id": one.id, "object": "refund", "created": one.created, "amount": one.amount, "balance_transaction": null,
        "charge": one.charge, "currency": one.currency,
        "destination_details": {
            "type": "card",
            "card": { "reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund" },
        },
        "metadata": one.metadata, "payment_intent": one.intent, "reason": one.reason, "receipt_number": null,
        "source_transfer_reversal": null, "status": "succeeded", "transfer_reversal": null,
    })
}

/// Currency and minor units.
pub fn balance(held: impl IntoIterator<Item = (impl AsRef<str>, i64)>) -> Value {
    let available = held.into_iter().map(
        |(currency, amount)| json!({ "amount": amount, "currency": currency.as_ref(), "source_types": { "card": amount } }),
    );
    json!({ "object": "balance", "available": available.collect::<Vec<_>>(), "livemode": false, "pending": [] })
}

pub fn dispute(one: &Dispute) -> Value {
    let is_closed = one.status != DisputeStatus::NeedsResponse;
    json!({
        "id": one.id, "object": "dispute", "created": one.created, "livemode": false, "amount": one.amount,
        "balance_transactions": [], "charge": one.charge, "currency": one.currency, "enhanced_eligibility_types": [],
        "evidence": { "enhanced_evidence": {} },
        "evidence_details": {
            "due_by": one.created + EVIDENCE_S, "enhanced_eligibility": {}, "has_evidence": is_closed, "past_due": false,
            "submission_count": i32::from(is_closed),
        },
        "is_charge_refundable": false, "metadata": {}, "network_reason_code": "10.4", "payment_intent": one.intent,
        "payment_method_details": {
            "type": "card", "card": { "brand": "visa", "case_type": "chargeback", "network": "visa", "network_reason_code": "10.4" },
        },
        "reason": "fraudulent", "status": one.status,
    })
}

pub fn event(one: &Event, pending: u32) -> Value {
    json!({
        "id": one.id, "object": "event", "api_version": super::API_VERSION, "created": one.created,
        "data": { "object": one.object }, "livemode": false, "pending_webhooks": pending,
        "request": { "id": null, "idempotency_key": one.idempotency_key }, "type": one.kind,
    })
}

/// A page of a list.
pub fn list(path: &str, data: Vec<Value>, has_more: bool) -> Value {
    json!({ "object": "list", "url": path, "has_more": has_more, "data": data })
}

/// What a browser may see of an object: with the publishable key, nobody's address and no notes of the application.
pub fn for_browser(value: &mut Value) {
    match value {
        Value::Object(fields) => browser_fields(fields),
        Value::Array(values) => values.iter_mut().for_each(for_browser),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn browser_fields(fields: &mut Map<String, Value>) {
    for hidden in ["metadata", "customer", "latest_charge"] {
        if let Some(value) = fields.get_mut(hidden) {
            *value = if hidden == "metadata" { json!({}) } else { Value::Null };
        }
    }
    fields.values_mut().for_each(for_browser);
}
