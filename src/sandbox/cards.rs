//! Stripe's test cards, and what they do: <https://docs.stripe.com/testing>. Any other number is refused, so that nobody
//! types a real one in vain.

use super::form::Params;
use super::model::{Behaviour, Card, Decline};
use super::refusal::Refusal;

/// How far ahead a card may expire, years.
const YEARS_MAX: i64 = 50;

const KNOWN: [(&str, &str, Behaviour); 12] = [
    ("4242424242424242", "visa", Behaviour::Pays),
    ("5555555555554444", "mastercard", Behaviour::Pays),
    ("378282246310005", "amex", Behaviour::Pays),
    ("4000000000000002", "visa", Behaviour::Declines),
    ("4000000000009995", "visa", Behaviour::LacksFunds),
    ("4000000000009987", "visa", Behaviour::IsLost),
    ("4000000000000069", "visa", Behaviour::IsExpired),
    ("4000000000000127", "visa", Behaviour::CvcIsWrong),
    ("4000000000000341", "visa", Behaviour::DeclinesWhenCharged),
    ("4000002500003155", "visa", Behaviour::AsksUntilSetUp),
    ("4000002760003184", "visa", Behaviour::AsksAlways),
    ("4000000000000259", "visa", Behaviour::PaysThenDisputes),
];

/// Reads `card[number]`, `card[exp_month]`, `card[exp_year]` and `card[cvc]`. Of the number only four digits are kept.
pub fn read(params: &Params, now_s: i64) -> Result<Card, Refusal> {
    let number: String = params.needed("card[number]")?.chars().filter(|c| !c.is_whitespace()).collect();
    if !is_number(&number) {
        return Err(Refusal::card("incorrect_number", "number", "Your card number is incorrect."));
    }
    let exp_month = params.number("card[exp_month]")?.unwrap_or_default();
    if !(1..=12).contains(&exp_month) {
        let message = "Your card's expiration month is invalid.";
        return Err(Refusal::card("invalid_expiry_month", "exp_month", message));
    }
    let (year, month) = year_and_month(now_s);
    let exp_year = match params.number("card[exp_year]")?.unwrap_or_default() {
        short @ 0..=99 => 2_000 + short,
        long => long,
    };
    if exp_year < year || exp_year > year + YEARS_MAX || (exp_year == year && exp_month < month) {
        let message = "Your card's expiration year is invalid.";
        return Err(Refusal::card("invalid_expiry_year", "exp_year", message));
    }
    let cvc = params.text("card[cvc]");
    if cvc.is_some_and(|cvc| !(3..=4).contains(&cvc.len()) || !cvc.bytes().all(|b| b.is_ascii_digit())) {
        return Err(Refusal::card("invalid_cvc", "cvc", "Your card's security code is invalid."));
    }
    let Some((_, brand, behaviour)) = KNOWN.iter().find(|(known, _, _)| *known == number) else {
        let message = "Your card was declined. This is a sandbox: use one of Stripe's test cards.";
        return Err(
            Refusal::card("card_declined", "number", message).about("decline_code", "test_mode_live_card".into())
        );
    };
    let last4 = number.get(number.len() - 4..).unwrap_or_default().to_owned();
    Ok(Card { brand: (*brand).into(), last4, exp_month, exp_year, has_cvc: cvc.is_some(), behaviour: *behaviour })
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

/// Whether it is made like a card number: digits, the last of which checks the others (Luhn).
fn is_number(text: &str) -> bool {
    if !(12..=19).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let sum: u32 = text
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| match (u32::from(byte - b'0'), place % 2) {
            (digit, 0) => digit,
            (digit, _) if digit > 4 => digit * 2 - 9,
            (digit, _) => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

fn year_and_month(now_s: i64) -> (i64, i64) {
    use chrono::Datelike;
    let now = chrono::DateTime::from_timestamp(now_s, 0).unwrap_or_default();
    (now.year().into(), now.month().into())
}
