//! Carries the end of access to those who are watching.
//!
//! Every [`LOOK_MS`], and at once when rung, it asks the store which grants, memberships and sessions ended lately and which
//! spaces were closed, tells the sockets concerned to ask again, and puts the viewers out of their rooms. It asks for a little more than the time
//! since its last look (clocks and commits are not instant) and looks again at the rooms for as long as an old ticket
//! could still open one, so a removed viewer who comes back with it is put out again. Nothing here decides: each case is
//! put to [`super::judge`] first.

use backstage_actors::ports::{Path, Store};
use backstage_core::access::Decision;
use backstage_core::{ExperienceId, SpaceId, Timestamp, UserId};
use std::collections::HashMap;
use std::time::Duration;

use super::of_user;
use crate::error::Problem;
use crate::state::State;
use crate::{pass, session, space, team};

/// Between two looks, ms.
pub const LOOK_MS: u64 = 2_000;
/// How far back each look reaches beyond the last one, ms.
const OVERLAP_MS: i64 = 10_000;
/// How long somebody is kept out: longer than any ticket, also those that the media server renews by itself.
pub const KEPT_OUT_MS: i64 = 15 * 60_000;
/// How long after the last end rooms are looked through at every look, ms.
const EAGER_MS: i64 = 20_000;
/// Later, they are looked through this often, ms: only somebody with an old ticket can be there.
const PATIENT_MS: i64 = 15_000;

/// The last part of a session's id, which names its viewers: enough to tell sessions of one person apart.
pub fn tag(session: &str) -> &str {
    session.get(session.len().saturating_sub(12)..).unwrap_or(session)
}

/// What tells a viewer's connections apart: the session, and what makes it unique. Identity: `viewer:{user}:{this}`.
pub fn nonce(session: &str, unique: &str) -> String {
    format!("{}-{unique}", tag(session))
}

/// Runs until dropped.
pub async fn run(state: &State) {
    let now = state.clock.now();
    let mut watch = Watch {
        persons: HashMap::new(),
        sessions: HashMap::new(),
        experiences: HashMap::new(),
        looked_at: now - KEPT_OUT_MS,
        cleared_at: now,
    };
    loop {
        if let Err(problem) = watch.look(state).await {
            tracing::warn!(%problem, "could not look for access that ended; trying again");
        }
        let _ = tokio::time::timeout(Duration::from_millis(LOOK_MS), state.access.ended.notified()).await;
    }
}

/// Who is kept out, and since when.
struct Watch {
    /// People, by (user, space).
    persons: HashMap<(String, String), Timestamp>,
    /// Sessions, by (user, tag of the session).
    sessions: HashMap<(String, String), Timestamp>,
    /// Experiences that ask for a pass now, or for another, or whose space was closed.
    experiences: HashMap<ExperienceId, Timestamp>,
    looked_at: Timestamp,
    cleared_at: Timestamp,
}

impl Watch {
    async fn look(&mut self, state: &State) -> Result<(), Problem> {
        let now = state.clock.now();
        self.persons.retain(|_, at| now.since_ms(*at) < KEPT_OUT_MS);
        self.sessions.retain(|_, at| now.since_ms(*at) < KEPT_OUT_MS);
        self.experiences.retain(|_, at| now.since_ms(*at) < KEPT_OUT_MS);
        self.experiences.extend(state.access.closed.lock().drain(..).map(|id| (id, now)));
        let since = self.looked_at - OVERLAP_MS;
        // Forgotten and rung at each look while it is recent, not only at the first: a look-up that read the old row
        // may have put it back into memory in between.
        let mut ended = pass::grants::ended_between(&state.db, since, now).await?;
        ended.extend(team::store::left_between(&state.db, since, now).await?);
        for (user, space) in ended {
            if let (Ok(user), Ok(space)) = (UserId::parse(&user), SpaceId::parse(&space)) {
                state.access.forget(&user, &space);
                state.live.ask_again(|member| member.user.as_ref() == Some(&user));
            }
            self.persons.entry((user, space)).or_insert(now);
        }
        for (session, user) in session::store::ended_between(&state.db, since, now).await? {
            state.sessions.forget(&session);
            state.live.ask_again(|member| member.session.as_deref() == Some(session.as_str()));
            self.sessions.entry((user, tag(&session).to_string())).or_insert(now);
        }
        for space in pass::store::opens_changed_between(&state.db, since, now).await? {
            let Ok(space) = SpaceId::parse(&space) else { continue };
            state.access.forget_space(&space);
            for found in state.store.experiences_of(&space).await? {
                state.live.ask_again_in(&found.state.id);
                self.experiences.entry(found.state.id).or_insert(now);
            }
        }
        // Their sockets heard of it when it happened.
        for id in space::store::open_though_suspended(&state.db).await? {
            self.experiences.entry(id).or_insert(now);
        }
        let last = self.persons.values().chain(self.sessions.values()).chain(self.experiences.values()).max();
        let eager = last.is_some_and(|last| now.since_ms(*last) < EAGER_MS);
        if last.is_some() && (eager || now.since_ms(self.cleared_at) >= PATIENT_MS) {
            self.clear_rooms(state).await?;
            self.cleared_at = now;
        }
        self.looked_at = now;
        Ok(())
    }

    async fn clear_rooms(&self, state: &State) -> Result<(), Problem> {
        for open in state.store.open_streams().await? {
            if open.phase == "scheduled" || open.phase == "ended" {
                continue;
            }
            for identity in state.doors.inside(&open.path.stream).await? {
                if self.must_leave(state, &open.path, &identity).await? {
                    state.doors.remove(&open.path.stream, &identity).await?;
                    tracing::info!(stream = %open.path.stream, %identity, "access ended: viewer removed");
                }
            }
        }
        Ok(())
    }

    /// Whose session ended must leave; a person who lost one pass may hold another.
    async fn must_leave(&self, state: &State, path: &Path, identity: &str) -> Result<bool, Problem> {
        let Some((user, tag)) = parts(identity) else {
            return Ok(false);
        };
        if self.sessions.contains_key(&(user.to_string(), tag.to_string())) {
            return Ok(true);
        }
        let concerned = self.persons.contains_key(&(user.to_string(), path.space.to_string()))
            || self.experiences.contains_key(&path.experience);
        if !concerned {
            return Ok(false);
        }
        let (Ok(user), Some(snapshot)) = (UserId::parse(user), state.live.snapshot(&path.experience).await?) else {
            return Ok(true);
        };
        let Some(space) = state.live.space(&path.space).await? else {
            return Ok(true);
        };
        let person = of_user(state, &user, &space).await?;
        Ok(!matches!(super::judge(state, &person, &space, &snapshot.experience), Decision::Allowed { .. }))
    }
}

/// User and session tag of a viewer's identity.
fn parts(identity: &str) -> Option<(&str, &str)> {
    let (user, nonce) = identity.strip_prefix("viewer:")?.split_once(':')?;
    Some((user, nonce.split('-').next().unwrap_or(nonce)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_tells_person_and_session() {
        let session = "01970000-aaaa-bbbb-cccc-dddddddddddd";
        let identity = format!("viewer:u1:{}", nonce(session, "n-1"));
        assert_eq!(parts(&identity), Some(("u1", tag(session))));
        assert_eq!(parts("host:u1"), None);
        assert_eq!(parts("viewer:anyone:n"), Some(("anyone", "n")));
    }
}
