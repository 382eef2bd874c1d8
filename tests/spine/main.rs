//! The event spine against the embedded broker and against Mosquitto (apt `mosquitto`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a test stands in the world itself")]

use backstage::adapters::mqtt::{BrokerAddress, EmbeddedBroker, MqttSpine};
use backstage_actors::fakes::{CountedIds, FakeRooms, Memory, PausedClock, Silent, Trouble};
use backstage_actors::ports::{Path as Place, ProviderError, Spine, Store};
use backstage_actors::{Limits, Ports, Rules, Stage};
use backstage_core::Timestamp;
use backstage_core::effect::{Lane, Lifecycle};
use backstage_core::stream::{Start, StreamEvent};
use rumqttc::{AsyncClient, Event, EventLoop, Incoming, MqttOptions, QoS};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

static COUNT: AtomicU32 = AtomicU32::new(0);

struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let name = format!("backstage-spine-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A real Mosquitto with a user and a password.
struct Mosquitto(Child);

impl Mosquitto {
    fn start(folder: &Path, port: u16) -> Mosquitto {
        let (passwords, config) = (folder.join("passwords"), folder.join("mosquitto.conf"));
        let made =
            Command::new("mosquitto_passwd").args(["-b", "-c"]).arg(&passwords).args(["ada", "p@ss word"]).status();
        assert!(made.expect("mosquitto_passwd: apt install mosquitto").success());
        // As root it would change to a user that cannot read the files of this test.
        let user = std::env::var("USER").unwrap_or_else(|_| "root".into());
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous false\nuser {user}\npassword_file {}\n",
            passwords.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("mosquitto");
        let child = command.arg("-c").arg(&config).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn();
        Mosquitto(child.expect("mosquitto: apt install mosquitto"))
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn live() -> Lifecycle {
    Lifecycle {
        space: "sp".parse().unwrap(),
        experience: "ex".parse().unwrap(),
        stream: Some("st".parse().unwrap()),
        event: "live".into(),
        cause: "media_arrived".into(),
        at: Timestamp(1_234),
    }
}

/// A listener outside, subscribed before it returns.
async fn listen(address: &BrokerAddress) -> EventLoop {
    let mut options = MqttOptions::new("listener", &address.host, address.port);
    let (user, password) = address.login.clone().unwrap();
    options.set_credentials(user, password);
    let (client, mut events) = AsyncClient::new(options, 16);
    client.subscribe("backstage/v1/sp/+/#", QoS::AtLeastOnce).await.unwrap();
    let subscribed = async {
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Incoming::SubAck(_))) => return,
                Ok(_) => {}
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), subscribed).await.expect("a subscription");
    events
}

