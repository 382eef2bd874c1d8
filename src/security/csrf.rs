//! Forged requests. Two independent checks for every unsafe method:
//!
//! 1. the `Origin` header (browsers always send it on cross-site unsafe requests) must name this site;
//! 2. a token must come along (form field `csrf` or header `X-CSRF-Token`): an HMAC over the session token, or over a
//!    random visitor mark before there is a session. Another site can neither read it nor make it, and since it hangs on
//!    the session, it dies with it. Requests without any cookie need no token: there is nothing to borrow.

use actix_web::http::header::{self, HeaderMap};

use super::cookies::Jar;
use super::seal::{Seal, same};

/// The token for a browser that holds `seed` (its session token or visitor mark).
pub fn token(seal: &Seal, seed: &str) -> String {
    seal.of("csrf", &[seed])
}

/// What ties a browser's forms to it: the session token, else the visitor mark.
pub fn seed<'a>(jar: &Jar, headers: &'a HeaderMap) -> Option<&'a str> {
    jar.session_of(headers).or_else(|| jar.visitor_of(headers))
}

/// Does the token fit this browser?
pub fn fits(seal: &Seal, jar: &Jar, headers: &HeaderMap, given: &str) -> bool {
    seed(jar, headers).is_some_and(|seed| same(&token(seal, seed), given))
}

/// Is the request from a page of ours, as far as the browser tells? No `Origin` at all counts as ours (programs),
/// unless `Sec-Fetch-Site` says otherwise.
pub fn same_origin(headers: &HeaderMap, public_authority: Option<&str>) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    if site.is_some_and(|site| site == "cross-site" || site == "same-site") {
        return false;
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    // An origin is a scheme and an authority, nothing more (RFC 6454, 6.1).
    let Some((_, authority)) = origin.to_str().ok().and_then(|text| text.split_once("://")) else {
        return false;
    };
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    [host, public_authority].into_iter().flatten().any(|own| own.eq_ignore_ascii_case(authority))
}

/// The value of `csrf` in a urlencoded body.
pub fn field_of(body: &[u8]) -> Option<String> {
    url::form_urlencoded::parse(body).find(|(name, _)| name == "csrf").map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (header::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_our_own_origin_passes() {
        let own = headers(&[("host", "pass.test:8080"), ("origin", "http://pass.test:8080")]);
        assert!(same_origin(&own, None));
        let public = headers(&[("host", "10.0.0.1"), ("origin", "https://pass.test")]);
        assert!(same_origin(&public, Some("pass.test")));
        for origin in ["http://evil.test", "null", "http://pass.test", "", "://", "http://", "http://pass.test:8080/x"]
        {
            let foreign = headers(&[("host", "pass.test:8080"), ("origin", origin)]);
            assert!(!same_origin(&foreign, None), "{origin}");
        }
        assert!(!same_origin(&headers(&[("host", "a"), ("sec-fetch-site", "cross-site")]), None));
    }

    #[test]
    fn a_token_fits_only_its_browser() {
        let (seal, jar) = (Seal::new("s"), Jar::new(false));
        let mine = "a".repeat(43);
        let cookie = format!("bp_visitor={mine}");
        let browser = headers(&[("cookie", &cookie)]);
        assert!(fits(&seal, &jar, &browser, &token(&seal, &mine)));
        assert!(!fits(&seal, &jar, &browser, &token(&seal, &"b".repeat(43))));
        assert!(!fits(&seal, &jar, &headers(&[]), ""));
    }
}
