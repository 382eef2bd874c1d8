use super::*;

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::parse("usd").unwrap()).unwrap()
}

#[test]
fn a_currency_is_known_or_refused() {
    assert_eq!(Currency::parse("jpy").map(|c| (c.code(), c.digits())), Ok(("JPY", 0)));
    assert_eq!(Currency::parse("XXX"), Err(MoneyError::UnknownCurrency));
    assert!(serde_json::from_str::<Currency>("\"ABC\"").is_err());
}

#[test]
fn sums_across_currencies_and_beyond_the_limit_are_refused() {
    let yen = Money::zero(Currency::parse("JPY").unwrap());
    assert_eq!(usd(1).checked_add(yen), Err(MoneyError::CurrencyMismatch));
    assert_eq!(usd(MINOR_MAX).checked_add(usd(1)), Err(MoneyError::TooLarge));
    assert_eq!(usd(1205).parts(), (12, 5));
}
