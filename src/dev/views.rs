//! Development pages.

use crate::page::{Moment, Page};
use askama::Template;

/// A letter.
pub struct MailRow {
    /// When it was sent.
    pub at: Moment,
    /// To whom.
    pub to: String,
    /// Subject.
    pub subject: String,
    /// Text.
    pub text: String,
}

/// `/dev/mail`
#[derive(Template)]
#[template(path = "dev/mail.html")]
pub struct DevMail {
    /// Frame.
    pub page: Page,
    /// Newest first.
    pub mails: Vec<MailRow>,
}

/// `/dev/components`
#[derive(Template)]
#[template(path = "dev/components.html")]
pub struct DevComponents {
    /// Frame.
    pub page: Page,
}
