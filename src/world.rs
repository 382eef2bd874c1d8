//! What stands at the other ends of the wires, made from the configuration: our own children on a laptop, other
//! people's servers in production. Tests put fakes in their place.

use backstage_actors::ports::{Clock, Ids, Rooms, Spine, Store};
use backstage_core::Timestamp;
use backstage_media::origin::Faults;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::adapters::livekit::{self, CheckError, Endpoint, LiveKitRooms, LiveKitServer, LiveKitSettings};
use crate::adapters::mail::{Mailbox, SmtpMail, SmtpSettings};
use crate::adapters::mqtt::{BrokerAddress, EmbeddedBroker, MqttSpine};
use crate::adapters::sms::Twilio;
use crate::adapters::storage::{FileStore, ObjectStore, S3Settings, S3Store, Signer};
use crate::app::StartError;
use crate::config::{Config, StorageKind, TextsBy};
use crate::doors::LiveKitDoors;
use crate::hls::{Hls, Under};
use crate::letters::{self, Letters};
use crate::ports::{Doors, Mail, Sms};
use crate::security::seal::Seal;
use crate::sms::{self, Texts};
use crate::store::SqlStore;
use crate::telemetry::{Metrics, Part};
use crate::webhooks::LiveKitDoor;

/// The other ends.
pub struct World {
    /// Rooms of the media server.
    pub rooms: Arc<dyn Rooms>,
    /// Doors of the media server.
    pub doors: Arc<dyn Doors>,
    /// Letters.
    pub mail: Arc<dyn Mail>,
    /// Text messages; none: nobody is asked for a number.
    pub sms: Option<Arc<dyn Sms>>,
    /// The event spine.
    pub spine: Arc<dyn Spine>,
    /// Where the media server's webhooks come in.
    pub webhooks: Option<Arc<LiveKitDoor>>,
    /// Parts that `/readyz` asks about, beside the database.
    pub parts: Vec<Part>,
    /// Our own media server.
    pub livekit: Option<Arc<LiveKitServer>>,
    /// Our own event broker.
    pub broker: Option<EmbeddedBroker>,
    /// HLS and recordings; none: WebRTC alone.
    pub hls: Option<Hls>,
}

/// What the world is built on.
pub struct Ground<'a> {
    /// The store.
    pub store: &'a SqlStore,
    /// Names this installation.
    pub install: &'a str,
    /// Where we listen.
    pub address: SocketAddr,
    /// Figures.
    pub metrics: &'a Arc<Metrics>,
    /// The time.
    pub clock: &'a Arc<dyn Clock>,
    /// New ids.
    pub ids: &'a Arc<dyn Ids>,
    /// For tests: failures of our own origin on demand.
    pub faults: &'a Faults,
}

impl World {
    /// Starts our own children, or looks at the servers named.
    pub async fn of(config: &Config, ground: &Ground<'_>) -> Result<World, StartError> {
        let (endpoint, livekit) = media_server(config, ground).await?;
        let public_url = match config.livekit.public_url.as_str() {
            "" => endpoint.url.clone(),
            url => url.trim_end_matches('/').to_string(),
        };
        let (spine, broker) = event_spine(config, ground).await?;
        let media = match &livekit {
            Some(server) => Part::livekit(server.clone()),
            None => Part::livekit_elsewhere(endpoint.clone()),
        };
        let rooms = LiveKitRooms::new(&endpoint, ground.install);
        let doors = LiveKitDoors::new(&endpoint, public_url, ground.install, rooms.clone(), ground.clock.clone());
        let store: Arc<dyn Store> = Arc::new(ground.store.clone());
        let hls = match config.delivery.enabled || config.recording.enabled {
            true => Some(Hls::of(under(config, ground, &endpoint)).await?),
            false => None,
        };
        let webhooks = LiveKitDoor::new(&endpoint, ground.install, store, ground.clock.clone(), ground.metrics.clone());
        let mut parts = vec![media, Part::mqtt(spine.clone()), Part::disk(config.data.dir.clone())];
        parts.extend(hls.as_ref().map(|hls| Part::hls(hls.mux.clone(), hls.origin.is_some())));
        let (mail, sms) = messages(config, ground)?;
        Ok(World {
            rooms: Arc::new(rooms),
            doors: Arc::new(doors),
            mail,
            sms,
            spine,
            webhooks: Some(webhooks),
            parts,
            livekit,
            broker,
            hls,
        })
    }
}

/// Object storage. A bucket is not asked before it is used.
pub fn objects(
    config: &Config,
    seal: &Seal,
    site: &str,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn ObjectStore>, StartError> {
    match config.storage.kind {
        StorageKind::Files => {
            let (folder, signer) = (config.objects_dir(), Signer::new(seal.clone(), site, clock.clone()));
            let store = FileStore::open(&folder, signer, clock.as_ref());
            Ok(store.map_err(|cause| StartError::Folder { path: folder, cause })?.into())
        }
        StorageKind::S3 => Ok(Arc::new(S3Store::new(&s3_settings(config)))),
    }
}

/// The bucket of the configuration.
pub fn s3_settings(config: &Config) -> S3Settings {
    let given = &config.storage.s3;
    S3Settings {
        endpoint: given.endpoint.clone(),
        region: given.region.clone(),
        bucket: given.bucket.clone(),
        access_key_id: given.access_key_id.clone(),
        secret_access_key: given.secret_access_key.clone(),
        path_style: given.path_style,
    }
}

fn under<'a>(config: &'a Config, ground: &Ground<'a>, livekit: &'a Endpoint) -> Under<'a> {
    Under {
        config,
        install: ground.install,
        own_address: SocketAddr::new(reachable(ground.address.ip()), ground.address.port()),
        livekit,
        clock: ground.clock,
        ids: ground.ids,
        gauge: ground.metrics.clone(),
        faults: ground.faults.clone(),
    }
}

