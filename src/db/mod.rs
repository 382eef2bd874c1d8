//! The database: SQLite by default, Postgres by URL, one set of SQL for both.
//!
//! Rules for that SQL: columns are `TEXT`, `BIGINT`, `DOUBLE PRECISION` or `BYTEA`; parameters are `$1, $2, ...`; no
//! booleans and no JSON operators in SQL; `SUM` is cast to `BIGINT`. A transaction that writes begins with
//! [`Db::begin_write`], never with a plain `begin`.

mod writer;

pub use writer::{Write, Writer};

use futures_util::{FutureExt, TryFutureExt};
use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, AnyPool, Connection, Executor};
use std::path::Path;
use std::time::Duration;
use writer::{Changes, SharedWriter};

/// Connections that read from SQLite, beside the one that writes.
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
    /// For reads; writes go through [`Db::writer`] and [`Db::begin_write`].
    pub pool: AnyPool,
    /// Whether this is SQLite; for the few statements that differ.
    pub sqlite: bool,
    /// SQLite takes one writer at a time, so all of ours share one connection. Waiting for it is in order and wakes at
    /// once, which SQLite's own lock does not; and its cache is never made stale by another of ours.
    own: Option<SharedWriter>,
    changes: Changes,
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
        let (pool, own) = if sqlite {
            let made =
                if url.contains("mode=") { "" } else { ["?mode=rwc", "&mode=rwc"][usize::from(url.contains('?'))] };
            let url = format!("{url}{made}");
            let own = writer::open(&url, SQLITE_SETUP).await.map_err(DbError::Connect)?;
            // Connections to a file do not die: they stay, and are not asked before each use whether they live.
            let options = options.idle_timeout(None).max_lifetime(None).test_before_acquire(false);
            let options = options.after_connect(|connection, _| connection.execute(SQLITE_SETUP).map_ok(drop).boxed());
            (options.connect(&url).await, Some(own))
        } else {
            // A pool would try again until its time is up, and then tell no cause.
            Db::look(url).await?;
            (options.connect(url).await, None)
        };
        let db = Db { pool: pool.map_err(DbError::Connect)?, sqlite, own, changes: Changes::default() };
        sqlx::migrate!("./migrations").run(&db.pool).await.map_err(DbError::Migrate)?;
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
        match &self.own {
            Some(own) => Write::own(own, self.changes.counted()).await,
            None => Ok(Write::pooled(self.pool.begin().await?, self.changes.counted())),
        }
    }

    /// The connection to write on, for a single statement: that needs no transaction. On SQLite it is the one there is.
    pub async fn writer(&self) -> Result<Writer, sqlx::Error> {
        match &self.own {
            Some(own) => Writer::own(own, self.changes.counted()).await,
            None => Ok(Writer::pooled(self.pool.acquire().await?, self.changes.counted())),
        }
    }

    /// Goes up with every write of this process, once it is done. What was read while it stood still is still so, as far as
    /// this process is concerned.
    pub fn generation(&self) -> u64 {
        self.changes.count()
    }

    /// Waits for running statements and closes every connection.
    pub async fn close(&self) {
        if let Some(own) = &self.own {
            writer::close(own).await;
        }
        self.pool.close().await;
    }
}
