//! Starts and stops an origin.

use super::api::{self, Api};
use super::credentials::{Credentials, CredentialsError};
use super::faults::Faults;
use super::hls;
use super::ingest::Stage;
use super::keep::Kept;
use super::model::SigningKey;
use super::model::books::Environment;
use super::rate::Rates;
use super::store::{Clock, Desk, StoreError};
use super::webhooks::{self, Receiver};
use crate::rtmp::{Limits, Listener};
use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Connections of one worker that are answered at the same time.
const CONNECTIONS_MAX: usize = 10_000;
/// How long a stop waits for what is being answered, s: players hold requests open for a part or two.
const STOP_S: u64 = 5;

/// How an origin is run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folder for everything that it keeps; made if it is not there.
    pub data: PathBuf,
    /// Where REST and players are answered; port 0 takes a free one.
    pub http: SocketAddr,
    /// Where encoders publish; port 0 takes a free one.
    pub rtmp: SocketAddr,
    /// Where players and REST reach it, as `https://origin.example.com`; none: at `http`.
    pub public_base: Option<String>,
    /// Token id and secret; none: made up once and kept in the data folder.
    pub token: Option<(String, String)>,
    /// Where webhooks go; none: nowhere.
    pub webhook_url: Option<String>,
    /// Signs webhooks; none: made up once and kept in the data folder.
    pub webhook_secret: Option<String>,
    /// Limits of the REST API; none: it never refuses for being fast.
    pub rates: Option<Rates>,
    /// Cuts clips: a name on the PATH or a path.
    pub ffmpeg: PathBuf,
    /// Threads that answer.
    pub workers: usize,
    /// For tests.
    pub faults: Faults,
}

impl Settings {
    /// On free ports of this machine, without webhooks and without limits.
    pub fn local(data: impl Into<PathBuf>) -> Settings {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        Settings {
            data: data.into(),
            http: free,
            rtmp: free,
            public_base: None,
            token: None,
            webhook_url: None,
            webhook_secret: None,
            rates: None,
            ffmpeg: "ffmpeg".into(),
            workers: 1,
            faults: Faults::default(),
        }
    }
}

/// Why an origin did not start.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    /// Its secrets cannot be read or made.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// Its books cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An address is taken or not ours.
    #[error("{0} cannot be listened on: {1}")]
    Listen(SocketAddr, #[source] std::io::Error),
}

/// A running origin. [`Origin::stop`] ends it; dropping it does so too, less gently.
#[derive(Debug)]
pub struct Origin {
    credentials: Credentials,
    http: SocketAddr,
    base: String,
    rtmp: SocketAddr,
    desk: Arc<Desk>,
    stage: Arc<Stage>,
    playback: Arc<hls::Playback>,
    server: ServerHandle,
    kept: Arc<Kept>,
    ingest: JoinSet<()>,
    stopping: watch::Sender<bool>,
}

