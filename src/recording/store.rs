//! Rows of `recordings` and `recording_positions`.

use backstage_core::access::RecordingRule;
use backstage_core::{ExperienceId, SpaceId, StreamId, Timestamp, UserId};
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::any::AnyRow;
use std::collections::HashMap;

use super::Recording;
use crate::adapters::storage::Prefix;
use crate::db::{Db, Write};
use crate::objects::doomed;

/// Most recordings on the page of an experience.
pub const LISTED_MAX: i64 = 200;

const BY_ID: &str = "SELECT * FROM recordings WHERE id = $1 AND deleted_at IS NULL";
const BY_STREAM: &str = "SELECT * FROM recordings WHERE stream_id = $1";
const LISTED: &str = "SELECT * FROM recordings WHERE experience_id = $1 AND deleted_at IS NULL ORDER BY started_at DESC, id DESC LIMIT $2";
const EXPIRED: &str =
    "SELECT * FROM recordings WHERE expires_at <= $1 AND deleted_at IS NULL ORDER BY expires_at LIMIT $2";

fn damaged(column: &'static str) -> sqlx::Error {
    sqlx::Error::Decode(format!("the column {column} of a recording is damaged").into())
}

fn json<T: DeserializeOwned>(row: &AnyRow, column: &'static str) -> Result<T, sqlx::Error> {
    serde_json::from_str(&row.try_get::<String, _>(column)?).map_err(|_| damaged(column))
}

fn read(row: &AnyRow) -> Result<Recording, sqlx::Error> {
    let text = |column| row.try_get::<String, _>(column);
    let number = |column| row.try_get::<i64, _>(column);
    let time = |column| row.try_get::<Option<i64>, _>(column).map(|at| at.map(Timestamp));
    Ok(Recording {
        id: text("id")?,
        stream: StreamId::parse(&text("stream_id")?).map_err(|_| damaged("stream_id"))?,
        experience: ExperienceId::parse(&text("experience_id")?).map_err(|_| damaged("experience_id"))?,
        space: SpaceId::parse(&text("space_id")?).map_err(|_| damaged("space_id"))?,
        title: text("title")?,
        started_at: Timestamp(number("started_at")?),
        duration_ms: number("duration_ms")?,
        bytes: number("bytes")?,
        width: number("width")?,
        height: number("height")?,
        folder: text("folder")?,
        stretches: json(row, "stretches")?,
        cuts: json(row, "cuts")?,
        rule: RecordingRule::parse(&text("rule")?).ok_or_else(|| damaged("rule"))?,
        created_at: Timestamp(number("created_at")?),
        expires_at: time("expires_at")?,
        deleted_at: time("deleted_at")?,
    })
}

/// The recording with this id, unless it was deleted.
pub async fn find(db: &Db, id: &str) -> Result<Option<Recording>, sqlx::Error> {
    sqlx::query(BY_ID).bind(id).fetch_optional(&db.pool).await?.as_ref().map(read).transpose()
}

/// The recording of a stream, also a deleted one.
pub async fn of_stream(db: &Db, stream: &StreamId) -> Result<Option<Recording>, sqlx::Error> {
    sqlx::query(BY_STREAM).bind(stream.as_str()).fetch_optional(&db.pool).await?.as_ref().map(read).transpose()
}

/// The newest recordings of an experience, newest first, at most [`LISTED_MAX`].
pub async fn of_experience(db: &Db, experience: &ExperienceId) -> Result<Vec<Recording>, sqlx::Error> {
    let rows = sqlx::query(LISTED).bind(experience.as_str()).bind(LISTED_MAX).fetch_all(&db.pool).await?;
    rows.iter().map(read).collect()
}

/// The different rules of an experience's recordings.
pub async fn rules(db: &Db, experience: &ExperienceId) -> Result<Vec<RecordingRule>, sqlx::Error> {
    let rules: Vec<String> =
        sqlx::query_scalar("SELECT DISTINCT rule FROM recordings WHERE experience_id = $1 AND deleted_at IS NULL")
            .bind(experience.as_str())
            .fetch_all(&db.pool)
            .await?;
    Ok(rules.iter().filter_map(|rule| RecordingRule::parse(rule)).collect())
}

/// Recordings whose time is over, up to `limit`.
pub async fn expired(db: &Db, now: Timestamp, limit: i64) -> Result<Vec<Recording>, sqlx::Error> {
    let rows = sqlx::query(EXPIRED).bind(now.0).bind(limit).fetch_all(&db.pool).await?;
    rows.iter().map(read).collect()
}

/// What became of [`add`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is in the archive.
    Yes,
    /// Another one of its stream is there already; these objects stay doomed.
    AlreadyThere,
    /// Its objects are not safe any more: put them anew.
    Doomed,
}

