//! A seeded schedule: what creators, their links, the media server and the machines do, in which order and how fast.

use crate::node::{Node, World};
use crate::planted::Bug;
use crate::record::Record;
use backstage_actors::Refusal;
use backstage_actors::fakes::{CountedIds, FakeMedia, FakeRooms, FakeSpine, Memory, PausedClock, Trouble};
use backstage_actors::ports::*;
use backstage_core::Effect;
use backstage_core::access::Rule;
use backstage_core::delivery::{Audience, Choice, DeliveryEvent, Limits, Slot, ViewerRef};
use backstage_core::experience::{self, Experience, ExperienceEvent};
use backstage_core::invariants::{self, Invariant, Violation};
use backstage_core::machine::Kind;
use backstage_core::slug::Slug;
use backstage_core::space::{self, SpaceEvent};
use backstage_core::stream::{Setup, StreamEvent};
use backstage_core::{ExperienceId, SpaceId, StreamId, TeamId, Timestamp, TrackId};
use parking_lot::Mutex;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// How a world behaves.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub seed: u64,
    /// Steps of the schedule.
    pub steps: u32,
    /// Failing calls in a thousand.
    pub trouble_per_mille: u32,
    /// Whether any webhook comes through.
    pub webhooks: bool,
    /// Whether processes and the media server die.
    pub crashes: bool,
    pub bug: Option<Bug>,
}

impl Plan {
    /// Every ninth server has neither HLS nor recordings.
    fn setup(&self) -> Setup {
        if self.seed % 9 == 8 {
            return Setup::default();
        }
        let limits = Limits {
            webrtc_viewers_max: 10,
            cooldown_ms: 15_000,
            cohort_percent: 25,
            cohort_every_ms: 1_000,
            warm_limit_ms: 8_000,
            retry_ms_min: 1_000,
            retry_ms_max: 16_000,
            expected_trust_ms: 60_000,
            ..Limits::default()
        };
        Setup { delivery: Some(limits), record: true }
    }

    /// The plan of a seed: odd seeds have failing calls, every eighth no webhooks.
    pub fn of(seed: u64) -> Plan {
        let trouble_per_mille = if seed % 2 == 1 { 40 } else { 0 };
        Plan { seed, steps: 18, trouble_per_mille, webhooks: !seed.is_multiple_of(8), crashes: true, bug: None }
    }
}

/// What came of a schedule.
pub struct Outcome {
    pub violations: Vec<Violation>,
    pub trace: Vec<String>,
    /// How long the world lasted.
    pub simulated_ms: u64,
}

/// The longest that a change at the media server may stay unseen, ms.
pub const UNSEEN_MS_MAX: i64 = 20_000;
/// The longest that viewers may be told to watch a playlist that is dead, ms.
pub const SWITCH_MS_MAX: i64 = 5_000;
/// The longest that a whole audience may be on the move, ms: four cohorts, a second apart, and some rest.
const MOVING_MS_MAX: i64 = 20_000;
/// Between two looks at the store here, ms: what another node that died had begun is taken over then. (5 s in production.)
const ADOPTED_MS_MAX: i64 = 60_000;

const EXPERIENCES: [&str; 2] = ["e1", "e2"];

struct Show {
    world: Arc<World>,
    nodes: RefCell<Vec<Rc<Node>>>,
    rng: RefCell<StdRng>,
    plan: Plan,
    tracks: RefCell<u32>,
    hooks: RefCell<u32>,
    /// When the media of a stream last came or went.
    media_changed_at: RefCell<BTreeMap<StreamId, Timestamp>>,
    /// The last time something was broken on purpose.
    upset_at: RefCell<Timestamp>,
    /// Likewise for what is delivered; may lie ahead, until another node has adopted what it did not begin.
    media_upset_at: RefCell<Timestamp>,
    /// Accidents of bridge, provider and recorder have dice of their own.
    media_rng: RefCell<StdRng>,
}

