//! A real media server in a folder of its own, for one test.

use backstage::adapters::livekit::{LiveKitServer, LiveKitSettings, ServerError};
use backstage_actors::fakes::Silent;
use backstage_actors::ports::Clock;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A folder that goes with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Folder {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let name = format!("backstage-livekit-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn settings(&self) -> LiveKitSettings {
        self.settings_for("http://127.0.0.1:9/webhooks/livekit")
    }

    pub fn settings_for(&self, webhook_url: &str) -> LiveKitSettings {
        LiveKitSettings {
            binary: std::env::var_os("BACKSTAGE_LIVEKIT_BIN").map_or("livekit-server".into(), PathBuf::from),
            folder: self.0.join("livekit"),
            host: "127.0.0.1".parse().unwrap(),
            webhook_url: webhook_url.into(),
        }
    }

    pub async fn start(&self) -> Result<LiveKitServer, ServerError> {
        LiveKitServer::start(self.settings(), Arc::new(Silent)).await
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A test that failed half-way leaves its server, which is known by the name of its configuration.
        let record = std::fs::read_to_string(self.0.join("livekit/livekit.pid")).unwrap_or_default();
        let pid = serde_json::from_str::<serde_json::Value>(&record)
            .ok()
            .and_then(|record| record["process"]["pid"].as_i64());
        if let Some(pid) = pid.and_then(|pid| i32::try_from(pid).ok()) {
            let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if line.contains(&*self.0.to_string_lossy()) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Waits for a condition, at most 15 s.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(15);
    while !holds().await {
        assert!(Instant::now() < deadline, "{what} did not come within 15 s");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub fn is_running(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
        state.is_some_and(|state| state != 'Z')
    })
}

pub fn now() -> backstage_core::Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    backstage_core::Timestamp(since.as_millis() as i64)
}

pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> backstage_core::Timestamp {
        now()
    }
}
