//! Starts and stops a sandbox.

use super::authentication;
use super::clock::Clock;
use super::door::{self, BODY_BYTES_MAX, Door};
use super::faults::Faults;
use super::keep::{self, Kept};
use super::webhooks::{self, Receiver};
use crate::config::Secret;
use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use parking_lot::Mutex;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

/// Connections that are answered at the same time.
const CONNECTIONS_MAX: usize = 1_000;
/// How long a stop waits for what is being answered, s.
const STOP_S: u64 = 2;

/// How a sandbox is run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it listens; port 0 takes a free one.
    pub http: SocketAddr,
    /// Where browsers reach it, as `https://pay.example.com`; none: at `http`.
    pub public_base: Option<String>,
    /// Opens all calls: `sk_test_…`.
    pub secret_key: Secret,
    /// Opens to browsers what the Payment Element needs: `pk_test_…`; empty: nothing.
    pub publishable_key: String,
    /// Where webhooks go; none: nowhere.
    pub receiver: Option<Receiver>,
    /// What outlives a restart; none: nothing does.
    pub file: Option<PathBuf>,
    /// The time.
    pub clock: Clock,
}

impl Settings {
    /// On a free port of this machine, in memory, without webhooks.
    pub fn local(secret_key: Secret) -> Settings {
        Settings {
            http: SocketAddr::from(([127, 0, 0, 1], 0)),
            public_base: None,
            secret_key,
            publishable_key: String::new(),
            receiver: None,
            file: None,
            clock: Clock::default(),
        }
    }
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Nobody could call it.
    #[error("the sandbox needs a secret key")]
    NoKey,
    /// Its file cannot be read.
    #[error("the sandbox's file {0} cannot be read: {1}")]
    File(PathBuf, #[source] std::io::Error),
    /// The address is taken or not ours.
    #[error("{0} cannot be listened on: {1}")]
    Listen(SocketAddr, #[source] std::io::Error),
}

/// A running sandbox. [`Sandbox::stop`] ends it; dropping it ends its webhooks at once.
pub struct Sandbox {
    http: SocketAddr,
    door: Arc<Door>,
    server: ServerHandle,
    tasks: JoinSet<()>,
    keeper: JoinSet<()>,
    /// Dropped: the keeper writes once more and ends.
    keeping: oneshot::Sender<()>,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("http", &self.http).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Starts; must be called within a tokio runtime. When it returns, the port is open.
    pub async fn start(settings: Settings) -> Result<Sandbox, SandboxError> {
        if settings.secret_key.is_empty() {
            return Err(SandboxError::NoKey);
        }
        let mut books = match settings.file.clone() {
            None => Default::default(),
            Some(path) => {
                let read = {
                    let path = path.clone();
                    tokio::task::spawn_blocking(move || keep::read(&path))
                };
                let read = read.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
                read.map_err(|error| SandboxError::File(path, error))?
            }
        };
        books.is_told = settings.receiver.is_some();
        let failed = |error| SandboxError::Listen(settings.http, error);
        let listener = TcpListener::bind(settings.http).map_err(failed)?;
        let http = listener.local_addr().map_err(failed)?;
        let base = settings.public_base.unwrap_or_else(|| format!("http://{http}"));
        let (changes, changed) = watch::channel(0);
        let (written, kept) = watch::channel(Kept { version: 0, is_written: true });
        let door = Arc::new(Door {
            books: Mutex::new(books),
            clock: settings.clock,
            faults: Faults::default(),
            secret_key: settings.secret_key,
            publishable_key: settings.publishable_key,
            base: base.trim_end_matches('/').to_owned(),
            changes,
            kept: settings.file.is_some().then_some(kept),
        });
        let shared = web::Data::from(door.clone());
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
                .route("/v1/{call:.*}", web::route().to(door::answer))
                .route("/sandbox/authenticate/{id}", web::get().to(authentication::page))
                .route("/sandbox/authenticate/{id}", web::post().to(authentication::answer))
        })
        .workers(1)
        .max_connections(CONNECTIONS_MAX)
        .shutdown_timeout(STOP_S)
        .disable_signals()
        .listen(listener)
        .map_err(failed)?
        .run();
        let handle = server.handle();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "the sandbox's HTTP server ended");
            }
        });
        let (keeping, stopping) = oneshot::channel();
        let mut keeper = JoinSet::new();
        if let Some(path) = settings.file {
            keeper.spawn(keep::run(door.clone(), path, changed, written, stopping));
        }
        if let Some(receiver) = settings.receiver {
            tasks.spawn(webhooks::run(door.clone(), receiver));
        }
        Ok(Sandbox { http, door, server: handle, tasks, keeper, keeping })
    }

    /// Where this machine reaches it, as `http://127.0.0.1:12111`.
    pub fn url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// Mounts it under `/sandbox` of another site, so that browsers reach it there.
    pub fn routes(&self) -> impl FnOnce(&mut web::ServiceConfig) + Clone + Send + 'static {
        let door = web::Data::from(self.door.clone());
        move |config| {
            let scope = web::scope("/sandbox")
                .app_data(door)
                .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
                .route("/v1/{call:.*}", web::route().to(door::answer))
                .route("/authenticate/{id}", web::get().to(authentication::page))
                .route("/authenticate/{id}", web::post().to(authentication::answer));
            config.service(scope);
        }
    }

    /// The time, which [`Sandbox::advance`] moves.
    pub fn clock(&self) -> &Clock {
        &self.door.clock
    }

    /// What goes wrong, for tests.
    pub fn faults(&self) -> &Faults {
        &self.door.faults
    }

    /// Sets the clock forward; webhooks that became due leave at once.
    pub fn advance(&self, by_ms: u32) {
        self.door.clock.advance(by_ms);
        self.door.changes.send_modify(|changes| *changes += 1);
    }

    /// Stops: what is being answered is finished, and the file holds all that was answered.
    pub async fn stop(mut self) {
        self.server.stop(true).await;
        self.tasks.shutdown().await;
        drop(self.keeping);
        while self.keeper.join_next().await.is_some() {}
    }
}