/// Runs one schedule in an actix system of its own, on a paused clock.
pub fn run(plan: Plan) -> Outcome {
    let system = actix::System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime")
    });
    system.block_on(async move {
        let show = Rc::new(Show::new(plan));
        show.set_up().await;
        for _ in 0..plan.steps {
            show.step().await;
        }
        show.calm_down().await
    })
}

impl Show {
    fn new(plan: Plan) -> Show {
        let trouble = Trouble::seeded(plan.seed ^ 0x7407_b1e5, plan.trouble_per_mille, 50);
        let clock = Arc::new(PausedClock::new());
        let world = Arc::new(World {
            clock: clock.clone(),
            ids: Arc::new(CountedIds::default()),
            memory: Memory::default(),
            rooms: FakeRooms::new(Trouble::none()),
            spine: FakeSpine::new(Trouble::none()),
            media: Arc::new(FakeMedia::new(clock.clone())),
            setup: plan.setup(),
            record: Mutex::new(Record::default()),
            trouble,
            bug: plan.bug,
            commits: Default::default(),
        });
        let nodes = RefCell::new(vec![Rc::new(Node::start(&world))]);
        let rng = RefCell::new(StdRng::seed_from_u64(plan.seed));
        let upset_at = RefCell::new(clock.now());
        let media_upset_at = RefCell::new(clock.now());
        let media_rng = RefCell::new(StdRng::seed_from_u64(plan.seed ^ 0x6d65_6469_6100));
        Show {
            world,
            nodes,
            rng,
            plan,
            tracks: 0.into(),
            hooks: 0.into(),
            media_changed_at: Default::default(),
            upset_at,
            media_upset_at,
            media_rng,
        }
    }

    fn draw(&self, range: std::ops::Range<u64>) -> u64 {
        self.rng.borrow_mut().random_range(range)
    }

    fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    fn upset(&self) {
        *self.upset_at.borrow_mut() = self.now();
        let mut media = self.media_upset_at.borrow_mut();
        *media = self.now().max(*media);
    }

    /// What the world did, in the trace beside what the actors made of it.
    fn note(&self, what: &str) {
        self.world.record.lock().trace.push(format!("{} # {what}", self.now().0));
    }

    fn node(&self) -> Option<Rc<Node>> {
        let nodes = self.nodes.borrow();
        if nodes.is_empty() {
            return None;
        }
        let n = self.draw(0..nodes.len() as u64) as usize;
        Some(nodes[n].clone())
    }

    async fn set_up(self: &Rc<Self>) {
        let id = space_id();
        let settings = space::Settings {
            slug: Slug::parse("demo").expect("a slug"),
            name: "Demo".into(),
            headline: String::new(),
            description: String::new(),
        };
        let create = SpaceEvent::Create { id: id.clone(), team: TeamId::parse("t").expect("an id"), settings };
        let node = self.node().expect("a node");
        until_ok(|| node.stage().space(&id, create.clone())).await;
        for name in EXPERIENCES {
            let experience = experience_id(name);
            let stream = StreamId::parse(&self.world.ids.next()).expect("an id");
            let create = ExperienceEvent::Create {
                id: experience.clone(),
                space: id.clone(),
                settings: settings_of(name, None),
                stream,
            };
            until_ok(|| node.stage().experience(&id, &experience, create.clone())).await;
        }
    }

