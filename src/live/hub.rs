//! All channels of this node. It is the actors' [`Announcer`]: each commit reaches the browsers from here.

use backstage_actors::ports::{Announcer, Audiences, Clock, News, Path};
use backstage_core::delivery::{Audience, Limits};
use backstage_core::experience::Experience;
use backstage_core::space::Space;
use backstage_core::{ExperienceId, Kind, SpaceId};
use moka::sync::Cache;
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;

use super::broadcasts;
use super::channel::{Channel, Coming, Snapshot};
use super::for_hosts::ForHosts;
use super::presence::Member;
use crate::error::Problem;
use crate::store::SqlStore;
use crate::stream::words;
use crate::telemetry::{Metrics, media};
use crate::{alert, pass};

/// How often presence is told, ms.
pub const TICK_MS: u64 = 1_000;
/// A channel that nobody uses is put away after this, ms.
const IDLE_MS: i64 = 10 * 60_000;
/// Between two counts of who is coming, s.
pub const COMING_EVERY: Duration = Duration::from_secs(15);
/// Spaces held in memory.
const SPACES_MAX: u64 = 10_000;
/// How stale a space may be when another process changed it.
const SPACES_FOR: Duration = Duration::from_secs(4);

/// See the module.
pub struct Hub {
    store: SqlStore,
    clock: Arc<dyn Clock>,
    channels: RwLock<HashMap<ExperienceId, Arc<Channel>>>,
    spaces: Cache<SpaceId, Arc<Space>>,
    seats: Mutex<HashMap<String, u32>>,
    next_socket: AtomicU64,
    leaving: watch::Sender<bool>,
    /// What this server offers: shown to hosts before there is a stream.
    limits: Option<Limits>,
    metrics: Arc<Metrics>,
}

impl Hub {
    /// A hub without anybody. `limits`: of the HLS side, if there is one.
    pub fn new(store: SqlStore, clock: Arc<dyn Clock>, limits: Option<Limits>, metrics: Arc<Metrics>) -> Hub {
        Hub {
            store,
            metrics,
            clock,
            limits,
            channels: RwLock::default(),
            spaces: Cache::builder().max_capacity(SPACES_MAX).time_to_live(SPACES_FOR).build(),
            seats: Mutex::default(),
            next_socket: AtomicU64::new(1),
            leaving: watch::Sender::new(false),
        }
    }

    /// The channel of an experience; `None` if there is no such experience.
    pub async fn channel(&self, id: &ExperienceId) -> Result<Option<Arc<Channel>>, Problem> {
        let held = self.channels.read().get(id).cloned();
        let channel = match held {
            Some(channel) if channel.loaded.initialized() => return Ok(self.used(channel)),
            Some(channel) => channel,
            None => self.channels.write().entry(id.clone()).or_default().clone(),
        };
        // The channel is in the map before the store is asked, so news that comes meanwhile is not lost; versions
        // settle which is newer.
        let loaded = channel.loaded.get_or_try_init(|| self.load(id, &channel)).await;
        if loaded.is_err() || channel.snapshot().is_none() {
            self.channels.write().remove(id);
            return loaded.map(|_| None);
        }
        Ok(self.used(channel))
    }

    fn used(&self, channel: Arc<Channel>) -> Option<Arc<Channel>> {
        channel.used_at.store(self.clock.now().0, Ordering::Relaxed);
        Some(channel)
    }

    async fn load(&self, id: &ExperienceId, channel: &Channel) -> Result<(), Problem> {
        if let Some(found) = self.store.experience(id).await? {
            let streams =
                [found.state.current.as_ref().map(|current| current.stream.clone()), found.state.last.clone()];
            for stream in streams.into_iter().flatten() {
                if let Some(found) = self.store.stream(&stream).await? {
                    channel.put_stream(found.version, found.state);
                }
            }
            channel.put_coming(self.coming(&found.state).await?);
            channel.put_experience(found.version, found.state);
        }
        Ok(())
    }

