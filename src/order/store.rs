//! Rows of `orders` and what belongs to them. One transaction holds an order's new state, its stock, the grant it gives,
//! its entries in the ledger and when it wants something done: a crash at any point leaves all of it or nothing.
//!
//! Locks are taken in one order, so that no two transactions wait for each other: person, order, stock.

use backstage_core::ledger::Entry;
use backstage_core::order::{Event, Order, OrderRejection};
use backstage_core::{OrderId, PassId, PriceId, SpaceId, Timestamp, UserId};
use sqlx::{AnyConnection, AssertSqlSafe, FromRow};

use crate::db::{Db, Write};
use crate::locale::{self, Language};
use crate::price::store::{lock_stock, put_stock};
use crate::user::{self, Contact};

/// Who performs payments of an order: what one holds means nothing to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Our own, where no money moves.
    Sandbox,
    /// Stripe.
    Stripe,
}

impl Provider {
    /// The name used in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Provider::Sandbox => "sandbox",
            Provider::Stripe => "stripe",
        }
    }

    /// Reads [`Provider::as_str`] back.
    pub fn parse(text: &str) -> Option<Provider> {
        [Provider::Sandbox, Provider::Stripe].into_iter().find(|provider| provider.as_str() == text)
    }
}

/// An order with what it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// The order.
    pub order: Order,
    /// Where.
    pub space: SpaceId,
    /// What was bought.
    pub pass: PassId,
    /// At which price.
    pub price: PriceId,
    /// Whose; `None` before it is paid by somebody without an account.
    pub user: Option<UserId>,
    /// Where letters go, and whose it is once that is proven.
    pub contact: Contact,
    /// Who may see it without an account, hashed.
    pub browser: String,
    /// Who takes its money.
    pub provider: Provider,
    /// The provider's customer.
    pub customer: Option<String>,
    /// Answers to the questions of its price, in their order.
    pub answers: Vec<String>,
    /// In which letters about it are written.
    pub language: Language,
}

/// A checkout that begins.
#[derive(Debug)]
pub struct NewPurchase<'a> {
    /// Its id, if it is a new one.
    pub id: OrderId,
    /// At which price.
    pub offer: &'a crate::price::Offer,
    /// Whose, if they have an account.
    pub user: Option<&'a UserId>,
    /// Where letters go.
    pub contact: &'a Contact,
    /// The browser, hashed.
    pub browser: &'a str,
    /// Who takes the money.
    pub provider: Provider,
    /// The provider's customer of that person, if known.
    pub customer: Option<&'a str>,
    /// To the questions of the price.
    pub answers: &'a [String],
    /// What the platform keeps, hundredths of a percent.
    pub platform_fee_bp: u16,
}

/// What came of telling an order something.
#[derive(Debug)]
pub struct Told {
    /// As it is now.
    pub purchase: Purchase,
    /// Somebody may watch who could not, or no longer may.
    pub access_changed: bool,
}

