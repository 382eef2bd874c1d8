//! Sessions: a browser that is signed in. The token is 256 random bits, kept hashed; the cache answers the hot path.

pub mod codes;
pub mod routes;
pub mod send;
pub mod store;
pub mod views;

use backstage_core::phone::Phone;
use backstage_core::{Timestamp, UserId};
use moka::sync::Cache;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Problem;
use crate::security::seal;
use crate::state::State;
use crate::user::Contact;

/// How long a session lasts without being used.
pub const SESSION_DAYS: i64 = 60;
/// `last_seen_at` is written at most this often, ms.
pub const SEEN_EVERY_MS: i64 = 5 * 60_000;
/// Sessions held in memory.
pub const CACHED_MAX: u64 = 100_000;
/// How long a session is held. Its end never waits for that: this process forgets at once, and `access::watch` finds
/// what others ended.
pub const CACHED_FOR: Duration = Duration::from_secs(300);

/// A session that holds, with its person.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its id (not the token).
    pub id: String,
    /// Whose.
    pub user: UserId,
    /// Shown name.
    pub name: String,
    /// Proven by a code.
    pub email: Option<String>,
    /// Proven by a code.
    pub phone: Option<Phone>,
    /// Profile address, for creators.
    pub handle: Option<String>,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When it was last written down as seen.
    pub last_seen_at: Timestamp,
}

impl Session {
    /// How the person is reached, by mail if that is known; `None` for guests.
    pub fn contact(&self) -> Option<Contact> {
        let phone = || self.phone.clone().map(Contact::Phone);
        self.email.clone().map(Contact::Email).or_else(phone)
    }

    /// Whether they have no account: they are here on this device only.
    pub fn is_guest(&self) -> bool {
        self.email.is_none() && self.phone.is_none()
    }
}

/// Sessions by the hash of their token.
pub struct Sessions {
    cache: Cache<[u8; 32], Arc<Session>>,
}

impl Default for Sessions {
    fn default() -> Sessions {
        let cache =
            Cache::builder().max_capacity(CACHED_MAX).time_to_live(CACHED_FOR).support_invalidation_closures().build();
        Sessions { cache }
    }
}

impl Sessions {
    /// The session of a token's hash, if it holds now.
    pub async fn find(&self, state: &State, digest: [u8; 32]) -> Result<Option<Arc<Session>>, Problem> {
        let now = state.clock.now();
        if let Some(session) = self.cache.get(&digest) {
            return Ok((session.expires_at > now).then_some(session));
        }
        let Some(session) = store::by_token(&state.db, &seal::hex(&digest), now).await? else {
            return Ok(None);
        };
        let session = Arc::new(session);
        self.cache.insert(digest, session.clone());
        if now.since_ms(session.last_seen_at) > SEEN_EVERY_MS {
            store::seen(&state.db, &session.id, now, now + SESSION_DAYS * 86_400_000).await?;
        }
        Ok(Some(session))
    }

    /// Forgets everything known of a session: it was revoked.
    pub fn forget(&self, id: &str) {
        let id = id.to_string();
        let _ = self.cache.invalidate_entries_if(move |_, session| session.id == id);
    }

    /// Forgets every session of a person: their name or address changed.
    pub fn forget_user(&self, user: &UserId) {
        let user = user.clone();
        let _ = self.cache.invalidate_entries_if(move |_, session| session.user == user);
    }
}

/// A device's name for the session list, from the `User-Agent`: browser and system, nothing finer.
pub fn device(agent: &str) -> String {
    let browser =
        [("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")]
            .into_iter()
            .find_map(|(mark, name)| agent.contains(mark).then_some(name));
    let system = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "Mac"),
        ("Linux", "Linux"),
    ]
    .into_iter()
    .find_map(|(mark, name)| agent.contains(mark).then_some(name));
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} · {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_string(),
        (None, None) => "Unknown device".to_string(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn devices_are_named_roughly() {
        let agent =
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
        assert_eq!(super::device(agent), "Chrome · Linux");
        assert_eq!(super::device("<script>"), "Unknown device");
    }
}