/// Writes a recording down whose objects are there and were announced as doomed, and keeps them.
pub async fn add(db: &Db, recording: &Recording, folder: &Prefix) -> Result<Added, sqlx::Error> {
    let to_json = |text: serde_json::Result<String>| text.map_err(|error| sqlx::Error::Encode(error.into()));
    let stretches = to_json(serde_json::to_string(&recording.stretches))?;
    let cuts = to_json(serde_json::to_string(&recording.cuts))?;
    let mut tx = db.begin_write().await?;
    let done = sqlx::query(
        "INSERT INTO recordings (id, stream_id, experience_id, space_id, title, started_at, duration_ms, bytes, width, \
         height, folder, stretches, cuts, rule, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) \
         ON CONFLICT (stream_id) DO NOTHING",
    )
    .bind(&recording.id)
    .bind(recording.stream.as_str())
    .bind(recording.experience.as_str())
    .bind(recording.space.as_str())
    .bind(&recording.title)
    .bind(recording.started_at.0)
    .bind(recording.duration_ms)
    .bind(recording.bytes)
    .bind(recording.width)
    .bind(recording.height)
    .bind(&recording.folder)
    .bind(stretches)
    .bind(cuts)
    .bind(recording.rule.as_str())
    .bind(recording.created_at.0)
    .bind(recording.expires_at.map(|at| at.0))
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        tx.rollback().await?;
        return Ok(Added::AlreadyThere);
    }
    if !doomed::keep_folder(&mut tx, folder).await? {
        tx.rollback().await?;
        return Ok(Added::Doomed);
    }
    tx.commit().await?;
    Ok(Added::Yes)
}

/// Changes title and rule; `false` if it is gone.
pub async fn edit(db: &Db, id: &str, title: &str, rule: RecordingRule) -> Result<bool, sqlx::Error> {
    let mut tx = db.begin_write().await?;
    let done = sqlx::query("UPDATE recordings SET title = $2, rule = $3 WHERE id = $1 AND deleted_at IS NULL")
        .bind(id)
        .bind(title)
        .bind(rule.as_str())
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(done.rows_affected() == 1)
}

/// Deletes a recording: nobody sees it from now on, and its objects are doomed. One that is gone is fine.
pub async fn delete(db: &Db, recording: &Recording, now: Timestamp) -> Result<(), sqlx::Error> {
    let folder = Prefix::parse(&recording.folder).map_err(|_| damaged("folder"))?;
    let mut tx = db.begin_write().await?;
    let done = sqlx::query("UPDATE recordings SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL")
        .bind(&recording.id)
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
    if done.rows_affected() == 1 {
        doomed::doom_folder(&mut tx, &folder, now).await?;
        forget_positions(&mut tx, &recording.id).await?;
    }
    tx.commit().await
}

async fn forget_positions(tx: &mut Write, recording: &str) -> Result<(), sqlx::Error> {
    let done = sqlx::query("DELETE FROM recording_positions WHERE recording_id = $1").bind(recording);
    done.execute(&mut **tx).await.map(drop)
}

/// Where a person has got to, ms; `None`: at the start.
pub async fn position(db: &Db, user: &UserId, recording: &str) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("SELECT position_ms FROM recording_positions WHERE user_id = $1 AND recording_id = $2")
        .bind(user.as_str())
        .bind(recording)
        .fetch_optional(&db.pool)
        .await
}

/// Where a person has got to in the recordings of an experience, by recording, ms.
pub async fn positions(db: &Db, user: &UserId, experience: &ExperienceId) -> Result<HashMap<String, i64>, sqlx::Error> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT p.recording_id, p.position_ms FROM recording_positions p JOIN recordings r ON r.id = p.recording_id \
         WHERE p.user_id = $1 AND r.experience_id = $2 AND r.deleted_at IS NULL",
    )
    .bind(user.as_str())
    .bind(experience.as_str())
    .fetch_all(&db.pool)
    .await?;
    Ok(rows.into_iter().collect())
}

/// Keeps a place; `None` forgets it.
pub async fn set_position(
    db: &Db,
    user: &UserId,
    recording: &str,
    position_ms: Option<i64>,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    match position_ms {
        Some(position_ms) => {
            sqlx::query(
                "INSERT INTO recording_positions (user_id, recording_id, position_ms, updated_at) \
                 SELECT $1, id, $3, $4 FROM recordings WHERE id = $2 AND deleted_at IS NULL \
                 ON CONFLICT (user_id, recording_id) \
                 DO UPDATE SET position_ms = excluded.position_ms, updated_at = excluded.updated_at",
            )
            .bind(user.as_str())
            .bind(recording)
            .bind(position_ms)
            .bind(now.0)
            .execute(&mut *tx)
            .await?
        }
        None => {
            sqlx::query("DELETE FROM recording_positions WHERE user_id = $1 AND recording_id = $2")
                .bind(user.as_str())
                .bind(recording)
                .execute(&mut *tx)
                .await?
        }
    };
    tx.commit().await
}