    /// One thing happens, then some time passes.
    async fn step(self: &Rc<Self>) {
        let experience = EXPERIENCES[self.draw(0..2) as usize];
        match self.draw(0..100) {
            0..10 => self.spawn(|show| async move { show.open_lobby(experience).await }),
            10..35 => self.spawn(|show| async move { show.go_live(experience).await }),
            35..42 => {
                self.spawn(|show| async move { show.go_live(experience).await });
                self.spawn(|show| async move { show.go_live(experience).await });
            }
            42..52 => self.spawn(|show| async move { show.end(experience).await }),
            52..66 => self.spawn(|show| async move { show.drop_link(experience).await }),
            66..72 => self.spawn(|show| async move { show.swap_track(experience).await }),
            72..78 => self.spawn(|show| async move { show.schedule(experience).await }),
            78..84 if self.plan.crashes => self.media_server_dies(),
            84..93 if self.plan.crashes => self.process_dies(),
            93..96 if self.plan.crashes => self.second_process(),
            78..100 => {}
            other => panic!("{other}"),
        }
        self.media_step(experience);
        let wait_ms = match self.draw(0..20) {
            0..10 => self.draw(0..1_500),
            10..16 => self.draw(1_500..15_000),
            16..19 => self.draw(15_000..90_000),
            19 if self.draw(0..12) == 0 => self.draw(90_000..8_000_000),
            19 => self.draw(90_000..200_000),
            other => panic!("{other}"),
        };
        self.pass(wait_ms).await;
    }

    /// Lets time pass and looks at INV-05 on the way.
    async fn pass(&self, ms: u64) {
        let mut left = ms;
        while left > 0 {
            let slice = left.min(if ms > 100_000 { 20_000 } else { 2_000 });
            tokio::time::sleep(Duration::from_millis(slice)).await;
            left -= slice;
            self.check_media_is_seen();
            self.check_delivery();
        }
    }

    fn check_media_is_seen(&self) {
        let (now, upset_at) = (self.now(), *self.upset_at.borrow());
        let changed_at = self.media_changed_at.borrow();
        let mut record = self.world.record.lock();
        let mut found = vec![];
        for stream in record.streams.values().filter(|stream| stream.phase.wants_room()) {
            let media = self.world.rooms.tracks(&stream.id).is_some_and(|tracks| !tracks.is_empty());
            let Some(since) = changed_at.get(&stream.id).map(|at| (*at).max(upset_at)) else { continue };
            if stream.phase.as_str() == "live" && !media {
                found.extend(invariants::no_dead_source(now, stream, Some(since), UNSEEN_MS_MAX));
            } else if stream.phase.as_str() != "live" && media && now.since_ms(since) > UNSEEN_MS_MAX {
                let (id, phase) = (&stream.id, stream.phase.as_str());
                let detail = format!("stream {id} is {phase} at {}, media is back since {}", now.0, since.0);
                found.push(Violation { invariant: Invariant::NoDeadSource, detail });
            }
        }
        let down = self.nodes.borrow().is_empty();
        if !down && self.plan.trouble_per_mille == 0 {
            record.violations.extend(found);
        }
    }

    fn dice(&self, range: std::ops::Range<u64>) -> u64 {
        self.media_rng.borrow_mut().random_range(range)
    }

    /// The audience comes and goes, the provider has its moods, bridges and recorders die.
    fn media_step(self: &Rc<Self>, experience: &'static str) {
        let media = &self.world.media;
        if self.dice(0..3) == 0 {
            let webrtc = [0, 2, 5, 7, 12, 30][self.dice(0..6) as usize];
            let waiting = self.dice(0..12) as u32;
            media.watch(&experience_id(experience), Audience { webrtc, waiting, ..Audience::default() });
        }
        let Some(path) = self.current(experience) else { return };
        match self.dice(0..24) {
            0..3 => {
                self.note(&format!("the bridge of {} dies", path.stream));
                media.kill_bridge(&path.stream);
                if self.dice(0..2) == 0 {
                    let (news, asked_at) = (|asked_at| DeliveryEvent::BridgeFailed { asked_at }, self.now());
                    self.spawn(|show| async move { show.tell(&path, news(asked_at)).await });
                }
            }
            3..5 => {
                self.note(&format!("the playlist of {} stands still", path.stream));
                media.stall(&path.stream, true);
                let after_ms = self.dice(1_000..40_000);
                self.spawn(|show| async move {
                    tokio::time::sleep(Duration::from_millis(after_ms)).await;
                    show.world.media.stall(&path.stream, false);
                });
            }
            5..7 => media.kill_recorder(&path.stream),
            7 => media.temper(self.dice(0..3) == 0, self.dice(0..4) == 0, self.dice(0..3) == 0),
            8..10 => {
                let choice = [Choice::Auto, Choice::Auto, Choice::Webrtc, Choice::Hls][self.dice(0..4) as usize];
                self.spawn(|show| async move { show.tell(&path, DeliveryEvent::Overridden { choice }).await });
            }
            _ => {}
        }
    }

