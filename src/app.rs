//! The whole server, built in one place for `main` and for tests.
//!
//! Start: folder, port, database, other ends, actors, seeds, then the door opens. End: browsers are told and come back
//! by themselves, requests finish, waiting effects get a moment, actors stop, our own media server stops.

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{HttpServer, web};
use backstage_actors::keep::Kept;
use backstage_actors::ports::{Announcer, Clock, Gauge, Ids, Store};
use backstage_actors::{Limits as LoopLimits, Media, Ports, Rules, Running, Stage};
use backstage_core::stream::Setup;
use backstage_media::bridge::recording::finish::FinishSettings;
use backstage_media::origin::{self, Faults, hls::Playback};
use futures_util::future::LocalBoxFuture;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::access::{self, Access};
use crate::adapters::livekit::{CheckError, LiveKitServer, ServerError};
use crate::adapters::mqtt::{BrokerError, EmbeddedBroker};
use crate::adapters::storage::{Key, ObjectStore, Signer};
use crate::api::routes;
use crate::assets::Assets;
use crate::config::{Config, Limits as Configured, Rate as ConfiguredRate, StorageKind};
use crate::db::{Db, DbError};
use crate::dev::seeds;
use crate::error::Problem;
use crate::hls::{self, Hls};
use crate::live::hub::{COMING_EVERY, Hub};
use crate::payments::Payments;
use crate::recording::archive::{ArchiveSettings, Archiver};
use crate::sandbox::Sandbox;
use crate::security::cookies::Jar;
use crate::security::headers::Headers;
use crate::security::limits::{Limits, Rate, Rates};
use crate::security::seal::{self, Seal};
use crate::security::shell::shell;
use crate::session::Sessions;
use crate::state::{Site, State};
use crate::store::SqlStore;
use crate::stream::health::{self as stream_health, Trackers};
use crate::telemetry::{self, Health, Metrics, Part, Promises, Telemetry};
use crate::webhooks::{LiveKitDoor, MuxDoor, StripeDoor, Worker, WorkerPorts};
use crate::world::{Ground, SystemClock, Uuids, World};

/// A browser that sends its request slower than this is turned away.
const REQUEST_HEAD_MAX: Duration = Duration::from_secs(10);
/// How long sockets may take to go when the server stops.
const BYE_MS_MAX: u64 = 1_500;
/// How long waiting effects get when the server stops.
const FLUSH_MS_MAX: u64 = 2_000;
/// How long requests may take to finish when the server stops, s.
const FINISH_S_MAX: u64 = 5;
/// How often viewers are counted for the figures.
const VIEWERS_COUNTED_EVERY: Duration = Duration::from_secs(1);
/// Pictures decoded at the same time: each may take a quarter of a gigabyte.
const DECODING_MAX: usize = 2;
/// In development one machine plays a whole audience: rates are this much wider.
const DEVELOPMENT_WIDER: u32 = 100;

