//! `bin/bench recover`: `kill -9` of the server, then the time until a new one is ready and has looked at every open
//! stream, with 1 and with 1,000 of them on a real media server. Baseline: a bare livekit-server from start to its first
//! answer, same run. Prints one JSON line; medians of [`ROUNDS`].

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench fails by panicking")]
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench stands in the world itself")]

use backstage::db::Db;
use backstage::store::SqlStore;
use backstage_actors::fakes::{CountedIds, FakeRooms, FakeSpine, Silent, Trouble};
use backstage_actors::ports::{Clock, Path as StreamPath};
use backstage_actors::{Limits, Ports, Rules, Stage};
use backstage_core::access::Rule;
use backstage_core::experience::{self, ExperienceEvent};
use backstage_core::slug::Slug;
use backstage_core::space::{self, SpaceEvent};
use backstage_core::stream::StreamEvent;
use backstage_core::{ExperienceId, SpaceId, StreamId, TeamId, Timestamp, TrackId};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
const WAIT: Duration = Duration::from_secs(60);
/// Streams per space, below the limit of a space.
const PER_SPACE: usize = 100;

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
    let one = recover(1).await;
    let thousand = recover(1_000).await;
    println!(
        "{}",
        serde_json::json!({
            "bench": "recover",
            "ready_ms_1": one.ready_ms, "adopted_ms_1": one.adopted_ms,
            "ready_ms_1000": thousand.ready_ms, "adopted_ms_1000": thousand.adopted_ms,
            "goal_ms": 3_000,
            "baseline_livekit_start_ms": one.baseline_ms,
            "ratio_1000_to_baseline": (thousand.adopted_ms as f64 / one.baseline_ms.max(1) as f64 * 10.0).round() / 10.0,
        })
    );
}

struct Figures {
    ready_ms: u128,
    adopted_ms: u128,
    baseline_ms: u128,
}

async fn recover(streams: usize) -> Figures {
    let data = std::env::temp_dir().join(format!("backstage-recover-{}-{streams}", std::process::id()));
    std::fs::create_dir_all(&data).expect("a temporary folder");
    seed(&data, streams).await;
    let mut server = Server::start(&data);
    // The first start finds no rooms and opens them all.
    server.wait(|figures| gauge(figures, "backstage_sweep_streams") == Some(streams as f64)).await;
    server.wait(|figures| waiting_effects(figures) == 0.0).await;
    let (mut ready, mut adopted) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        server.kill();
        let began = Instant::now();
        server = Server::start(&data);
        server.wait_ready().await;
        ready.push(began.elapsed().as_millis());
        server.wait(|figures| gauge(figures, "backstage_sweep_streams") == Some(streams as f64)).await;
        adopted.push(began.elapsed().as_millis());
    }
    let baseline_ms = livekit_start_ms(&data).await;
    server.end();
    let _ = std::fs::remove_dir_all(&data);
    Figures { ready_ms: median(ready), adopted_ms: median(adopted), baseline_ms }
}

fn median(mut values: Vec<u128>) -> u128 {
    values.sort_unstable();
    values[values.len() / 2]
}

