//! What is said of a payment or a setup: how much, and where its holder comes back to.

use super::calls::{Call, Caller};
use super::refusal::Refusal;

/// Least and largest amount, minor units.
const AMOUNT_MIN: i64 = 50;
const AMOUNT_MAX: i64 = 99_999_999;
/// Longest address to come back to, bytes.
const RETURN_URL_BYTES_MAX: usize = 2_048;

/// A confirmation without a card.
pub fn no_method() -> Refusal {
    let message = "You cannot confirm this intent because it's missing a payment method.";
    Refusal::invalid("payment_method", message).code("parameter_missing")
}

/// Opens one intent to a browser.
pub fn client_secret(id: &str) -> String {
    format!("{id}_secret_{}", uuid::Uuid::new_v4().simple())
}

/// What is asked for.
pub fn amount(call: &Call) -> Result<i64, Refusal> {
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

/// In which currency.
pub fn currency(call: &Call) -> Result<String, Refusal> {
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
