//! The parts of a page as they are stored, and the version of each.

use backstage_core::SpaceId;
use backstage_core::space::Settings;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

use super::{Feature, Part, Picture, Question};
use crate::adapters::storage::{BadKey, Key};
use crate::poster;
use crate::security::seal::Seal;

/// Characters of a version.
const VERSION_CHARS: usize = 16;

/// What a page says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// One of [`super::categories`]; empty without one.
    pub category: String,
    /// In order.
    pub features: Vec<Feature>,
    /// In order.
    pub faq: Vec<Question>,
    /// The wide picture.
    pub cover: Option<Picture>,
    /// The small one.
    pub logo: Option<Picture>,
    /// In order.
    pub gallery: Vec<Picture>,
    bodies: BTreeMap<Part, String>,
}

impl Parts {
    /// Reads what is stored.
    ///
    /// # Errors
    /// A body that is not what its part holds.
    pub fn read(bodies: BTreeMap<Part, String>) -> Result<Parts, serde_json::Error> {
        Ok(Parts {
            category: of(&bodies, Part::Category)?,
            features: of(&bodies, Part::Features)?,
            faq: of(&bodies, Part::Faq)?,
            cover: of(&bodies, Part::Cover)?,
            logo: of(&bodies, Part::Logo)?,
            gallery: of(&bodies, Part::Gallery)?,
            bodies,
        })
    }

    /// A part as it is stored; `None` if nobody wrote it.
    pub fn body(&self, part: Part) -> Option<&str> {
        self.bodies.get(&part).map(String::as_str)
    }

    /// The version of a part: what it says, and nothing else, decides.
    pub fn version(&self, seal: &Seal, space: &SpaceId, settings: &Settings, part: Part) -> String {
        let says = match part {
            Part::Headline => [settings.name.as_str(), settings.headline.as_str()],
            Part::Description => [settings.description.as_str(), ""],
            Part::Category | Part::Features | Part::Faq | Part::Cover | Part::Logo | Part::Gallery => {
                [self.body(part).unwrap_or_default(), ""]
            }
        };
        let [first, second] = says;
        let mut version = seal.of("sales part", &[space.as_str(), part.as_str(), first, second]);
        version.truncate(VERSION_CHARS);
        version
    }
}

fn of<T: DeserializeOwned + Default>(bodies: &BTreeMap<Part, String>, part: Part) -> Result<T, serde_json::Error> {
    bodies.get(&part).map_or_else(|| Ok(T::default()), |body| serde_json::from_str(body))
}

/// The objects of a cover or a picture of the gallery.
pub fn wide_keys(name: &str) -> Result<Vec<Key>, BadKey> {
    poster::keys(name).map(Vec::from)
}

/// The object of a logo. It stands beside the posters, under an address that is served already.
pub fn logo_keys(name: &str) -> Result<Vec<Key>, BadKey> {
    Key::parse(&format!("posters/{name}-logo.png")).map(|key| vec![key])
}

/// The address of a logo.
pub fn logo_url(name: &str) -> String {
    format!("/posters/{name}-logo.png")
}
