//! The bridge as a whole: one source, one timeline, one ring; a recording and destinations that read it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};

use crate::frame::Kind;

use super::destination::{self, Board, DestinationSettings, DestinationStatus};
use super::health::{Health, HealthFigures};
use super::ring::RingLimits;
use super::source::{Input, Source};
use super::tide::Tide;
use super::timeline::{Timeline, TimelineFigures, TimelineSettings};
use super::unit::{Cause, Unit};
use super::writer::{self, RecordingBoard, RecordingStatus};

/// How often the timeline looks whether something is missing.
const TICK: Duration = Duration::from_millis(50);
/// More destinations than any show has.
pub const DESTINATIONS_MAX: usize = 16;
/// Orders that may wait.
const ORDERS_MAX: usize = 32;
/// What the recording and the destinations get to finish when the show ends.
const FINISH: Duration = Duration::from_secs(10);

/// What a bridge does.
#[derive(Debug, Clone)]
pub struct BridgeSettings {
    /// Gaps and flat pictures.
    pub timeline: TimelineSettings,
    /// What is kept in memory.
    pub ring: RingLimits,
    /// Records into this folder; what is there already is gone on with.
    pub recording: Option<PathBuf>,
    /// Makes AAC for destinations; not needed as long as there are none.
    pub ffmpeg: PathBuf,
}

impl Default for BridgeSettings {
    fn default() -> BridgeSettings {
        BridgeSettings {
            timeline: TimelineSettings::default(),
            ring: RingLimits::default(),
            recording: None,
            ffmpeg: "ffmpeg".into(),
        }
    }
}

/// How far a bridge is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BridgeState {
    /// Nothing has been received.
    #[default]
    Waiting,
    /// Pictures or sound are received.
    Live,
    /// Neither is; what goes out was put in.
    Gap,
    /// The source has ended, or the bridge was stopped.
    Ended,
}

/// A snapshot. No secret is in it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct BridgeStatus {
    /// See there.
    pub state: BridgeState,
    /// Why the source ended, if it said so.
    pub end_reason: Option<String>,
    /// What comes in.
    pub health: HealthFigures,
    /// How much later sound is placed than it should be, microseconds.
    pub skew_us: i64,
    /// How often a publisher's clock was set anew.
    pub rebases: u64,
    /// Flat pictures were shown for so long, microseconds.
    pub slate_us: i64,
    /// Silence was put in for so long, microseconds.
    pub silence_us: i64,
    /// Pictures that were left out.
    pub pictures_dropped: u64,
    /// Packets of sound that were left out.
    pub sounds_dropped: u64,
    /// Set when there is one.
    pub recording: Option<RecordingStatus>,
    /// In the order of their names.
    pub destinations: Vec<DestinationStatus>,
}

/// Why a destination was not added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// One of that name is there.
    #[error("there is a destination of that name already")]
    Duplicate,
    /// See [`DESTINATIONS_MAX`].
    #[error("there are {DESTINATIONS_MAX} destinations already")]
    TooMany,
    /// The show is over.
    #[error("the bridge has ended")]
    Ended,
}

/// A bridge that runs. Dropping it ends everything at once; [`Bridge::stop`] lets it finish.
#[derive(Debug)]
pub struct Bridge {
    shared: Arc<Shared>,
    orders: mpsc::Sender<Order>,
    ended: watch::Receiver<bool>,
    /// The one task; owns all others.
    task: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Shared {
    status: Mutex<BridgeStatus>,
    recording: Option<RecordingBoard>,
    destinations: Mutex<BTreeMap<String, Board>>,
}

#[derive(Debug)]
enum Order {
    Add(Box<DestinationSettings>, Board),
    Remove(String),
    Stop,
}

impl Bridge {
    /// Starts; must be called within a tokio runtime. Only what destinations need starts other processes.
    pub fn start(settings: BridgeSettings, source: impl Source) -> Bridge {
        let recording = settings.recording.as_ref().map(|_| RecordingBoard::default());
        let shared = Arc::new(Shared { recording, ..Shared::default() });
        let (orders, taken) = mpsc::channel(ORDERS_MAX);
        let (over, ended) = watch::channel(false);
        let mut task = JoinSet::new();
        let of_task = shared.clone();
        task.spawn(async move {
            Pump::new(settings, of_task).run(source, taken).await;
            over.send_replace(true);
        });
        Bridge { shared, orders, ended, task }
    }

    /// Adds a destination, which starts at the latest keyframe.
    ///
    /// # Errors
    /// See [`AddError`]; what happens afterwards is in the status.
    pub async fn add(&self, settings: DestinationSettings) -> Result<(), AddError> {
        let board = Board::new(&settings);
        {
            let mut destinations = self.shared.destinations.lock();
            if destinations.contains_key(&settings.id) {
                return Err(AddError::Duplicate);
            }
            if destinations.len() >= DESTINATIONS_MAX {
                return Err(AddError::TooMany);
            }
            destinations.insert(settings.id.clone(), board.clone());
        }
        let id = settings.id.clone();
        if self.orders.send(Order::Add(Box::new(settings), board)).await.is_err() {
            self.shared.destinations.lock().remove(&id);
            return Err(AddError::Ended);
        }
        Ok(())
    }

