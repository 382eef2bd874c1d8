//! Looks every second at what is delivered and recorded: whether bridge and recorder are there, whether the playlist
//! advances, how many watch. Remembers only what it saw a moment ago; a process that starts anew begins to look anew.
//!
//! [`Watch`] is the list of what to look at: every commit of this node keeps its line, the first round and every sweep
//! add what other nodes or an earlier process began.

use crate::keep::Kept;
use crate::ports::{Key, Path, Progress, StoreError, WorkerSeen};
use crate::stage::{Refusal, Stage};
use backstage_core::delivery::{Audience, Bridge, DeliveryEvent, Live};
use backstage_core::machine::Kind;
use backstage_core::recording::{Recorder, RecorderEvent};
use backstage_core::stream::{Phase, Setup, Stream, StreamEvent};
use backstage_core::{StreamId, Timestamp};
use futures_util::stream::{self, StreamExt};
use parking_lot::Mutex;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::Notify;

/// Streams looked at together.
const TOGETHER_MAX: usize = 16;
/// While there are only lobbies, one look in this many.
const LOBBY_EVERY: u64 = 5;
/// How long to sleep with nothing to look at, ms: a commit rings.
const IDLE_MS: u64 = 600_000;

/// What to look at in one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Where.
    pub path: Path,
    /// Its audience counts.
    pub counts: bool,
    /// Since when the bridge is set up.
    pub bridge_since: Option<Timestamp>,
    /// What the bridge sends to.
    pub live: Option<Live>,
    /// The playlist is known to advance.
    pub proven: bool,
    /// A recorder should be at work.
    pub records: bool,
}

impl Watched {
    /// The line of a stream; `None` if there is nothing to look at.
    pub fn of(stream: &Stream) -> Option<Watched> {
        let delivery = &stream.delivery;
        let admits = matches!(stream.phase, Phase::Lobby { .. } | Phase::Live { .. } | Phase::Reconnecting { .. });
        let bridge_since = match delivery.bridge {
            Bridge::On { since } => Some(since),
            Bridge::Off | Bridge::Asked | Bridge::Stopping => None,
        };
        let watched = Watched {
            path: Path {
                space: stream.space.clone(),
                experience: stream.experience.clone(),
                stream: stream.id.clone(),
            },
            counts: admits && delivery.limits.is_some(),
            bridge_since,
            live: delivery.broadcast.ready().cloned(),
            proven: delivery.proven_at.is_some(),
            records: matches!(stream.recorder, Recorder::Running { .. }),
        };
        (watched.counts || watched.is_busy()).then_some(watched)
    }

    fn is_busy(&self) -> bool {
        self.bridge_since.is_some() || self.records
    }
}

/// The list of what to look at.
#[derive(Default)]
pub struct Watch {
    lines: Mutex<BTreeMap<StreamId, (i64, Watched)>>,
    bell: Notify,
}

impl Watch {
    /// A stream's line as of a version; `None` takes it off. An older version than the one held says nothing.
    pub fn note(&self, stream: &StreamId, version: i64, line: Option<Watched>) {
        let mut lines = self.lines.lock();
        if lines.get(stream).is_some_and(|(held, _)| *held > version) {
            return;
        }
        match line {
            Some(line) => {
                let busy = line.is_busy();
                let before = lines.insert(stream.clone(), (version, line));
                if before.is_none_or(|(_, before)| !before.is_busy() && busy) {
                    self.bell.notify_one();
                }
            }
            None => {
                lines.remove(stream);
            }
        }
    }

    fn has(&self, stream: &StreamId) -> bool {
        self.lines.lock().contains_key(stream)
    }

    /// The line of a stream, if it has one.
    pub fn line(&self, stream: &StreamId) -> Option<Watched> {
        self.lines.lock().get(stream).map(|(_, line)| line.clone())
    }

    fn all(&self) -> Vec<Watched> {
        self.lines.lock().values().map(|(_, line)| line.clone()).collect()
    }
}

/// What was seen of one stream.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// For this bridge.
    bridge_since: Option<Timestamp>,
    /// The newest part, and when it was first seen.
    newest: Option<(u64, Timestamp)>,
    told: Option<Audience>,
}

type Memory = RefCell<BTreeMap<StreamId, Seen>>;

