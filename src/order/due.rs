//! When orders want something done, and who does it.

use backstage_core::order::Order;
use backstage_core::{OrderId, Timestamp};

use super::store::{Provider, bad};
use crate::db::Db;

/// Orders with a job that is due, the longest waiting first. They are this caller's for `lease_ms`: another node does not
/// see them meanwhile, and after a crash they come again.
pub async fn claim(
    db: &Db,
    provider: Provider,
    now: Timestamp,
    lease_ms: i64,
    limit: u32,
) -> Result<Vec<OrderId>, sqlx::Error> {
    let mut tx = db.begin_write().await?;
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT id, next_at FROM orders WHERE provider = $1 AND next_at <= $2 ORDER BY next_at LIMIT $3",
    )
    .bind(provider.as_str())
    .bind(now.0)
    .bind(i64::from(limit))
    .fetch_all(&mut *tx)
    .await?;
    let mut claimed = vec![];
    for (id, next_at) in rows {
        let done = sqlx::query("UPDATE orders SET next_at = $3 WHERE id = $1 AND next_at = $2")
            .bind(&id)
            .bind(next_at)
            .bind(now.0.saturating_add(lease_ms))
            .execute(&mut *tx)
            .await?;
        if done.rows_affected() == 1 {
            claimed.push(OrderId::parse(&id).map_err(bad)?);
        }
    }
    tx.commit().await?;
    Ok(claimed)
}

/// Gives up the claims of a process that died: where one process alone has the database, nobody else holds any. Without
/// this, what it was doing waits until its lease is over.
pub async fn take_back(db: &Db, provider: Provider, now: Timestamp, lease_ms: i64) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT id, state, next_at FROM orders WHERE provider = $1 AND next_at > $2 AND next_at <= $3")
            .bind(provider.as_str())
            .bind(now.0)
            .bind(now.0.saturating_add(lease_ms))
            .fetch_all(&mut *tx)
            .await?;
    for (id, state, next_at) in rows {
        let order: Order = serde_json::from_str(&state).map_err(bad)?;
        sqlx::query("UPDATE orders SET next_at = $3 WHERE id = $1 AND next_at = $2")
            .bind(&id)
            .bind(next_at)
            .bind(order.next_job().map(|job| job.at.0))
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await
}

/// When the next job of any order is due.
pub async fn next_at(db: &Db, provider: Provider) -> Result<Option<Timestamp>, sqlx::Error> {
    let (at,): (Option<i64>,) = sqlx::query_as("SELECT MIN(next_at) FROM orders WHERE provider = $1")
        .bind(provider.as_str())
        .fetch_one(&db.pool)
        .await?;
    Ok(at.map(Timestamp))
}
