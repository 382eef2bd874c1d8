//! The way in: hands an event to the one actor that owns the aggregate.

use crate::nouns::Noun;
use crate::owner::{ChildOf, Owner, Stop, Take};
use crate::ports::*;
use crate::registry::Registry;
use crate::supervisor::{Children, Down, Verdict};
use crate::unset::NotConfigured;
use crate::watch::Watch;
use crate::{Rules, keep::Kept, reconcile, runner, timers, watch};
use actix::prelude::*;
use backstage_core::effect::Lane;
use backstage_core::experience::{Experience, ExperienceEvent, ExperienceRejection};
use backstage_core::machine::Kind;
use backstage_core::space::{Space, SpaceEvent, SpaceRejection};
use backstage_core::stream::{Setup, Stream, StreamEvent, StreamRejection};
use backstage_core::{ExperienceId, Machine, SpaceId};
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// How long a caller waits for an owner.
pub const ANSWER_MS_MAX: u64 = 10_000;
/// How often an owner is looked up again after it went away under the caller.
const LOOKUPS_MAX: u32 = 3;

/// What the actors need of the world.
#[derive(Clone)]
pub struct Ports {
    /// The durable truth.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn Ids>,
    /// The media server.
    pub rooms: Arc<dyn Rooms>,
    /// The event spine.
    pub spine: Arc<dyn Spine>,
    /// This node's browsers.
    pub announcer: Arc<dyn Announcer>,
    /// Counts for operators.
    pub gauge: Arc<dyn Gauge>,
    /// HLS and recordings; [`Media::default`] where there are none.
    pub media: Media,
    /// The decisions; [`Rules::default`] but in tests that plant bugs.
    pub rules: Rules,
    /// Figures of the loops.
    pub limits: Limits,
}

/// HLS and recordings.
#[derive(Clone)]
pub struct Media {
    /// What is offered to new streams.
    pub setup: Setup,
    /// Bridges.
    pub bridges: Arc<dyn Bridges>,
    /// The HLS provider.
    pub broadcasts: Arc<dyn Broadcasts>,
    /// Recorders and the archive.
    pub recordings: Arc<dyn Recordings>,
    /// Who watches.
    pub audiences: Arc<dyn Audiences>,
}

/// None of it.
impl Default for Media {
    fn default() -> Media {
        let none = Arc::new(NotConfigured);
        Media {
            setup: Setup::default(),
            bridges: none.clone(),
            broadcasts: none.clone(),
            recordings: none.clone(),
            audiences: none,
        }
    }
}

/// Figures of the loops.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Between two sweeps of the media server while streams are open, ms.
    pub sweep_ms: u64,
    /// How long a claimed effect is hidden from others, ms. Longer than any provider call may take.
    pub lease_ms: i64,
    /// The longest the loops sleep before they look at the store again, ms: other nodes write there too.
    pub poll_ms: u64,
    /// Between two looks at what is delivered and recorded, ms.
    pub watch_ms: u64,
    /// A playlist that has not advanced for so long stands still, ms. Longer than two of its parts (or segments, where it
    /// has no parts): a provider with long segments needs more. Noticed after up to `stall_ms` and two looks.
    pub stall_ms: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { sweep_ms: 10_000, lease_ms: 30_000, poll_ms: 5_000, watch_ms: 1_000, stall_ms: 2_500 }
    }
}

/// What came of an event that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The aggregate's version afterwards.
    pub version: i64,
    /// `false` if the event changed nothing.
    pub changed: bool,
}

/// Why an event was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal<R: std::error::Error> {
    /// The domain says no; asking again changes nothing.
    #[error("{0}")]
    Rejected(R),
    /// The address is taken by another.
    #[error("this address is taken")]
    SlugTaken,
    /// It was taken before (a repetition).
    #[error("taken already")]
    AlreadySettled,
    /// Try again: too many messages wait, the owner is being rebuilt, or the store is away.
    #[error("not available just now: {0}")]
    Unavailable(String),
}

/// Known to every owner and loop of a node.
pub struct Shared {
    /// The world.
    pub ports: Ports,
    /// The living owners.
    pub registry: Registry,
    /// Something changed in the timers.
    pub timers: Notify,
    /// The media server should be looked at.
    pub sweep: Notify,
    /// What to look at every second.
    pub watch: Watch,
    lanes: [Notify; 5],
    /// Events handed to owners and not answered yet, by kind.
    waiting: [AtomicUsize; 3],
}

