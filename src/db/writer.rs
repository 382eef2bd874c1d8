//! The connection that writes, and transactions on it.

use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, Connection, Executor, Transaction, query};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Mutex, OwnedMappedMutexGuard, OwnedMutexGuard};

/// SQLite's one writing connection; `None` once it is closed.
pub type SharedWriter = Arc<Mutex<Option<Own>>>;

/// A connection of its own.
pub struct Own {
    connection: AnyConnection,
    /// A transaction may be open that nobody will finish.
    abandoned: bool,
}

/// Counted up whenever somebody may have written.
#[derive(Clone, Default)]
pub struct Changes(Arc<AtomicU64>);

impl Changes {
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    pub(super) fn counted(&self) -> Counted {
        Counted(self.clone())
    }
}

/// Counts when it is dropped: behind the commit, and however else the writing ended.
pub struct Counted(Changes);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// Opens the writing connection of a SQLite file.
pub async fn open(url: &str, setup: &'static str) -> Result<SharedWriter, sqlx::Error> {
    let mut connection = AnyConnection::connect(url).await?;
    connection.execute(setup).await?;
    Ok(Arc::new(Mutex::new(Some(Own { connection, abandoned: false }))))
}

/// Waits for whoever writes, then closes.
pub async fn close(shared: &SharedWriter) {
    if let Some(own) = shared.lock().await.take() {
        // A connection that will not close in peace is dropped.
        let _ = own.connection.close().await;
    }
}

impl Own {
    async fn take_back(&mut self) {
        if self.abandoned {
            // It fails if the transaction never began or ended by itself: then there is nothing to take back.
            let _ = query("ROLLBACK").execute(&mut self.connection).await;
            self.abandoned = false;
        }
    }
}

/// The connection to write on, `&mut *writer`; on SQLite nobody else of this process writes while it is held.
pub struct Writer(Held, #[allow(dead_code, reason = "counts when it goes")] Counted);

enum Held {
    Own(OwnedMappedMutexGuard<Option<Own>, Own>),
    Pooled(PoolConnection<Any>),
}

impl Writer {
    pub(super) async fn own(shared: &SharedWriter, counted: Counted) -> Result<Writer, sqlx::Error> {
        Ok(Writer(Held::Own(lock(shared).await?), counted))
    }

    pub(super) fn pooled(connection: PoolConnection<Any>, counted: Counted) -> Writer {
        Writer(Held::Pooled(connection), counted)
    }
}

async fn lock(shared: &SharedWriter) -> Result<OwnedMappedMutexGuard<Option<Own>, Own>, sqlx::Error> {
    let guard = shared.clone().lock_owned().await;
    let mut own = OwnedMutexGuard::try_map(guard, Option::as_mut).map_err(|_| sqlx::Error::PoolClosed)?;
    own.take_back().await;
    Ok(own)
}

impl Deref for Writer {
    type Target = AnyConnection;
    fn deref(&self) -> &AnyConnection {
        match &self.0 {
            Held::Own(own) => &own.connection,
            Held::Pooled(connection) => connection,
        }
    }
}

impl DerefMut for Writer {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        match &mut self.0 {
            Held::Own(own) => &mut own.connection,
            Held::Pooled(connection) => connection,
        }
    }
}

/// A transaction that writes; `&mut *write` is the connection to run statements on.
pub struct Write(Open, Counted);

enum Open {
    Own(Begun),
    Pooled(Transaction<'static, Any>),
}

/// A transaction on the connection of its own.
struct Begun {
    own: OwnedMappedMutexGuard<Option<Own>, Own>,
    shared: SharedWriter,
}

impl Write {
    pub(super) async fn own(shared: &SharedWriter, counted: Counted) -> Result<Write, sqlx::Error> {
        let mut own = lock(shared).await?;
        // From here on a drop takes it back, also while it begins.
        own.abandoned = true;
        let mut begun = Begun { own, shared: shared.clone() };
        query("BEGIN IMMEDIATE").execute(&mut begun.own.connection).await?;
        Ok(Write(Open::Own(begun), counted))
    }

    pub(super) fn pooled(tx: Transaction<'static, Any>, counted: Counted) -> Write {
        Write(Open::Pooled(tx), counted)
    }

    /// Makes everything since [`super::Db::begin_write`] durable, or fails and nothing of it happened.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        // Counted when this returns, and not before.
        let Write(open, _counted) = self;
        match open {
            Open::Own(begun) => begun.finish("COMMIT").await,
            Open::Pooled(tx) => tx.commit().await,
        }
    }

    /// Takes everything back, and has done so when it returns.
    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        let Write(open, _counted) = self;
        match open {
            Open::Own(begun) => begun.finish("ROLLBACK").await,
            Open::Pooled(tx) => tx.rollback().await,
        }
    }
}

impl Begun {
    async fn finish(mut self, word: &'static str) -> Result<(), sqlx::Error> {
        query(word).execute(&mut self.own.connection).await?;
        self.own.abandoned = false;
        Ok(())
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        // Whoever writes next takes it back; this only makes sure that somebody comes.
        if self.own.abandoned
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let shared = self.shared.clone();
            runtime.spawn(async move { lock(&shared).await.map(drop) });
        }
    }
}

impl Deref for Write {
    type Target = AnyConnection;
    fn deref(&self) -> &AnyConnection {
        match &self.0 {
            Open::Own(begun) => &begun.own.connection,
            Open::Pooled(tx) => tx,
        }
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        match &mut self.0 {
            Open::Own(begun) => &mut begun.own.connection,
            Open::Pooled(tx) => tx,
        }
    }
}
