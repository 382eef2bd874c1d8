//! An event spine that remembers what it was handed.

use super::Trouble;
use crate::ports::{BoxFuture, ProviderError, Spine};
use backstage_core::effect::Lifecycle;
use parking_lot::Mutex;

/// Keeps every event with its key, repetitions too, in the order of arrival.
pub struct FakeSpine {
    heard: Mutex<Vec<(String, Lifecycle)>>,
    trouble: Trouble,
}

impl FakeSpine {
    /// Has heard nothing yet.
    pub fn new(trouble: Trouble) -> FakeSpine {
        FakeSpine { heard: Mutex::default(), trouble }
    }

    /// What it was handed.
    pub fn heard(&self) -> Vec<(String, Lifecycle)> {
        self.heard.lock().clone()
    }
}

impl Spine for FakeSpine {
    fn publish<'a>(&'a self, key: &'a str, event: &'a Lifecycle) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            self.trouble.strike().await.on(|| {
                self.heard.lock().push((key.to_owned(), event.clone()));
                Ok(())
            })
        })
    }
}
