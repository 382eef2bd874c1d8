//! The form of a price: typed text in, a price or messages out.

use backstage_core::Timestamp;
use backstage_core::money::{Currency, Money};
use backstage_core::pass::{Interval, Price, PriceKind, PriceRejection, Split, Stay, Stock, Unit};
use url::Url;

use super::views::{PriceForm, UNITS};
use super::{METHODS, Offer, Options, QUESTION_CHARS_MAX, QUESTIONS_MAX, Question};
use crate::money;
use crate::page::{FormErrors, one_line};
use crate::pass::form::NAME_CHARS_MAX;
use crate::security::next::local_path;

/// Most pieces of a price.
pub const STOCK_MAX: u32 = 1_000_000;
/// For how many charges somebody stays for less, if nothing is said.
const STAY_CHARGES: u8 = 3;
/// Longest address that buyers are sent to, bytes.
pub const REDIRECT_BYTES_MAX: usize = 500;

/// The fields as sent.
pub struct Typed(Vec<(String, String)>);

/// What a form says.
pub struct Wanted {
    /// The terms.
    pub price: Price,
    /// The rest.
    pub options: Options,
    /// How many there are; sold and held count nothing here.
    pub stock: Stock,
}

impl From<Vec<(String, String)>> for Typed {
    fn from(fields: Vec<(String, String)>) -> Typed {
        Typed(fields)
    }
}

impl Typed {
    fn field(&self, name: &str) -> &str {
        self.0.iter().find(|(held, _)| held == name).map_or("", |(_, value)| value.as_str())
    }

    /// What to show again.
    pub fn form(&self) -> PriceForm {
        let text = |name: &str| self.field(name).to_string();
        PriceForm {
            kind: text("kind"),
            amount: text("amount"),
            currency: text("currency"),
            every_count: text("every_count"),
            every_unit: text("every_unit"),
            parts: text("parts"),
            fee: text("fee"),
            trial_days: text("trial_days"),
            stay_percent: text("stay_percent"),
            stay_charges: text("stay_charges"),
            stock: text("stock"),
            questions: text("questions"),
            redirect: text("redirect"),
            internal_name: text("internal_name"),
            methods: self.methods(),
        }
    }

    fn methods(&self) -> Vec<String> {
        let named = self.0.iter().filter(|(name, _)| name == "method").map(|(_, value)| value.clone());
        named.filter(|value| METHODS.contains(&value.as_str())).collect()
    }

    /// A price, or what is wrong at which field.
    pub fn wanted(&self) -> Result<Wanted, FormErrors> {
        let mut errors = FormErrors::default();
        let currency = Currency::parse(self.field("currency")).ok();
        if currency.is_none() {
            errors.add("currency", "space.form.bad_value");
        }
        let price = currency.and_then(|currency| self.price(currency, &mut errors));
        let options = self.options(&mut errors);
        let total = self.number("stock", 0..=STOCK_MAX, &mut errors);
        match price {
            Some(price) if errors.is_empty() => {
                Ok(Wanted { price, options, stock: Stock { total, ..Stock::default() } })
            }
            _ => Err(errors),
        }
    }

