//! One look at the figures. Whole numbers: kbit/s, frames a second, ms, per mille.

use serde::{Deserialize, Serialize};

/// How well it goes, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Nothing to do.
    #[default]
    Good,
    /// Viewers may notice.
    Poor,
    /// Viewers do notice.
    Critical,
}

impl Grade {
    /// The word used in the API and in figures.
    pub const fn as_str(self) -> &'static str {
        match self {
            Grade::Good => "good",
            Grade::Poor => "poor",
            Grade::Critical => "critical",
        }
    }
}

/// What holds the publisher's encoder back, as its browser says (W3C webrtc-stats, `qualityLimitationReason`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limited {
    /// Nothing.
    #[default]
    None,
    /// The computer.
    Cpu,
    /// The line.
    Bandwidth,
    /// Something else.
    Other,
}

/// What the bridge received and saw since its last sample. `None`: not known, or no such track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerSample {
    /// Video and audio together.
    pub bitrate_kbps: Option<u32>,
    /// Video frames a second.
    pub fps: Option<u32>,
    /// Between the last two keyframes.
    pub keyframe_ms: Option<u32>,
    /// Packets lost for good, of a thousand.
    pub loss_per_mille: Option<u32>,
    /// For how long the picture has been black.
    pub black_ms: Option<u32>,
    /// For how long the picture has not changed at all.
    pub frozen_ms: Option<u32>,
    /// For how long there was no sound above silence.
    pub silent_ms: Option<u32>,
    /// How far sound and picture are apart, either way.
    pub drift_ms: Option<u32>,
}

/// What the publisher's browser says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PublisherSample {
    /// What leaves.
    pub bitrate_kbps: Option<u32>,
    /// Frames sent a second.
    pub fps: Option<u32>,
    /// Packets that the server did not get, of a thousand.
    pub loss_per_mille: Option<u32>,
    /// There and back.
    pub rtt_ms: Option<u32>,
    /// What holds it back.
    pub limited: Limited,
}

/// What is worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Few bits arrive.
    Bitrate,
    /// Few frames arrive.
    Fps,
    /// Keyframes are far apart.
    Keyframes,
    /// Packets are lost.
    Loss,
    /// The picture is black.
    Black,
    /// The picture is frozen.
    Frozen,
    /// No sound.
    Silence,
    /// Sound and picture are apart.
    Drift,
    /// The way is long.
    Rtt,
    /// The publisher's computer is too slow.
    Cpu,
    /// The publisher's line is too slow.
    Line,
}

impl Cause {
    /// Every cause, for tests of the locale.
    pub const ALL: [Cause; 11] = [
        Cause::Bitrate,
        Cause::Fps,
        Cause::Keyframes,
        Cause::Loss,
        Cause::Black,
        Cause::Frozen,
        Cause::Silence,
        Cause::Drift,
        Cause::Rtt,
        Cause::Cpu,
        Cause::Line,
    ];

    /// The code used in the API and the locale.
    pub const fn code(self) -> &'static str {
        match self {
            Cause::Bitrate => "bitrate",
            Cause::Fps => "fps",
            Cause::Keyframes => "keyframes",
            Cause::Loss => "loss",
            Cause::Black => "black",
            Cause::Frozen => "frozen",
            Cause::Silence => "silence",
            Cause::Drift => "drift",
            Cause::Rtt => "rtt",
            Cause::Cpu => "cpu",
            Cause::Line => "line",
        }
    }
}

/// A figure's bounds: from here on poor, from there on critical.
struct Bounds {
    poor: u32,
    critical: u32,
    /// Small is bad.
    low: bool,
}

const fn above(poor: u32, critical: u32) -> Bounds {
    Bounds { poor, critical, low: false }
}

const fn below(poor: u32, critical: u32) -> Bounds {
    Bounds { poor, critical, low: true }
}

const BITRATE: Bounds = below(400, 150);
const FPS: Bounds = below(15, 5);
const KEYFRAMES: Bounds = above(4_000, 10_000);
const LOSS: Bounds = above(30, 100);
const BLACK: Bounds = above(5_000, 20_000);
const FROZEN: Bounds = above(3_000, 10_000);
const SILENCE: Bounds = above(15_000, 60_000);
const DRIFT: Bounds = above(80, 250);
const RTT: Bounds = above(300, 800);

impl Bounds {
    /// `strict`: for the way back, a fifth within the bound is asked for.
    fn grade(&self, figure: u32, strict: bool) -> Grade {
        let hits = |bound: u32| match (self.low, strict) {
            (true, false) => figure < bound,
            (true, true) => figure < bound + bound / 5,
            (false, false) => figure > bound,
            (false, true) => figure > bound - bound / 5,
        };
        if hits(self.critical) {
            Grade::Critical
        } else if hits(self.poor) {
            Grade::Poor
        } else {
            Grade::Good
        }
    }
}

/// The worst of some figures, and which it is; the first one of those that are equally bad.
pub(super) fn worst(figures: &[(Cause, Option<u32>)], limited: Limited, strict: bool) -> (Grade, Option<Cause>) {
    let of = |(cause, figure): &(Cause, Option<u32>)| {
        let figure = (*figure)?;
        let bounds = match cause {
            Cause::Bitrate => &BITRATE,
            Cause::Fps => &FPS,
            Cause::Keyframes => &KEYFRAMES,
            Cause::Loss => &LOSS,
            Cause::Black => &BLACK,
            Cause::Frozen => &FROZEN,
            Cause::Silence => &SILENCE,
            Cause::Drift => &DRIFT,
            Cause::Rtt => &RTT,
            // Not figures; see `limited`.
            Cause::Cpu | Cause::Line => return None,
        };
        Some((bounds.grade(figure, strict), *cause))
    };
    let held = match limited {
        Limited::Cpu => Some((Grade::Poor, Cause::Cpu)),
        Limited::Bandwidth => Some((Grade::Poor, Cause::Line)),
        Limited::None | Limited::Other => None,
    };
    let mut found = (Grade::Good, None);
    for (grade, cause) in figures.iter().filter_map(of).chain(held) {
        if grade > found.0 {
            found = (grade, Some(cause));
        }
    }
    found
}
