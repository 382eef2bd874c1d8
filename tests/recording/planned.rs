//! A store that stops or fails at a planned step.

use backstage::adapters::storage::{
    Body, Key, Meta, Object, ObjectStore, Page, Part, Prefix, Span, StorageError, Upload,
};
use backstage_actors::ports::BoxFuture;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// What happens at the planned step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Whoever asks never hears again; nothing was done.
    StopsBefore,
    /// The same, but it was done.
    StopsAfter,
    /// An error that may pass; nothing was done.
    Fails,
    /// The same, but it was done.
    FailsAfter,
}

pub struct Planned {
    inner: Arc<dyn ObjectStore>,
    plan: Plan,
    at: usize,
    asked: AtomicUsize,
    pub reached: AtomicBool,
}

impl Planned {
    pub fn new(inner: Arc<dyn ObjectStore>, plan: Plan, at: usize) -> Arc<Planned> {
        let (asked, reached) = (AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Planned { inner, plan, at, asked, reached })
    }

    fn step<'a, T: Send + 'a>(
        &'a self,
        work: BoxFuture<'a, Result<T, StorageError>>,
    ) -> BoxFuture<'a, Result<T, StorageError>> {
        Box::pin(async move {
            if self.asked.fetch_add(1, Ordering::SeqCst) != self.at {
                return work.await;
            }
            let failed = || StorageError::TryAgain("planned".to_owned());
            if matches!(self.plan, Plan::StopsAfter | Plan::FailsAfter) {
                work.await?;
            }
            self.reached.store(true, Ordering::SeqCst);
            if matches!(self.plan, Plan::StopsBefore | Plan::StopsAfter) {
                std::future::pending::<()>().await;
            }
            Err(failed())
        })
    }
}

impl ObjectStore for Planned {
    fn put<'a>(&'a self, key: &'a Key, body: Body) -> BoxFuture<'a, Result<u64, StorageError>> {
        self.step(self.inner.put(key, body))
    }
    fn begin<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Upload, StorageError>> {
        self.step(self.inner.begin(key))
    }
    fn part<'a>(&'a self, upload: &'a Upload, number: u16, bytes: Bytes) -> BoxFuture<'a, Result<Part, StorageError>> {
        self.step(self.inner.part(upload, number, bytes))
    }
    fn complete<'a>(&'a self, upload: &'a Upload, parts: &'a [Part]) -> BoxFuture<'a, Result<(), StorageError>> {
        self.step(self.inner.complete(upload, parts))
    }
    fn abort<'a>(&'a self, upload: &'a Upload) -> BoxFuture<'a, Result<(), StorageError>> {
        self.step(self.inner.abort(upload))
    }
    fn get<'a>(&'a self, key: &'a Key, span: Option<Span>) -> BoxFuture<'a, Result<Object, StorageError>> {
        self.step(self.inner.get(key, span))
    }
    fn head<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Meta, StorageError>> {
        self.step(self.inner.head(key))
    }
    fn delete<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<(), StorageError>> {
        self.step(self.inner.delete(key))
    }
    fn list<'a>(
        &'a self,
        prefix: &'a Prefix,
        after: Option<&'a Key>,
        limit: u16,
    ) -> BoxFuture<'a, Result<Page, StorageError>> {
        self.step(self.inner.list(prefix, after, limit))
    }
    fn presign_get<'a>(&'a self, key: &'a Key, lasts: Duration) -> BoxFuture<'a, Result<String, StorageError>> {
        self.step(self.inner.presign_get(key, lasts))
    }
    fn presign_put<'a>(&'a self, key: &'a Key, lasts: Duration) -> BoxFuture<'a, Result<String, StorageError>> {
        self.step(self.inner.presign_put(key, lasts))
    }
}
