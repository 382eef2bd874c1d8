//! One server process of a simulated world: its ports share the world's truth, and fall silent when it is killed.

use crate::planted::Bug;
use crate::record::{Record, RoomCall};
use backstage_actors::fakes::{FakeMedia, FakeRooms, FakeSpine, Fault, Memory, PausedClock, Silent, Trouble};
use backstage_actors::ports::*;
use backstage_actors::{Limits, Media, Ports, Running, Stage};
use backstage_core::delivery::Live;
use backstage_core::effect::{Lane, Lifecycle};
use backstage_core::stream::Setup;
use backstage_core::{BroadcastId, StreamId, TimerName, Timestamp, TrackId};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What outlives every process.
pub struct World {
    pub clock: Arc<PausedClock>,
    pub ids: Arc<backstage_actors::fakes::CountedIds>,
    pub memory: Memory,
    pub rooms: FakeRooms,
    pub spine: FakeSpine,
    pub media: Arc<FakeMedia>,
    pub setup: Setup,
    pub record: Mutex<Record>,
    pub trouble: Trouble,
    pub bug: Option<Bug>,
    pub commits: AtomicU64,
}

/// A process: alive until it is killed.
pub struct Node {
    pub running: Running,
    life: Arc<AtomicBool>,
}

impl Node {
    pub fn start(world: &Arc<World>) -> Node {
        let life = Arc::new(AtomicBool::new(true));
        let hand = Arc::new(Hand { world: world.clone(), life: life.clone() });
        let running = Stage::start(Ports {
            store: hand.clone(),
            clock: world.clock.clone(),
            ids: world.ids.clone(),
            rooms: hand.clone(),
            spine: hand.clone(),
            announcer: Arc::new(Silent),
            gauge: Arc::new(Silent),
            media: Media {
                setup: world.setup,
                bridges: hand.clone(),
                broadcasts: hand.clone(),
                recordings: hand,
                audiences: world.media.clone(),
            },
            rules: world.bug.map_or_else(Default::default, Bug::rules),
            limits: Limits {
                sweep_ms: if world.bug == Some(Bug::NoSweep) { 1 << 40 } else { 10_000 },
                poll_ms: 60_000,
                watch_ms: if world.bug == Some(Bug::NoWatch) { 1 << 40 } else { 1_500 },

                ..Limits::default()
            },
        });
        Node { running, life }
    }

    pub fn stage(&self) -> &Stage {
        &self.running.stage
    }

    /// `kill -9`: nothing that this process still does has any effect.
    pub fn kill(&self) {
        self.life.store(false, Ordering::SeqCst);
        self.running.abort();
    }
}

/// The ports of one process.
struct Hand {
    world: Arc<World>,
    life: Arc<AtomicBool>,
}

impl Hand {
    /// Does one piece of work in the world, with the trouble that is drawn for it; never returns once killed.
    async fn reach<T>(&self, work: impl FnOnce(&World) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let fault = self.world.trouble.strike().await;
        if !self.life.load(Ordering::SeqCst) {
            return std::future::pending().await;
        }
        match fault {
            Fault::None => work(&self.world),
            Fault::Before => Err(StoreError::Unavailable("no connection".into())),
            Fault::After => {
                work(&self.world)?;
                Err(StoreError::Unavailable("the answer was lost".into()))
            }
        }
    }

    /// Like [`Hand::call`] for what is looked at every second: it may fail but takes no time, so that most of the
    /// simulation is not spent waiting for looks.
    async fn glance<T>(&self, work: impl FnOnce(&World) -> T) -> Result<T, ProviderError> {
        if !self.life.load(Ordering::SeqCst) {
            return std::future::pending().await;
        }
        match self.world.trouble.glance() {
            Fault::None => Ok(work(&self.world)),
            Fault::Before | Fault::After => Err(ProviderError::TryAgain("no connection".into())),
        }
    }

    async fn call<T>(&self, work: impl FnOnce(&World) -> T) -> Result<T, ProviderError> {
        self.reach(|world| Ok(work(world))).await.map_err(|error| ProviderError::TryAgain(error.to_string()))
    }
}

