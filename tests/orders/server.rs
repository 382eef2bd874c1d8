//! The program itself, on a folder and a port of its own, killed and started again.

use crate::support::temp::TempDir;
use parking_lot::Mutex;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A start is done well within this.
const START_MAX: Duration = Duration::from_secs(60);

pub struct Server {
    folder: TempDir,
    pub address: SocketAddr,
    child: Mutex<Option<Child>>,
    env: Mutex<Vec<(&'static str, String)>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Server {
    pub fn new() -> Server {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Server { folder: TempDir::new("killed"), address, child: Mutex::default(), env: Mutex::default() }
    }

    /// Further settings, for the next start.
    pub fn set(&self, env: Vec<(&'static str, String)>) {
        *self.env.lock() = env;
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn database(&self) -> PathBuf {
        self.folder.path().join("backstage.db")
    }

    /// `kill -9`; it is dead when this returns.
    pub fn kill(&self) {
        if let Some(mut child) = self.child.lock().take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it, unless it runs, and waits until it answers.
    pub async fn runs(&self) {
        let began = Instant::now();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        loop {
            if self.child.lock().as_mut().is_none_or(|child| child.try_wait().unwrap().is_some()) {
                self.start();
            }
            let asked = client.get(format!("{}/healthz", self.url())).timeout(Duration::from_secs(2)).send().await;
            if asked.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            let said = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(began.elapsed() < START_MAX, "the server does not start: {}", said());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn start(&self) {
        let log = self.folder.path().join("log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_backstage"));
        command
            .env("BACKSTAGE_DATA", self.folder.path())
            .env("BACKSTAGE_ENV", "development")
            .env("PORT", self.address.port().to_string())
            // No media is needed: a media server that is not there.
            .env("LIVEKIT_URL", "ws://127.0.0.1:1")
            .env("LIVEKIT_API_KEY", "key")
            .env("LIVEKIT_API_SECRET", "a secret of thirty-two letters, yes")
            .envs(self.env.lock().iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        *self.child.lock() = Some(command.spawn().unwrap());
    }
}
