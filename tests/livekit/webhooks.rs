//! Webhooks: real ones from a real media server, and such as a stranger would send.

use crate::stand::{Folder, WallClock, now, until};
use actix_web::{App, HttpServer};
use backstage::adapters::livekit::{Endpoint, LiveKitRooms, LiveKitServer, Tokens};
use backstage::telemetry::Metrics;
use backstage::webhooks::{LiveKitDoor, Worker, WorkerPorts, routes};
use backstage_actors::fakes::{CountedIds, FakeSpine, Memory, Silent, Trouble};
use backstage_actors::ports::{Clock, Key, Path, Rooms, Store};
use backstage_actors::{Limits, Ports, Rules, Running, Stage};
use backstage_core::Kind;
use backstage_core::stream::{Phase, Start, Stream, StreamEvent};
use base64::Engine;
use livekit_api::access_token::AccessToken;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Our side: a store in memory, actors without a sweep, the door on a real port.
struct World {
    store: Arc<Memory>,
    metrics: Arc<Metrics>,
    door: Arc<LiveKitDoor>,
    running: Running,
    rooms: Arc<dyn Rooms>,
    path: Path,
    url: String,
}

impl World {
    async fn new(endpoint: &Endpoint, listener: std::net::TcpListener) -> World {
        let store = Arc::new(Memory::default());
        let metrics = Arc::new(Metrics::new("test", now()).unwrap());
        let clock: Arc<dyn Clock> = Arc::new(WallClock);
        let rooms: Arc<dyn Rooms> = Arc::new(LiveKitRooms::new(endpoint, "a"));
        let running = Stage::start(Ports {
            store: store.clone(),
            clock: clock.clone(),
            ids: Arc::new(CountedIds::default()),
            rooms: rooms.clone(),
            spine: Arc::new(FakeSpine::new(Trouble::none())),
            announcer: Arc::new(Silent),
            gauge: metrics.clone(),
            media: Default::default(),
            rules: Rules::default(),
            // No sweep but the first: what is seen here came by webhook.
            limits: Limits { sweep_ms: 3_600_000, ..Limits::default() },
        });
        let door = LiveKitDoor::new(endpoint, "a", store.clone(), clock, metrics.clone());
        let url = format!("http://{}/webhooks/livekit", listener.local_addr().unwrap());
        let served = door.clone();
        let server = HttpServer::new(move || App::new().configure(routes(served.clone())));
        actix_web::rt::spawn(server.workers(1).disable_signals().listen(listener).unwrap().run());
        let path =
            Path { space: "sp".parse().unwrap(), experience: "ex".parse().unwrap(), stream: "st".parse().unwrap() };
        let world = World { store, metrics, door, running, rooms, path, url };
        let open = StreamEvent::Open {
            space: world.path.space.clone(),
            experience: world.path.experience.clone(),
            stream: world.path.stream.clone(),
            start: Start::GoLive,
            grace_ms: 60_000,
            plan: Default::default(),
        };
        world.running.stage.stream(&world.path, open, None).await.unwrap();
        world
    }

    fn work(&self) -> Worker {
        let (door, stage, rooms) = (self.door.clone(), self.running.stage.clone(), self.rooms.clone());
        Worker::start(WorkerPorts { door, stage, rooms })
    }

    async fn phase(&self) -> Phase {
        let stored = self.store.load(&Key::new(Kind::Stream, "st")).await.unwrap().unwrap();
        serde_json::from_str::<Stream>(&stored.state).unwrap().phase
    }

    fn count(&self, outcome: &str) -> u64 {
        let start = format!("backstage_webhooks_total{{outcome=\"{outcome}\",provider=\"livekit\"}} ");
        self.metrics.text().lines().find_map(|line| line.strip_prefix(&start)?.parse().ok()).unwrap_or(0)
    }

