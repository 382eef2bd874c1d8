//! Text messages: the mailbox of development, or a provider over its REST API.

pub mod twilio;

pub use twilio::{Twilio, TwilioError, TwilioSettings};

/// What stands in the mailbox in place of a subject, which texts have none of.
pub const SUBJECT: &str = "Text message";