/// Starts the loop.
pub fn start(stage: Stage) -> Kept {
    let gauge = stage.shared().ports.gauge.clone();
    Kept::start("watch", gauge, move || {
        let stage = stage.clone();
        async move {
            let memory = Memory::default();
            let began_at = stage.shared().ports.clock.now();
            let (mut filled, mut rounds) = (false, 0_u64);
            loop {
                if !filled {
                    filled = fill(&stage).await.is_ok();
                }
                let lines = stage.shared().watch.all();
                let busy = lines.iter().any(Watched::is_busy);
                if busy || rounds.is_multiple_of(LOBBY_EVERY) {
                    round(&stage, &memory, &lines, began_at).await;
                }
                rounds = rounds.wrapping_add(1);
                let every_ms = stage.shared().ports.limits.watch_ms;
                let wait_ms = match (lines.is_empty() && filled, busy) {
                    (true, _) => IDLE_MS,
                    (false, true) => every_ms,
                    (false, false) => {
                        rounds = 0;
                        every_ms * LOBBY_EVERY
                    }
                };
                let bell = stage.shared().watch.bell.notified();
                let _ = tokio::time::timeout(Duration::from_millis(wait_ms), bell).await;
            }
        }
    })
}

/// Lines for every open stream, and this server's offers for those that have not begun.
async fn fill(stage: &Stage) -> Result<(), StoreError> {
    let setup = stage.shared().ports.media.setup;
    for open in stage.shared().ports.store.open_streams().await? {
        let Some((version, stream)) = load_versioned(stage, &open.path.stream).await? else { continue };
        stage.shared().watch.note(&stream.id, version, Watched::of(&stream));
        if differs(&stream, setup) {
            let _ = stage.stream(&open.path, StreamEvent::Planned { setup }, None).await;
        }
    }
    Ok(())
}

fn differs(stream: &Stream, setup: Setup) -> bool {
    let mut recorder = stream.recorder.clone();
    recorder.plan(setup.record);
    stream.delivery.limits != setup.delivery || recorder != stream.recorder
}

/// Reads the lines of streams on air anew: another node may have changed them, and be gone by now.
pub async fn adopt(stage: &Stage, streams: impl Iterator<Item = &StreamId>) {
    if stage.shared().ports.media.setup == Setup::default() {
        return;
    }
    for stream in streams {
        refresh(stage, stream).await;
    }
}

/// Reads a line anew.
async fn refresh(stage: &Stage, id: &StreamId) {
    if let Ok(Some((version, stream))) = load_versioned(stage, id).await {
        stage.shared().watch.note(id, version, Watched::of(&stream));
    }
}

/// The stream as stored.
pub(crate) async fn load(stage: &Stage, id: &StreamId) -> Result<Option<Stream>, StoreError> {
    Ok(load_versioned(stage, id).await?.map(|(_, stream)| stream))
}

async fn load_versioned(stage: &Stage, id: &StreamId) -> Result<Option<(i64, Stream)>, StoreError> {
    let stored = stage.shared().ports.store.load(&Key::new(Kind::Stream, id.as_str())).await?;
    Ok(stored.and_then(|stored| Some((stored.version, Stream::from_json(&stored.state).ok()?))))
}

async fn round(stage: &Stage, memory: &Memory, lines: &[Watched], began_at: Timestamp) {
    memory.borrow_mut().retain(|stream, _| stage.shared().watch.has(stream));
    stream::iter(lines).for_each_concurrent(TOGETHER_MAX, |line| look(stage, memory, line, began_at)).await;
}

async fn look(stage: &Stage, memory: &Memory, line: &Watched, began_at: Timestamp) {
    if line.records {
        look_at_recorder(stage, line).await;
    }
    if let Some(since) = line.bridge_since
        && look_at_bridge(stage, line, since < began_at).await
        && let Some(live) = &line.live
    {
        look_at_playlist(stage, memory, line, live, since).await;
    }
    if line.counts {
        count(stage, memory, line).await;
    }
}

async fn look_at_recorder(stage: &Stage, line: &Watched) {
    let ports = &stage.shared().ports;
    let asked_at = ports.clock.now();
    // A recorder that cannot be asked may well be at work: only one that is known to be gone is lost.
    if let Ok(WorkerSeen::Missing) = ports.media.recordings.look(&line.path.stream).await
        && tell(stage, line, StreamEvent::Recording { news: RecorderEvent::Lost { asked_at } }).await
    {
        ports.gauge.reconciled("recorder_lost");
        tracing::warn!(stream = %line.path.stream, "the recorder is gone and is started again");
    }
}

