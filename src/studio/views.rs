//! Pages of the studio.

use crate::experience::views::ExperiencePage;
use crate::page::{Moment, Page};
use crate::space::views::SpaceRef;
use askama::Template;

/// An experience in the list.
pub struct StudioExperience {
    /// Title.
    pub title: String,
    /// Address part.
    pub slug: String,
    /// It has a lobby and a studio.
    pub has_stage: bool,
    /// On air now.
    pub live: bool,
    /// Announced start.
    pub starts_at: Option<Moment>,
}

/// A space in the list.
pub struct StudioSpace {
    /// Name.
    pub name: String,
    /// Address part.
    pub slug: String,
    /// Accent colour.
    pub accent: String,
    /// Its experiences.
    pub experiences: Vec<StudioExperience>,
    /// The person may change it.
    pub may_edit: bool,
}

/// `/studio`
#[derive(Template)]
#[template(path = "studio/index.html")]
pub struct StudioIndex {
    /// Frame.
    pub page: Page,
    /// Spaces of the person's teams.
    pub spaces: Vec<StudioSpace>,
}

/// `/studio/{space}/{experience}`
#[derive(Template)]
#[template(path = "studio/show.html")]
pub struct StudioShow {
    /// Frame.
    pub page: Page,
    /// The experience.
    pub experience: ExperiencePage,
    /// Its space.
    pub space: SpaceRef,
    /// The socket's `state` message.
    pub state_json: String,
    /// Path of the viewer page.
    pub watch_url: String,
}