impl Origin {
    /// Starts; must be called within a tokio runtime. When it returns, both ports are open.
    pub async fn start(settings: Settings) -> Result<Origin, OriginError> {
        let data = settings.data.clone();
        let kept_secrets = tokio::task::spawn_blocking(move || Credentials::open(&data)).await;
        let mut credentials = kept_secrets.map_err(|_| StoreError::Stopping)??;
        if let Some((id, secret)) = &settings.token {
            (credentials.token_id, credentials.token_secret) = (id.clone(), secret.clone());
        }
        if let Some(secret) = &settings.webhook_secret {
            credentials.webhook_secret = secret.clone();
        }
        let environment = Environment {
            id: credentials.environment_id.clone(),
            name: "origin".into(),
            webhooks: settings.webhook_url.is_some(),
        };
        let data = settings.data.clone();
        let opened = tokio::task::spawn_blocking(move || Desk::open(&data, environment, clock())).await;
        let desk = opened.map_err(|_| StoreError::Stopping)??;
        first_key(&desk, &credentials).await?;
        let kept = Arc::new(Kept::default());
        let folder = settings.data.join("assets");
        let stage = Stage::new(desk.clone(), settings.faults.clone(), kept.clone(), folder, settings.ffmpeg.clone());
        stage.resume().await?;
        let door = Listener::bind(settings.rtmp, Arc::new(stage.clone()), Limits::default()).await;
        let door = door.map_err(|error| OriginError::Listen(settings.rtmp, error))?;
        let rtmp = door.local_addr().map_err(|error| OriginError::Listen(settings.rtmp, error))?;
        let listener = TcpListener::bind(settings.http).map_err(|error| OriginError::Listen(settings.http, error))?;
        let http = listener.local_addr().map_err(|error| OriginError::Listen(settings.http, error))?;
        let token = (credentials.token_id.clone(), credentials.token_secret.clone());
        let api = web::Data::new(Api::new(
            desk.clone(),
            stage.clone(),
            token,
            credentials.environment_id.clone(),
            settings.rates,
            settings.faults.clone(),
        ));
        let images = hls::Images::new(settings.ffmpeg.clone());
        let playback = Arc::new(hls::Playback::new(stage.clone(), stage.wall_clock(), images));
        let players = hls::routes(playback.clone());
        let server = HttpServer::new(move || {
            App::new().configure(|config| api::routes(config, api.clone())).configure(players.clone())
        })
        .workers(settings.workers.max(1))
        .max_connections(CONNECTIONS_MAX)
        .shutdown_timeout(STOP_S)
        .disable_signals()
        .listen(listener)
        .map_err(|error| OriginError::Listen(http, error))?
        .run();
        let handle = server.handle();
        kept.run("http", async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "the origin's HTTP server ended");
            }
        });
        if let Some(url) = settings.webhook_url.clone() {
            let receiver = Receiver { url, secret: credentials.webhook_secret.clone() };
            let (desk, faults) = (desk.clone(), settings.faults.clone());
            kept.loop_of("webhooks", move || webhooks::run(desk.clone(), receiver.clone(), faults.clone()));
        }
        kept.loop_of("timers", {
            let stage = stage.clone();
            move || stage.clone().keep_time()
        });
        kept.loop_of("clips", {
            let stage = stage.clone();
            move || stage.clone().cut_clips()
        });
        let (stopping, stopped) = watch::channel(false);
        let mut ingest = JoinSet::new();
        ingest.spawn(door.run(async move {
            let mut stopped = stopped;
            let _ = stopped.wait_for(|stopped| *stopped).await;
        }));
        let base = settings.public_base.clone().unwrap_or_else(|| format!("http://{}", reachable(http)));
        let base = base.trim_end_matches('/').to_owned();
        Ok(Origin { credentials, http, rtmp, base, desk, stage, playback, server: handle, kept, ingest, stopping })
    }

    /// Secrets of this origin.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Where it listens for HTTP.
    pub fn http_addr(&self) -> SocketAddr {
        self.http
    }

    /// Where it listens for encoders.
    pub fn rtmp_addr(&self) -> SocketAddr {
        self.rtmp
    }

    /// Where encoders publish, the stream key apart.
    pub fn ingest_url(&self) -> String {
        format!("rtmp://{}/app", reachable(self.rtmp))
    }

    /// Base of REST and playback URLs, without a slash at its end.
    pub fn base_url(&self) -> &str {
        &self.base
    }

    /// Base of REST for this machine, whatever players use.
    pub fn local_url(&self) -> String {
        format!("http://{}", reachable(self.http))
    }

    /// Where encoders on this machine publish, the stream key apart.
    pub fn local_ingest_url(&self) -> String {
        format!("rtmp://{}/app", reachable(self.rtmp))
    }

    /// What players ask, for a server that answers them under an address of its own as well: see [`hls::routes`].
    pub fn playback(&self) -> Arc<hls::Playback> {
        self.playback.clone()
    }

    /// The books, for tests and metrics.
    pub fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// Stops: no new connections; what is being answered is finished; encoders are cut off as by a restart.
    pub async fn stop(mut self) {
        // Encoders first: that they are gone is still kept and told, as the beginning of the reconnect window.
        self.stopping.send_replace(true);
        while self.ingest.join_next().await.is_some() {}
        self.server.stop(true).await;
        self.kept.stop().await;
        self.stage.stop().await;
        self.desk.close().await;
    }
}

/// An address to connect to: listening on all addresses, this machine is at its own.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(all) if all.ip().is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        SocketAddr::V6(all) if all.ip().is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        SocketAddr::V4(_) | SocketAddr::V6(_) => {}
    }
    address
}

/// The signing key of the credentials is known from the first start on. It can be deleted later like any other.
async fn first_key(desk: &Arc<Desk>, credentials: &Credentials) -> Result<(), StoreError> {
    let (id, public_der) = (credentials.signing_key.clone(), credentials.public_der.clone());
    desk.change(move |books, now| {
        if books.is_new() {
            let seq = books.next_seq();
            books.put_key(SigningKey { id, seq, created_ms: now.ms, public_der });
        }
    })
    .await
}

#[expect(clippy::disallowed_methods, reason = "the one place where the origin reads the clock on the wall")]
fn clock() -> Clock {
    use std::time::{SystemTime, UNIX_EPOCH};
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}