async fn heard(events: &mut EventLoop) -> (String, serde_json::Value) {
    let published = async {
        loop {
            if let Event::Incoming(Incoming::Publish(publish)) = events.poll().await.unwrap() {
                return (publish.topic, serde_json::from_slice(&publish.payload).unwrap());
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), published).await.expect("an event")
}

async fn ready(spine: &MqttSpine) {
    tokio::time::timeout(Duration::from_secs(10), spine.ready()).await.expect("a connection");
}

#[actix_web::test]
async fn an_event_reaches_a_listener_under_the_documented_topic_and_shape() {
    let folder = Folder::new();
    let broker = EmbeddedBroker::start(&folder.0, 0).await.unwrap();
    let spine = MqttSpine::connect(broker.address().clone(), "i", Arc::new(Silent));
    ready(&spine).await;
    let mut listener = listen(broker.address()).await;

    spine.publish("stream:st:3:0", &live()).await.unwrap();

    let (topic, message) = heard(&mut listener).await;
    assert_eq!(topic, "backstage/v1/sp/ex/live");
    let expected = serde_json::json!({
        "version": 1, "key": "stream:st:3:0", "space": "sp", "experience": "ex", "stream": "st",
        "event": "live", "cause": "media_arrived", "at": 1_234,
    });
    assert_eq!(message, expected);
}

#[actix_web::test]
async fn the_embedded_broker_keeps_its_address_and_lets_no_stranger_in() {
    let folder = Folder::new();
    let broker = EmbeddedBroker::start(&folder.0, 0).await.unwrap();
    let address = broker.address().clone();
    let stranger = BrokerAddress { login: Some(("backstage".into(), "guess".into())), ..address.clone() };
    let refused = MqttSpine::connect(stranger, "i", Arc::new(Silent));
    assert!(tokio::time::timeout(Duration::from_secs(1), refused.ready()).await.is_err());
    assert!(refused.status().is_err());
    broker.stop();

    let gone = async {
        while tokio::net::TcpStream::connect((address.host.as_str(), address.port)).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.expect("the port is free");
    let broker = EmbeddedBroker::start(&folder.0, 0).await.unwrap();
    assert_eq!(broker.address(), &address);
}

#[actix_web::test]
async fn many_events_at_once_are_all_confirmed() {
    let folder = Folder::new();
    let broker = EmbeddedBroker::start(&folder.0, 0).await.unwrap();
    let spine = MqttSpine::connect(broker.address().clone(), "i", Arc::new(Silent));
    ready(&spine).await;
    let keys: Vec<String> = (0..200).map(|number| format!("k{number}")).collect();
    let event = live();
    let results = futures_util::future::join_all(keys.iter().map(|key| spine.publish(key, &event))).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

#[actix_web::test]
async fn mosquitto_away_fails_fast_and_takes_events_again_when_it_is_back() {
    let folder = Folder::new();
    let port = free_port();
    let address = BrokerAddress::parse(&format!("mqtt://ada:p%40ss%20word@127.0.0.1:{port}")).unwrap();
    let broker = Mosquitto::start(&folder.0, port);
    let spine = MqttSpine::connect(address.clone(), "i", Arc::new(Silent));
    ready(&spine).await;
    let mut listener = listen(&address).await;
    spine.publish("k1", &live()).await.unwrap();
    assert_eq!(heard(&mut listener).await.1["key"], "k1");

    drop(broker);
    let began = Instant::now();
    let answer = spine.publish("k2", &live()).await.unwrap_err();
    assert!(matches!(answer, ProviderError::TryAgain(_)), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(2));

    let _broker = Mosquitto::start(&folder.0, port);
    ready(&spine).await;
    let mut listener = listen(&address).await;
    spine.publish("k2", &live()).await.unwrap();
    assert_eq!(heard(&mut listener).await.1["key"], "k2");
}

#[actix_web::test]
async fn a_wrong_password_is_told_in_words() {
    let folder = Folder::new();
    let port = free_port();
    let _broker = Mosquitto::start(&folder.0, port);
    let spine = MqttSpine::connect(
        BrokerAddress::parse(&format!("mqtt://ada:wrong@127.0.0.1:{port}")).unwrap(),
        "i",
        Arc::new(Silent),
    );
    let told = async {
        while !matches!(spine.status(), Err(reason) if reason.contains("MQTT_URL")) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), told).await.expect("the reason");
}

#[actix_web::test]
async fn what_happens_while_the_broker_is_away_reaches_listeners_later_in_order() {
    let folder = Folder::new();
    let port = free_port();
    let address = BrokerAddress::parse(&format!("mqtt://ada:p%40ss%20word@127.0.0.1:{port}")).unwrap();
    let spine = Arc::new(MqttSpine::connect(address.clone(), "i", Arc::new(Silent)));
    let store = Arc::new(Memory::default());
    let running = Stage::start(Ports {
        store: store.clone(),
        clock: Arc::new(PausedClock::new()),
        ids: Arc::new(CountedIds::default()),
        rooms: Arc::new(FakeRooms::new(Trouble::none())),
        spine: spine.clone(),
        announcer: Arc::new(Silent),
        gauge: Arc::new(Silent),
        media: Default::default(),
        rules: Rules::default(),
        limits: Limits::default(),
    });
    let path = Place { space: "sp".parse().unwrap(), experience: "ex".parse().unwrap(), stream: "st".parse().unwrap() };
    let open = StreamEvent::Open {
        space: path.space.clone(),
        experience: path.experience.clone(),
        stream: path.stream.clone(),
        start: Start::Lobby,
        grace_ms: 60_000,
        plan: Default::default(),
    };
    // Nothing waits for the broker: both are taken at once.
    let began = Instant::now();
    running.stage.stream(&path, open, None).await.unwrap();
    running.stage.stream(&path, StreamEvent::End, None).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1));
    let waiting = store.outbox_backlog().await.unwrap().into_iter().find(|lane| lane.lane == Lane::Spine).unwrap();
    assert_eq!(waiting.waiting, 2);

    let _broker = Mosquitto::start(&folder.0, port);
    let mut listener = listen(&address).await;
    assert_eq!(heard(&mut listener).await.0, "backstage/v1/sp/ex/lobby");
    assert_eq!(heard(&mut listener).await.0, "backstage/v1/sp/ex/cancelled");
    running.stop().await;
}