/// Writes `streams` live streams into the database of a server that does not run yet.
async fn seed(data: &Path, streams: usize) {
    let db = Db::connect(&Db::url_of(&data.join("backstage.db"))).await.expect("a database");
    let running = Stage::start(Ports {
        store: Arc::new(SqlStore::new(db.clone())),
        clock: Arc::new(Wall),
        ids: Arc::new(CountedIds::default()),
        rooms: Arc::new(FakeRooms::new(Trouble::none())),
        spine: Arc::new(FakeSpine::new(Trouble::none())),
        announcer: Arc::new(Silent),
        gauge: Arc::new(Silent),
        media: Default::default(),
        rules: Rules::default(),
        // Nothing is swept away while the world is furnished.
        limits: Limits { sweep_ms: 1 << 40, ..Limits::default() },
    });
    let stage = &running.stage;
    for n in 0..streams {
        let space = SpaceId::parse(&format!("space-{}", n / PER_SPACE)).expect("an id");
        if n % PER_SPACE == 0 {
            let slug = Slug::parse(space.as_str()).expect("a slug");
            let set = space::Settings { slug, name: "S".into(), headline: String::new(), description: String::new() };
            let team = TeamId::parse("team").expect("an id");
            let create = SpaceEvent::Create { id: space.clone(), team, settings: set };
            stage.space(&space, create).await.expect("a space");
        }
        let experience = ExperienceId::parse(&format!("experience-{n}")).expect("an id");
        let stream = StreamId::parse(&format!("stream-{n}")).expect("an id");
        let settings = experience::Settings {
            slug: Slug::parse(&format!("e{n}")).expect("a slug"),
            title: format!("Show {n}"),
            description: String::new(),
            access: Rule::Open,
            grace_ms: 30 * 60_000,
            starts_at: None,
        };
        let create =
            ExperienceEvent::Create { id: experience.clone(), space: space.clone(), settings, stream: stream.clone() };
        stage.experience(&space, &experience, create).await.expect("an experience");
        let go = ExperienceEvent::GoLive { stream: stream.clone() };
        stage.experience(&space, &experience, go).await.expect("live");
        let path = StreamPath { space, experience, stream };
        let track = TrackId::parse(&format!("TR_{n}")).expect("an id");
        until(|| stage.stream(&path, StreamEvent::MediaArrived { track: track.clone() }, None)).await;
    }
    running.stop().await;
    db.close().await;
}

/// The stream is opened by the outbox a moment after go-live.
async fn until<T, E, F: Future<Output = Result<T, E>>>(work: impl Fn() -> F) {
    let began = Instant::now();
    while work().await.is_err() {
        assert!(began.elapsed() < WAIT, "the stream was not opened");
        tokio::task::yield_now().await;
    }
}

struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(data: &Path) -> Server {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let child = Command::new(env!("CARGO_BIN_EXE_backstage"))
            .env("PORT", port.to_string())
            .env("BACKSTAGE_DATA", data)
            .env("BACKSTAGE_ENV", "development")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server");
        Server { child, url: format!("http://127.0.0.1:{port}") }
    }

    async fn wait_ready(&self) {
        let began = Instant::now();
        while !reqwest::get(format!("{}/readyz", self.url)).await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(began.elapsed() < WAIT, "the server did not become ready");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn wait(&self, holds: impl Fn(&str) -> bool) {
        let began = Instant::now();
        loop {
            if let Ok(answer) = reqwest::get(format!("{}/metrics", self.url)).await
                && holds(&answer.text().await.unwrap_or_default())
            {
                return;
            }
            assert!(began.elapsed() < WAIT, "the figures did not come");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn kill(&mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("wait");
    }

    fn end(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn gauge(figures: &str, name: &str) -> Option<f64> {
    figures.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

fn waiting_effects(figures: &str) -> f64 {
    let lanes = figures.lines().filter(|line| line.starts_with("backstage_outbox_waiting{"));
    lanes.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// The media server's own start, with the configuration that ours was given but other ports.
async fn livekit_start_ms(data: &Path) -> u128 {
    let program: PathBuf =
        std::env::var_os("BACKSTAGE_LIVEKIT_BIN").map_or_else(|| "livekit-server".into(), Into::into);
    let mut times = vec![];
    for _ in 0..ROUNDS {
        let ports: Vec<u16> = (0..3)
            .map(|_| TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port())
            .collect();
        let config = data.join("baseline.yaml");
        let text = format!(
            "port: {}\nbind_addresses: [\"127.0.0.1\"]\nrtc: {{ udp_port: {}, tcp_port: {}, node_ip: 127.0.0.1, use_external_ip: false, stun_servers: [\"127.0.0.1:{}\"] }}\nkeys: {{ devkey: devsecret-devsecret-devsecret-32b }}\n",
            ports[0], ports[1], ports[2], ports[1]
        );
        std::fs::write(&config, text).expect("a file");
        let began = Instant::now();
        let mut child = Command::new(&program)
            .arg("--config")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("livekit-server; bin/setup installs it");
        while !reqwest::get(format!("http://127.0.0.1:{}", ports[0])).await.is_ok_and(|a| a.status().is_success()) {
            assert!(began.elapsed() < WAIT, "livekit-server did not start");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        times.push(began.elapsed().as_millis());
        child.kill().expect("kill");
        child.wait().expect("wait");
    }
    median(times)
}
