//! Where to push to.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use super::PushError;
use crate::rtmp::StreamKey;
use crate::rtmp::client::ClientConfig;
use crate::rtmp::server::NAME_BYTES_MAX;

const RTMP_PORT: u16 = 1935;
const RTMPS_PORT: u16 = 443;

/// A byte stream of either kind.
pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// A server, an application there, and the key to publish with. Neither `Debug` nor `Display` shows the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    is_tls: bool,
    /// IPv6 addresses without brackets.
    host: String,
    port: u16,
    pub(super) session: ClientConfig,
}

impl Target {
    /// From one address that has the key as the last part of its path: `rtmp://host[:port]/app/key`. A query belongs
    /// to the key.
    ///
    /// # Errors
    /// [`PushError::Target`] when it is none.
    pub fn parse(address: &str) -> Result<Target, PushError> {
        let end = address.find('?').unwrap_or(address.len());
        let (server, _) = address[..end].rsplit_once('/').ok_or(PushError::Target("there is no stream key in it"))?;
        Target::with_key(server, StreamKey::new(&address[server.len() + 1..]))
    }

    /// From the address of a server, `rtmp://host[:port]/app`, and the key beside it.
    ///
    /// # Errors
    /// [`PushError::Target`] when the address is none or the key is empty.
    pub fn with_key(server: &str, key: StreamKey) -> Result<Target, PushError> {
        let url = Url::parse(server).map_err(|_| PushError::Target("it cannot be read"))?;
        let is_tls = match url.scheme() {
            "rtmp" => false,
            "rtmps" => true,
            _ => return Err(PushError::Target("it begins neither with rtmp:// nor with rtmps://")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(PushError::Target("names and passwords are not supported"));
        }
        let host = match url.host() {
            Some(url::Host::Ipv6(address)) => address.to_string(),
            Some(host) if !host.to_string().is_empty() => host.to_string(),
            _ => return Err(PushError::Target("there is no host in it")),
        };
        let app = url.path().trim_matches('/').to_owned();
        if app.is_empty() {
            return Err(PushError::Target("there is no application in it"));
        }
        if key.reveal().is_empty() {
            return Err(PushError::Target("there is no stream key in it"));
        }
        if app.len() > NAME_BYTES_MAX || key.reveal().len() > NAME_BYTES_MAX {
            return Err(PushError::Target("it is too long"));
        }
        let default_port = if is_tls { RTMPS_PORT } else { RTMP_PORT };
        let mut target = Target {
            is_tls,
            host,
            port: url.port().unwrap_or(default_port),
            session: ClientConfig { app, tc_url: String::new(), key },
        };
        let port = if target.port == default_port { String::new() } else { format!(":{}", target.port) };
        target.session.tc_url =
            format!("{}://{}{port}/{}", target.scheme(), target.bracketed_host(), target.session.app);
        Ok(target)
    }

    /// Host and port: for logs and for who must not be connected to.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.bracketed_host(), self.port)
    }

    /// Name or address of the server; IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The key to publish with.
    pub fn key(&self) -> &StreamKey {
        &self.session.key
    }

    fn scheme(&self) -> &'static str {
        if self.is_tls { "rtmps" } else { "rtmp" }
    }

    fn bracketed_host(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }

    /// Connects, with TLS if the address says so. Has no deadline of its own.
    pub(super) async fn open(&self, tls: Option<Arc<rustls::ClientConfig>>) -> Result<Box<dyn Io>, PushError> {
        let connected = TcpStream::connect((self.host.as_str(), self.port)).await;
        let connected = connected.and_then(|stream| stream.set_nodelay(true).map(|()| stream));
        let stream = connected
            .map_err(|error| PushError::Connect { host: self.authority(), cause: error.kind().to_string() })?;
        if !self.is_tls {
            return Ok(Box::new(stream));
        }
        let failed = |cause: String| PushError::Tls { host: self.authority(), cause };
        let name = ServerName::try_from(self.host.clone()).map_err(|error| failed(error.to_string()))?;
        let config = match tls {
            Some(config) => config,
            None => Arc::new(trusting_authorities().map_err(|error| failed(error.to_string()))?),
        };
        let stream = TlsConnector::from(config).connect(name, stream).await;
        Ok(Box::new(stream.map_err(|error| failed(error.to_string()))?))
    }
}

fn trusting_authorities() -> Result<rustls::ClientConfig, rustls::Error> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/…", self.session.tc_url)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}
