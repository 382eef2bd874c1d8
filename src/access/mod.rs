//! Who may watch, for pages, admission and sockets alike: loads what `core::access::decide` asks for and hands the
//! question over. Nothing else in the server decides about access.
//!
//! When access ends (grant taken back or run out, session ended), [`watch`] tells the sockets and puts the viewers out
//! of their rooms within 5 s.

pub mod api;
pub mod view_as;
pub mod watch;

use backstage_core::access::{Decision, Person, Place, RecordingRule, Role};
use backstage_core::experience::Experience;
use backstage_core::space::Space;
use backstage_core::{ExperienceId, SpaceId, UserId, access};
use moka::sync::Cache;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

use crate::audit::{self, Action};
use crate::error::Problem;
use crate::session::Session;
use crate::state::State;
use crate::{pass, team};

/// Persons held in memory.
pub const CACHED_MAX: u64 = 200_000;
/// How long a person is held. What ends access never waits for that: this process forgets at once, and [`watch`] finds
/// what others ended within [`watch::LOOK_MS`]. People with nothing in hand are not held, so what they get counts at once.
pub const CACHED_FOR: Duration = Duration::from_secs(300);

/// Role and passes of people, by space.
pub struct Access {
    persons: Cache<(UserId, SpaceId), Arc<Person>>,
    /// Rung when access of somebody ended: the watch looks at once.
    pub ended: Notify,
    /// Experiences that were open to everybody and now ask for a pass: the watch looks through their rooms.
    closed: Mutex<Vec<ExperienceId>>,
}

impl Default for Access {
    fn default() -> Access {
        let persons =
            Cache::builder().max_capacity(CACHED_MAX).time_to_live(CACHED_FOR).support_invalidation_closures().build();
        Access { persons, ended: Notify::new(), closed: Mutex::default() }
    }
}

impl Access {
    /// Forgets what is known of a person in every space.
    pub fn forget_user(&self, user: &UserId) {
        let user = user.clone();
        let _ = self.persons.invalidate_entries_if(move |(held, _), _| *held == user);
    }

    /// An experience that was open to everybody now asks for a pass: whoever has none stops watching within 5 s.
    pub fn close(&self, experience: &ExperienceId) {
        self.closed.lock().push(experience.clone());
        self.ended.notify_one();
    }

    /// Forgets what is known of everybody in a space: what its passes open has changed.
    pub fn forget_space(&self, space: &SpaceId) {
        let space = space.clone();
        let _ = self.persons.invalidate_entries_if(move |(_, held), _| *held == space);
    }

    /// Forgets what is known of a person in one space.
    pub fn forget(&self, user: &UserId, space: &SpaceId) {
        self.persons.invalidate(&(user.clone(), space.clone()));
    }
}

/// What a visitor is in a space.
pub async fn person(state: &State, session: Option<&Session>, space: &Space) -> Result<Arc<Person>, Problem> {
    let Some(session) = session else {
        return Ok(Arc::new(Person::default()));
    };
    of_user(state, &session.user, space).await
}

/// What a person is in a space.
pub async fn of_user(state: &State, user: &UserId, space: &Space) -> Result<Arc<Person>, Problem> {
    let key = (user.clone(), space.id.clone());
    if let Some(person) = state.access.persons.get(&key) {
        return Ok(person);
    }
    let role = team::store::role(&state.db, &space.team, user).await?;
    let grants = pass::grants::held(&state.db, user, &space.id).await?;
    let person = Arc::new(Person { role, grants });
    if person.role.is_some() || !person.grants.is_empty() {
        state.access.persons.insert(key, person.clone());
    }
    Ok(person)
}

/// May this visitor watch now?
pub async fn decide(
    state: &State,
    session: Option<&Session>,
    space: &Space,
    experience: &Experience,
) -> Result<Decision, Problem> {
    let person = person(state, session, space).await?;
    Ok(judge(state, &person, space, experience))
}

/// The rule itself.
pub fn judge(state: &State, person: &Person, space: &Space, experience: &Experience) -> Decision {
    let place = Place { experience: &experience.id, rule: experience.settings.access, suspended: space.suspended };
    access::decide(state.clock.now(), place, person)
}

/// The rule for a recording, which has one of its own; `None`: for this person it is not there.
pub fn judge_recording(
    state: &State,
    person: &Person,
    space: &Space,
    experience: &Experience,
    rule: RecordingRule,
) -> Option<Decision> {
    let place = Place { experience: &experience.id, rule: experience.settings.access, suspended: space.suspended };
    access::decide_recording(state.clock.now(), place, rule, person)
}

/// The visitor's role in the team that owns the space.
pub async fn role(state: &State, session: Option<&Session>, space: &Space) -> Result<Option<Role>, Problem> {
    Ok(person(state, session, space).await?.role)
}

/// Takes back a person's passes of a space. Their players stop within 5 s.
pub async fn revoke(state: &State, space: &SpaceId, user: &UserId) -> Result<bool, Problem> {
    let taken = pass::grants::revoke(&state.db, space, user, state.clock.now()).await?;
    state.access.forget(user, space);
    state.access.ended.notify_one();
    Ok(taken > 0)
}

/// Ends a session of a person. Its players stop within 5 s.
pub async fn end_session(state: &State, session: &str, user: &UserId) -> Result<bool, Problem> {
    let ended = crate::session::store::revoke(&state.db, session, user, state.clock.now()).await?;
    state.sessions.forget(session);
    state.access.ended.notify_one();
    if ended {
        audit::record(state, user, Action::SessionRevoked, session).await?;
    }
    Ok(ended)
}
