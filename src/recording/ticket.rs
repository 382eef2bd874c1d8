//! Tickets to a recording's media: they stand in the address, `/recordings/{id}/~{ticket}/…`, so that whatever a
//! playlist names relative to itself carries the ticket too.
//!
//! A ticket is made for one recording and one session. For [`LASTS_MS`] it opens for whoever has it; after that only for
//! the browser whose session it was made for, so that a film plays on for hours while an address that was copied does
//! not. It never decides: each request is put to [`super::watch`], so access that ends stops the film with its next
//! segment, at the latest when a ticket without its session runs out.

use backstage_core::{Timestamp, UserId};

use crate::security::seal::{Seal, same};
use crate::session::Session;

/// How long a ticket opens by itself, ms.
pub const LASTS_MS: i64 = 60_000;
/// Longest ticket, bytes.
pub const BYTES_MAX: usize = 300;
const PURPOSE: &str = "recording";
const NOBODY: &str = "-";

/// A ticket whose seal is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Until when it opens by itself.
    pub expires_at: Timestamp,
    /// The session and the person it was made for; `None`: for somebody who was not signed in.
    pub holder: Option<(String, UserId)>,
}

/// Makes the ticket of a visitor to a recording.
pub fn issue(seal: &Seal, recording: &str, session: Option<&Session>, now: Timestamp) -> String {
    let expires = (now + LASTS_MS).0.to_string();
    let (session, user) = session.map_or((NOBODY, NOBODY), |held| (held.id.as_str(), held.user.as_str()));
    let sealed = seal.of(PURPOSE, &[recording, &expires, session, user]);
    format!("{expires}.{session}.{user}.{sealed}")
}

/// Reads a ticket to this recording; `None` if it is not one of ours, or to another.
pub fn read(seal: &Seal, recording: &str, text: &str) -> Option<Ticket> {
    if text.len() > BYTES_MAX {
        return None;
    }
    let (expires, rest) = text.split_once('.')?;
    let (session, rest) = rest.split_once('.')?;
    let (user, sealed) = rest.rsplit_once('.')?;
    if !same(&seal.of(PURPOSE, &[recording, expires, session, user]), sealed) {
        return None;
    }
    let holder = match (session, user) {
        (NOBODY, NOBODY) => None,
        (session, user) => Some((session.to_owned(), UserId::parse(user).ok()?)),
    };
    Some(Ticket { expires_at: Timestamp(expires.parse().ok()?), holder })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: &str, user: &str) -> Session {
        let user = UserId::parse(user).unwrap();
        let (name, now) = (String::new(), Timestamp(0));
        Session {
            id: id.into(),
            user,
            name,
            email: None,
            phone: None,
            handle: None,
            expires_at: now,
            last_seen_at: now,
        }
    }

    #[test]
    fn a_ticket_is_for_one_recording_and_one_session_and_cannot_be_changed() {
        let seal = Seal::new("secret");
        let text = issue(&seal, "r1", Some(&session("s1", "u1")), Timestamp(1_000));
        let ticket = read(&seal, "r1", &text).unwrap();
        assert_eq!(ticket.expires_at, Timestamp(61_000));
        assert_eq!(ticket.holder, Some(("s1".into(), UserId::parse("u1").unwrap())));
        assert_eq!(read(&seal, "r2", &text), None);
        assert_eq!(read(&Seal::new("other"), "r1", &text), None);
        for (from, to) in [("61000", "99000"), ("s1", "s2"), ("u1", "u2"), (".s1.u1.", ".-.-."), ("61000.", "")] {
            assert_eq!(read(&seal, "r1", &text.replacen(from, to, 1)), None, "{from} -> {to}");
        }
        for nonsense in ["", "...", "a.b.c.d", &"9".repeat(400)] {
            assert_eq!(read(&seal, "r1", nonsense), None);
        }
    }

    #[test]
    fn who_is_not_signed_in_has_a_ticket_without_a_holder() {
        let seal = Seal::new("secret");
        let text = issue(&seal, "r1", None, Timestamp(0));
        assert_eq!(read(&seal, "r1", &text).unwrap().holder, None);
    }
}
