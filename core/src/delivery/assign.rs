//! Which source a given viewer gets now. The same viewer and state always give the same answer, so a server that was
//! killed in the middle of a move goes on with the same cohorts.

use super::{Delivery, Heading, Mode};
use crate::ids::StreamId;
use serde::{Deserialize, Serialize};

/// Number of [`Slot`]s.
pub const SLOTS: u16 = 10_000;
/// Viewers who must leave a dead source do so within this time of each other, ms.
pub const HURRY_MS: i64 = 500;

/// A viewer's place in the audience, 0 to 9,999: cohorts are ranges of slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// The slot of a viewer (any text that stays the same for the viewer, such as the user's or session's id) in a
    /// stream. Another stream mixes the audience anew. FNV-1a, then mixed.
    pub fn of(stream: &StreamId, viewer: &str) -> Slot {
        let bytes = stream.as_str().bytes().chain([0]).chain(viewer.bytes());
        let mut hash =
            bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        hash ^= hash >> 33;
        hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash ^= hash >> 33;
        Slot(u16::try_from(hash % u64::from(SLOTS)).unwrap_or(0))
    }

    /// This very slot, for tests and simulations; taken modulo [`SLOTS`].
    pub const fn nth(slot: u16) -> Slot {
        Slot(slot % SLOTS)
    }

    /// The number.
    pub const fn number(self) -> u16 {
        self.0
    }
}

/// Where a viewer's picture comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The media server.
    Webrtc,
    /// The playlist.
    Hls,
    /// None just now: the slate, with the promise to be let in as soon as there is room.
    Slate,
}

impl Source {
    /// The word used in the API and in figures.
    pub const fn as_str(self) -> &'static str {
        match self {
            Source::Webrtc => "webrtc",
            Source::Hls => "hls",
            Source::Slate => "slate",
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewerRef {
    /// Host, guest or with a raised hand: these stay on WebRTC whatever happens.
    pub on_stage: bool,
    /// What the viewer watches now; `None`: has just come.
    pub current: Option<Source>,
    /// See [`Slot::of`].
    pub slot: Slot,
}

/// What a viewer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assignment {
    /// From where.
    pub source: Source,
    /// Move after this time, ms, so that a cohort does not move at once. 0 for who has just come or stays.
    pub after_ms: i64,
}

impl Delivery {
    /// What this viewer should watch now. Ask at admission and whenever the delivery has changed.
    pub fn assign(&self, viewer: ViewerRef) -> Assignment {
        if viewer.on_stage {
            return Assignment { source: Source::Webrtc, after_ms: 0 };
        }
        let source = self.source_for(viewer.current, viewer.slot);
        let stays = viewer.current.is_none_or(|current| current == source);
        let spread_ms = match self.mode {
            Mode::Hybrid { .. } | Mode::Hls { .. } => self.limits.map_or(0, |limits| limits.jitter_ms),
            Mode::Webrtc | Mode::Warming { .. } | Mode::Fallback { .. } => HURRY_MS,
        };
        let after_ms = if stays || spread_ms <= 0 { 0 } else { i64::from(viewer.slot.0) * 7_919 % spread_ms };
        Assignment { source, after_ms }
    }

    /// What a viewer gets for whom HLS does not play: WebRTC while it has room, else HLS is to be tried again.
    pub fn instead_of_hls(&self, slot: Slot) -> Source {
        match self.webrtc_or_slate(None, slot) {
            Source::Slate if self.mode.is_mixed() => Source::Hls,
            other => other,
        }
    }

    fn source_for(&self, current: Option<Source>, slot: Slot) -> Source {
        let moved = |percent: u8| slot.0 < u16::from(percent) * (SLOTS / 100);
        match (self.mode, current) {
            (Mode::Hls { .. }, _) => Source::Hls,
            (Mode::Hybrid { heading: Heading::Up, moved_percent, .. }, Some(Source::Webrtc)) => {
                if moved(moved_percent) { Source::Hls } else { Source::Webrtc }
            }
            (Mode::Hybrid { heading: Heading::Up, .. }, None | Some(Source::Hls | Source::Slate)) => Source::Hls,
            (Mode::Hybrid { heading: Heading::Down, moved_percent, .. }, Some(Source::Hls)) => {
                if moved(moved_percent) {
                    Source::Hls
                } else {
                    self.webrtc_or_slate(current, slot)
                }
            }
            (
                Mode::Hybrid { heading: Heading::Down, .. }
                | Mode::Webrtc
                | Mode::Warming { .. }
                | Mode::Fallback { .. },
                _,
            ) => self.webrtc_or_slate(current, slot),
        }
    }

    /// WebRTC as far as it has room; who is on it stays.
    fn webrtc_or_slate(&self, current: Option<Source>, slot: Slot) -> Source {
        let Some(limits) = self.limits else { return Source::Webrtc };
        let fits = match current {
            Some(Source::Webrtc) => true,
            // Who leaves a dead playlist was counted when the room was shared out.
            Some(Source::Hls) => self.lets_in(slot),
            Some(Source::Slate) | None => self.lets_in(slot) && self.audience.webrtc < limits.overflow_max(),
        };
        if fits { Source::Webrtc } else { Source::Slate }
    }

    fn lets_in(&self, slot: Slot) -> bool {
        slot.0 < SLOTS.saturating_sub(self.shut_out)
    }
}
