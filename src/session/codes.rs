//! Sign-in codes: six digits by mail or text message, ten minutes, five tries, the newest only.
//!
//! Why guessing does not pay, and why nobody can lock an owner out:
//!
//! - A row belongs to (contact, browser). Asking for a code in another browser neither replaces nor burns the owner's.
//!   Wrong tries burn the row they were made on, never the account.
//! - Five tries of 1,000,000 codes per row; rows per contact and network are limited (`security/limits.rs`).
//! - A code read by somebody else (a shoulder, a shared mailbox) opens nothing without the browser that asked.
//! - The store keeps HMAC(secret, contact, browser, code): a leaked table gives no codes, since the key is not in it.
//! - Whether the contact has an account is never looked at before the code is right: an unknown one gets a code
//!   like any other, and its account is made by the first right code. So answers and times are the same for both.
//! - The row is claimed by one conditional UPDATE, so parallel tries cannot exceed five and one code opens one session.

use backstage_core::Timestamp;

use crate::db::Db;
use crate::security::seal::{Seal, same};
use crate::user::Contact;

/// How long a code holds, ms.
pub const CODE_MS: i64 = 10 * 60_000;
/// Tries per code.
pub const TRIES_MAX: i64 = 5;

/// What came of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// The code was right; it cannot be used again.
    Right,
    /// Wrong, with tries left.
    Wrong,
    /// Too old, used, replaced, or never asked for in this browser.
    Expired,
    /// All tries are spent.
    Burnt,
}

/// Keeps a new code for (contact, browser); an earlier one there is replaced, tries and all.
pub async fn keep(
    db: &Db,
    seal: &Seal,
    id: &str,
    contact: &Contact,
    browser: &str,
    code: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let mut tx = db.begin_write().await?;
    sqlx::query("DELETE FROM sign_in_codes WHERE expires_at < $1").bind(now.0 - CODE_MS).execute(&mut *tx).await?;
    sqlx::query(
        "INSERT INTO sign_in_codes (id, contact, browser, code_hash, tries, created_at, expires_at) VALUES ($1, $2, $3, $4, 0, $5, $6) \
         ON CONFLICT (contact, browser) DO UPDATE SET id = excluded.id, code_hash = excluded.code_hash, tries = 0, \
         created_at = excluded.created_at, expires_at = excluded.expires_at, used_at = NULL",
    )
    .bind(id)
    .bind(contact.as_str())
    .bind(browser)
    .bind(hash(seal, contact, browser, code))
    .bind(now.0)
    .bind((now + CODE_MS).0)
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

/// Whether a code for (contact, browser) was sent that can still be typed in.
pub async fn is_fresh(db: &Db, contact: &Contact, browser: &str, now: Timestamp) -> Result<bool, sqlx::Error> {
    let row: Option<(String,)> = sqlx::query_as(
        "SELECT id FROM sign_in_codes WHERE contact = $1 AND browser = $2 AND used_at IS NULL AND expires_at > $3 AND tries < $4",
    )
    .bind(contact.as_str())
    .bind(browser)
    .bind(now.0)
    .bind(TRIES_MAX)
    .fetch_optional(&db.pool)
    .await?;
    Ok(row.is_some())
}

/// Tries a code.
pub async fn attempt(
    db: &Db,
    seal: &Seal,
    contact: &Contact,
    browser: &str,
    code: &str,
    now: Timestamp,
) -> Result<Tried, sqlx::Error> {
    let mut tx = db.begin_write().await?;
    let row: Option<(String, String, i64)> = sqlx::query_as(
        "UPDATE sign_in_codes SET tries = tries + 1 \
         WHERE contact = $1 AND browser = $2 AND used_at IS NULL AND expires_at > $3 RETURNING id, code_hash, tries",
    )
    .bind(contact.as_str())
    .bind(browser)
    .bind(now.0)
    .fetch_optional(&mut *tx)
    .await?;
    let given = hash(seal, contact, browser, code);
    let outcome = match row {
        None => Tried::Expired,
        Some((_, _, tries)) if tries > TRIES_MAX => Tried::Burnt,
        Some((id, kept, _)) if same(&kept, &given) => {
            sqlx::query("UPDATE sign_in_codes SET used_at = $2 WHERE id = $1")
                .bind(id)
                .bind(now.0)
                .execute(&mut *tx)
                .await?;
            Tried::Right
        }
        Some((_, _, TRIES_MAX)) => Tried::Burnt,
        Some(_) => Tried::Wrong,
    };
    tx.commit().await?;
    Ok(outcome)
}

fn hash(seal: &Seal, contact: &Contact, browser: &str, code: &str) -> String {
    seal.of("sign-in-code", &[contact.as_str(), browser, code])
}

/// The six digits out of what was typed or pasted (`123 456`), or `None`.
pub fn digits(typed: &str) -> Option<String> {
    let digits: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    (digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_may_be_pasted_with_spaces() {
        assert_eq!(digits(" 123 456 "), Some("123456".into()));
        assert_eq!(digits("12345"), None);
        assert_eq!(digits("12345a"), None);
    }
}
