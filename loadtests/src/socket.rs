//! The page's WebSocket, `/live/{experience}`: state of the show, and where this viewer is to move. Shapes: docs/LIVE.md.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::browser::{Browser, REQUEST_MAX};

const PING_EACH: Duration = Duration::from_secs(20);
/// First pause before it comes back; doubled up to the longest. As in the page.
const BACK_MS: u64 = 250;
const BACK_MS_MAX: u64 = 10_000;
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// No access, no such experience: it does not come back.
const CLOSED_FOR_GOOD: [u16; 2] = [4403, 4404];

/// How media reaches a viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Delivery {
    /// LiveKit.
    Webrtc,
    /// A playlist.
    Hls,
}

impl Delivery {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Delivery::Webrtc => "webrtc",
            Delivery::Hls => "hls",
        }
    }

    /// From the word on the wire.
    pub fn of(word: &str) -> Option<Delivery> {
        [Delivery::Webrtc, Delivery::Hls].into_iter().find(|delivery| delivery.as_str() == word)
    }
}

/// What the server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The state of the show.
    State(Show),
    /// This viewer is to play the other delivery, from a random moment within this time.
    Move(Delivery, Duration),
    /// Access is over, or there is no such experience.
    Over(String),
    /// The socket was lost and comes back by itself.
    Lost(String),
}

/// The show, as a `state` message has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Show {
    /// Of the stream; empty without one.
    pub stream: String,
    /// Media is there or expected: admission is worth asking for.
    pub on_air: bool,
    /// The creator's link is down.
    pub reconnecting: bool,
    /// It is over.
    pub over: bool,
}

impl Show {
    fn of(message: &Value) -> Show {
        let stream = &message["stream"];
        let phase = stream["phase"].as_str().unwrap_or_default();
        let armed = stream["armed"].as_bool().unwrap_or(false) && matches!(phase, "lobby" | "scheduled");
        Show {
            stream: stream["id"].as_str().unwrap_or_default().to_owned(),
            on_air: armed || matches!(phase, "live" | "reconnecting"),
            reconnecting: phase == "reconnecting",
            over: matches!(phase, "ended" | "archived" | "cancelled"),
        }
    }
}

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Comes back by itself until it is over.
pub struct Socket {
    browser: Browser,
    experience: String,
    cursor: String,
    stream: Option<Stream>,
    ping_at: Instant,
    back_at: Instant,
    back_ms: u64,
    random: StdRng,
    over: bool,
    watching: Option<Delivery>,
    /// The server knows what is on the screen.
    said: bool,
}

impl Socket {
    /// Connects at the first [`Socket::next`].
    pub fn new(browser: Browser, experience: &str, random: StdRng) -> Socket {
        let now = Instant::now();
        Socket {
            browser,
            experience: experience.to_owned(),
            cursor: String::new(),
            stream: None,
            ping_at: now + PING_EACH,
            back_at: now,
            back_ms: BACK_MS,
            random,
            over: false,
            watching: None,
            said: true,
        }
    }

    /// What is on the screen; told at the next [`Socket::next`], and after each reconnect.
    pub fn watches(&mut self, delivery: Option<Delivery>) {
        if self.watching != delivery {
            (self.watching, self.said) = (delivery, false);
        }
    }

    /// What the server says next. Nothing is lost when this is given up half-way, but a connection that is being made.
    pub async fn next(&mut self) -> News {
        loop {
            if self.over {
                std::future::pending::<()>().await;
            }
            let Some(stream) = &mut self.stream else {
                sleep_until(self.back_at).await;
                match self.connect().await {
                    Ok(stream) => {
                        (self.stream, self.ping_at) = (Some(stream), Instant::now() + PING_EACH);
                        self.said = self.watching.is_none();
                    }
                    Err(cause) => {
                        self.come_back();
                        return News::Lost(cause);
                    }
                }
                continue;
            };
            if !self.said {
                self.said = true;
                let watching = json!({ "type": "watching", "delivery": self.watching.map(Delivery::as_str) });
                // A write that fails is heard of as the end of the stream.
                let _ = timeout(REQUEST_MAX, stream.send(Message::text(watching.to_string()))).await;
                continue;
            }
            let heard = tokio::select! {
                heard = stream.next() => heard,
                () = sleep_until(self.ping_at) => {
                    self.ping_at = Instant::now() + PING_EACH;
                    let _ = timeout(REQUEST_MAX, stream.send(Message::text("{\"type\":\"ping\"}"))).await;
                    continue;
                }
            };
            if let Some(news) = self.take(heard) {
                return news;
            }
        }
    }

