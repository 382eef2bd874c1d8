//! The door for publishers: a [`Listener`] takes connections, asks [`Publishers`] whether a key may publish, and hands
//! the tags to a [`Sink`]. RTMPS is the same over TLS. Nothing waits without a deadline, nothing grows without a limit:
//! see [`Limits`].

mod connection;
mod gate;
mod rate;
#[cfg(test)]
mod tests;

pub use connection::serve;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::StreamKey;
use super::server::SessionError;
use crate::flv::Tag;
use gate::Gate;

/// How long is waited after a failed `accept`, as when there are no file handles left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long connections have to end when the listener is stopped.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// What one door allows.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at a time. More are closed at once.
    pub connections_max: usize,
    /// Connections at a time from one address (of IPv6: one /64).
    pub connections_per_address_max: usize,
    /// From the connection to the end of the handshake, TLS included.
    pub handshake: Duration,
    /// From there to an accepted publish, asking [`Publishers`] included.
    pub publish: Duration,
    /// Between two audio or video tags.
    pub idle: Duration,
    /// For sending what is due to the peer.
    pub write: Duration,
    /// For a sink to take a tag, and to end.
    pub sink: Duration,
    /// What a publisher may send on average, bits per second.
    pub bitrate_bps_max: u64,
    /// Over how long that average is taken: so much may come at once, as after a stall.
    pub burst: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections_max: 256,
            connections_per_address_max: 16,
            handshake: Duration::from_secs(5),
            publish: Duration::from_secs(10),
            idle: Duration::from_secs(10),
            write: Duration::from_secs(5),
            sink: Duration::from_secs(10),
            bitrate_bps_max: 20_000_000,
            burst: Duration::from_secs(10),
        }
    }
}

/// Somebody wants to publish.
#[derive(Debug, Clone)]
pub struct PublishRequest {
    /// The application, such as `live`; without slashes around it.
    pub app: String,
    /// Proves who it is.
    pub key: StreamKey,
    /// Where it comes from.
    pub from: IpAddr,
}

/// No, in words that the publisher is shown: no secrets in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub String);

impl Refusal {
    /// These words.
    pub fn new(words: impl Into<String>) -> Refusal {
        Refusal(words.into())
    }
}

/// Knows who may publish.
pub trait Publishers: Send + Sync + 'static {
    /// Gives the sink for a key, or refuses. Has [`Limits::publish`] at most; the future may be dropped.
    fn authorise<'a>(&'a self, request: &'a PublishRequest) -> BoxFuture<'a, Result<Box<dyn Sink>, Refusal>>;
}

/// Takes what one publisher sends. Dropped without `ended` only when the listener's future is dropped or its time to
/// stop is over.
pub trait Sink: Send {
    /// Takes the next tag. The publisher is not read meanwhile, so slowness here slows the publisher. A refusal ends
    /// the connection, and the publisher is told why. The future may be dropped when the listener is stopped.
    fn tag(&mut self, tag: Tag) -> BoxFuture<'_, Result<(), Refusal>>;

    /// Nothing comes any more.
    fn ended(self: Box<Self>, cause: EndCause) -> BoxFuture<'static, ()>;
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndCause {
    /// The publisher said so.
    #[error("the publisher finished")]
    Finished,
    /// The connection was closed or broke without a word.
    #[error("the connection was lost")]
    Disconnected,
    /// No handshake within [`Limits::handshake`].
    #[error("the handshake took too long")]
    LateHandshake,
    /// No publish within [`Limits::publish`].
    #[error("it took too long to publish")]
    LatePublish,
    /// No media within [`Limits::idle`].
    #[error("nothing was sent for too long")]
    Idle,
    /// The peer did not take what we sent within [`Limits::write`].
    #[error("the publisher does not read")]
    WriteTimedOut,
    /// More than [`Limits::bitrate_bps_max`].
    #[error("the bitrate is too high")]
    TooFast,
    /// [`Publishers`] or the [`Sink`] refused.
    #[error("refused: {0}")]
    Refused(String),
    /// The sink took longer than [`Limits::sink`].
    #[error("the stream is not taken")]
    SinkStalled,
    /// The peer broke the protocol or its limits.
    #[error("broken protocol: {0}")]
    Protocol(#[from] SessionError),
    /// The TLS handshake failed.
    #[error("TLS failed")]
    Tls,
    /// The listener is stopped.
    #[error("the server stops")]
    Stopped,
}

/// A bound address that publishers connect to.
pub struct Listener {
    socket: TcpListener,
    tls: Option<TlsAcceptor>,
    publishers: Arc<dyn Publishers>,
    limits: Arc<Limits>,
}

impl Listener {
    /// Binds the address; port 0 takes a free one.
    ///
    /// # Errors
    /// When it cannot be bound.
    pub async fn bind(
        address: SocketAddr,
        publishers: Arc<dyn Publishers>,
        limits: Limits,
    ) -> std::io::Result<Listener> {
        let socket = TcpListener::bind(address).await?;
        Ok(Listener { socket, tls: None, publishers, limits: Arc::new(limits) })
    }

    /// Speaks RTMPS.
    pub fn with_tls(mut self, config: Arc<rustls::ServerConfig>) -> Listener {
        self.tls = Some(TlsAcceptor::from(config));
        self
    }

    /// Where it is bound.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Takes connections until `stop` is done, then ends them (with [`EndCause::Stopped`]) and waits for up to 5 s.
    /// Dropping the future aborts them.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let gate = Gate::new(self.limits.connections_max, self.limits.connections_per_address_max);
        let (stopping, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        tokio::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                Some(ended) = connections.join_next() => {
                    report(ended);
                    continue;
                }
                accepted = self.socket.accept() => accepted,
            };
            let (stream, from) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "rtmp: no connection can be taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(permit) = gate.enter(from.ip()) else {
                tracing::debug!(%from, "rtmp: too many connections");
                continue;
            };
            let (publishers, limits) = (self.publishers.clone(), self.limits.clone());
            let (tls, stopped) = (self.tls.clone(), stopped.clone());
            connections.spawn(async move {
                let cause = greet(stream, from.ip(), tls, &*publishers, &limits, stopped).await;
                tracing::debug!(%from, %cause, "rtmp: connection ended");
                drop(permit);
            });
        }
        // Every connection holds a receiver of its own, so nobody missing it is no error.
        stopping.send_replace(true);
        let all = async {
            while let Some(ended) = connections.join_next().await {
                report(ended);
            }
        };
        if tokio::time::timeout(STOP_GRACE, all).await.is_err() {
            tracing::warn!("rtmp: connections did not end in time");
        }
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "rtmp: a connection failed");
    }
}

async fn greet(
    stream: TcpStream,
    from: IpAddr,
    tls: Option<TlsAcceptor>,
    publishers: &dyn Publishers,
    limits: &Limits,
    stopped: watch::Receiver<bool>,
) -> EndCause {
    if stream.set_nodelay(true).is_err() {
        return EndCause::Disconnected;
    }
    let Some(tls) = tls else { return serve(stream, from, publishers, limits, stopped).await };
    match tokio::time::timeout(limits.handshake, tls.accept(stream)).await {
        Ok(Ok(stream)) => serve(stream, from, publishers, limits, stopped).await,
        Ok(Err(_)) => EndCause::Tls,
        Err(_) => EndCause::LateHandshake,
    }
}
