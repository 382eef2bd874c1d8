//! Is this LiveKit usable? Asked at the start and by `backstage doctor`; every failure says what to do.

use super::rooms::{cause, sorted};
use super::{CALL_MS_MAX, Endpoint, Tokens};
use backstage_actors::ports::Clock;
use backstage_core::Timestamp;
use livekit_api::services::room::RoomClient;
use livekit_api::services::{ServerError, ServiceError};
use livekit_protocol as proto;
use prost::Message;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The oldest LiveKit we talk to; ours is tested with 1.11.
pub const VERSION_MIN: (u64, u64) = (1, 8);
/// The largest first message that is read, bytes.
const MESSAGE_BYTES_MAX: u64 = 256 * 1024;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// As it names itself, `1.11.0`.
    pub version: String,
    /// How far its clock is ahead of ours, ms (it tells whole seconds); `None` if it does not say.
    pub clock_ahead_ms: Option<i64>,
}

/// What is wrong.
#[allow(missing_docs, reason = "the fields say what they are")]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// Nobody answers there.
    #[error("LiveKit cannot be reached at {url}: {cause}. Check LIVEKIT_URL and that the server runs")]
    Unreachable { url: String, cause: String },
    /// Somebody answers, who is not LiveKit or not well.
    #[error("{url} answers, but not as a healthy LiveKit: {answer}. Check LIVEKIT_URL")]
    NotLiveKit { url: String, answer: String },
    /// Key or secret are not those of the server.
    #[error(
        "LiveKit at {url} does not accept the key {api_key} with this secret: {answer}. Check LIVEKIT_API_KEY and LIVEKIT_API_SECRET, and that both clocks are right"
    )]
    WrongSecret { url: String, api_key: String, answer: String },
    /// It lacks what we use.
    #[error("LiveKit at {url} is version {version}; at least {}.{} is needed. Update it", VERSION_MIN.0, VERSION_MIN.1)]
    TooOld { url: String, version: String },
}

/// Checks that LiveKit is there, knows our keys and is new enough. Takes up to three calls, so at most 9 s.
pub async fn check(endpoint: &Endpoint, install: &str, clock: &dyn Clock) -> Result<Seen, CheckError> {
    let its_time = is_well(endpoint).await?;
    let now = clock.now();
    let clock_ahead_ms = its_time.map(|its_time| its_time.since_ms(now));
    knows_keys(endpoint).await?;
    let version = version(endpoint, install, now).await?;
    match parse_version(&version) {
        Some(found) if found < VERSION_MIN => Err(CheckError::TooOld { url: endpoint.url.clone(), version }),
        _ => Ok(Seen { version, clock_ahead_ms }),
    }
}

/// Whether it is there and knows our keys: the part of [`check`] that costs little.
pub async fn answers(endpoint: &Endpoint) -> Result<(), CheckError> {
    is_well(endpoint).await?;
    knows_keys(endpoint).await
}

/// One for all, since making one reads the system's certificates. It keeps no connection open, so runtimes can share it.
fn client() -> Result<reqwest::Client, reqwest::Error> {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client.clone());
    }
    let time_out = Duration::from_millis(CALL_MS_MAX);
    let client = reqwest::Client::builder().timeout(time_out).http1_only().pool_max_idle_per_host(0).build()?;
    Ok(CLIENT.get_or_init(|| client).clone())
}

/// Asks for the plain health answer; gives the time it says it has.
pub(super) async fn is_well(endpoint: &Endpoint) -> Result<Option<Timestamp>, CheckError> {
    let unreachable =
        |error: reqwest::Error| CheckError::Unreachable { url: endpoint.url.clone(), cause: cause(&error) };
    let answer = client().map_err(unreachable)?.get(endpoint.http_url()).send().await.map_err(unreachable)?;
    let date = answer.headers().get("date").and_then(|date| date.to_str().ok()?.parse::<Date>().ok());
    let status = answer.status();
    if !status.is_success() {
        return Err(CheckError::NotLiveKit { url: endpoint.url.clone(), answer: format!("status {status}") });
    }
    Ok(date.map(|date| Timestamp(date.0)))
}

/// An HTTP date in ms UTC.
struct Date(i64);

impl std::str::FromStr for Date {
    type Err = chrono::ParseError;
    fn from_str(text: &str) -> Result<Date, chrono::ParseError> {
        Ok(Date(chrono::DateTime::parse_from_rfc2822(text)?.timestamp_millis()))
    }
}

