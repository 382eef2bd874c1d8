//! A mailbox in memory, for tests.

use backstage_actors::ports::{BoxFuture, Clock, ProviderError};
use backstage_core::Timestamp;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::adapters::sms::SUBJECT;
use crate::ports::{Letter, Mail, Sms, Text};

/// Keeps every letter and every text, and sends none.
pub struct Kept {
    clock: Arc<dyn Clock>,
    letters: Mutex<Vec<(Timestamp, Letter)>>,
    fails: AtomicBool,
    failed: AtomicU64,
}

impl Kept {
    /// An empty mailbox.
    pub fn new(clock: Arc<dyn Clock>) -> Kept {
        Kept { clock, letters: Mutex::default(), fails: AtomicBool::new(false), failed: AtomicU64::new(0) }
    }

    /// From now on letters to deliver are refused, or taken again.
    pub fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::Relaxed);
    }

    /// Letters refused so far.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

impl Mail for Kept {
    fn send(&self, letter: Letter) -> BoxFuture<'_, Result<(), ProviderError>> {
        self.letters.lock().push((self.clock.now(), letter));
        Box::pin(std::future::ready(Ok(())))
    }

    fn deliver<'a>(&'a self, letter: Letter, _: &'a str) -> BoxFuture<'a, Result<(), ProviderError>> {
        if self.fails.load(Ordering::Relaxed) {
            self.failed.fetch_add(1, Ordering::Relaxed);
            return Box::pin(std::future::ready(Err(ProviderError::TryAgain("the mail server is away".into()))));
        }
        Mail::send(self, letter)
    }

    fn kept(&self) -> Vec<(Timestamp, Letter)> {
        self.letters.lock().iter().rev().cloned().collect()
    }
}

impl Sms for Kept {
    fn send(&self, text: Text) -> BoxFuture<'_, Result<(), ProviderError>> {
        let letter = Letter { to: text.to.to_string(), subject: SUBJECT.into(), text: text.text, code: text.code };
        Mail::send(self, letter)
    }

    fn deliver(&self, text: Text) -> BoxFuture<'_, Result<(), ProviderError>> {
        Sms::send(self, text)
    }
}
