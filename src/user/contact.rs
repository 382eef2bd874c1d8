//! How a person is reached, and what they prove to be theirs by a code.

use backstage_core::phone::{NotAPhone, Phone};
use std::fmt;

/// Longest text of a contact, in characters: that of a mail address.
pub const CONTACT_CHARS_MAX: usize = 254;

/// A mail address or a phone number. Different ones are different people, whatever they know of each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contact {
    /// As [`email`] gives it.
    Email(String),
    /// In one form.
    Phone(Phone),
}

/// Why somebody cannot be reached by what they typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAContact {
    /// It is no mail address.
    Email,
    /// It is no phone number.
    Phone(NotAPhone),
}

impl NotAContact {
    /// The text key of what to do.
    pub const fn key(self) -> &'static str {
        match self {
            NotAContact::Email => "session.new.invalid_email",
            NotAContact::Phone(NotAPhone::NoCountry) => "session.phone.no_country",
            NotAContact::Phone(NotAPhone::NotDigits) => "session.phone.not_digits",
            NotAContact::Phone(NotAPhone::TooShort) => "session.phone.too_short",
            NotAContact::Phone(NotAPhone::TooLong) => "session.phone.too_long",
        }
    }
}

impl Contact {
    /// Reads a form, which has one of two fields: the number counts wherever it is asked for.
    pub fn of_form(email_typed: &str, phone_typed: Option<&str>) -> Result<Contact, NotAContact> {
        match phone_typed {
            None => email(email_typed).map(Contact::Email).ok_or(NotAContact::Email),
            Some(phone) => Phone::parse(phone).map(Contact::Phone).map_err(NotAContact::Phone),
        }
    }

    /// Reads what [`Contact::as_str`] gave: only numbers begin with `+` and have no `@`.
    pub fn kept(text: &str) -> Contact {
        match Phone::parse(text) {
            Ok(phone) if phone.as_str() == text => Contact::Phone(phone),
            _ => Contact::Email(text.to_owned()),
        }
    }

    /// The one form it is kept and compared in.
    pub fn as_str(&self) -> &str {
        match self {
            Contact::Email(email) => email,
            Contact::Phone(phone) => phone.as_str(),
        }
    }

    /// The address, if it is one.
    pub fn email(&self) -> Option<&str> {
        match self {
            Contact::Email(email) => Some(email),
            Contact::Phone(_) => None,
        }
    }

    /// The number, if it is one.
    pub fn phone(&self) -> Option<&Phone> {
        match self {
            Contact::Email(_) => None,
            Contact::Phone(phone) => Some(phone),
        }
    }

    /// The name of the form's field that takes it.
    pub const fn field(&self) -> &'static str {
        match self {
            Contact::Email(_) => "email",
            Contact::Phone(_) => "phone",
        }
    }
}

impl fmt::Display for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The address in the form it is kept in, or `None` if it cannot be one: lower case, one `@`, a dot in the host, up to 254 bytes.
pub fn email(typed: &str) -> Option<String> {
    let email = typed.trim().to_lowercase();
    let (name, host) = email.split_once('@')?;
    let fits = (3..=CONTACT_CHARS_MAX).contains(&email.len()) && !name.is_empty() && name.len() <= 64;
    let plain = !email.chars().any(|c| c.is_control() || c.is_whitespace() || "\"<>()[],;:\\".contains(c));
    let host_fits = host.contains('.')
        && !host.starts_with('.')
        && !host.ends_with('.')
        && !host.contains("..")
        && host.chars().all(|c| c.is_alphanumeric() || c == '.' || c == '-');
    (fits && plain && host_fits).then_some(email)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_and_folded() {
        assert_eq!(email(" Ada@Example.COM "), Some("ada@example.com".into()));
        for bad in ["", "ada", "@x.y", "ada@x", "a b@x.y", "a@x..y", "a@b@c.d", "a\n@x.y", "<a@x.y>"] {
            assert_eq!(email(bad), None, "{bad:?}");
        }
        assert_eq!(email(&format!("{}@example.com", "a".repeat(300))), None);
    }

    #[test]
    fn what_was_kept_is_read_as_what_it_was() {
        for (mail, phone) in [("ada@example.com", None), ("+34@example.com", None), ("", Some("+34 600 123 456"))] {
            let contact = Contact::of_form(mail, phone).unwrap();
            assert_eq!(Contact::kept(contact.as_str()), contact);
        }
        assert_eq!(Contact::of_form("", None), Err(NotAContact::Email));
        let short = Contact::of_form("ada@example.com", Some("600"));
        assert_eq!(short, Err(NotAContact::Phone(NotAPhone::NoCountry)));
    }
}
