//! Phone numbers as people type them, kept in one form.
//!
//! The form is that of ITU-T E.164 (<https://www.itu.int/rec/T-REC-E.164>): `+`, the country code, which never begins with 0,
//! and the rest; 15 digits at most in all. Shorter than [`DIGITS_MIN`] no country's numbers are. Which numbers are really
//! given out is not known here: only a code that arrives proves one.

use std::fmt;

/// Fewest digits, country code and all.
pub const DIGITS_MIN: usize = 7;
/// Most digits, country code and all.
pub const DIGITS_MAX: usize = 15;
/// Longer texts are not looked at.
pub const TYPED_CHARS_MAX: usize = 64;

/// A phone number: `+` and 7 to 15 digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Phone(String);

/// Why a text is no phone number. Each says what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAPhone {
    /// It does not say of which country it is.
    #[error("Begin with + and the country code, like +34 600 123 456.")]
    NoCountry,
    /// There is something else than a number in it.
    #[error("Write only digits after the +, like +34 600 123 456.")]
    NotDigits,
    /// Digits are missing.
    #[error("Digits are missing. Write the whole number with its country code, like +34 600 123 456.")]
    TooShort,
    /// No number has so many digits.
    #[error("There are too many digits. Write one number with its country code, like +34 600 123 456.")]
    TooLong,
}

impl NotAPhone {
    /// The name that translations are kept under.
    pub const fn code(self) -> &'static str {
        match self {
            NotAPhone::NoCountry => "no_country",
            NotAPhone::NotDigits => "not_digits",
            NotAPhone::TooShort => "too_short",
            NotAPhone::TooLong => "too_long",
        }
    }
}

impl Phone {
    /// Reads what somebody typed: spaces, dashes, dots and parentheses go, a leading `00` is `+`, and so does the `(0)` that
    /// some write behind the country code for callers at home.
    pub fn parse(typed: &str) -> Result<Phone, NotAPhone> {
        if typed.chars().count() > TYPED_CHARS_MAX {
            return Err(NotAPhone::TooLong);
        }
        let tidied = match typed.split_once("(0)") {
            // Behind the country code; anywhere else it is a digit of the number.
            Some((before, rest)) if (2..=5).contains(&tidy(before).len()) => tidy(before) + &tidy(rest),
            _ => tidy(typed),
        };
        let digits = match (tidied.strip_prefix('+'), tidied.strip_prefix("00")) {
            (Some(digits), _) | (None, Some(digits)) => digits,
            (None, None) => return Err(NotAPhone::NoCountry),
        };
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotAPhone::NotDigits);
        }
        if digits.starts_with('0') {
            return Err(NotAPhone::NoCountry);
        }
        match digits.len() {
            0..DIGITS_MIN => Err(NotAPhone::TooShort),
            DIGITS_MIN..=DIGITS_MAX => Ok(Phone(format!("+{digits}"))),
            _ => Err(NotAPhone::TooLong),
        }
    }

    /// `+34600123456`
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn tidy(typed: &str) -> String {
    typed.chars().filter(|char| !is_filling(*char)).collect()
}

/// What people write between digits, also as keyboards and web pages turn it.
fn is_filling(char: char) -> bool {
    char.is_whitespace()
        || matches!(char, '-' | '.' | '(' | ')' | '\u{2010}'..='\u{2015}' | '\u{200e}' | '\u{200f}')
        || matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2060}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_is_kept_in_one_form_however_it_is_typed() {
        for typed in [
            "+34600123456",
            "+34 600 123 456",
            " +34-600-123-456 ",
            "0034 600.123.456",
            "+34 (600) 123\u{a0}456",
            "+34\u{2013}600\u{2011}123\u{202f}456",
            "\u{202a}+34 600 123 456\u{202c}",
            "+34 (0)600 123 456",
            "00 34 600 123 456",
        ] {
            assert_eq!(Phone::parse(typed).map(|phone| phone.to_string()), Ok("+34600123456".into()), "{typed:?}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused_with_what_to_do() {
        for (typed, why) in [
            ("", NotAPhone::NoCountry),
            ("600 123 456", NotAPhone::NoCountry),
            ("0600 123 456", NotAPhone::NoCountry),
            ("+0600123456", NotAPhone::NoCountry),
            ("ada@example.com", NotAPhone::NoCountry),
            ("+34 600 12x 456", NotAPhone::NotDigits),
            ("+34 600+123456", NotAPhone::NotDigits),
            ("+\u{ff13}\u{ff14}600123456", NotAPhone::NotDigits),
            ("+34600123456\r\nBcc", NotAPhone::NotDigits),
            ("+", NotAPhone::TooShort),
            ("+34 600", NotAPhone::TooShort),
            ("+3460012345678901", NotAPhone::TooLong),
        ] {
            assert_eq!(Phone::parse(typed), Err(why), "{typed:?}");
        }
        assert_eq!(Phone::parse(&"+34600123456 ".repeat(100)), Err(NotAPhone::TooLong));
        assert_eq!(NotAPhone::NoCountry.to_string(), "Begin with + and the country code, like +34 600 123 456.");
    }

    proptest! {
        #[test]
        fn whatever_is_read_reads_again_as_itself(typed in "\\PC{0,80}") {
            if let Ok(phone) = Phone::parse(&typed) {
                prop_assert_eq!(Phone::parse(phone.as_str()), Ok(phone.clone()));
                prop_assert!(phone.as_str().len() > DIGITS_MIN && phone.as_str().len() <= DIGITS_MAX + 1);
                prop_assert!(phone.as_str()[1..].bytes().all(|byte| byte.is_ascii_digit()));
            }
        }

        #[test]
        fn every_number_with_filling_is_the_number(
            digits in "[1-9][0-9]{6,14}", filling in prop::collection::vec("[ .()-]{0,2}", 16),
        ) {
            // Behind the country code that is no digit.
            let filled: String = digits.chars().zip(&filling).map(|(digit, between)| format!("{digit}{between}")).collect();
            prop_assume!(!filled.contains("(0)"));
            let number = Ok(Phone(format!("+{digits}")));
            prop_assert_eq!(Phone::parse(&format!("+{filled}")), number.clone());
            prop_assert_eq!(Phone::parse(&format!("00{filled}")), number);
        }
    }
}
