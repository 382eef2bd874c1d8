//! A media server in a folder of its own, for one test.

use backstage_media::participant::Access;
use livekit_api::access_token::{AccessToken, VideoGrants};
use std::net::{TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

const KEY: &str = "key";
const SECRET: &str = "secret-secret-secret-secret-secret";

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A folder that goes with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Folder {
        let name = format!("backstage-participant-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running server; killed with this.
pub struct Server {
    folder: Folder,
    port: u16,
    child: Child,
}

fn free_tcp() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn free_udp() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn config(port: u16) -> String {
    let (tcp, udp) = (free_tcp(), free_udp());
    format!(
        "port: {port}
bind_addresses: [\"127.0.0.1\"]
rtc:
  udp_port: {udp}
  tcp_port: {tcp}
  node_ip: 127.0.0.1
  use_external_ip: false
  enable_loopback_candidate: true
  pli_throttle: {{ low_quality: 500ms, mid_quality: 500ms, high_quality: 500ms }}
  interfaces: {{ includes: [lo] }}
  stun_servers: [\"127.0.0.1:{udp}\"]
keys: {{ {KEY}: {SECRET} }}
room:
  auto_create: true
  empty_timeout: 60
  departure_timeout: 5
  enabled_codecs: [ {{mime: audio/opus}}, {{mime: audio/red}}, {{mime: video/h264}}, {{mime: video/rtx}} ]
logging: {{ level: info, pion_level: error }}
"
    )
}

impl Server {
    pub async fn start() -> Server {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = Folder::new();
        // A free port may be taken by somebody else meanwhile.
        for _ in 0..5 {
            let port = free_tcp();
            std::fs::write(folder.0.join("livekit.yaml"), config(port)).unwrap();
            let mut child = launch(&folder);
            if is_ready(&mut child, port).await {
                return Server { folder, port, child };
            }
        }
        let log = std::fs::read_to_string(folder.0.join("livekit.log")).unwrap_or_default();
        panic!("livekit-server does not start:\n{log}");
    }

    /// Kills it.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Starts it again after [`Server::kill`], at the same address.
    pub async fn start_again(&mut self) {
        self.child = launch(&self.folder);
        assert!(is_ready(&mut self.child, self.port).await, "livekit-server does not start again");
    }

    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    pub fn publisher(&self, room: &str, identity: &str) -> Access {
        let grants = VideoGrants { can_publish: Some(true), ..none(room) };
        self.access(identity, SECRET, grants)
    }

    pub fn subscriber(&self, room: &str, identity: &str) -> Access {
        let grants = VideoGrants { can_subscribe: Some(true), hidden: true, ..none(room) };
        self.access(identity, SECRET, grants)
    }

    /// Signed with another secret.
    pub fn forged(&self, room: &str, identity: &str) -> Access {
        let grants = VideoGrants { can_subscribe: Some(true), hidden: true, ..none(room) };
        self.access(identity, "another-another-another-another-ano", grants)
    }

    fn access(&self, identity: &str, secret: &str, grants: VideoGrants) -> Access {
        let token = AccessToken::with_api_key(KEY, secret).with_identity(identity).with_grants(grants);
        Access { url: self.url(), token: token.to_jwt().unwrap() }
    }
}

fn none(room: &str) -> VideoGrants {
    VideoGrants {
        room_join: true,
        room: room.into(),
        can_publish: Some(false),
        can_publish_data: Some(false),
        can_subscribe: Some(false),
        ..VideoGrants::default()
    }
}

fn launch(folder: &Folder) -> Child {
    let binary = std::env::var_os("BACKSTAGE_LIVEKIT_BIN").map_or("livekit-server".into(), PathBuf::from);
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.0.join("livekit.log")).unwrap();
    Command::new(binary)
        .arg("--config")
        .arg(folder.0.join("livekit.yaml"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .expect("livekit-server can be run")
}

async fn is_ready(child: &mut Child, port: u16) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}
