//! Who may watch: the one rule that every page, token, playlist, socket and recording asks.

#[cfg(test)]
mod tests;

use crate::ids::*;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What an experience asks of its viewers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Anybody may watch.
    Open,
    /// A pass that opens this experience is needed.
    Pass,
}

/// What a recording asks of its viewers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingRule {
    /// What its experience asks for now.
    #[default]
    Experience,
    /// Anybody may watch.
    Open,
    /// The team only; others do not learn that it is there.
    Team,
}

impl RecordingRule {
    /// The name used in the store and in forms.
    pub const fn as_str(self) -> &'static str {
        match self {
            RecordingRule::Experience => "experience",
            RecordingRule::Open => "open",
            RecordingRule::Team => "team",
        }
    }

    /// Reads [`RecordingRule::as_str`] back.
    pub fn parse(text: &str) -> Option<RecordingRule> {
        [RecordingRule::Experience, RecordingRule::Open, RecordingRule::Team].into_iter().find(|r| r.as_str() == text)
    }
}

/// A person's part in the team that owns the space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees what members see.
    Viewer,
    /// Keeps order in the chat.
    Moderator,
    /// Edits pages and goes live.
    Editor,
    /// Also manages people.
    Admin,
    /// Also owns the money.
    Owner,
}

impl Role {
    /// May edit spaces and experiences.
    pub fn may_edit(self) -> bool {
        self >= Role::Editor
    }

    /// May open the lobby, go live and end.
    pub fn may_host(self) -> bool {
        self >= Role::Editor
    }

    /// The name used in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Moderator => "moderator",
            Role::Editor => "editor",
            Role::Admin => "admin",
            Role::Owner => "owner",
        }
    }

    /// Reads [`Role::as_str`] back.
    pub fn parse(text: &str) -> Option<Role> {
        [Role::Viewer, Role::Moderator, Role::Editor, Role::Admin, Role::Owner].into_iter().find(|r| r.as_str() == text)
    }
}

/// Which experiences of its space a pass opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opens {
    /// Every one, also those to come.
    All,
    /// These.
    Only(Vec<ExperienceId>),
}

/// A pass in somebody's hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The pass.
    pub pass: PassId,
    /// What it opens.
    pub opens: Opens,
    /// From when it holds.
    pub granted_at: Timestamp,
    /// Until when; `None` has no end.
    pub expires_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}

/// What is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The experience.
    pub experience: &'a ExperienceId,
    /// What it asks.
    pub rule: Rule,
    /// Its space was closed by an operator.
    pub suspended: bool,
}

/// Who asks: part in the team and the passes of that space.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Person {
    /// Part in the owning team, while the membership lasts.
    pub role: Option<Role>,
    /// Passes of this space, in any order.
    pub grants: Vec<Grant>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Come in.
    Allowed {
        /// Why.
        via: Via,
        /// When the answer must be asked for again; `None` if nothing is known to end it.
        until: Option<Timestamp>,
    },
    /// Not now.
    Denied(Denial),
}

/// Why somebody may watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// Everybody may.
    Open,
    /// The team may.
    Team(Role),
    /// This pass opens it.
    Pass(PassId),
}

/// Why somebody may not watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// No pass for this was ever held.
    #[error("you need a pass to watch this")]
    NeedsPass,
    /// The pass ran out.
    #[error("your pass has expired")]
    Expired,
    /// The pass was taken back.
    #[error("your pass was withdrawn")]
    Revoked,
    /// The space is closed.
    #[error("this space is closed")]
    Suspended,
}

impl Denial {
    /// The code used by the API.
    pub const fn code(self) -> &'static str {
        match self {
            Denial::NeedsPass => "needs_pass",
            Denial::Expired => "pass_expired",
            Denial::Revoked => "pass_revoked",
            Denial::Suspended => "suspended",
        }
    }
}

/// May `person` watch `place` at `now`? Passes add up: the one that lasts longest answers.
pub fn decide(now: Timestamp, place: Place<'_>, person: &Person) -> Decision {
    if place.suspended {
        return Decision::Denied(Denial::Suspended);
    }
    if let Some(role) = person.role {
        return Decision::Allowed { via: Via::Team(role), until: None };
    }
    if place.rule == Rule::Open {
        return Decision::Allowed { via: Via::Open, until: None };
    }
    let mut denial = Denial::NeedsPass;
    let mut best: Option<&Grant> = None;
    for grant in person.grants.iter().filter(|grant| grant.opens.opens(place.experience) && grant.granted_at <= now) {
        if grant.revoked_at.is_some_and(|at| at <= now) {
            denial = Denial::Revoked;
        } else if grant.expires_at.is_some_and(|at| at <= now) {
            denial = Denial::Expired;
        } else if best.is_none_or(|held| outlasts(grant, held)) {
            best = Some(grant);
        }
    }
    match best {
        Some(grant) => Decision::Allowed { via: Via::Pass(grant.pass.clone()), until: grant.ends_at() },
        None => Decision::Denied(denial),
    }
}

/// May `person` watch a recording of `place`, which has a rule of its own, at `now`? `None`: to them it is not there.
pub fn decide_recording(now: Timestamp, place: Place<'_>, rule: RecordingRule, person: &Person) -> Option<Decision> {
    match rule {
        RecordingRule::Experience => Some(decide(now, place, person)),
        RecordingRule::Open => Some(decide(now, Place { rule: Rule::Open, ..place }, person)),
        RecordingRule::Team => person.role.map(|_| decide(now, place, person)),
    }
}

impl Opens {
    /// Whether it opens this experience.
    pub fn opens(&self, experience: &ExperienceId) -> bool {
        match self {
            Opens::All => true,
            Opens::Only(list) => list.contains(experience),
        }
    }
}

impl Grant {
    fn ends_at(&self) -> Option<Timestamp> {
        match (self.expires_at, self.revoked_at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (end, None) | (None, end) => end,
        }
    }
}

fn outlasts(grant: &Grant, held: &Grant) -> bool {
    match (grant.ends_at(), held.ends_at()) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(a), Some(b)) => a > b,
    }
}