/// One event on its way; counted until it is answered or given up.
struct OnItsWay<'a>(&'a AtomicUsize);

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    /// The bell of a lane.
    pub fn lane(&self, lane: Lane) -> &Notify {
        match lane {
            Lane::Domain => &self.lanes[0],
            Lane::Rooms => &self.lanes[1],
            Lane::Spine => &self.lanes[2],
            Lane::Media => &self.lanes[3],
            Lane::Broadcasts => &self.lanes[4],
        }
    }

    fn on_its_way(&self, kind: Kind) -> OnItsWay<'_> {
        let waiting = match kind {
            Kind::Space => &self.waiting[0],
            Kind::Experience => &self.waiting[1],
            Kind::Stream => &self.waiting[2],
        };
        let depth = waiting.fetch_add(1, Ordering::Relaxed) + 1;
        self.ports.gauge.mailbox_depth(kind.as_str(), depth);
        OnItsWay(waiting)
    }

    /// Effects wait in a lane.
    pub fn wake_lane(&self, lane: Lane) {
        self.lane(lane).notify_one();
    }
}

/// The facade of a node's actors. Cheap to clone, usable from any thread.
#[derive(Clone)]
pub struct Stage {
    shared: Arc<Shared>,
    root: Addr<Root>,
}

/// A running node: its facade and what must be stopped.
pub struct Running {
    /// The facade.
    pub stage: Stage,
    loops: Vec<Kept>,
}

impl Stage {
    /// Starts the actors and loops on the present arbiter. Call it inside an actix system.
    pub fn start(ports: Ports) -> Running {
        let (registry, timers, sweep, watch, lanes, waiting) = Default::default();
        let shared = Arc::new(Shared { ports, registry, timers, sweep, watch, lanes, waiting });
        let root = Root { shared: shared.clone(), spaces: Children::default() }.start();
        let stage = Stage { shared, root };
        let mut loops: Vec<Kept> = Lane::ALL.into_iter().map(|lane| runner::start(stage.clone(), lane)).collect();
        loops.push(timers::start(stage.clone()));
        loops.push(reconcile::start(stage.clone()));
        loops.push(watch::start(stage.clone()));
        Running { stage, loops }
    }

    /// Hands an event to a space.
    pub async fn space(&self, id: &SpaceId, event: SpaceEvent) -> Result<Receipt, Refusal<SpaceRejection>> {
        self.space_settling(id, event, None).await
    }

    /// Like [`Stage::space`], and settles a message with it.
    pub async fn space_settling(
        &self,
        id: &SpaceId,
        event: SpaceEvent,
        settles: Option<Settles>,
    ) -> Result<Receipt, Refusal<SpaceRejection>> {
        let lookup = || async { self.space_owner(id).await };
        self.take::<Space, _, _>(id.as_str(), lookup, event, settles).await
    }

    /// Hands an event to an experience.
    pub async fn experience(
        &self,
        space: &SpaceId,
        id: &ExperienceId,
        event: ExperienceEvent,
    ) -> Result<Receipt, Refusal<ExperienceRejection>> {
        self.experience_settling(space, id, event, None).await
    }

    /// Like [`Stage::experience`], and settles a message with it.
    pub async fn experience_settling(
        &self,
        space: &SpaceId,
        id: &ExperienceId,
        event: ExperienceEvent,
        settles: Option<Settles>,
    ) -> Result<Receipt, Refusal<ExperienceRejection>> {
        let lookup = || async { self.experience_owner(space, id).await };
        self.take::<Experience, _, _>(id.as_str(), lookup, event, settles).await
    }

    /// Hands an event to a stream.
    pub async fn stream(
        &self,
        path: &Path,
        event: StreamEvent,
        settles: Option<Settles>,
    ) -> Result<Receipt, Refusal<StreamRejection>> {
        let lookup = || async {
            let parent = self.experience_owner(&path.space, &path.experience).await?;
            ask_child::<Experience>(&parent, path.stream.as_str()).await
        };
        self.take::<Stream, _, _>(path.stream.as_str(), lookup, event, settles).await
    }

    /// Looks at the media server for one stream now. Errors are logged: the next sweep looks again.
    pub async fn observe(&self, path: &Path) {
        let _ = reconcile::observe(self, path).await;
    }

    /// Asks for a sweep of the media server now, as after it came back.
    pub fn sweep_soon(&self) {
        self.shared.sweep.notify_one();
    }

    /// What every owner knows.
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    async fn space_owner(&self, id: &SpaceId) -> Option<Addr<Owner<Space>>> {
        if let Some(addr) = self.shared.registry.spaces.find(id.as_str()) {
            return Some(addr);
        }
        self.root.send(ChildOf { id: id.as_str().into(), kind: PhantomData }).await.ok().flatten()
    }

