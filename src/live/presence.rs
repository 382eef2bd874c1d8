//! Who is here: counted by session (two tabs are one viewer), shown as a few faces.

use backstage_core::UserId;
use backstage_core::delivery::{Audience, Source};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Notify;

use super::broadcasts::{self, Face};
use crate::page::initials;

/// Faces in a presence message.
pub const FACES_MAX: usize = 8;

/// One socket.
#[derive(Debug, Clone)]
pub struct Member {
    /// What is counted: the session, or the socket itself for those without one.
    pub key: String,
    /// Shown name; `None` for people without a session.
    pub name: Option<String>,
    /// Whose, if signed in.
    pub user: Option<UserId>,
    /// Its session.
    pub session: Option<String>,
    /// Hosts see more and are not counted as viewers.
    pub host: bool,
    /// What it shows, as the page says.
    pub watching: Option<Source>,
    /// Rung when the socket should ask again whether it may stay.
    pub ask_again: Arc<Notify>,
}

/// The presence message of some members, the latest to arrive first among the faces.
pub fn message<'a>(members: impl Iterator<Item = (&'a u64, &'a Member)>) -> String {
    let mut viewers: HashMap<&str, (u64, &Member)> = HashMap::new();
    for (seq, member) in members.filter(|(_, member)| !member.host) {
        let seen = viewers.entry(member.key.as_str()).or_insert((*seq, member));
        if *seq < seen.0 {
            *seen = (*seq, member);
        }
    }
    let count = viewers.len();
    let mut named: Vec<(u64, &Member)> = viewers.into_values().filter(|(_, member)| member.name.is_some()).collect();
    named.sort_unstable_by_key(|(seq, _)| std::cmp::Reverse(*seq));
    let faces: Vec<Face> = named.into_iter().take(FACES_MAX).filter_map(|(_, member)| face(member)).collect();
    broadcasts::presence(count, &faces)
}

/// The audience by what it sees; somebody with several tabs counts once, by the costliest of them.
pub fn audience<'a>(members: impl Iterator<Item = &'a Member>) -> Audience {
    let mut viewers: HashMap<&str, Option<Source>> = HashMap::new();
    for member in members.filter(|member| !member.host) {
        let seen = viewers.entry(member.key.as_str()).or_default();
        *seen = match (*seen, member.watching) {
            (Some(Source::Webrtc), _) | (_, Some(Source::Webrtc)) => Some(Source::Webrtc),
            (Some(Source::Hls), _) | (_, Some(Source::Hls)) => Some(Source::Hls),
            (Some(Source::Slate), _) | (_, Some(Source::Slate)) => Some(Source::Slate),
            (None, None) => None,
        };
    }
    let mut audience = Audience::default();
    for watching in viewers.into_values() {
        let count = match watching {
            Some(Source::Webrtc) => &mut audience.webrtc,
            Some(Source::Hls) => &mut audience.hls,
            Some(Source::Slate) => &mut audience.slate,
            None => &mut audience.waiting,
        };
        *count = count.saturating_add(1);
    }
    audience
}

fn face(member: &Member) -> Option<Face> {
    let name = member.name.clone()?;
    let id = member.user.as_ref().map_or(name.as_str(), UserId::as_str);
    let hue = id.bytes().fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) % 360;
    Some(Face { initials: initials(&name), name, hue: hue as u16 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(key: &str, name: Option<&str>, host: bool) -> Member {
        Member {
            key: key.into(),
            name: name.map(Into::into),
            user: None,
            session: None,
            host,
            watching: None,
            ask_again: Arc::default(),
        }
    }

    #[test]
    fn two_tabs_are_one_viewer_and_hosts_none() {
        let members: HashMap<u64, Member> = [
            (1, member("a", Some("Ada"), false)),
            (2, member("a", Some("Ada"), false)),
            (3, member("b", None, false)),
            (4, member("h", Some("Host"), true)),
        ]
        .into();
        let message: serde_json::Value = serde_json::from_str(&message(members.iter())).unwrap();
        assert_eq!(message["viewers"], 2);
        assert_eq!(message["here"].as_array().unwrap().len(), 1);
        assert_eq!(message["here"][0]["initials"], "A");
    }

    #[test]
    fn the_audience_is_counted_by_what_it_sees() {
        let watching = |key: &str, watching| Member { watching, ..member(key, None, false) };
        let members = [
            watching("a", Some(Source::Hls)),
            watching("a", Some(Source::Webrtc)),
            watching("b", Some(Source::Hls)),
            watching("c", None),
            watching("d", Some(Source::Slate)),
            Member { watching: Some(Source::Webrtc), ..member("h", None, true) },
        ];
        let counted = audience(members.iter());
        assert_eq!((counted.webrtc, counted.hls, counted.slate, counted.waiting), (1, 1, 1, 1));
    }

    #[test]
    fn at_most_eight_faces_are_shown() {
        let members: HashMap<u64, Member> = (0..20).map(|n| (n, member(&n.to_string(), Some("N N"), false))).collect();
        let message: serde_json::Value = serde_json::from_str(&message(members.iter())).unwrap();
        assert_eq!(message["viewers"], 20);
        assert_eq!(message["here"].as_array().unwrap().len(), FACES_MAX);
    }
}
