//! Mishaps, for tests: what goes wrong at Stripe or on the way there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What goes wrong. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    refused: AtomicUsize,
    lost: AtomicUsize,
    holds_webhooks: AtomicBool,
}

impl Faults {
    /// The next calls, so many, are answered with 503 and not done.
    pub fn refuse(&self, calls: usize) {
        self.0.refused.store(calls, Ordering::SeqCst);
    }

    /// The next writes, so many, are done, and the line breaks before their answers are read.
    pub fn lose_answers(&self, writes: usize) {
        self.0.lost.store(writes, Ordering::SeqCst);
    }

    /// Whether webhooks wait; those that waited leave with the next change of the books or of the clock.
    pub fn hold_webhooks(&self, held: bool) {
        self.0.holds_webhooks.store(held, Ordering::SeqCst);
    }

    pub(super) fn refuses(&self) -> bool {
        takes(&self.0.refused)
    }

    pub(super) fn loses_answer(&self) -> bool {
        takes(&self.0.lost)
    }

    pub(super) fn holds_webhooks(&self) -> bool {
        self.0.holds_webhooks.load(Ordering::SeqCst)
    }
}

/// Whether one was left.
fn takes(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}
