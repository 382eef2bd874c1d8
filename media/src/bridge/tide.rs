//! The ring that the bridge fills and everybody else reads, and how readers learn that it has grown.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::ring::{Cursor, Read, Ring, RingLimits};
use super::unit::Unit;

/// Units a reader takes at a time.
const READ_MAX: usize = 256;

/// How far the ring has grown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Level {
    units: u64,
    newest_us: i64,
    ended: bool,
}

/// The writing side; there is one.
#[derive(Debug)]
pub struct Tide {
    ring: Arc<Mutex<Ring>>,
    level: watch::Sender<Level>,
}

/// A reading side.
#[derive(Debug)]
pub struct Reader {
    ring: Arc<Mutex<Ring>>,
    level: watch::Receiver<Level>,
    cursor: Cursor,
}

impl Tide {
    /// An empty ring.
    pub fn new(limits: RingLimits) -> Tide {
        Tide { ring: Arc::new(Mutex::new(Ring::new(limits))), level: watch::channel(Level::default()).0 }
    }

    /// Adds units and wakes the readers.
    pub fn rise(&self, units: &mut Vec<Unit>) {
        if units.is_empty() {
            return;
        }
        let count = units.len() as u64;
        let newest_us = units.iter().map(|unit| unit.at_us).max().unwrap_or(0);
        let mut ring = self.ring.lock();
        units.drain(..).for_each(|unit| ring.push(unit));
        drop(ring);
        self.level.send_modify(|level| {
            level.units += count;
            level.newest_us = level.newest_us.max(newest_us);
        });
    }

    /// Nothing comes any more. Readers get what is there, then the end.
    pub fn end(&self) {
        self.level.send_modify(|level| level.ended = true);
    }

    /// A reader that begins at the latest keyframe.
    pub fn reader(&self) -> Reader {
        Reader { ring: self.ring.clone(), level: self.level.subscribe(), cursor: Cursor::default() }
    }
}

impl Reader {
    /// The next units, at least one; `None` at the end. Given up half-way, nothing is lost.
    pub async fn next(&mut self) -> Option<Read> {
        loop {
            let ended = self.level.borrow_and_update().ended;
            let read = self.ring.lock().read(&mut self.cursor, READ_MAX);
            if !read.units.is_empty() {
                return Some(read);
            }
            if ended || self.level.changed().await.is_err() {
                return None;
            }
        }
    }

    /// The time of the newest unit in the ring, microseconds of the timeline.
    pub fn newest_us(&self) -> i64 {
        self.level.borrow().newest_us
    }

    /// Begins anew at the latest keyframe.
    pub fn rejoin(&mut self) {
        self.cursor = Cursor::default();
    }
}
