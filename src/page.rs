//! What every page carries, and the small shapes that pages share.

use actix_web::HttpResponse;
use askama::Template;
use backstage_core::Timestamp;
use std::sync::Arc;

use crate::assets::Assets;
use crate::error::Problem;
use crate::locale::{self, Language};
use crate::markdown;
use crate::poster::Poster;

/// The frame of a page: layout.html reads it.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Window title, without the product's name.
    pub title: String,
    /// CSRF token for forms and the meta tag.
    pub csrf: String,
    /// Who is signed in.
    pub user: Option<PageUser>,
    /// Path of the request.
    pub path: String,
    /// Payments are a sandbox: every page says so.
    pub sandbox: bool,
    /// Development: links to the dev mailbox are shown.
    pub dev: bool,
    /// Asset addresses.
    pub assets: Arc<Assets>,
    /// One sentence about what was just done.
    pub flash: Option<String>,
    /// What a link to the page shows elsewhere, for pages that are shared.
    pub social: Option<Social>,
}

/// What a link preview shows (Open Graph).
#[derive(Debug, Clone)]
pub struct Social {
    /// One or two plain sentences; may be empty.
    pub description: String,
    /// Whole address of the page.
    pub url: String,
    /// Whole address of a picture of 1280 × 720.
    pub image: Option<String>,
}

impl Social {
    /// Longest description in characters.
    const DESCRIPTION_CHARS_MAX: usize = 200;

    /// Of a page at `path` of the site at `base`. The first text that is not empty describes it.
    pub fn of(base: &str, path: &str, texts: [&str; 2], poster: Option<&Poster>) -> Social {
        let mut described = texts.into_iter().map(|text| markdown::excerpt(text, Self::DESCRIPTION_CHARS_MAX));
        Social {
            description: described.find(|text| !text.is_empty()).unwrap_or_default(),
            url: format!("{base}{path}"),
            image: poster.map(|poster| format!("{base}{}", poster.large)),
        }
    }
}

/// The signed-in person, as the layout shows them.
#[derive(Debug, Clone, Default)]
pub struct PageUser {
    /// Shown name.
    pub name: String,
    /// Profile address, for creators.
    pub handle: Option<String>,
    /// One or two letters.
    pub initials: String,
    /// Here on this device only, without an account.
    pub guest: bool,
}

impl Page {
    /// Text by key.
    pub fn t<'a>(&self, key: &'a str) -> &'a str {
        locale::text(key)
    }

    /// Text with one `{name}` placeholder.
    pub fn t1(&self, key: &str, name: &str, value: impl std::fmt::Display) -> String {
        locale::text_with(key, name, value)
    }

    /// Text of a key whose last part is known only now.
    pub fn t_in(&self, prefix: &str, key: impl std::fmt::Display) -> String {
        locale::text(&format!("{prefix}.{key}")).to_string()
    }

    /// The language of the page.
    pub fn language(&self) -> Language {
        locale::current()
    }

    /// Every language of the interface.
    pub fn languages(&self) -> [Language; 2] {
        Language::ALL
    }

    /// An icon of the sprite; `name` is always a literal in a template, so the markup may be used unescaped.
    pub fn icon(&self, name: &str) -> String {
        format!("<svg class=\"icon\" aria-hidden=\"true\"><use href=\"{}#{name}\"></use></svg>", self.assets.icons_svg)
    }
}

/// A time for `<time>`.
#[derive(Debug, Clone)]
pub struct Moment {
    /// Milliseconds UTC.
    pub ms: i64,
    /// RFC 3339, UTC.
    pub iso: String,
    /// What is read without script.
    pub text: String,
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Moment {
        let time = chrono::DateTime::from_timestamp_millis(at.0).unwrap_or_default();
        Moment {
            ms: at.0,
            iso: time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            text: time.format(locale::text("layout.moment")).to_string(),
        }
    }
}

/// Messages under fields; a form with any is shown again with what was typed.
#[derive(Debug, Clone, Default)]
pub struct FormErrors(pub Vec<(&'static str, String)>);

impl FormErrors {
    /// The message of a field.
    pub fn of(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == field).map(|(_, message)| message.as_str())
    }

    /// Adds a message by its text key.
    pub fn add(&mut self, field: &'static str, key: &str) {
        self.0.push((field, locale::text(key).to_string()));
    }

    /// No field is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What the buttons that sort a list say.
#[derive(serde::Deserialize)]
pub struct Shift {
    /// `front` or `end`.
    pub towards: String,
}

/// One or two capital letters of a name; `?` for an empty one.
pub fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(|word| word.chars().find(|c| c.is_alphanumeric()));
    let first = words.next();
    let last = words.next_back();
    let letters: String = [first, last].into_iter().flatten().flat_map(char::to_uppercase).collect();
    if letters.is_empty() { "?".into() } else { letters }
}

/// Text from a person for one line: control characters gone, white space joined, ends trimmed.
pub fn one_line(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text from a person for several lines: `\r\n` becomes `\n`, other control characters go, ends trimmed.
pub fn many_lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    text.chars().filter(|c| *c == '\n' || *c == '\t' || !c.is_control()).collect::<String>().trim().to_string()
}

/// Renders a page with a status.
pub fn respond(status: actix_web::http::StatusCode, view: &impl Template) -> Result<HttpResponse, Problem> {
    let html = view.render().map_err(Problem::internal)?;
    Ok(HttpResponse::build(status).content_type("text/html; charset=utf-8").body(html))
}

/// Renders a page.
pub fn show(view: &impl Template) -> Result<HttpResponse, Problem> {
    respond(actix_web::http::StatusCode::OK, view)
}

/// A form shown again with messages: 422.
pub fn show_again(view: &impl Template) -> Result<HttpResponse, Problem> {
    respond(actix_web::http::StatusCode::UNPROCESSABLE_ENTITY, view)
}

/// 303 to a local path.
pub fn see_other(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((actix_web::http::header::LOCATION, path)).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_of_any_name() {
        assert_eq!(initials("Demo Creator"), "DC");
        assert_eq!(initials("  ada "), "A");
        assert_eq!(initials("<script> x"), "SX");
        assert_eq!(initials("!!"), "?");
    }

    #[test]
    fn typed_text_is_cleaned_but_not_changed_in_words() {
        assert_eq!(one_line(" a\n\tb\u{0} c "), "a b c");
        assert_eq!(many_lines("a\r\nb\u{7}\n"), "a\nb");
    }
}
