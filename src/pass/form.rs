//! The form of a pass: typed text in, terms or messages out.

use backstage_core::ExperienceId;
use backstage_core::access::Opens;
use backstage_core::slug::Slug;

use super::Status;
use super::store::Terms;
use super::views::PassForm;
use crate::page::{FormErrors, many_lines, one_line};
use crate::space::form::slug;

/// Longest name in characters, the internal one too.
pub const NAME_CHARS_MAX: usize = 60;
/// Longest headline in characters.
pub const HEADLINE_CHARS_MAX: usize = 160;
/// Longest description in characters.
pub const DESCRIPTION_CHARS_MAX: usize = 4_000;
/// Longest that free access lasts: ten years.
pub const DAYS_MAX: u16 = 3_650;

/// The fields as sent: some names come more than once.
pub struct Typed(Vec<(String, String)>);

impl From<Vec<(String, String)>> for Typed {
    fn from(fields: Vec<(String, String)>) -> Typed {
        Typed(fields)
    }
}

impl Typed {
    fn field(&self, name: &str) -> &str {
        self.0.iter().find(|(held, _)| held == name).map_or("", |(_, value)| value.as_str())
    }

    fn toggled(&self) -> Vec<ExperienceId> {
        let named = self.0.iter().filter(|(name, _)| name == "experience");
        named.filter_map(|(_, id)| ExperienceId::parse(id).ok()).collect()
    }

    /// What to show again.
    pub fn form(&self) -> PassForm {
        PassForm {
            name: self.field("name").into(),
            internal_name: self.field("internal_name").into(),
            slug: self.field("slug").into(),
            headline: self.field("headline").into(),
            description: self.field("description").into(),
            status: Status::parse(self.field("status")).unwrap_or(Status::Draft).as_str().into(),
            days: self.field("days").into(),
            opens_all: self.field("opens") != "only",
            opens: self.toggled().iter().map(ToString::to_string).collect(),
        }
    }

    /// Terms, or what is wrong at which field. `known`: the experiences of the space; others are left out.
    pub fn terms(&self, known: &[ExperienceId]) -> Result<Terms, FormErrors> {
        let mut errors = FormErrors::default();
        let name = one_line(self.field("name"));
        let internal_name = one_line(self.field("internal_name"));
        let headline = one_line(self.field("headline"));
        let description = many_lines(self.field("description"));
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
            errors.add("name", "pass.form.name_missing");
        }
        for (field, text, max) in [
            ("internal_name", &internal_name, NAME_CHARS_MAX),
            ("headline", &headline, HEADLINE_CHARS_MAX),
            ("description", &description, DESCRIPTION_CHARS_MAX),
        ] {
            if text.chars().count() > max {
                errors.add(field, "space.form.too_long");
            }
        }
        let days = match self.field("days").trim() {
            "" => None,
            text => match text.parse::<u16>() {
                Ok(days) if (1..=DAYS_MAX).contains(&days) => Some(days),
                _ => {
                    errors.add("days", "pass.form.days_bad");
                    None
                }
            },
        };
        let status = Status::parse(self.field("status"));
        if status.is_none() {
            errors.add("status", "space.form.bad_value");
        }
        let opens = match self.field("opens") {
            "only" => Opens::Only(known.iter().filter(|id| self.toggled().contains(id)).cloned().collect()),
            _ => Opens::All,
        };
        match (slug(Slug::parse(self.field("slug").trim()), &mut errors), status) {
            (Some(slug), Some(status)) if errors.is_empty() => {
                Ok(Terms { slug, name, internal_name, headline, description, status, opens, days })
            }
            _ => Err(errors),
        }
    }
}

impl PassForm {
    /// Filled in with terms that hold.
    pub fn of(terms: &Terms) -> PassForm {
        let only = match &terms.opens {
            Opens::All => vec![],
            Opens::Only(list) => list.iter().map(ToString::to_string).collect(),
        };
        PassForm {
            name: terms.name.clone(),
            internal_name: terms.internal_name.clone(),
            slug: terms.slug.to_string(),
            headline: terms.headline.clone(),
            description: terms.description.clone(),
            status: terms.status.as_str().into(),
            days: terms.days.map(|days| days.to_string()).unwrap_or_default(),
            opens_all: terms.opens == Opens::All,
            opens: only,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(fields: &[(&str, &str)]) -> Typed {
        Typed(fields.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
    }

    #[test]
    fn a_form_becomes_terms_and_strangers_experiences_are_left_out() {
        let (ours, theirs) = (ExperienceId::parse("one").unwrap(), ExperienceId::parse("two").unwrap());
        let form = typed(&[
            ("name", " Week  pass "),
            ("slug", "week"),
            ("status", "published"),
            ("days", "7"),
            ("opens", "only"),
            ("experience", ours.as_str()),
            ("experience", theirs.as_str()),
        ]);
        let terms = form.terms(std::slice::from_ref(&ours)).unwrap();
        assert_eq!((terms.name.as_str(), terms.days), ("Week pass", Some(7)));
        assert_eq!(terms.opens, Opens::Only(vec![ours]));
    }

    #[test]
    fn every_wrong_field_is_named() {
        let long = "x".repeat(5_000);
        let form =
            typed(&[("slug", "No!"), ("status", "sold"), ("days", "0"), ("headline", &long), ("description", &long)]);
        let errors = form.terms(&[]).unwrap_err();
        for field in ["name", "slug", "status", "days", "headline", "description"] {
            assert!(errors.of(field).is_some(), "{field}");
        }
        assert!(typed(&[("name", "A"), ("slug", "a"), ("status", "draft"), ("days", "70000")]).terms(&[]).is_err());
    }
}
