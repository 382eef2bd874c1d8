//! Loops that go on: a loop that panics is reported and begun again.

use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long a loop that panicked rests before it is begun again.
const REST_MS: u64 = 1_000;

/// A loop on this arbiter. Ends when dropped or stopped.
pub struct Kept(JoinHandle<()>);

impl Kept {
    /// Runs what `body` makes, again after a panic. `name` is for the logs.
    #[allow(clippy::disallowed_methods)] // the one place that spawns
    pub fn start<F, B>(name: &'static str, gauge: std::sync::Arc<dyn crate::ports::Gauge>, body: B) -> Kept
    where
        B: Fn() -> F + 'static,
        F: Future<Output = ()> + 'static,
    {
        Kept(actix::spawn(async move {
            while AssertUnwindSafe(body()).catch_unwind().await.is_err() {
                gauge.actor_restarted(name);
                tracing::error!(name, "a loop panicked and is begun again");
                tokio::time::sleep(Duration::from_millis(REST_MS)).await;
            }
        }))
    }

    /// Ends the loop at its next await.
    pub fn stop(&self) {
        self.0.abort();
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.stop();
    }
}
