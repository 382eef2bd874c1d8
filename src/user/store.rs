//! Rows of `users`.

use backstage_actors::ports::Ids;
use backstage_core::{Timestamp, UserId};

use super::{Contact, NAME_CHARS_MAX, NAMELESS};
use crate::db::{Db, Write};

fn user_id(text: &str) -> Result<UserId, sqlx::Error> {
    UserId::parse(text).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// The person of a proven contact: theirs if it has an account, else the browser's guest becomes the account, else a
/// new one. When an account exists, the guest's passes move to it (where it has none of its own).
pub async fn sign_in(
    db: &Db,
    ids: &dyn Ids,
    contact: &Contact,
    guest: Option<&UserId>,
    now: Timestamp,
) -> Result<UserId, sqlx::Error> {
    let mut tx = db.begin_write().await?;
    let user = match (by_contact(&mut tx, contact).await?, guest) {
        (Some(user), Some(guest)) => {
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
        (Some(user), None) => user,
        (None, Some(guest)) if becomes(&mut tx, guest, contact).await? => guest.clone(),
        (None, Some(_) | None) => {
            let user = user_id(&ids.next())?;
            add_to(&mut tx, &user, Some(contact), &name_of(contact), now).await?;
            user
        }
    };
    tx.commit().await?;
    Ok(user)
}

async fn by_contact(tx: &mut Write, contact: &Contact) -> Result<Option<UserId>, sqlx::Error> {
    let query = match contact {
        Contact::Email(_) => "SELECT id FROM users WHERE email = $1",
        Contact::Phone(_) => "SELECT id FROM users WHERE phone = $1",
    };
    let row: Option<(String,)> = sqlx::query_as(query).bind(contact.as_str()).fetch_optional(&mut **tx).await?;
    row.map(|(id,)| user_id(&id)).transpose()
}

/// Makes an account of a guest; `false` if it is one already, of somebody else's contact.
async fn becomes(tx: &mut Write, guest: &UserId, contact: &Contact) -> Result<bool, sqlx::Error> {
    let query = match contact {
        Contact::Email(_) => "UPDATE users SET email = $2 WHERE id = $1 AND email IS NULL AND phone IS NULL",
        Contact::Phone(_) => "UPDATE users SET phone = $2 WHERE id = $1 AND email IS NULL AND phone IS NULL",
    };
    let done = sqlx::query(query).bind(guest.as_str()).bind(contact.as_str()).execute(&mut **tx).await?;
    Ok(done.rows_affected() == 1)
}

/// The person of a contact, whoever brought it: `fresh` becomes its account if it has none. It opens to whoever proves the
/// contact.
pub async fn of_contact(
    tx: &mut Write,
    contact: &Contact,
    fresh: &UserId,
    now: Timestamp,
) -> Result<UserId, sqlx::Error> {
    let query = match contact {
        Contact::Email(_) => {
            "INSERT INTO users (id, email, name, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (email) DO NOTHING"
        }
        Contact::Phone(_) => {
            "INSERT INTO users (id, phone, name, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (phone) DO NOTHING"
        }
    };
    sqlx::query(query)
        .bind(fresh.as_str())
        .bind(contact.as_str())
        .bind(name_of(contact))
        .bind(now.0)
        .execute(&mut **tx)
        .await?;
    by_contact(tx, contact).await?.ok_or(sqlx::Error::RowNotFound)
}

/// Adds a person.
pub async fn add(db: &Db, user: &UserId, email: Option<&str>, name: &str, now: Timestamp) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    let contact = email.map(|email| Contact::Email(email.to_owned()));
    add_to(&mut tx, user, contact.as_ref(), name, now).await?;
    tx.commit().await
}

async fn add_to(
    tx: &mut Write,
    user: &UserId,
    contact: Option<&Contact>,
    name: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO users (id, email, phone, name, created_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(user.as_str())
        .bind(contact.and_then(Contact::email))
        .bind(contact.and_then(Contact::phone).map(|phone| phone.as_str()))
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

/// A first name: what stands before the `@` of an address, dots and dashes as spaces. A number gives none.
fn name_of(contact: &Contact) -> String {
    let Some(email) = contact.email() else { return NAMELESS.to_owned() };
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
    fn a_name_is_made_of_an_address_and_never_of_a_number() {
        let name = |mail, phone| super::name_of(&super::Contact::of_form(mail, phone).unwrap());
        assert_eq!(name("ada.love-lace+x@example.com", None), "Ada Love Lace");
        assert_eq!(name("", Some("+34600123456")), "Guest");
    }
}
