//! Objects that are to go. A row is written before an object is put (it goes unless somebody keeps it in time) and in
//! the transaction that gives an object up. The loop deletes what is due, again and again until the store says yes. A row
//! that ends with a slash stands for everything below it.

use backstage_core::Timestamp;
use std::time::Duration;

use crate::adapters::storage::{Key, ObjectStore, PAGE_MAX, Prefix, StorageError};
use crate::db::{Db, Write};
use crate::error::Problem;
use crate::state::State;

/// An object that was put and not kept by then goes, ms.
pub const KEEP_WITHIN_MS: i64 = 3_600_000;
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(300);
/// Objects deleted in one look.
const BATCH_MAX: i64 = 200;

/// Dooms objects within a transaction.
pub async fn doom(tx: &mut Write, keys: &[Key], due_at: Timestamp) -> Result<(), sqlx::Error> {
    for key in keys {
        sqlx::query(
            "INSERT INTO doomed_objects (object_key, due_at) VALUES ($1, $2) \
             ON CONFLICT (object_key) DO UPDATE SET due_at = excluded.due_at",
        )
        .bind(key.as_str())
        .bind(due_at.0)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// Keeps objects that were doomed, within a transaction.
pub async fn keep(tx: &mut Write, keys: &[Key]) -> Result<(), sqlx::Error> {
    for key in keys {
        sqlx::query("DELETE FROM doomed_objects WHERE object_key = $1").bind(key.as_str()).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Dooms everything in a folder (its name ends with a slash) within a transaction; puts it off if that was done before.
pub async fn doom_folder(tx: &mut Write, folder: &Prefix, due_at: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO doomed_objects (object_key, due_at) VALUES ($1, $2) \
         ON CONFLICT (object_key) DO UPDATE SET due_at = excluded.due_at",
    )
    .bind(folder.as_str())
    .bind(due_at.0)
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// Keeps a folder that was doomed, within a transaction; `false` if it was not: it may have gone already.
pub async fn keep_folder(tx: &mut Write, folder: &Prefix) -> Result<bool, sqlx::Error> {
    let done = sqlx::query("DELETE FROM doomed_objects WHERE object_key = $1").bind(folder.as_str());
    Ok(done.execute(&mut **tx).await?.rows_affected() == 1)
}

/// Deletes an object, or all of a folder.
async fn delete(objects: &dyn ObjectStore, key: &str) -> Result<(), StorageError> {
    if !key.ends_with('/') {
        return match Key::parse(key) {
            Ok(key) => objects.delete(&key).await,
            // No store has it.
            Err(_) => Ok(()),
        };
    }
    let Ok(folder) = Prefix::parse(key) else { return Ok(()) };
    loop {
        let page = objects.list(&folder, None, PAGE_MAX).await?;
        for listed in &page.objects {
            objects.delete(&listed.key).await?;
        }
        if page.next.is_none() {
            return Ok(());
        }
    }
}

/// Deletes what is due now. One that cannot be deleted is left for the next look.
pub async fn look(state: &State) -> Result<(), Problem> {
    Ok(delete_due(&state.db, &*state.objects, state.clock.now()).await?)
}

/// The same for those who have no more than this.
pub async fn delete_due(db: &Db, objects: &dyn ObjectStore, now: Timestamp) -> Result<(), sqlx::Error> {
    for key in due(db, now).await? {
        if let Err(error) = delete(objects, &key).await {
            tracing::warn!(key, %error, "an object could not be deleted; trying again later");
            continue;
        }
        let mut tx = db.begin_write().await?;
        sqlx::query("DELETE FROM doomed_objects WHERE object_key = $1").bind(&key).execute(&mut *tx).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn due(db: &Db, now: Timestamp) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT object_key FROM doomed_objects WHERE due_at <= $1 ORDER BY due_at LIMIT $2")
        .bind(now.0)
        .bind(BATCH_MAX)
        .fetch_all(&db.pool)
        .await
}

/// Looks until dropped.
pub async fn run(state: &State) {
    let mut every = tokio::time::interval(LOOK_EVERY);
    loop {
        every.tick().await;
        if let Err(problem) = look(state).await {
            tracing::warn!(%problem, "could not look for objects to delete; trying again later");
        }
    }
}
