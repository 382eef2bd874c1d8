//! Effects that wait, are leased, tried again, done or given up.

use super::{damaged, owner_from, unavailable};
use crate::db::Db;
use backstage_actors::ports::{Backlog, OutboxRow, Performed, StoreError};
use backstage_core::Timestamp;
use backstage_core::effect::Lane;
use sqlx::any::AnyRow;
use sqlx::{Row, query, query_scalar};

/// The first effect of each owner in a lane, oldest owners first. `due_at` is asked again outside: on Postgres another
/// one may have taken the row between the choice and the update.
const CLAIM: &str = "UPDATE outbox SET due_at = $3 WHERE dead = 0 AND due_at <= $2 AND id IN (\
     SELECT o.id FROM outbox o WHERE o.lane = $1 AND o.dead = 0 AND o.due_at <= $2 AND NOT EXISTS (\
     SELECT 1 FROM outbox p WHERE p.owner = o.owner AND p.lane = o.lane AND p.dead = 0 \
     AND (p.version < o.version OR (p.version = o.version AND p.place < o.place))) \
     ORDER BY o.at, o.version, o.place LIMIT $4) \
     RETURNING id, owner, version, place, effect, at, attempts";
const NEXT_AT: &str = "SELECT o.due_at FROM outbox o WHERE o.lane = $1 AND o.dead = 0 AND NOT EXISTS (\
     SELECT 1 FROM outbox p WHERE p.owner = o.owner AND p.lane = o.lane AND p.dead = 0 \
     AND (p.version < o.version OR (p.version = o.version AND p.place < o.place))) \
     ORDER BY o.due_at LIMIT 1";
const ANY_DUE: &str = "SELECT 1 FROM outbox WHERE lane = $1 AND dead = 0 AND due_at <= $2 LIMIT 1";
const BACKLOG: &str = "SELECT lane, COUNT(CASE WHEN dead = 0 THEN 1 END), COUNT(CASE WHEN dead = 1 THEN 1 END), \
     MIN(CASE WHEN dead = 0 THEN at END) FROM outbox GROUP BY lane";

/// See [`backstage_actors::ports::Store::claim_effects`].
pub async fn claim(
    db: &Db,
    lane: Lane,
    now: Timestamp,
    lease_ms: i64,
    limit: u32,
) -> Result<Vec<OutboxRow>, StoreError> {
    // An idle lane is asked often: no write lock for nothing.
    let any = query(ANY_DUE).bind(lane.as_str()).bind(now.0).fetch_optional(&db.pool).await.map_err(unavailable)?;
    if any.is_none() {
        return Ok(vec![]);
    }
    let mut writer = db.writer().await.map_err(unavailable)?;
    let rows = query(CLAIM)
        .bind(lane.as_str())
        .bind(now.0)
        .bind((now + lease_ms).0)
        .bind(i64::from(limit))
        .fetch_all(&mut *writer)
        .await
        .map_err(unavailable)?;
    let mut claimed = rows.iter().map(|row| claimed(lane, row)).collect::<Result<Vec<_>, _>>()?;
    claimed.sort_by_key(|(order, row)| (row.at, *order));
    Ok(claimed.into_iter().map(|(_, row)| row).collect())
}

fn claimed(lane: Lane, row: &AnyRow) -> Result<((i64, i64), OutboxRow), StoreError> {
    let get = |column| row.try_get::<i64, _>(column).map_err(unavailable);
    let text = |column| row.try_get::<String, _>(column).map_err(unavailable);
    let outbox = OutboxRow {
        key: text("id")?,
        lane,
        owner: owner_from(&text("owner")?)?,
        effect: serde_json::from_str(&text("effect")?).map_err(|_| damaged("effect"))?,
        attempts: u32::try_from(get("attempts")?).unwrap_or(u32::MAX),
        at: Timestamp(get("at")?),
    };
    Ok(((get("version")?, get("place")?), outbox))
}

/// See [`backstage_actors::ports::Store::release_effects`].
pub async fn release(db: &Db, lane: Lane, now: Timestamp) -> Result<(), StoreError> {
    let mut writer = db.writer().await.map_err(unavailable)?;
    query("UPDATE outbox SET due_at = $2 WHERE lane = $1 AND dead = 0 AND due_at > $2")
        .bind(lane.as_str())
        .bind(now.0)
        .execute(&mut *writer)
        .await
        .map_err(unavailable)?;
    Ok(())
}

/// See [`backstage_actors::ports::Store::performed`].
pub async fn performed(db: &Db, key: String, outcome: Performed) -> Result<(), StoreError> {
    let statement = match outcome {
        Performed::Done => query("DELETE FROM outbox WHERE id = $1 AND dead = 0").bind(key),
        Performed::Retry { at, error } => {
            query("UPDATE outbox SET due_at = $2, attempts = attempts + 1, error = $3 WHERE id = $1 AND dead = 0")
                .bind(key)
                .bind(at.0)
                .bind(error)
        }
        Performed::Dead { error } => {
            query("UPDATE outbox SET dead = 1, error = $2 WHERE id = $1 AND dead = 0").bind(key).bind(error)
        }
    };
    let mut writer = db.writer().await.map_err(unavailable)?;
    statement.execute(&mut *writer).await.map_err(unavailable)?;
    Ok(())
}

/// See [`backstage_actors::ports::Store::next_effect_at`].
pub async fn next_at(db: &Db, lane: Lane) -> Result<Option<Timestamp>, StoreError> {
    let at: Option<i64> =
        query_scalar(NEXT_AT).bind(lane.as_str()).fetch_optional(&db.pool).await.map_err(unavailable)?;
    Ok(at.map(Timestamp))
}

/// See [`backstage_actors::ports::Store::outbox_backlog`].
pub async fn backlog(db: &Db) -> Result<Vec<Backlog>, StoreError> {
    let rows = query(BACKLOG).fetch_all(&db.pool).await.map_err(unavailable)?;
    let mut backlog: Vec<Backlog> =
        Lane::ALL.into_iter().map(|lane| Backlog { lane, waiting: 0, dead: 0, oldest_at: None }).collect();
    for row in rows {
        let lane: String = row.try_get(0).map_err(unavailable)?;
        let Some(of) = backlog.iter_mut().find(|of| of.lane.as_str() == lane) else { continue };
        let count = |column: usize| row.try_get::<i64, _>(column).map(i64::unsigned_abs).map_err(unavailable);
        of.waiting = count(1)?;
        of.dead = count(2)?;
        of.oldest_at = row.try_get::<Option<i64>, _>(3).map_err(unavailable)?.map(Timestamp);
    }
    Ok(backlog)
}