    fn price(&self, currency: Currency, errors: &mut FormErrors) -> Option<Price> {
        let amount = self.amount("amount", currency, errors);
        if amount.is_none() && errors.of("amount").is_none() {
            errors.add("amount", "price.form.amount_bad");
        }
        let initial_fee = self.amount("fee", currency, errors);
        let trial_days = self.number("trial_days", 1..=730, errors).and_then(|days| u16::try_from(days).ok());
        let percent = self.number("stay_percent", 1..=90, errors).and_then(|percent| u8::try_from(percent).ok());
        let charges = self.number("stay_charges", 1..=24, errors).and_then(|charges| u8::try_from(charges).ok());
        let stay = percent.map(|percent| Stay { percent, charges: charges.unwrap_or(STAY_CHARGES) });
        let parts = self.number("parts", 2..=12, errors).and_then(|parts| u8::try_from(parts).ok());
        let every = self.every(errors);
        let recurring = match self.field("kind") {
            "recurring" => true,
            "once" => false,
            _ => {
                errors.add("kind", "space.form.bad_value");
                return None;
            }
        };
        let (amount, every) = (amount?, every?);
        let price = match recurring {
            true => Price { kind: PriceKind::Recurring { amount, every }, initial_fee, trial_days, stay },
            false => {
                let split = parts.map(|parts| Split { parts, every });
                Price { kind: PriceKind::Once { amount, split }, initial_fee, trial_days: None, stay: None }
            }
        };
        match price.check() {
            Ok(()) if charges_too_little(&price) => {
                errors.add("amount", "price.form.amount_small");
                None
            }
            Ok(()) => Some(price),
            Err(PriceRejection::Money(_) | PriceRejection::NotPositive) => {
                errors.add("amount", "price.form.amount_bad");
                None
            }
            Err(PriceRejection::BadTerms) => {
                errors.add("every_count", "price.form.every_bad");
                None
            }
        }
    }

    fn amount(&self, field: &'static str, currency: Currency, errors: &mut FormErrors) -> Option<Money> {
        let text = self.field(field).trim();
        if text.is_empty() {
            return None;
        }
        let amount = money::typed(text, currency);
        if amount.is_none() {
            errors.add(field, "price.form.amount_bad");
        }
        amount
    }

    fn number(
        &self,
        field: &'static str,
        range: std::ops::RangeInclusive<u32>,
        errors: &mut FormErrors,
    ) -> Option<u32> {
        let text = self.field(field).trim();
        if text.is_empty() {
            return None;
        }
        let number = text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            errors.add(field, "price.form.number_bad");
        }
        number
    }

    fn every(&self, errors: &mut FormErrors) -> Option<Interval> {
        let count = match self.number("every_count", 1..=366, errors) {
            Some(count) => count,
            None if errors.of("every_count").is_some() => return None,
            None => 1,
        };
        let unit = UNITS.iter().find(|(word, _)| *word == self.field("every_unit")).map(|(_, unit)| *unit);
        Some(Interval { count: u16::try_from(count).ok()?, unit: unit.unwrap_or(Unit::Month) })
    }

    fn options(&self, errors: &mut FormErrors) -> Options {
        let internal_name = one_line(self.field("internal_name"));
        if internal_name.chars().count() > NAME_CHARS_MAX {
            errors.add("internal_name", "space.form.too_long");
        }
        let questions: Vec<Question> =
            self.field("questions").lines().map(one_line).filter(|line| !line.is_empty()).map(question).collect();
        if questions.len() > QUESTIONS_MAX
            || questions.iter().any(|question| question.text.chars().count() > QUESTION_CHARS_MAX)
        {
            errors.add("questions", "price.form.questions_bad");
        }
        let redirect = self.field("redirect").trim().to_string();
        if !redirect.is_empty() && !is_place(&redirect) {
            errors.add("redirect", "price.form.redirect_bad");
        }
        Options { internal_name, questions, redirect, methods: self.methods() }
    }
}

/// Whether a charge of it is less than the payment provider takes.
fn charges_too_little(price: &Price) -> bool {
    let at = Timestamp::default();
    let later = (1..=12).filter_map(|n| price.later(n, at)).map(|charge| charge.amount);
    let stays = price.stay.map(|stay| stay.of(price.amount()));
    let mut charges = later.chain(stays).chain([price.due_now()]);
    charges.any(|amount| amount.minor > 0 && amount.minor < money::least(amount.currency))
}

/// A line of the questions; a star at its end: it must be answered.
fn question(line: String) -> Question {
    match line.strip_suffix('*') {
        Some(text) => Question { text: text.trim_end().to_string(), required: true },
        None => Question { text: line, required: false },
    }
}

/// A path here, or a whole `https` address.
fn is_place(text: &str) -> bool {
    let whole = || Url::parse(text).is_ok_and(|url| url.scheme() == "https" && url.username().is_empty());
    text.len() <= REDIRECT_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && (local_path(text).is_some() || whole())
}

