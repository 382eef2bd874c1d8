//! The poster of an experience: in its lobby, behind the slates of its player, and on cards.

pub mod picture;
pub mod routes;
pub mod store;

use crate::adapters::storage::{BadKey, Key};

/// Longest description for those who do not see it, characters.
pub const ALT_CHARS_MAX: usize = 200;

/// A poster on a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poster {
    /// Address of the picture 1,280 pixels wide.
    pub large: String,
    /// Address of the picture 640 pixels wide.
    pub small: String,
    /// What it shows, for those who do not see it; may be empty.
    pub alt: String,
}

impl Poster {
    /// The poster of a name.
    pub fn of(name: &str, alt: String) -> Poster {
        let [large, small] = picture::WIDTHS.map(|width| format!("/posters/{name}-{width}.jpg"));
        Poster { large, small, alt }
    }
}

/// The objects of a poster, large first.
pub fn keys(name: &str) -> Result<[Key; 2], BadKey> {
    let [large, small] = picture::WIDTHS.map(|width| Key::parse(&format!("posters/{name}-{width}.jpg")));
    Ok([large?, small?])
}
