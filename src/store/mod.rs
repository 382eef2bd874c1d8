//! The durable truth in SQL: the [`Store`] port of the actors, and the look-ups of the pages.
//!
//! One aggregate is one row with its state as JSON. A commit is one transaction of few statements, fenced by the
//! row's version; the unique indexes of `migrations/0001_spine.sql` hold what must hold across rows.

mod commit;
mod inbox;
mod installation;
mod outbox;
mod pages;
mod read;
mod text;
mod timers;

pub use pages::{Found, OnAir};

use crate::db::Db;
use backstage_actors::ports::*;
use backstage_core::effect::Lane;
use backstage_core::{StreamId, TimerName, Timestamp};

/// The store on SQLite or Postgres. Cheap to clone.
#[derive(Clone)]
pub struct SqlStore {
    db: Db,
}

impl SqlStore {
    /// The store on a database that [`Db::connect`] has migrated.
    pub fn new(db: Db) -> SqlStore {
        SqlStore { db }
    }

    /// The database below.
    pub fn db(&self) -> &Db {
        &self.db
    }
}

fn unavailable(error: sqlx::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

fn damaged(what: &str) -> StoreError {
    StoreError::Unavailable(format!("a stored {what} cannot be read"))
}

/// How an aggregate is named in the outbox and the timers.
fn owner_text(key: &Key) -> String {
    format!("{}:{}", key.kind.as_str(), key.id)
}

fn owner_from(text: &str) -> Result<Key, StoreError> {
    let (kind, id) = text.split_once(':').ok_or_else(|| damaged("owner"))?;
    let kind = backstage_core::Kind::parse(kind).ok_or_else(|| damaged("owner"))?;
    Ok(Key::new(kind, id))
}

impl Store for SqlStore {
    fn load<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        Box::pin(read::load(&self.db, key))
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(commit::commit(&self.db, commit))
    }

    fn settle(&self, settles: Settles) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(commit::settle(&self.db, settles))
    }

    fn claim_effects(
        &self,
        lane: Lane,
        now: Timestamp,
        lease_ms: i64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<OutboxRow>, StoreError>> {
        Box::pin(outbox::claim(&self.db, lane, now, lease_ms, limit))
    }

    fn release_effects(&self, lane: Lane, now: Timestamp) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(outbox::release(&self.db, lane, now))
    }

    fn performed(&self, key: &str, outcome: Performed) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(outbox::performed(&self.db, key.to_owned(), outcome))
    }

    fn next_effect_at(&self, lane: Lane) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(outbox::next_at(&self.db, lane))
    }

    fn due_timers(&self, now: Timestamp, limit: u32) -> BoxFuture<'_, Result<Vec<TimerRow>, StoreError>> {
        Box::pin(timers::due(&self.db, now, limit))
    }

    fn next_timer_at(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(timers::next_at(&self.db))
    }

    fn receive(&self, message: InboxMessage) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(inbox::receive(&self.db, message))
    }

    fn unsettled_inbox(
        &self,
        prefix: &'static str,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<InboxMessage>, StoreError>> {
        Box::pin(inbox::unsettled(&self.db, prefix, limit))
    }

    fn open_streams(&self) -> BoxFuture<'_, Result<Vec<OpenStream>, StoreError>> {
        Box::pin(read::open_streams(&self.db))
    }

    fn path(&self, stream: &StreamId) -> BoxFuture<'_, Result<Option<Path>, StoreError>> {
        Box::pin(read::path(&self.db, stream.clone()))
    }

    fn timers(&self, owner: &Key) -> BoxFuture<'_, Result<Vec<TimerName>, StoreError>> {
        Box::pin(timers::of(&self.db, owner.clone()))
    }

    fn events(&self, key: &Key, after_version: i64, limit: u32) -> BoxFuture<'_, Result<Vec<EventRow>, StoreError>> {
        Box::pin(read::events(&self.db, key.clone(), after_version, limit))
    }

    fn outbox_backlog(&self) -> BoxFuture<'_, Result<Vec<Backlog>, StoreError>> {
        Box::pin(outbox::backlog(&self.db))
    }
}
