//! Tasks of the origin: each is watched, and all end with their owner.

use futures_util::FutureExt;
use parking_lot::Mutex;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long a loop that panicked rests before it is begun again, ms.
const REST_MS: u64 = 1_000;

/// A set of tasks. They end at their next await when it is dropped.
#[derive(Debug, Default)]
pub struct Kept(Mutex<JoinSet<()>>);

impl Kept {
    /// Runs a task once. A panic in it is logged.
    pub fn run(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.lock();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            if AssertUnwindSafe(task).catch_unwind().await.is_err() {
                tracing::error!(name, "a task of the origin panicked");
            }
        });
    }

    /// Runs what `body` makes, again after a panic.
    pub fn loop_of<F: Future<Output = ()> + Send + 'static>(
        &self,
        name: &'static str,
        body: impl Fn() -> F + Send + Sync + 'static,
    ) {
        self.run(name, async move {
            while AssertUnwindSafe(body()).catch_unwind().await.is_err() {
                tracing::error!(name, "a loop of the origin panicked and is begun again");
                tokio::time::sleep(Duration::from_millis(REST_MS)).await;
            }
        });
    }

    /// Ends all tasks and waits until they have.
    pub async fn stop(&self) {
        let mut tasks = std::mem::take(&mut *self.0.lock());
        tasks.shutdown().await;
    }
}
