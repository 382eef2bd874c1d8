//! A store to be tested, and short words for what the tests do with it.

use crate::support::postgres;
use crate::support::temp::TempDir;
use backstage::db::Db;
use backstage::store::SqlStore;
use backstage_actors::fakes::Memory;
use backstage_actors::ports::*;
use backstage_core::effect::{Lane, Lifecycle};
use backstage_core::{Effect, ExperienceId, Kind, SpaceId, StreamId, TimerName, Timestamp};
use std::sync::Arc;

/// An empty store and what must live as long as it.
pub struct Bench {
    pub store: Arc<dyn Store>,
    sql: Option<Sql>,
}

/// An empty store in SQL.
pub struct Sql {
    pub store: SqlStore,
    _dir: Option<TempDir>,
}

impl Sql {
    pub async fn sqlite() -> Sql {
        let dir = TempDir::new("store");
        let db = Db::connect(&Db::url_of(&dir.path().join("a file's name?.db"))).await.unwrap();
        Sql { store: SqlStore::new(db), _dir: Some(dir) }
    }

    pub async fn postgres() -> Sql {
        let db = Db::connect(&postgres::new_database().await).await.unwrap();
        Sql { store: SqlStore::new(db), _dir: None }
    }

    pub async fn close(self) {
        self.store.db().close().await;
    }
}

impl Bench {
    pub fn memory() -> Bench {
        Bench { store: Arc::new(Memory::default()), sql: None }
    }

    pub async fn sqlite() -> Bench {
        Bench::of(Sql::sqlite().await)
    }

    pub async fn postgres() -> Bench {
        Bench::of(Sql::postgres().await)
    }

    fn of(sql: Sql) -> Bench {
        Bench { store: Arc::new(sql.store.clone()), sql: Some(sql) }
    }

    pub async fn close(self) {
        if let Some(sql) = self.sql {
            sql.close().await;
        }
    }

    /// Commits, and it must go through.
    pub async fn put(&self, commit: Commit) {
        self.store.commit(commit).await.unwrap();
    }

    pub async fn version(&self, key: &Key) -> Option<i64> {
        self.store.load(key).await.unwrap().map(|stored| stored.version)
    }

    /// Keys of the effects claimed at `now`, with a lease of a second.
    pub async fn claim(&self, lane: Lane, now: i64, limit: u32) -> Vec<String> {
        let rows = self.store.claim_effects(lane, Timestamp(now), 1_000, limit).await.unwrap();
        rows.into_iter().map(|row| row.key).collect()
    }

    /// Keys of the messages not settled.
    pub async fn messages(&self) -> Vec<String> {
        self.store.unsettled_inbox("livekit:", 100).await.unwrap().into_iter().map(|message| message.key).collect()
    }

    pub async fn receive(&self, key: &str, at: i64) -> bool {
        let message = InboxMessage { key: key.into(), body: format!("body of {key}"), at: Timestamp(at) };
        self.store.receive(message).await.unwrap()
    }
}

pub fn stream_key(id: &str) -> Key {
    Key::new(Kind::Stream, id)
}

pub fn path(experience: &str, stream: &str) -> Path {
    Path {
        space: SpaceId::parse("sp").unwrap(),
        experience: ExperienceId::parse(experience).unwrap(),
        stream: StreamId::parse(stream).unwrap(),
    }
}

/// A commit on `expected` that changes only the state; built upon by the methods of [`Change`].
pub fn change(key: &Key, expected: i64) -> Commit {
    Commit {
        key: key.clone(),
        expected_version: expected,
        state: format!("{{\"version\":{}}}", expected + 1),
        parent: "parent".into(),
        slug: None,
        phase: "open",
        event: EventRow {
            version: expected + 1,
            at: Timestamp(1_000 + expected),
            event: "changed".into(),
            phase: "open".into(),
            cause: "creator".into(),
            payload: "{}".into(),
        },
        outbox: vec![],
        timers_set: vec![],
        timers_cancelled: vec![],
        settles: None,
        path: None,
    }
}

/// A commit of a stream in a phase.
pub fn stream(experience: &str, id: &str, expected: i64, phase: &'static str) -> Commit {
    Commit { parent: experience.into(), phase, path: Some(path(experience, id)), ..change(&stream_key(id), expected) }
}

/// Words to build a commit with.
pub trait Change: Sized {
    fn slug(self, parent: &str, slug: &str) -> Self;
    fn effect(self, lane: Lane, at: i64) -> Self;
    fn set(self, name: TimerName, due_at: i64) -> Self;
    fn cancel(self, name: TimerName) -> Self;
    fn settles(self, settles: Settles) -> Self;
}

impl Change for Commit {
    fn slug(mut self, parent: &str, slug: &str) -> Commit {
        self.parent = parent.into();
        self.slug = Some(slug.into());
        self
    }

    fn effect(mut self, lane: Lane, at: i64) -> Commit {
        let place = self.outbox.len();
        let key = format!("{}:{}:{}:{place}", self.key.kind.as_str(), self.key.id, self.event.version);
        let at = Timestamp(at);
        self.outbox.push(OutboxRow { key, lane, owner: self.key.clone(), effect: effect(at), attempts: 0, at });
        self
    }

    fn set(mut self, name: TimerName, due_at: i64) -> Commit {
        self.timers_set.push((name, Timestamp(due_at)));
        self
    }

    fn cancel(mut self, name: TimerName) -> Commit {
        self.timers_cancelled.push(name);
        self
    }

    fn settles(mut self, settles: Settles) -> Commit {
        self.settles = Some(settles);
        self
    }
}

/// Some effect, different at each time.
pub fn effect(at: Timestamp) -> Effect {
    let Path { space, experience, stream } = path("e", "s");
    let (event, cause) = ("live".into(), "it's \"media\" \u{1f3a5}".into());
    Effect::Publish(Lifecycle { space, experience, stream: Some(stream), event, cause, at })
}
