//! Parameters as Stripe takes them: a form whose names may be nested, as `card[number]`.

use super::refusal::Refusal;
use std::collections::BTreeMap;

/// Parameters of one call.
const PARAMS_MAX: usize = 256;
/// Pairs of metadata, and bytes of a name and of a value, as at Stripe.
const METADATA_MAX: usize = 50;
const METADATA_NAME_BYTES_MAX: usize = 40;
const METADATA_VALUE_BYTES_MAX: usize = 500;
/// Bytes of any other text.
const TEXT_BYTES_MAX: usize = 5_000;

/// Names and values, in order of names: two calls that say the same are equal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Params(BTreeMap<String, String>);

impl Params {
    /// Reads a query or a body.
    pub fn read(text: &[u8]) -> Result<Params, Refusal> {
        let mut params = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(text) {
            if params.len() >= PARAMS_MAX || value.len() > TEXT_BYTES_MAX {
                return Err(Refusal::invalid(name, "Too many or too long parameters."));
            }
            params.insert(name.into_owned(), value.into_owned());
        }
        Ok(Params(params))
    }

    /// Refuses what is not among `known`, of which nested ones are named by their first part.
    pub fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        let strange = self.0.keys().find(|name| {
            let root = name.split('[').next().unwrap_or_default();
            root != "expand" && root != "client_secret" && !known.contains(&root)
        });
        match strange {
            None => Ok(()),
            Some(name) => {
                let message = format!("Received unknown parameter: {name}");
                Err(Refusal::invalid(name, message).code("parameter_unknown"))
            }
        }
    }

    /// A text, if it is there and not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// The same, to keep.
    pub fn kept(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// A text that must be there.
    pub fn needed(&self, name: &str) -> Result<&str, Refusal> {
        let message = || format!("Missing required param: {name}.");
        self.text(name).ok_or_else(|| Refusal::invalid(name, message()).code("parameter_missing"))
    }

    /// Texts of a list, `name[0]` and so on.
    pub fn all_of(&self, name: &str) -> Vec<&str> {
        let is_item =
            |held: &str| held.strip_prefix(name).is_some_and(|rest| rest.starts_with('[') && rest.ends_with(']'));
        self.0.iter().filter(|(held, _)| is_item(held)).map(|(_, value)| value.as_str()).collect()
    }

    /// A whole number.
    pub fn number(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let wrong = || Refusal::invalid(name, format!("Invalid integer: {name}")).code("parameter_invalid_integer");
        text.parse().map(Some).map_err(|_| wrong())
    }

    /// `true` or `false`; false when it is not there.
    pub fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Refusal::invalid(name, format!("Invalid boolean: {name}"))),
        }
    }

    /// One of a few words.
    pub fn word(&self, name: &str, known: &[&str]) -> Result<Option<String>, Refusal> {
        match self.text(name) {
            Some(word) if !known.contains(&word) => {
                Err(Refusal::invalid(name, format!("Invalid {name}: must be one of {}", known.join(", "))))
            }
            word => Ok(word.map(str::to_owned)),
        }
    }

    /// `metadata[name]`, within Stripe's limits.
    pub fn metadata(&self) -> Result<BTreeMap<String, String>, Refusal> {
        let mut metadata = BTreeMap::new();
        for (name, value) in &self.0 {
            let Some(name) = name.strip_prefix("metadata[").and_then(|name| name.strip_suffix(']')) else { continue };
            let fits = name.len() <= METADATA_NAME_BYTES_MAX && value.len() <= METADATA_VALUE_BYTES_MAX;
            if !fits || metadata.len() >= METADATA_MAX {
                return Err(Refusal::invalid("metadata", "Metadata is too long."));
            }
            metadata.insert(name.to_owned(), value.clone());
        }
        Ok(metadata)
    }

    /// All of it, for telling two calls apart.
    pub fn all(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}
