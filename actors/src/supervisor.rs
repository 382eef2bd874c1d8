//! Supervision that survives panics.
//!
//! `actix::Supervisor` does not restart an actor that panicked (its address is closed for good), and restarts one that
//! stopped without any limit. Here each child holds a [`Guard`]; when the child goes, by stopping or by a panic, the
//! guard tells the parent, which builds a new child from the store. More than [`CRASHES_MAX`] crashes within
//! [`CRASH_WINDOW_MS`] are not the child's problem alone: the parent gives up and fails itself (escalation).

use crate::nouns::Noun;
use crate::owner::Owner;
use actix::prelude::*;
use backstage_core::Timestamp;
use std::collections::{BTreeMap, VecDeque};

/// Crashes of one child that its parent mends within [`CRASH_WINDOW_MS`].
pub const CRASHES_MAX: usize = 3;
/// The window of [`CRASHES_MAX`], one minute.
pub const CRASH_WINDOW_MS: i64 = 60_000;

/// A child is gone.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
#[rtype(result = "()")]
pub struct Down {
    /// Which child.
    pub id: Box<str>,
    /// It panicked or gave up, instead of going in peace.
    pub failed: bool,
}

/// Held by a child; tells the parent when the child goes, whatever the way.
pub struct Guard {
    id: Box<str>,
    parent: Option<Recipient<Down>>,
    failed: bool,
}

impl Guard {
    /// A guard for child `id`; `None` for an actor without a parent.
    pub fn new(id: &str, parent: Option<Recipient<Down>>) -> Guard {
        Guard { id: id.into(), parent, failed: false }
    }

    /// The child goes because it gave up.
    pub fn fail(&mut self) {
        self.failed = true;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(parent) = &self.parent {
            let failed = self.failed || std::thread::panicking();
            // A full mailbox is no loss: the parent also notices a closed address at the next call for this child.
            let _ = parent.try_send(Down { id: self.id.clone(), failed });
        }
    }
}

/// What the parent does about a child that is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It went in peace: nothing.
    Forget,
    /// It crashed: build a new one.
    Rebuild,
    /// It crashed too often: give up.
    Escalate,
}

/// How often each child crashed lately. Pure; kept only for children that did.
#[derive(Debug, Default)]
pub struct Crashes(BTreeMap<Box<str>, VecDeque<Timestamp>>);

impl Crashes {
    /// Counts what happened to a child and says what to do.
    pub fn judge(&mut self, now: Timestamp, down: &Down) -> Verdict {
        self.0.retain(|_, at| at.back().is_some_and(|last| now.since_ms(*last) < CRASH_WINDOW_MS));
        if !down.failed {
            return Verdict::Forget;
        }
        let crashes = self.0.entry(down.id.clone()).or_default();
        crashes.retain(|at| now.since_ms(*at) < CRASH_WINDOW_MS);
        crashes.push_back(now);
        if crashes.len() > CRASHES_MAX { Verdict::Escalate } else { Verdict::Rebuild }
    }

    /// Whether a child is known to be failing.
    pub fn is_failing(&self, now: Timestamp, id: &str) -> bool {
        self.0.get(id).is_some_and(|at| {
            at.len() > CRASHES_MAX && at.back().is_some_and(|last| now.since_ms(*last) < CRASH_WINDOW_MS)
        })
    }
}

/// The children of one actor, by id.
pub struct Children<M: Noun> {
    living: BTreeMap<Box<str>, Addr<Owner<M>>>,
    /// Their crashes.
    pub crashes: Crashes,
}

impl<M: Noun> Default for Children<M> {
    fn default() -> Self {
        Children { living: BTreeMap::new(), crashes: Crashes::default() }
    }
}

impl<M: Noun> Children<M> {
    /// The living child, or one that `build` makes.
    pub fn ensure(&mut self, id: &str, build: impl FnOnce() -> Addr<Owner<M>>) -> Addr<Owner<M>> {
        if let Some(addr) = self.living.get(id).filter(|addr| addr.connected()) {
            return addr.clone();
        }
        let addr = build();
        self.living.insert(id.into(), addr.clone());
        addr
    }

    /// Forgets a child that is no longer alive; a successor stays.
    pub fn forget(&mut self, id: &str) {
        if self.living.get(id).is_some_and(|addr| !addr.connected()) {
            self.living.remove(id);
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.living.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Addr<Owner<M>>> {
        self.living.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn down(failed: bool) -> Down {
        Down { id: "a".into(), failed }
    }

    #[test]
    fn the_fourth_crash_within_a_minute_escalates_and_a_calm_minute_forgives() {
        let mut crashes = Crashes::default();
        for second in 0..3 {
            assert_eq!(crashes.judge(Timestamp(second * 1_000), &down(true)), Verdict::Rebuild);
        }
        assert_eq!(crashes.judge(Timestamp(3_000), &down(true)), Verdict::Escalate);
        assert!(crashes.is_failing(Timestamp(4_000), "a"));
        assert_eq!(crashes.judge(Timestamp(63_001), &down(true)), Verdict::Rebuild);
    }

    #[test]
    fn a_child_that_goes_in_peace_is_not_counted() {
        let mut crashes = Crashes::default();
        for second in 0..9 {
            assert_eq!(crashes.judge(Timestamp(second), &down(false)), Verdict::Forget);
        }
    }
}
