//! The letter with the code.

use crate::locale;
use crate::ports::Letter;

/// Code in the subject, so that it can be read from a notification.
pub fn code_letter(to: &str, code: &str) -> Letter {
    Letter {
        to: to.to_string(),
        subject: locale::text_with("mail.code.subject", "code", code),
        text: locale::text_with("mail.code.text", "code", code),
        code: Some(code.to_string()),
    }
}