async fn knows_keys(endpoint: &Endpoint) -> Result<(), CheckError> {
    let rooms = RoomClient::with_api_key(&endpoint.http_url(), &endpoint.api_key, &endpoint.api_secret)
        .with_failover(false)
        .with_request_timeout(Duration::from_millis(CALL_MS_MAX));
    let url = endpoint.url.clone();
    match rooms.list_rooms(vec!["none".into()]).await {
        Ok(_) => Ok(()),
        Err(ServiceError::Twirp(ServerError::Twirp(answer)))
            if answer.code == "unauthenticated" || answer.code == "permission_denied" =>
        {
            Err(CheckError::WrongSecret { url, api_key: endpoint.api_key.clone(), answer: answer.msg })
        }
        // A wrong key is refused before the API is reached, in words instead of JSON.
        Err(ServiceError::Twirp(ServerError::Request(error))) if error.is_decode() => {
            Err(CheckError::WrongSecret { url, api_key: endpoint.api_key.clone(), answer: "refused".into() })
        }
        Err(error) => Err(CheckError::NotLiveKit { url, answer: sorted(error).to_string() }),
    }
}

/// Only the answer to a join names the version: joins an empty room of its own as nobody, reads the first message, leaves.
async fn version(endpoint: &Endpoint, install: &str, now: Timestamp) -> Result<String, CheckError> {
    let room = format!("bp-check.{install}");
    let token = Tokens::new(endpoint, install).probe(&room, &format!("{:x}", now.0), now);
    let read = join(endpoint, &token.jwt);
    let result = match tokio::time::timeout(Duration::from_millis(CALL_MS_MAX), read).await {
        Ok(result) => result,
        Err(_) => Err(format!("no answer to a join within {CALL_MS_MAX} ms")),
    };
    let rooms = RoomClient::with_api_key(&endpoint.http_url(), &endpoint.api_key, &endpoint.api_secret)
        .with_failover(false)
        .with_request_timeout(Duration::from_millis(CALL_MS_MAX));
    let _ = rooms.delete_room(&room).await;
    result.map_err(|answer| CheckError::NotLiveKit { url: endpoint.url.clone(), answer })
}

async fn join(endpoint: &Endpoint, jwt: &str) -> Result<String, String> {
    let request = client()
        .map_err(|error| cause(&error))?
        .get(format!("{}/rtc?protocol=16&auto_subscribe=0", endpoint.http_url().trim_end_matches('/')))
        .bearer_auth(jwt)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        // RFC 6455 §4.1 wants 16 random bytes; what comes back is not secret, and not checked.
        .header("sec-websocket-key", "YmFja3N0YWdlLXBhc3MtMQ==");
    let answer = request.send().await.map_err(|error| cause(&error))?;
    let status = answer.status();
    if status != reqwest::StatusCode::SWITCHING_PROTOCOLS {
        return Err(format!("a join was answered with status {status}"));
    }
    let mut socket = answer.upgrade().await.map_err(|error| cause(&error))?;
    let message = first_message(&mut socket).await.map_err(|error| error.to_string())?;
    let response = proto::SignalResponse::decode(message.as_slice()).map_err(|error| error.to_string())?;
    match response.message {
        Some(proto::signal_response::Message::Join(join)) => {
            let named = join.server_info.map(|info| info.version).filter(|version| !version.is_empty());
            #[allow(deprecated)]
            Ok(named.unwrap_or(join.server_version))
        }
        _ => Err("the first message was not a welcome".into()),
    }
}

/// The first data frame of a server (RFC 6455 §5.2: never masked, and LiveKit does not fragment).
async fn first_message(socket: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    loop {
        let (kind, length) = (socket.read_u8().await? & 0x0f, socket.read_u8().await? & 0x7f);
        let length = match length {
            126 => u64::from(socket.read_u16().await?),
            127 => socket.read_u64().await?,
            short => u64::from(short),
        };
        if length > MESSAGE_BYTES_MAX {
            return Err(std::io::Error::other("the first message is too long"));
        }
        let mut body = vec![0; length as usize];
        socket.read_exact(&mut body).await?;
        if kind == 1 || kind == 2 {
            return Ok(body);
        }
    }
}

fn parse_version(text: &str) -> Option<(u64, u64)> {
    let mut parts = text.trim_start_matches('v').split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert!(parse_version("1.11.0").unwrap() > VERSION_MIN);
        assert!(parse_version("v1.7.2").unwrap() < VERSION_MIN);
        assert_eq!(parse_version("cloud"), None);
    }
}
