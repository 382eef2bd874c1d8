//! LiveKit's signalling socket (`/rtc`, protocol 16): protobuf messages in binary WebSocket frames. The token goes in
//! the `Authorization` header, which keeps it out of addresses and logs.

use super::access::Access;
use super::error::Lost;
use futures_util::{SinkExt, StreamExt};
use livekit_protocol::signal_request::Message as Request;
use livekit_protocol::signal_response::Message as Response;
use livekit_protocol::{JoinResponse, SignalRequest, SignalResponse};
use prost::Message as _;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};
use url::Url;

/// The version of LiveKit's protocol that is spoken.
const PROTOCOL: u32 = 16;
/// The answer to a join describes everybody in the room who is not hidden: some 400 bytes each.
const MESSAGE_BYTES_MAX: usize = 8 << 20;
/// What may wait to be written.
const UNSENT_BYTES_MAX: usize = 1 << 20;
/// A message must be written within this time.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// An open signalling socket.
#[derive(Debug)]
pub struct Signal {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    local_ip: IpAddr,
}

impl Signal {
    /// Connects and joins: a name look-up, TCP, TLS for `wss`, the upgrade and the server's answer, all within `within`.
    ///
    /// # Errors
    /// [`Lost::Refused`] with the HTTP status when the server says no; the others say what did not work.
    pub async fn join(access: &Access, within: Duration) -> Result<(Signal, JoinResponse), Lost> {
        timeout(within, Signal::join_untimed(access))
            .await
            .map_err(|_| Lost::TimedOut { what: "the answer to the join", within })?
    }

    async fn join_untimed(access: &Access) -> Result<(Signal, JoinResponse), Lost> {
        let url = rtc_address(&access.url)?;
        let stream = connect(&url).await?;
        let local_ip = stream.local_addr()?.ip();
        let mut request = url.as_str().into_client_request().map_err(|_| Lost::Address(access.url.clone()))?;
        let bearer = HeaderValue::from_str(&format!("Bearer {}", access.token));
        let mut bearer = bearer.map_err(|_| Lost::refused(401, b"the token has characters that no token has"))?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, bearer);
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX))
            .max_write_buffer_size(UNSENT_BYTES_MAX);
        let (socket, _) =
            client_async_tls_with_config(request, stream, Some(config), None).await.map_err(not_joined)?;
        let mut signal = Signal { socket, local_ip };
        match signal.next().await? {
            Response::Join(join) => Ok((signal, join)),
            Response::Leave(leave) => Err(Lost::told(&leave)),
            _ => Err(Lost::Protocol("something came before the answer to the join".into())),
        }
    }

    /// The address by which the server is reached from here.
    pub fn local_ip(&self) -> IpAddr {
        self.local_ip
    }

    /// The next message. Nothing is lost when this is given up half-way. Unknown messages are skipped.
    ///
    /// # Errors
    /// When the socket closed or something else than a message came.
    pub async fn next(&mut self) -> Result<Response, Lost> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Binary(data))) => {
                    let response = SignalResponse::decode(data).map_err(|error| Lost::Protocol(error.to_string()))?;
                    if let Some(message) = response.message {
                        return Ok(message);
                    }
                }
                Some(Ok(Message::Close(frame))) => {
                    let reason = frame.map(|frame| frame.reason.to_string()).unwrap_or_default();
                    return Err(Lost::SocketClosed(reason));
                }
                Some(Ok(Message::Text(_))) => return Err(Lost::Protocol("text instead of protobuf".into())),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(error)) => return Err(Lost::SocketClosed(error.to_string())),
                None => return Err(Lost::SocketClosed("end of stream".into())),
            }
        }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// When it cannot be written within 5 s.
    pub async fn send(&mut self, message: Request) -> Result<(), Lost> {
        let request = SignalRequest { message: Some(message) };
        let sent = self.socket.send(Message::Binary(request.encode_to_vec().into()));
        match timeout(SEND_TIMEOUT, sent).await {
            Ok(sent) => sent.map_err(|error| Lost::SocketClosed(error.to_string())),
            Err(_) => Err(Lost::TimedOut { what: "room in the signalling socket", within: SEND_TIMEOUT }),
        }
    }

    /// Closes the socket, without waiting long for the other side.
    pub async fn close(&mut self) {
        let _ = timeout(Duration::from_millis(500), self.socket.close(None)).await;
    }
}

/// `ws://host/rtc?…` for the address of a server.
fn rtc_address(server: &str) -> Result<Url, Lost> {
    let wrong = || Lost::Address(server.to_owned());
    let mut url = Url::parse(server).map_err(|_| wrong())?;
    let scheme = match url.scheme() {
        "ws" | "http" => "ws",
        "wss" | "https" => "wss",
        _ => return Err(wrong()),
    };
    url.set_scheme(scheme).map_err(|()| wrong())?;
    // Credentials in an address would end up in logs.
    if url.host().is_none() || !url.username().is_empty() || url.password().is_some() {
        return Err(Lost::Address("an address without host or with a password".into()));
    }
    url.path_segments_mut().map_err(|()| wrong())?.pop_if_empty().push("rtc");
    url.query_pairs_mut()
        .clear()
        .append_pair("protocol", &PROTOCOL.to_string())
        .append_pair("auto_subscribe", "0")
        .append_pair("adaptive_stream", "0")
        .append_pair("sdk", "rust")
        .append_pair("version", env!("CARGO_PKG_VERSION"));
    url.set_fragment(None);
    Ok(url)
}

/// The first address that takes the connection, IPv4 first: media servers often have no other.
async fn connect(url: &Url) -> Result<TcpStream, Lost> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port_or_known_default().unwrap_or(80);
    let found = lookup_host((host, port)).await.map_err(|error| Lost::Connect(format!("{host}: {error}")))?;
    let mut addresses: Vec<SocketAddr> = found.take(16).collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    let mut last = Lost::Connect(format!("{host} has no address"));
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = Lost::Connect(format!("{address}: {error}")),
        }
    }
    Err(last)
}

fn not_joined(error: SocketError) -> Lost {
    match error {
        SocketError::Http(response) => {
            Lost::refused(response.status().as_u16(), response.body().as_deref().unwrap_or_default())
        }
        other => Lost::Connect(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_the_signalling_socket_follows_from_that_of_the_server() {
        let url = |server| rtc_address(server).map(|url| url.to_string()).map_err(|error| error.to_string());
        let query =
            format!("?protocol=16&auto_subscribe=0&adaptive_stream=0&sdk=rust&version={}", env!("CARGO_PKG_VERSION"));
        assert_eq!(url("http://a:7880"), Ok(format!("ws://a:7880/rtc{query}")));
        assert_eq!(url("wss://b/lk/"), Ok(format!("wss://b/lk/rtc{query}")));
        assert_eq!(url("https://[::1]:1?x#y"), Ok(format!("wss://[::1]:1/rtc{query}")));
        for wrong in ["", "a", "ftp://a", "ws://", "file:///x", "ws://me:secret@a"] {
            let error = url(wrong).expect_err(wrong);
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