    async fn post(&self, body: &str, signature: Option<&str>) -> (u16, String) {
        let mut request = reqwest::Client::new().post(&self.url).header("content-type", "application/webhook+json");
        if let Some(signature) = signature {
            request = request.header("authorization", signature);
        }
        let answer = request.body(body.to_owned()).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

fn signed(endpoint: &Endpoint, body: &str) -> String {
    let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(body));
    AccessToken::with_api_key(&endpoint.api_key, &endpoint.api_secret).with_sha256(&digest).to_jwt().unwrap()
}

fn track(event: &str, id: &str, identity: &str, created_at_s: i64) -> String {
    format!(
        r#"{{"event":"{event}","id":"{id}","createdAt":"{created_at_s}","room":{{"name":"bp.a.st"}},
            "participant":{{"identity":"{identity}"}},"track":{{"sid":"TR_1"}},"somethingNew":1}}"#
    )
}

fn free_port() -> std::net::TcpListener {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap()
}

fn nowhere() -> Endpoint {
    Endpoint { url: "ws://127.0.0.1:9".into(), api_key: "key".into(), api_secret: "secret".into() }
}

#[actix_web::test]
async fn a_room_that_ends_at_the_media_server_is_heard_of_by_webhook() {
    let folder = Folder::new();
    let listener = free_port();
    let url = format!("http://{}/webhooks/livekit", listener.local_addr().unwrap());
    let server = LiveKitServer::start(folder.settings_for(&url), Arc::new(Silent)).await.unwrap();
    let endpoint = server.endpoint().clone();
    let world = World::new(&endpoint, listener).await;
    let _worker = world.work();
    until("the room", || async { world.rooms.host_tracks(&world.path.stream).await == Ok(Some([].into())) }).await;

    let published = track("track_published", "EV_1", "host:u", now().0 / 1_000);
    assert_eq!(world.post(&published, Some(&signed(&endpoint, &published))).await.0, 200);
    until("live", || async { matches!(world.phase().await, Phase::Live { .. }) }).await;

    world.rooms.close(&world.path.stream).await.unwrap();
    until("reconnecting", || async { matches!(world.phase().await, Phase::Reconnecting { .. }) }).await;
    until("the room again", || async { world.rooms.host_tracks(&world.path.stream).await == Ok(Some([].into())) })
        .await;
    assert_eq!((world.count("accepted"), world.count("forged")), (2, 0));
    assert!(world.count("ignored") >= 1, "room_started is nothing to us");

    // A viewer's coming and going is no news about the host.
    let token = Tokens::new(&endpoint, "a").viewer(&world.path.stream, &"u2".parse().unwrap(), "n", now());
    drop(crate::rooms::join(&token).await.unwrap());
    world.running.stage.stream(&world.path, StreamEvent::End, None).await.unwrap();
    until("archived", || async { matches!(world.phase().await, Phase::Archived { .. }) }).await;
    world.running.stop().await;
    server.stop().await;
}

#[actix_web::test]
async fn forged_webhooks_change_nothing() {
    let _folder = Folder::new();
    let endpoint = nowhere();
    let world = World::new(&endpoint, free_port()).await;
    let _worker = world.work();
    let body = track("track_published", "EV_1", "host:u", now().0 / 1_000);
    let stranger = Endpoint { api_secret: "guessed".into(), ..endpoint.clone() };
    let other_body = signed(&endpoint, "{}");
    for signature in [None, Some(""), Some("x.y.z"), Some(&*signed(&stranger, &body)), Some(&*other_body)] {
        let (status, answer) = world.post(&body, signature).await;
        assert_eq!(status, 401, "{signature:?}");
        assert!(answer.contains("\"code\":\"forged\""), "{answer}");
    }
    assert_eq!(world.count("forged"), 5);
    let long = "x".repeat(65 * 1024);
    assert_eq!(world.post(&long, Some(&signed(&endpoint, &long))).await.0, 413);
    let odd = "{\"event\":7}";
    assert_eq!(world.post(odd, Some(&signed(&endpoint, odd))).await.0, 400);
    assert!(world.store.unsettled_inbox("livekit:", 10).await.unwrap().is_empty());
    assert!(matches!(world.phase().await, Phase::Lobby { .. }));
    world.running.stop().await;
}

