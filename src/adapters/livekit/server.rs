//! A `livekit-server` child under supervision.
//!
//! - Keys and ports are made once and kept, so a restart keeps URL and keys: browsers come back by themselves.
//! - It dies: it is started again at once, then with growing pauses; a callback lets the sweep look at once.
//! - It hangs: after [`SILENCE_MAX`] unanswered looks in a row it is ended and started again.
//! - We die: it runs on, media flows on, and our next start adopts it, if it is the recorded process with the same
//!   configuration and answers to our keys. Otherwise it is ended first.
//! - We stop: it is ended. One SIGTERM would let it drain for as long as anybody is connected, and take new joins
//!   meanwhile; a second one ends it at once; after [`END_MS_MAX`] SIGKILL.

use super::layout::{self, Folder, Keys, Record};
use super::process::Identity;
use super::rooms::LiveKitRooms;
use super::{Endpoint, check};
use crate::adapters::private_file;
use backstage_actors::keep::Kept;
use backstage_actors::ports::{Gauge, Rooms};
use nix::sys::signal::Signal;
use parking_lot::Mutex;
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

/// How long it may take to answer after its start, ms.
pub const READY_MS_MAX: u64 = 15_000;
/// How long it may take to end after the second SIGTERM, ms.
pub const END_MS_MAX: u64 = 3_000;
/// Between two looks at a running server, ms.
const LOOK_MS: u64 = 5_000;
/// Unanswered looks in a row after which it counts as hanging.
pub const SILENCE_MAX: u32 = 6;
/// First and longest pause before it is started again, ms.
const PAUSE_MS: std::ops::RangeInclusive<u64> = 100..=5_000;
/// A server that ran this long starts with the first pause again.
const STEADY: Duration = Duration::from_secs(60);
/// Between two looks at an adopted process, which cannot be waited for, ms.
const POLL_MS: u64 = 100;

/// What the supervised server needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveKitSettings {
    /// The program: a path, or a name that is looked up in `PATH`.
    pub binary: PathBuf,
    /// Its own folder in the data folder.
    pub folder: PathBuf,
    /// Address to listen on and to give to browsers; loopback unless others are to reach it.
    pub host: IpAddr,
    /// Where it sends webhooks: our own `/webhooks/livekit`.
    pub webhook_url: String,
}

/// Why the server could not be started. The words say what to do.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The program is not there.
    #[error(
        "livekit-server was not found at {0}: run bin/setup, or point BACKSTAGE_LIVEKIT_BIN at it, or set LIVEKIT_URL to use another LiveKit"
    )]
    NoBinary(PathBuf),
    /// Another server runs on the same data folder.
    #[error("another Backstage Pass server uses {0}: stop it, or choose another data folder")]
    InUse(PathBuf),
    /// No free port was found.
    #[error("no free ports between 20000 and 30000 for livekit-server")]
    NoPort,
    /// It ended or never answered.
    #[error("livekit-server did not become ready: {0}")]
    NotReady(String),
    /// An old one cannot be ended.
    #[error("an earlier livekit-server (process {0}) cannot be ended: end it by hand")]
    CannotEnd(i32),
    /// The folder cannot be used.
    #[error("the folder of livekit-server cannot be used: {0}")]
    Folder(#[from] io::Error),
}

/// How the supervised server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LiveKitStatus {
    /// It runs and answered.
    Running {
        /// Its process.
        pid: i32,
        /// Whether an earlier start of ours had begun it.
        adopted: bool,
    },
    /// It is being started again.
    Restarting {
        /// What happened.
        reason: String,
    },
    /// It was ended.
    Stopped,
}

type Callback = Arc<dyn Fn() + Send + Sync>;

/// The supervised server. Dropping it leaves the child running, to be adopted; [`LiveKitServer::stop`] ends it.
pub struct LiveKitServer {
    endpoint: Endpoint,
    status: watch::Receiver<LiveKitStatus>,
    restarts: watch::Receiver<u64>,
    stop: watch::Sender<bool>,
    keeper: Weak<Keeper>,
    loop_: Kept,
}

