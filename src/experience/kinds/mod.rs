//! Kinds of experiences. A new kind is one module here and a line in [`Kind`]; access, passes, order and addresses are the
//! same for all.

pub mod embed;
pub mod live;
pub mod store;

use crate::page::FormErrors;
use embed::Embed;

/// What an experience is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Streams from our studio.
    Live,
    /// A page of somebody else's in a frame.
    Embed(Embed),
}

impl Kind {
    /// Names of all kinds, as a form lists them.
    pub const WORDS: [&str; 2] = [live::WORD, embed::WORD];

    /// The name used in the store, in forms and in the locale file.
    pub const fn word(&self) -> &'static str {
        match self {
            Kind::Live => live::WORD,
            Kind::Embed(_) => embed::WORD,
        }
    }

    /// Whether it has a lobby and a studio.
    pub const fn has_stage(&self) -> bool {
        match self {
            Kind::Live => live::HAS_STAGE,
            Kind::Embed(_) => embed::HAS_STAGE,
        }
    }

    /// What is stored of it beside its name.
    pub fn body(&self) -> Result<String, serde_json::Error> {
        match self {
            Kind::Live => Ok(String::new()),
            Kind::Embed(embed) => serde_json::to_string(embed),
        }
    }

    /// Reads [`Kind::word`] and [`Kind::body`] back.
    pub fn read(word: &str, body: &str) -> Result<Kind, serde_json::Error> {
        match word {
            embed::WORD => serde_json::from_str(body).map(Kind::Embed),
            // One that a newer server stored: its stage is empty.
            _ => Ok(Kind::Live),
        }
    }

    /// What a form says, or what is wrong at which field. `hosts`: those that may be embedded.
    pub fn typed(word: &str, embed_url: &str, hosts: &[String]) -> Result<Kind, FormErrors> {
        let mut errors = FormErrors::default();
        match word {
            "" | live::WORD => return Ok(Kind::Live),
            embed::WORD => match Embed::parse(embed_url, hosts) {
                Ok(embed) => return Ok(Kind::Embed(embed)),
                Err(error) => errors.add("embed_url", error.text()),
            },
            _ => errors.add("kind", "space.form.bad_value"),
        }
        Err(errors)
    }
}
