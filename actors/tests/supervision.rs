//! Real panics in real actors: the owner is rebuilt from the store, a child that fails again and again takes its parent
//! with it, and nothing that was committed is lost.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::disallowed_methods)]

use backstage_actors::fakes::{CountedIds, FakeRooms, FakeSpine, Memory, PausedClock, Silent, Trouble};
use backstage_actors::owner::Panic;
use backstage_actors::ports::*;
use backstage_actors::{Limits, Ports, Refusal, Rules, Running, Stage};
use backstage_core::access::Rule;
use backstage_core::experience::{self, Experience, ExperienceEvent};
use backstage_core::machine::Kind;
use backstage_core::slug::Slug;
use backstage_core::space::{self, SpaceEvent};
use backstage_core::{Effect, ExperienceId, Machine, SpaceId, StreamId, TeamId, Timestamp};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

#[derive(Default)]
struct Counted(Mutex<(Vec<String>, Vec<String>)>);

impl Gauge for Counted {
    fn phase_changed(&self, _: Option<&str>, _: &str, _: &str) {}
    fn actor_restarted(&self, kind: &str) {
        self.0.lock().0.push(kind.into());
    }
    fn actor_escalated(&self, kind: &str) {
        self.0.lock().1.push(kind.into());
    }
    fn effect(&self, _: &str, _: &str) {}
    fn reconciled(&self, _: &str) {}
    fn swept(&self, _: usize, _: i64) {}
    fn mailbox_depth(&self, _: &str, _: usize) {}
}

struct Theatre {
    running: Running,
    store: Arc<Memory>,
    rooms: Arc<FakeRooms>,
    gauge: Arc<Counted>,
}

impl Theatre {
    async fn open(rules: Rules) -> Theatre {
        let (store, gauge) = (Arc::new(Memory::default()), Arc::new(Counted::default()));
        let rooms = Arc::new(FakeRooms::new(Trouble::none()));
        let running = Stage::start(Ports {
            store: store.clone(),
            clock: Arc::new(PausedClock::new()),
            ids: Arc::new(CountedIds::default()),
            rooms: rooms.clone(),
            spine: Arc::new(FakeSpine::new(Trouble::none())),
            announcer: Arc::new(Silent),
            gauge: gauge.clone(),
            media: Default::default(),
            rules,
            limits: Limits::default(),
        });
        let settings = space::Settings {
            slug: Slug::parse("demo").unwrap(),
            name: "Demo".into(),
            headline: String::new(),
            description: String::new(),
        };
        let create = SpaceEvent::Create { id: space_id(), team: TeamId::parse("t").unwrap(), settings };
        running.stage.space(&space_id(), create).await.unwrap();
        let create = ExperienceEvent::Create {
            id: experience_id(),
            space: space_id(),
            settings: settings_titled("Talk"),
            stream: StreamId::parse("unused").unwrap(),
        };
        running.stage.experience(&space_id(), &experience_id(), create).await.unwrap();
        Theatre { running, store, rooms, gauge }
    }

    async fn edit(&self, title: &str) -> Result<(), Refusal<experience::ExperienceRejection>> {
        let stream = StreamId::parse("unused").unwrap();
        let event = ExperienceEvent::Edit { settings: settings_titled(title), stream };
        self.running.stage.experience(&space_id(), &experience_id(), event).await.map(|_| ())
    }

    async fn stored_title(&self) -> String {
        let stored = self.store.load(&Key::new(Kind::Experience, "e")).await.unwrap().unwrap();
        serde_json::from_str::<Experience>(&stored.state).unwrap().settings.title
    }

    async fn panic_the_experience(&self) {
        let owner = self.running.stage.shared().registry.experiences.find("e").expect("a living owner");
        assert!(owner.send(Panic).await.is_err(), "a panic closes the mailbox");
        // The parent is told by the guard's message; one turn of the arbiter later it has acted.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn space_id() -> SpaceId {
    SpaceId::parse("sp").unwrap()
}

fn experience_id() -> ExperienceId {
    ExperienceId::parse("e").unwrap()
}

fn settings_titled(title: &str) -> experience::Settings {
    experience::Settings {
        slug: Slug::parse("talk").unwrap(),
        title: title.into(),
        description: String::new(),
        access: Rule::Open,
        grace_ms: 30_000,
        starts_at: None,
    }
}

fn on_a_paused_clock<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    actix::System::with_tokio_rt(runtime).block_on(test());
}

#[test]
fn an_owner_that_panicked_is_rebuilt_from_the_store() {
    on_a_paused_clock(|| async {
        let theatre = Theatre::open(Rules::default()).await;
        theatre.edit("Before").await.unwrap();
        theatre.panic_the_experience().await;
        assert!(theatre.running.stage.shared().registry.experiences.find("e").is_some(), "rebuilt without being asked");
        assert_eq!(theatre.stored_title().await, "Before");
        theatre.edit("After").await.unwrap();
        assert_eq!(theatre.stored_title().await, "After");
        assert_eq!(*theatre.gauge.0.lock(), (vec!["experience".to_string()], vec![]));
    });
}

#[test]
fn the_fourth_panic_within_a_minute_takes_the_parent_along_and_the_grandparent_rebuilds_it() {
    on_a_paused_clock(|| async {
        let theatre = Theatre::open(Rules::default()).await;
        for _ in 0..4 {
            theatre.panic_the_experience().await;
        }
        let (restarted, escalated) = theatre.gauge.0.lock().clone();
        assert_eq!(escalated, ["experience"]);
        assert_eq!(restarted, ["experience", "experience", "experience", "space"]);
        theatre.edit("Still here").await.unwrap();
        assert_eq!(theatre.stored_title().await, "Still here");
    });
}

fn panics_on_a_title(
    e: &mut Experience,
    now: Timestamp,
    event: ExperienceEvent,
) -> Result<Vec<Effect>, experience::ExperienceRejection> {
    if matches!(&event, ExperienceEvent::Edit { settings, .. } if settings.title == "Boom") {
        panic!("a bug in the domain");
    }
    e.apply(now, event)
}

#[test]
fn an_event_that_always_panics_is_given_up_with_an_error_and_the_rest_goes_on() {
    on_a_paused_clock(|| async {
        let mut rules = Rules::default();
        rules.experience.apply = panics_on_a_title;
        let theatre = Theatre::open(rules).await;
        assert!(matches!(theatre.edit("Boom").await, Err(Refusal::Unavailable(_))));
        theatre.edit("Calm").await.unwrap();
        assert_eq!(theatre.stored_title().await, "Calm");
    });
}

#[test]
fn idle_owners_are_put_away_and_come_back_when_needed() {
    on_a_paused_clock(|| async {
        let theatre = Theatre::open(Rules::default()).await;
        tokio::time::sleep(Duration::from_millis(3 * backstage_actors::owner::IDLE_MS)).await;
        assert!(theatre.running.stage.shared().registry.experiences.is_empty());
        theatre.edit("Awake").await.unwrap();
        assert_eq!(theatre.stored_title().await, "Awake");
    });
}

#[test]
fn stopping_leaves_no_owner_behind() {
    on_a_paused_clock(|| async {
        let theatre = Theatre::open(Rules::default()).await;
        let owner = theatre.running.stage.shared().registry.experiences.find("e").expect("a living owner");
        theatre.running.stop().await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(!owner.connected());
        assert!(theatre.rooms.all().is_empty());
    });
}
