//! A listener of ours that keeps what it gets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use backstage_media::flv::{AudioTag, Tag, TagKind, VideoTag};
use backstage_media::rtmp::{EndCause, Limits, Listener, PublishRequest, Publishers, Refusal, Sink};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

use crate::clip::Packet;

pub const KEY: &str = "s3cret-key";
pub const WORDS: &str = "this stream key is not known here";

#[derive(Default)]
struct Kept {
    tags: Mutex<Vec<Tag>>,
    ended: Mutex<Vec<EndCause>>,
    news: Notify,
}

#[derive(Clone, Default)]
struct Keeper(Arc<Kept>);

impl Publishers for Keeper {
    fn authorise<'a>(&'a self, request: &'a PublishRequest) -> BoxFuture<'a, Result<Box<dyn Sink>, Refusal>> {
        Box::pin(async move {
            if request.app != "live" || request.key.reveal() != KEY {
                return Err(Refusal::new(WORDS));
            }
            Ok(Box::new(self.clone()) as Box<dyn Sink>)
        })
    }
}

impl Sink for Keeper {
    fn tag(&mut self, tag: Tag) -> BoxFuture<'_, Result<(), Refusal>> {
        self.0.tags.lock().push(tag);
        Box::pin(std::future::ready(Ok(())))
    }

    fn ended(self: Box<Self>, cause: EndCause) -> BoxFuture<'static, ()> {
        self.0.ended.lock().push(cause);
        self.0.news.notify_waiters();
        Box::pin(std::future::ready(()))
    }
}

/// A running listener; stopped when dropped.
pub struct House {
    pub address: SocketAddr,
    keeper: Keeper,
    _stop: oneshot::Sender<()>,
    _running: JoinSet<()>,
}

impl House {
    pub async fn open(limits: Limits) -> House {
        House::open_with(limits, None).await
    }

    pub async fn open_with(limits: Limits, tls: Option<Arc<rustls::ServerConfig>>) -> House {
        let keeper = Keeper::default();
        let mut listener =
            Listener::bind("127.0.0.1:0".parse().unwrap(), Arc::new(keeper.clone()), limits).await.unwrap();
        if let Some(tls) = tls {
            listener = listener.with_tls(tls);
        }
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let mut running = JoinSet::new();
        running.spawn(listener.run(async {
            let _ = stopped.await;
        }));
        House { address, keeper, _stop: stop, _running: running }
    }

    /// Where to publish.
    pub fn url(&self, scheme: &str, key: &str) -> String {
        format!("{scheme}://{}/live/{key}", self.address)
    }

    /// How the one publisher ended.
    pub async fn ended(&self) -> EndCause {
        let waiting = async {
            loop {
                let news = self.keeper.0.news.notified();
                if let Some(cause) = self.keeper.0.ended.lock().first() {
                    return cause.clone();
                }
                news.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("the publisher never ended")
    }

    pub fn tags(&self) -> Vec<Tag> {
        self.keeper.0.tags.lock().clone()
    }

    pub fn pictures(&self) -> Vec<Packet> {
        let tags = self.tags().into_iter().filter(|tag| tag.kind == TagKind::Video);
        tags.filter_map(|tag| match VideoTag::parse(&tag.body).unwrap() {
            VideoTag::Picture { cts_ms, .. } => Some(Packet { dts_ms: tag.timestamp_ms, cts_ms }),
            VideoTag::Config(_) | VideoTag::EndOfSequence => None,
        })
        .collect()
    }

    pub fn sounds(&self) -> Vec<Packet> {
        let tags = self.tags().into_iter().filter(|tag| tag.kind == TagKind::Audio);
        tags.filter_map(|tag| match AudioTag::parse(&tag.body).unwrap() {
            AudioTag::Frame(_) => Some(Packet { dts_ms: tag.timestamp_ms, cts_ms: 0 }),
            AudioTag::Config(_) => None,
        })
        .collect()
    }
}

/// A certificate for 127.0.0.1: what a server shows, and a client that trusts it alone.
pub fn certificate() -> (Arc<rustls::ServerConfig>, Arc<rustls::ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let server = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}
