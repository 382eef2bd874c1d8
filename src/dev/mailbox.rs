//! A mailbox in memory, for tests.

use backstage_actors::ports::{BoxFuture, Clock, ProviderError};
use backstage_core::Timestamp;
use parking_lot::Mutex;
use std::sync::Arc;

use crate::ports::{Letter, Mail};

/// Keeps every letter and sends none.
pub struct Kept {
    clock: Arc<dyn Clock>,
    letters: Mutex<Vec<(Timestamp, Letter)>>,
}

impl Kept {
    /// An empty mailbox.
    pub fn new(clock: Arc<dyn Clock>) -> Kept {
        Kept { clock, letters: Mutex::default() }
    }
}

impl Mail for Kept {
    fn send(&self, letter: Letter) -> BoxFuture<'_, Result<(), ProviderError>> {
        self.letters.lock().push((self.clock.now(), letter));
        Box::pin(std::future::ready(Ok(())))
    }

    fn kept(&self) -> Vec<(Timestamp, Letter)> {
        self.letters.lock().iter().rev().cloned().collect()
    }
}
