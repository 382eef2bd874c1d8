//! A live stream: what its encoder and its owner do to it.
//!
//! | phase | on | becomes |
//! |---|---|---|
//! | `Offline` | `Connected` | `Connected` |
//! | `Connected` | `MediaBegan` | `Recording`, with a new asset |
//! | `Recording` | `Playable` | `Active` |
//! | `Recording`, `Active` | `ConnectionLost` | `Lost` until the reconnect window is over |
//! | `Lost` | `Connected` within the window | `Returning`, with the same asset |
//! | `Returning` | `MediaBegan` | `Active` (or `Recording`) |
//! | `Lost` | `Due` past the window | `Offline`; the asset is finished |
//! | any with an asset | `Complete` | `Draining` while an encoder is connected, else `Offline`; the asset is finished |
//! | any | `Disable` | `Offline`, refused until `Enable`; the asset is finished, the encoder closed |
//!
//! An encoder that connects while another is connected takes over: the old connection is often dead already and only
//! not known to be so. Events of a connection that is no longer the present one change nothing.

use super::{AssetSettings, PlaybackId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How long the encoder of a completed stream is kept, ms, as at Mux: it should stop by itself; after that it is closed.
pub const DRAIN_MS: i64 = 60_000;
/// Assets remembered as `recent_asset_ids`.
pub const RECENT_ASSETS_MAX: usize = 50;

/// A live stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveStream {
    /// Names it.
    pub id: String,
    /// Order of making.
    pub seq: u64,
    /// When it was made, ms since the epoch.
    pub created_ms: i64,
    /// Secret that an encoder publishes with.
    pub stream_key: StreamKey,
    /// Text of the owner.
    pub passthrough: Option<String>,
    /// Title.
    pub meta: Option<Map<String, Value>>,
    /// `low`, `reduced` or `standard`: told back; the origin is always as fast as it can.
    pub latency_mode: String,
    /// How long a lost encoder may take to come back into the same asset, s.
    pub reconnect_window_s: u32,
    /// Longest session, s.
    pub max_continuous_s: u32,
    /// What can be played.
    pub playback_ids: Vec<PlaybackId>,
    /// What new assets get.
    pub new_asset: AssetSettings,
    /// Where the stream is pushed to as well.
    pub targets: Vec<Target>,
    /// Told back only.
    pub test: bool,
    /// The last ones, the latest last.
    pub recent_asset_ids: Vec<String>,
    /// Whether encoders are let in.
    pub enabled: bool,
    /// Where it stands.
    pub phase: Phase,
}

/// A secret text that `Debug` does not show.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StreamKey(pub String);

impl std::fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StreamKey(***)")
    }
}

/// A connection of an encoder, counted up for ever.
pub type SessionNo = u64;

/// Where a live stream stands. Times are ms since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name")]
pub enum Phase {
    /// Nobody publishes.
    Offline,
    /// An encoder is connected and has sent no picture.
    Connected {
        /// The encoder's connection.
        session: SessionNo,
    },
    /// Pictures are recorded, and cannot be played yet.
    Recording {
        /// The encoder's connection.
        session: SessionNo,
        /// What is recorded.
        asset: String,
        /// When the recording began.
        since_ms: i64,
    },
    /// It can be played.
    Active {
        /// The encoder's connection.
        session: SessionNo,
        /// What is recorded.
        asset: String,
        /// When the recording began.
        since_ms: i64,
    },
    /// The encoder is gone and may come back.
    Lost {
        /// What goes on when it comes back.
        asset: String,
        /// When the recording began.
        since_ms: i64,
        /// Whether it could be played.
        playable: bool,
        /// End of the reconnect window.
        until_ms: i64,
    },
    /// The encoder is back and has sent no picture yet.
    Returning {
        /// The encoder's connection.
        session: SessionNo,
        /// What goes on.
        asset: String,
        /// When the recording began.
        since_ms: i64,
        /// Whether it could be played.
        playable: bool,
    },
    /// Completed; the encoder is still connected and not heard.
    Draining {
        /// The encoder's connection.
        session: SessionNo,
        /// When it is closed.
        until_ms: i64,
    },
}

/// Somewhere else that the stream is pushed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Names it.
    pub id: String,
    /// `rtmp://` or `rtmps://`, up to the application.
    pub url: String,
    /// Secret of the place.
    pub stream_key: Option<StreamKey>,
    /// Text of the owner.
    pub passthrough: Option<String>,
    /// How it goes.
    pub status: TargetStatus,
    /// With `Errored`: whether it may recover.
    pub severity: Option<Severity>,
}