#[actix_web::test]
async fn a_repeated_webhook_is_taken_once_and_an_old_or_foreign_one_not_at_all() {
    let _folder = Folder::new();
    let endpoint = nowhere();
    let world = World::new(&endpoint, free_port()).await;
    let _worker = world.work();
    let send = |body: String| {
        let (world, signature) = (&world, signed(&endpoint, &body));
        async move { world.post(&body, Some(&signature)).await.0 }
    };
    let at = now().0 / 1_000;
    assert_eq!(send(track("track_published", "EV_1", "host:u", at - 600)).await, 200);
    assert_eq!(world.count("expired"), 1);
    assert_eq!(send(track("track_published", "EV_2", "viewer:u:n", at)).await, 200);
    assert_eq!(send(track("track_published", "EV_3", "host:u", at).replace("bp.a.st", "bp.b.st")).await, 200);
    assert_eq!(world.count("ignored"), 2);
    assert!(matches!(world.phase().await, Phase::Lobby { .. }));

    assert_eq!(send(track("track_published", "EV_4", "host:u", at)).await, 200);
    until("live", || async { matches!(world.phase().await, Phase::Live { .. }) }).await;
    assert_eq!(send(track("track_unpublished", "EV_5", "host:u", at)).await, 200);
    until("reconnecting", || async { matches!(world.phase().await, Phase::Reconnecting { .. }) }).await;
    assert_eq!(send(track("track_published", "EV_4", "host:u", at)).await, 200);
    assert_eq!((world.count("accepted"), world.count("repeated"), world.count("applied")), (2, 1, 2));
    // One that was crossed on its way does not bring a lost track back.
    assert_eq!(send(track("track_published", "EV_6", "host:u", at)).await, 200);
    until("the third", || async { world.count("applied") == 3 }).await;
    assert!(matches!(world.phase().await, Phase::Reconnecting { .. }));
    world.running.stop().await;
}

#[actix_web::test]
async fn what_a_crash_left_in_the_inbox_is_worked_on_at_the_next_start() {
    let _folder = Folder::new();
    let endpoint = nowhere();
    let world = World::new(&endpoint, free_port()).await;
    let body = track("track_published", "EV_1", "host:u", now().0 / 1_000);
    assert_eq!(world.post(&body, Some(&signed(&endpoint, &body))).await.0, 200);
    assert_eq!(world.store.unsettled_inbox("livekit:", 10).await.unwrap().len(), 1);

    let _worker = world.work();
    until("live", || async { matches!(world.phase().await, Phase::Live { .. }) }).await;
    assert!(world.store.unsettled_inbox("livekit:", 10).await.unwrap().is_empty());
    world.running.stop().await;
}

#[actix_web::test]
async fn a_host_who_leaves_takes_the_tracks_along_but_not_those_of_the_next_session() {
    let _folder = Folder::new();
    let endpoint = nowhere();
    let world = World::new(&endpoint, free_port()).await;
    let _worker = world.work();
    let at = now().0 / 1_000;
    let send = async |body: String| assert_eq!(world.post(&body, Some(&signed(&endpoint, &body))).await.0, 200);
    let left = |id: &str, tracks: &str| {
        format!(
            r#"{{"event":"participant_left","id":"{id}","createdAt":"{at}","room":{{"name":"bp.a.st"}},
                "participant":{{"identity":"host:u","tracks":[{tracks}]}}}}"#
        )
    };
    let both = r#"{"sid":"TR_1"},{"sid":"TR_2"}"#;
    send(track("track_published", "EV_1", "host:u", at)).await;
    send(track("track_published", "EV_2", "host:u", at).replace("TR_1", "TR_2")).await;
    until("live", || async { matches!(world.phase().await, Phase::Live { .. }) && world.count("applied") == 2 }).await;
    send(left("EV_3", both)).await;
    until("reconnecting", || async { matches!(world.phase().await, Phase::Reconnecting { .. }) }).await;

    // A reload: the new session publishes, then the old one's leaving is told.
    send(track("track_published", "EV_4", "host:u", at).replace("TR_1", "TR_3")).await;
    until("live again", || async { matches!(world.phase().await, Phase::Live { .. }) }).await;
    send(left("EV_5", both)).await;
    until("all applied", || async { world.count("applied") == 5 }).await;
    assert!(matches!(world.phase().await, Phase::Live { .. }));
    world.running.stop().await;
}
