//! The form of an experience: typed text in, settings or messages out.

use backstage_core::Timestamp;
use backstage_core::access::Rule;
use backstage_core::experience::{DESCRIPTION_CHARS_MAX, ExperienceRejection, Settings, TITLE_CHARS_MAX};
use backstage_core::slug::Slug;
use backstage_core::stream::{GRACE_MS_DEFAULT, GRACE_MS_RANGE};
use serde::Deserialize;

use super::kinds::Kind;
use super::views::ExperienceForm;
use crate::page::{FormErrors, many_lines, one_line};
use crate::space::form::slug;

/// The fields as sent; missing ones are empty.
#[derive(Deserialize)]
pub struct Typed {
    #[serde(default)]
    title: String,
    #[serde(default)]
    slug: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    starts_at: String,
    #[serde(default)]
    grace_s: String,
    #[serde(default)]
    access: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    embed_url: String,
}

impl Typed {
    /// What to show again.
    pub fn form(&self) -> ExperienceForm {
        ExperienceForm {
            title: self.title.clone(),
            slug: self.slug.clone(),
            description: self.description.clone(),
            starts_at: self.starts_at.trim().parse().ok(),
            grace_s: self.grace_s.clone(),
            access: self.access.clone(),
            kind: self.kind.clone(),
            embed_url: self.embed_url.clone(),
        }
    }

    /// What it is, or what is wrong at which field; `held`: what it is unless the form says.
    pub fn kind(&self, held: &Kind, hosts: &[String]) -> Result<Kind, FormErrors> {
        if self.kind.is_empty() {
            return Ok(held.clone());
        }
        Kind::typed(&self.kind, &self.embed_url, hosts)
    }

    /// Settings of a kind: what has no stage has no start either.
    pub fn settings_of(&self, kind: &Kind, held: Rule) -> Result<Settings, FormErrors> {
        let mut settings = self.settings(held)?;
        if !kind.has_stage() {
            settings.starts_at = None;
        }
        Ok(settings)
    }

    /// Settings, or what is wrong at which field. `held`: who may watch, unless the form says.
    pub fn settings(&self, held: Rule) -> Result<Settings, FormErrors> {
        let mut errors = FormErrors::default();
        let title = one_line(&self.title);
        let description = many_lines(&self.description);
        if title.is_empty() || title.chars().count() > TITLE_CHARS_MAX {
            errors.add("title", "experience.form.title_bad");
        }
        if description.chars().count() > DESCRIPTION_CHARS_MAX {
            errors.add("description", "space.form.too_long");
        }
        let starts_at = match self.starts_at.trim() {
            "" => None,
            text => match text.parse() {
                Ok(ms) => Some(Timestamp(ms)),
                Err(_) => {
                    errors.add("starts_at", "experience.form.bad_time");
                    None
                }
            },
        };
        let grace_ms = match self.grace_s.trim() {
            "" => Some(GRACE_MS_DEFAULT),
            text => {
                text.parse::<i64>().ok().and_then(|s| s.checked_mul(1_000)).filter(|ms| GRACE_MS_RANGE.contains(ms))
            }
        };
        if grace_ms.is_none() {
            errors.add("grace_s", "space.form.bad_value");
        }
        let access = rule(&self.access, held);
        if access.is_none() {
            errors.add("access", "space.form.bad_value");
        }
        match (slug(Slug::for_experience(self.slug.trim()), &mut errors), grace_ms, access) {
            (Some(slug), Some(grace_ms), Some(access)) if errors.is_empty() => {
                Ok(Settings { slug, title, description, access, grace_ms, starts_at })
            }
            _ => Err(errors),
        }
    }
}

/// Who may watch, as the form says it.
fn rule(typed: &str, held: Rule) -> Option<Rule> {
    match typed {
        "" => Some(held),
        "pass" => Some(Rule::Pass),
        "open" => Some(Rule::Open),
        _ => None,
    }
}

/// The form's word for who may watch.
pub const fn rule_word(rule: Rule) -> &'static str {
    match rule {
        Rule::Pass => "pass",
        Rule::Open => "open",
    }
}

/// A rejection of the domain at the field it is about; `None` if it is about no field.
pub fn at_field(rejection: ExperienceRejection) -> Option<FormErrors> {
    let (field, key) = match rejection {
        ExperienceRejection::BadTitle => ("title", "experience.form.title_bad"),
        ExperienceRejection::BadDescription => ("description", "space.form.too_long"),
        ExperienceRejection::BadGrace => ("grace_s", "space.form.bad_value"),
        ExperienceRejection::BadStart => ("starts_at", "experience.form.bad_time"),
        ExperienceRejection::NotCreated
        | ExperienceRejection::AlreadyCreated
        | ExperienceRejection::AlreadyLive
        | ExperienceRejection::OtherStream => return None,
    };
    let mut errors = FormErrors::default();
    errors.add(field, key);
    Some(errors)
}
