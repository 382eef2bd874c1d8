//! People as the payment provider knows them: their customer there, and the card that they saved.

use backstage_core::UserId;

use super::store::Provider;
use crate::db::Db;

/// The provider's customer of a person.
pub async fn customer_of(db: &Db, user: &UserId, provider: Provider) -> Result<Option<String>, sqlx::Error> {
    let row: Option<(String,)> = sqlx::query_as("SELECT customer FROM customers WHERE user_id = $1 AND provider = $2")
        .bind(user.as_str())
        .bind(provider.as_str())
        .fetch_optional(&db.pool)
        .await?;
    Ok(row.map(|(customer,)| customer))
}

/// The card that a person saved, with its name as people read it.
pub async fn saved_card(db: &Db, user: &UserId, provider: Provider) -> Result<Option<(String, String)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT method, card FROM customers WHERE user_id = $1 AND provider = $2 AND method IS NOT NULL AND card IS NOT NULL",
    )
    .bind(user.as_str())
    .bind(provider.as_str())
    .fetch_optional(&db.pool)
    .await
}

/// Notes the card that a person's customer saved last.
pub async fn set_card(
    db: &Db,
    user: &UserId,
    (provider, customer): (Provider, &str),
    method: &str,
    card: &str,
) -> Result<(), sqlx::Error> {
    let mut writer = db.writer().await?;
    sqlx::query("UPDATE customers SET method = $4, card = $5 WHERE user_id = $1 AND provider = $2 AND customer = $3")
        .bind(user.as_str())
        .bind(provider.as_str())
        .bind(customer)
        .bind(method)
        .bind(card)
        .execute(&mut *writer)
        .await?;
    Ok(())
}

/// Makes the customer of an order the person's, if they have none: only once they have proven to be that person.
pub async fn adopt_customer(db: &Db, user: &UserId, provider: Provider, customer: &str) -> Result<(), sqlx::Error> {
    let mut writer = db.writer().await?;
    sqlx::query(
        "INSERT INTO customers (user_id, provider, customer) VALUES ($1, $2, $3) ON CONFLICT (user_id, provider) DO NOTHING",
    )
    .bind(user.as_str())
    .bind(provider.as_str())
    .bind(customer)
    .execute(&mut *writer)
    .await?;
    Ok(())
}
