//! Texts people read, by key, from `config/locales/en.json` (compiled in).

use std::collections::HashMap;
use std::sync::LazyLock;

static EN: LazyLock<HashMap<String, String>> = LazyLock::new(|| flatten(include_str!("../config/locales/en.json")));

/// The text of `key` (`session.new.title`); an unknown key comes back as it is and is logged, so that a page
/// never fails for a missing word. A test holds that every key used exists.
pub fn text(key: &str) -> &str {
    match EN.get(key) {
        Some(text) => text,
        None => {
            tracing::error!(key, "text is missing in the locale file");
            key
        }
    }
}

/// Whether `key` has a text.
pub fn has(key: &str) -> bool {
    EN.contains_key(key)
}

/// The text of `key`, if it has one.
pub fn known(key: &str) -> Option<&'static str> {
    EN.get(key).map(String::as_str)
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
    #[test]
    fn nested_keys_are_found_and_unknown_ones_come_back() {
        assert_eq!(super::text("layout.product"), "Backstage Pass");
        assert_eq!(super::text("no.such.key"), "no.such.key");
        assert!(super::text_with("layout.account", "name", "Ada").ends_with("Ada"));
    }
}
