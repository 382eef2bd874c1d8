//! Our cookies: names and flags in one place. On https they carry the `__Host-` prefix, which binds them to this
//! very host, the root path and TLS; all are HttpOnly and SameSite=Lax.

use actix_web::cookie::{Cookie, SameSite, time::Duration};
use actix_web::http::header::{self, HeaderMap};

use crate::locale::Language;

/// How long a browser keeps its visitor mark: one day is plenty, since it only ties forms to the browser.
const VISITOR_DAYS: i64 = 1;
/// How long a browser keeps the language that was chosen.
const LANGUAGE_DAYS: i64 = 365;

/// The cookies' names, which depend on whether the site is on https.
#[derive(Debug, Clone)]
pub struct Jar {
    secure: bool,
    session: &'static str,
    visitor: &'static str,
    flash: &'static str,
    language: &'static str,
}

impl Jar {
    /// `secure`: the public address is https.
    pub fn new(secure: bool) -> Jar {
        match secure {
            true => Jar {
                secure,
                session: "__Host-bp_session",
                visitor: "__Host-bp_visitor",
                flash: "__Host-bp_flash",
                language: "__Host-bp_language",
            },
            false => {
                Jar { secure, session: "bp_session", visitor: "bp_visitor", flash: "bp_flash", language: "bp_language" }
            }
        }
    }

    /// The session token the browser sent.
    pub fn session_of<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        find(headers, self.session).filter(|token| token.len() == 43)
    }

    /// The visitor mark the browser sent.
    pub fn visitor_of<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        find(headers, self.visitor).filter(|token| token.len() == 43)
    }

    /// The text key of the flash, if the browser sent one.
    pub fn flash_of<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        find(headers, self.flash)
    }

    /// The language that the browser chose here.
    pub fn language_of(&self, headers: &HeaderMap) -> Option<Language> {
        find(headers, self.language).and_then(Language::parse)
    }

    /// Keeps the chosen language.
    pub fn language(&self, language: Language) -> Cookie<'static> {
        self.make(self.language, language.code(), Duration::days(LANGUAGE_DAYS))
    }

    /// Sets the session for `days`.
    pub fn session(&self, token: &str, days: i64) -> Cookie<'static> {
        self.make(self.session, token, Duration::days(days))
    }

    /// Sets the visitor mark.
    pub fn visitor(&self, token: &str) -> Cookie<'static> {
        self.make(self.visitor, token, Duration::days(VISITOR_DAYS))
    }

    /// Sets the flash: a text key shown on the next page, once.
    pub fn flash(&self, key: &str) -> Cookie<'static> {
        self.make(self.flash, key, Duration::minutes(1))
    }

    /// Forgets the flash.
    pub fn no_flash(&self) -> Cookie<'static> {
        self.make(self.flash, "", Duration::ZERO)
    }

    /// Forgets the session.
    pub fn no_session(&self) -> Cookie<'static> {
        self.make(self.session, "", Duration::ZERO)
    }

    /// Forgets the visitor mark.
    pub fn no_visitor(&self) -> Cookie<'static> {
        self.make(self.visitor, "", Duration::ZERO)
    }

    fn make(&self, name: &'static str, value: &str, age: Duration) -> Cookie<'static> {
        Cookie::build(name, value.to_string())
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.secure)
            .max_age(age)
            .finish()
    }
}

/// The value of a cookie, straight from the header: the hot path parses nothing else.
fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get_all(header::COOKIE).filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(';')).find_map(
        |pair| {
            let (found, value) = pair.trim().split_once('=')?;
            (found == name).then_some(value)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_cookies_are_bound_to_the_host() {
        let cookie = Jar::new(true).session("t", 1).to_string();
        assert!(cookie.starts_with("__Host-bp_session=t"), "{cookie}");
        for flag in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(cookie.contains(flag), "{cookie}");
        }
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let token = "x".repeat(43);
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, format!("a=1; bp_session={token}; bp_sessions=2").parse().unwrap());
        assert_eq!(Jar::new(false).session_of(&headers), Some(token.as_str()));
        assert_eq!(Jar::new(true).session_of(&headers), None);
    }
}
