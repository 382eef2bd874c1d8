//! The `Spine` port over MQTT 3.1.1, QoS 1: an event counts as handed over once the broker has confirmed it.
//!
//! Time-out [`CONFIRM_MS_MAX`], then "try again"; while the broker is away every call fails at once, so nothing waits
//! for it but the outbox. After a lost connection nothing is sent again from here: the outbox does that, under the
//! same key. So listeners may see an event twice, and tell by its `key`.

use backstage_actors::keep::Kept;
use backstage_actors::ports::{BoxFuture, Gauge, ProviderError, Spine};
use backstage_core::effect::Lifecycle;
use parking_lot::Mutex;
use rumqttc::{AsyncClient, ConnectionError, Event, EventLoop, Incoming, MqttOptions, Outgoing, QoS, Transport};
use serde::Serialize;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::{sleep, timeout};

/// First parts of every topic: `backstage/v1/{space}/{experience}/{event}`.
pub const TOPIC_ROOT: &str = "backstage/v1";
/// How long the broker may take to confirm, ms.
pub const CONFIRM_MS_MAX: u64 = 5_000;
/// First and longest pause before connecting again, ms.
const PAUSE_MS: std::ops::RangeInclusive<u64> = 100..=5_000;
/// Events on their way at the same time.
const ON_THE_WAY_MAX: usize = 256;

/// Where a broker is. The password never shows in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct BrokerAddress {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Whether to use TLS, checked against the system's certificates.
    pub tls: bool,
    /// User and password.
    pub login: Option<(String, String)>,
}

impl fmt::Debug for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", if self.tls { "mqtts" } else { "mqtt" }, self.host, self.port)
    }
}

impl BrokerAddress {
    /// Reads `mqtt://user:password@host:1883` or `mqtts://…` (port 8883). User and password may be percent-encoded.
    pub fn parse(text: &str) -> Result<BrokerAddress, String> {
        let expected = "MQTT_URL must look like mqtt://user:password@host:1883 or mqtts://user:password@host:8883";
        let url = url::Url::parse(text).map_err(|_| expected.to_owned())?;
        let (tls, standard_port) = match url.scheme() {
            "mqtt" => (false, 1883),
            "mqtts" => (true, 8883),
            _ => return Err(expected.to_owned()),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(expected)?.to_owned();
        let login = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => Some((decoded(user)?, decoded(password.unwrap_or_default())?)),
        };
        Ok(BrokerAddress { host, port: url.port().unwrap_or(standard_port), tls, login })
    }

    /// The same broker with this login, which goes before one in the URL.
    pub fn with_login(self, user: &str, password: &str) -> BrokerAddress {
        BrokerAddress { login: Some((user.to_owned(), password.to_owned())), ..self }
    }

    fn options(&self, client_id: &str) -> MqttOptions {
        let mut options = MqttOptions::new(client_id, &self.host, self.port);
        options.set_keep_alive(Duration::from_secs(10)).set_clean_session(true);
        if let Some((user, password)) = &self.login {
            options.set_credentials(user, password);
        }
        if self.tls {
            options.set_transport(Transport::tls_with_default_config());
        }
        options
    }
}

fn decoded(text: &str) -> Result<String, String> {
    let wrong = || "MQTT_URL: user and password may hold %XX only as two hex digits of UTF-8".to_owned();
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.bytes());
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (Some(high), Some(low)) = (rest.next(), rest.next()) else { return Err(wrong()) };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (Some(high), Some(low)) = (digit(high), digit(low)) else { return Err(wrong()) };
        bytes.push((high * 16 + low) as u8);
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

/// The message on the wire, version 1. Fields are only ever added.
#[derive(Serialize)]
struct Message<'a> {
    version: u32,
    key: &'a str,
    #[serde(flatten)]
    event: &'a Lifecycle,
}

/// The connection to a broker, kept up for as long as this lives.
pub struct MqttSpine {
    link: Arc<Mutex<Option<Link>>>,
    connected: watch::Receiver<Result<(), String>>,
    _loop: Kept,
}

type Confirm = oneshot::Sender<()>;

/// One connection: everything on its way is forgotten with it.
struct Link {
    client: AsyncClient,
    /// Handed to the client, in order, not sent yet.
    queued: VecDeque<Confirm>,
    /// Sent, by packet id.
    sent: HashMap<u16, Confirm>,
}

impl Link {
    fn new(client: AsyncClient) -> Link {
        Link { client, queued: VecDeque::new(), sent: HashMap::new() }
    }
}

impl MqttSpine {
    /// Begins to connect, in the background; `install` and a random part make the client's id. Call it inside an actix
    /// system.
    pub fn connect(address: BrokerAddress, install: &str, gauge: Arc<dyn Gauge>) -> MqttSpine {
        let client_id = format!("backstage-{install}-{:08x}", rand::random::<u32>());
        let options = address.options(&client_id);
        let link = Arc::new(Mutex::new(None));
        let (status, connected) = watch::channel(Err("not connected yet".to_owned()));
        let keeper = Arc::new(Keeper { address, options, link: link.clone(), status });
        MqttSpine { link, connected, _loop: Kept::start("mqtt", gauge, move || keeper.clone().keep()) }
    }

