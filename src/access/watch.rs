//! Carries the end of access to those who are watching.
//!
//! Every [`LOOK_MS`], and at once when rung, it asks the store which grants and sessions ended lately, tells the
//! sockets concerned to ask again, and puts the viewers out of their rooms. It asks for a little more than the time
//! since its last look (clocks and commits are not instant) and looks again at the rooms for as long as an old ticket
//! could still open one, so a removed viewer who comes back with it is put out again. Nothing here decides: each case is
//! put to [`super::judge`] first.

use backstage_actors::ports::Store;
use backstage_core::access::Decision;
use backstage_core::{SpaceId, Timestamp, UserId};
use std::collections::BTreeMap;
use std::time::Duration;

use super::of_user;
use crate::error::Problem;
use crate::state::State;
use crate::{pass, session};

/// Between two looks, ms.
pub const LOOK_MS: u64 = 2_000;
/// How far back each look reaches beyond the last one, ms.
const OVERLAP_MS: i64 = 10_000;
/// How long somebody is kept out: longer than any ticket, also those that the media server renews by itself.
pub const KEPT_OUT_MS: i64 = 15 * 60_000;

/// Somebody whose access ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Out {
    /// A person in one space.
    Person { user: String, space: String },
    /// Everything of one session.
    Session { user: String, session: String },
}

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
    let mut out: BTreeMap<Out, Timestamp> = BTreeMap::new();
    let mut looked_at = state.clock.now() - KEPT_OUT_MS;
    loop {
        match look(state, &mut out, looked_at).await {
            Ok(now) => looked_at = now,
            Err(problem) => tracing::warn!(%problem, "could not look for access that ended; trying again"),
        }
        let _ = tokio::time::timeout(Duration::from_millis(LOOK_MS), state.access.ended.notified()).await;
    }
}

async fn look(state: &State, out: &mut BTreeMap<Out, Timestamp>, since: Timestamp) -> Result<Timestamp, Problem> {
    let now = state.clock.now();
    out.retain(|_, at| now.since_ms(*at) < KEPT_OUT_MS);
    for (user, space) in pass::store::ended_between(&state.db, since - OVERLAP_MS, now).await? {
        if let std::collections::btree_map::Entry::Vacant(entry) =
            out.entry(Out::Person { user: user.clone(), space: space.clone() })
        {
            entry.insert(now);
            if let (Ok(user), Ok(space)) = (UserId::parse(&user), SpaceId::parse(&space)) {
                state.access.forget(&user, &space);
                state.live.ask_again(|member| member.user.as_ref() == Some(&user));
            }
        }
    }
    for (session, user) in session::store::ended_between(&state.db, since - OVERLAP_MS, now).await? {
        if let std::collections::btree_map::Entry::Vacant(entry) =
            out.entry(Out::Session { user, session: session.clone() })
        {
            entry.insert(now);
            state.sessions.forget(&session);
            state.live.ask_again(|member| member.session.as_deref() == Some(session.as_str()));
        }
    }
    if !out.is_empty() {
        clear_rooms(state, out).await?;
    }
    Ok(now)
}

async fn clear_rooms(state: &State, out: &BTreeMap<Out, Timestamp>) -> Result<(), Problem> {
    for open in state.store.open_streams().await? {
        let concerned = |one: &Out| match one {
            Out::Person { space, .. } => *space == open.path.space.as_str(),
            Out::Session { .. } => true,
        };
        if open.phase == "scheduled" || open.phase == "ended" || !out.keys().any(concerned) {
            continue;
        }
        for identity in state.doors.inside(&open.path.stream).await? {
            if out.keys().any(|one| concerned(one) && one.is(&identity))
                && !may_stay(state, &open.path, &identity, out).await?
            {
                state.doors.remove(&open.path.stream, &identity).await?;
                tracing::info!(stream = %open.path.stream, %identity, "access ended: viewer removed");
            }
        }
    }
    Ok(())
}

/// A person who lost one pass may hold another; whose session ended may not stay.
async fn may_stay(
    state: &State,
    path: &backstage_actors::ports::Path,
    identity: &str,
    out: &BTreeMap<Out, Timestamp>,
) -> Result<bool, Problem> {
    if out.keys().any(|one| matches!(one, Out::Session { .. }) && one.is(identity)) {
        return Ok(false);
    }
    let user = identity.split(':').nth(1).and_then(|user| UserId::parse(user).ok());
    let (Some(user), Some(snapshot)) = (user, state.live.snapshot(&path.experience).await?) else {
        return Ok(false);
    };
    let Some(space) = state.live.space(&path.space).await? else {
        return Ok(false);
    };
    let person = of_user(state, &user, &space).await?;
    Ok(matches!(super::judge(state, &person, &space, &snapshot.experience), Decision::Allowed { .. }))
}

impl Out {
    fn is(&self, identity: &str) -> bool {
        match self {
            Out::Person { user, .. } => {
                identity.strip_prefix("viewer:").is_some_and(|rest| rest.split(':').next() == Some(user))
            }
            Out::Session { user, session } => identity.starts_with(&format!("viewer:{user}:{}-", tag(session))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_tells_person_and_session() {
        let session = "0197-aaaa-bbbb-cccccccccccc";
        let it = format!("viewer:u1:{}", nonce(session, "n"));
        assert!(Out::Session { user: "u1".into(), session: session.into() }.is(&it));
        assert!(!Out::Session { user: "u1".into(), session: "0197-aaaa-bbbb-dddddddddddd".into() }.is(&it));
        assert!(Out::Person { user: "u1".into(), space: "s".into() }.is(&it));
        assert!(!Out::Person { user: "u".into(), space: "s".into() }.is(&it));
    }
}
