//! What an order wants done in the world, and when.

use super::Order;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its number in the order; keys at the provider are made of it.
    pub id: u32,
    /// When.
    pub at: Timestamp,
    /// How often it had to wait.
    pub tries: u32,
    /// What.
    pub task: Task,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields say what they are")]
pub enum Task {
    /// Look whether the open payment was made: webhooks get lost.
    Look,
    /// End the open payment at the provider; the answer is `Closed`, or `Paid` if it was faster.
    Close,
    /// Charge the saved card; the answer is `Paid` or `Declined`.
    Charge { invoice: u32 },
    /// Give back; the answer is `Refunded` and `Done`.
    Refund { invoice: u32, amount: i64 },
    /// Write to the buyer.
    Write { letter: Letter },
}

/// A letter to the buyer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "letter", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields say what they are")]
pub enum Letter {
    /// What was paid.
    Receipt { invoice: u32 },
    /// The trial began, nothing was paid.
    Trial,
    /// A charge was declined: use another card.
    Declined { invoice: u32 },
    /// The last try was declined: it is over.
    Lapsed,
    /// Money went back.
    Refunded { amount: i64 },
}

impl Order {
    pub(super) fn plan(&mut self, at: Timestamp, task: Task) {
        self.jobs.push(Job { id: self.next_job, at, tries: 0, task });
        self.next_job = self.next_job.saturating_add(1);
    }

    pub(super) fn drop_jobs(&mut self, is_dropped: impl Fn(&Task) -> bool) {
        self.jobs.retain(|job| !is_dropped(&job.task));
    }

    /// The job that is due first.
    pub fn next_job(&self) -> Option<&Job> {
        self.jobs.iter().min_by_key(|job| (job.at, job.id))
    }
}