    fn take(&mut self, heard: Option<Result<Message, Error>>) -> Option<News> {
        match heard {
            Some(Ok(Message::Text(text))) => {
                self.back_ms = BACK_MS;
                let message: Value = serde_json::from_str(&text).unwrap_or_default();
                self.read(&message)
            }
            Some(Ok(Message::Close(frame))) => {
                let code = frame.as_ref().map_or(1005, |frame| frame.code.into());
                self.over = CLOSED_FOR_GOOD.contains(&code);
                self.come_back();
                let said = format!("the socket closed with {code}");
                Some(if self.over { News::Over(said) } else { News::Lost(said) })
            }
            Some(Ok(_)) => None,
            Some(Err(error)) => {
                self.come_back();
                Some(News::Lost(format!("the socket broke: {error}")))
            }
            None => {
                self.come_back();
                Some(News::Lost("the socket closed".into()))
            }
        }
    }

    fn read(&mut self, message: &Value) -> Option<News> {
        match message["type"].as_str()? {
            "state" => {
                self.cursor = message["cursor"].as_str().unwrap_or_default().to_owned();
                Some(News::State(Show::of(message)))
            }
            "move" => {
                let within = Duration::from_millis(message["within_ms"].as_u64().unwrap_or(0).min(600_000));
                Some(News::Move(Delivery::of(message["delivery"].as_str()?)?, within))
            }
            "access" if message["allowed"] == false => {
                self.over = true;
                Some(News::Over(message["reason"].as_str().unwrap_or("access is over").to_owned()))
            }
            // What a newer server says beside it does not concern us.
            _ => None,
        }
    }

    fn come_back(&mut self) {
        self.stream = None;
        self.back_at = Instant::now() + Duration::from_millis(self.random.random_range(0..=self.back_ms));
        self.back_ms = (self.back_ms * 2).min(BACK_MS_MAX);
    }

    async fn connect(&self) -> Result<Stream, String> {
        let path = format!("/live/{}?as=viewer&cursor={}", self.experience, self.cursor);
        let target = self.browser.target();
        let mut request = target.socket(&path).into_client_request().map_err(|error| error.to_string())?;
        let headers = request.headers_mut();
        for (name, value) in [("cookie", self.browser.cookies()), ("origin", target.origin())] {
            if !value.is_empty() {
                headers.insert(name, HeaderValue::from_str(&value).map_err(|_| format!("no {name} of that kind"))?);
            }
        }
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        match timeout(REQUEST_MAX, connect_async_with_config(request, Some(config), true)).await {
            Ok(Ok((stream, _))) => Ok(stream),
            Ok(Err(Error::Http(response))) => Err(format!("the socket is refused with {}", response.status().as_u16())),
            Ok(Err(error)) => Err(format!("no socket: {error}")),
            Err(_) => Err("the socket took too long".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_says_what_to_do() {
        let show = Show::of(&json!({"type": "state", "stream": null}));
        assert_eq!(show, Show::default());
        let armed = Show::of(&json!({"stream": {"id": "s", "phase": "lobby", "armed": true}}));
        assert!(armed.on_air && !armed.over);
        let down = Show::of(&json!({"stream": {"id": "s", "phase": "reconnecting"}}));
        assert!(down.on_air && down.reconnecting);
        assert!(Show::of(&json!({"stream": {"id": "s", "phase": "archived"}})).over);
    }
}