    async fn experience_owner(&self, space: &SpaceId, id: &ExperienceId) -> Option<Addr<Owner<Experience>>> {
        if let Some(addr) = self.shared.registry.experiences.find(id.as_str()) {
            return Some(addr);
        }
        let parent = self.space_owner(space).await?;
        ask_child::<Space>(&parent, id.as_str()).await
    }

    async fn take<M, L, F>(
        &self,
        id: &str,
        lookup: L,
        event: M::Event,
        settles: Option<Settles>,
    ) -> Result<Receipt, Refusal<M::Rejection>>
    where
        M: Noun,
        L: Fn() -> F,
        F: Future<Output = Option<Addr<Owner<M>>>>,
    {
        let _counted = self.shared.on_its_way(M::KIND);
        let work = async {
            for _ in 0..LOOKUPS_MAX {
                let owner = match M::shelf(&self.shared.registry).find(id) {
                    Some(owner) => owner,
                    None => match lookup().await {
                        Some(owner) => owner,
                        None => break,
                    },
                };
                match owner.send(Take { event: event.clone(), settles: settles.clone() }).await {
                    Ok(result) => return result,
                    // The owner went away; whether it took the event is not known. The version fence, settled keys and
                    // idempotent events make a repetition harmless.
                    Err(MailboxError::Closed | MailboxError::Timeout) => continue,
                }
            }
            Err(Refusal::Unavailable(format!("the owner of {} {id} is failing", M::KIND.as_str())))
        };
        match tokio::time::timeout(Duration::from_millis(ANSWER_MS_MAX), work).await {
            Ok(result) => result,
            Err(_) => {
                Err(Refusal::Unavailable(format!("the owner of {} {id} did not answer in time", M::KIND.as_str())))
            }
        }
    }
}

async fn ask_child<M: Noun>(parent: &Addr<Owner<M>>, id: &str) -> Option<Addr<Owner<M::Child>>> {
    parent.send(ChildOf { id: id.into(), kind: PhantomData }).await.ok().flatten()
}

impl Running {
    /// Ends the loops and the actors in peace. What was being performed goes on from the store at the next start.
    pub async fn stop(self) {
        for kept in &self.loops {
            kept.stop();
        }
        let _ = self.stage.root.send(Stop).await;
        self.stage.shared.registry.clear();
    }

    /// Ends the loops without telling anybody: a simulated `kill -9`.
    pub fn abort(&self) {
        for kept in &self.loops {
            kept.stop();
        }
        let _ = self.stage.root.try_send(Stop);
        self.stage.shared.registry.clear();
    }
}

/// Supervises the spaces of this node. It has nobody above it: a space that fails again and again is refused for as
/// long as [`crate::supervisor::CRASH_WINDOW_MS`] and reported.
pub struct Root {
    shared: Arc<Shared>,
    spaces: Children<Space>,
}

impl Root {
    fn child(&mut self, id: &str, parent: Recipient<Down>) -> Addr<Owner<Space>> {
        let shared = self.shared.clone();
        self.spaces.ensure(id, || Owner::start_new(id, shared, Some(parent)))
    }
}

impl Actor for Root {
    type Context = Context<Self>;

    fn stopping(&mut self, _: &mut Self::Context) -> actix::Running {
        for child in self.spaces.iter() {
            let _ = child.try_send(Stop);
        }
        actix::Running::Stop
    }
}

impl Handler<ChildOf<Space>> for Root {
    type Result = MessageResult<ChildOf<Space>>;

    fn handle(&mut self, ask: ChildOf<Space>, ctx: &mut Self::Context) -> Self::Result {
        if self.spaces.crashes.is_failing(self.shared.ports.clock.now(), &ask.id) {
            return MessageResult(None);
        }
        MessageResult(Some(self.child(&ask.id, ctx.address().recipient())))
    }
}

impl Handler<Down> for Root {
    type Result = ();

    fn handle(&mut self, down: Down, ctx: &mut Self::Context) {
        let verdict = self.spaces.crashes.judge(self.shared.ports.clock.now(), &down);
        self.spaces.forget(&down.id);
        let kind = Space::KIND.as_str();
        match verdict {
            Verdict::Forget => {}
            Verdict::Rebuild => {
                self.shared.ports.gauge.actor_restarted(kind);
                tracing::error!(kind, id = %down.id, "a space's owner failed and is rebuilt from the store");
                self.child(&down.id, ctx.address().recipient());
            }
            Verdict::Escalate => {
                self.shared.ports.gauge.actor_escalated(kind);
                tracing::error!(kind, id = %down.id, "a space fails again and again; it is refused for a minute");
            }
        }
    }
}

impl Handler<Stop> for Root {
    type Result = ();
    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