    /// How many said that they come, and how many hold what lets them in.
    async fn coming(&self, experience: &Experience) -> Result<Coming, Problem> {
        let db = self.store.db();
        let rsvps = alert::store::count(db, &experience.id).await?;
        let holders = pass::grants::holders(db, &experience.space, &experience.id, self.clock.now()).await?;
        Ok(Coming { rsvps, holders })
    }

    /// Counts anew who is coming, for every experience that somebody looks at.
    pub async fn count_coming(&self) {
        let channels: Vec<Arc<Channel>> = self.channels.read().values().cloned().collect();
        for channel in channels {
            let Some(snapshot) = channel.snapshot() else { continue };
            let open = snapshot.stream.as_ref().is_some_and(|stream| !stream.phase.is_over());
            if !open && !channel.has_hosts() {
                continue;
            }
            match self.coming(&snapshot.experience).await {
                Ok(coming) => channel.put_coming(coming),
                Err(problem) => tracing::debug!(%problem, "who is coming could not be counted"),
            }
        }
    }

    /// The `state` message with what hosts see.
    pub fn state_for_host(&self, snapshot: &Snapshot) -> String {
        let now = self.clock.now();
        let coming = self.channels.read().get(&snapshot.experience.id).map(|channel| channel.audience());
        let more = ForHosts::of(snapshot, self.limits.as_ref(), &coming.unwrap_or_default(), now);
        broadcasts::state_for_host(&snapshot.body, now, &more).unwrap_or_else(|error| {
            tracing::error!(%error, "what hosts see cannot be written");
            broadcasts::state(&snapshot.body, now)
        })
    }

    /// The state of an experience now; `None` if there is no such experience.
    pub async fn snapshot(&self, id: &ExperienceId) -> Result<Option<Arc<Snapshot>>, Problem> {
        Ok(self.channel(id).await?.and_then(|channel| channel.snapshot()))
    }

    /// A space.
    pub async fn space(&self, id: &SpaceId) -> Result<Option<Arc<Space>>, Problem> {
        if let Some(space) = self.spaces.get(id) {
            return Ok(Some(space));
        }
        let Some(found) = self.store.space(id).await? else {
            return Ok(None);
        };
        let space = Arc::new(found.state);
        self.spaces.insert(id.clone(), space.clone());
        Ok(Some(space))
    }

    /// Rings those sockets that `which` picks: they ask again whether they may stay.
    pub fn ask_again(&self, which: impl Fn(&Member) -> bool) {
        for channel in self.channels.read().values() {
            channel.ask_again(&which);
        }
    }

    /// Rings all sockets of an experience.
    pub fn ask_again_in(&self, experience: &ExperienceId) {
        if let Some(channel) = self.channels.read().get(experience) {
            channel.ask_again(&|_| true);
        }
    }

    /// Takes a seat for a socket under each key, or `None` when one of them has `max` already.
    pub fn seat(self: &Arc<Self>, keys: Vec<(String, u32)>) -> Option<Seat> {
        let mut seats = self.seats.lock();
        if keys.iter().any(|(key, max)| seats.get(key).is_some_and(|taken| taken >= max)) {
            return None;
        }
        for (key, _) in &keys {
            *seats.entry(key.clone()).or_default() += 1;
        }
        drop(seats);
        let id = self.next_socket.fetch_add(1, Ordering::Relaxed);
        Some(Seat { hub: self.clone(), keys: keys.into_iter().map(|(key, _)| key).collect(), id })
    }

    /// Open sockets.
    pub fn sockets(&self) -> usize {
        self.seats.lock().iter().filter(|(key, _)| key.starts_with("net ")).map(|(_, taken)| *taken as usize).sum()
    }

    /// Viewers on this node's sockets.
    pub fn viewers(&self) -> usize {
        self.channels.read().values().map(|channel| channel.viewers()).sum()
    }

