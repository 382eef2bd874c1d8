//! The one transaction in which everything happens.

use super::{owner_text, text, unavailable};
use crate::db::Db;
use backstage_actors::ports::{Commit, Key, OutboxRow, Settles, StoreError};
use backstage_core::{Kind, TimerName, Timestamp};
use sqlx::{AnyConnection, query, query_scalar};
use std::collections::BTreeMap;

const INSERT: &str = "INSERT INTO aggregates (kind, id, version, parent, slug, phase, space, state, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) ON CONFLICT (kind, id) DO NOTHING";
const UPDATE: &str = "UPDATE aggregates SET version = $3, parent = $4, slug = $5, phase = $6, space = $7, state = $8, \
     updated_at = $9 WHERE kind = $1 AND id = $2 AND version = $10";
const INSERT_EVENT: &str = "INSERT INTO events (kind, id, version, at, event, phase, cause, payload) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const FORGET_TIMERS: &str = "DELETE FROM timers WHERE owner = $1 AND name IN ($2, $3, $4, $5, $6, $7)";
/// Names that [`FORGET_TIMERS`] takes.
const FORGET_NAMES: usize = 6;

/// See [`backstage_actors::ports::Store::commit`].
pub async fn commit(db: &Db, commit: Commit) -> Result<(), StoreError> {
    let mut write = db.begin_write().await.map_err(unavailable)?;
    match run(&mut write, &commit).await {
        Ok(()) => write.commit().await.map_err(unavailable),
        Err(refused) => {
            write.rollback().await.map_err(unavailable)?;
            Err(match refused {
                Refused::With(error) => error,
                Refused::Taken => taken(db, &commit).await?,
            })
        }
    }
}

enum Refused {
    With(StoreError),
    /// A unique index says no.
    Taken,
}

impl From<sqlx::Error> for Refused {
    fn from(error: sqlx::Error) -> Refused {
        match error.as_database_error() {
            Some(error) if error.is_unique_violation() => Refused::Taken,
            Some(_) | None => Refused::With(unavailable(error)),
        }
    }
}

async fn run(write: &mut AnyConnection, commit: &Commit) -> Result<(), Refused> {
    if let Some(settles) = &commit.settles
        && !settle_in(write, settles).await?
    {
        return Err(Refused::With(StoreError::AlreadySettled));
    }
    if !put(write, commit).await? {
        return Err(Refused::With(StoreError::Conflict));
    }
    let event = &commit.event;
    query(INSERT_EVENT)
        .bind(commit.key.kind.as_str())
        .bind(commit.key.id.as_str())
        .bind(commit.expected_version + 1)
        .bind(event.at.0)
        .bind(event.event.as_str())
        .bind(event.phase.as_str())
        .bind(event.cause.as_str())
        .bind(event.payload.as_str())
        .execute(&mut *write)
        .await?;
    put_outbox(write, commit.expected_version + 1, &commit.outbox).await?;
    put_timers(write, commit).await?;
    Ok(())
}

/// Writes the aggregate's row; `false` if its version is not the expected one.
async fn put(write: &mut AnyConnection, commit: &Commit) -> Result<bool, sqlx::Error> {
    let new = commit.expected_version == 0;
    let statement = query(if new { INSERT } else { UPDATE })
        .bind(commit.key.kind.as_str())
        .bind(commit.key.id.as_str())
        .bind(commit.expected_version + 1)
        .bind(commit.parent.as_str())
        .bind(commit.slug.as_deref())
        .bind(commit.phase)
        .bind(commit.path.as_ref().map(|path| path.space.as_str()))
        .bind(commit.state.as_str())
        .bind(commit.event.at.0);
    let statement = if new { statement } else { statement.bind(commit.expected_version) };
    Ok(statement.execute(write).await?.rows_affected() == 1)
}

async fn put_outbox(write: &mut AnyConnection, version: i64, rows: &[OutboxRow]) -> Result<(), Refused> {
    let mut place = 0_i64;
    for rows in rows.chunks(text::ROWS_MAX) {
        let mut statement = query(text::insert_outbox(rows.len()));
        for row in rows {
            let effect = serde_json::to_string(&row.effect)
                .map_err(|error| Refused::With(StoreError::Unavailable(error.to_string())))?;
            statement = statement
                .bind(row.key.as_str())
                .bind(row.lane.as_str())
                .bind(owner_text(&row.owner))
                .bind(version)
                .bind(place)
                .bind(effect)
                .bind(row.at.0)
                .bind(row.at.0);
            place += 1;
        }
        statement.execute(&mut *write).await?;
    }
    Ok(())
}

async fn put_timers(write: &mut AnyConnection, commit: &Commit) -> Result<(), sqlx::Error> {
    // The last one wins, and a timer that is set anyway need not be forgotten first.
    let set: BTreeMap<TimerName, Timestamp> = commit.timers_set.iter().copied().collect();
    let forgotten: Vec<TimerName> =
        commit.timers_cancelled.iter().copied().filter(|name| !set.contains_key(name)).collect();
    let owner = owner_text(&commit.key);
    for names in forgotten.chunks(FORGET_NAMES) {
        let mut statement = query(FORGET_TIMERS).bind(owner.as_str());
        // Fewer names are filled up with the first, so that the text stays the same.
        for place in 0..FORGET_NAMES {
            statement = statement.bind(names.get(place).or(names.first()).map(|name| name.as_str()));
        }
        statement.execute(&mut *write).await?;
    }
    let set: Vec<(TimerName, Timestamp)> = set.into_iter().collect();
    for timers in set.chunks(text::ROWS_MAX) {
        let mut statement = query(text::upsert_timers(timers.len()));
        for (name, due_at) in timers {
            statement = statement.bind(owner.as_str()).bind(name.as_str()).bind(due_at.0);
        }
        statement.execute(&mut *write).await?;
    }
    Ok(())
}

/// Why a unique index refused, now that the transaction is gone.
async fn taken(db: &Db, commit: &Commit) -> Result<StoreError, StoreError> {
    let Key { kind, id } = &commit.key;
    let version: Option<i64> = query_scalar("SELECT version FROM aggregates WHERE kind = $1 AND id = $2")
        .bind(kind.as_str())
        .bind(id.as_str())
        .fetch_optional(&db.pool)
        .await
        .map_err(unavailable)?;
    Ok(match kind {
        _ if version.unwrap_or(0) != commit.expected_version => StoreError::Conflict,
        Kind::Stream => StoreError::OpenStreamExists,
        Kind::Space | Kind::Experience => StoreError::SlugTaken,
    })
}

/// See [`backstage_actors::ports::Store::settle`].
pub async fn settle(db: &Db, settles: Settles) -> Result<(), StoreError> {
    let mut writer = db.writer().await.map_err(unavailable)?;
    settle_in(&mut writer, &settles).await.map_err(unavailable)?;
    Ok(())
}

/// `false` if it is settled already.
async fn settle_in(write: &mut AnyConnection, settles: &Settles) -> Result<bool, sqlx::Error> {
    let statement = match settles {
        Settles::Effect(key) => query("DELETE FROM outbox WHERE id = $1").bind(key.as_str()),
        Settles::Inbox(key) => query("UPDATE inbox SET settled = 1 WHERE id = $1 AND settled = 0").bind(key.as_str()),
        Settles::Timer { owner, name, due_at } => {
            query("DELETE FROM timers WHERE owner = $1 AND name = $2 AND due_at = $3")
                .bind(owner_text(owner))
                .bind(name.as_str())
                .bind(due_at.0)
        }
    };
    Ok(statement.execute(write).await?.rows_affected() > 0)
}