/// Letters and texts. What neither a mail server nor a provider carries is kept in one mailbox.
fn messages(config: &Config, ground: &Ground<'_>) -> Result<(Arc<dyn Mail>, Option<Arc<dyn Sms>>), StartError> {
    let (ids, metrics) = (ground.ids, ground.metrics);
    let texts_by = config.texts_by();
    let mailbox = match config.mail.smtp_url.is_empty() || texts_by == TextsBy::Mailbox {
        true => {
            let file = config.data.dir.join("mailbox.jsonl");
            let mailbox = Mailbox::open(file.clone(), ground.clock.clone());
            Some(Arc::new(mailbox.map_err(|cause| StartError::Folder { path: file, cause })?))
        }
        false => None,
    };
    let letters = match &mailbox {
        Some(mailbox) if config.mail.smtp_url.is_empty() => letters::Carrier::Mailbox(mailbox.clone()),
        Some(_) | None => {
            let url = config.mail.smtp_url.expose().to_string();
            let settings = SmtpSettings { url, from: config.mail.from.clone() };
            letters::Carrier::Smtp(Arc::new(SmtpMail::new(&settings).map_err(StartError::Other)?))
        }
    };
    let texts = match (texts_by, &mailbox) {
        (TextsBy::Twilio, _) => {
            let twilio = Twilio::new(&config.twilio()).map_err(|error| StartError::Other(error.to_string()))?;
            Some(sms::Carrier::Twilio(Arc::new(twilio)))
        }
        (TextsBy::Mailbox, Some(mailbox)) => Some(sms::Carrier::Mailbox(mailbox.clone())),
        (TextsBy::Mailbox, None) | (TextsBy::Nobody, _) => None,
    };
    let mail = Letters::new(letters, mailbox.clone(), ids.clone(), metrics.clone());
    let sms = texts.map(|carrier| Arc::new(Texts::new(carrier, ids.clone(), metrics.clone())) as Arc<dyn Sms>);
    Ok((Arc::new(mail), sms))
}

async fn event_spine(
    config: &Config,
    ground: &Ground<'_>,
) -> Result<(Arc<MqttSpine>, Option<EmbeddedBroker>), StartError> {
    let given = &config.mqtt;
    if given.url.is_empty() {
        let broker = EmbeddedBroker::start(&config.data.dir, given.port).await?;
        let spine = MqttSpine::connect(broker.address().clone(), ground.install, ground.metrics.clone());
        return Ok((Arc::new(spine), Some(broker)));
    }
    let mut address = BrokerAddress::parse(&given.url).map_err(StartError::Other)?;
    if !given.user.is_empty() {
        address = address.with_login(&given.user, given.password.expose());
    }
    Ok((Arc::new(MqttSpine::connect(address, ground.install, ground.metrics.clone())), None))
}

async fn media_server(
    config: &Config,
    ground: &Ground<'_>,
) -> Result<(Endpoint, Option<Arc<LiveKitServer>>), StartError> {
    let given = &config.livekit;
    if given.url.is_empty() {
        let port = ground.address.port();
        let settings = LiveKitSettings {
            binary: given.embedded.program.clone(),
            folder: config.data.dir.join("livekit"),
            host: given.embedded.host,
            webhook_url: format!("http://{}/webhooks/livekit", SocketAddr::new(reachable(ground.address.ip()), port)),
        };
        let server = LiveKitServer::start(settings, ground.metrics.clone()).await?;
        return Ok((server.endpoint().clone(), Some(Arc::new(server))));
    }
    let endpoint = Endpoint {
        url: given.url.trim_end_matches('/').to_string(),
        api_key: given.api_key.clone(),
        api_secret: given.api_secret.expose().to_string(),
    };
    match livekit::check(&endpoint, ground.install, ground.clock.as_ref()).await {
        Ok(seen) => tracing::info!(version = seen.version, url = endpoint.url, "media server found"),
        // It may come up later; until then /readyz says so and the outbox waits.
        Err(error @ CheckError::Unreachable { .. }) => tracing::warn!(%error, "starting without the media server"),
        Err(error) => return Err(error.into()),
    }
    Ok((endpoint, None))
}

/// The address under which we reach ourselves.
pub fn reachable(listening: IpAddr) -> IpAddr {
    if listening.is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { listening }
}

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// UUIDv7: sorts by time.
pub struct Uuids;

impl Ids for Uuids {
    fn next(&self) -> String {
        uuid::Uuid::now_v7().to_string()
    }
}
