//! Pages of signing in.

use crate::page::Page;
use askama::Template;

/// Step one: the address, or the number.
#[derive(Template)]
#[template(path = "session/new.html")]
pub struct SessionNew {
    /// Frame.
    pub page: Page,
    /// A number can be given instead.
    pub texts: bool,
    /// It is asked for.
    pub by_phone: bool,
    /// What was typed.
    pub typed: String,
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
    /// The address or number the code went to.
    pub contact: String,
    /// The name of the field that takes it.
    pub field: &'static str,
    /// Where to go afterwards.
    pub next: String,
    /// What is wrong with the code.
    pub error: Option<String>,
}
