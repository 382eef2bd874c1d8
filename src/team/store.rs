//! Rows of `teams` and `memberships`.

use backstage_core::access::Role;
use backstage_core::{TeamId, Timestamp, UserId};

use crate::db::Db;

/// Adds a team with its owner.
pub async fn found(db: &Db, team: &TeamId, name: &str, owner: &UserId, now: Timestamp) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    sqlx::query("INSERT INTO teams (id, name, created_at) VALUES ($1, $2, $3)")
        .bind(team.as_str())
        .bind(name)
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
    sqlx::query("INSERT INTO memberships (team_id, user_id, role, joined_at) VALUES ($1, $2, $3, $4)")
        .bind(team.as_str())
        .bind(owner.as_str())
        .bind(Role::Owner.as_str())
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

/// Teams a person is in now, with the role, oldest membership first.
pub async fn of_user(db: &Db, user: &UserId) -> Result<Vec<(TeamId, Role)>, sqlx::Error> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT team_id, role FROM memberships WHERE user_id = $1 AND left_at IS NULL ORDER BY joined_at, team_id LIMIT 100",
    )
    .bind(user.as_str())
    .fetch_all(&db.pool)
    .await?;
    Ok(rows.iter().filter_map(|(team, role)| Some((TeamId::parse(team).ok()?, Role::parse(role)?))).collect())
}

/// A person's role in a team now.
pub async fn role(db: &Db, team: &TeamId, user: &UserId) -> Result<Option<Role>, sqlx::Error> {
    let row: Option<(String,)> =
        sqlx::query_as("SELECT role FROM memberships WHERE team_id = $1 AND user_id = $2 AND left_at IS NULL")
            .bind(team.as_str())
            .bind(user.as_str())
            .fetch_optional(&db.pool)
            .await?;
    Ok(row.and_then(|(role,)| Role::parse(&role)))
}

/// People who left a team between two moments, each with the spaces of that team.
pub async fn left_between(db: &Db, after: Timestamp, until: Timestamp) -> Result<Vec<(String, String)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT m.user_id, a.id FROM memberships m JOIN aggregates a ON a.kind = 'space' AND a.parent = m.team_id \
         WHERE m.left_at > $1 AND m.left_at <= $2 LIMIT 10000",
    )
    .bind(after.0)
    .bind(until.0)
    .fetch_all(&db.pool)
    .await
}
