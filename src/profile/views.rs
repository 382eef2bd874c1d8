//! The profile page.

use crate::page::Page;
use askama::Template;

/// Who it is.
pub struct Profile {
    /// Shown name.
    pub name: String,
    /// Address part.
    pub handle: String,
    /// One or two letters.
    pub initials: String,
    /// About them.
    pub bio: Option<String>,
}

/// One of their spaces.
pub struct ProfileSpace {
    /// Name.
    pub name: String,
    /// Shown while there is no picture.
    pub mark: String,
    /// Address part.
    pub slug: String,
    /// One sentence.
    pub headline: String,
    /// Accent colour.
    pub accent: String,
}

/// `/@handle`
#[derive(Template)]
#[template(path = "profile/show.html")]
pub struct ProfileShow {
    /// Frame.
    pub page: Page,
    /// Who it is.
    pub profile: Profile,
    /// Open spaces of their teams.
    pub spaces: Vec<ProfileSpace>,
}
