//! Pages of a space.

use crate::page::{FormErrors, Moment, Page};
use crate::pass::views::{PassCard, Standing};
use crate::poster::Poster;
use crate::sales::views::{PartForm, SalesView};
use askama::Template;

/// A show in a list; templates call it `card`.
#[derive(Clone)]
pub struct ShowCard {
    /// Title.
    pub title: String,
    /// Address.
    pub url: String,
    /// Its space.
    pub space_name: String,
    /// Accent of the space.
    pub accent: String,
    /// Picture.
    pub poster: Option<Poster>,
    /// Letters in place of one.
    pub mark: String,
    /// Announced start.
    pub starts_at: Option<Moment>,
    /// On air now.
    pub live: bool,
}

/// Whose it is.
#[derive(Clone)]
pub struct Creator {
    /// Shown name.
    pub name: String,
    /// Address part of the profile.
    pub handle: String,
    /// One or two letters.
    pub initials: String,
}

/// The space on its sales page.
pub struct SpacePage {
    /// Name.
    pub name: String,
    /// Address part.
    pub slug: String,
    /// One sentence.
    pub headline: String,
    /// Several, as safe HTML.
    pub description_html: String,
    /// Accent colour.
    pub accent: String,
}

/// The pass that somebody is in through.
pub struct PassChip {
    /// What people read.
    pub name: String,
    /// When it ends.
    pub until: Option<Moment>,
}

/// `/{space}` and `/{space}/{pass}`
#[derive(Template)]
#[template(path = "space/show.html")]
pub struct SpaceShow {
    /// Frame.
    pub page: Page,
    /// The space.
    pub space: SpacePage,
    /// What its team wrote about it.
    pub sales: SalesView,
    /// Whose it is.
    pub creator: Creator,
    /// What is inside.
    pub experiences: Vec<ShowCard>,
    /// What is on offer, in order.
    pub passes: Vec<PassCard>,
    /// The one that is told about; none while nothing is on offer.
    pub chosen: Option<PassCard>,
    /// The page of that pass alone.
    pub alone: bool,
    /// The visitor may edit it.
    pub may_edit: bool,
}

/// What is typed into the form.
#[derive(Debug, Clone, Default)]
pub struct SpaceForm {
    /// Name.
    pub name: String,
    /// Address part.
    pub slug: String,
    /// One sentence.
    pub headline: String,
    /// Several.
    pub description: String,
    /// Accent colour.
    pub accent: String,
    /// The version of the settings that it was filled in with; empty for a new space.
    pub version: String,
}

/// `/studio/spaces/new`
#[derive(Template)]
#[template(path = "space/new.html")]
pub struct SpaceNew {
    /// Frame.
    pub page: Page,
    /// What was typed.
    pub form: SpaceForm,
    /// What is wrong with it.
    pub errors: FormErrors,
    /// Where it posts to.
    pub action: String,
    /// Where Cancel leads.
    pub cancel_url: String,
}

/// `/studio/{space}/edit`
#[derive(Template)]
#[template(path = "space/edit.html")]
pub struct SpaceEdit {
    /// Frame.
    pub page: Page,
    /// The space as it is.
    pub space: SpacePage,
    /// What its page says.
    pub sales: SalesView,
    /// So that parts are shown without a pencil here.
    pub may_edit: bool,
    /// The parts that are no fields of the first form.
    pub forms: Vec<PartForm>,
    /// What was typed.
    pub form: SpaceForm,
    /// What is wrong with it.
    pub errors: FormErrors,
    /// Where it posts to.
    pub action: String,
    /// Where Cancel leads.
    pub cancel_url: String,
}

/// The space that something belongs to.
pub struct SpaceRef {
    /// Name.
    pub name: String,
    /// Address part.
    pub slug: String,
    /// Accent colour.
    pub accent: String,
}
