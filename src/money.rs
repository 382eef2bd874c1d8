//! Amounts of money as people read them, in the language of the request.

use backstage_core::money::{Currency, Money};
use backstage_core::pass::{Interval, Price, PriceKind, Unit};

use crate::locale::{self, Language};

/// As `$1,234.50` or, in Spanish, `1.234,50 US$`; whole amounts without the zeros.
pub fn text(money: Money) -> String {
    let spanish = locale::current() == Language::Spanish;
    let (point, group) = if spanish { (',', '.') } else { ('.', ',') };
    let digits = usize::from(money.currency.digits());
    let (whole, rest) = money.parts();
    let mut number = grouped(whole, group);
    if rest > 0 {
        number.push_str(&format!("{point}{rest:0digits$}"));
    }
    let sign = if money.minor < 0 { "−" } else { "" };
    let symbol = symbol(money.currency, spanish);
    // No line breaks between the number and its currency.
    if spanish {
        format!("{sign}{number}\u{a0}{symbol}")
    } else if symbol.len() > 2 && symbol.is_ascii() {
        format!("{sign}{symbol}\u{a0}{number}")
    } else {
        format!("{sign}{symbol}{number}")
    }
}

fn grouped(whole: u64, mark: char) -> String {
    let digits = whole.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(mark);
        }
        out.push(digit);
    }
    out
}

fn symbol(currency: Currency, spanish: bool) -> &'static str {
    match currency.code() {
        "USD" if spanish => "US$",
        "USD" => "$",
        "EUR" => "€",
        "GBP" => "£",
        "INR" => "₹",
        "JPY" => "¥",
        code => code,
    }
}

/// Reads what somebody typed, `29`, `29.5` or `29,50`, as an amount above zero.
pub fn typed(text: &str, currency: Currency) -> Option<Money> {
    let text = text.trim().replace(',', ".");
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let digits = usize::from(currency.digits());
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 9 || rest.len() > digits || !plain(whole) || !plain(rest) {
        return None;
    }
    let minor: i64 = format!("{whole}{rest:0<digits$}").parse().ok()?;
    Money::new(minor, currency).ok().filter(|money| money.minor > 0)
}

/// The least that Stripe charges at once, minor units; where it names none, as much as the sandbox.
/// <https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts>
pub fn least(currency: Currency) -> i64 {
    match currency.code() {
        "GBP" => 30,
        "DKK" => 250,
        "NOK" | "SEK" => 300,
        "HKD" => 400,
        "MXN" => 1_000,
        "CZK" => 1_500,
        "PLN" => 200,
        _ => 50,
    }
}

/// As `per month` or `every 3 months`.
pub fn every(interval: Interval) -> String {
    let unit = match interval.unit {
        Unit::Day => "day",
        Unit::Week => "week",
        Unit::Month => "month",
        Unit::Year => "year",
    };
    match interval.count {
        1 => locale::text(&format!("price.every.one.{unit}")).to_string(),
        count => locale::text_with(&format!("price.every.many.{unit}"), "count", count),
    }
}

/// What stands beside an amount: `per month`, `once`, `in 3 payments`.
pub fn how(price: &Price) -> String {
    match price.kind {
        PriceKind::Once { split: None, .. } => locale::text("price.once").to_string(),
        PriceKind::Once { split: Some(split), .. } => {
            locale::text_with("price.split", "parts", split.parts).replace("{every}", &every(split.every))
        }
        PriceKind::Recurring { every: interval, .. } => every(interval),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(minor: i64, code: &str) -> Money {
        Money::new(minor, Currency::parse(code).unwrap()).unwrap()
    }

    #[test]
    fn typed_amounts_are_read_or_refused() {
        let usd = Currency::parse("USD").unwrap();
        for (text, minor) in [("29", 2_900), (" 29.5 ", 2_950), ("29,05", 2_905), ("0.01", 1)] {
            assert_eq!(typed(text, usd).map(|money| money.minor), Some(minor), "{text}");
        }
        for text in ["", "0", "-1", "1.234", "1e3", "1.2.3", "9999999999", "$5"] {
            assert_eq!(typed(text, usd), None, "{text}");
        }
        assert_eq!(typed("500", Currency::parse("JPY").unwrap()).map(|money| money.minor), Some(500));
    }

    #[tokio::test]
    async fn amounts_are_written_as_the_language_does() {
        assert_eq!(text(money(2_900, "USD")), "$29");
        assert_eq!(text(money(123_450, "EUR")), "€1,234.50");
        assert_eq!(text(money(500, "JPY")), "¥500");
        assert_eq!(text(money(-105, "CHF")), "−CHF\u{a0}1.05");
        let spanish = locale::within(Language::Spanish, async { text(money(123_450, "USD")) }).await;
        assert_eq!(spanish, "1.234,50\u{a0}US$");
    }
}