    /// The whole audience by what it sees, and streams on air by mode of delivery.
    pub fn delivery(&self) -> (Audience, BTreeMap<&'static str, i64>) {
        let (mut all, mut modes) = (Audience::default(), BTreeMap::new());
        for channel in self.channels.read().values() {
            let Audience { webrtc, hls, slate, waiting, .. } = channel.audience();
            for (sum, count) in
                [(&mut all.webrtc, webrtc), (&mut all.hls, hls), (&mut all.slate, slate), (&mut all.waiting, waiting)]
            {
                *sum = sum.saturating_add(count);
            }
            let snapshot = channel.snapshot();
            if let Some(stream) = snapshot.as_ref().and_then(|snapshot| snapshot.stream.as_ref())
                && stream.delivery.stage.is_on_air()
            {
                *modes.entry(stream.delivery.mode.as_str()).or_default() += 1;
            }
        }
        (all, modes)
    }

    /// Turns true when the server goes away.
    pub fn leaving(&self) -> watch::Receiver<bool> {
        self.leaving.subscribe()
    }

    /// Tells all sockets that the server goes away.
    pub fn leave(&self) {
        self.leaving.send_replace(true);
    }

    /// Ticks until dropped: presence each second, idle channels put away.
    pub async fn run(&self) {
        let mut every = tokio::time::interval(Duration::from_millis(TICK_MS));
        let mut ticks: u64 = 0;
        loop {
            every.tick().await;
            ticks += 1;
            for channel in self.channels.read().values() {
                channel.tick();
            }
            if ticks.is_multiple_of(60) {
                let before = self.clock.now().0 - IDLE_MS;
                self.channels.write().retain(|_, channel| Arc::strong_count(channel) > 1 || !channel.is_idle(before));
            }
        }
    }
}

impl Audiences for Hub {
    fn count(&self, path: &Path) -> Option<Audience> {
        self.channels.read().get(&path.experience).map(|channel| channel.audience())
    }
}

impl Announcer for Hub {
    fn announce(&self, news: News) {
        match news.key.kind {
            Kind::Space => {
                if let Ok(space) = serde_json::from_str::<Space>(&news.state) {
                    self.spaces.insert(space.id.clone(), Arc::new(space));
                    self.ask_again(|_| news.event.event == "suspended");
                }
            }
            Kind::Experience => {
                let channel =
                    ExperienceId::parse(&news.key.id).ok().and_then(|id| self.channels.read().get(&id).cloned());
                if let (Some(channel), Ok(experience)) = (channel, serde_json::from_str(&news.state)) {
                    let before = channel.snapshot().map(|snapshot| snapshot.experience.settings.access);
                    let experience: Experience = experience;
                    let after = experience.settings.access;
                    channel.put_experience(news.version, experience);
                    if before.is_some_and(|before| before != after) {
                        channel.ask_again(&|_| true);
                    }
                }
            }
            Kind::Stream => {
                if media::TURNS.contains(&news.event.event.as_str()) {
                    self.metrics.media.turned(&news.event.event, &news.event.cause);
                }
                let channel = news.path.as_ref().and_then(|path| self.channels.read().get(&path.experience).cloned());
                if let (Some(channel), Ok(stream)) = (channel, serde_json::from_str(&news.state)) {
                    channel.put_stream(news.version, stream);
                    if !words::is_quiet(&news.event) {
                        channel.tell_timeline(|| broadcasts::timeline(&news.event));
                    }
                }
            }
        }
    }
}

/// A socket's place in the counts; given back when dropped.
pub struct Seat {
    hub: Arc<Hub>,
    keys: Vec<String>,
    /// Number of the socket.
    pub id: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.hub.seats.lock();
        for key in &self.keys {
            if let Some(taken) = seats.get_mut(key) {
                *taken -= 1;
                if *taken == 0 {
                    seats.remove(key);
                }
            }
        }
    }
}
