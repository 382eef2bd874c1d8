//! The store in memory: the same promises as SQLite and Postgres, held by the same contract suite.

use crate::ports::*;
use backstage_core::effect::Lane;
use backstage_core::machine::Kind;
use backstage_core::stream::OPEN_PHASES;
use backstage_core::{StreamId, TimerName, Timestamp};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone)]
struct Row {
    version: i64,
    state: String,
    parent: String,
    slug: Option<String>,
    phase: &'static str,
    path: Option<Path>,
    events: Vec<EventRow>,
}

#[derive(Clone)]
struct Waiting {
    row: OutboxRow,
    seq: u64,
    due_at: Timestamp,
    state: EffectState,
}

#[derive(Clone, PartialEq, Eq)]
enum EffectState {
    Waiting,
    Done,
    Dead,
}

#[derive(Default)]
struct Tables {
    aggregates: BTreeMap<Key, Row>,
    outbox: BTreeMap<String, Waiting>,
    /// Effects not done, in order; what `claim_effects` walks.
    queue: BTreeMap<u64, String>,
    seq: u64,
    timers: BTreeMap<(Key, TimerName), (Timestamp, Option<Path>)>,
    inbox: BTreeMap<String, (u64, InboxMessage, bool)>,
}

/// A store without a disk.
#[derive(Default)]
pub struct Memory {
    tables: Mutex<Tables>,
}

/// What a test may see of a [`Memory`].
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Every aggregate with its version and state.
    pub aggregates: Vec<(Key, Stored)>,
    /// Every outbox key that is not done, with its effect and whether it was given up.
    pub undone: Vec<(OutboxRow, bool)>,
    /// Every timer.
    pub timers: BTreeMap<Key, Vec<TimerName>>,
}

impl Memory {
    /// Everything, for checks.
    pub fn snapshot(&self) -> Snapshot {
        let tables = self.tables.lock();
        let mut timers: BTreeMap<Key, Vec<TimerName>> = BTreeMap::new();
        for (owner, name) in tables.timers.keys() {
            timers.entry(owner.clone()).or_default().push(*name);
        }
        let stored = |row: &Row| Stored { version: row.version, state: row.state.clone() };
        Snapshot {
            aggregates: tables.aggregates.iter().map(|(key, row)| (key.clone(), stored(row))).collect(),
            undone: tables
                .outbox
                .values()
                .filter(|waiting| waiting.state != EffectState::Done)
                .map(|waiting| (waiting.row.clone(), waiting.state == EffectState::Dead))
                .collect(),
            timers,
        }
    }

    async fn with<T>(&self, work: impl FnOnce(&mut Tables) -> Result<T, StoreError>) -> Result<T, StoreError> {
        work(&mut self.tables.lock())
    }
}

impl Tables {
    fn is_settled(&self, settles: &Settles) -> bool {
        match settles {
            Settles::Effect(key) => self.outbox.get(key).is_none_or(|waiting| waiting.state == EffectState::Done),
            Settles::Inbox(key) => self.inbox.get(key).is_none_or(|(_, _, done)| *done),
            Settles::Timer { owner, name, due_at } => {
                self.timers.get(&(owner.clone(), *name)).is_none_or(|(at, _)| at != due_at)
            }
        }
    }

    fn settle(&mut self, settles: &Settles) {
        if self.is_settled(settles) {
            return;
        }
        match settles {
            Settles::Effect(key) => {
                if let Some(waiting) = self.outbox.get_mut(key) {
                    waiting.state = EffectState::Done;
                    self.queue.remove(&waiting.seq);
                }
            }
            Settles::Inbox(key) => {
                if let Some((_, _, done)) = self.inbox.get_mut(key) {
                    *done = true;
                }
            }
            Settles::Timer { owner, name, .. } => {
                self.timers.remove(&(owner.clone(), *name));
            }
        }
    }

