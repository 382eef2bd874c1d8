//! Addresses that people read: `/space`, `/@handle`, `/m/space/experience`.

use serde::{Deserialize, Serialize};

/// Longest slug in characters.
pub const SLUG_CHARS_MAX: usize = 48;

/// Words that are routes of ours and so cannot be a space's address.
pub const RESERVED: &[&str] = &[
    "about",
    "account",
    "admin",
    "alerts",
    "api",
    "app",
    "assets",
    "billing",
    "blog",
    "categories",
    "checkout",
    "dev",
    "discover",
    "docs",
    "embed",
    "experiences",
    "explore",
    "favicon",
    "feed",
    "healthz",
    "help",
    "hls",
    "home",
    "hooks",
    "ics",
    "inbox",
    "language",
    "legal",
    "live",
    "login",
    "logout",
    "m",
    "manifest",
    "me",
    "media",
    "members",
    "metrics",
    "new",
    "oembed",
    "orders",
    "passes",
    "posters",
    "pricing",
    "privacy",
    "readyz",
    "recordings",
    "robots",
    "sandbox",
    "search",
    "settings",
    "sign-in",
    "sign-out",
    "sign-up",
    "sitemap",
    "spaces",
    "static",
    "status",
    "streams",
    "studio",
    "support",
    "teams",
    "terms",
    "users",
    "webhooks",
    "www",
];

/// Words that stand beside experiences in addresses of the studio and the show, and so cannot be an experience's.
pub const RESERVED_INSIDE: &[&str] =
    &["edit", "experiences", "join", "new", "notify", "orders", "passes", "poster", "timeline"];

/// Why a text cannot be an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSlug {
    /// Empty or over [`SLUG_CHARS_MAX`].
    #[error("use 1 to 48 characters")]
    Length,
    /// Something other than `a-z 0-9 -`, or a dash at an end.
    #[error("use small letters, digits and single dashes between them")]
    Characters,
    /// One of [`RESERVED`] or [`RESERVED_INSIDE`].
    #[error("this word is reserved")]
    Reserved,
}

/// A checked address part: `a-z`, `0-9` and single dashes inside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(Box<str>);

impl Slug {
    /// Checks the form of `text` as it stands; nothing is changed silently. Reserved words are the business of
    /// [`Slug::for_space`] and [`Slug::for_experience`]: `/m/demo/live` is fine, `/live` is not.
    pub fn parse(text: &str) -> Result<Slug, BadSlug> {
        if text.is_empty() || text.len() > SLUG_CHARS_MAX {
            return Err(BadSlug::Length);
        }
        let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !plain || text.starts_with('-') || text.ends_with('-') || text.contains("--") {
            return Err(BadSlug::Characters);
        }
        Ok(Slug(text.into()))
    }

    /// An address for a space.
    pub fn for_space(text: &str) -> Result<Slug, BadSlug> {
        if RESERVED.contains(&text) { Err(BadSlug::Reserved) } else { Slug::parse(text) }
    }

    /// An address for an experience inside its space.
    pub fn for_experience(text: &str) -> Result<Slug, BadSlug> {
        if RESERVED_INSIDE.contains(&text) { Err(BadSlug::Reserved) } else { Slug::parse(text) }
    }

    /// A proposal made from a title: lower case, dashes for the rest, cut to length. `None` if nothing is left.
    pub fn propose(title: &str) -> Option<Slug> {
        let mut out = String::new();
        for c in title.chars().flat_map(char::to_lowercase) {
            if c.is_ascii_alphanumeric() {
                out.push(c);
            } else if !out.is_empty() && !out.ends_with('-') {
                out.push('-');
            }
            if out.len() >= SLUG_CHARS_MAX {
                break;
            }
        }
        Slug::parse(out.trim_end_matches('-')).ok()
    }

    /// The slug as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Slug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Slug {
    type Error = BadSlug;
    fn try_from(text: String) -> Result<Slug, BadSlug> {
        Slug::parse(&text)
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> String {
        slug.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn routes_of_ours_are_never_a_slug() {
        assert_eq!(Slug::for_space("studio"), Err(BadSlug::Reserved));
        assert_eq!(Slug::for_space("live"), Err(BadSlug::Reserved));
        assert!(Slug::for_experience("live").is_ok());
        assert_eq!(Slug::for_experience("edit"), Err(BadSlug::Reserved));
        assert_eq!(Slug::parse("my--show"), Err(BadSlug::Characters));
        assert_eq!(Slug::parse(""), Err(BadSlug::Length));
        assert_eq!(Slug::propose("Frühstück & Jazz!").map(String::from), Some("fr-hst-ck-jazz".into()));
    }

    proptest! {
        #[test]
        fn a_proposal_is_always_valid(title in ".{0,200}") {
            if let Some(slug) = Slug::propose(&title) {
                prop_assert_eq!(Slug::parse(slug.as_str()), Ok(slug.clone()));
            }
        }
    }
}