/// How a simulcast target does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetStatus {
    /// Nothing is pushed.
    Idle,
    /// A connection is being made.
    Starting,
    /// Pushed.
    Broadcasting,
    /// It failed.
    Errored,
}

impl TargetStatus {
    /// As Mux writes it.
    pub fn word(self) -> &'static str {
        match self {
            TargetStatus::Idle => "idle",
            TargetStatus::Starting => "starting",
            TargetStatus::Broadcasting => "broadcasting",
            TargetStatus::Errored => "errored",
        }
    }
}

/// How bad an error of a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It is tried again.
    Normal,
    /// It is not tried again for this asset.
    Fatal,
}

/// What happens to a live stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An encoder brought the right key.
    Connected(SessionNo),
    /// The first picture of a connection came; `asset` names the recording if a new one begins.
    MediaBegan {
        /// Of which connection.
        session: SessionNo,
        /// Id for a new asset.
        asset: String,
    },
    /// A player that asks now gets pictures.
    Playable(SessionNo),
    /// The encoder's connection ended.
    ConnectionLost(SessionNo),
    /// Something may be due: a window, the end of a drain, the longest session.
    Due,
    /// The owner says that it is over.
    Complete,
    /// The owner shuts it.
    Disable,
    /// The owner opens it again.
    Enable,
    /// The origin was started anew: no encoder is connected.
    Restarted,
    /// A push to a target changed.
    TargetSaid {
        /// Which.
        target: String,
        /// Its status now.
        status: TargetStatus,
        /// With `Errored`.
        severity: Option<Severity>,
    },
}

/// What is to be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A webhook `video.live_stream.{0}`.
    Announce(&'static str),
    /// A webhook `video.live_stream.simulcast_target.{word}` about this target.
    AnnounceTarget(String, &'static str),
    /// An asset begins.
    BeginAsset(String),
    /// The asset can be played.
    AssetReady(String),
    /// The recording has a gap from now on.
    PauseAsset(String),
    /// The recording goes on after a gap.
    ResumeAsset(String),
    /// Nothing will be added to the asset.
    FinishAsset(String),
    /// This connection is to be closed.
    CloseEncoder(SessionNo),
}

/// Why an event was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Encoders are refused until it is enabled.
    #[error("the live stream is disabled")]
    Disabled,
    /// Nothing to complete.
    #[error("the live stream is not active")]
    NotActive,
    /// Targets are fixed while a stream is not idle.
    #[error("simulcast targets can only be changed while the live stream is idle")]
    NotIdle,
    /// Of a connection or target that is no longer there.
    #[error("of a connection or target that is no longer there")]
    Stale,
}