    async fn tell(&self, path: &Path, news: DeliveryEvent) {
        let Some(node) = self.node() else { return };
        let _ = node.stage().stream(path, StreamEvent::Delivery { news }, None).await;
    }

    /// INV-05 for those who watch over HLS; and a move once begun comes to its end.
    fn check_delivery(&self) {
        let (now, upset_at) = (self.now(), *self.media_upset_at.borrow());
        if self.nodes.borrow().is_empty() || self.plan.trouble_per_mille > 0 {
            return;
        }
        let mut record = self.world.record.lock();
        let mut found = vec![];
        for stream in record.streams.values() {
            let Some(live) = stream.delivery.broadcast.ready() else { continue };
            let dead_since = self.world.media.dead_since(live).map(|since| since.max(upset_at));
            for slot in [0, 3_333, 6_666, 9_999] {
                let viewer = ViewerRef { on_stage: false, current: None, slot: Slot::nth(slot) };
                found.extend(invariants::no_dead_playlist(now, stream, dead_since, viewer, SWITCH_MS_MAX));
            }
        }
        for (stream, (heading, since)) in &record.moving {
            if now.since_ms((*since).max(upset_at)) > MOVING_MS_MAX {
                let detail = format!("stream {stream} is still moving {heading:?} after {MOVING_MS_MAX} ms");
                found.push(Violation { invariant: Invariant::NothingRestsWithoutTimer, detail });
            }
        }
        record.violations.extend(found);
    }

