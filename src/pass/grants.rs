//! Rows of `grants`: passes in people's hands.

use backstage_core::access::{Grant, Opens};
use backstage_core::{ExperienceId, PassId, SpaceId, Timestamp, UserId};
use sqlx::FromRow;

use crate::db::Db;

/// Puts a pass in somebody's hand, from `now` until a moment or without end. Holding it already changes nothing: one that was taken back or
/// ran out stays so.
pub async fn give(
    db: &Db,
    id: &str,
    pass: &PassId,
    space: &SpaceId,
    user: &UserId,
    (now, until): (Timestamp, Option<Timestamp>),
) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    sqlx::query(
        "INSERT INTO grants (id, pass_id, space_id, user_id, granted_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (user_id, space_id, pass_id, order_id) DO NOTHING",
    )
    .bind(id)
    .bind(pass.as_str())
    .bind(space.as_str())
    .bind(user.as_str())
    .bind(now.0)
    .bind(until.map(|at| at.0))
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

/// Takes back every pass of a space from a person; how many there were.
pub async fn revoke(db: &Db, space: &SpaceId, user: &UserId, now: Timestamp) -> Result<u64, sqlx::Error> {
    let mut tx = db.begin_write().await?;
    let done =
        sqlx::query("UPDATE grants SET revoked_at = $3 WHERE space_id = $1 AND user_id = $2 AND revoked_at IS NULL")
            .bind(space.as_str())
            .bind(user.as_str())
            .bind(now.0)
            .execute(&mut *tx)
            .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

/// Grants that [`of_user`] gives.
pub const HELD_MAX: i64 = 200;

#[derive(FromRow)]
struct GrantRow {
    space_id: String,
    pass_id: String,
    opens: String,
    granted_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
}

/// Passes of a space that a person holds or held.
pub async fn held(db: &Db, user: &UserId, space: &SpaceId) -> Result<Vec<Grant>, sqlx::Error> {
    let rows: Vec<GrantRow> = sqlx::query_as(
        "SELECT g.space_id, g.pass_id, p.opens, g.granted_at, g.expires_at, g.revoked_at \
         FROM grants g JOIN passes p ON p.id = g.pass_id WHERE g.user_id = $1 AND g.space_id = $2",
    )
    .bind(user.as_str())
    .bind(space.as_str())
    .fetch_all(&db.pool)
    .await?;
    rows.into_iter().map(|row| Ok(grant(row)?.1)).collect()
}

/// Passes of every space that a person holds or held, newest first, at most [`HELD_MAX`].
pub async fn of_user(db: &Db, user: &UserId) -> Result<Vec<(SpaceId, Grant)>, sqlx::Error> {
    let rows: Vec<GrantRow> = sqlx::query_as(
        "SELECT g.space_id, g.pass_id, p.opens, g.granted_at, g.expires_at, g.revoked_at \
         FROM grants g JOIN passes p ON p.id = g.pass_id WHERE g.user_id = $1 ORDER BY g.granted_at DESC, g.id LIMIT $2",
    )
    .bind(user.as_str())
    .bind(HELD_MAX)
    .fetch_all(&db.pool)
    .await?;
    rows.into_iter().map(grant).collect()
}

fn grant(row: GrantRow) -> Result<(SpaceId, Grant), sqlx::Error> {
    let grant = Grant {
        pass: PassId::parse(&row.pass_id).map_err(|error| sqlx::Error::Decode(error.into()))?,
        opens: serde_json::from_str(&row.opens).map_err(|error| sqlx::Error::Decode(error.into()))?,
        granted_at: Timestamp(row.granted_at),
        expires_at: row.expires_at.map(Timestamp),
        revoked_at: row.revoked_at.map(Timestamp),
    };
    Ok((SpaceId::parse(&row.space_id).map_err(|error| sqlx::Error::Decode(error.into()))?, grant))
}

/// How many people hold a pass that opens an experience now. Somebody with passes of different reach counts for each.
pub async fn holders(db: &Db, space: &SpaceId, experience: &ExperienceId, now: Timestamp) -> Result<u32, sqlx::Error> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT p.opens, COUNT(DISTINCT g.user_id) FROM grants g JOIN passes p ON p.id = g.pass_id \
         WHERE g.space_id = $1 AND g.revoked_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > $2) GROUP BY p.opens",
    )
    .bind(space.as_str())
    .bind(now.0)
    .fetch_all(&db.pool)
    .await?;
    let mut holders: i64 = 0;
    for (opens, count) in rows {
        let opens: Opens = serde_json::from_str(&opens).map_err(|error| sqlx::Error::Decode(error.into()))?;
        if opens.opens(experience) {
            holders = holders.saturating_add(count);
        }
    }
    Ok(u32::try_from(holders).unwrap_or(u32::MAX))
}

/// Grants that ended between two moments, by expiry or by being taken back: `(user, space)`.
pub async fn ended_between(db: &Db, after: Timestamp, until: Timestamp) -> Result<Vec<(String, String)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT user_id, space_id FROM grants \
         WHERE (expires_at > $1 AND expires_at <= $2) OR (revoked_at > $1 AND revoked_at <= $2) LIMIT 10000",
    )
    .bind(after.0)
    .bind(until.0)
    .fetch_all(&db.pool)
    .await
}
