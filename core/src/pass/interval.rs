//! Intervals on the calendar (UTC, Gregorian), always counted from the first day.

use crate::time::{HOUR_MS, Timestamp};
use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 24 * HOUR_MS;

/// The unit of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Unit {
    Day,
    Week,
    Month,
    Year,
}

/// So many units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// How many, from 1.
    pub count: u16,
    /// Of what.
    pub unit: Unit,
}

impl Interval {
    /// The moment `times` intervals after `start`, at the same time of day. A day that the month does not
    /// have is its last day; the next one is counted from `start` again.
    pub fn after(self, start: Timestamp, times: u32) -> Timestamp {
        let steps = i64::from(self.count) * i64::from(times);
        match self.unit {
            Unit::Day => start + steps * DAY_MS,
            Unit::Week => start + steps * 7 * DAY_MS,
            Unit::Month => months_after(start, steps),
            Unit::Year => months_after(start, steps * 12),
        }
    }
}

fn months_after(start: Timestamp, months: i64) -> Timestamp {
    let (year, month, day) = date_of(start.0.div_euclid(DAY_MS));
    let at = year * 12 + (month - 1) + months;
    let (year, month) = (at.div_euclid(12), at.rem_euclid(12) + 1);
    let day = day.min(month_days(year, month));
    Timestamp(days_of(year, month, day) * DAY_MS + start.0.rem_euclid(DAY_MS))
}

fn month_days(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01. Years begin in March, so that the leap day is the last one.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (153 * month + 2) / 5 + day
        - 719_469
}

/// Year, month and day of a number of days since 1970-01-01.
fn date_of(days: i64) -> (i64, i64, i64) {
    // Never later than the year sought.
    let mut year = 1970 + days.div_euclid(if days < 0 { 365 } else { 366 });
    while days_of(year + 1, 1, 1) <= days {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && days_of(year, month + 1, 1) <= days {
        month += 1;
    }
    (year, month, days - days_of(year, month, 1) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_last_of_january_comes_back_after_february() {
        let start = Timestamp(days_of(2024, 1, 31) * DAY_MS + 5);
        let month = Interval { count: 1, unit: Unit::Month };
        let day = |times| date_of(month.after(start, times).0.div_euclid(DAY_MS));
        assert_eq!((day(1), day(2), day(13)), ((2024, 2, 29), (2024, 3, 31), (2025, 2, 28)));
        assert_eq!((days_of(1970, 1, 1), days_of(2000, 3, 1)), (0, 11_017));
    }

    proptest! {
        #[test]
        fn months_keep_the_day_or_take_the_last(days in -40_000i64..80_000, times in 0u32..200) {
            let (year, month, day) = date_of(days);
            prop_assert_eq!(days_of(year, month, day), days);
            prop_assert!(day >= 1 && day <= month_days(year, month));
            let later = Interval { count: 1, unit: Unit::Month }.after(Timestamp(days * DAY_MS), times);
            let (y, m, d) = date_of(later.0 / DAY_MS);
            prop_assert_eq!(y * 12 + m, year * 12 + month + i64::from(times));
            prop_assert_eq!(d, day.min(month_days(y, m)));
        }
    }
}
