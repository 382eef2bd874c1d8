//! Pages of an experience.

use crate::markdown;
use crate::page::{FormErrors, Moment, Page};
use crate::poster::Poster;
use crate::sales::views::Logo;
use crate::space::views::{Creator, PassChip, SpaceRef};
use askama::Template;
use backstage_core::experience::Experience;
use backstage_core::slug::Slug;

/// The experience on a page.
pub struct ExperiencePage {
    /// Its id.
    pub id: String,
    /// Address part of its space.
    pub space_slug: String,
    /// Its own address part.
    pub slug: String,
    /// Title.
    pub title: String,
    /// What it is about, as safe HTML.
    pub description_html: String,
    /// Picture.
    pub poster: Option<Poster>,
    /// `/m/{space}/{experience}`
    pub url: String,
}

impl ExperiencePage {
    /// Of an experience in the space at `space`.
    pub fn of(space: &Slug, experience: &Experience, poster: Option<Poster>) -> ExperiencePage {
        let settings = &experience.settings;
        ExperiencePage {
            id: experience.id.to_string(),
            space_slug: space.to_string(),
            slug: settings.slug.to_string(),
            title: settings.title.clone(),
            description_html: markdown::html(&settings.description),
            poster,
            url: format!("/m/{space}/{}", settings.slug),
        }
    }
}

/// `/m/{space}/{experience}`
#[derive(Template)]
#[template(path = "experience/show.html")]
pub struct ExperienceShow {
    /// Frame.
    pub page: Page,
    /// The experience.
    pub experience: ExperiencePage,
    /// Its space.
    pub space: SpaceRef,
    /// The space's logo.
    pub logo: Option<Logo>,
    /// Whose it is.
    pub creator: Creator,
    /// `allowed`, `needs_pass` or `suspended`.
    pub access: String,
    /// The pass that lets the visitor in.
    pub pass: Option<PassChip>,
    /// The player's state before script runs.
    pub initial: String,
    /// Announced start.
    pub starts_at: Option<Moment>,
    /// The socket's `state` message.
    pub state_json: String,
    /// The visitor may see that there are recordings.
    pub recordings: bool,
    /// The visitor may host.
    pub is_host: bool,
    /// Whether the visitor is told by mail when it goes live: `on`, `off`, or `sign_in` for those without an address.
    pub notify: String,
    /// As whom a team member looks.
    pub view_as: Option<String>,
}

/// `/m/{space}/{experience}` of what is embedded.
#[derive(Template)]
#[template(path = "experience/embed.html")]
pub struct EmbedShow {
    /// Frame.
    pub page: Page,
    /// The experience.
    pub experience: ExperiencePage,
    /// Its space.
    pub space: SpaceRef,
    /// The space's logo.
    pub logo: Option<Logo>,
    /// Whose it is.
    pub creator: Creator,
    /// `allowed`, `needs_pass` or `suspended`.
    pub access: String,
    /// The pass that lets the visitor in.
    pub pass: Option<PassChip>,
    /// What is framed; none for those who may not see it, and when its host is no longer allowed.
    pub url: Option<String>,
    /// What the framed page may do.
    pub sandbox: &'static str,
    /// What it may ask the browser for.
    pub allow: &'static str,
    /// The visitor may edit it.
    pub may_edit: bool,
    /// As whom a team member looks.
    pub view_as: Option<String>,
}

/// What is typed into the form.
#[derive(Debug, Clone, Default)]
pub struct ExperienceForm {
    /// Title.
    pub title: String,
    /// Address part.
    pub slug: String,
    /// What it is about.
    pub description: String,
    /// Announced start, ms UTC.
    pub starts_at: Option<i64>,
    /// Reconnection grace in seconds.
    pub grace_s: String,
    /// Who may watch: `pass` or `open`.
    pub access: String,
    /// Name of its kind; empty is a live stream.
    pub kind: String,
    /// What is embedded, as typed.
    pub embed_url: String,
}

/// `/studio/{space}/experiences/new`
#[derive(Template)]
#[template(path = "experience/new.html")]
pub struct ExperienceNew {
    /// Frame.
    pub page: Page,
    /// Where it will be.
    pub space: SpaceRef,
    /// What was typed.
    pub form: ExperienceForm,
    /// What is wrong with it.
    pub errors: FormErrors,
    /// Where it posts to.
    pub action: String,
    /// Where Cancel leads.
    pub cancel_url: String,
}

/// `/studio/{space}/{experience}/edit`
#[derive(Template)]
#[template(path = "experience/edit.html")]
pub struct ExperienceEdit {
    /// Frame.
    pub page: Page,
    /// Where it is.
    pub space: SpaceRef,
    /// What was typed.
    pub form: ExperienceForm,
    /// What is wrong with it.
    pub errors: FormErrors,
    /// Where it posts to.
    pub action: String,
    /// Where Cancel leads.
    pub cancel_url: String,
    /// Its poster.
    pub poster: Option<Poster>,
    /// Letters in place of one.
    pub mark: String,
    /// Where the poster's form posts to.
    pub poster_action: String,
    /// Why the file that was sent is no poster.
    pub poster_error: Option<String>,
}