    fn spawn<F: Future<Output = ()> + 'static>(self: &Rc<Self>, work: impl FnOnce(Rc<Show>) -> F) {
        actix::spawn(work(self.clone()));
    }

    fn current(&self, experience: &str) -> Option<Path> {
        let key = Key::new(Kind::Experience, experience);
        let stored = futures_util::FutureExt::now_or_never(self.world.memory.load(&key))?.ok()??;
        let experience: Experience = serde_json::from_str(&stored.state).ok()?;
        let stream = experience.current?.stream;
        Some(Path { space: space_id(), experience: experience.id, stream })
    }

    async fn open_lobby(&self, experience: &str) {
        let Some(node) = self.node() else { return };
        let stream = StreamId::parse(&self.world.ids.next()).expect("an id");
        let event = ExperienceEvent::OpenLobby { stream };
        let _ = node.stage().experience(&space_id(), &experience_id(experience), event).await;
    }

    async fn go_live(self: Rc<Self>, experience: &str) {
        let Some(node) = self.node() else { return };
        let stream = StreamId::parse(&self.world.ids.next()).expect("an id");
        let event = ExperienceEvent::GoLive { stream };
        if node.stage().experience(&space_id(), &experience_id(experience), event).await.is_err() {
            return;
        }
        if self.draw(0..10) == 0 {
            return; // the creator's browser never gets to publish
        }
        tokio::time::sleep(Duration::from_millis(self.draw(50..3_000))).await;
        self.publish(experience);
    }

    /// The studio publishes, if its stream is still wanted.
    fn publish(self: &Rc<Self>, experience: &str) {
        let Some(path) = self.current(experience) else { return };
        let n = {
            let mut tracks = self.tracks.borrow_mut();
            *tracks += 1;
            *tracks
        };
        let track = TrackId::parse(&format!("TR_{n}")).expect("an id");
        self.note(&format!("{track} published in {}", path.stream));
        self.media_changed(&path.stream);
        self.world.rooms.publish(&path.stream, track.clone());
        self.webhook(path, StreamEvent::MediaArrived { track });
    }

    async fn end(&self, experience: &str) {
        let (Some(node), Some(path)) = (self.node(), self.current(experience)) else { return };
        let _ = node.stage().stream(&path, StreamEvent::End, None).await;
    }

    async fn drop_link(self: Rc<Self>, experience: &str) {
        let Some(path) = self.current(experience) else { return };
        self.lose_all(&path);
        if self.draw(0..10) < 6 {
            tokio::time::sleep(Duration::from_millis(self.draw(500..90_000))).await;
            if self.current(experience).as_ref() == Some(&path) {
                self.publish(experience);
            }
        }
    }

    fn media_changed(&self, stream: &StreamId) {
        self.media_changed_at.borrow_mut().insert(stream.clone(), self.now());
    }

    fn lose_all(self: &Rc<Self>, path: &Path) {
        self.media_changed(&path.stream);
        for track in self.world.rooms.tracks(&path.stream).unwrap_or_default() {
            self.world.rooms.unpublish(&path.stream, &track);
            self.webhook(path.clone(), StreamEvent::MediaLost { track });
        }
    }

    async fn swap_track(self: Rc<Self>, experience: &str) {
        let Some(path) = self.current(experience) else { return };
        let old = self.world.rooms.tracks(&path.stream).unwrap_or_default();
        if old.is_empty() {
            return;
        }
        self.publish(experience);
        for track in old {
            self.world.rooms.unpublish(&path.stream, &track);
            self.webhook(path.clone(), StreamEvent::MediaLost { track });
        }
    }

    async fn schedule(&self, experience: &str) {
        let Some(node) = self.node() else { return };
        let starts_at = match self.draw(0..3) {
            0 => None,
            _ => Some(self.now() + self.draw(1_000..600_000) as i64),
        };
        let stream = StreamId::parse(&self.world.ids.next()).expect("an id");
        let event = ExperienceEvent::Edit { settings: settings_of(experience, starts_at), stream };
        let _ = node.stage().experience(&space_id(), &experience_id(experience), event).await;
    }

    fn media_server_dies(self: &Rc<Self>) {
        self.upset();
        self.note("the media server dies");
        for stream in self.world.rooms.all() {
            self.media_changed(&stream);
        }
        self.world.rooms.crash();
        for experience in EXPERIENCES {
            let Some(path) = self.current(experience) else { continue };
            if self.draw(0..4) == 0 {
                continue;
            }
            self.spawn(|show| async move {
                tokio::time::sleep(Duration::from_millis(show.draw(500..20_000))).await;
                if show.current(experience).as_ref() == Some(&path) {
                    show.publish(experience);
                }
            });
        }
    }

    /// `kill -9`, and after a while a new process on the same store.
    fn process_dies(self: &Rc<Self>) {
        self.upset();
        self.note("all processes die");
        for node in self.nodes.borrow_mut().drain(..) {
            node.kill();
        }
        // Bridges and recorders may be processes of their own, or not.
        if self.dice(0..2) == 0 {
            self.world.media.kill_all();
        }
        self.spawn(|show| async move {
            tokio::time::sleep(Duration::from_millis(show.draw(0..20_000))).await;
            show.restart();
        });
    }

    fn restart(&self) {
        if self.nodes.borrow().is_empty() {
            self.upset();
            self.note("a process starts");
            self.nodes.borrow_mut().push(Rc::new(Node::start(&self.world)));
        }
    }

    /// A second process beside the first for a while, as in a careless deployment.
    fn second_process(self: &Rc<Self>) {
        if self.nodes.borrow().len() != 1 {
            return;
        }
        self.note("a second process starts");
        let node = Rc::new(Node::start(&self.world));
        self.nodes.borrow_mut().push(node.clone());
        self.spawn(|show| async move {
            tokio::time::sleep(Duration::from_millis(show.draw(1_000..60_000))).await;
            show.nodes.borrow_mut().retain(|other| !Rc::ptr_eq(other, &node));
            node.kill();
            show.note("the second process dies");
            show.upset();
            *show.media_upset_at.borrow_mut() = show.now() + ADOPTED_MS_MAX;
            if show.nodes.borrow().is_empty() {
                show.restart();
            }
        });
    }

    /// The media server's word: late, twice, crossed or never.
    fn webhook(self: &Rc<Self>, path: Path, event: StreamEvent) {
        if !self.plan.webhooks || self.draw(0..10) < 2 {
            return;
        }
        let n = {
            let mut hooks = self.hooks.borrow_mut();
            *hooks += 1;
            *hooks
        };
        for _ in 0..if self.draw(0..7) == 0 { 2 } else { 1 } {
            let (path, event) = (path.clone(), event.clone());
            self.spawn(|show| async move {
                tokio::time::sleep(Duration::from_millis(show.draw(1..6_000))).await;
                let Some(node) = show.node() else { return };
                let key = format!("livekit:EV_{n}");
                let message = InboxMessage { key: key.clone(), body: String::new(), at: show.now() };
                if let Ok(true) = node.stage().shared().ports.store.receive(message).await {
                    let _ = node.stage().stream(&path, event, Some(Settles::Inbox(key))).await;
                }
            });
        }
    }

    /// Everything heals, all shows end; then the books must balance.
    async fn calm_down(self: &Rc<Self>) -> Outcome {
        self.pass(25_000).await;
        self.world.trouble.heal();
        self.world.media.temper(false, false, false);
        self.restart();
        self.pass(40_000).await;
        for experience in EXPERIENCES {
            for _ in 0..3 {
                let Some(path) = self.current(experience) else { break };
                self.lose_all(&path);
                self.end(experience).await;
                self.pass(2_000).await;
            }
        }
        // Longer than any lease, back-off, grace and closing timer.
        self.pass(150_000).await;
        let heard = self.world.spine.heard().into_iter().map(|(key, _)| key).collect();
        let snapshot = self.world.memory.snapshot();
        let mut record = self.world.record.lock();
        record.check_all_performed(&heard);
        record.check_nothing_rests(&snapshot);
        record.check_media(&self.world.media.tapes(), self.world.media.left_running());
        let refused = |row: &OutboxRow| matches!(row.effect, Effect::Archive { .. } | Effect::CreateLiveStream { .. });
        for (row, dead) in snapshot.undone.iter().filter(|(row, dead)| !(*dead && refused(row))) {
            let detail = format!("{} is {} at the end", row.key, if *dead { "dead" } else { "still waiting" });
            record.violate(Invariant::PerformedAndAppliedOnce, detail);
        }
        let simulated_ms = self.now().since_ms(PausedClock::START).unsigned_abs();
        let (violations, trace) = (std::mem::take(&mut record.violations), std::mem::take(&mut record.trace));
        Outcome { violations, trace, simulated_ms }
    }
}

/// Until it is done; refused means that an earlier try was taken and only its answer was lost.
async fn until_ok<T, E: std::error::Error, F: Future<Output = Result<T, Refusal<E>>>>(work: impl Fn() -> F) {
    for _ in 0..50 {
        if let Ok(_) | Err(Refusal::Rejected(_)) = work().await {
            return;
        }
    }
    panic!("the world could not be set up");
}

fn space_id() -> SpaceId {
    SpaceId::parse("sp").expect("an id")
}

fn experience_id(id: &str) -> ExperienceId {
    ExperienceId::parse(id).expect("an id")
}

fn settings_of(slug: &str, starts_at: Option<Timestamp>) -> experience::Settings {
    experience::Settings {
        slug: Slug::parse(slug).expect("a slug"),
        title: "Talk".into(),
        description: String::new(),
        access: Rule::Open,
        grace_ms: 30_000,
        starts_at,
    }
}
