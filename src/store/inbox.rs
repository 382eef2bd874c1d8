//! Messages from outside, each stored once.

use super::unavailable;
use crate::db::Db;
use backstage_actors::ports::{InboxMessage, StoreError};
use backstage_core::Timestamp;
use sqlx::{Row, query};

const RECEIVE: &str = "INSERT INTO inbox (id, body, at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING";
const UNSETTLED: &str = "SELECT id, body, at FROM inbox WHERE settled = 0 AND id LIKE $1 ORDER BY at, id LIMIT $2";

/// See [`backstage_actors::ports::Store::receive`].
pub async fn receive(db: &Db, message: InboxMessage) -> Result<bool, StoreError> {
    let mut writer = db.writer().await.map_err(unavailable)?;
    let done = query(RECEIVE)
        .bind(message.key)
        .bind(message.body)
        .bind(message.at.0)
        .execute(&mut *writer)
        .await
        .map_err(unavailable)?;
    Ok(done.rows_affected() == 1)
}

/// See [`backstage_actors::ports::Store::unsettled_inbox`].
pub async fn unsettled(db: &Db, prefix: &str, limit: u32) -> Result<Vec<InboxMessage>, StoreError> {
    let rows = query(UNSETTLED)
        .bind(format!("{prefix}%"))
        .bind(i64::from(limit))
        .fetch_all(&db.pool)
        .await
        .map_err(unavailable)?;
    let read = |row: &sqlx::any::AnyRow| {
        Ok(InboxMessage { key: row.try_get(0)?, body: row.try_get(1)?, at: Timestamp(row.try_get(2)?) })
    };
    rows.iter().map(read).collect::<Result<_, sqlx::Error>>().map_err(unavailable)
}