    /// Takes a destination away, if there is one of that name. Its connection is closed.
    pub async fn remove(&self, id: &str) {
        self.shared.destinations.lock().remove(id);
        // When the bridge has ended there is nothing left to remove it from.
        let _ = self.orders.send(Order::Remove(id.to_owned())).await;
    }

    /// How everything is. Cheap.
    pub fn status(&self) -> BridgeStatus {
        let mut status = self.shared.status.lock().clone();
        status.recording = self.shared.recording.as_ref().map(|board| board.lock().clone());
        status.destinations = self.shared.destinations.lock().values().map(Board::status).collect();
        status
    }

    /// Waits until the source has ended and everything is finished.
    pub async fn ended(&mut self) {
        // The sender goes away when the task fails: that is an end as well.
        let _ = self.ended.wait_for(|over| *over).await;
    }

    /// Ends it: what was received is written and sent, for some seconds at most. The last status.
    pub async fn stop(mut self) -> BridgeStatus {
        let _ = self.orders.send(Order::Stop).await;
        if let Some(Err(error)) = self.task.join_next().await {
            tracing::error!(%error, "bridge: it failed");
        }
        self.status()
    }
}

/// The bridge's own task.
struct Pump {
    settings: BridgeSettings,
    shared: Arc<Shared>,
    timeline: Timeline,
    tide: Tide,
    health: Health,
    begun: Instant,
    readers: JoinSet<()>,
    destinations: BTreeMap<String, AbortHandle>,
}

impl Pump {
    fn new(settings: BridgeSettings, shared: Arc<Shared>) -> Pump {
        Pump {
            timeline: Timeline::new(settings.timeline),
            tide: Tide::new(settings.ring),
            health: Health::new(),
            begun: Instant::now(),
            readers: JoinSet::new(),
            destinations: BTreeMap::new(),
            settings,
            shared,
        }
    }

    async fn run(mut self, mut source: impl Source, mut orders: mpsc::Receiver<Order>) {
        if let (Some(folder), Some(board)) = (self.settings.recording.clone(), self.shared.recording.clone()) {
            self.readers.spawn(writer::run(folder, self.tide.reader(), board));
        }
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut out = vec![];
        loop {
            tokio::select! {
                input = source.next() => match input {
                    Some(Input::Frame(frame)) => self.timeline.push(self.now_us(), &frame, &mut out),
                    Some(Input::Gap { kind, cause }) => self.timeline.expect_gap(kind, cause),
                    Some(Input::Reconnecting) => {
                        self.timeline.expect_gap(Kind::Video, Cause::Reconnecting);
                        self.timeline.expect_gap(Kind::Audio, Cause::Reconnecting);
                    }
                    Some(Input::Ended(reason)) => {
                        self.shared.status.lock().end_reason = Some(reason);
                        break;
                    }
                    None => break,
                },
                order = orders.recv() => match order {
                    Some(Order::Add(settings, board)) => self.add(*settings, board),
                    Some(Order::Remove(id)) => {
                        if let Some(task) = self.destinations.remove(&id) {
                            task.abort();
                        }
                    }
                    Some(Order::Stop) | None => break,
                },
                ended = self.readers.join_next(), if !self.readers.is_empty() => note(ended),
                _ = tick.tick() => {
                    self.timeline.tick(self.now_us(), &mut out);
                    self.show();
                }
            }
            self.hand_on(&mut out);
        }
        self.finish().await;
    }

    fn now_us(&self) -> i64 {
        i64::try_from(self.begun.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    fn add(&mut self, settings: DestinationSettings, board: Board) {
        let id = settings.id.clone();
        let ffmpeg = self.settings.ffmpeg.clone();
        let task = self.readers.spawn(destination::run(settings, ffmpeg, self.tide.reader(), board));
        if let Some(before) = self.destinations.insert(id, task) {
            before.abort();
        }
    }

    fn hand_on(&mut self, out: &mut Vec<Unit>) {
        out.iter().for_each(|unit| self.health.add(unit));
        self.tide.rise(out);
    }

    fn show(&self) {
        let TimelineFigures { rebases, pictures_dropped, sounds_dropped, slate_us, silence_us, skew_us } =
            self.timeline.figures();
        let health = self.health.figures();
        let state = match (self.timeline.has_begun(), health.no_video_ms > 0 && health.no_audio_ms > 0) {
            (false, _) => BridgeState::Waiting,
            (true, false) => BridgeState::Live,
            (true, true) => BridgeState::Gap,
        };
        let mut status = self.shared.status.lock();
        (status.state, status.health, status.skew_us, status.rebases) = (state, health, skew_us, rebases);
        (status.slate_us, status.silence_us) = (slate_us, silence_us);
        (status.pictures_dropped, status.sounds_dropped) = (pictures_dropped, sounds_dropped);
    }

    /// Lets everyone read to the end.
    async fn finish(mut self) {
        self.tide.end();
        let rest = async {
            while let Some(ended) = self.readers.join_next().await {
                note(Some(ended));
            }
        };
        if tokio::time::timeout(FINISH, rest).await.is_err() {
            tracing::warn!("bridge: something did not finish in time and was ended");
        }
        self.show();
        self.shared.status.lock().state = BridgeState::Ended;
    }
}

/// A task that failed is a fault of ours: told, and the others go on.
fn note(ended: Option<Result<(), tokio::task::JoinError>>) {
    if let Some(Err(error)) = ended
        && !error.is_cancelled()
    {
        tracing::error!(%error, "bridge: one of its tasks failed");
    }
}
