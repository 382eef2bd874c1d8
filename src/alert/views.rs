//! Pages of alerts.

use crate::page::Page;
use askama::Template;

/// `/alerts/{id}/off`
#[derive(Template)]
#[template(path = "alert/off.html")]
pub struct AlertOff {
    /// Frame.
    pub page: Page,
    /// Where the button posts to.
    pub action: String,
    /// What the mail brought along.
    pub token: String,
    /// It is done.
    pub done: bool,
}
