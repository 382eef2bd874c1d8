//! Rows of `passes`: what a space offers. A pass is archived, never deleted, since people hold it.

use backstage_core::access::Opens;
use backstage_core::slug::Slug;
use backstage_core::{PassId, SpaceId, Timestamp};
use sqlx::{AnyConnection, FromRow};

use super::Status;
use crate::db::Db;

/// Most passes in a space, archived ones among them.
pub const PASSES_MAX: usize = 50;

/// A pass, as its space's team made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// Its id.
    pub id: PassId,
    /// The space that it always opens.
    pub space: SpaceId,
    /// What the team set.
    pub terms: Terms,
    /// Selected first on the sales page.
    pub is_default: bool,
}

/// What a team sets of a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Address part, unique in its space.
    pub slug: Slug,
    /// What people read.
    pub name: String,
    /// What only the team reads; may be empty.
    pub internal_name: String,
    /// One sentence; may be empty.
    pub headline: String,
    /// Several; may be empty.
    pub description: String,
    /// Whether it is on offer.
    pub status: Status,
    /// Which experiences of the space it opens.
    pub opens: Opens,
    /// Days from taking it to its end; `None` has no end.
    pub days: Option<u16>,
}

/// Why a pass was not written.
#[derive(Debug, thiserror::Error)]
pub enum NotSaved {
    /// Another pass of the space has this address.
    #[error("the address is taken")]
    SlugTaken,
    /// [`PASSES_MAX`] reached.
    #[error("a space has up to 50 passes")]
    Full,
    /// The database.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

#[derive(FromRow)]
struct Row {
    id: String,
    space_id: String,
    slug: String,
    name: String,
    internal_name: String,
    headline: String,
    description: String,
    status: String,
    opens: String,
    days: Option<i64>,
    is_default: i64,
}

impl TryFrom<Row> for Pass {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Pass, sqlx::Error> {
        let bad = |error: &str| sqlx::Error::Decode(error.to_string().into());
        Ok(Pass {
            id: PassId::parse(&row.id).map_err(|error| sqlx::Error::Decode(error.into()))?,
            space: SpaceId::parse(&row.space_id).map_err(|error| sqlx::Error::Decode(error.into()))?,
            terms: Terms {
                slug: Slug::parse(&row.slug).map_err(|error| sqlx::Error::Decode(error.into()))?,
                name: row.name,
                internal_name: row.internal_name,
                headline: row.headline,
                description: row.description,
                status: Status::parse(&row.status).ok_or_else(|| bad("an unknown status of a pass"))?,
                opens: serde_json::from_str(&row.opens).map_err(|error| sqlx::Error::Decode(error.into()))?,
                days: row.days.map(u16::try_from).transpose().map_err(|error| sqlx::Error::Decode(error.into()))?,
            },
            is_default: row.is_default != 0,
        })
    }
}

/// All passes of a space, in the order in which the team put them.
pub async fn of_space(db: &Db, space: &SpaceId) -> Result<Vec<Pass>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, space_id, slug, name, internal_name, headline, description, status, opens, days, is_default \
         FROM passes WHERE space_id = $1 ORDER BY position, created_at, id LIMIT 200",
    )
    .bind(space.as_str())
    .fetch_all(&db.pool)
    .await?;
    rows.into_iter().map(Pass::try_from).collect()
}

/// A pass by id.
pub async fn by_id(db: &Db, id: &PassId) -> Result<Option<Pass>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT id, space_id, slug, name, internal_name, headline, description, status, opens, days, is_default \
         FROM passes WHERE id = $1",
    )
    .bind(id.as_str())
    .fetch_optional(&db.pool)
    .await?;
    row.map(Pass::try_from).transpose()
}

/// Adds a pass behind those that are there; the first of a space is its default.
///
/// # Errors
/// [`NotSaved`]; nothing is written then.
pub async fn add(db: &Db, pass: &Pass, now: Timestamp) -> Result<(), NotSaved> {
    let mut tx = db.begin_write().await?;
    let (count, last): (i64, Option<i64>) =
        sqlx::query_as("SELECT COUNT(*), MAX(position) FROM passes WHERE space_id = $1")
            .bind(pass.space.as_str())
            .fetch_one(&mut *tx)
            .await?;
    if usize::try_from(count).unwrap_or(usize::MAX) >= PASSES_MAX {
        return Err(NotSaved::Full);
    }
    sqlx::query(
        "INSERT INTO passes (id, space_id, slug, name, internal_name, headline, description, status, opens, days, \
         is_default, position, created_at, opens_changed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)",
    )
    .bind(pass.id.as_str())
    .bind(pass.space.as_str())
    .bind(pass.terms.slug.as_str())
    .bind(&pass.terms.name)
    .bind(&pass.terms.internal_name)
    .bind(&pass.terms.headline)
    .bind(&pass.terms.description)
    .bind(pass.terms.status.as_str())
    .bind(opens_text(&pass.terms.opens)?)
    .bind(pass.terms.days.map(i64::from))
    .bind(i64::from(pass.is_default || count == 0))
    .bind(last.map_or(0, |last| last.saturating_add(1)))
    .bind(now.0)
    .execute(&mut *tx)
    .await
    .map_err(taken)?;
    Ok(tx.commit().await?)
}

