//! Sorting the passes of a space by dragging: the whole order at once.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use backstage_core::SpaceId;

use super::store::PASSES_MAX;
use crate::db::Db;
use crate::error::Problem;
use crate::security::visitor::Visit;
use crate::studio::routes::{Wants, find_space};

/// `POST /studio/{space}/passes/order`: `item` for each pass, its address part, first one first. 204; 409 if these are not
/// the passes of the space.
pub async fn update(
    at: Visit,
    slug: web::Path<String>,
    typed: web::Form<Vec<(String, String)>>,
) -> Result<HttpResponse, Problem> {
    let space = find_space(&at, &slug, Wants::Edit).await?;
    at.state.limits.writes_per_network.take(&at.network())?;
    let wanted = items(typed.into_inner());
    if put(&at.state.db, &space.id, &wanted).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(other_list())
    }
}

/// What a list that was dragged says.
pub fn items(fields: Vec<(String, String)>) -> Vec<String> {
    fields.into_iter().filter(|(name, _)| name == "item").map(|(_, value)| value).collect()
}

/// The list is no longer the one that was sorted.
pub fn other_list() -> Problem {
    Problem::new(StatusCode::CONFLICT, "other_list", "The list has changed meanwhile. Load the page again.")
}

/// Puts the passes of a space in an order; `false`, and nothing has happened, if it does not name each of them once.
async fn put(db: &Db, space: &SpaceId, wanted: &[String]) -> Result<bool, sqlx::Error> {
    if wanted.len() > PASSES_MAX {
        return Ok(false);
    }
    let mut tx = db.begin_write().await?;
    let held: Vec<(String,)> = sqlx::query_as("SELECT slug FROM passes WHERE space_id = $1 ORDER BY slug")
        .bind(space.as_str())
        .fetch_all(&mut *tx)
        .await?;
    let mut sorted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let mut held: Vec<&str> = held.iter().map(|(slug,)| slug.as_str()).collect();
    held.sort_unstable();
    if held != sorted {
        return Ok(false);
    }
    for (position, slug) in (0_i64..).zip(wanted) {
        sqlx::query("UPDATE passes SET position = $3 WHERE space_id = $1 AND slug = $2")
            .bind(space.as_str())
            .bind(slug)
            .bind(position)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    Ok(true)
}