/// Why the server does not start. Each sentence says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be made or written.
    #[error("the data folder {} cannot be used: {cause}. Make it writable or set BACKSTAGE_DATA to another", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Somebody else listens there.
    #[error("port {} is taken on {}: stop the other program or set PORT to another", address.port(), address.ip())]
    PortTaken {
        /// Where.
        address: SocketAddr,
    },
    /// Listening failed for another reason.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        cause: io::Error,
    },
    /// The database.
    #[error("{0}")]
    Database(#[from] DbError),
    /// The store behind it.
    #[error("the database cannot be read: {0}")]
    Store(#[from] backstage_actors::ports::StoreError),
    /// Our own media server.
    #[error("{0}")]
    LiveKit(#[from] ServerError),
    /// Somebody else's media server.
    #[error("{0}")]
    LiveKitCheck(#[from] CheckError),
    /// Our own event broker.
    #[error("{0}")]
    Broker(#[from] BrokerError),
    /// Another far end.
    #[error("{0}")]
    Other(String),
}

/// A running server.
pub struct App {
    /// Where it listens.
    pub address: SocketAddr,
    /// Everything inside, for tests.
    pub state: web::Data<State>,
    server: ServerHandle,
    served: JoinHandle<io::Result<()>>,
    running: Running,
    loops: Vec<Kept>,
    worker: Option<Worker>,
    livekit: Option<Arc<LiveKitServer>>,
    broker: Option<EmbeddedBroker>,
    hls: Option<Hls>,
    sandbox: Option<Sandbox>,
    _promises: Promises,
}

/// Where providers' webhooks come in.
#[derive(Clone)]
struct Webhooks {
    livekit: Option<Arc<LiveKitDoor>>,
    mux: Option<Arc<MuxDoor>>,
    stripe: Option<Arc<StripeDoor>>,
}

/// What is there before anything starts.
struct Base {
    listener: TcpListener,
    address: SocketAddr,
    store: SqlStore,
    install: String,
    seal: Seal,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl Base {
    async fn prepare(config: &Config) -> Result<Base, StartError> {
        let folder = |cause| StartError::Folder { path: config.data.dir.clone(), cause };
        // Keys, sessions and mail are in it: nobody else on this machine reads a folder that we make.
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&config.data.dir).map_err(folder)?;
        let seal = Seal::new(&server_key(&config.data.dir).map_err(folder)?);
        let address = SocketAddr::new(config.server.host, config.server.port);
        let listener = listen(address)?;
        let address = listener.local_addr().map_err(|cause| StartError::Listen { address, cause })?;
        let db = Db::connect(config.database_url().expose()).await?;
        let store = SqlStore::new(db);
        let install = store.installation_id().await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let metrics = Metrics::new(env!("CARGO_PKG_VERSION"), clock.now())
            .map_err(|error| StartError::Other(error.to_string()))?;
        Ok(Base { listener, address, store, install, seal, metrics: Arc::new(metrics), clock, ids: Arc::new(Uuids) })
    }
}

impl App {
    /// Builds and starts everything. Call it inside an actix system; the actors live on its arbiter.
    pub async fn build(config: Config) -> Result<App, StartError> {
        App::build_with(config, &Faults::default()).await
    }

    /// The same with an origin of our own that fails on demand, for tests.
    pub async fn build_with(config: Config, faults: &Faults) -> Result<App, StartError> {
        let base = Base::prepare(&config).await?;
        let ground = Ground {
            store: &base.store,
            install: &base.install,
            address: base.address,
            metrics: &base.metrics,
            clock: &base.clock,
            ids: &base.ids,
            faults,
        };
        let world = World::of(&config, &ground).await?;
        App::start(config, base, world).await
    }

    /// The same with other ends that a test brings along.
    pub async fn build_in(config: Config, world: World) -> Result<App, StartError> {
        let base = Base::prepare(&config).await?;
        App::start(config, base, world).await
    }

    async fn start(config: Config, base: Base, world: World) -> Result<App, StartError> {
        let public_url = config.public_url(base.address.port());
        let site = Site {
            development: config.is_development(),
            public_url,
            trusted_proxies: config.server.trusted_proxies.clone(),
        };
        let objects = crate::world::objects(&config, &base.seal, &site.public_url, &base.clock)?;
        let archiver = Arc::new(archiver(&config, &base, &objects));
        if let Some(hls) = &world.hls {
            hls.crew.archive_in(archiver.clone());
        }
        let live = Arc::new(Hub::new(
            base.store.clone(),
            base.clock.clone(),
            offered(&config, &world).delivery,
            base.metrics.clone(),
        ));
        for (phase, count) in counted(&base.store).await? {
            base.metrics.streams_at_start(&phase, count);
        }
        let running = Stage::start(Ports {
            store: Arc::new(base.store.clone()),
            clock: base.clock.clone(),
            ids: base.ids.clone(),
            rooms: world.rooms.clone(),
            spine: world.spine.clone(),
            announcer: live.clone() as Arc<dyn Announcer>,
            gauge: base.metrics.clone() as Arc<dyn Gauge>,
            media: media(&config, &world, &live),
            rules: Rules::default(),
            limits: LoopLimits {
                sweep_ms: config.streams.sweep_ms,
                lease_ms: config.streams.lease_ms,
                poll_ms: config.streams.poll_ms,
                ..LoopLimits::default()
            },
        });
        let own_address = SocketAddr::new(crate::world::reachable(base.address.ip()), base.address.port());
        let payments = Payments::of(&config, &base.seal, &site.public_url, own_address).await?;
        let by_stripe = payments.till.as_ref().is_some_and(|till| !till.is_sandbox());
        let wider = if site.development { DEVELOPMENT_WIDER } else { 1 };
        let mut sites = connects_to(&world);
        if config.storage.kind == StorageKind::S3 {
            sites.extend(objects_site(&*objects).await);
        }
        let state = web::Data::new(State {
            jar: Jar::new(site.https()),
            seal: base.seal.clone(),
            headers: Headers::new(&sites, by_stripe, site.https()),
            assets: Arc::new(Assets::load()),
            db: base.store.db().clone(),
            store: base.store,
            stage: running.stage.clone(),
            clock: base.clock.clone(),
            ids: base.ids,
            rooms: world.rooms.clone(),
            doors: world.doors,
            mail: world.mail,
            sms: world.sms,
            texts_hourly_max: config.sms.hourly_max,
            till: payments.till.clone(),
            signer: Signer::new(base.seal.clone(), site.public_url.clone(), base.clock.clone()),
            objects,
            objects_elsewhere: config.storage.kind == StorageKind::S3,
            archiver,
            decoding: Semaphore::new(DECODING_MAX),
            live,
            access: Access::default(),
            sessions: Sessions::default(),
            shown: Default::default(),
            embed_hosts: config.embeds.hosts.clone(),
            limits: Limits::new(&rates(&config.limits, wider)),
            metrics: base.metrics,
            grace_ms: config.streams.grace_ms,
            trackers: Trackers::default(),
            screens: world.hls.as_ref().map(|hls| hls.screens.clone()),
            crew: world.hls.as_ref().map(|hls| hls.crew.clone()),
            site,
        });
        if state.site.development {
            seeds::plant(&state).await.map_err(|problem: Problem| StartError::Other(problem.to_string()))?;
        }
        if let Some(server) = &world.livekit {
            let (stage, metrics) = (running.stage.clone(), state.metrics.clone());
            let count = std::sync::atomic::AtomicU64::new(0);
            server.call_after_restart(move || {
                metrics.set_livekit_restarts(count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1);
                stage.sweep_soon();
            });
        }
        let worker = world.webhooks.as_ref().map(|door| {
            Worker::start(WorkerPorts { door: door.clone(), stage: running.stage.clone(), rooms: world.rooms.clone() })
        });
        let loops = start_loops(&state);
        let promises = Promises::watch(Arc::new(state.store.clone()), state.metrics.clone());
        let token = &config.telemetry.metrics_token;
        let token = (!token.is_empty()).then(|| token.expose().to_string());
        let seen = operators(&state, world.parts, token);
        let doors = Webhooks {
            livekit: world.webhooks,
            mux: world.hls.as_ref().map(|hls| {
                Arc::new(MuxDoor {
                    secret: hls.webhook_secret.clone(),
                    stage: running.stage.clone(),
                    clock: state.clock.clone(),
                    metrics: state.metrics.clone(),
                })
            }),
            stripe: payments.till.map(|till| {
                Arc::new(StripeDoor {
                    till,
                    store: state.store.clone(),
                    clock: state.clock.clone(),
                    metrics: state.metrics.clone(),
                })
            }),
        };
        let playback = world.hls.as_ref().and_then(Hls::playback);
        let workers = match config.server.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => workers,
        };
        let door = Listening { listener: base.listener, address: base.address, workers };
        let till = payments.sandbox.as_ref().map(Sandbox::routes);
        let (server, served) = serve(door, state.clone(), seen, doors, playback, till)?;
        Ok(App {
            address: base.address,
            state,
            server,
            served,
            running,
            loops,
            worker,
            livekit: world.livekit,
            broker: world.broker,
            hls: world.hls,
            sandbox: payments.sandbox,
            _promises: promises,
        })
    }

    /// Our own payment sandbox, for tests.
    pub fn sandbox(&self) -> Option<&Sandbox> {
        self.sandbox.as_ref()
    }

    /// Where our own origin answers by itself, beside our site; for tests.
    pub fn origin_url(&self) -> Option<String> {
        self.hls.as_ref()?.origin.as_ref().map(origin::Origin::local_url)
    }

    /// Ends everything in peace.
    pub async fn stop(self) {
        self.state.live.leave();
        wait_until(BYE_MS_MAX, async || self.state.live.sockets() == 0).await;
        self.server.stop(true).await;
        let _ = self.served.await;
        drop(self.worker);
        wait_until(FLUSH_MS_MAX, async || match self.state.store.outbox_backlog().await {
            Ok(lanes) => lanes.iter().all(|lane| lane.waiting == 0),
            Err(_) => true,
        })
        .await;
        for kept in &self.loops {
            kept.stop();
        }
        self.running.stop().await;
        self.state.archiver.stop().await;
        if let Some(hls) = self.hls {
            hls.crew.stop().await;
            if let Some(origin) = hls.origin {
                origin.stop().await;
            }
        }
        if let Some(sandbox) = self.sandbox {
            sandbox.stop().await;
        }
        if let Some(broker) = self.broker {
            broker.stop();
        }
        if let Some(livekit) = self.livekit {
            livekit.stop().await;
        }
        self.state.db.close().await;
    }
}

fn archiver(config: &Config, base: &Base, objects: &Arc<dyn ObjectStore>) -> Archiver {
    let given = &config.recording;
    let finish = FinishSettings { ffmpeg: given.ffmpeg.clone(), ..FinishSettings::default() };
    let settings = ArchiveSettings { finish, keep_days: given.keep_days, ..ArchiveSettings::default() };
    let (store, metrics) = (base.store.clone(), base.metrics.clone());
    Archiver::new(store, objects.clone(), base.clock.clone(), base.ids.clone(), metrics, settings)
}

/// What streams are offered beside WebRTC.
fn offered(config: &Config, world: &World) -> Setup {
    match &world.hls {
        Some(_) => Setup { delivery: config.delivery.limits(), record: config.recording.enabled },
        None => Setup::default(),
    }
}

/// What is offered to streams beside WebRTC, and who does it.
fn media(config: &Config, world: &World, live: &Arc<Hub>) -> Media {
    let Some(hls) = &world.hls else { return Media::default() };
    Media {
        setup: offered(config, world),
        bridges: hls.bridges.clone(),
        broadcasts: hls.broadcasts.clone(),
        recordings: hls.crew.clone(),
        audiences: live.clone(),
    }
}

/// Sites beside ours that pages connect to: the media server, and who carries HLS.
fn connects_to(world: &World) -> Vec<String> {
    let mut sites = vec![world.doors.public_url()];
    sites.extend(world.hls.as_ref().and_then(|hls| hls.screens.foreign_site()));
    sites
}

/// Where browsers fetch objects that are kept elsewhere.
async fn objects_site(objects: &dyn ObjectStore) -> Option<String> {
    let address = objects.presign_get(&Key::parse("site").ok()?, Duration::from_secs(1)).await.ok()?;
    Some(url::Url::parse(&address).ok()?.origin().ascii_serialization())
}

/// Waits until `done`, at most `ms_max`.
async fn wait_until(ms_max: u64, done: impl AsyncFn() -> bool) {
    let waiting = async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let _ = tokio::time::timeout(Duration::from_millis(ms_max), waiting).await;
}

fn start_loops(state: &web::Data<State>) -> Vec<Kept> {
    let keep = |name, body: fn(web::Data<State>) -> LocalBoxFuture<'static, ()>| {
        let held = state.clone();
        Kept::start(name, state.metrics.clone(), move || body(held.clone()))
    };
    vec![
        keep("live_tick", |state| Box::pin(async move { state.live.run().await })),
        keep("access_watch", |state| Box::pin(async move { access::watch::run(&state).await })),
        keep("objects_doomed", |state| Box::pin(async move { crate::objects::doomed::run(&state).await })),
        keep("recordings_expiry", |state| Box::pin(async move { crate::recording::expiry::run(&state).await })),
        keep("orders", |state| Box::pin(async move { crate::order::run(&state).await })),
        keep("order_sweep", |state| Box::pin(async move { crate::order::run_sweeps(&state).await })),
        keep("alerts", |state| Box::pin(async move { crate::alert::post::run(&state).await })),
        keep("health", |state| Box::pin(async move { stream_health::run(&state).await })),
        keep("coming_count", |state| {
            Box::pin(async move {
                let mut every = tokio::time::interval(COMING_EVERY);
                loop {
                    every.tick().await;
                    state.live.count_coming().await;
                }
            })
        }),
        keep("viewers_count", |state| {
            Box::pin(async move {
                let mut every = tokio::time::interval(VIEWERS_COUNTED_EVERY);
                loop {
                    every.tick().await;
                    state.metrics.set_viewers(i64::try_from(state.live.viewers()).unwrap_or(i64::MAX));
                    let (audience, modes) = state.live.delivery();
                    state.metrics.media.set_audience(&audience, &modes);
                    let bridges = state.crew.as_ref().map(|crew| crew.statuses()).unwrap_or_default();
                    let bridges: Vec<_> = bridges.into_iter().map(|(_, status)| status).collect();
                    state.metrics.media.set_bridges(&bridges);
                }
            })
        }),
    ]
}

fn operators(state: &State, parts: Vec<Part>, metrics_token: Option<String>) -> Arc<Telemetry> {
    let store: Arc<dyn Store> = Arc::new(state.store.clone());
    let mut all = vec![Part::database(store.clone()), Part::outbox(store.clone(), state.clock.clone())];
    all.extend(parts);
    let health = Arc::new(Health::new(all, state.metrics.clone()));
    let version = env!("CARGO_PKG_VERSION");
    Arc::new(Telemetry {
        metrics: state.metrics.clone(),
        health,
        store,
        clock: state.clock.clone(),
        version,
        metrics_token,
    })
}

/// Where requests come in, and how many threads answer them.
struct Listening {
    listener: TcpListener,
    address: SocketAddr,
    workers: usize,
}

fn serve(
    Listening { listener, address, workers }: Listening,
    state: web::Data<State>,
    seen: Arc<Telemetry>,
    webhooks: Webhooks,
    playback: Option<Arc<Playback>>,
    sandbox: Option<impl FnOnce(&mut web::ServiceConfig) + Clone + Send + 'static>,
) -> Result<(ServerHandle, JoinHandle<io::Result<()>>), StartError> {
    let server = HttpServer::new(move || {
        let (webhooks, playback, sandbox) = (webhooks.clone(), playback.clone(), sandbox.clone());
        actix_web::App::new()
            .wrap(from_fn(shell))
            .wrap(from_fn(telemetry::http::measure))
            .app_data(state.clone())
            .app_data(web::Data::from(state.metrics.clone()))
            .configure(telemetry::routes(seen.clone()))
            .configure(|config| {
                if let Some(door) = webhooks.livekit {
                    crate::webhooks::routes(door)(config);
                }
                if let Some(door) = webhooks.mux {
                    crate::webhooks::mux_routes(door)(config);
                }
                if let Some(door) = webhooks.stripe {
                    crate::webhooks::stripe_routes(door)(config);
                }
                if let Some(sandbox) = sandbox {
                    sandbox(config);
                }
                if let Some(playback) = playback {
                    config.service(web::scope(hls::PATH).configure(origin::hls::routes(playback)));
                }
            })
            .configure(routes::mount)
    })
    .disable_signals()
    .workers(workers)
    .client_request_timeout(REQUEST_HEAD_MAX)
    .shutdown_timeout(FINISH_S_MAX)
    .listen(listener)
    .map_err(|cause| StartError::Listen { address, cause })?
    .run();
    Ok((server.handle(), actix_web::rt::spawn(server)))
}

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).map_err(|cause| match cause.kind() {
        io::ErrorKind::AddrInUse => StartError::PortTaken { address },
        _ => StartError::Listen { address, cause },
    })
}

