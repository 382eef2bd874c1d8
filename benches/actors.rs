//! `bin/bench actors`: what an idle experience costs in memory, and how many events a second go through decide, commit
//! and announce, on memory and on SQLite. Baseline: bare SQLite transactions of one row, same settings, same run.
//! Prints one JSON line.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench fails by panicking")]
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench stands in the world itself")]

use backstage::db::Db;
use backstage::store::SqlStore;
use backstage_actors::fakes::{CountedIds, FakeRooms, FakeSpine, Memory, Silent, Trouble};
use backstage_actors::ports::{Clock, Store};
use backstage_actors::{Limits, Ports, Rules, Running, Stage};
use backstage_core::access::Rule;
use backstage_core::experience::{self, ExperienceEvent};
use backstage_core::slug::Slug;
use backstage_core::space::{self, SpaceEvent};
use backstage_core::{ExperienceId, SpaceId, StreamId, TeamId, Timestamp};
use std::sync::Arc;
use std::time::Instant;

const IDLE: usize = 20_000;
const BUSY: usize = 64;
const EVENTS: usize = 20_000;
const EVENTS_SQLITE: usize = 5_000;

struct Wall;

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(since.map_or(0, |since| since.as_millis() as i64))
    }
}

#[actix::main]
async fn main() {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let folder = std::env::temp_dir().join(format!("backstage-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let db = Db::connect(&Db::url_of(&folder.join("bench.sqlite3"))).await.expect("a database");
    let sqlite: Arc<dyn Store> = Arc::new(SqlStore::new(db.clone()));

    let memory_per_s = events_per_s(Arc::new(Memory::default()), EVENTS).await;
    let sqlite_per_s = events_per_s(sqlite.clone(), EVENTS_SQLITE).await;
    let bare_per_s = bare_transactions_per_s(&db).await;
    let bytes = bytes_per_idle_experience(sqlite).await;
    println!(
        "{}",
        serde_json::json!({
            "bench": "actors",
            "bytes_per_idle_experience": bytes,
            "goal_bytes": 3_000,
            "events_per_s_memory": memory_per_s.round(),
            "events_per_s_sqlite": sqlite_per_s.round(),
            "baseline_bare_sqlite_transactions_per_s": bare_per_s.round(),
            "sqlite_ratio_to_baseline": (sqlite_per_s / bare_per_s * 100.0).round() / 100.0,
        })
    );
    db.close().await;
    let _ = std::fs::remove_dir_all(folder);
}

fn start(store: Arc<dyn Store>) -> Running {
    Stage::start(Ports {
        store,
        clock: Arc::new(Wall),
        ids: Arc::new(CountedIds::default()),
        rooms: Arc::new(FakeRooms::new(Trouble::none())),
        spine: Arc::new(FakeSpine::new(Trouble::none())),
        announcer: Arc::new(Silent),
        gauge: Arc::new(Silent),
        media: Default::default(),
        rules: Rules::default(),
        limits: Limits::default(),
    })
}

fn settings(slug: String, title: String) -> experience::Settings {
    let slug = Slug::parse(&slug).expect("a slug");
    experience::Settings {
        slug,
        title,
        description: String::new(),
        access: Rule::Open,
        grace_ms: 60_000,
        starts_at: None,
    }
}

fn unused() -> StreamId {
    StreamId::parse("unused").expect("an id")
}

/// Makes a space with `count` experiences; returns their ids.
async fn furnish(stage: &Stage, name: &str, count: usize) -> (SpaceId, Vec<ExperienceId>) {
    let space = SpaceId::parse(name).expect("an id");
    let slug = Slug::parse(name).expect("a slug");
    let set = space::Settings { slug, name: name.into(), headline: String::new(), description: String::new() };
    let create = SpaceEvent::Create { id: space.clone(), team: TeamId::parse("t").expect("an id"), settings: set };
    stage.space(&space, create).await.expect("a space");
    let mut ids = vec![];
    for n in 0..count {
        let id = ExperienceId::parse(&format!("{name}-e{n}")).expect("an id");
        let settings = settings(format!("e{n}"), format!("Experience {n}"));
        let create = ExperienceEvent::Create { id: id.clone(), space: space.clone(), settings, stream: unused() };
        stage.experience(&space, &id, create).await.expect("an experience");
        ids.push(id);
    }
    (space, ids)
}

async fn events_per_s(store: Arc<dyn Store>, events: usize) -> f64 {
    let running = start(store);
    let (space, ids) = furnish(&running.stage, "busy", BUSY).await;
    let began = Instant::now();
    let work = ids.iter().enumerate().map(|(n, id)| {
        let (stage, space) = (&running.stage, &space);
        async move {
            for round in 0..events / BUSY {
                let settings = settings(format!("e{n}"), format!("Round {round}"));
                let edit = ExperienceEvent::Edit { settings, stream: unused() };
                stage.experience(space, id, edit).await.expect("an edit");
            }
        }
    });
    futures_util::future::join_all(work).await;
    let per_s = (events / BUSY * BUSY) as f64 / began.elapsed().as_secs_f64();
    running.stop().await;
    per_s
}

async fn bare_transactions_per_s(db: &Db) -> f64 {
    sqlx::query("CREATE TABLE bare (id BIGINT PRIMARY KEY, state TEXT NOT NULL)")
        .execute(&db.pool)
        .await
        .expect("a table");
    let began = Instant::now();
    for n in 0..EVENTS_SQLITE as i64 {
        let mut write = db.begin_write().await.expect("a transaction");
        let insert = sqlx::query("INSERT INTO bare (id, state) VALUES ($1, $2)").bind(n).bind("x".repeat(300));
        insert.execute(&mut *write).await.expect("an insert");
        write.commit().await.expect("a commit");
    }
    EVENTS_SQLITE as f64 / began.elapsed().as_secs_f64()
}

/// Resident bytes that each further living owner adds, with its state loaded.
async fn bytes_per_idle_experience(store: Arc<dyn Store>) -> usize {
    let running = start(store.clone());
    let (space, ids) = furnish(&running.stage, "idle", IDLE).await;
    running.stop().await;
    let running = start(store);
    let wake = async |ids: &[ExperienceId]| {
        for id in ids {
            // Refused, but the owner is alive and holds its state afterwards.
            let _ = running
                .stage
                .experience(&space, id, ExperienceEvent::StreamFinished { stream: unused(), peak: None })
                .await;
        }
    };
    wake(&ids[..IDLE / 10]).await;
    let before = resident_bytes();
    wake(&ids[IDLE / 10..]).await;
    let grown = resident_bytes().saturating_sub(before);
    running.stop().await;
    grown / (IDLE - IDLE / 10)
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("linux");
    let pages: usize = statm.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number");
    pages * 4096
}
