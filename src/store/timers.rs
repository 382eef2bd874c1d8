//! Durable alarms.

use super::{damaged, owner_from, owner_text, read, unavailable};
use crate::db::Db;
use backstage_actors::ports::{Key, StoreError, TimerRow};
use backstage_core::{TimerName, Timestamp};
use sqlx::{Row, query, query_scalar};

const DUE: &str = "SELECT t.owner, t.name, t.due_at, a.id, a.parent, a.space FROM timers t \
     LEFT JOIN aggregates a ON a.kind = 'stream' AND t.owner = 'stream:' || a.id \
     WHERE t.due_at <= $1 ORDER BY t.due_at, t.owner, t.name LIMIT $2";

fn name_from(text: &str) -> Result<TimerName, StoreError> {
    TimerName::parse(text).ok_or_else(|| damaged("timer"))
}

/// See [`backstage_actors::ports::Store::due_timers`].
pub async fn due(db: &Db, now: Timestamp, limit: u32) -> Result<Vec<TimerRow>, StoreError> {
    let rows = query(DUE).bind(now.0).bind(i64::from(limit)).fetch_all(&db.pool).await.map_err(unavailable)?;
    let read = |row: &sqlx::any::AnyRow| {
        let text = |column: &str| row.try_get::<String, _>(column).map_err(unavailable);
        Ok(TimerRow {
            owner: owner_from(&text("owner")?)?,
            name: name_from(&text("name")?)?,
            due_at: Timestamp(row.try_get("due_at").map_err(unavailable)?),
            path: read::path_of(row)?,
        })
    };
    rows.iter().map(read).collect()
}

/// See [`backstage_actors::ports::Store::next_timer_at`].
pub async fn next_at(db: &Db) -> Result<Option<Timestamp>, StoreError> {
    let at: Option<i64> =
        query_scalar("SELECT MIN(due_at) FROM timers").fetch_one(&db.pool).await.map_err(unavailable)?;
    Ok(at.map(Timestamp))
}

/// See [`backstage_actors::ports::Store::timers`].
pub async fn of(db: &Db, owner: Key) -> Result<Vec<TimerName>, StoreError> {
    let names: Vec<String> = query_scalar("SELECT name FROM timers WHERE owner = $1")
        .bind(owner_text(&owner))
        .fetch_all(&db.pool)
        .await
        .map_err(unavailable)?;
    let mut names = names.iter().map(|name| name_from(name)).collect::<Result<Vec<_>, _>>()?;
    names.sort();
    Ok(names)
}
