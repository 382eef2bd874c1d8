//! Rows of `prices` and `stocks`. Terms are never written over: an edit adds a version and retires the one before.

use backstage_core::pass::Stock;
use backstage_core::{PassId, PriceId, SpaceId, Timestamp};
use sqlx::{AnyConnection, FromRow};
use std::collections::BTreeSet;

use super::{Offer, Options, PRICES_MAX};
use crate::db::Db;

/// Why a price was not written.
#[derive(Debug, thiserror::Error)]
pub enum NotSaved {
    /// [`PRICES_MAX`] reached.
    #[error("a pass has up to 10 prices")]
    Full,
    /// Somebody else changed or retired it.
    #[error("the price was changed meanwhile")]
    Changed,
    /// The database.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

#[derive(FromRow)]
struct Row {
    id: String,
    line: String,
    pass_id: String,
    space_id: String,
    terms: String,
    internal_name: String,
    questions: String,
    redirect: String,
    methods: String,
    retired_at: Option<i64>,
    total: Option<i64>,
    sold: i64,
    held: i64,
}

fn bad(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

impl TryFrom<Row> for Offer {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Offer, sqlx::Error> {
        Ok(Offer {
            id: PriceId::parse(&row.id).map_err(bad)?,
            line: row.line,
            pass: PassId::parse(&row.pass_id).map_err(bad)?,
            space: SpaceId::parse(&row.space_id).map_err(bad)?,
            price: serde_json::from_str(&row.terms).map_err(bad)?,
            options: Options {
                internal_name: row.internal_name,
                questions: serde_json::from_str(&row.questions).map_err(bad)?,
                redirect: row.redirect,
                methods: serde_json::from_str(&row.methods).map_err(bad)?,
            },
            stock: stock_of(row.total, row.sold, row.held)?,
            retired: row.retired_at.is_some(),
        })
    }
}

fn stock_of(total: Option<i64>, sold: i64, held: i64) -> Result<Stock, sqlx::Error> {
    let count = |count: i64| u32::try_from(count).map_err(bad);
    Ok(Stock { total: total.map(count).transpose()?, sold: count(sold)?, held: count(held)? })
}

const COLUMNS: &str = "p.id, p.line, p.pass_id, p.space_id, p.terms, p.internal_name, p.questions, p.redirect, \
     p.methods, p.retired_at, s.total, s.sold, s.held FROM prices p JOIN stocks s ON s.line = p.line";

/// Every price of a space that is on sale, in the order of each pass.
pub async fn of_space(db: &Db, space: &SpaceId) -> Result<Vec<Offer>, sqlx::Error> {
    let text = format!(
        "SELECT {COLUMNS} WHERE p.space_id = $1 AND p.retired_at IS NULL ORDER BY p.position, p.created_at, p.id LIMIT 500"
    );
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(text)).bind(space.as_str()).fetch_all(&db.pool).await?;
    rows.into_iter().map(Offer::try_from).collect()
}

/// What a space sells: its prices, and which of its passes have or had one. A pass without any is free; one whose prices
/// were all taken off the page is not for sale.
#[derive(Debug, Clone, Default)]
pub struct Shelf {
    /// On sale.
    pub offers: Vec<Offer>,
    paid: BTreeSet<PassId>,
}

impl Shelf {
    /// Whether a pass is given away.
    pub fn is_free(&self, pass: &PassId) -> bool {
        !self.paid.contains(pass)
    }

    /// The prices of a pass.
    pub fn of<'a>(&'a self, pass: &PassId) -> impl Iterator<Item = &'a Offer> {
        let pass = pass.clone();
        self.offers.iter().filter(move |offer| offer.pass == pass)
    }
}

/// See [`Shelf`].
pub async fn shelf(db: &Db, space: &SpaceId) -> Result<Shelf, sqlx::Error> {
    let rows: Vec<(String,)> = sqlx::query_as("SELECT DISTINCT pass_id FROM prices WHERE space_id = $1 LIMIT 500")
        .bind(space.as_str())
        .fetch_all(&db.pool)
        .await?;
    if rows.is_empty() {
        return Ok(Shelf::default());
    }
    let paid = rows.iter().map(|(pass,)| PassId::parse(pass).map_err(bad)).collect::<Result<_, _>>()?;
    Ok(Shelf { offers: of_space(db, space).await?, paid })
}

