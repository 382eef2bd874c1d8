//! One running source of pictures, whichever delivery it is.

use std::sync::Arc;
use std::time::Duration;

use backstage_media::participant::{Picture, Preference, SubscriberSettings, Viewer as Room};
use tokio::time::Instant;

use super::admission::{Admission, Tickets};
use crate::browser::Browser;
use crate::figures::Figures;
use crate::hls::HlsPlayer;
use crate::socket::Delivery;
use crate::target::{Target, TargetError};

/// Identities of hosts begin with it.
const HOST: &str = "host:";
/// A picture that stands longer is a stall, ms.
const STALL_MS: u64 = 1_000;
/// Frames of WebRTC in a row that make it ready, none later than this, ms.
const READY_FRAMES: u64 = 20;
const READY_GAP_MS: u64 = 150;
/// Latencies are sampled this often.
const LATENCY_EACH: Duration = Duration::from_secs(1);

enum Kind {
    Room(Room),
    Playlist(HlsPlayer),
}

/// What it looks like now.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// From its start to being connected.
    pub connected_after: Option<Duration>,
    /// From its start to the first picture.
    pub first_after: Option<Duration>,
    /// Since its last picture, ms.
    pub standing_ms: u64,
    /// The longest so far, ms.
    pub longest_gap_ms: u64,
    /// How often it ran out of media, for HLS.
    pub stalls: u64,
    /// It runs steadily.
    pub ready: bool,
    /// Behind the capture, ms.
    pub latency_ms: Option<u64>,
}

/// Runs until it is dropped, and counts into the figures.
pub struct Running {
    kind: Kind,
    figures: Figures,
    /// When it was started.
    pub began: Instant,
    /// When a playback token ends, ms since the Unix epoch.
    pub expires_at: Option<i64>,
    told_gap_ms: u64,
    /// The longest gap that the stage did not excuse, ms.
    worst_ms: u64,
    told_stalls: u64,
    stands: bool,
    latency_at: Instant,
    /// It was shown: what it did not show nobody missed.
    shown: bool,
}

impl Running {
    /// # Errors
    /// When it leads to another machine.
    pub fn start(
        admission: Admission,
        browser: &Browser,
        experience: &str,
        figures: &Figures,
    ) -> Result<Running, TargetError> {
        let began = Instant::now();
        let (kind, expires_at) = match admission {
            Admission::Webrtc(access) => {
                browser.target().allow_text(&access.url)?;
                let host = Preference { identity_prefix: HOST.into(), picture: Picture::ScreenFirst };
                let tickets = Tickets::new(access, browser.clone(), experience);
                (Kind::Room(Room::start(SubscriberSettings::new(host), tickets)), None)
            }
            Admission::Hls { url, expires_at } => {
                let url = browser.target().allow_text(&url)?;
                let player = HlsPlayer::start(browser.client().clone(), Arc::clone(browser.target()), url.as_str());
                (Kind::Playlist(player), Some(expires_at))
            }
        };
        Ok(Running {
            kind,
            figures: figures.clone(),
            began,
            expires_at,
            told_gap_ms: 0,
            worst_ms: 0,
            told_stalls: 0,
            stands: false,
            latency_at: began,
            shown: false,
        })
    }

    /// The word for it.
    pub fn delivery(&self) -> Delivery {
        match &self.kind {
            Kind::Room(_) => Delivery::Webrtc,
            Kind::Playlist(_) => Delivery::Hls,
        }
    }

    /// How it is.
    pub fn look(&self) -> Look {
        match &self.kind {
            Kind::Room(room) => {
                let stats = room.stats();
                let age = stats.video.frame_age_ms;
                Look {
                    connected_after: stats.connected_after_ms.map(Duration::from_millis),
                    first_after: stats.first_picture_after_ms.map(Duration::from_millis),
                    standing_ms: age.unwrap_or(0),
                    longest_gap_ms: stats.video.longest_gap_ms,
                    stalls: 0,
                    ready: stats.video.frames >= READY_FRAMES && age.is_some_and(|age| age < READY_GAP_MS),
                    latency_ms: None,
                }
            }
            Kind::Playlist(player) => {
                let stats = player.stats();
                Look {
                    connected_after: stats.connected_after_ms.map(Duration::from_millis),
                    first_after: stats.first_picture_after_ms.map(Duration::from_millis),
                    standing_ms: stats.standing_ms,
                    longest_gap_ms: stats.longest_stall_ms,
                    stalls: stats.stalls,
                    ready: stats.ready,
                    latency_ms: stats.latency_ms,
                }
            }
        }
    }

    /// Counts what the viewer saw since the last time. `excused`: the stage itself is dark.
    pub fn watch(&mut self, excused: bool) -> Look {
        self.shown = true;
        let look = self.look();
        if look.longest_gap_ms > self.told_gap_ms {
            self.told_gap_ms = look.longest_gap_ms;
            if !excused {
                self.worst_ms = look.longest_gap_ms;
                self.figures.gap_now(look.longest_gap_ms);
            }
        }
        if !excused {
            self.worst_ms = self.worst_ms.max(look.standing_ms);
        }
        let stands = match self.kind {
            Kind::Room(_) => look.standing_ms > STALL_MS,
            Kind::Playlist(_) => look.stalls > self.told_stalls,
        };
        if stands && !self.stands && !excused {
            self.figures.stalled();
        }
        (self.stands, self.told_stalls) = (stands, look.stalls);
        let now = Instant::now();
        if let Some(latency_ms) = look.latency_ms.filter(|_| now >= self.latency_at) {
            self.latency_at = now + LATENCY_EACH;
            self.figures.latency(latency_ms);
        }
        look
    }

    /// What made it end by itself, as kind and words.
    pub fn over(&mut self) -> Option<(&'static str, String)> {
        match &mut self.kind {
            Kind::Room(room) => {
                // One look; what it waits for is asked for again the next time.
                let ended = futures_util::FutureExt::now_or_never(room.ended())?;
                Some(("webrtc ended", ended.map_or_else(|| "gone".into(), |reason| reason.to_string())))
            }
            Kind::Playlist(player) => player.over().map(|error| (error.word(), error.to_string())),
        }
    }

    /// Goes on with the token of another admission.
    pub fn renew(&self, url: &str, target: &Target) {
        if let (Kind::Playlist(player), Ok(url)) = (&self.kind, target.allow_text(url)) {
            player.renew(&url);
        }
    }

    /// Ends at once.
    pub fn leave(self) {
        self.count();
    }

    /// Says goodbye where there is somebody to say it to.
    pub async fn stop(self) {
        self.count();
        match self.kind {
            Kind::Room(room) => room.stop().await,
            Kind::Playlist(player) => drop(player),
        }
    }

    fn count(&self) {
        let (pictures, keyframes) = match &self.kind {
            Kind::Room(room) => {
                let video = room.stats().video;
                (video.frames, video.keyframes)
            }
            Kind::Playlist(player) => {
                let stats = player.stats();
                (stats.pictures, stats.keyframes)
            }
        };
        self.figures.pictures(pictures, keyframes);
        if self.shown && pictures > 0 {
            self.figures.gap(self.worst_ms);
        }
    }
}
