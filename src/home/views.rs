//! The front page and the error page.

use crate::page::Page;
use crate::space::views::ShowCard;
use askama::Template;

/// `/`
#[derive(Template)]
#[template(path = "home/show.html")]
pub struct HomeShow {
    /// Frame.
    pub page: Page,
    /// On air now.
    pub live: Vec<ShowCard>,
    /// Coming up.
    pub upcoming: Vec<ShowCard>,
}

/// Something went wrong.
#[derive(Template)]
#[template(path = "error/show.html")]
pub struct ErrorShow {
    /// Frame.
    pub page: Page,
    /// HTTP status.
    pub status: u16,
    /// What happened.
    pub heading: String,
    /// What to do.
    pub advice: String,
}