    /// `Ok` while connected, else why not.
    pub fn status(&self) -> Result<(), String> {
        self.connected.borrow().clone()
    }

    /// Waits until it is connected.
    pub async fn ready(&self) {
        let mut connected = self.connected.clone();
        // Fails only when the keeper is gone, which ends with `self`.
        let _ = connected.wait_for(Result::is_ok).await;
    }

    fn send(&self, topic: String, payload: Vec<u8>) -> Result<oneshot::Receiver<()>, ProviderError> {
        let mut link = self.link.lock();
        let Some(link) = link.as_mut() else {
            return Err(ProviderError::TryAgain("the event broker is away".into()));
        };
        if let Err(error) = link.client.try_publish(topic, QoS::AtLeastOnce, false, payload) {
            return Err(ProviderError::TryAgain(format!("too many events are on their way: {error}")));
        }
        let (confirm, confirmed) = oneshot::channel();
        link.queued.push_back(confirm);
        Ok(confirmed)
    }

    async fn hand_over(&self, key: &str, event: &Lifecycle) -> Result<(), ProviderError> {
        let topic = format!("{TOPIC_ROOT}/{}/{}/{}", event.space, event.experience, event.event);
        let payload = serde_json::to_vec(&Message { version: 1, key, event })
            .map_err(|error| ProviderError::Final(format!("the event is not JSON: {error}")))?;
        let confirmed = self.send(topic, payload)?;
        match timeout(Duration::from_millis(CONFIRM_MS_MAX), confirmed).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(ProviderError::TryAgain("the event broker went away".into())),
            Err(_) => {
                Err(ProviderError::TryAgain(format!("the event broker did not confirm within {CONFIRM_MS_MAX} ms")))
            }
        }
    }
}

impl Spine for MqttSpine {
    fn publish<'a>(&'a self, key: &'a str, event: &'a Lifecycle) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(self.hand_over(key, event))
    }
}

struct Keeper {
    address: BrokerAddress,
    options: MqttOptions,
    /// `Some` while connected.
    link: Arc<Mutex<Option<Link>>>,
    status: watch::Sender<Result<(), String>>,
}

impl Keeper {
    async fn keep(self: Arc<Self>) {
        let mut pause_ms = *PAUSE_MS.start();
        loop {
            // A new client for each connection: nothing of the old one is sent again behind our back.
            let (client, events) = AsyncClient::new(self.options.clone(), ON_THE_WAY_MAX);
            let error = self.follow(client, events).await;
            let was_connected = self.link.lock().take().is_some();
            let reason = in_words(&error);
            let known = matches!(&*self.status.borrow(), Err(told) if *told == reason);
            if !known {
                tracing::warn!(broker = ?self.address, reason, "the event broker is away; the outbox keeps its events");
            }
            let _ = self.status.send_replace(Err(reason));
            pause_ms = if was_connected { *PAUSE_MS.start() } else { (pause_ms * 2).min(*PAUSE_MS.end()) };
            sleep(Duration::from_millis(pause_ms)).await;
        }
    }

    async fn follow(&self, client: AsyncClient, mut events: EventLoop) -> ConnectionError {
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                    *self.link.lock() = Some(Link::new(client.clone()));
                    let _ = self.status.send_replace(Ok(()));
                    tracing::info!(broker = ?self.address, "connected to the event broker");
                }
                Ok(Event::Outgoing(Outgoing::Publish(packet))) => {
                    if let Some(link) = self.link.lock().as_mut()
                        && let Some(confirm) = link.queued.pop_front()
                    {
                        link.sent.insert(packet, confirm);
                    }
                }
                Ok(Event::Incoming(Incoming::PubAck(ack))) => {
                    let confirm = self.link.lock().as_mut().and_then(|link| link.sent.remove(&ack.pkid));
                    if let Some(confirm) = confirm {
                        let _ = confirm.send(());
                    }
                }
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    }
}

fn in_words(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(code) => format!("the broker refuses the login ({code:?}): check MQTT_URL"),
        ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => "the broker does not answer".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_their_login() {
        let address = BrokerAddress::parse("mqtt://ada:p%40ss%3a@broker.example").unwrap();
        assert_eq!(address.login, Some(("ada".into(), "p@ss:".into())));
        assert_eq!((address.host.as_str(), address.port, address.tls), ("broker.example", 1883, false));
        assert_eq!(BrokerAddress::parse("mqtts://h").unwrap().port, 8883);
        assert!(!format!("{address:?}").contains("p@ss"));
        for wrong in ["", "http://x", "mqtt://", "broker:1883", "mqtt://a:%zz@h"] {
            assert!(BrokerAddress::parse(wrong).is_err(), "{wrong}");
        }
    }
}
