//! Rows of `creator_profiles`.

use backstage_core::access::Role;
use backstage_core::slug::Slug;
use backstage_core::{TeamId, Timestamp, UserId};
use sqlx::FromRow;

use crate::db::Db;

/// A creator.
#[derive(Debug, Clone, FromRow)]
pub struct Creator {
    /// Whose profile.
    pub user_id: String,
    /// Address part.
    pub handle: String,
    /// Shown name.
    pub name: String,
    /// About them; may be empty.
    pub bio: String,
}

/// The profile at `/@{handle}`.
pub async fn by_handle(db: &Db, handle: &str) -> Result<Option<Creator>, sqlx::Error> {
    sqlx::query_as(
        "SELECT p.user_id, p.handle, u.name, p.bio FROM creator_profiles p JOIN users u ON u.id = p.user_id WHERE p.handle = $1",
    )
    .bind(handle)
    .fetch_optional(&db.pool)
    .await
}

/// The face of a team: its owner's profile (the longest-standing member with one, if the owner left).
pub async fn of_team(db: &Db, team: &TeamId) -> Result<Option<Creator>, sqlx::Error> {
    sqlx::query_as(
        "SELECT p.user_id, p.handle, u.name, p.bio FROM memberships m \
         JOIN creator_profiles p ON p.user_id = m.user_id JOIN users u ON u.id = m.user_id \
         WHERE m.team_id = $1 ORDER BY CASE WHEN m.left_at IS NULL AND m.role = $2 THEN 0 ELSE 1 END, m.joined_at LIMIT 1",
    )
    .bind(team.as_str())
    .bind(Role::Owner.as_str())
    .fetch_optional(&db.pool)
    .await
}

/// Gives a person a profile unless they have one. The handle is made of their name; taken ones get a number.
pub async fn ensure(db: &Db, user: &UserId, name: &str, now: Timestamp) -> Result<(), sqlx::Error> {
    let base = Slug::propose(name).map_or_else(|| "creator".to_string(), String::from);
    let base: String = base.chars().take(40).collect();
    let mut tx = db.begin_write().await?;
    for n in 1..=500 {
        let handle = if n == 1 { base.clone() } else { format!("{base}-{n}") };
        let done = sqlx::query(
            "INSERT INTO creator_profiles (user_id, handle, bio, created_at) VALUES ($1, $2, '', $3) ON CONFLICT DO NOTHING",
        )
        .bind(user.as_str())
        .bind(&handle)
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
        let has: Option<(String,)> = sqlx::query_as("SELECT handle FROM creator_profiles WHERE user_id = $1")
            .bind(user.as_str())
            .fetch_optional(&mut *tx)
            .await?;
        if done.rows_affected() == 1 || has.is_some() {
            break;
        }
    }
    tx.commit().await
}

/// Gives a person a profile under this very handle, if it is free.
pub async fn claim(db: &Db, user: &UserId, handle: &str, now: Timestamp) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    sqlx::query("INSERT INTO creator_profiles (user_id, handle, bio, created_at) VALUES ($1, $2, '', $3) ON CONFLICT DO NOTHING")
        .bind(user.as_str())
        .bind(handle)
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}
