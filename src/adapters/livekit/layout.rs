//! What the supervised server leaves in the data folder: keys and ports that outlive restarts, its configuration,
//! the record of the running process, its log.

use super::process::Identity;
use super::rooms::ROOM_KEPT_S;
use super::server::{LiveKitSettings, ServerError};
use crate::adapters::private_file;
use base64::Engine;
use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Ports are chosen here: below the range that the system gives to outgoing connections, so that a port is still
/// free after a restart.
const PORTS: std::ops::Range<u16> = 20_000..30_000;
/// Tries before giving up on a free port.
const PORT_TRIES_MAX: usize = 200;
/// The log is moved aside once when it is larger than this, bytes: it takes at most twice as much.
pub const LOG_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Keys and ports of the supervised server.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    pub api_key: String,
    pub api_secret: String,
    pub ports: Ports,
}

/// Where it listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// Signalling and API.
    pub http: u16,
    /// All media.
    pub udp: u16,
    /// Media where UDP is blocked; only used beyond loopback, see [`config`].
    pub tcp: u16,
    /// Its metrics.
    pub metrics: u16,
}

/// The process that was started last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub process: Identity,
    pub binary: PathBuf,
}

/// Paths in the folder.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Makes the folder (mode 0700). Its path becomes absolute: it marks our processes.
    pub fn make(root: &Path) -> io::Result<Folder> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(root)?;
        Ok(Folder { root: root.canonicalize()? })
    }

    pub fn config(&self) -> PathBuf {
        self.root.join("livekit.yaml")
    }

    pub fn log(&self) -> PathBuf {
        self.root.join("livekit.log")
    }

    fn keys(&self) -> PathBuf {
        self.root.join("keys.json")
    }

    fn pid(&self) -> PathBuf {
        self.root.join("livekit.pid")
    }

    /// Holds the folder for this process until dropped; the system lets go of it when we die.
    pub fn lock(&self) -> Result<File, ServerError> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(self.root.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(fs::TryLockError::WouldBlock) => Err(ServerError::InUse(self.root.clone())),
            Err(fs::TryLockError::Error(error)) => Err(error.into()),
        }
    }

    pub fn load_keys(&self) -> Option<Keys> {
        serde_json::from_slice(&fs::read(self.keys()).ok()?).ok()
    }

    pub fn save_keys(&self, keys: &Keys) -> io::Result<()> {
        private_file::write(&self.keys(), &serde_json::to_vec_pretty(keys)?)
    }

    pub fn load_record(&self) -> Option<Record> {
        serde_json::from_slice(&fs::read(self.pid()).ok()?).ok()
    }

    pub fn save_record(&self, record: &Record) -> io::Result<()> {
        private_file::write(&self.pid(), &serde_json::to_vec(record)?)
    }

    pub fn forget_record(&self) {
        let _ = fs::remove_file(self.pid());
    }

    /// For the child's output. It writes by itself, so it survives us.
    pub fn open_log(&self) -> io::Result<File> {
        OpenOptions::new().create(true).append(true).mode(0o600).open(self.log())
    }

    /// Keeps the log within bounds: copies it aside and empties it (the child appends, so it writes on from the start).
    pub fn bound_log(&self) -> io::Result<()> {
        let log = self.log();
        if fs::metadata(&log)?.len() > LOG_BYTES_MAX {
            fs::copy(&log, self.root.join("livekit.log.1"))?;
            OpenOptions::new().write(true).truncate(true).open(&log)?;
        }
        Ok(())
    }

    /// The last lines of the log, for an error message.
    pub fn log_tail(&self) -> String {
        let text = fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text[text.len().saturating_sub(2_000)..]).into_owned();
        text.lines().rev().take(3).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join(" | ")
    }
}

/// New keys, unguessable, and ports.
pub fn generate(host: IpAddr) -> Result<Keys, ServerError> {
    let mut rng = rand::rng();
    let mut random = |bytes: usize| {
        let bytes: Vec<u8> = (0..bytes).map(|_| rng.random()).collect();
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
    };
    let (api_key, api_secret) = (format!("bp{}", random(9)), random(36));
    Ok(Keys { api_key, api_secret, ports: free_ports(host)? })
}

/// Ports that nobody uses now.
pub fn free_ports(host: IpAddr) -> Result<Ports, ServerError> {
    let mut chosen: Vec<u16> = Vec::with_capacity(4);
    for _ in 0..PORT_TRIES_MAX {
        let port = rand::rng().random_range(PORTS);
        if !chosen.contains(&port) && is_free(host, port) {
            chosen.push(port);
        }
        if let [http, udp, tcp, metrics] = chosen[..] {
            return Ok(Ports { http, udp, tcp, metrics });
        }
    }
    Err(ServerError::NoPort)
}

/// Whether none of the ports is in use.
pub fn are_free(host: IpAddr, ports: Ports) -> bool {
    [ports.http, ports.udp, ports.tcp, ports.metrics].into_iter().all(|port| is_free(host, port))
}

fn is_free(host: IpAddr, port: u16) -> bool {
    TcpListener::bind((host, port)).is_ok() && UdpSocket::bind((host, port)).is_ok()
}

/// The configuration, as JSON (which is YAML).
///
/// - `tcp_port` listens on every interface whatever `bind_addresses` says (1.11.0), on loopback too: browsers on this
///   machine may refuse what comes over UDP from a loopback address and have no other way (Chromium 156). It answers
///   only those who know a session's ICE credentials.
/// - Without `stun_servers` clients are told public ones; on loopback our own port stands in.
/// - `video/rtx` in the codecs keeps loss recovery for subscribers (without it they do not ask for lost packets again).
/// - Rooms do not end by themselves: we close them.
/// - `auto_create`: after a crash of the media server people come back before the sweep has reopened their room.
pub fn config(settings: &LiveKitSettings, keys: &Keys) -> String {
    let Ports { http, udp, tcp, metrics } = keys.ports;
    let host = settings.host;
    let loopback = host.is_loopback();
    let mut rtc = json!({
        "udp_port": udp,
        "tcp_port": tcp,
        "node_ip": host.to_string(),
        "use_external_ip": false,
        "enable_loopback_candidate": loopback,
        "pli_throttle": { "low_quality": "500ms", "mid_quality": "500ms", "high_quality": "500ms" },
        "stun_servers": [format!("{host}:{udp}")],
    });
    rtc["ips"] = json!({ "includes": [format!("{host}/{}", if host.is_ipv4() { 32 } else { 128 })] });
    let config = json!({
        "port": http,
        "bind_addresses": [host.to_string()],
        "rtc": rtc,
        "keys": { &keys.api_key: keys.api_secret },
        "room": {
            "auto_create": true,
            "empty_timeout": ROOM_KEPT_S,
            "departure_timeout": ROOM_KEPT_S,
            "enabled_codecs": [
                { "mime": "audio/opus" }, { "mime": "audio/red" }, { "mime": "video/h264" }, { "mime": "video/rtx" },
            ],
        },
        "webhook": { "api_key": keys.api_key, "urls": [settings.webhook_url] },
        "logging": { "level": "info", "json": true, "pion_level": "error" },
        "prometheus": { "port": metrics },
    });
    format!("{config:#}\n")
}
