//! A small MQTT broker inside the server, for one machine: loopback, one generated user, nothing kept over restarts.
//!
//! rumqttd has no way to stop it, so it runs on a runtime of its own that is shut down. It also has no rights per
//! topic: whoever has the password may read everything. Where that is too much, use another broker by `MQTT_URL`.

use super::spine::BrokerAddress;
use crate::adapters::livekit::process::Identity;
use crate::adapters::private_file;
use base64::Engine;
use rand::Rng;
use rumqttd::protocol::v4::V4;
use rumqttd::{ConnectionSettings, LinkType, Router, RouterConfig, Server, ServerSettings};
use serde::{Deserialize, Serialize};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

/// How long it may take to listen, ms.
const READY_MS_MAX: u64 = 3_000;
/// The largest message, bytes.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// The most clients at a time.
const CLIENTS_MAX: usize = 100;

/// Why the broker does not run.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The file with port and password cannot be used.
    #[error("the file of the event broker cannot be used: {0}")]
    File(#[from] io::Error),
    /// It does not listen.
    #[error("the event broker does not listen on {0}")]
    NotReady(SocketAddr),
}

/// Kept in the data folder, readable for its owner only: listeners on this machine read it to connect.
#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    host: String,
    port: u16,
    user: String,
    password: String,
}

/// The running broker. Ends when stopped or dropped.
pub struct EmbeddedBroker {
    address: BrokerAddress,
    runtime: Option<Runtime>,
}

impl EmbeddedBroker {
    /// Starts it; user, password and (if still free) port are those of the last start, kept in `mqtt.json` of `folder`.
    /// `port` 0 takes any free one; another is used as it is.
    pub async fn start(folder: &Path, port: u16) -> Result<EmbeddedBroker, BrokerError> {
        let kept = keep(&folder.join("mqtt.json"), port)?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, kept.port));
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("mqtt-broker").enable_all().build()?;
        let router = Router::new(0, router_config()).spawn();
        let mut server = Server::new(server_settings(listen, &kept), router, V4);
        runtime.spawn(async move {
            if let Err(error) = server.start(LinkType::Remote).await {
                tracing::error!(?error, "the event broker ended");
            }
        });
        let broker = EmbeddedBroker {
            address: BrokerAddress {
                host: kept.host,
                port: kept.port,
                tls: false,
                login: Some((kept.user, kept.password)),
            },
            runtime: Some(runtime),
        };
        let own = i32::try_from(std::process::id()).ok().and_then(Identity::of);
        let listens = async {
            // Asks the system and not the broker, which would complain of a visitor who says nothing.
            while !own.is_some_and(|own| own.listens_on(listen.port())) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        match timeout(Duration::from_millis(READY_MS_MAX), listens).await {
            Ok(()) => Ok(broker),
            Err(_) => Err(BrokerError::NotReady(listen)),
        }
    }

    /// For [`super::MqttSpine::connect`].
    pub fn address(&self) -> &BrokerAddress {
        &self.address
    }

    /// Ends it; clients are cut off.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        self.end();
    }
}

fn keep(path: &PathBuf, port: u16) -> io::Result<Kept> {
    let known: Option<Kept> = std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    if let Some(known) = &known
        && (port == 0 || port == known.port)
        && TcpListener::bind((Ipv4Addr::LOCALHOST, known.port)).is_ok()
    {
        return Ok(known.clone());
    }
    let (user, password) = match known {
        Some(known) => (known.user, known.password),
        None => ("backstage".to_owned(), random_text(24)),
    };
    let kept = Kept {
        host: Ipv4Addr::LOCALHOST.to_string(),
        port: if port == 0 { free_port()? } else { port },
        user,
        password,
    };
    private_file::write(path, &serde_json::to_vec_pretty(&kept)?)?;
    Ok(kept)
}

fn random_text(bytes: usize) -> String {
    let mut rng = rand::rng();
    let bytes: Vec<u8> = (0..bytes).map(|_| rng.random()).collect();
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// Below the range of outgoing connections, so that it is still free at the next start.
fn free_port() -> io::Result<u16> {
    for _ in 0..200 {
        let port = rand::rng().random_range(20_000..30_000);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(io::Error::other("no free port between 20000 and 30000"))
}

fn router_config() -> RouterConfig {
    RouterConfig {
        max_connections: CLIENTS_MAX,
        max_outgoing_packet_count: 200,
        max_segment_size: 1024 * 1024,
        max_segment_count: 10,
        ..RouterConfig::default()
    }
}

fn server_settings(listen: SocketAddr, kept: &Kept) -> ServerSettings {
    let mut settings = ServerSettings {
        name: "events".into(),
        listen,
        tls: None,
        next_connection_delay_ms: 1,
        connections: ConnectionSettings {
            connection_timeout_ms: 5_000,
            max_payload_size: MESSAGE_BYTES_MAX,
            max_inflight_count: 100,
            auth: None,
            external_auth: None,
            dynamic_filters: true,
        },
    };
    let (user, password) = (kept.user.clone(), kept.password.clone());
    settings.set_auth_handler(move |_client, given_user: String, given_password: String| {
        let known = user == given_user && bool::from(password.as_bytes().ct_eq(given_password.as_bytes()));
        std::future::ready(known)
    });
    settings
}
