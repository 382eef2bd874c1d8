//! Rows of `posters`, and the objects that come and go with them.

use backstage_core::{ExperienceId, SpaceId, Timestamp};
use std::collections::BTreeMap;

use super::{Poster, keys};
use crate::adapters::storage::Key;
use crate::db::{Db, Write};
use crate::objects::doomed;

/// The poster of an experience.
pub async fn of(db: &Db, experience: &ExperienceId) -> Result<Option<Poster>, sqlx::Error> {
    let row: Option<(String, String)> = sqlx::query_as("SELECT name, alt FROM posters WHERE experience_id = $1")
        .bind(experience.as_str())
        .fetch_optional(&db.pool)
        .await?;
    Ok(row.map(|(name, alt)| Poster::of(&name, alt)))
}

/// The posters of all experiences of a space.
pub async fn of_space(db: &Db, space: &SpaceId) -> Result<BTreeMap<String, Poster>, sqlx::Error> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT p.experience_id, p.name, p.alt FROM aggregates a JOIN posters p ON p.experience_id = a.id \
         WHERE a.kind = 'experience' AND a.parent = $1",
    )
    .bind(space.as_str())
    .fetch_all(&db.pool)
    .await?;
    Ok(rows.into_iter().map(|(experience, name, alt)| (experience, Poster::of(&name, alt))).collect())
}

/// Before objects are put: they go unless [`put`] keeps them in time.
pub async fn announce(db: &Db, objects: &[Key], now: Timestamp) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    doomed::doom(&mut tx, objects, now + doomed::KEEP_WITHIN_MS).await?;
    tx.commit().await
}

/// Gives an experience a poster whose objects are there; those of the one before are doomed.
pub async fn put(
    db: &Db,
    experience: &ExperienceId,
    name: &str,
    objects: &[Key],
    alt: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    doom_held(&mut tx, experience, now).await?;
    doomed::keep(&mut tx, objects).await?;
    sqlx::query(
        "INSERT INTO posters (experience_id, name, alt, uploaded_at) VALUES ($1, $2, $3, $4) ON CONFLICT (experience_id) \
         DO UPDATE SET name = excluded.name, alt = excluded.alt, uploaded_at = excluded.uploaded_at",
    )
    .bind(experience.as_str())
    .bind(name)
    .bind(alt)
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

/// Describes a poster anew; `false` if there is none.
pub async fn describe(db: &Db, experience: &ExperienceId, alt: &str) -> Result<bool, sqlx::Error> {
    let mut tx = db.begin_write().await?;
    let done = sqlx::query("UPDATE posters SET alt = $2 WHERE experience_id = $1")
        .bind(experience.as_str())
        .bind(alt)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(done.rows_affected() == 1)
}

/// Takes an experience's poster away; none is fine.
pub async fn remove(db: &Db, experience: &ExperienceId, now: Timestamp) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    doom_held(&mut tx, experience, now).await?;
    sqlx::query("DELETE FROM posters WHERE experience_id = $1").bind(experience.as_str()).execute(&mut *tx).await?;
    tx.commit().await
}

async fn doom_held(tx: &mut Write, experience: &ExperienceId, now: Timestamp) -> Result<(), sqlx::Error> {
    let held: Option<(String,)> = sqlx::query_as("SELECT name FROM posters WHERE experience_id = $1")
        .bind(experience.as_str())
        .fetch_optional(&mut **tx)
        .await?;
    if let Some(objects) = held.and_then(|(name,)| keys(&name).ok()) {
        doomed::doom(tx, &objects, now).await?;
    }
    Ok(())
}