/// One version, also a retired one.
pub async fn by_id(db: &Db, id: &PriceId) -> Result<Option<Offer>, sqlx::Error> {
    let text = format!("SELECT {COLUMNS} WHERE p.id = $1");
    let row: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(text)).bind(id.as_str()).fetch_optional(&db.pool).await?;
    row.map(Offer::try_from).transpose()
}

/// Adds a price behind those that the pass has.
pub async fn add(db: &Db, offer: &Offer, now: Timestamp) -> Result<(), NotSaved> {
    let mut tx = db.begin_write().await?;
    let (count, last): (i64, Option<i64>) =
        sqlx::query_as("SELECT COUNT(*), MAX(position) FROM prices WHERE pass_id = $1 AND retired_at IS NULL")
            .bind(offer.pass.as_str())
            .fetch_one(&mut *tx)
            .await?;
    if usize::try_from(count).unwrap_or(usize::MAX) >= PRICES_MAX {
        return Err(NotSaved::Full);
    }
    sqlx::query("INSERT INTO stocks (line, total, sold, held) VALUES ($1, $2, 0, 0)")
        .bind(&offer.line)
        .bind(offer.stock.total.map(i64::from))
        .execute(&mut *tx)
        .await?;
    insert(&mut tx, offer, last.map_or(0, |last| last.saturating_add(1)), now).await?;
    Ok(tx.commit().await?)
}

/// Puts `offer` in the place of the version `of`, whose line it shares; its stock's total is set, what is sold and held stays.
pub async fn replace(db: &Db, of: &PriceId, offer: &Offer, now: Timestamp) -> Result<(), NotSaved> {
    let mut tx = db.begin_write().await?;
    let place: Option<(i64,)> = sqlx::query_as(
        "UPDATE prices SET retired_at = $2 WHERE id = $1 AND line = $3 AND retired_at IS NULL RETURNING position",
    )
    .bind(of.as_str())
    .bind(now.0)
    .bind(&offer.line)
    .fetch_optional(&mut *tx)
    .await?;
    let (position,) = place.ok_or(NotSaved::Changed)?;
    sqlx::query("UPDATE stocks SET total = $2 WHERE line = $1")
        .bind(&offer.line)
        .bind(offer.stock.total.map(i64::from))
        .execute(&mut *tx)
        .await?;
    insert(&mut tx, offer, position, now).await?;
    Ok(tx.commit().await?)
}

/// Takes a price off the page; who bought at it keeps it.
pub async fn retire(db: &Db, id: &PriceId, now: Timestamp) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    sqlx::query("UPDATE prices SET retired_at = $2 WHERE id = $1 AND retired_at IS NULL")
        .bind(id.as_str())
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

async fn insert(tx: &mut AnyConnection, offer: &Offer, position: i64, now: Timestamp) -> Result<(), sqlx::Error> {
    fn json(value: &impl serde::Serialize) -> Result<String, sqlx::Error> {
        serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
    }
    sqlx::query(
        "INSERT INTO prices (id, line, pass_id, space_id, terms, internal_name, questions, redirect, methods, position, \
         created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(offer.id.as_str())
    .bind(&offer.line)
    .bind(offer.pass.as_str())
    .bind(offer.space.as_str())
    .bind(json(&offer.price)?)
    .bind(&offer.options.internal_name)
    .bind(json(&offer.options.questions)?)
    .bind(&offer.options.redirect)
    .bind(json(&offer.options.methods)?)
    .bind(position)
    .bind(now.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// The stock of a line, locked until the transaction ends.
pub async fn lock_stock(tx: &mut AnyConnection, line: &str) -> Result<Stock, sqlx::Error> {
    let (total, sold, held): (Option<i64>, i64, i64) =
        sqlx::query_as("UPDATE stocks SET sold = sold WHERE line = $1 RETURNING total, sold, held")
            .bind(line)
            .fetch_one(tx)
            .await?;
    stock_of(total, sold, held)
}

/// Writes what is sold and held of a line that is locked.
pub async fn put_stock(tx: &mut AnyConnection, line: &str, stock: &Stock) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE stocks SET sold = $2, held = $3 WHERE line = $1")
        .bind(line)
        .bind(i64::from(stock.sold))
        .bind(i64::from(stock.held))
        .execute(tx)
        .await?;
    Ok(())
}
