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
    api: Mutex<Option<Planned>>,
    never_active: AtomicBool,
    stalled: AtomicBool,
    webhooks_lost: AtomicBool,
}

#[derive(Debug, Clone, Copy)]
struct Planned {
    fault: ApiFault,
    left: u32,
    only_post: bool,
}

impl Faults {
    /// The next `count` calls of the API meet this fault.
    pub fn api(&self, fault: ApiFault, count: u32) {
        *self.0.api.lock() = Some(Planned { fault, left: count, only_post: false });
    }

    /// The next `count` calls that make something (`POST`) meet this fault; others are answered.
    pub fn api_post(&self, fault: ApiFault, count: u32) {
        *self.0.api.lock() = Some(Planned { fault, left: count, only_post: true });
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

    pub(super) fn of_call(&self, post: bool) -> Option<ApiFault> {
        let mut held = self.0.api.lock();
        let planned = held.as_mut().filter(|planned| planned.left > 0 && (post || !planned.only_post))?;
        planned.left -= 1;
        Some(planned.fault)
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
