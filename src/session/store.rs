//! Rows of `sessions`.

use backstage_core::phone::Phone;
use backstage_core::{Timestamp, UserId};
use sqlx::FromRow;

use super::Session;
use crate::db::Db;
use crate::user::Contact;

#[derive(FromRow)]
struct Row {
    id: String,
    user_id: String,
    name: String,
    email: Option<String>,
    phone: Option<String>,
    handle: Option<String>,
    expires_at: i64,
    last_seen_at: i64,
}

/// The session of a token's hash, unless revoked or over at `now`.
pub async fn by_token(db: &Db, token_hash: &str, now: Timestamp) -> Result<Option<Session>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT s.id, s.user_id, u.name, u.email, u.phone, p.handle, s.expires_at, s.last_seen_at \
         FROM sessions s JOIN users u ON u.id = s.user_id LEFT JOIN creator_profiles p ON p.user_id = u.id \
         WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > $2",
    )
    .bind(token_hash)
    .bind(now.0)
    .fetch_optional(&db.pool)
    .await?;
    Ok(row.and_then(|row| {
        Some(Session {
            id: row.id,
            user: UserId::parse(&row.user_id).ok()?,
            name: row.name,
            email: row.email,
            phone: row.phone.and_then(|phone| Phone::parse(&phone).ok()),
            handle: row.handle,
            expires_at: Timestamp(row.expires_at),
            last_seen_at: Timestamp(row.last_seen_at),
        })
    }))
}

/// What a new session is made of.
pub struct NewSession<'a> {
    /// Its id.
    pub id: &'a str,
    /// Whose.
    pub user: &'a UserId,
    /// Hash of its token.
    pub token_hash: &'a str,
    /// Device name for the list.
    pub device: &'a str,
    /// Network it was opened from.
    pub network: &'a str,
    /// Now.
    pub now: Timestamp,
    /// When it ends unless used.
    pub expires_at: Timestamp,
}

/// Adds a session.
pub async fn open(db: &Db, new: NewSession<'_>) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    sqlx::query(
        "INSERT INTO sessions (id, user_id, token_hash, device, network, created_at, last_seen_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $6, $7)",
    )
    .bind(new.id)
    .bind(new.user.as_str())
    .bind(new.token_hash)
    .bind(new.device)
    .bind(new.network)
    .bind(new.now.0)
    .bind(new.expires_at.0)
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

/// Writes down that a session was used.
pub async fn seen(db: &Db, id: &str, now: Timestamp, expires_at: Timestamp) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    sqlx::query("UPDATE sessions SET last_seen_at = $2, expires_at = $3 WHERE id = $1 AND revoked_at IS NULL")
        .bind(id)
        .bind(now.0)
        .bind(expires_at.0)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

/// Ends a session of `user`; `false` if there is none of theirs that holds.
pub async fn revoke(db: &Db, id: &str, user: &UserId, now: Timestamp) -> Result<bool, sqlx::Error> {
    let mut tx = db.begin_write().await?;
    let done = sqlx::query("UPDATE sessions SET revoked_at = $3 WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL")
        .bind(id)
        .bind(user.as_str())
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(done.rows_affected() == 1)
}

/// A line of the session list.
#[derive(FromRow)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// Device name.
    pub device: String,
    /// When it was last used, to within five minutes.
    pub last_seen_at: i64,
}

/// Sessions of a person that hold, last used first, up to 50.
pub async fn of_user(db: &Db, user: &UserId, now: Timestamp) -> Result<Vec<Listed>, sqlx::Error> {
    sqlx::query_as(
        "SELECT id, device, last_seen_at FROM sessions \
         WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY last_seen_at DESC, id DESC LIMIT 50",
    )
    .bind(user.as_str())
    .bind(now.0)
    .fetch_all(&db.pool)
    .await
}

/// Was this account signed in to from this network before?
pub async fn network_known(db: &Db, contact: &Contact, network: &str) -> Result<bool, sqlx::Error> {
    let query = match contact {
        Contact::Email(_) => {
            "SELECT s.id FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.email = $1 AND s.network = $2 LIMIT 1"
        }
        Contact::Phone(_) => {
            "SELECT s.id FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.phone = $1 AND s.network = $2 LIMIT 1"
        }
    };
    let row: Option<(String,)> =
        sqlx::query_as(query).bind(contact.as_str()).bind(network).fetch_optional(&db.pool).await?;
    Ok(row.is_some())
}

/// Sessions that ended between two moments: `(session id, user id)`. For removing their viewers.
pub async fn ended_between(db: &Db, after: Timestamp, until: Timestamp) -> Result<Vec<(String, String)>, sqlx::Error> {
    sqlx::query_as("SELECT id, user_id FROM sessions WHERE (revoked_at > $1 AND revoked_at <= $2) LIMIT 10000")
        .bind(after.0)
        .bind(until.0)
        .fetch_all(&db.pool)
        .await
}

/// Does this session still hold?
pub async fn holds(db: &Db, id: &str, now: Timestamp) -> Result<bool, sqlx::Error> {
    let row: Option<(String,)> =
        sqlx::query_as("SELECT id FROM sessions WHERE id = $1 AND revoked_at IS NULL AND expires_at > $2")
            .bind(id)
            .bind(now.0)
            .fetch_optional(&db.pool)
            .await?;
    Ok(row.is_some())
}
