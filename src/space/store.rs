//! Rows beside the space aggregate: its look, and addresses it had.

use backstage_core::{ExperienceId, SpaceId, Timestamp};

use super::ACCENTS;
use crate::db::Db;

/// The accent colour of a space.
pub async fn accent(db: &Db, space: &SpaceId) -> Result<String, sqlx::Error> {
    let row: Option<(String,)> = sqlx::query_as("SELECT accent FROM space_looks WHERE space_id = $1")
        .bind(space.as_str())
        .fetch_optional(&db.pool)
        .await?;
    Ok(row.map_or_else(|| ACCENTS[0].to_string(), |(accent,)| accent))
}

/// Sets the accent colour.
pub async fn set_accent(db: &Db, space: &SpaceId, accent: &str) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    sqlx::query("INSERT INTO space_looks (space_id, accent) VALUES ($1, $2) ON CONFLICT (space_id) DO UPDATE SET accent = excluded.accent")
        .bind(space.as_str())
        .bind(accent)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

/// Experiences with an open stream in spaces that an operator closed.
pub async fn open_though_suspended(db: &Db) -> Result<Vec<ExperienceId>, sqlx::Error> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT st.parent FROM aggregates st JOIN aggregates sp ON sp.kind = 'space' AND sp.id = st.space \
         WHERE st.kind = 'stream' AND st.phase IN ('lobby', 'live', 'reconnecting') AND sp.phase = 'suspended' LIMIT 10000",
    )
    .fetch_all(&db.pool)
    .await?;
    Ok(rows.iter().filter_map(|(id,)| ExperienceId::parse(id).ok()).collect())
}

/// Remembers an address that was given up. `kind`: `space` or `experience`; `parent`: empty or the space's id.
pub async fn give_up(
    db: &Db,
    kind: &str,
    parent: &str,
    slug: &str,
    target: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    sqlx::query(
        "INSERT INTO old_addresses (kind, parent, slug, target, given_up_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (kind, parent, slug) DO UPDATE SET target = excluded.target, given_up_at = excluded.given_up_at",
    )
    .bind(kind)
    .bind(parent)
    .bind(slug)
    .bind(target)
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

/// Whose address this was.
pub async fn given_up(db: &Db, kind: &str, parent: &str, slug: &str) -> Result<Option<String>, sqlx::Error> {
    let row: Option<(String,)> =
        sqlx::query_as("SELECT target FROM old_addresses WHERE kind = $1 AND parent = $2 AND slug = $3")
            .bind(kind)
            .bind(parent)
            .bind(slug)
            .fetch_optional(&db.pool)
            .await?;
    Ok(row.map(|(target,)| target))
}
