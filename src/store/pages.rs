//! Look-ups of the pages. They see what is committed, at most a moment behind the actors.

use super::{SqlStore, damaged, unavailable};
use backstage_actors::ports::StoreError;
use backstage_core::experience::Experience;
use backstage_core::space::Space;
use backstage_core::stream::Stream;
use backstage_core::{ExperienceId, Machine, SpaceId, StreamId, TeamId};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row, query};

/// An aggregate with the version it was read at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<T> {
    /// Version, for cursors and for "changed meanwhile".
    pub version: i64,
    /// The state.
    pub state: T,
}

/// A stream that is on air or announced, with what it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnAir {
    /// Its space.
    pub space: Space,
    /// Its experience.
    pub experience: Experience,
    /// The stream, in an open phase.
    pub stream: Stream,
}

const BY_ID: &str = "kind = $1 AND id = $2";
const BY_SLUG: &str = "kind = $1 AND slug = $2";
const BY_PARENT_AND_SLUG: &str = "kind = $1 AND slug = $2 AND parent = $3";
const BY_PARENT: &str = "kind = $1 AND parent = $2 ORDER BY created_at, id";
const NEWEST_OF_PARENT: &str = "kind = $1 AND parent = $2 ORDER BY created_at DESC, id DESC LIMIT $3";
/// On air first, then lobbies, then what begins next (its expiry lies a fixed time after its start).
const ON_AIR: &str = "SELECT p.state, e.state, s.state FROM aggregates s \
     JOIN aggregates e ON e.kind = 'experience' AND e.id = s.parent \
     JOIN aggregates p ON p.kind = 'space' AND p.id = e.parent \
     LEFT JOIN timers t ON t.owner = 'stream:' || s.id AND t.name = 'schedule_expiry' \
     WHERE s.kind = 'stream' AND s.phase IN ('scheduled', 'lobby', 'live', 'reconnecting') AND p.phase = 'open' \
     ORDER BY CASE s.phase WHEN 'scheduled' THEN 3 WHEN 'lobby' THEN 2 ELSE 1 END, t.due_at, s.created_at DESC, s.id \
     LIMIT $1";

fn parse<T: Machine>(state: &str) -> Result<T, StoreError> {
    serde_json::from_str(state).map_err(|_| damaged(T::KIND.as_str()))
}

fn found<T: Machine>(row: &AnyRow) -> Result<Found<T>, StoreError> {
    let state: String = row.try_get("state").map_err(unavailable)?;
    Ok(Found { version: row.try_get("version").map_err(unavailable)?, state: parse(&state)? })
}

impl SqlStore {
    async fn select<T: Machine>(
        &self,
        condition: &str,
        texts: &[&str],
        limit: Option<u32>,
    ) -> Result<Vec<Found<T>>, StoreError> {
        // Only the constants above become part of the text.
        let text = format!("SELECT version, state FROM aggregates WHERE {condition}");
        let mut statement = query(AssertSqlSafe(text)).bind(T::KIND.as_str());
        for text in texts {
            statement = statement.bind(*text);
        }
        if let Some(limit) = limit {
            statement = statement.bind(i64::from(limit));
        }
        let rows = statement.fetch_all(&self.db.pool).await.map_err(unavailable)?;
        rows.iter().map(found).collect()
    }

    async fn one<T: Machine>(&self, condition: &str, texts: &[&str]) -> Result<Option<Found<T>>, StoreError> {
        Ok(self.select(condition, texts, None).await?.pop())
    }

    /// The space at `/{slug}`.
    pub async fn find_space(&self, slug: &str) -> Result<Option<Found<Space>>, StoreError> {
        self.one(BY_SLUG, &[slug]).await
    }

    /// The experience at `/m/{space}/{slug}`.
    pub async fn find_experience(&self, space: &SpaceId, slug: &str) -> Result<Option<Found<Experience>>, StoreError> {
        self.one(BY_PARENT_AND_SLUG, &[slug, space.as_str()]).await
    }

    /// The space with this id.
    pub async fn space(&self, id: &SpaceId) -> Result<Option<Found<Space>>, StoreError> {
        self.one(BY_ID, &[id.as_str()]).await
    }

    /// The experience with this id.
    pub async fn experience(&self, id: &ExperienceId) -> Result<Option<Found<Experience>>, StoreError> {
        self.one(BY_ID, &[id.as_str()]).await
    }

    /// The stream with this id.
    pub async fn stream(&self, id: &StreamId) -> Result<Option<Found<Stream>>, StoreError> {
        self.one(BY_ID, &[id.as_str()]).await
    }

    /// All experiences of a space (at most [`backstage_core::space::EXPERIENCES_MAX`]), in the order the space gives them.
    pub async fn experiences_of(&self, space: &SpaceId) -> Result<Vec<Found<Experience>>, StoreError> {
        match self.space(space).await? {
            Some(found) => self.experiences_in(&found.state).await,
            None => self.select(BY_PARENT, &[space.as_str()], None).await,
        }
    }

    /// The same for a space that was read just now.
    pub async fn experiences_in(&self, space: &Space) -> Result<Vec<Found<Experience>>, StoreError> {
        let mut experiences: Vec<Found<Experience>> = self.select(BY_PARENT, &[space.id.as_str()], None).await?;
        let order = &space.experiences;
        let place = |id: &ExperienceId| order.iter().position(|held| held == id).unwrap_or(order.len());
        experiences.sort_by_key(|found| place(&found.state.id));
        Ok(experiences)
    }

    /// All spaces of a team, oldest first.
    pub async fn spaces_of(&self, team: &TeamId) -> Result<Vec<Found<Space>>, StoreError> {
        self.select(BY_PARENT, &[team.as_str()], None).await
    }

    /// The newest streams of an experience, newest first.
    pub async fn last_streams_of(
        &self,
        experience: &ExperienceId,
        limit: u32,
    ) -> Result<Vec<Found<Stream>>, StoreError> {
        self.select(NEWEST_OF_PARENT, &[experience.as_str()], Some(limit)).await
    }

    /// Streams of open spaces that people can go to: on air first, then open lobbies, then the next to begin.
    pub async fn live_and_upcoming(&self, limit: u32) -> Result<Vec<OnAir>, StoreError> {
        let rows = query(ON_AIR).bind(i64::from(limit)).fetch_all(&self.db.pool).await.map_err(unavailable)?;
        let read = |row: &AnyRow| {
            let text = |column: usize| row.try_get::<String, _>(column).map_err(unavailable);
            Ok(OnAir { space: parse(&text(0)?)?, experience: parse(&text(1)?)?, stream: parse(&text(2)?)? })
        };
        rows.iter().map(read).collect()
    }
}
