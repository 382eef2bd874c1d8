//! The form of a space: typed text in, settings or messages out. The domain has the last word on lengths.

use backstage_core::slug::{BadSlug, Slug};
use backstage_core::space::{DESCRIPTION_CHARS_MAX, HEADLINE_CHARS_MAX, NAME_CHARS_MAX, Settings};
use serde::Deserialize;

use super::ACCENTS;
use super::views::SpaceForm;
use crate::page::{FormErrors, many_lines, one_line};

/// The fields as sent; missing ones are empty.
#[derive(Deserialize)]
pub struct Typed {
    #[serde(default)]
    name: String,
    #[serde(default)]
    slug: String,
    #[serde(default)]
    headline: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    accent: String,
    #[serde(default)]
    version: String,
}

impl Typed {
    /// What to show again.
    pub fn form(&self) -> SpaceForm {
        SpaceForm {
            name: self.name.clone(),
            slug: self.slug.clone(),
            headline: self.headline.clone(),
            description: self.description.clone(),
            accent: self.accent(),
            version: self.version.clone(),
        }
    }

    /// The version of the settings that the form was filled in with, if it says.
    pub fn version(&self) -> Option<&str> {
        Some(self.version.as_str()).filter(|version| !version.is_empty())
    }

    /// The colour chosen, the default for anything unknown.
    pub fn accent(&self) -> String {
        ACCENTS.into_iter().find(|accent| *accent == self.accent).unwrap_or(ACCENTS[0]).to_string()
    }

    /// Settings, or what is wrong at which field.
    pub fn settings(&self) -> Result<Settings, FormErrors> {
        let mut errors = FormErrors::default();
        let name = one_line(&self.name);
        let headline = one_line(&self.headline);
        let description = many_lines(&self.description);
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
            errors.add("name", "space.form.name_missing");
        }
        if headline.chars().count() > HEADLINE_CHARS_MAX {
            errors.add("headline", "space.form.too_long");
        }
        if description.chars().count() > DESCRIPTION_CHARS_MAX {
            errors.add("description", "space.form.too_long");
        }
        match slug(Slug::for_space(self.slug.trim()), &mut errors) {
            Some(slug) if errors.is_empty() => Ok(Settings { slug, name, headline, description }),
            _ => Err(errors),
        }
    }
}

/// An address part, or a message at the field `slug`.
pub fn slug(checked: Result<Slug, BadSlug>, errors: &mut FormErrors) -> Option<Slug> {
    let field = "slug";
    match checked {
        Ok(slug) => Some(slug),
        Err(BadSlug::Reserved) => {
            errors.add(field, "space.form.slug_reserved");
            None
        }
        Err(BadSlug::Length | BadSlug::Characters) => {
            errors.add(field, "space.form.slug_bad");
            None
        }
    }
}
