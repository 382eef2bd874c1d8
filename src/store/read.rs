//! Reads of the port.

use super::{damaged, unavailable};
use crate::db::Db;
use backstage_actors::ports::{EventRow, Key, OpenStream, Path, StoreError, Stored};
use backstage_core::{ExperienceId, SpaceId, StreamId, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{Row, query};

const LOAD: &str = "SELECT version, state FROM aggregates WHERE kind = $1 AND id = $2";
const OPEN: &str = "SELECT id, parent, space, phase FROM aggregates WHERE kind = 'stream' \
     AND phase IN ('scheduled', 'lobby', 'live', 'reconnecting', 'ended') ORDER BY id";
const PATH: &str = "SELECT id, parent, space FROM aggregates WHERE kind = 'stream' AND id = $1";
const EVENTS: &str = "SELECT version, at, event, phase, cause, payload FROM events \
     WHERE kind = $1 AND id = $2 AND version > $3 ORDER BY version LIMIT $4";

/// See [`backstage_actors::ports::Store::load`].
pub async fn load(db: &Db, key: &Key) -> Result<Option<Stored>, StoreError> {
    let row = query(LOAD)
        .bind(key.kind.as_str())
        .bind(key.id.as_str())
        .fetch_optional(&db.pool)
        .await
        .map_err(unavailable)?;
    let read = |row: AnyRow| Ok(Stored { version: row.try_get(0)?, state: row.try_get(1)? });
    row.map(read).transpose().map_err(unavailable)
}

/// The path in the columns `id`, `parent` and `space` of a stream; `None` where they are empty.
pub fn path_of(row: &AnyRow) -> Result<Option<Path>, StoreError> {
    let column = |name: &str| row.try_get::<Option<String>, _>(name).map_err(unavailable);
    let (Some(stream), Some(experience), Some(space)) = (column("id")?, column("parent")?, column("space")?) else {
        return Ok(None);
    };
    Ok(Some(Path {
        space: SpaceId::parse(&space).map_err(|_| damaged("path"))?,
        experience: ExperienceId::parse(&experience).map_err(|_| damaged("path"))?,
        stream: StreamId::parse(&stream).map_err(|_| damaged("path"))?,
    }))
}

/// See [`backstage_actors::ports::Store::open_streams`].
pub async fn open_streams(db: &Db) -> Result<Vec<OpenStream>, StoreError> {
    let rows = query(OPEN).fetch_all(&db.pool).await.map_err(unavailable)?;
    let mut open = Vec::with_capacity(rows.len());
    for row in &rows {
        if let Some(path) = path_of(row)? {
            open.push(OpenStream { path, phase: row.try_get("phase").map_err(unavailable)? });
        }
    }
    Ok(open)
}

/// See [`backstage_actors::ports::Store::path`].
pub async fn path(db: &Db, stream: StreamId) -> Result<Option<Path>, StoreError> {
    let row = query(PATH).bind(stream.as_str()).fetch_optional(&db.pool).await.map_err(unavailable)?;
    row.as_ref().map_or(Ok(None), path_of)
}

/// See [`backstage_actors::ports::Store::events`].
pub async fn events(db: &Db, key: Key, after_version: i64, limit: u32) -> Result<Vec<EventRow>, StoreError> {
    let rows = query(EVENTS)
        .bind(key.kind.as_str())
        .bind(key.id)
        .bind(after_version)
        .bind(i64::from(limit))
        .fetch_all(&db.pool)
        .await
        .map_err(unavailable)?;
    let read = |row: &AnyRow| {
        Ok(EventRow {
            version: row.try_get(0)?,
            at: Timestamp(row.try_get(1)?),
            event: row.try_get(2)?,
            phase: row.try_get(3)?,
            cause: row.try_get(4)?,
            payload: row.try_get(5)?,
        })
    };
    rows.iter().map(read).collect::<Result<_, sqlx::Error>>().map_err(unavailable)
}
