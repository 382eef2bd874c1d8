//! Texts people read, by key, from `config/locales/*.json` (compiled in), in the language of the request.
//!
//! The shell sets the language with [`within`]; what runs inside it, pages and mail alike, speaks that language. Outside a
//! request it is English.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A language of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Spanish.
    Spanish,
}

impl Language {
    /// All of them.
    pub const ALL: [Language; 2] = [Language::English, Language::Spanish];

    /// The code of BCP 47.
    pub const fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Spanish => "es",
        }
    }

    /// What it calls itself.
    pub const fn name(self) -> &'static str {
        match self {
            Language::English => "English",
            Language::Spanish => "Español",
        }
    }

    /// Reads [`Language::code`] back.
    pub fn parse(code: &str) -> Option<Language> {
        Language::ALL.into_iter().find(|language| language.code() == code)
    }

    /// The best of an `Accept-Language` header (RFC 9110, 12.5.4): regions count for their language, of equals the first.
    pub fn accepted(header: &str) -> Option<Language> {
        let mut best: Option<(Language, f32)> = None;
        for range in header.split(',').take(20) {
            let mut parts = range.split(';');
            let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let Some(language) = Language::parse(tag.split('-').next().unwrap_or_default()) else { continue };
            let weight = parts.find_map(|part| part.trim().strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok());
            let Some(weight) = weight.filter(|weight| (f32::EPSILON..=1.0).contains(weight)) else { continue };
            if best.is_none_or(|(_, held)| weight > held) {
                best = Some((language, weight));
            }
        }
        best.map(|(language, _)| language)
    }

    fn texts(self) -> &'static HashMap<String, String> {
        static EN: LazyLock<HashMap<String, String>> =
            LazyLock::new(|| flatten(include_str!("../config/locales/en.json")));
        static ES: LazyLock<HashMap<String, String>> =
            LazyLock::new(|| flatten(include_str!("../config/locales/es.json")));
        match self {
            Language::English => &EN,
            Language::Spanish => &ES,
        }
    }

    /// Every key of its file with its text, for tests.
    pub fn all(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.texts().iter().map(|(key, text)| (key.as_str(), text.as_str()))
    }
}

tokio::task_local! {
    static CURRENT: Language;
}

/// The language of what runs now.
pub fn current() -> Language {
    CURRENT.try_with(|language| *language).unwrap_or_default()
}

/// Runs a future in a language.
pub async fn within<F: Future>(language: Language, future: F) -> F::Output {
    CURRENT.scope(language, future).await
}

/// The text of `key` (`session.new.title`); an unknown key comes back as it is and is logged, so that a page
/// never fails for a missing word. A test holds that every key used exists.
pub fn text(key: &str) -> &str {
    match known(key) {
        Some(text) => text,
        None => {
            tracing::error!(key, "text is missing in the locale file");
            key
        }
    }
}

/// Whether `key` has a text.
pub fn has(key: &str) -> bool {
    known(key).is_some()
}

/// The text of `key`, if it has one.
pub fn known(key: &str) -> Option<&'static str> {
    current().texts().get(key).map(String::as_str)
}

/// The text of `key` with `{name}` replaced by `value`.
pub fn text_with(key: &str, name: &str, value: impl std::fmt::Display) -> String {
    text(key).replace(&format!("{{{name}}}"), &value.to_string())
}

fn flatten(json: &str) -> HashMap<String, String> {
    let mut out = HashMap::new();
    match serde_json::from_str(json) {
        Ok(value) => walk(String::new(), &value, &mut out),
        Err(error) => tracing::error!(%error, "the locale file is not JSON"),
    }
    out
}

fn walk(prefix: String, value: &serde_json::Value, out: &mut HashMap<String, String>) {
    match value {
        serde_json::Value::String(text) => {
            out.insert(prefix, text.clone());
        }
        serde_json::Value::Object(map) => {
            for (name, value) in map {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                walk(key, value, out);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_keys_are_found_and_unknown_ones_come_back() {
        assert_eq!(text("layout.product"), "Backstage Pass");
        assert_eq!(text("no.such.key"), "no.such.key");
        assert!(text_with("layout.account", "name", "Ada").ends_with("Ada"));
    }

    #[tokio::test]
    async fn a_text_speaks_the_language_around_it() {
        assert_eq!(text("layout.sign_in"), "Sign in");
        let spanish = within(Language::Spanish, async { text("layout.sign_in") }).await;
        assert_ne!(spanish, "Sign in");
        assert_eq!(current(), Language::English);
    }

    #[test]
    fn the_browser_s_wish_is_weighed() {
        for (header, wanted) in [
            ("es-MX,es;q=0.9,en;q=0.8", Some(Language::Spanish)),
            ("de,en;q=0.5,es;q=0.7", Some(Language::Spanish)),
            ("en,es", Some(Language::English)),
            ("es;q=0,en;q=0.1", Some(Language::English)),
            ("fr", None),
            ("es;q=many", None),
            ("", None),
        ] {
            assert_eq!(Language::accepted(header), wanted, "{header}");
        }
    }
}