impl LiveKitServer {
    /// Adopts the server of an earlier start or starts one, and answers when it is ready. Call it inside an actix system;
    /// a panic of the supervision itself is counted in `gauge`, and it goes on.
    pub async fn start(settings: LiveKitSettings, gauge: Arc<dyn Gauge>) -> Result<LiveKitServer, ServerError> {
        let folder = Folder::make(&settings.folder)?;
        let lock = folder.lock()?;
        let binary = find_binary(&settings.binary)?;
        let mut launch = Launch::prepare(settings, folder, binary, lock)?;
        let server = match launch.adopt().await {
            Some(server) => server,
            None => {
                launch.clear_away().await?;
                launch.ensure_ports()?;
                launch.spawn().await?
            }
        };
        let endpoint = launch.endpoint();
        let (status_in, status) = watch::channel(server.status());
        let (restarts_in, restarts) = watch::channel(0);
        let (stop, stopping) = watch::channel(false);
        let keeper = Arc::new(Keeper {
            launch,
            status: status_in,
            restarts: restarts_in,
            stopping,
            callback: Mutex::new(None),
            first: Mutex::new(Some(server)),
        });
        let weak = Arc::downgrade(&keeper);
        let loop_ = Kept::start("livekit", gauge, move || keeper.clone().keep());
        Ok(LiveKitServer { endpoint, status, restarts, stop, keeper: weak, loop_ })
    }

    /// Where it is. Stays the same for as long as the data folder is kept.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// How it is now.
    pub fn status(&self) -> LiveKitStatus {
        self.status.borrow().clone()
    }

    /// Follows how it is.
    pub fn watch(&self) -> watch::Receiver<LiveKitStatus> {
        self.status.clone()
    }

    /// How often it was started again.
    pub fn restarts(&self) -> u64 {
        *self.restarts.borrow()
    }

    /// Called after each restart, once it answers: all rooms are gone then, so the sweep should look.
    pub fn call_after_restart(&self, callback: impl Fn() + Send + Sync + 'static) {
        if let Some(keeper) = self.keeper.upgrade() {
            *keeper.callback.lock() = Some(Arc::new(callback));
        }
    }

    /// Ends it; back when its process is gone and the folder is free for another start.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let mut status = self.status.clone();
        // Fails when supervision ended with it, which is what is waited for.
        let _ = status.wait_for(|status| *status == LiveKitStatus::Stopped).await;
        self.let_go().await;
    }

    /// Lets go of it as a crash of ours would: it runs on. For tests.
    pub async fn abandon(self) {
        self.loop_.stop();
        self.let_go().await;
    }

    async fn let_go(&self) {
        while self.keeper.strong_count() > 0 {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "PATH says where programs are; it is not configuration")]
fn find_binary(named: &Path) -> Result<PathBuf, ServerError> {
    let found = if named.components().count() > 1 {
        Some(named.to_owned())
    } else {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&folders).map(|folder| folder.join(named)).find(|path| path.is_file())
    };
    found.filter(|path| path.is_file()).ok_or_else(|| ServerError::NoBinary(named.to_owned()))
}

/// A running process, our child or adopted.
struct Server {
    process: Identity,
    child: Option<Child>,
    since: Instant,
}

impl Server {
    fn status(&self) -> LiveKitStatus {
        LiveKitStatus::Running { pid: self.process.pid, adopted: self.child.is_none() }
    }

    /// Waits for its end; says how it came.
    async fn ended(&mut self) -> String {
        match &mut self.child {
            Some(child) => match child.wait().await {
                Ok(status) => format!("ended with {status}"),
                Err(error) => format!("cannot be waited for: {error}"),
            },
            None => {
                while self.process.is_alive() {
                    sleep(Duration::from_millis(POLL_MS)).await;
                }
                "ended".to_owned()
            }
        }
    }

    async fn end(mut self) -> bool {
        let gone = end(self.process).await;
        if let Some(child) = &mut self.child {
            // Collects the remains.
            let _ = timeout(Duration::from_millis(END_MS_MAX), child.wait()).await;
        }
        gone
    }
}

/// Ends a process as livekit-server wants it: see the head of this file.
async fn end(process: Identity) -> bool {
    process.signal(Signal::SIGTERM);
    if process.gone_within(Duration::from_millis(300)).await {
        return true;
    }
    process.signal(Signal::SIGTERM);
    if process.gone_within(Duration::from_millis(END_MS_MAX)).await {
        return true;
    }
    process.signal(Signal::SIGKILL);
    process.gone_within(Duration::from_millis(END_MS_MAX)).await
}

