//! What may stand in a body. Each check returns what it read or the sentence to answer.

use super::ApiError;
use crate::origin::model::{AssetSettings, PASSTHROUGH_CHARS_MAX, PLAYBACK_IDS_MAX, Policy, RECONNECT_WINDOW_S_MAX};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Longest `max_continuous_duration`, s, as at Mux.
pub const CONTINUOUS_S_MAX: u32 = 43_200;
/// Longest values of `meta`, characters, as at Mux.
const META: [(&str, usize); 3] = [("title", 512), ("creator_id", 128), ("external_id", 128)];

/// `{policy}` of a new playback id.
#[derive(Debug, Clone, Deserialize)]
pub struct PolicyGiven {
    policy: Option<String>,
}

/// Policies in each of the ways that Mux takes them.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct PoliciesGiven {
    playback_policies: Option<Value>,
    playback_policy: Option<Value>,
    advanced_playback_policies: Option<Vec<PolicyGiven>>,
}

/// `new_asset_settings`, and the like of an asset.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct AssetGiven {
    #[serde(flatten)]
    policies: PoliciesGiven,
    passthrough: Option<String>,
    meta: Option<Value>,
    video_quality: Option<String>,
}

impl PolicyGiven {
    /// Public unless said otherwise, as at Mux.
    pub fn read(&self) -> Result<Policy, ApiError> {
        policy(self.policy.as_deref().unwrap_or("public"))
    }
}

fn policy(word: &str) -> Result<Policy, ApiError> {
    match word {
        "public" => Ok(Policy::Public),
        "signed" => Ok(Policy::Signed),
        "drm" => Err(ApiError::invalid("playback policy drm is not offered by this origin")),
        other => Err(ApiError::invalid(format!("playback policy {other:?} is neither public nor signed"))),
    }
}

impl PoliciesGiven {
    /// All of them, none by default.
    pub fn read(&self) -> Result<Vec<Policy>, ApiError> {
        let mut policies = vec![];
        for given in [&self.playback_policies, &self.playback_policy].into_iter().flatten() {
            let words = match given {
                // Old clients send one word.
                Value::String(word) => vec![word.as_str()],
                Value::Array(words) => words.iter().map(|word| word.as_str().unwrap_or("?")).collect(),
                _ => return Err(ApiError::invalid("playback_policies is a list of texts")),
            };
            if policies.is_empty() {
                policies = words.into_iter().map(policy).collect::<Result<_, _>>()?;
            }
        }
        for given in self.advanced_playback_policies.iter().flatten() {
            policies.push(given.read()?);
        }
        if policies.len() > PLAYBACK_IDS_MAX {
            return Err(ApiError::invalid(format!("at most {PLAYBACK_IDS_MAX} playback policies are taken")));
        }
        Ok(policies)
    }
}

impl AssetGiven {
    /// Everything checked.
    pub fn read(self) -> Result<AssetSettings, ApiError> {
        if let Some(quality) = &self.video_quality
            && !["basic", "plus", "premium"].contains(&quality.as_str())
        {
            return Err(ApiError::invalid("video_quality is basic, plus or premium"));
        }
        Ok(AssetSettings {
            policies: self.policies.read()?,
            passthrough: passthrough(self.passthrough)?,
            meta: meta(self.meta)?,
            video_quality: self.video_quality,
        })
    }
}

/// A text of the owner.
pub fn passthrough(given: Option<String>) -> Result<Option<String>, ApiError> {
    match given {
        Some(text) if text.chars().count() > PASSTHROUGH_CHARS_MAX => {
            Err(ApiError::invalid(format!("passthrough is longer than {PASSTHROUGH_CHARS_MAX} characters")))
        }
        other => Ok(other),
    }
}

/// `meta`: known names only, texts of limited length.
pub fn meta(given: Option<Value>) -> Result<Option<Map<String, Value>>, ApiError> {
    let map = match given {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(map)) => map,
        Some(_) => return Err(ApiError::invalid("meta is an object")),
    };
    for (name, value) in &map {
        let Some((_, most)) = META.iter().find(|(known, _)| known == name) else {
            return Err(ApiError::invalid(format!("meta.{name} is not known")));
        };
        match value.as_str() {
            Some(text) if text.chars().count() <= *most => {}
            _ => return Err(ApiError::invalid(format!("meta.{name} is a text of at most {most} characters"))),
        }
    }
    Ok(Some(map))
}

/// Seconds as a number, whole or not.
fn seconds(name: &str, given: f64, least: u32, most: u32) -> Result<u32, ApiError> {
    if given.is_finite() && given >= f64::from(least) && given <= f64::from(most) {
        return Ok(given.round() as u32);
    }
    Err(ApiError::invalid(format!("{name} must be between {least} and {most} seconds")))
}

/// `reconnect_window`.
pub fn reconnect_window(given: f64) -> Result<u32, ApiError> {
    seconds("reconnect_window", given, 0, RECONNECT_WINDOW_S_MAX)
}

/// `max_continuous_duration`.
pub fn max_continuous(given: f64) -> Result<u32, ApiError> {
    seconds("max_continuous_duration", given, 60, CONTINUOUS_S_MAX)
}

/// `latency_mode`.
pub fn latency_mode(given: &str) -> Result<String, ApiError> {
    match given {
        "low" | "reduced" | "standard" => Ok(given.to_owned()),
        _ => Err(ApiError::invalid("latency_mode is low, reduced or standard")),
    }
}
