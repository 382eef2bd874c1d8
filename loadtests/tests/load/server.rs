//! The server as people run it: a process of its own in development, with everything embedded.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use crate::folder::Folder;

const READY_MAX: Duration = Duration::from_secs(60);
const STOP_MAX: Duration = Duration::from_secs(30);

pub struct Server {
    folder: Folder,
    child: Child,
    port: u16,
}

/// Beside the folder of this test's binary, or where `BACKSTAGE_BIN` says.
fn binary() -> PathBuf {
    let beside = || Some(std::env::current_exe().ok()?.parent()?.parent()?.join("backstage"));
    let path = std::env::var_os("BACKSTAGE_BIN").map(PathBuf::from).or_else(beside).unwrap();
    assert!(path.exists(), "{} is missing: cargo build --workspace --bins, or set BACKSTAGE_BIN", path.display());
    path
}

impl Server {
    pub async fn start(env: &[(&str, &str)]) -> Server {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = Folder::new();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = std::fs::File::create(folder.path().join("server.log")).unwrap();
        let mut child = Command::new(binary())
            .env("PORT", port.to_string())
            .env("BACKSTAGE_DATA", folder.path().join("data"))
            .env("BACKSTAGE_ENV", "development")
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let client = backstage_loadtests::browser::client().unwrap();
        let deadline = Instant::now() + READY_MAX;
        loop {
            let ended = child.try_wait().unwrap();
            let server_log = || std::fs::read_to_string(folder.path().join("server.log")).unwrap_or_default();
            assert!(ended.is_none() && Instant::now() < deadline, "the server is not ready:\n{}", server_log());
            let answer = client.get(format!("http://127.0.0.1:{port}/readyz")).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Server { folder, child, port };
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }

    /// Ends it, and looks that none of its children is left.
    pub async fn stop(mut self) {
        let process = Pid::from_raw(self.child.id().unwrap().try_into().unwrap());
        kill(process, Signal::SIGTERM).unwrap();
        let ended = tokio::time::timeout(STOP_MAX, self.child.wait()).await;
        assert!(ended.is_ok_and(|status| status.unwrap().success()), "it does not end well:\n{}", self.log());
        assert_eq!(self.processes(), Vec::<String>::new(), "these are left");
    }

    /// Processes that were started with our data folder somewhere in their words.
    fn processes(&self) -> Vec<String> {
        let data = self.folder.path().to_str().unwrap().to_owned();
        let words = |entry: std::fs::DirEntry| {
            let words = std::fs::read(entry.path().join("cmdline")).ok()?;
            Some(String::from_utf8_lossy(&words).replace('\0', " "))
        };
        let all = std::fs::read_dir("/proc").unwrap().flatten().filter_map(words);
        all.filter(|words| words.contains(&data)).collect()
    }
}
