//! The task behind a handle: ends with it.

use tokio::task::JoinHandle;

/// A task that is aborted when this is dropped.
#[derive(Debug)]
pub(super) struct Task(JoinHandle<()>);

impl Task {
    /// Runs it. A panic in it shows at what it writes to: queues and replies end with an error.
    #[expect(
        clippy::disallowed_methods,
        reason = "the handle is kept here, and whoever reads the task's output sees it end"
    )]
    pub fn start(body: impl Future<Output = ()> + Send + 'static) -> Task {
        Task(tokio::spawn(body))
    }

    /// Waits for its end.
    pub async fn ended(&mut self) {
        let _ = (&mut self.0).await;
    }

    /// Ends it at its next await.
    pub fn abort(&self) {
        self.0.abort();
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.abort();
    }
}