impl LiveStream {
    /// `active`, `idle` or `disabled`, as Mux knows them.
    pub fn status(&self) -> &'static str {
        match &self.phase {
            _ if !self.enabled => "disabled",
            Phase::Active { .. } | Phase::Lost { playable: true, .. } | Phase::Returning { playable: true, .. } => {
                "active"
            }
            Phase::Offline
            | Phase::Connected { .. }
            | Phase::Recording { .. }
            | Phase::Lost { .. }
            | Phase::Returning { .. }
            | Phase::Draining { .. } => "idle",
        }
    }

    /// Whether an encoder is connected.
    pub fn connected(&self) -> bool {
        self.session().is_some()
    }

    /// Whether pictures are being recorded now.
    pub fn recording(&self) -> bool {
        matches!(self.phase, Phase::Recording { .. } | Phase::Active { .. })
    }

    /// Nothing is connected and nothing may come back: targets can be changed.
    pub fn quiet(&self) -> bool {
        self.phase == Phase::Offline
    }

    /// The connection of the present encoder.
    pub fn session(&self) -> Option<SessionNo> {
        match &self.phase {
            Phase::Connected { session }
            | Phase::Recording { session, .. }
            | Phase::Active { session, .. }
            | Phase::Returning { session, .. }
            | Phase::Draining { session, .. } => Some(*session),
            Phase::Offline | Phase::Lost { .. } => None,
        }
    }

    /// The asset being made, and since when.
    pub fn asset(&self) -> Option<(&str, i64)> {
        match &self.phase {
            Phase::Recording { asset, since_ms, .. }
            | Phase::Active { asset, since_ms, .. }
            | Phase::Lost { asset, since_ms, .. }
            | Phase::Returning { asset, since_ms, .. } => Some((asset, *since_ms)),
            Phase::Offline | Phase::Connected { .. } | Phase::Draining { .. } => None,
        }
    }

    /// When [`Event::Due`] should come, ms since the epoch.
    pub fn due_ms(&self) -> Option<i64> {
        let over = self.asset().map(|(_, since_ms)| since_ms + i64::from(self.max_continuous_s) * 1_000);
        match &self.phase {
            Phase::Lost { until_ms, .. } => Some(over.map_or(*until_ms, |over| over.min(*until_ms))),
            Phase::Draining { until_ms, .. } => Some(*until_ms),
            Phase::Offline
            | Phase::Connected { .. }
            | Phase::Recording { .. }
            | Phase::Active { .. }
            | Phase::Returning { .. } => over,
        }
    }

    /// Takes one event; the effects are to be performed in their order once the new state is kept.
    pub fn apply(&mut self, now_ms: i64, event: Event) -> Result<Vec<Effect>, Rejection> {
        match event {
            Event::Connected(session) => self.connect(now_ms, session),
            Event::MediaBegan { session, asset } => self.begin(now_ms, session, asset),
            Event::Playable(session) => self.playable(session),
            Event::ConnectionLost(session) if self.session() != Some(session) => Err(Rejection::Stale),
            Event::ConnectionLost(_) => Ok(self.lose(now_ms)),
            Event::Due => Ok(self.due(now_ms)),
            Event::Complete => self.complete(now_ms),
            Event::Disable => Ok(self.disable()),
            Event::Enable if self.enabled => Ok(vec![]),
            Event::Enable => {
                self.enabled = true;
                Ok(vec![Effect::Announce("enabled")])
            }
            Event::Restarted if self.connected() => Ok(self.lose(now_ms)),
            Event::Restarted => Ok(self.idle_targets()),
            Event::TargetSaid { target, status, severity } => self.target_said(&target, status, severity),
        }
    }

    fn connect(&mut self, now_ms: i64, session: SessionNo) -> Result<Vec<Effect>, Rejection> {
        if !self.enabled {
            return Err(Rejection::Disabled);
        }
        // What was due and not done yet, as after a sleep of the machine, comes first.
        let mut effects = self.due(now_ms);
        effects.extend(self.session().map(Effect::CloseEncoder));
        self.phase = match std::mem::replace(&mut self.phase, Phase::Offline) {
            Phase::Offline | Phase::Connected { .. } | Phase::Draining { .. } => Phase::Connected { session },
            Phase::Lost { asset, since_ms, playable, .. } | Phase::Returning { asset, since_ms, playable, .. } => {
                Phase::Returning { session, asset, since_ms, playable }
            }
            Phase::Recording { asset, since_ms, .. } => {
                effects.push(Effect::PauseAsset(asset.clone()));
                Phase::Returning { session, asset, since_ms, playable: false }
            }
            Phase::Active { asset, since_ms, .. } => {
                effects.push(Effect::PauseAsset(asset.clone()));
                Phase::Returning { session, asset, since_ms, playable: true }
            }
        };
        effects.push(Effect::Announce("connected"));
        Ok(effects)
    }

    fn begin(&mut self, now_ms: i64, session: SessionNo, fresh: String) -> Result<Vec<Effect>, Rejection> {
        if self.session() != Some(session) {
            return Err(Rejection::Stale);
        }
        match std::mem::replace(&mut self.phase, Phase::Offline) {
            Phase::Connected { .. } => {
                self.recent_asset_ids.push(fresh.clone());
                if self.recent_asset_ids.len() > RECENT_ASSETS_MAX {
                    self.recent_asset_ids.remove(0);
                }
                self.phase = Phase::Recording { session, asset: fresh.clone(), since_ms: now_ms };
                Ok(vec![Effect::BeginAsset(fresh), Effect::Announce("recording")])
            }
            Phase::Returning { asset, since_ms, playable, .. } => {
                let resumed = Effect::ResumeAsset(asset.clone());
                self.phase = match playable {
                    true => Phase::Active { session, asset, since_ms },
                    false => Phase::Recording { session, asset, since_ms },
                };
                Ok(vec![resumed, Effect::Announce("recording")])
            }
            // Nothing new: it records already, or what comes is not heard any more.
            other @ (Phase::Recording { .. } | Phase::Active { .. } | Phase::Draining { .. }) => {
                self.phase = other;
                Ok(vec![])
            }
            other @ (Phase::Offline | Phase::Lost { .. }) => {
                self.phase = other;
                Err(Rejection::Stale)
            }
        }
    }

    fn playable(&mut self, session: SessionNo) -> Result<Vec<Effect>, Rejection> {
        if self.session() != Some(session) {
            return Err(Rejection::Stale);
        }
        let Phase::Recording { asset, since_ms, .. } = &self.phase else { return Ok(vec![]) };
        let (asset, since_ms) = (asset.clone(), *since_ms);
        self.phase = Phase::Active { session, asset: asset.clone(), since_ms };
        Ok(vec![Effect::AssetReady(asset), Effect::Announce("active")])
    }

    fn lose(&mut self, now_ms: i64) -> Vec<Effect> {
        let until_ms = now_ms + i64::from(self.reconnect_window_s) * 1_000;
        let was = std::mem::replace(&mut self.phase, Phase::Offline);
        let (asset, since_ms, playable, paused) = match was {
            Phase::Connected { .. } => return vec![Effect::Announce("disconnected"), Effect::Announce("idle")],
            Phase::Draining { .. } => return vec![Effect::Announce("disconnected")],
            Phase::Recording { asset, since_ms, .. } => (asset, since_ms, false, true),
            Phase::Active { asset, since_ms, .. } => (asset, since_ms, true, true),
            Phase::Returning { asset, since_ms, playable, .. } => (asset, since_ms, playable, false),
            Phase::Offline | Phase::Lost { .. } => {
                self.phase = was;
                return vec![];
            }
        };
        let mut effects: Vec<Effect> = paused.then(|| Effect::PauseAsset(asset.clone())).into_iter().collect();
        effects.extend(self.idle_targets());
        effects.push(Effect::Announce("disconnected"));
        self.phase = Phase::Lost { asset, since_ms, playable, until_ms };
        if self.reconnect_window_s == 0 {
            effects.extend(self.due(now_ms));
        }
        effects
    }

    fn due(&mut self, now_ms: i64) -> Vec<Effect> {
        if self.due_ms().is_none_or(|due_ms| now_ms < due_ms) {
            return vec![];
        }
        match &self.phase {
            Phase::Draining { session, .. } => {
                let closed = Effect::CloseEncoder(*session);
                self.phase = Phase::Offline;
                vec![closed, Effect::Announce("disconnected")]
            }
            Phase::Lost { .. } => self.finish(),
            Phase::Offline
            | Phase::Connected { .. }
            | Phase::Recording { .. }
            | Phase::Active { .. }
            | Phase::Returning { .. } => {
                // The longest session is over: the encoder must connect anew, into a new asset.
                let mut effects: Vec<Effect> = self.session().map(Effect::CloseEncoder).into_iter().collect();
                effects.push(Effect::Announce("disconnected"));
                effects.extend(self.finish());
                effects
            }
        }
    }

    /// Ends the asset; nothing is connected afterwards.
    fn finish(&mut self) -> Vec<Effect> {
        let asset = self.asset().map(|(asset, _)| asset.to_owned());
        self.phase = Phase::Offline;
        let mut effects = self.idle_targets();
        effects.extend(asset.map(Effect::FinishAsset));
        effects.push(Effect::Announce("idle"));
        effects
    }

    fn complete(&mut self, now_ms: i64) -> Result<Vec<Effect>, Rejection> {
        if self.asset().is_none() {
            // Saying it twice is harmless while the encoder lingers.
            return if matches!(self.phase, Phase::Draining { .. }) { Ok(vec![]) } else { Err(Rejection::NotActive) };
        }
        let session = self.session();
        let effects = self.finish();
        if let Some(session) = session {
            self.phase = Phase::Draining { session, until_ms: now_ms + DRAIN_MS };
        }
        Ok(effects)
    }

    fn disable(&mut self) -> Vec<Effect> {
        if !self.enabled {
            return vec![];
        }
        self.enabled = false;
        let mut effects = vec![];
        if let Some(session) = self.session() {
            effects.extend([Effect::CloseEncoder(session), Effect::Announce("disconnected")]);
        }
        match self.quiet() {
            true => {}
            false => effects.extend(self.finish()),
        }
        effects.push(Effect::Announce("disabled"));
        effects
    }

    fn idle_targets(&mut self) -> Vec<Effect> {
        let busy = self.targets.iter_mut().filter(|target| target.status != TargetStatus::Idle);
        let mut effects = vec![];
        for target in busy {
            target.status = TargetStatus::Idle;
            target.severity = None;
            effects.push(Effect::AnnounceTarget(target.id.clone(), TargetStatus::Idle.word()));
        }
        effects
    }

    fn target_said(
        &mut self,
        id: &str,
        status: TargetStatus,
        severity: Option<Severity>,
    ) -> Result<Vec<Effect>, Rejection> {
        // What a push says after its stream has ended tells nothing new.
        if status != TargetStatus::Idle && !self.recording() {
            return Err(Rejection::Stale);
        }
        let target = self.targets.iter_mut().find(|target| target.id == id).ok_or(Rejection::Stale)?;
        if (target.status, target.severity) == (status, severity) {
            return Ok(vec![]);
        }
        target.status = status;
        target.severity = severity;
        Ok(vec![Effect::AnnounceTarget(id.to_owned(), status.word())])
    }
}
