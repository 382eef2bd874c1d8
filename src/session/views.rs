//! Pages of signing in.

use crate::page::Page;
use askama::Template;

/// Step one: the address.
#[derive(Template)]
#[template(path = "session/new.html")]
pub struct SessionNew {
    /// Frame.
    pub page: Page,
    /// What was typed.
    pub email: String,
    /// Where to go afterwards.
    pub next: String,
    /// What is wrong with it.
    pub error: Option<String>,
}

/// Step two: the code.
#[derive(Template)]
#[template(path = "session/code.html")]
pub struct SessionCode {
    /// Frame.
    pub page: Page,
    /// The address the code went to.
    pub email: String,
    /// Where to go afterwards.
    pub next: String,
    /// What is wrong with the code.
    pub error: Option<String>,
}