/// Everything needed to start one.
struct Launch {
    settings: LiveKitSettings,
    folder: Folder,
    binary: PathBuf,
    keys: Keys,
    _lock: File,
}

impl Launch {
    fn prepare(settings: LiveKitSettings, folder: Folder, binary: PathBuf, lock: File) -> Result<Launch, ServerError> {
        let keys = match folder.load_keys() {
            Some(keys) => keys,
            None => {
                let keys = layout::generate(settings.host)?;
                folder.save_keys(&keys)?;
                keys
            }
        };
        Ok(Launch { settings, folder, binary, keys, _lock: lock })
    }

    fn endpoint(&self) -> Endpoint {
        let host = self.settings.host;
        let host = if host.is_ipv6() { format!("[{host}]") } else { host.to_string() };
        Endpoint {
            url: format!("ws://{host}:{}", self.keys.ports.http),
            api_key: self.keys.api_key.clone(),
            api_secret: self.keys.api_secret.clone(),
        }
    }

    /// The recorded process, if it is the one we would start now, and answers.
    async fn adopt(&self) -> Option<Server> {
        let record = self.folder.load_record()?;
        let same_config =
            std::fs::read_to_string(self.folder.config()).ok()? == layout::config(&self.settings, &self.keys);
        let running = Identity::with_argument(&self.folder.config());
        if !same_config
            || record.binary != self.binary
            || running != [record.process]
            || self.answers(record.process).await.is_err()
        {
            return None;
        }
        tracing::info!(pid = record.process.pid, "the media server of an earlier start is adopted");
        Some(Server { process: record.process, child: None, since: Instant::now() })
    }

    /// Ends whatever runs with our configuration.
    async fn clear_away(&self) -> Result<(), ServerError> {
        for process in Identity::with_argument(&self.folder.config()) {
            tracing::warn!(pid = process.pid, "a media server of an earlier start is ended");
            if !end(process).await {
                return Err(ServerError::CannotEnd(process.pid));
            }
        }
        self.folder.forget_record();
        Ok(())
    }

    /// New ports if somebody else has taken ours meanwhile.
    fn ensure_ports(&mut self) -> Result<(), ServerError> {
        if !layout::are_free(self.settings.host, self.keys.ports) {
            tracing::warn!(ports = ?self.keys.ports, "a port of the media server is taken by another program: new ones are chosen");
            self.keys.ports = layout::free_ports(self.settings.host)?;
            self.folder.save_keys(&self.keys)?;
        }
        Ok(())
    }

    /// Starts one and waits until it answers.
    async fn spawn(&self) -> Result<Server, ServerError> {
        let config = self.folder.config();
        private_file::write(&config, layout::config(&self.settings, &self.keys).as_bytes())?;
        let log = self.folder.open_log()?;
        let mut child = Command::new(&self.binary)
            .arg("--config")
            .arg(&config)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A Ctrl-C in the terminal is for us; we end it in our own order.
            .process_group(0)
            .kill_on_drop(false)
            .spawn()
            .map_err(|error| ServerError::NotReady(format!("{} cannot be run: {error}", self.binary.display())))?;
        let Some(process) = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Identity::of) else {
            let _ = child.wait().await;
            return Err(ServerError::NotReady(self.folder.log_tail()));
        };
        self.folder.save_record(&Record { process, binary: self.binary.clone() })?;
        let server = Server { process, child: Some(child), since: Instant::now() };
        match self.ready(process).await {
            Ok(()) => Ok(server),
            Err(error) => {
                server.end().await;
                Err(ServerError::NotReady(format!("{error}; its log ends with: {}", self.folder.log_tail())))
            }
        }
    }

    async fn ready(&self, process: Identity) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_millis(READY_MS_MAX);
        loop {
            match self.answers(process).await {
                Ok(()) => return Ok(()),
                Err(error) if !process.is_alive() => return Err(format!("it ended ({error})")),
                Err(error) if Instant::now() >= deadline => {
                    return Err(format!("no answer within {READY_MS_MAX} ms ({error})"));
                }
                Err(_) => sleep(Duration::from_millis(25)).await,
            }
        }
    }

    /// Whether this very process listens, is well, and knows our keys.
    async fn answers(&self, process: Identity) -> Result<(), String> {
        if !process.listens_on(self.keys.ports.http) {
            return Err("it does not listen".into());
        }
        let endpoint = self.endpoint();
        check::is_well(&endpoint).await.map_err(|error| error.to_string())?;
        LiveKitRooms::new(&endpoint, "none").list().await.map(|_| ()).map_err(|error| error.to_string())
    }
}

