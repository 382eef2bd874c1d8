//! Amounts of money: whole minor units of one currency, never floats.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Deserializer, Serialize};

/// The largest amount either way, in minor units: 999,999.99 where there are two digits.
pub const MINOR_MAX: i64 = 99_999_999;

/// Currencies known here, with the number of their minor digits as Stripe charges them
/// (<https://docs.stripe.com/currencies>).
const CURRENCIES: [(&str, u8); 24] = [
    ("AUD", 2),
    ("BHD", 3),
    ("BRL", 2),
    ("CAD", 2),
    ("CHF", 2),
    ("CLP", 0),
    ("CZK", 2),
    ("DKK", 2),
    ("EUR", 2),
    ("GBP", 2),
    ("HKD", 2),
    ("INR", 2),
    ("JPY", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("MXN", 2),
    ("NOK", 2),
    ("NZD", 2),
    ("PLN", 2),
    ("SEK", 2),
    ("SGD", 2),
    ("USD", 2),
    ("VND", 0),
    ("ZAR", 2),
];

/// Why a sum cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The code is not in the table of currencies.
    #[error("this currency is not supported")]
    UnknownCurrency,
    /// Two currencies met in one sum.
    #[error("amounts are in different currencies")]
    CurrencyMismatch,
    /// The amount is larger than [`MINOR_MAX`] either way.
    #[error("the amount is too large")]
    TooLarge,
}

/// A currency by its ISO 4217 code; only those in the table exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Currency(&'static str);

impl Currency {
    /// Takes three letters in either case.
    pub fn parse(code: &str) -> Result<Currency, MoneyError> {
        let known = CURRENCIES.iter().find(|(name, _)| name.eq_ignore_ascii_case(code));
        known.map(|(name, _)| Currency(name)).ok_or(MoneyError::UnknownCurrency)
    }

    /// The code in capitals.
    pub const fn code(self) -> &'static str {
        self.0
    }

    /// How many digits stand after the point: 0, 2 or 3.
    pub fn digits(self) -> u8 {
        CURRENCIES.iter().find(|(name, _)| *name == self.0).map_or(2, |(_, digits)| *digits)
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Currency::parse(&code).map_err(serde::de::Error::custom)
    }
}

/// An amount in minor units; negative in ledgers only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Minor units (cents), within [`MINOR_MAX`] either way.
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// An amount within the limit.
    pub fn new(minor: i64, currency: Currency) -> Result<Money, MoneyError> {
        let fits = (-MINOR_MAX..=MINOR_MAX).contains(&minor);
        if fits { Ok(Money { minor, currency }) } else { Err(MoneyError::TooLarge) }
    }

    /// Nothing, in this currency.
    pub const fn zero(currency: Currency) -> Money {
        Money { minor: 0, currency }
    }

    /// The sum; refused across currencies and beyond the limit.
    pub fn checked_add(self, other: Money) -> Result<Money, MoneyError> {
        self.same(other)?;
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyError::TooLarge)?;
        Money::new(minor, self.currency)
    }

    /// Whole units and minor units without the sign, for a formatter: 12.05 is `(12, 5)`.
    pub fn parts(self) -> (u64, u64) {
        let unit = 10u64.pow(u32::from(self.currency.digits()));
        (self.minor.unsigned_abs() / unit, self.minor.unsigned_abs() % unit)
    }

    fn same(self, other: Money) -> Result<(), MoneyError> {
        if self.currency == other.currency { Ok(()) } else { Err(MoneyError::CurrencyMismatch) }
    }
}
