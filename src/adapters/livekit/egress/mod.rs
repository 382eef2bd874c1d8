//! The `Bridges` port over LiveKit's Egress: instead of our own bridge, a participant egress of the host sends the stream
//! by RTMP to the HLS provider. For operators who run Egress anyway, or whose hosts send other codecs than H.264: Egress
//! codes anew, at about two cores a stream, where our bridge passes on.
//!
//! | LiveKit says | the bridge is |
//! |---|---|
//! | `STARTING`, `ACTIVE`, `ENDING` | there |
//! | `COMPLETE`, and the host publishes | started anew, [`STARTS_MAX`] times in a row |
//! | any end, and no host publishes | there: it is started when a host is back |
//! | `FAILED`, `ABORTED`, `LIMIT_REACHED` | given up: the stream falls back and asks again after its rest |
//! | no Egress service answers, [`TRIES_MAX`] times | given up |
//!
//! One loop per stream (`feed.rs`) keeps it so; it looks every [`LOOK`]. Which egress is ours is told by the room's name, the
//! host's identity and the ingest it sends to, so a server that starts anew finds what its predecessor began, and egresses
//! that an operator starts in the same rooms for something else are left alone. A planned end of this server leaves them
//! sending. Recording and health stay with our own participant: see [`crate::crew`].
//!
//! Time-outs 3 s a call and [`START_MS_MAX`] for a start. Every call is safe to repeat. The stream key goes to LiveKit and
//! into no log and no error.

mod calls;
mod feed;
mod seen;

pub use calls::START_MS_MAX;
pub use feed::{STARTS_MAX, TRIES_MAX};

use super::{Endpoint, LiveKitRooms, RoomNames};
use crate::ports::StreamKeys;
use backstage_actors::ports::{BoxFuture, Bridges, Gauge, Path, ProviderError, WorkerSeen};
use backstage_core::{BroadcastId, StreamId};
use calls::{CallError, Calls, Stopped};
use feed::Feed;
use livekit_protocol::EgressInfo;
use parking_lot::Mutex;
use seen::Standing;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks at a stream's egress.
pub const LOOK: Duration = Duration::from_secs(2);
/// How long a stop waits for the end.
const STOP_MAX: Duration = Duration::from_secs(10);
/// Between two looks at one that is to end.
const STOP_LOOK: Duration = Duration::from_millis(250);
/// Egresses without a worker that are remembered.
const DESERTED_MAX: usize = 1_000;

/// What it needs.
pub struct EgressSettings {
    /// The LiveKit that the Egress service belongs to.
    pub endpoint: Endpoint,
    /// Names this installation.
    pub install: String,
    /// Tells stream keys.
    pub keys: Arc<dyn StreamKeys>,
    /// Where the egress publishes, the key apart; Egress must reach it.
    pub ingest_url: String,
    /// Name of a file that Egress writes beside, in the storage that it is set up with; `None`: none.
    pub file: Option<String>,
    /// Counts loops that are begun again.
    pub gauge: Arc<dyn Gauge>,
    /// Between two looks: [`LOOK`].
    pub look_every: Duration,
}

/// See the module.
pub struct EgressBridges {
    shared: Arc<Shared>,
    feeds: Mutex<BTreeMap<StreamId, Feed>>,
}

/// What the loops share.
struct Shared {
    settings: EgressSettings,
    calls: Calls,
    rooms: LiveKitRooms,
    names: RoomNames,
    /// Listed as running although no worker answers for them: LiveKit keeps what a killed worker left for a day.
    deserted: Mutex<BTreeSet<String>>,
}

impl EgressBridges {
    /// Connects when first used. Call its methods on an arbiter.
    pub fn new(settings: EgressSettings) -> EgressBridges {
        let names = RoomNames::new(&settings.install);
        let shared = Shared {
            calls: Calls::new(&settings.endpoint),
            rooms: LiveKitRooms::new(&settings.endpoint, &settings.install),
            names,
            deserted: Mutex::default(),
            settings,
        };
        EgressBridges { shared: Arc::new(shared), feeds: Mutex::default() }
    }

