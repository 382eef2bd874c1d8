//! The database: SQLite by default, Postgres by URL, one set of SQL for both.
//!
//! Rules for that SQL: columns are `TEXT`, `BIGINT`, `DOUBLE PRECISION` or `BYTEA`; parameters are `$1, $2, ...`; no
//! booleans and no JSON operators in SQL; `SUM` is cast to `BIGINT`. A transaction that writes begins with
//! [`Db::begin_write`], never with a plain `begin`.

use futures_util::{FutureExt, TryFutureExt};
use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyConnection, AnyPool, Connection, Executor, Transaction};
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Connections to SQLite: one writes at a time, the others read beside it.
const SQLITE_CONNECTIONS_MAX: u32 = 6;
/// Connections to Postgres.
const POSTGRES_CONNECTIONS_MAX: u32 = 16;
/// How long to wait for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// What every SQLite connection is told first. `synchronous=NORMAL` in WAL mode writes each commit to the
/// operating system before it is acknowledged: it survives the death of this process at any point. A power cut
/// may take the last commits, all of each or none of it. <https://www.sqlite.org/wal.html#performance_considerations>
const SQLITE_SETUP: &str = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
     PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000;";

/// A pool of connections, migrated and ready. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    /// For reads and single statements.
    pub pool: AnyPool,
    /// Whether this is SQLite; for the few statements that differ.
    pub sqlite: bool,
    /// SQLite takes one writer at a time. Waiting here is in order and wakes at once, which its own lock does not.
    turn: Arc<Mutex<()>>,
}

/// Why the database is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// Neither `sqlite:` nor `postgres:`.
    #[error("the database URL must begin with sqlite: or postgres://")]
    Scheme,
    /// No connection.
    #[error("the database cannot be opened: {0}")]
    Connect(#[source] sqlx::Error),
    /// A migration failed, or the file was written by a newer version.
    #[error("the database cannot be brought up to date: {0}")]
    Migrate(#[source] sqlx::migrate::MigrateError),
}

fn is_sqlite(url: &str) -> Result<bool, DbError> {
    match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("sqlite") => Ok(true),
        Some("postgres" | "postgresql") => Ok(false),
        Some(_) | None => Err(DbError::Scheme),
    }
}

impl Db {
    /// Connects and migrates. `sqlite:/path/file.db` (made if it is not there) or `postgres://user:password@host/name`.
    pub async fn connect(url: &str) -> Result<Db, DbError> {
        sqlx::any::install_default_drivers();
        let sqlite = is_sqlite(url)?;
        let options = AnyPoolOptions::new()
            .max_connections(if sqlite { SQLITE_CONNECTIONS_MAX } else { POSTGRES_CONNECTIONS_MAX })
            .acquire_timeout(ACQUIRE_TIMEOUT);
        let pool = if sqlite {
            let made =
                if url.contains("mode=") { "" } else { ["?mode=rwc", "&mode=rwc"][usize::from(url.contains('?'))] };
            // SQLite connections cost a file handle each and are slow to warm up: they stay.
            let options = options.idle_timeout(None).max_lifetime(None);
            let options = options.after_connect(|connection, _| connection.execute(SQLITE_SETUP).map_ok(drop).boxed());
            options.connect(&format!("{url}{made}")).await
        } else {
            // A pool would try again until its time is up, and then tell no cause.
            Db::look(url).await?;
            options.connect(url).await
        };
        let db = Db { pool: pool.map_err(DbError::Connect)?, sqlite, turn: Arc::default() };
        sqlx::migrate!().run(&db.pool).await.map_err(DbError::Migrate)?;
        Ok(db)
    }

    /// Opens one connection, asks one thing and closes it: can the database be reached? Makes no file, changes nothing.
    pub async fn look(url: &str) -> Result<(), DbError> {
        sqlx::any::install_default_drivers();
        is_sqlite(url)?;
        let mut connection = AnyConnection::connect(url).await.map_err(DbError::Connect)?;
        connection.execute("SELECT 1").await.map_err(DbError::Connect)?;
        connection.close().await.map_err(DbError::Connect)
    }

    /// The URL of a SQLite file.
    pub fn url_of(file: &Path) -> String {
        let mut url = String::from("sqlite:");
        for byte in file.as_os_str().as_encoded_bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => url.push(char::from(*byte)),
                other => url.push_str(&format!("%{other:02X}")),
            }
        }
        url
    }

    /// Begins a transaction that writes. On SQLite it takes the write lock at once, so that it can never fail half-way
    /// because another one wrote in between. Dropped without [`Write::commit`], nothing of it happens.
    pub async fn begin_write(&self) -> Result<Write, sqlx::Error> {
        if self.sqlite {
            let turn = self.turn().await;
            Ok(Write { tx: self.pool.begin_with("BEGIN IMMEDIATE").await?, _turn: turn })
        } else {
            Ok(Write { tx: self.pool.begin().await?, _turn: Turn(None) })
        }
    }

    /// The turn to write, to be held while a single writing statement runs on the pool: that needs no transaction.
    pub async fn turn(&self) -> Turn {
        Turn(if self.sqlite { Some(self.turn.clone().lock_owned().await) } else { None })
    }

    /// Waits for running statements and closes every connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// The right to write now, while it is held; on Postgres everybody always has it.
pub struct Turn(#[allow(dead_code, reason = "held, not read")] Option<OwnedMutexGuard<()>>);

/// A transaction that writes; `&mut *write` is the connection to run statements on.
pub struct Write {
    tx: Transaction<'static, Any>,
    // After `tx`, so that the next writer's turn comes when this transaction is gone.
    _turn: Turn,
}

impl Write {
    /// Makes everything since [`Db::begin_write`] durable, or fails and nothing of it happened.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.tx.commit().await
    }

    /// Takes everything back, and has done so when it returns.
    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        self.tx.rollback().await
    }
}

impl Deref for Write {
    type Target = AnyConnection;
    fn deref(&self) -> &AnyConnection {
        &self.tx
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.tx
    }
}
