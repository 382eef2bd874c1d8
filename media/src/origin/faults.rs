//! Failures on demand, for tests of those who use the origin: never reachable over the network.

use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the API does instead of answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiFault {
    /// Answers 429 with this `Retry-After`, s.
    TooMany(u32),
    /// Answers 500.
    Broken,
    /// Does the work, then answers 500: the caller cannot know.
    BrokenAfterwards,
    /// Does not answer for so long, ms.
    Silent(u64),
}

/// Switches that a test holds. Cheap to clone; all clones share the switches.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    api: Mutex<Option<(ApiFault, u32)>>,
    never_active: AtomicBool,
    stalled: AtomicBool,
    webhooks_lost: AtomicBool,
}

impl Faults {
    /// The next `count` calls of the API meet this fault.
    pub fn api(&self, fault: ApiFault, count: u32) {
        *self.0.api.lock() = Some((fault, count));
    }

    /// Media is taken, and the stream never becomes `active`.
    pub fn never_active(&self, on: bool) {
        self.0.never_active.store(on, Ordering::Relaxed);
    }

    /// Media is taken and thrown away: the playlist does not advance.
    pub fn stalled(&self, on: bool) {
        self.0.stalled.store(on, Ordering::Relaxed);
    }

    /// Webhooks count as delivered and never leave.
    pub fn webhooks_lost(&self, on: bool) {
        self.0.webhooks_lost.store(on, Ordering::Relaxed);
    }

    pub(super) fn of_call(&self) -> Option<ApiFault> {
        let mut held = self.0.api.lock();
        let (fault, count) = held.as_mut().filter(|(_, count)| *count > 0)?;
        *count -= 1;
        Some(*fault)
    }

    pub(super) fn is_never_active(&self) -> bool {
        self.0.never_active.load(Ordering::Relaxed)
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.0.stalled.load(Ordering::Relaxed)
    }

    pub(super) fn are_webhooks_lost(&self) -> bool {
        self.0.webhooks_lost.load(Ordering::Relaxed)
    }
}
