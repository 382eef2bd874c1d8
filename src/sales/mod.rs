//! What a space's sales page says beside passes and experiences: eight parts, each shown, edited in place and saved on its own.
//!
//! A part is written against the version that its editor read (a keyed hash of what it said). If somebody else was faster,
//! nothing is written: the editor sees the newest beside their own words.

pub mod form;
pub mod parts;
pub mod routes;
pub mod store;
pub mod views;

use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// Most features of a space.
pub const FEATURES_MAX: usize = 12;
/// Longest title of a feature, characters.
pub const FEATURE_TITLE_CHARS_MAX: usize = 80;
/// Longest text of a feature, characters.
pub const FEATURE_TEXT_CHARS_MAX: usize = 200;
/// Most questions of a space.
pub const QUESTIONS_MAX: usize = 20;
/// Longest question, characters.
pub const QUESTION_CHARS_MAX: usize = 160;
/// Longest answer, characters.
pub const ANSWER_CHARS_MAX: usize = 2_000;
/// Most pictures in the gallery.
pub const GALLERY_MAX: usize = 8;

/// A part of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Name and headline: settings of the space.
    Headline,
    /// Description: a setting of the space.
    Description,
    /// One of [`categories`].
    Category,
    /// What somebody gets.
    Features,
    /// Questions and answers.
    Faq,
    /// The wide picture on top.
    Cover,
    /// The small square picture.
    Logo,
    /// Further pictures.
    Gallery,
}

impl Part {
    /// All of them.
    pub const ALL: [Part; 8] = [
        Part::Headline,
        Part::Description,
        Part::Category,
        Part::Features,
        Part::Faq,
        Part::Cover,
        Part::Logo,
        Part::Gallery,
    ];

    /// The name used in the store, in addresses and in the locale file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Part::Headline => "headline",
            Part::Description => "description",
            Part::Category => "category",
            Part::Features => "features",
            Part::Faq => "faq",
            Part::Cover => "cover",
            Part::Logo => "logo",
            Part::Gallery => "gallery",
        }
    }

    /// Reads [`Part::as_str`] back.
    pub fn parse(text: &str) -> Option<Part> {
        Part::ALL.into_iter().find(|part| part.as_str() == text)
    }
}

/// What somebody gets, in a few words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// 1 to [`FEATURE_TITLE_CHARS_MAX`] characters.
    pub title: String,
    /// Up to [`FEATURE_TEXT_CHARS_MAX`] characters.
    pub text: String,
}

/// A question with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// 1 to [`QUESTION_CHARS_MAX`] characters.
    pub question: String,
    /// 1 to [`ANSWER_CHARS_MAX`] characters of Markdown.
    pub answer: String,
}

/// A picture in the objects store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// What its objects are called; nobody can guess it.
    pub name: String,
    /// What it shows, for those who do not see it; may be empty.
    pub alt: String,
}

/// Keys of the categories that a space may have, in the order in which a form lists them. The locale file names them.
pub fn categories() -> &'static [String] {
    static ALL: LazyLock<Vec<String>> =
        LazyLock::new(|| serde_json::from_str(include_str!("../../config/categories.json")).unwrap_or_default());
    &ALL
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locale::Language;

    #[test]
    fn every_category_has_a_name_in_every_language() {
        assert!(categories().len() > 20);
        for language in Language::ALL {
            for key in categories() {
                let key = format!("categories.{key}");
                assert!(language.all().any(|(known, _)| known == key), "{key}, {language:?}");
            }
        }
    }

    #[test]
    fn parts_are_read_back_by_their_names() {
        for part in Part::ALL {
            assert_eq!(Part::parse(part.as_str()), Some(part));
        }
        assert_eq!(Part::parse("parts"), None);
    }
}