/// Why something was not done to an order.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// Nothing is left.
    #[error("sold out")]
    SoldOut,
    /// This buyer has just bought it, by this order.
    #[error("bought already")]
    Bought(OrderId),
    /// There is no such order.
    #[error("there is no such order")]
    Missing,
    /// The order says no.
    #[error(transparent)]
    Rejected(#[from] OrderRejection),
    /// The database.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

#[derive(FromRow)]
struct Row {
    state: String,
    space_id: String,
    pass_id: String,
    price_id: String,
    user_id: Option<String>,
    contact: String,
    browser: String,
    provider: String,
    customer: Option<String>,
    answers: String,
    language: String,
}

pub(super) fn bad(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

fn text_of(value: &impl serde::Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

impl TryFrom<Row> for Purchase {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Purchase, sqlx::Error> {
        Ok(Purchase {
            order: serde_json::from_str(&row.state).map_err(bad)?,
            space: SpaceId::parse(&row.space_id).map_err(bad)?,
            pass: PassId::parse(&row.pass_id).map_err(bad)?,
            price: PriceId::parse(&row.price_id).map_err(bad)?,
            user: row.user_id.as_deref().map(UserId::parse).transpose().map_err(bad)?,
            contact: Contact::kept(&row.contact),
            browser: row.browser,
            provider: Provider::parse(&row.provider).ok_or_else(|| bad("an unknown payment provider"))?,
            customer: row.customer,
            answers: serde_json::from_str(&row.answers).map_err(bad)?,
            language: Language::parse(&row.language).unwrap_or_default(),
        })
    }
}

const COLUMNS: &str =
    "state, space_id, pass_id, price_id, user_id, contact, browser, provider, customer, answers, language FROM orders";

async fn select(db: &Db, rest: &str, texts: &[&str], numbers: &[i64]) -> Result<Vec<Purchase>, sqlx::Error> {
    // Only constants of this module become part of the text.
    let mut statement = sqlx::query_as(AssertSqlSafe(format!("SELECT {COLUMNS} {rest}")));
    for text in texts {
        statement = statement.bind(*text);
    }
    for number in numbers {
        statement = statement.bind(*number);
    }
    let rows: Vec<Row> = statement.fetch_all(&db.pool).await?;
    rows.into_iter().map(Purchase::try_from).collect()
}

/// One.
pub async fn by_id(db: &Db, id: &OrderId) -> Result<Option<Purchase>, sqlx::Error> {
    Ok(select(db, "WHERE id = $1", &[id.as_str()], &[]).await?.pop())
}

/// A person's, the newest first; 200 at most.
pub async fn of_user(db: &Db, user: &UserId) -> Result<Vec<Purchase>, sqlx::Error> {
    select(db, "WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT 200", &[user.as_str()], &[]).await
}

/// A space's that were paid at some time, the newest first, from the `skip`-th.
pub async fn of_space(db: &Db, space: &SpaceId, limit: u32, skip: u32) -> Result<Vec<Purchase>, sqlx::Error> {
    let rest = "WHERE space_id = $1 AND phase NOT IN ('pending', 'closed') ORDER BY created_at DESC, id DESC \
                LIMIT $2 OFFSET $3";
    select(db, rest, &[space.as_str()], &[limit.into(), skip.into()]).await
}

/// Begins a checkout, or finds the one that this browser began for the same price and did not finish: two windows, a
/// second click and the back button are one purchase.
pub async fn open(db: &Db, new: &NewPurchase<'_>, now: Timestamp) -> Result<Purchase, NotDone> {
    let mut tx = db.begin_write().await?;
    let mut stock = lock_stock(&mut tx, &new.offer.line).await?;
    let text = format!(
        "SELECT {COLUMNS} WHERE browser = $1 AND price_id = $2 AND phase = 'pending' AND provider = $3 \
         ORDER BY created_at DESC LIMIT 1"
    );
    let begun: Option<Row> = sqlx::query_as(AssertSqlSafe(text))
        .bind(new.browser)
        .bind(new.offer.id.as_str())
        .bind(new.provider.as_str())
        .fetch_optional(&mut *tx)
        .await?;
    if let Some(mut begun) = begun.map(Purchase::try_from).transpose()?
        && now < begun.order.expires_at
        && begun.user.as_ref() == new.user
    {
        // They may have corrected what they typed. The customer was made for what was typed first; letters go to the last.
        sqlx::query("UPDATE orders SET contact = $2, answers = $3 WHERE id = $1")
            .bind(begun.order.id.as_str())
            .bind(new.contact.as_str())
            .bind(text_of(&new.answers)?)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        begun.contact = new.contact.clone();
        begun.answers = new.answers.to_vec();
        return Ok(begun);
    }
    // It may have been paid since the caller looked: the line of the stock is ours now, so no payment of it is on its way.
    if let Some(bought) = bought(&mut tx, new, now).await? {
        return Err(NotDone::Bought(bought));
    }
    let order = Order::open(now, new.id.clone(), new.offer.price, new.platform_fee_bp, &mut stock)
        .map_err(|_| NotDone::SoldOut)?;
    put_stock(&mut tx, &new.offer.line, &stock).await?;
    sqlx::query(
        "INSERT INTO orders (id, version, space_id, pass_id, price_id, line, user_id, contact, browser, provider, customer, \
         answers, language, phase, state, created_at, next_at) \
         VALUES ($1, 0, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    )
    .bind(order.id.as_str())
    .bind(new.offer.space.as_str())
    .bind(new.offer.pass.as_str())
    .bind(new.offer.id.as_str())
    .bind(&new.offer.line)
    .bind(new.user.map(UserId::as_str))
    .bind(new.contact.as_str())
    .bind(new.browser)
    .bind(new.provider.as_str())
    .bind(new.customer)
    .bind(text_of(&new.answers)?)
    .bind(locale::current().code())
    .bind(order.phase(now).as_str())
    .bind(text_of(&order)?)
    .bind(now.0)
    .bind(order.next_job().map(|job| job.at.0))
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Purchase {
        order,
        space: new.offer.space.clone(),
        pass: new.offer.pass.clone(),
        price: new.offer.id.clone(),
        user: new.user.cloned(),
        contact: new.contact.clone(),
        browser: new.browser.into(),
        provider: new.provider,
        customer: new.customer.map(str::to_owned),
        answers: new.answers.to_vec(),
        language: locale::current(),
    })
}

/// The order by which this buyer holds the pass already: an account's own, or one of this browser for the same contact.
async fn bought(tx: &mut Write, new: &NewPurchase<'_>, now: Timestamp) -> Result<Option<OrderId>, sqlx::Error> {
    let held = "JOIN grants g ON g.id = o.id WHERE g.revoked_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > $1) \
                AND o.pass_id = $2";
    let found: Option<(String,)> = match new.user {
        Some(user) => {
            let text = format!("SELECT o.id FROM orders o {held} AND o.user_id = $3 LIMIT 1");
            let asked = sqlx::query_as(AssertSqlSafe(text)).bind(now.0).bind(new.offer.pass.as_str());
            asked.bind(user.as_str()).fetch_optional(&mut **tx).await?
        }
        None => {
            let text = format!(
                "SELECT o.id FROM orders o {held} AND o.browser = $3 AND o.price_id = $4 AND o.contact = $5 LIMIT 1"
            );
            let asked = sqlx::query_as(AssertSqlSafe(text)).bind(now.0).bind(new.offer.pass.as_str());
            let asked = asked.bind(new.browser).bind(new.offer.id.as_str()).bind(new.contact.as_str());
            asked.fetch_optional(&mut **tx).await?
        }
    };
    found.map(|(id,)| OrderId::parse(&id).map_err(bad)).transpose()
}

/// Tells an order something and commits what follows: its state, the stock, who has access, the ledger. `fresh_user` names
/// the account that is made if somebody without one has paid.
pub async fn tell(db: &Db, id: &OrderId, event: Event, fresh_user: &UserId, now: Timestamp) -> Result<Told, NotDone> {
    let mut tx = db.begin_write().await?;
    let paid = matches!(event, Event::Paid { .. } | Event::SetUp { .. });
    let buyer = if paid { Some(owner(&mut tx, id, fresh_user, now).await?.ok_or(NotDone::Missing)?) } else { None };
    let text = format!(
        "UPDATE orders SET version = version + 1 WHERE id = $1 RETURNING line, {}",
        COLUMNS.trim_end_matches(" FROM orders")
    );
    #[derive(FromRow)]
    struct Locked {
        line: String,
        #[sqlx(flatten)]
        row: Row,
    }
    let locked: Option<Locked> = sqlx::query_as(AssertSqlSafe(text)).bind(id.as_str()).fetch_optional(&mut *tx).await?;
    let Locked { line, row } = locked.ok_or(NotDone::Missing)?;
    let mut held = Purchase::try_from(row)?;
    let mut stock = lock_stock(&mut tx, &line).await?;
    let (before, stock_before) = (held.order.clone(), stock);
    let event = match (event, &buyer) {
        (Event::Paid { invoice, amount, method, .. }, Some(buyer)) => {
            let has = invoice == 0 && holds_from_another(&mut tx, &held, buyer, now).await?;
            Event::Paid { invoice, amount, method, held: has }
        }
        (Event::SetUp { method, .. }, Some(buyer)) => {
            let has = holds_from_another(&mut tx, &held, buyer, now).await?;
            Event::SetUp { method, held: has }
        }
        (event, _) => event,
    };
    let entries = held.order.apply(now, event, &mut stock)?;
    held.user = held.user.or(buyer);
    if stock != stock_before {
        put_stock(&mut tx, &line, &stock).await?;
    }
    if held.order != before {
        sqlx::query("UPDATE orders SET user_id = $2, phase = $3, state = $4, next_at = $5 WHERE id = $1")
            .bind(id.as_str())
            .bind(held.user.as_ref().map(UserId::as_str))
            .bind(held.order.phase(now).as_str())
            .bind(text_of(&held.order)?)
            .bind(held.order.next_job().map(|job| job.at.0))
            .execute(&mut *tx)
            .await?;
        grant(&mut tx, &held, now).await?;
    }
    post(&mut tx, &held, &entries, now).await?;
    tx.commit().await?;
    Ok(Told { access_changed: held.order.access() != before.access(), purchase: held })
}

/// Who has paid: the person of the order, or of its contact, made now if there is none. Their row is locked, so that two
/// orders of one person that are paid in the same moment see each other.
async fn owner(tx: &mut Write, id: &OrderId, fresh: &UserId, now: Timestamp) -> Result<Option<UserId>, sqlx::Error> {
    let row: Option<(Option<String>, String)> = sqlx::query_as("SELECT user_id, contact FROM orders WHERE id = $1")
        .bind(id.as_str())
        .fetch_optional(&mut **tx)
        .await?;
    let Some((user, contact)) = row else { return Ok(None) };
    let user = match user {
        Some(user) => UserId::parse(&user).map_err(bad)?,
        None => user::store::of_contact(tx, &Contact::kept(&contact), fresh, now).await?,
    };
    sqlx::query("UPDATE users SET name = name WHERE id = $1").bind(user.as_str()).execute(&mut **tx).await?;
    Ok(Some(user))
}

async fn holds_from_another(
    tx: &mut AnyConnection,
    held: &Purchase,
    buyer: &UserId,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let (count,): (i64,) = sqlx::query_as(
        "SELECT COUNT(*) FROM grants WHERE user_id = $1 AND space_id = $2 AND pass_id = $3 AND order_id <> $4 \
         AND order_id <> '' AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $5)",
    )
    .bind(buyer.as_str())
    .bind(held.space.as_str())
    .bind(held.pass.as_str())
    .bind(held.order.id.as_str())
    .bind(now.0)
    .fetch_one(tx)
    .await?;
    Ok(count > 0)
}

/// Writes what the order opens. Nobody gets a grant before the order has begun. One that by a refund ended long ago ends
/// now: the watch that puts people out looks for what ended lately.
async fn grant(tx: &mut AnyConnection, held: &Purchase, now: Timestamp) -> Result<(), sqlx::Error> {
    let (Some(user), access) = (&held.user, held.order.access()) else { return Ok(()) };
    let statement = match access {
        Some(access) => sqlx::query(
            "INSERT INTO grants (id, pass_id, space_id, user_id, granted_at, order_id, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $1, $6) ON CONFLICT (user_id, space_id, pass_id, order_id) \
             DO UPDATE SET revoked_at = NULL, expires_at = CASE \
             WHEN excluded.expires_at IS NULL OR excluded.expires_at > $7 THEN excluded.expires_at \
             WHEN grants.expires_at <= $7 THEN grants.expires_at ELSE $7 END",
        )
        .bind(held.order.id.as_str())
        .bind(held.pass.as_str())
        .bind(held.space.as_str())
        .bind(user.as_str())
        .bind(access.from.0)
        .bind(access.until.map(|at| at.0))
        .bind(now.0),
        None => sqlx::query("UPDATE grants SET revoked_at = $2 WHERE order_id = $1 AND revoked_at IS NULL")
            .bind(held.order.id.as_str())
            .bind(now.0),
    };
    statement.execute(tx).await?;
    Ok(())
}

async fn post(tx: &mut AnyConnection, held: &Purchase, entries: &[Entry], now: Timestamp) -> Result<(), sqlx::Error> {
    for entry in entries {
        if !entry.balances() {
            return Err(sqlx::Error::Encode(format!("the entry {} does not sum to zero", entry.key).into()));
        }
        sqlx::query("INSERT INTO ledger_entries (key, order_id, space_id, at) VALUES ($1, $2, $3, $4)")
            .bind(&entry.key)
            .bind(held.order.id.as_str())
            .bind(held.space.as_str())
            .bind(now.0)
            .execute(&mut *tx)
            .await?;
        for line in &entry.lines {
            sqlx::query("INSERT INTO ledger_lines (entry, account, currency, minor) VALUES ($1, $2, $3, $4)")
                .bind(&entry.key)
                .bind(line.account.as_str())
                .bind(line.amount.currency.code())
                .bind(line.amount.minor)
                .execute(&mut *tx)
                .await?;
        }
    }
    Ok(())
}

/// Notes which charge of which order a payment is.
pub async fn note_payment(db: &Db, intent: &str, order: &OrderId, invoice: u32) -> Result<(), sqlx::Error> {
    let mut writer = db.writer().await?;
    sqlx::query("INSERT INTO payments (intent, order_id, invoice) VALUES ($1, $2, $3) ON CONFLICT (intent) DO NOTHING")
        .bind(intent)
        .bind(order.as_str())
        .bind(i64::from(invoice))
        .execute(&mut *writer)
        .await?;
    Ok(())
}

/// The order and the charge of a payment.
pub async fn of_payment(db: &Db, intent: &str) -> Result<Option<(OrderId, u32)>, sqlx::Error> {
    let row: Option<(String, i64)> = sqlx::query_as("SELECT order_id, invoice FROM payments WHERE intent = $1")
        .bind(intent)
        .fetch_optional(&db.pool)
        .await?;
    row.map(|(order, invoice)| Ok((OrderId::parse(&order).map_err(bad)?, u32::try_from(invoice).map_err(bad)?)))
        .transpose()
}

/// The payment of a charge.
pub async fn payment_of(db: &Db, order: &OrderId, invoice: u32) -> Result<Option<String>, sqlx::Error> {
    let row: Option<(String,)> =
        sqlx::query_as("SELECT intent FROM payments WHERE order_id = $1 AND invoice = $2 ORDER BY intent LIMIT 1")
            .bind(order.as_str())
            .bind(i64::from(invoice))
            .fetch_optional(&db.pool)
            .await?;
    Ok(row.map(|(intent,)| intent))
}

/// Notes the customer that was made for an order.
pub async fn set_customer(db: &Db, order: &OrderId, customer: &str) -> Result<(), sqlx::Error> {
    let mut writer = db.writer().await?;
    sqlx::query("UPDATE orders SET customer = $2 WHERE id = $1 AND customer IS NULL")
        .bind(order.as_str())
        .bind(customer)
        .execute(&mut *writer)
        .await?;
    Ok(())
}

/// What each account holds, `(account, currency, minor units)`; of one space or of all.
pub async fn balances(db: &Db, space: Option<&SpaceId>) -> Result<Vec<(String, String, i64)>, sqlx::Error> {
    let space = space.map(SpaceId::as_str).unwrap_or_default();
    sqlx::query_as(
        "SELECT l.account, l.currency, CAST(SUM(l.minor) AS BIGINT) FROM ledger_lines l \
         JOIN ledger_entries e ON e.key = l.entry WHERE $1 = '' OR e.space_id = $1 \
         GROUP BY l.account, l.currency ORDER BY l.currency, l.account",
    )
    .bind(space)
    .fetch_all(&db.pool)
    .await
}