/// The server's secret key: made at the first start, kept in a file that only its owner may read.
fn server_key(folder: &Path) -> io::Result<String> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let path = folder.join("server.key");
    match std::fs::read_to_string(&path) {
        Ok(key) if key.trim().len() >= 32 => return Ok(key.trim().to_string()),
        Ok(_) => return Err(io::Error::other(format!("{} is damaged", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let key = seal::random_token().map_err(io::Error::other)?;
    let draft = folder.join("server.key.new");
    let _ = std::fs::remove_file(&draft);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(key.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&draft, &path)?;
    Ok(key)
}

/// Open streams by phase, for the figures.
async fn counted(store: &SqlStore) -> Result<std::collections::BTreeMap<String, i64>, StartError> {
    let mut phases = std::collections::BTreeMap::new();
    for open in store.open_streams().await? {
        *phases.entry(open.phase).or_default() += 1;
    }
    Ok(phases)
}

fn rates(configured: &Configured, wider: u32) -> Rates {
    let rate = |rate: ConfiguredRate| Rate::new(rate.count.saturating_mul(wider), u64::from(rate.seconds));
    Rates {
        codes_per_address_and_network: rate(configured.codes_per_address_and_network),
        codes_per_network: rate(configured.codes_per_network),
        codes_per_address: rate(configured.codes_per_address),
        texts_per_network: rate(configured.texts_per_network),
        tries_per_network: rate(configured.tries_per_network),
        joins_per_network: rate(configured.joins_per_network),
        admissions_per_network: rate(configured.admissions_per_network),
        writes_per_network: rate(configured.writes_per_network),
        sockets_per_network: rate(configured.sockets_per_network),
        uplinks_per_network: rate(configured.uplinks_per_network),
    }
}
