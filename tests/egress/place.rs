//! One stream, its host, and the bridges of one server.

use backstage::adapters::livekit::{EgressBridges, EgressSettings, Endpoint};
use backstage::ports::StreamKeys;
use backstage_actors::fakes::Silent;
use backstage_actors::ports::{BoxFuture, Bridges, Path, ProviderError, WorkerSeen};
use backstage_core::BroadcastId;
use backstage_media::rtmp::StreamKey;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::logs;
use crate::stand::{self, Stand};

pub const INGEST: &str = "rtmps://ingest.example.com:443/app";
pub const ROOM: &str = "bp.here.stream-1";
pub const HOST: &str = "host:user-1";
/// No log and no error may hold it.
pub const SECRET_PART: &str = "never-to-be-seen";
/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(15);

struct Keys;

impl StreamKeys for Keys {
    fn key<'a>(&'a self, broadcast: &'a BroadcastId) -> BoxFuture<'a, Result<StreamKey, ProviderError>> {
        Box::pin(async move { Ok(StreamKey::new(key_of(broadcast))) })
    }
}

pub fn key_of(broadcast: &BroadcastId) -> String {
    format!("{broadcast}-{SECRET_PART}-{broadcast}")
}

pub fn path() -> Path {
    Path {
        space: "space-1".parse().unwrap(),
        experience: "experience-1".parse().unwrap(),
        stream: "stream-1".parse().unwrap(),
    }
}

pub fn broadcast(name: &str) -> BroadcastId {
    name.parse().unwrap()
}

/// What a server has.
pub fn bridges(stand: &Stand) -> EgressBridges {
    bridges_with(stand, None)
}

pub fn bridges_with(stand: &Stand, file: Option<String>) -> EgressBridges {
    logs::keep();
    EgressBridges::new(EgressSettings {
        endpoint: Endpoint { url: stand.url.clone(), api_key: stand::KEY.into(), api_secret: stand::SECRET.into() },
        install: "here".into(),
        keys: Arc::new(Keys),
        ingest_url: INGEST.into(),
        file,
        gauge: Arc::new(Silent),
        look_every: Duration::from_millis(30),
    })
}

/// A host who publishes, and an egress that follows.
pub async fn sending() -> (Stand, EgressBridges) {
    let stand = Stand::start();
    stand.host_is_there(ROOM, HOST);
    let ours = bridges(&stand);
    begins(&ours).await;
    until("an egress", || !stand.going().is_empty()).await;
    (stand, ours)
}

pub async fn begins(bridges: &EgressBridges) {
    bridges.start(&path(), &broadcast("one")).await.unwrap();
}

pub async fn looks(bridges: &EgressBridges) -> WorkerSeen {
    bridges.look(&path().stream).await.unwrap()
}

pub async fn stops(bridges: &EgressBridges) {
    bridges.stop(&path().stream).await.unwrap();
}

pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what} did not come\n{}", logs::last(20));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub async fn until_missing(bridges: &EgressBridges) {
    let end = Instant::now() + PATIENCE;
    while looks(bridges).await != WorkerSeen::Missing {
        assert!(Instant::now() < end, "it was never given up\n{}", logs::last(20));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits for several looks: each asks the Egress service once or twice.
pub async fn several_looks(stand: &Stand) {
    let from = stand.calls();
    until("several looks", || stand.calls() >= from + 8).await;
}

/// Long enough for several looks, where none is to be seen.
pub async fn a_while() {
    tokio::time::sleep(Duration::from_millis(400)).await;
}