/// Keeps one running until told to stop.
struct Keeper {
    launch: Launch,
    status: watch::Sender<LiveKitStatus>,
    restarts: watch::Sender<u64>,
    stopping: watch::Receiver<bool>,
    callback: Mutex<Option<Callback>>,
    /// The one that was there at the start; taken when the loop begins.
    first: Mutex<Option<Server>>,
}

impl Keeper {
    async fn keep(self: Arc<Self>) {
        let mut stopping = self.stopping.clone();
        let mut pause_ms = *PAUSE_MS.start();
        let Some(mut server) = self.find(&mut pause_ms).await else { return };
        loop {
            let process = server.process;
            let reason = tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => {
                    if !server.end().await {
                        tracing::error!(pid = process.pid, "the media server could not be ended");
                    }
                    return self.stopped();
                }
                reason = server.ended() => reason,
                () = self.hangs(process) => "does not answer any more".to_owned(),
            };
            tracing::error!(pid = process.pid, reason, "the media server is gone; it is started again");
            if server.since.elapsed() > STEADY {
                pause_ms = *PAUSE_MS.start();
            }
            self.status.send_replace(LiveKitStatus::Restarting { reason });
            process.signal(Signal::SIGKILL);
            server.end().await;
            let Some(started) = self.start_again(&mut pause_ms).await else { return };
            server = started;
            tracing::info!(pid = server.process.pid, "the media server runs again");
            self.status.send_replace(server.status());
            self.restarts.send_modify(|count| *count += 1);
            let callback = self.callback.lock().clone();
            if let Some(callback) = callback {
                callback();
            }
        }
    }

    /// The one that runs: after a panic of this loop it is adopted, like one of an earlier start.
    async fn find(&self, pause_ms: &mut u64) -> Option<Server> {
        let first = self.first.lock().take();
        if first.is_some() {
            return first;
        }
        match self.launch.adopt().await {
            Some(server) => Some(server),
            None => {
                if let Err(error) = self.launch.clear_away().await {
                    tracing::error!(%error, "a media server stands in the way");
                }
                self.start_again(pause_ms).await
            }
        }
    }

    fn stopped(&self) {
        self.launch.folder.forget_record();
        self.status.send_replace(LiveKitStatus::Stopped);
    }

    /// Starts one, as often as it takes; `None` when told to stop meanwhile.
    async fn start_again(&self, pause_ms: &mut u64) -> Option<Server> {
        let mut stopping = self.stopping.clone();
        loop {
            tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => {
                    self.stopped();
                    return None;
                }
                () = sleep(Duration::from_millis(*pause_ms)) => {}
            }
            *pause_ms = (*pause_ms * 2).min(*PAUSE_MS.end());
            // Not cut short by a stop: it would leave the process behind.
            match self.launch.spawn().await {
                Ok(server) => return Some(server),
                Err(error) => {
                    tracing::error!(%error, "the media server could not be started; trying again");
                    self.status.send_replace(LiveKitStatus::Restarting { reason: error.to_string() });
                }
            }
        }
    }

    /// Comes back when it has not answered for long. Bounds the log as well.
    async fn hangs(&self, process: Identity) {
        let mut ticks = interval(Duration::from_millis(LOOK_MS));
        // A slow answer on a busy machine must not make the next looks come faster.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silent = 0;
        ticks.tick().await;
        while silent < SILENCE_MAX {
            ticks.tick().await;
            if let Err(error) = self.launch.folder.bound_log() {
                tracing::warn!(%error, "the media server's log could not be bounded");
            }
            silent = if self.launch.answers(process).await.is_ok() { 0 } else { silent + 1 };
        }
    }
}