/// Writes new terms. People who hold the pass keep the end that they were given; what it opens changes for them too.
///
/// # Errors
/// [`NotSaved`]; nothing is written then.
pub async fn update(db: &Db, pass: &PassId, terms: &Terms, now: Timestamp) -> Result<(), NotSaved> {
    let mut tx = db.begin_write().await?;
    let opens = opens_text(&terms.opens)?;
    // An address that is given up leads to the new one.
    sqlx::query(
        "INSERT INTO old_addresses (kind, parent, slug, target, given_up_at) \
         SELECT 'pass', space_id, slug, id, CAST($3 AS BIGINT) FROM passes WHERE id = $1 AND slug <> $2 \
         ON CONFLICT (kind, parent, slug) DO UPDATE SET target = excluded.target, given_up_at = excluded.given_up_at",
    )
    .bind(pass.as_str())
    .bind(terms.slug.as_str())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "UPDATE passes SET slug = $2, name = $3, internal_name = $4, headline = $5, description = $6, status = $7, \
         opens_changed_at = CASE WHEN opens = $8 THEN opens_changed_at ELSE $9 END, opens = $8, days = $10 WHERE id = $1",
    )
    .bind(pass.as_str())
    .bind(terms.slug.as_str())
    .bind(&terms.name)
    .bind(&terms.internal_name)
    .bind(&terms.headline)
    .bind(&terms.description)
    .bind(terms.status.as_str())
    .bind(opens)
    .bind(now.0)
    .bind(terms.days.map(i64::from))
    .execute(&mut *tx)
    .await
    .map_err(taken)?;
    Ok(tx.commit().await?)
}

/// Makes a pass the one that is selected first in its space.
pub async fn make_default(db: &Db, pass: &Pass) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    sqlx::query("UPDATE passes SET is_default = CASE WHEN id = $2 THEN 1 ELSE 0 END WHERE space_id = $1")
        .bind(pass.space.as_str())
        .bind(pass.id.as_str())
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

/// Moves a pass one place towards the front or the end; one that is there already stays.
pub async fn shift(db: &Db, pass: &Pass, forward: bool) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    let mut order = ids_in_order(&mut tx, &pass.space).await?;
    let Some(at) = order.iter().position(|id| id == pass.id.as_str()) else { return Ok(()) };
    let to = if forward { at.checked_sub(1) } else { Some(at + 1).filter(|to| *to < order.len()) };
    let Some(to) = to else { return Ok(()) };
    order.swap(at, to);
    for (position, id) in (0_i64..).zip(&order) {
        sqlx::query("UPDATE passes SET position = $2 WHERE id = $1").bind(id).bind(position).execute(&mut *tx).await?;
    }
    tx.commit().await
}

async fn ids_in_order(tx: &mut AnyConnection, space: &SpaceId) -> Result<Vec<String>, sqlx::Error> {
    let rows: Vec<(String,)> =
        sqlx::query_as("SELECT id FROM passes WHERE space_id = $1 ORDER BY position, created_at, id")
            .bind(space.as_str())
            .fetch_all(tx)
            .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Spaces where a pass began to open something else between two moments.
pub async fn opens_changed_between(db: &Db, after: Timestamp, until: Timestamp) -> Result<Vec<String>, sqlx::Error> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT DISTINCT space_id FROM passes WHERE opens_changed_at > $1 AND opens_changed_at <= $2 \
         AND opens_changed_at > created_at LIMIT 10000",
    )
    .bind(after.0)
    .bind(until.0)
    .fetch_all(&db.pool)
    .await?;
    Ok(rows.into_iter().map(|(space,)| space).collect())
}

fn opens_text(opens: &Opens) -> Result<String, sqlx::Error> {
    serde_json::to_string(opens).map_err(|error| sqlx::Error::Encode(error.into()))
}

fn taken(error: sqlx::Error) -> NotSaved {
    match &error {
        sqlx::Error::Database(cause) if cause.is_unique_violation() => NotSaved::SlugTaken,
        _ => NotSaved::Database(error),
    }
}
