//! Rows of `users`.

use backstage_actors::ports::Ids;
use backstage_core::{Timestamp, UserId};

use super::NAME_CHARS_MAX;
use crate::db::{Db, Write};

fn user_id(text: &str) -> Result<UserId, sqlx::Error> {
    UserId::parse(text).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// The person of a proven address: theirs if it has an account, else the browser's guest becomes the account, else a
/// new one. When an account exists, the guest's passes move to it (where it has none of its own).
pub async fn sign_in(
    db: &Db,
    ids: &dyn Ids,
    email: &str,
    guest: Option<&UserId>,
    now: Timestamp,
) -> Result<UserId, sqlx::Error> {
    let mut tx = db.begin_write().await?;
    let known: Option<(String,)> =
        sqlx::query_as("SELECT id FROM users WHERE email = $1").bind(email).fetch_optional(&mut *tx).await?;
    let user = match (known, guest) {
        (Some((id,)), Some(guest)) => {
            let user = user_id(&id)?;
            sqlx::query(
                "UPDATE grants SET user_id = $1 WHERE user_id = $2 AND NOT EXISTS \
                 (SELECT 1 FROM grants held WHERE held.user_id = $1 AND held.pass_id = grants.pass_id)",
            )
            .bind(user.as_str())
            .bind(guest.as_str())
            .execute(&mut *tx)
            .await?;
            user
        }
        (Some((id,)), None) => user_id(&id)?,
        (None, Some(guest)) => {
            sqlx::query("UPDATE users SET email = $2 WHERE id = $1 AND email IS NULL")
                .bind(guest.as_str())
                .bind(email)
                .execute(&mut *tx)
                .await?;
            guest.clone()
        }
        (None, None) => {
            let user = user_id(&ids.next())?;
            add_to(&mut tx, &user, Some(email), &name_of(email), now).await?;
            user
        }
    };
    tx.commit().await?;
    Ok(user)
}

/// The person of an address, whoever brought it: `fresh` becomes its account if it has none. It opens to whoever proves the
/// address.
pub async fn of_address(tx: &mut Write, email: &str, fresh: &UserId, now: Timestamp) -> Result<UserId, sqlx::Error> {
    sqlx::query(
        "INSERT INTO users (id, email, name, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (email) DO NOTHING",
    )
    .bind(fresh.as_str())
    .bind(email)
    .bind(name_of(email))
    .bind(now.0)
    .execute(&mut **tx)
    .await?;
    let (id,): (String,) =
        sqlx::query_as("SELECT id FROM users WHERE email = $1").bind(email).fetch_one(&mut **tx).await?;
    user_id(&id)
}

/// Adds a person.
pub async fn add(db: &Db, user: &UserId, email: Option<&str>, name: &str, now: Timestamp) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    add_to(&mut tx, user, email, name, now).await?;
    tx.commit().await
}

async fn add_to(
    tx: &mut Write,
    user: &UserId,
    email: Option<&str>,
    name: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO users (id, email, name, created_at) VALUES ($1, $2, $3, $4)")
        .bind(user.as_str())
        .bind(email)
        .bind(name)
        .bind(now.0)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Gives a person another name.
pub async fn rename(db: &Db, user: &UserId, name: &str) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    sqlx::query("UPDATE users SET name = $2 WHERE id = $1").bind(user.as_str()).bind(name).execute(&mut *tx).await?;
    tx.commit().await
}

/// Is there nobody yet? (First start.)
pub async fn nobody(db: &Db) -> Result<bool, sqlx::Error> {
    let row: Option<(String,)> = sqlx::query_as("SELECT id FROM users LIMIT 1").fetch_optional(&db.pool).await?;
    Ok(row.is_none())
}

/// A first name for an address: what stands before the `@`, dots and dashes as spaces.
fn name_of(email: &str) -> String {
    let local = email.split(['@', '+']).next().unwrap_or_default();
    let words = local.split(['.', '-', '_']).filter(|word| !word.is_empty()).map(|word| {
        let mut chars = word.chars();
        chars.next().map(|first| first.to_uppercase().chain(chars).collect::<String>()).unwrap_or_default()
    });
    words.collect::<Vec<_>>().join(" ").chars().take(NAME_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_is_made_of_an_address() {
        assert_eq!(super::name_of("ada.love-lace+x@example.com"), "Ada Love Lace");
    }
}
