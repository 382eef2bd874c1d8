//! Rows of `alerts`.

use backstage_core::{ExperienceId, Timestamp, UserId};

use super::PER_PERSON_MAX;
use crate::db::Db;

/// Whether a person wants to be told.
pub async fn wanted(db: &Db, user: &UserId, experience: &ExperienceId) -> Result<bool, sqlx::Error> {
    let row: Option<(String,)> = sqlx::query_as("SELECT id FROM alerts WHERE user_id = $1 AND experience_id = $2")
        .bind(user.as_str())
        .bind(experience.as_str())
        .fetch_optional(&db.pool)
        .await?;
    Ok(row.is_some())
}

/// How many want to be told of an experience: they mean to come.
pub async fn count(db: &Db, experience: &ExperienceId) -> Result<u32, sqlx::Error> {
    let (count,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM alerts WHERE experience_id = $1")
        .bind(experience.as_str())
        .fetch_one(&db.pool)
        .await?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Writes the wish down; twice is once. `on_air`: the stream that they see already, about which no mail is needed.
/// `false` if they have [`PER_PERSON_MAX`] others.
pub async fn want(
    db: &Db,
    id: &str,
    user: &UserId,
    experience: &ExperienceId,
    on_air: Option<&str>,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let mut tx = db.begin_write().await?;
    let (held,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM alerts WHERE user_id = $1 AND experience_id <> $2")
        .bind(user.as_str())
        .bind(experience.as_str())
        .fetch_one(&mut *tx)
        .await?;
    if held >= PER_PERSON_MAX {
        return Ok(false);
    }
    sqlx::query(
        "INSERT INTO alerts (id, experience_id, user_id, asked_at, told_stream, due_at, attempts) \
         VALUES ($1, $2, $3, $4, $5, 0, 0) ON CONFLICT DO NOTHING",
    )
    .bind(id)
    .bind(experience.as_str())
    .bind(user.as_str())
    .bind(now.0)
    .bind(on_air)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(true)
}

/// Takes the wish back; none is fine.
pub async fn forget(db: &Db, user: &UserId, experience: &ExperienceId) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    sqlx::query("DELETE FROM alerts WHERE user_id = $1 AND experience_id = $2")
        .bind(user.as_str())
        .bind(experience.as_str())
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

/// The same by id.
pub async fn forget_one(db: &Db, id: &str) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    sqlx::query("DELETE FROM alerts WHERE id = $1").bind(id).execute(&mut *tx).await?;
    tx.commit().await
}

/// A mail to send.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Due {
    /// The alert.
    pub id: String,
    /// Who asked.
    pub user_id: String,
    /// Their address.
    pub email: String,
    /// What goes live.
    pub experience_id: String,
    /// The stream on air.
    pub stream_id: String,
    /// Tries so far.
    pub attempts: i64,
    /// What it was due at: what a claim changes.
    pub due_at: i64,
}

/// Alerts whose experience has a stream on air that they were not told of, up to `limit`.
pub async fn due(db: &Db, now: Timestamp, limit: i64) -> Result<Vec<Due>, sqlx::Error> {
    sqlx::query_as(
        "SELECT a.id, a.user_id, u.email, a.experience_id, s.id AS stream_id, a.attempts, a.due_at \
         FROM aggregates s JOIN alerts a ON a.experience_id = s.parent JOIN users u ON u.id = a.user_id \
         WHERE s.kind = 'stream' AND s.phase IN ('live', 'reconnecting') AND u.email IS NOT NULL \
         AND (a.told_stream IS NULL OR a.told_stream <> s.id) AND a.due_at <= $1 ORDER BY a.due_at, a.id LIMIT $2",
    )
    .bind(now.0)
    .bind(limit)
    .fetch_all(&db.pool)
    .await
}

/// Takes one for a while; `false` if another process was quicker, or it was taken back.
pub async fn claim(db: &Db, due: &Due, until: Timestamp) -> Result<bool, sqlx::Error> {
    let mut tx = db.begin_write().await?;
    let done = sqlx::query("UPDATE alerts SET due_at = $3, attempts = attempts + 1 WHERE id = $1 AND due_at = $2")
        .bind(&due.id)
        .bind(due.due_at)
        .bind(until.0)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that they were told of a stream.
pub async fn told(db: &Db, due: &Due) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    sqlx::query("UPDATE alerts SET told_stream = $2, due_at = 0, attempts = 0 WHERE id = $1")
        .bind(&due.id)
        .bind(&due.stream_id)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

/// Tries again then.
pub async fn later(db: &Db, due: &Due, at: Timestamp) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    sqlx::query("UPDATE alerts SET due_at = $2 WHERE id = $1").bind(&due.id).bind(at.0).execute(&mut *tx).await?;
    tx.commit().await
}