impl PriceForm {
    /// What a new price begins with.
    pub fn fresh() -> PriceForm {
        PriceForm {
            kind: "once".into(),
            currency: "USD".into(),
            every_count: "1".into(),
            every_unit: "month".into(),
            ..PriceForm::default()
        }
    }

    /// Filled in with a price that holds.
    pub fn of(offer: &Offer) -> PriceForm {
        let plain = |money: Money| crate::order::views::plain(money.minor, money);
        let price = &offer.price;
        let (kind, every, parts) = match price.kind {
            PriceKind::Once { split, .. } => ("once", split.map(|split| split.every), split.map(|split| split.parts)),
            PriceKind::Recurring { every, .. } => ("recurring", Some(every), None),
        };
        let every = every.unwrap_or(Interval { count: 1, unit: Unit::Month });
        let unit = UNITS.iter().find(|(_, unit)| *unit == every.unit).map_or("month", |(word, _)| word);
        let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
        let line = |question: &Question| format!("{}{}", question.text, if question.required { " *" } else { "" });
        PriceForm {
            kind: kind.into(),
            amount: plain(price.amount()),
            currency: price.amount().currency.code().into(),
            every_count: every.count.to_string(),
            every_unit: unit.into(),
            parts: number(parts.map(u32::from)),
            fee: price.initial_fee.map(plain).unwrap_or_default(),
            trial_days: number(price.trial_days.map(u32::from)),
            stay_percent: number(price.stay.map(|stay| stay.percent.into())),
            stay_charges: number(price.stay.map(|stay| stay.charges.into())),
            stock: number(offer.stock.total),
            questions: offer.options.questions.iter().map(line).collect::<Vec<_>>().join("\n"),
            redirect: offer.options.redirect.clone(),
            internal_name: offer.options.internal_name.clone(),
            methods: offer.options.methods.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(fields: &[(&str, &str)]) -> Typed {
        let fresh = [("currency", "USD"), ("every_unit", "month"), ("every_count", "1")];
        Typed(fields.iter().chain(&fresh).map(|(name, value)| (name.to_string(), value.to_string())).collect())
    }

    #[test]
    fn a_form_becomes_a_price_and_back() {
        let form = typed(&[
            ("kind", "once"),
            ("amount", "29.50"),
            ("parts", "3"),
            ("fee", "5"),
            ("stock", "100"),
            ("questions", "Your name? *\nAllergies?"),
            ("redirect", "/thanks"),
            ("method", "card"),
        ]);
        let wanted = form.wanted().unwrap_or_else(|errors| panic!("{errors:?}"));
        assert_eq!(wanted.price.due_now().minor, 984 + 500);
        assert_eq!(wanted.options.questions[0], Question { text: "Your name?".into(), required: true });
        assert_eq!(wanted.stock.total, Some(100));
    }

    #[test]
    fn every_wrong_field_is_named() {
        let form = typed(&[
            ("kind", "recurring"),
            ("amount", "-3"),
            ("fee", "x"),
            ("trial_days", "0"),
            ("stock", "many"),
            ("redirect", "javascript:alert(1)"),
            ("questions", &"q\n".repeat(11)),
        ]);
        let errors = form.wanted().err().unwrap();
        for field in ["amount", "fee", "trial_days", "stock", "redirect", "questions"] {
            assert!(errors.of(field).is_some(), "{field}");
        }
        for bad in ["//evil.test", "http://evil.test", "https://a b", "/\\evil.test"] {
            assert!(!is_place(bad), "{bad}");
        }
    }

    #[test]
    fn what_the_provider_would_not_charge_is_refused_when_it_is_typed() {
        let small = [
            vec![("kind", "once"), ("amount", "0.49")],
            vec![("kind", "once"), ("amount", "1"), ("parts", "3")],
            vec![("kind", "recurring"), ("amount", "0.60"), ("stay_percent", "50")],
        ];
        for fields in small {
            assert!(typed(&fields).wanted().is_err(), "{fields:?}");
        }
        assert!(typed(&[("kind", "once"), ("amount", "0.50")]).wanted().is_ok());
    }
}
