//! Where events go, and what stays true over connections.

use super::Shared;
use crate::frame::Kind;
use crate::participant::clock::ForeignClock;
use crate::participant::event::Event;
use crate::participant::format::Format;
use crate::participant::queue::Writer;
use crate::participant::wall::WallClock;
use std::sync::Arc;
use std::time::Instant;

/// Where events go.
pub(super) struct Outlet {
    pub writer: Writer,
    pub shared: Arc<Shared>,
    /// Somebody reads the events; else only the end is told.
    pub reads: bool,
}

impl Outlet {
    /// `false` once nobody can be told any more.
    pub fn tell(&mut self, event: Event) -> bool {
        if !self.reads && !matches!(event, Event::Ended { .. }) {
            return true;
        }
        let went = self.writer.push(event);
        *self.shared.unread.lock() = self.writer.dropped();
        went
    }
}

/// What stays true over connections.
#[derive(Debug)]
pub(super) struct Told {
    pub format: Option<Format>,
    pub foreign: ForeignClock,
    /// A moment and its wall-clock time. Arrival is counted from here, so a clock that is set cannot bring time back.
    anchor: (Instant, i64),
    /// Capture times of the last picture and sound.
    last_us: (i64, i64),
}

impl Told {
    pub fn new(clock: WallClock) -> Told {
        let anchor = (Instant::now(), clock());
        Told { format: None, foreign: ForeignClock::default(), anchor, last_us: (i64::MIN, i64::MIN) }
    }

    pub fn wall_us(&self, at: Instant) -> i64 {
        let passed = i64::try_from(at.saturating_duration_since(self.anchor.0).as_micros()).unwrap_or(i64::MAX);
        self.anchor.1.saturating_add(passed)
    }

    /// Another track may seem to begin before the last one ended: nobody shall see that.
    pub fn in_order(&mut self, kind: Kind, captured_us: i64) -> i64 {
        let last = if kind == Kind::Video { &mut self.last_us.0 } else { &mut self.last_us.1 };
        *last = captured_us.max(last.saturating_add(1));
        *last
    }
}
