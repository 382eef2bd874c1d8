//! The mail, and the address in it that turns the next ones off.

use crate::locale;
use crate::ports::Letter;
use crate::security::seal::{Seal, same};

/// What opens `/alerts/{id}/off`, without signing in.
pub fn token(seal: &Seal, alert: &str) -> String {
    seal.of("alert-off", &[alert])
}

/// Whether a token fits, in constant time.
pub fn fits(seal: &Seal, alert: &str, given: &str) -> bool {
    same(&token(seal, alert), given)
}

/// "It has begun."
pub fn letter(to: &str, title: &str, space: &str, watch_url: &str, off_url: &str) -> Letter {
    let fill = |key: &str| {
        // The addresses last: what people wrote cannot bring a placeholder of its own into them.
        let text = locale::text(key).replace("{watch}", watch_url).replace("{off}", off_url);
        text.replace("{space}", space).replace("{title}", title)
    };
    Letter { to: to.to_string(), subject: fill("mail.alert.subject"), text: fill("mail.alert.text"), code: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mail_names_the_show_and_both_addresses() {
        let letter =
            letter("a@b.c", "A {off} talk", "Stage", "https://p.test/m/s/e", "https://p.test/alerts/1/off?t=2");
        assert!(letter.subject.contains("A {off} talk"), "{}", letter.subject);
        assert!(letter.text.contains("\nhttps://p.test/m/s/e\n"), "{}", letter.text);
        assert_eq!(letter.text.matches("https://p.test/alerts/1/off?t=2").count(), 1);
        assert_eq!(letter.code, None);
    }

    #[test]
    fn a_token_opens_one_alert() {
        let seal = Seal::new("s");
        assert!(fits(&seal, "1", &token(&seal, "1")));
        assert!(!fits(&seal, "2", &token(&seal, "1")) && !fits(&seal, "1", ""));
    }
}
