//! Rows of `sales_parts`, and the objects that come and go with them.

use backstage_core::{SpaceId, Timestamp, UserId};
use std::collections::BTreeMap;

use super::Part;
use super::parts::Parts;
use crate::adapters::storage::Key;
use crate::db::{Db, Write};
use crate::objects::doomed;

/// All parts of a space's page that somebody wrote.
pub async fn of(db: &Db, space: &SpaceId) -> Result<Parts, sqlx::Error> {
    let rows: Vec<(String, String)> = sqlx::query_as("SELECT part, body FROM sales_parts WHERE space_id = $1")
        .bind(space.as_str())
        .fetch_all(&db.pool)
        .await?;
    let known = rows.into_iter().filter_map(|(part, body)| Some((Part::parse(&part)?, body)));
    Parts::read(known.collect()).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// Who wrote each part last: id and name.
pub async fn editors(db: &Db, space: &SpaceId) -> Result<BTreeMap<Part, (String, String)>, sqlx::Error> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT p.part, u.id, u.name FROM sales_parts p JOIN users u ON u.id = p.edited_by WHERE p.space_id = $1",
    )
    .bind(space.as_str())
    .fetch_all(&db.pool)
    .await?;
    Ok(rows.into_iter().filter_map(|(part, id, name)| Some((Part::parse(&part)?, (id, name)))).collect())
}

/// What is written of a part, and what comes and goes with it.
pub struct Change<'a> {
    /// The part.
    pub part: Part,
    /// What it said when it was read; `None`: nothing.
    pub was: Option<&'a str>,
    /// What it says now.
    pub body: &'a str,
    /// Objects that it shows now and did not before.
    pub keep: &'a [Key],
    /// Objects that it no longer shows.
    pub doom: &'a [Key],
}

/// Writes a part, unless it says something else than was read: `false`, and nothing has happened.
pub async fn put(
    db: &Db,
    space: &SpaceId,
    change: Change<'_>,
    editor: &UserId,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let mut tx = db.begin_write().await?;
    let statement = match change.was {
        None => sqlx::query(
            "INSERT INTO sales_parts (space_id, part, body, edited_by, edited_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (space_id, part) DO NOTHING",
        ),
        Some(_) => sqlx::query(
            "UPDATE sales_parts SET body = $3, edited_by = $4, edited_at = $5 \
             WHERE space_id = $1 AND part = $2 AND body = $6",
        ),
    };
    let statement =
        statement.bind(space.as_str()).bind(change.part.as_str()).bind(change.body).bind(editor.as_str()).bind(now.0);
    let statement = match change.was {
        None => statement,
        Some(was) => statement.bind(was),
    };
    if statement.execute(&mut *tx).await?.rows_affected() == 0 {
        return Ok(false);
    }
    doomed::keep(&mut tx, change.keep).await?;
    doomed::doom(&mut tx, change.doom, now).await?;
    tx.commit().await?;
    Ok(true)
}

/// Remembers who wrote parts that are settings of the space.
pub async fn sign(
    db: &Db,
    space: &SpaceId,
    parts: &[Part],
    editor: &UserId,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    for part in parts {
        sign_one(&mut tx, space, *part, editor, now).await?;
    }
    tx.commit().await
}

async fn sign_one(
    tx: &mut Write,
    space: &SpaceId,
    part: Part,
    editor: &UserId,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO sales_parts (space_id, part, body, edited_by, edited_at) VALUES ($1, $2, '', $3, $4) \
         ON CONFLICT (space_id, part) DO UPDATE SET edited_by = excluded.edited_by, edited_at = excluded.edited_at",
    )
    .bind(space.as_str())
    .bind(part.as_str())
    .bind(editor.as_str())
    .bind(now.0)
    .execute(&mut **tx)
    .await
    .map(drop)
}
