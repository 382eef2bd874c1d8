//! Mail: a mailbox to look into during development, SMTP otherwise.

mod mailbox;
mod smtp;

pub use mailbox::{Letter, Mailbox};
pub use smtp::{SmtpMail, SmtpSettings};

use backstage_actors::ports::{BoxFuture, ProviderError};

/// A mail to send.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// Address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The sign-in code in the text, if there is one: the mailbox of development shows it by itself.
    pub code: Option<String>,
    /// Becomes the message id: receivers can tell a repetition by it. 1 to 64 characters of `a-z A-Z 0-9 - _ . :`.
    pub key: String,
}

/// Codes are in mails: only the key shows in logs.
impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Sends mail. Returns when the next hop has taken it over; tries again by itself within its own time-out.
pub trait Post: Send + Sync + 'static {
    /// Sends one mail, at least once when `Ok`.
    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<(), ProviderError>>;
}