/// A future of the in-memory fakes is ready at once.
fn now_or_panic<T>(future: impl Future<Output = T>) -> T {
    futures_util::FutureExt::now_or_never(future).expect("fakes without trouble answer at once")
}

impl Store for Hand {
    fn load<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        Box::pin(self.reach(move |world| now_or_panic(world.memory.load(key))))
    }
    fn commit(&self, mut commit: Commit) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.reach(move |world| {
            let n = world.commits.fetch_add(1, Ordering::Relaxed);
            let asked = commit.clone();
            if let Some(bug) = world.bug {
                bug.spoil_commit(n, &mut commit, world);
            }
            now_or_panic(world.memory.commit(commit))?;
            let timers = now_or_panic(world.memory.timers(&asked.key))?;
            world.record.lock().committed(world.clock.now(), &asked, timers, &world.media.tapes());
            Ok(())
        }))
    }
    fn settle(&self, settles: Settles) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.reach(move |world| {
            now_or_panic(world.memory.settle(settles.clone()))?;
            world.record.lock().settled(&settles);
            Ok(())
        }))
    }
    fn claim_effects(
        &self,
        lane: Lane,
        now: Timestamp,
        lease_ms: i64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<OutboxRow>, StoreError>> {
        Box::pin(self.reach(move |world| {
            let rows = now_or_panic(world.memory.claim_effects(lane, now, lease_ms, limit))?;
            if let Some(bug) = world.bug {
                bug.after_claim(&rows, world);
            }
            Ok(rows)
        }))
    }
    fn release_effects(&self, lane: Lane, now: Timestamp) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.reach(move |world| now_or_panic(world.memory.release_effects(lane, now))))
    }
    fn performed(&self, key: &str, outcome: Performed) -> BoxFuture<'_, Result<(), StoreError>> {
        let key = key.to_owned();
        Box::pin(self.reach(move |world| {
            if let Performed::Dead { .. } = outcome {
                world.record.lock().dead(&key);
            }
            now_or_panic(world.memory.performed(&key, outcome))
        }))
    }
    fn next_effect_at(&self, lane: Lane) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(self.reach(move |world| now_or_panic(world.memory.next_effect_at(lane))))
    }
    fn due_timers(&self, now: Timestamp, limit: u32) -> BoxFuture<'_, Result<Vec<TimerRow>, StoreError>> {
        Box::pin(self.reach(move |world| {
            let rows = now_or_panic(world.memory.due_timers(now, limit))?;
            if let Some(bug) = world.bug {
                bug.after_due(&rows, world);
            }
            Ok(rows)
        }))
    }
    fn next_timer_at(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(self.reach(|world| now_or_panic(world.memory.next_timer_at())))
    }
    fn receive(&self, message: InboxMessage) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.reach(move |world| now_or_panic(world.memory.receive(message))))
    }
    fn unsettled_inbox(
        &self,
        prefix: &'static str,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<InboxMessage>, StoreError>> {
        Box::pin(self.reach(move |world| now_or_panic(world.memory.unsettled_inbox(prefix, limit))))
    }
    fn open_streams(&self) -> BoxFuture<'_, Result<Vec<OpenStream>, StoreError>> {
        Box::pin(self.reach(|world| now_or_panic(world.memory.open_streams())))
    }
    fn path(&self, stream: &StreamId) -> BoxFuture<'_, Result<Option<Path>, StoreError>> {
        let stream = stream.clone();
        Box::pin(self.reach(move |world| now_or_panic(world.memory.path(&stream))))
    }
    fn timers(&self, owner: &Key) -> BoxFuture<'_, Result<Vec<TimerName>, StoreError>> {
        let owner = owner.clone();
        Box::pin(self.reach(move |world| now_or_panic(world.memory.timers(&owner))))
    }
    fn events(&self, key: &Key, after: i64, limit: u32) -> BoxFuture<'_, Result<Vec<EventRow>, StoreError>> {
        let key = key.clone();
        Box::pin(self.reach(move |world| now_or_panic(world.memory.events(&key, after, limit))))
    }
    fn outbox_backlog(&self) -> BoxFuture<'_, Result<Vec<Backlog>, StoreError>> {
        Box::pin(self.reach(|world| now_or_panic(world.memory.outbox_backlog())))
    }
}