    fn refusal(&self, commit: &Commit) -> Option<StoreError> {
        if commit.settles.as_ref().is_some_and(|settles| self.is_settled(settles)) {
            return Some(StoreError::AlreadySettled);
        }
        if self.aggregates.get(&commit.key).map_or(0, |row| row.version) != commit.expected_version {
            return Some(StoreError::Conflict);
        }
        let others = || self.aggregates.iter().filter(|(key, _)| key.kind == commit.key.kind && **key != commit.key);
        if commit.key.kind == Kind::Stream
            && OPEN_PHASES.contains(&commit.phase)
            && others().any(|(_, row)| row.parent == commit.parent && OPEN_PHASES.contains(&row.phase))
        {
            return Some(StoreError::OpenStreamExists);
        }
        if let Some(slug) = &commit.slug {
            let everywhere = commit.key.kind == Kind::Space;
            if others().any(|(_, row)| row.slug.as_ref() == Some(slug) && (everywhere || row.parent == commit.parent)) {
                return Some(StoreError::SlugTaken);
            }
        }
        None
    }

    fn commit(&mut self, commit: Commit) -> Result<(), StoreError> {
        if let Some(refusal) = self.refusal(&commit) {
            return Err(refusal);
        }
        let mut events = self.aggregates.remove(&commit.key).map_or(vec![], |row| row.events);
        events.push(commit.event);
        if let Some(settles) = &commit.settles {
            self.settle(settles);
        }
        for name in commit.timers_cancelled {
            self.timers.remove(&(commit.key.clone(), name));
        }
        for (name, due_at) in commit.timers_set {
            self.timers.insert((commit.key.clone(), name), (due_at, commit.path.clone()));
        }
        for row in commit.outbox {
            self.seq += 1;
            self.queue.insert(self.seq, row.key.clone());
            let waiting = Waiting { due_at: row.at, seq: self.seq, row, state: EffectState::Waiting };
            self.outbox.insert(waiting.row.key.clone(), waiting);
        }
        let row = Row {
            version: commit.expected_version + 1,
            state: commit.state,
            parent: commit.parent,
            slug: commit.slug,
            phase: commit.phase,
            path: commit.path,
            events,
        };
        self.aggregates.insert(commit.key, row);
        Ok(())
    }

    fn claim(&mut self, lane: Lane, now: Timestamp, lease_ms: i64, limit: u32) -> Vec<OutboxRow> {
        let mut claimed = vec![];
        let mut owners = BTreeSet::new();
        for key in self.queue.values() {
            if claimed.len() == limit as usize {
                break;
            }
            let Some(waiting) = self.outbox.get_mut(key).filter(|waiting| waiting.row.lane == lane) else { continue };
            // The oldest undone effect of an owner decides; the younger ones wait for it.
            if owners.insert(waiting.row.owner.clone()) && waiting.due_at <= now {
                waiting.due_at = now + lease_ms;
                claimed.push(waiting.row.clone());
            }
        }
        claimed
    }
}