/// `false` if it is gone. `before_us`: it was set up before this process looked at anything, by an earlier one.
async fn look_at_bridge(stage: &Stage, line: &Watched, before_us: bool) -> bool {
    let ports = &stage.shared().ports;
    let asked_at = ports.clock.now();
    let Ok(WorkerSeen::Missing) = ports.media.bridges.look(&line.path.stream).await else { return true };
    let news = match before_us {
        true => DeliveryEvent::BridgeOrphaned { asked_at },
        false => DeliveryEvent::BridgeFailed { asked_at },
    };
    if tell_delivery(stage, line, news).await {
        ports.gauge.reconciled("bridge_lost");
        tracing::warn!(stream = %line.path.stream, before_us, "the bridge is gone");
    }
    false
}

async fn look_at_playlist(stage: &Stage, memory: &Memory, line: &Watched, live: &Live, since: Timestamp) {
    let ports = &stage.shared().ports;
    let asked_at = ports.clock.now();
    let progress = ports.media.broadcasts.progress(live).await;
    if let Ok(Progress::Gone) = progress {
        if tell_delivery(stage, line, DeliveryEvent::BroadcastLost { id: live.id.clone() }).await {
            ports.gauge.reconciled("broadcast_lost");
            tracing::warn!(stream = %line.path.stream, "the live stream is gone at the HLS provider");
        }
        return;
    }
    // A playlist that cannot be read stands still, as far as anybody can tell.
    let sequence = match progress {
        Ok(Progress::Active { sequence }) => Some(sequence),
        Ok(Progress::Idle | Progress::Gone) | Err(_) => None,
    };
    let (advanced, still_ms) = {
        let mut memory = memory.borrow_mut();
        let seen = memory.entry(line.path.stream.clone()).or_default();
        if seen.bridge_since != Some(since) {
            (seen.bridge_since, seen.newest) = (Some(since), None);
        }
        match (seen.newest, sequence) {
            // What was there when we came to look proves nothing.
            (None, sequence) => {
                seen.newest = Some((sequence.unwrap_or(0), asked_at));
                (false, 0)
            }
            (Some((newest, _)), Some(sequence)) if sequence > newest => {
                seen.newest = Some((sequence, asked_at));
                (true, 0)
            }
            (Some((_, at)), _) => (false, asked_at.since_ms(at)),
        }
    };
    if advanced && !line.proven {
        tell_delivery(stage, line, DeliveryEvent::PlaylistAdvanced { asked_at }).await;
    } else if line.proven
        && still_ms >= ports.limits.stall_ms
        && tell_delivery(stage, line, DeliveryEvent::PlaylistStalled { asked_at }).await
    {
        ports.gauge.reconciled("playlist_stalled");
        tracing::warn!(stream = %line.path.stream, still_ms, "the playlist stands still");
    }
}

async fn count(stage: &Stage, memory: &Memory, line: &Watched) {
    let Some(audience) = stage.shared().ports.media.audiences.count(&line.path) else { return };
    let told = memory.borrow().get(&line.path.stream).and_then(|seen| seen.told);
    if told == Some(audience) {
        return;
    }
    let event = StreamEvent::Delivery { news: DeliveryEvent::ViewersCounted { audience } };
    match stage.stream(&line.path, event, None).await {
        Ok(_) => memory.borrow_mut().entry(line.path.stream.clone()).or_default().told = Some(audience),
        Err(Refusal::Rejected(_)) => refresh(stage, &line.path.stream).await,
        Err(Refusal::Unavailable(_) | Refusal::AlreadySettled | Refusal::SlugTaken) => {}
    }
}

async fn tell_delivery(stage: &Stage, line: &Watched, news: DeliveryEvent) -> bool {
    tell(stage, line, StreamEvent::Delivery { news }).await
}

/// Whether it was news. If not, our line may be old: another node changed the stream.
async fn tell(stage: &Stage, line: &Watched, event: StreamEvent) -> bool {
    match stage.stream(&line.path, event, None).await {
        Ok(receipt) if receipt.changed => true,
        Ok(_) | Err(Refusal::Rejected(_)) => {
            refresh(stage, &line.path.stream).await;
            false
        }
        Err(Refusal::Unavailable(_) | Refusal::AlreadySettled | Refusal::SlugTaken) => false,
    }
}
