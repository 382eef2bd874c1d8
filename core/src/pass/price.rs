//! What a pass costs. A price never changes: an edit is a new version, and holders keep theirs.

use super::interval::{Interval, Unit};
use crate::money::{Money, MoneyError};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Fewest and most parts of split pay.
pub const PARTS: std::ops::RangeInclusive<u8> = 2..=12;
/// Longest trial, days: two years.
pub const TRIAL_DAYS_MAX: u16 = 730;
/// Most units of an interval.
pub const UNITS_MAX: u16 = 366;

/// Bounds of what is offered to buyers who want to cancel: percent, and for how many charges.
pub const STAY_PERCENT: std::ops::RangeInclusive<u8> = 1..=90;
/// See [`STAY_PERCENT`].
pub const STAY_CHARGES: std::ops::RangeInclusive<u8> = 1..=24;

/// What is offered to a buyer who wants to cancel: the next charges cost less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stay {
    /// How much less, within [`STAY_PERCENT`].
    pub percent: u8,
    /// For how many charges, within [`STAY_CHARGES`].
    pub charges: u8,
}

impl Stay {
    /// What is left of an amount, rounded up: never nothing.
    pub fn of(self, amount: Money) -> Money {
        let left = i128::from(amount.minor) * i128::from(100_u8.saturating_sub(self.percent));
        Money { minor: i64::try_from((left + 99) / 100).unwrap_or(amount.minor), ..amount }
    }
}

/// Split pay: the amount in parts, one each interval, the first at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Within [`PARTS`].
    pub parts: u8,
    /// Time between parts.
    pub every: Interval,
}

/// How it is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields say what they are")]
pub enum PriceKind {
    /// Paid once, at once or in parts.
    Once { amount: Money, split: Option<Split> },
    /// Paid again each interval.
    Recurring { amount: Money, every: Interval },
}

/// One version of a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// How it is paid.
    pub kind: PriceKind,
    /// Added to what is due at purchase.
    pub initial_fee: Option<Money>,
    /// Free days before the first charge of a recurring price.
    pub trial_days: Option<u16>,
    /// Offered once to a buyer who wants to cancel a recurring price.
    #[serde(default)]
    pub stay: Option<Stay>,
}

/// A charge: when it is due, and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// When.
    pub at: Timestamp,
    /// How much.
    pub amount: Money,
}

/// Why a price cannot be sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PriceRejection {
    /// Two currencies met, or an amount is too large.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// An amount is zero or less.
    #[error("an amount must be above zero")]
    NotPositive,
    /// Parts, interval, trial or discount outside their bounds, or a trial or a discount without renewals.
    #[error(
        "split pay has 2 to 12 parts, an interval 1 to 366 units, a trial 1 to 730 days and renewals after it, an offer to \
         stay 1 to 90 percent off 1 to 24 renewals"
    )]
    BadTerms,
}

impl Price {
    /// Checks amounts, parts, intervals; only a recurring price has a trial or an offer to stay.
    pub fn check(&self) -> Result<(), PriceRejection> {
        let (amount, interval) = match self.kind {
            PriceKind::Once { amount, split } => {
                let parts_fit = split.is_none_or(|split| PARTS.contains(&split.parts));
                if !parts_fit || self.trial_days.is_some() || self.stay.is_some() {
                    return Err(PriceRejection::BadTerms);
                }
                // No part is empty.
                if split.is_some_and(|split| amount.minor < i64::from(split.parts)) {
                    return Err(PriceRejection::NotPositive);
                }
                (amount, split.map(|split| split.every))
            }
            PriceKind::Recurring { amount, every } => (amount, Some(every)),
        };
        let fits = |every: Interval| (1..=UNITS_MAX).contains(&every.count);
        let trial_fits = self.trial_days.is_none_or(|days| (1..=TRIAL_DAYS_MAX).contains(&days));
        let stay_fits =
            self.stay.is_none_or(|stay| STAY_PERCENT.contains(&stay.percent) && STAY_CHARGES.contains(&stay.charges));
        if !interval.is_none_or(fits) || !trial_fits || !stay_fits {
            return Err(PriceRejection::BadTerms);
        }
        if amount.minor <= 0 || self.initial_fee.is_some_and(|fee| fee.minor <= 0) {
            return Err(PriceRejection::NotPositive);
        }
        Money::new(amount.minor, amount.currency)?;
        self.initial_fee.map_or(Ok(amount), |fee| amount.checked_add(fee))?;
        Ok(())
    }

    /// The whole amount of split pay, or what is paid once or each interval.
    pub fn amount(&self) -> Money {
        match self.kind {
            PriceKind::Once { amount, .. } | PriceKind::Recurring { amount, .. } => amount,
        }
    }

    /// What is paid at purchase: the first part or period (nothing in a trial) and the initial fee. Zero: a card is saved.
    pub fn due_now(&self) -> Money {
        let first = match self.kind {
            PriceKind::Once { amount, split: Some(split) } => part(amount, split, 0),
            PriceKind::Recurring { amount, .. } if self.trial_days.is_some() => Money::zero(amount.currency),
            PriceKind::Once { amount, split: None } | PriceKind::Recurring { amount, .. } => amount,
        };
        match self.initial_fee {
            Some(fee) => Money { minor: first.minor.saturating_add(fee.minor), ..first },
            None => first,
        }
    }

    /// Whether a card has to be saved, since it is charged again without its holder.
    pub fn charges_later(&self) -> bool {
        !matches!(self.kind, PriceKind::Once { split: None, .. })
    }