impl Store for Memory {
    fn load<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        let stored = |row: &Row| Stored { version: row.version, state: row.state.clone() };
        Box::pin(self.with(move |tables| Ok(tables.aggregates.get(key).map(stored))))
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.with(move |tables| tables.commit(commit)))
    }

    fn settle(&self, settles: Settles) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.with(move |tables| {
            tables.settle(&settles);
            Ok(())
        }))
    }

    fn claim_effects(
        &self,
        lane: Lane,
        now: Timestamp,
        lease_ms: i64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<OutboxRow>, StoreError>> {
        Box::pin(self.with(move |tables| Ok(tables.claim(lane, now, lease_ms, limit))))
    }

    fn release_effects(&self, lane: Lane, now: Timestamp) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.with(move |tables| {
            for waiting in tables.outbox.values_mut().filter(|waiting| waiting.row.lane == lane) {
                waiting.due_at = waiting.due_at.min(now);
            }
            Ok(())
        }))
    }

    fn performed(&self, key: &str, outcome: Performed) -> BoxFuture<'_, Result<(), StoreError>> {
        let key = key.to_owned();
        Box::pin(self.with(move |tables| {
            let Some(waiting) = tables.outbox.get_mut(&key).filter(|w| w.state == EffectState::Waiting) else {
                return Ok(());
            };
            match outcome {
                Performed::Done => waiting.state = EffectState::Done,
                Performed::Dead { .. } => waiting.state = EffectState::Dead,
                Performed::Retry { at, .. } => {
                    waiting.due_at = at;
                    waiting.row.attempts += 1;
                }
            }
            if waiting.state != EffectState::Waiting {
                let seq = waiting.seq;
                tables.queue.remove(&seq);
            }
            Ok(())
        }))
    }

    fn next_effect_at(&self, lane: Lane) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(self.with(move |tables| {
            let mut owners = BTreeSet::new();
            let waiting = tables.queue.values().filter_map(|key| tables.outbox.get(key));
            let first_of_owner =
                waiting.filter(|waiting| waiting.row.lane == lane && owners.insert(&waiting.row.owner));
            Ok(first_of_owner.map(|waiting| waiting.due_at).min())
        }))
    }

    fn due_timers(&self, now: Timestamp, limit: u32) -> BoxFuture<'_, Result<Vec<TimerRow>, StoreError>> {
        Box::pin(self.with(move |tables| {
            let mut due: Vec<TimerRow> = tables
                .timers
                .iter()
                .filter(|(_, (due_at, _))| *due_at <= now)
                .map(|((owner, name), (due_at, path))| TimerRow {
                    owner: owner.clone(),
                    name: *name,
                    due_at: *due_at,
                    path: path.clone(),
                })
                .collect();
            due.sort_by_key(|row| row.due_at);
            due.truncate(limit as usize);
            Ok(due)
        }))
    }

    fn next_timer_at(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(self.with(|tables| Ok(tables.timers.values().map(|(due_at, _)| *due_at).min())))
    }

    fn receive(&self, message: InboxMessage) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.with(move |tables| {
            if tables.inbox.contains_key(&message.key) {
                return Ok(false);
            }
            tables.seq += 1;
            tables.inbox.insert(message.key.clone(), (tables.seq, message, false));
            Ok(true)
        }))
    }

    fn unsettled_inbox(
        &self,
        prefix: &'static str,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<InboxMessage>, StoreError>> {
        Box::pin(self.with(move |tables| {
            let mut rows: Vec<_> =
                tables.inbox.values().filter(|(_, message, done)| !done && message.key.starts_with(prefix)).collect();
            rows.sort_by_key(|(seq, _, _)| *seq);
            Ok(rows.into_iter().take(limit as usize).map(|(_, message, _)| message.clone()).collect())
        }))
    }

    fn open_streams(&self) -> BoxFuture<'_, Result<Vec<OpenStream>, StoreError>> {
        Box::pin(self.with(|tables| {
            let streams = tables.aggregates.iter().filter(|(key, row)| {
                key.kind == Kind::Stream && (OPEN_PHASES.contains(&row.phase) || row.phase == "ended")
            });
            let seen = |row: &Row| row.path.clone().map(|path| OpenStream { path, phase: row.phase.into() });
            Ok(streams.filter_map(|(_, row)| seen(row)).collect())
        }))
    }

    fn path(&self, stream: &StreamId) -> BoxFuture<'_, Result<Option<Path>, StoreError>> {
        let key = Key::new(Kind::Stream, stream.as_str());
        Box::pin(self.with(move |tables| Ok(tables.aggregates.get(&key).and_then(|row| row.path.clone()))))
    }

    fn timers(&self, owner: &Key) -> BoxFuture<'_, Result<Vec<TimerName>, StoreError>> {
        let owner = owner.clone();
        Box::pin(self.with(move |tables| {
            Ok(tables.timers.keys().filter(|(of, _)| *of == owner).map(|(_, name)| *name).collect())
        }))
    }

    fn events(&self, key: &Key, after_version: i64, limit: u32) -> BoxFuture<'_, Result<Vec<EventRow>, StoreError>> {
        let key = key.clone();
        Box::pin(self.with(move |tables| {
            let events = tables.aggregates.get(&key).map_or(&[][..], |row| &row.events);
            let later = events.iter().filter(|event| event.version > after_version);
            Ok(later.take(limit as usize).cloned().collect())
        }))
    }

    fn outbox_backlog(&self) -> BoxFuture<'_, Result<Vec<Backlog>, StoreError>> {
        Box::pin(self.with(|tables| {
            let of = |lane: Lane| {
                let rows = || tables.outbox.values().filter(move |waiting| waiting.row.lane == lane);
                let waiting = || rows().filter(|waiting| waiting.state == EffectState::Waiting);
                Backlog {
                    lane,
                    waiting: waiting().count() as u64,
                    dead: rows().filter(|waiting| waiting.state == EffectState::Dead).count() as u64,
                    oldest_at: waiting().map(|waiting| waiting.row.at).min(),
                }
            };
            Ok(Lane::ALL.into_iter().map(of).collect())
        }))
    }
}