impl Rooms for Hand {
    fn open<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(self.call(move |world| {
            let _ = now_or_panic(world.rooms.open(stream));
            world.record.lock().room_call(world.clock.now(), RoomCall::Opened(stream.clone()));
        }))
    }
    fn close<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(self.call(move |world| {
            let _ = now_or_panic(world.rooms.close(stream));
            world.record.lock().room_call(world.clock.now(), RoomCall::Closed(stream.clone()));
        }))
    }
    fn list(&self) -> BoxFuture<'_, Result<Vec<RoomSeen>, ProviderError>> {
        Box::pin(async { self.call(|world| now_or_panic(world.rooms.list())).await? })
    }
    fn host_tracks<'a>(
        &'a self,
        stream: &'a StreamId,
    ) -> BoxFuture<'a, Result<Option<BTreeSet<TrackId>>, ProviderError>> {
        Box::pin(async move { self.call(|world| now_or_panic(world.rooms.host_tracks(stream))).await? })
    }
}

impl Spine for Hand {
    fn publish<'a>(&'a self, key: &'a str, event: &'a Lifecycle) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move { self.call(|world| now_or_panic(world.spine.publish(key, event))).await? })
    }
}

impl Bridges for Hand {
    fn start<'a>(&'a self, path: &'a Path, live: &'a BroadcastId) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(
            async move { self.call(|world| now_or_panic(Bridges::start(world.media.as_ref(), path, live))).await? },
        )
    }
    fn stop<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move { self.call(|world| now_or_panic(Bridges::stop(world.media.as_ref(), stream))).await? })
    }
    fn look<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<WorkerSeen, ProviderError>> {
        Box::pin(async move { self.glance(|world| now_or_panic(Bridges::look(world.media.as_ref(), stream))).await? })
    }
    fn list(&self) -> BoxFuture<'_, Result<Vec<StreamId>, ProviderError>> {
        Box::pin(async { self.glance(|world| now_or_panic(Bridges::list(world.media.as_ref()))).await? })
    }
}

impl Broadcasts for Hand {
    fn create<'a>(&'a self, path: &'a Path, grace_ms: i64) -> BoxFuture<'a, Result<Live, ProviderError>> {
        Box::pin(async move { self.call(|world| now_or_panic(world.media.create(path, grace_ms))).await? })
    }
    fn complete<'a>(&'a self, id: &'a BroadcastId) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move { self.call(|world| now_or_panic(world.media.complete(id))).await? })
    }
    fn progress<'a>(&'a self, live: &'a Live) -> BoxFuture<'a, Result<Progress, ProviderError>> {
        Box::pin(async move { self.glance(|world| now_or_panic(world.media.progress(live))).await? })
    }
    fn list(&self) -> BoxFuture<'_, Result<Vec<BroadcastSeen>, ProviderError>> {
        Box::pin(async { self.glance(|world| now_or_panic(Broadcasts::list(world.media.as_ref()))).await? })
    }
}

impl Recordings for Hand {
    fn start<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move { self.call(|world| now_or_panic(Recordings::start(world.media.as_ref(), path))).await? })
    }
    fn stop<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<bool, ProviderError>> {
        Box::pin(async move { self.call(|world| now_or_panic(Recordings::stop(world.media.as_ref(), stream))).await? })
    }
    fn look<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<WorkerSeen, ProviderError>> {
        Box::pin(
            async move { self.glance(|world| now_or_panic(Recordings::look(world.media.as_ref(), stream))).await? },
        )
    }
    fn list(&self) -> BoxFuture<'_, Result<Vec<StreamId>, ProviderError>> {
        Box::pin(async { self.glance(|world| now_or_panic(Recordings::list(world.media.as_ref()))).await? })
    }
    fn archive<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, Result<Archiving, ProviderError>> {
        Box::pin(async move { self.call(|world| now_or_panic(world.media.archive(path))).await? })
    }
}
