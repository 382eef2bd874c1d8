//! Rows of `experience_kinds`. A live stream has none.

use backstage_core::ExperienceId;

use super::Kind;
use crate::db::Db;

/// The kind of an experience.
pub async fn of(db: &Db, experience: &ExperienceId) -> Result<Kind, sqlx::Error> {
    let row: Option<(String, String)> =
        sqlx::query_as("SELECT kind, body FROM experience_kinds WHERE experience_id = $1")
            .bind(experience.as_str())
            .fetch_optional(&db.pool)
            .await?;
    row.map_or(Ok(Kind::Live), |(word, body)| {
        Kind::read(&word, &body).map_err(|error| sqlx::Error::Decode(error.into()))
    })
}

/// Says what an experience is.
pub async fn put(db: &Db, experience: &ExperienceId, kind: &Kind) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    let statement = match kind {
        Kind::Live => {
            sqlx::query("DELETE FROM experience_kinds WHERE experience_id = $1").bind(experience.as_str().to_owned())
        }
        Kind::Embed(_) => sqlx::query(
            "INSERT INTO experience_kinds (experience_id, kind, body) VALUES ($1, $2, $3) \
             ON CONFLICT (experience_id) DO UPDATE SET kind = excluded.kind, body = excluded.body",
        )
        .bind(experience.as_str().to_owned())
        .bind(kind.word())
        .bind(kind.body().map_err(|error| sqlx::Error::Encode(error.into()))?),
    };
    statement.execute(&mut *tx).await?;
    tx.commit().await
}
