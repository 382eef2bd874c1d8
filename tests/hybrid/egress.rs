//! LiveKit's Egress in place of the bridge: everything real but Egress, whose part this test plays.

use backstage::adapters::livekit::{EgressBridges, EgressSettings, Endpoint, Tokens};
use backstage::app::App;
use backstage::db::Db;
use backstage::store::SqlStore;
use backstage::telemetry::Metrics;
use backstage::world::{Ground, SystemClock, Uuids, World};
use backstage_actors::ports::{Clock, Ids};
use backstage_core::StreamId;
use backstage_media::bridge::{Bridge, BridgeSettings, DestinationSettings, SizeChange};
use backstage_media::origin::{Faults, Origin};
use backstage_media::participant::{
    Access, Picture, Preference, Subscriber, SubscriberSettings, TokenError, TokenSource,
};
use backstage_media::rtmp::Target;
use futures_util::future::BoxFuture;
use livekit_protocol::ParticipantEgressRequest;
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::house::{House, Show};
use crate::logs;
use crate::stand::{Fault, Stand};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// A house whose bridges are egresses.
struct Site {
    house: House,
    stand: Stand,
    tokens: Tokens,
}

impl Site {
    async fn open() -> Site {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (folder, config) = House::laid_out(|config| {
            config.server.port = port;
            config.recording.enabled = false;
        });
        let store = SqlStore::new(Db::connect(config.database_url().expose()).await.unwrap());
        let install = store.installation_id().await.unwrap();
        let (clock, ids): (Arc<dyn Clock>, Arc<dyn Ids>) = (Arc::new(SystemClock), Arc::new(Uuids));
        let metrics = Arc::new(Metrics::new("test", clock.now()).unwrap());
        let faults = Faults::default();
        let ground = Ground {
            store: &store,
            install: &install,
            address: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port),
            metrics: &metrics,
            clock: &clock,
            ids: &ids,
            faults: &faults,
        };
        let mut world = World::of(&config, &ground).await.unwrap();
        let livekit = world.livekit.as_ref().unwrap().endpoint().clone();
        let stand = Stand::before(Some(livekit.http_url()), &livekit.api_key, &livekit.api_secret);
        let hls = world.hls.as_mut().unwrap();
        hls.bridges = Arc::new(EgressBridges::new(EgressSettings {
            endpoint: Endpoint { url: stand.url.clone(), ..livekit.clone() },
            install: install.clone(),
            keys: Arc::new(hls.mux.clone()),
            ingest_url: hls.origin.as_ref().map(Origin::local_ingest_url).unwrap(),
            file: None,
            gauge: metrics.clone(),
            look_every: Duration::from_millis(200),
        }));
        let app = App::build_in(config, world).await.unwrap();
        Site { house: House::around(app, faults, folder).await, stand, tokens: Tokens::new(&livekit, &install) }
    }

    /// Waits for the `nth` (from 1) order and does what Egress would: listens to the room and sends to the address.
    async fn egress_works(&self, show: &Show, nth: usize) -> (Bridge, ParticipantEgressRequest) {
        let end = Instant::now() + PATIENCE;
        let order = loop {
            if let Some(order) = self.stand.orders().into_iter().nth(nth - 1) {
                break order;
            }
            assert!(Instant::now() < end, "nothing was ordered\n{}", logs::last(30));
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let wanted = Preference { identity_prefix: order.identity.clone(), picture: Picture::default() };
        let token = RoomToken { tokens: self.tokens.clone(), stream: show.stream.parse().unwrap() };
        let source = Subscriber::start(SubscriberSettings::new(wanted), Arc::new(token));
        let bridge = Bridge::start(BridgeSettings::default(), source);
        let target = Target::parse(&order.stream_outputs[0].urls[0]).unwrap();
        bridge.add(DestinationSettings::new("egress", target, SizeChange::Announce)).await.unwrap();
        (bridge, order)
    }
}

struct RoomToken {
    tokens: Tokens,
    stream: StreamId,
}

impl TokenSource for RoomToken {
    fn access(&self) -> BoxFuture<'_, Result<Access, TokenError>> {
        let token = self.tokens.bridge(&self.stream, &Uuids.next(), SystemClock.now());
        Box::pin(std::future::ready(Ok(Access { url: token.url, token: token.jwt })))
    }
}

#[actix_web::test]
async fn an_audience_moves_to_hls_that_egress_sends_and_nothing_goes_on_after_the_show() {
    let mut site = Site::open().await;
    let show = site.house.goes_live().await;
    let mut guests = site.house.audience(2).await;
    let (worker, order) = site.egress_works(&show, 1).await;
    assert!(order.identity.starts_with("host:"));
    for guest in &mut guests {
        guest.is_moved_to("hls").await;
        guest.watches("hls").await;
    }
    site.house.hears(&show, "delivery_hls").await;
    assert_eq!(site.house.how_often(&show, "delivery_fallback").await, 0);
    assert_eq!(site.house.how_often(&show, "health_critical").await, 0, "nobody measured anything");

    site.house.ends(show).await;
    let end = Instant::now() + PATIENCE;
    while !site.stand.going().is_empty() {
        assert!(Instant::now() < end, "the egress goes on\n{}", logs::last(30));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!((site.stand.orders().len(), site.stand.stops().len()), (1, 1));
    worker.stop().await;
    site.house.close().await;
    let (_, key) = order.stream_outputs[0].urls[0].rsplit_once('/').unwrap();
    assert!(key.len() > 10 && !logs::all().contains(key), "the stream key is in the log");
}

#[actix_web::test]
async fn without_an_egress_service_viewers_stay_on_webrtc_until_there_is_one() {
    let mut site = Site::open().await;
    site.stand.fault(Fault::NoWorker);
    let show = site.house.goes_live().await;
    let mut guests = site.house.audience(2).await;
    assert_eq!(site.house.hears(&show, "delivery_fallback").await, "bridge_lost");
    for guest in &mut guests {
        let (status, offer) = site.house.offered(guest, json!({ "watching": "webrtc" })).await;
        assert_eq!((status, &offer["delivery"]), (200, &"webrtc".into()));
    }
    assert_eq!(site.house.how_often(&show, "delivery_hybrid").await, 0, "nobody was moved");
    assert!(logs::all().contains("no Egress service answers at LiveKit: start livekit-egress"));

    site.stand.fault(Fault::None);
    let (worker, _) = site.egress_works(&show, 1).await;
    guests[0].is_moved_to("hls").await;
    worker.stop().await;
    site.house.close().await;
}