    async fn end(&self, stream: &StreamId) -> Result<(), ProviderError> {
        drop(self.feeds.lock().remove(stream));
        let room = self.shared.names.of(stream);
        let mut asked = BTreeSet::new();
        let until = Instant::now() + STOP_MAX;
        loop {
            let going = match self.shared.ours(&room).await {
                Ok(going) => going,
                // Without Egress nothing sends.
                Err(CallError::NoEgress(_)) => return Ok(()),
                Err(CallError::Other(error)) => return Err(error),
            };
            if going.is_empty() {
                return Ok(());
            }
            for info in &going {
                if seen::standing(info) == Standing::Runs && asked.insert(info.egress_id.clone()) {
                    self.shared.stop(&info.egress_id).await?;
                }
            }
            if Instant::now() >= until {
                return match going.iter().any(|info| seen::standing(info) == Standing::Runs) {
                    true => Err(ProviderError::TryAgain("the egress does not stop".into())),
                    // It sends no more: its file is being finished.
                    false => Ok(()),
                };
            }
            tokio::time::sleep(STOP_LOOK).await;
        }
    }

    async fn all(&self) -> Result<Vec<StreamId>, ProviderError> {
        let mut streams: BTreeSet<StreamId> = self.feeds.lock().keys().cloned().collect();
        match self.shared.ours("").await {
            Ok(seen) => streams.extend(seen.iter().filter_map(|info| self.shared.names.stream(&info.room_name))),
            Err(CallError::NoEgress(_)) => {}
            Err(CallError::Other(error)) => return Err(error),
        }
        Ok(streams.into_iter().collect())
    }
}

impl Shared {
    /// Bridges of ours in this room that are not over; in all our rooms for "".
    async fn ours(&self, room: &str) -> Result<Vec<EgressInfo>, CallError> {
        let mut going = self.calls.going(room).await?;
        let deserted = self.deserted.lock();
        going.retain(|info| {
            let goes = matches!(seen::standing(info), Standing::Runs | Standing::Ends);
            let sends = seen::publishes_at(info, &self.settings.ingest_url);
            goes && sends && self.names.stream(&info.room_name).is_some() && !deserted.contains(&info.egress_id)
        });
        Ok(going)
    }

    /// Asks an egress to stop; over already is fine.
    async fn stop(&self, id: &str) -> Result<(), ProviderError> {
        match self.calls.stop(id).await? {
            Stopped::Asked | Stopped::Over => {}
            Stopped::Unheard => {
                tracing::warn!(egress = id, "no Egress worker answers for this egress: it counts as gone");
                let mut deserted = self.deserted.lock();
                if deserted.len() >= DESERTED_MAX {
                    deserted.pop_first();
                }
                deserted.insert(id.to_owned());
            }
        }
        Ok(())
    }
}

impl Bridges for EgressBridges {
    fn start<'a>(&'a self, path: &'a Path, broadcast: &'a BroadcastId) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            let mut feeds = self.feeds.lock();
            if !feeds.get(&path.stream).is_some_and(|feed| feed.works() && feed.broadcast() == broadcast) {
                let feed = Feed::start(self.shared.clone(), &path.stream, broadcast);
                feeds.insert(path.stream.clone(), feed);
            }
            Ok(())
        })
    }

    fn stop<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(self.end(stream))
    }

    /// From memory. After a restart: missing, so that the sweep asks for it again and it is found.
    fn look<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<WorkerSeen, ProviderError>> {
        let works = self.feeds.lock().get(stream).is_some_and(Feed::works);
        Box::pin(async move { Ok(if works { WorkerSeen::Working } else { WorkerSeen::Missing }) })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<StreamId>, ProviderError>> {
        Box::pin(self.all())
    }
}
