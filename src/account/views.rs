//! The account page.

use crate::page::{Moment, Page};
use askama::Template;

/// A signed-in device.
pub struct SessionRow {
    /// Its session.
    pub id: String,
    /// Browser and system.
    pub device: String,
    /// The one that asks.
    pub current: bool,
    /// When it was last used.
    pub last_seen: Moment,
}

/// `/account`
#[derive(Template)]
#[template(path = "account/show.html")]
pub struct AccountShow {
    /// Frame.
    pub page: Page,
    /// Shown name, as typed.
    pub name: String,
    /// Address or number; none for guests.
    pub email: Option<String>,
    /// What is wrong with the name.
    pub error: Option<String>,
    /// Devices, last used first.
    pub sessions: Vec<SessionRow>,
}