    /// The `n`-th charge after the purchase, from 1; `None`: there is no such.
    pub fn later(&self, n: u32, bought_at: Timestamp) -> Option<Charge> {
        match self.kind {
            PriceKind::Once { split: None, .. } => None,
            PriceKind::Once { amount, split: Some(split) } => (n >= 1 && n < u32::from(split.parts))
                .then(|| Charge { at: split.every.after(bought_at, n), amount: part(amount, split, n) }),
            // With a trial, the first charge after the purchase is the first period.
            PriceKind::Recurring { amount, every } => {
                let periods = if self.trial_days.is_some() { n.checked_sub(1)? } else { n };
                Some(Charge { at: every.after(self.starts_at(bought_at), periods), amount })
            }
        }
    }

    /// Until when `paid` charges last, the one at purchase among them; `None` has no end. A trial comes before the first
    /// period, and split pay lasts until the next part is due.
    pub fn lasts_until(&self, paid: u32, bought_at: Timestamp) -> Option<Timestamp> {
        self.later(paid, bought_at).map(|charge| charge.at)
    }

    fn starts_at(&self, bought_at: Timestamp) -> Timestamp {
        self.trial_days.map_or(bought_at, |count| Interval { count, unit: Unit::Day }.after(bought_at, 1))
    }
}

fn part(amount: Money, split: Split, n: u32) -> Money {
    let parts = i64::from(split.parts.max(1));
    let rest = i64::from(i64::from(n) < amount.minor % parts);
    Money { minor: amount.minor / parts + rest, ..amount }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;
    use proptest::prelude::*;

    const MONTH: Interval = Interval { count: 1, unit: Unit::Month };

    fn usd(minor: i64) -> Money {
        Money::new(minor, Currency::parse("USD").unwrap()).unwrap()
    }

    fn once(minor: i64, parts: Option<u8>) -> Price {
        let split = parts.map(|parts| Split { parts, every: MONTH });
        Price { kind: PriceKind::Once { amount: usd(minor), split }, initial_fee: None, trial_days: None, stay: None }
    }

    fn monthly(minor: i64, trial_days: Option<u16>) -> Price {
        Price {
            kind: PriceKind::Recurring { amount: usd(minor), every: MONTH },
            initial_fee: None,
            trial_days,
            stay: None,
        }
    }

    #[test]
    fn split_pay_charges_the_rest_month_by_month() {
        let price = Price { initial_fee: Some(usd(5)), ..once(100, Some(3)) };
        assert_eq!((price.check(), price.due_now()), (Ok(()), usd(39)));
        let at = |times| MONTH.after(Timestamp(0), times);
        assert_eq!(price.later(1, Timestamp(0)), Some(Charge { at: at(1), amount: usd(33) }));
        assert_eq!(price.later(2, Timestamp(0)), Some(Charge { at: at(2), amount: usd(33) }));
        assert_eq!(price.later(3, Timestamp(0)), None);
        assert_eq!(price.lasts_until(1, Timestamp(0)), Some(at(1)));
        assert_eq!(price.lasts_until(3, Timestamp(0)), None);
    }

    #[test]
    fn a_trial_is_free_and_the_first_period_comes_after_it() {
        let price = monthly(500, Some(14));
        let day14 = Timestamp(14 * 24 * 60 * 60 * 1_000);
        assert_eq!(price.due_now(), usd(0));
        assert_eq!(price.later(1, Timestamp(0)), Some(Charge { at: day14, amount: usd(500) }));
        assert_eq!(price.later(2, Timestamp(0)), Some(Charge { at: MONTH.after(day14, 1), amount: usd(500) }));
        assert_eq!(price.lasts_until(1, Timestamp(0)), Some(day14));
        let with_fee = Price { initial_fee: Some(usd(100)), ..price };
        assert_eq!(with_fee.due_now(), usd(100));
    }

    #[test]
    fn a_renewal_is_due_when_the_paid_time_is_over() {
        let price = monthly(500, None);
        assert_eq!(price.due_now(), usd(500));
        assert_eq!(price.lasts_until(1, Timestamp(0)), price.later(1, Timestamp(0)).map(|charge| charge.at));
    }

    #[test]
    fn terms_that_cannot_be_kept_are_refused() {
        assert_eq!(Price { trial_days: Some(3), ..once(100, None) }.check(), Err(PriceRejection::BadTerms));
        assert_eq!(once(100, Some(1)).check(), Err(PriceRejection::BadTerms));
        assert_eq!(once(100, Some(13)).check(), Err(PriceRejection::BadTerms));
        assert_eq!(once(2, Some(3)).check(), Err(PriceRejection::NotPositive));
        assert_eq!(once(0, None).check(), Err(PriceRejection::NotPositive));
        assert_eq!(monthly(100, Some(0)).check(), Err(PriceRejection::BadTerms));
        let eur = Money::new(5, Currency::parse("EUR").unwrap()).unwrap();
        let mixed = Price { initial_fee: Some(eur), ..once(100, None) };
        assert_eq!(mixed.check(), Err(PriceRejection::Money(MoneyError::CurrencyMismatch)));
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_whole(minor in 12i64..99_999_999, parts in 2u8..=12) {
            let price = once(minor, Some(parts));
            let later: i64 = (1..).map_while(|n| price.later(n, Timestamp(0))).map(|charge| charge.amount.minor).sum();
            prop_assert_eq!(price.due_now().minor + later, minor);
        }
    }
}
