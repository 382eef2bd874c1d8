//! Errors as Stripe tells them.

use super::model::Decline;
use serde_json::{Map, Value, json};

/// A call that was not done, or a payment that was not made.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    error: Map<String, Value>,
}

impl Refusal {
    fn new(status: u16, kind: &str, message: impl Into<String>) -> Refusal {
        let mut error = Map::new();
        error.insert("type".into(), kind.into());
        error.insert("message".into(), message.into().into());
        Refusal { status, error }
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Refusal {
        self.error.insert(name.into(), value.into());
        self
    }

    /// A parameter is wrong.
    pub fn invalid(param: impl Into<String>, message: impl Into<String>) -> Refusal {
        Refusal::new(400, "invalid_request_error", message).with("param", param.into())
    }

    /// The object is in no state for this.
    pub fn state(code: &str, message: impl Into<String>) -> Refusal {
        Refusal::new(400, "invalid_request_error", message).code(code)
    }

    /// There is no such object.
    pub fn missing(what: &str, id: &str, param: &str) -> Refusal {
        // Foreign text is repeated only as far as an id goes.
        let id: String = id.chars().take(64).collect();
        let status = if param == "id" { 404 } else { 400 };
        let refusal = Refusal::new(status, "invalid_request_error", format!("No such {what}: '{id}'"));
        refusal.code("resource_missing").with("param", param)
    }

    /// There is no such call.
    pub fn no_call() -> Refusal {
        Refusal::new(404, "invalid_request_error", "Unrecognized request URL: the sandbox does not speak this call.")
    }

    /// The key is not ours, or not for this.
    pub fn key(message: &str) -> Refusal {
        Refusal::new(401, "invalid_request_error", message)
    }

    /// An idempotency key was used for something else before.
    pub fn reused() -> Refusal {
        let message =
            "Keys for idempotent requests can only be used with the same parameters they were first used with.";
        Refusal::new(400, "idempotency_error", message)
    }

    /// There is no room for more objects.
    pub fn full() -> Refusal {
        Refusal::new(400, "invalid_request_error", "The sandbox is full: remove its file and start again.")
    }

    /// The body is longer than it may be, or broke off.
    pub fn too_long() -> Refusal {
        Refusal::new(413, "invalid_request_error", "The body cannot be read or is too long.")
    }

    /// A mishap that a test asked for.
    pub fn trouble() -> Refusal {
        Refusal::new(503, "api_error", "The sandbox was told to be in trouble.")
    }

    /// The books could not be written.
    pub fn unkept() -> Refusal {
        Refusal::new(500, "api_error", "The sandbox could not write its file.")
    }

    /// A card was typed wrong.
    pub fn card(code: &str, param: &str, message: &str) -> Refusal {
        Refusal::new(402, "card_error", message).code(code).with("param", param)
    }

    /// A card was declined; with what came of the intent.
    pub fn declined(decline: &Decline, method: Value) -> Refusal {
        Refusal { status: 402, error: error_of(decline, method) }
    }

    /// Adds the code for machines.
    pub fn code(self, code: &str) -> Refusal {
        self.with("code", code)
    }

    /// Adds an object that this is about.
    pub fn about(self, name: &str, object: Value) -> Refusal {
        self.with(name, object)
    }

    /// The body.
    pub fn body(&self) -> Value {
        json!({ "error": self.error })
    }
}

/// A decline as in `last_payment_error` and in errors.
pub fn error_of(decline: &Decline, method: Value) -> Map<String, Value> {
    let mut error = Map::new();
    error.insert("type".into(), decline.kind().into());
    error.insert("code".into(), decline.code.clone().into());
    if let Some(code) = &decline.decline_code {
        error.insert("decline_code".into(), code.clone().into());
    }
    if let Some(charge) = &decline.charge {
        error.insert("charge".into(), charge.clone().into());
    }
    error.insert("doc_url".into(), format!("https://docs.stripe.com/error-codes#{}", decline.code).into());
    error.insert("message".into(), decline.message.clone().into());
    error.insert("payment_method".into(), method);
    error
}
