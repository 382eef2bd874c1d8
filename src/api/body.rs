//! Bodies of JSON.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Reads an object and nothing else. By itself serde also takes a list for a struct, its items in the order of the fields,
/// which no document of ours promises.
///
/// # Errors
/// Why it cannot be read; the caller says what to send instead.
pub fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    let fields: Map<String, Value> = serde_json::from_slice(body)?;
    serde_json::from_value(Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use super::object;

    #[derive(Debug, Default, serde::Deserialize, PartialEq)]
    #[serde(default)]
    struct Wish {
        watching: Option<String>,
    }

    #[test]
    fn a_list_is_no_object() {
        assert_eq!(object::<Wish>(b"{}").unwrap(), Wish::default());
        assert_eq!(object::<Wish>(br#"{"watching":"hls"}"#).unwrap().watching.as_deref(), Some("hls"));
        for other in ["[]", "[\"hls\"]", "null", "1", "", "{", "{} x"] {
            assert!(object::<Wish>(other.as_bytes()).is_err(), "{other}");
        }
    }
}
