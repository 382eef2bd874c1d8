//! What pages, admission and sockets need of the world beside the actors' ports. The adapters implement these.

use backstage_actors::ports::{BoxFuture, ProviderError};
use backstage_core::phone::Phone;
use backstage_core::{BroadcastId, StreamId, Timestamp, UserId};
use backstage_media::rtmp::StreamKey;

/// A letter to one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The sign-in code in it, if there is one; only the dev mailbox shows it by itself.
    pub code: Option<String>,
}

/// Sends letters.
pub trait Mail: Send + Sync + 'static {
    /// Hands a letter over; `Ok` means accepted, not read. Returns quickly: delivery goes on behind.
    fn send(&self, letter: Letter) -> BoxFuture<'_, Result<(), ProviderError>>;
    /// Hands a letter over and waits until the next hop has taken it (up to a minute), so that whoever keeps it knows when
    /// to stop. `key` becomes the message id: the same letter again under the same key is a repetition.
    fn deliver<'a>(&'a self, letter: Letter, key: &'a str) -> BoxFuture<'a, Result<(), ProviderError>>;
    /// Letters kept for reading in development, newest first, text messages among them; empty for real mail.
    fn kept(&self) -> Vec<(Timestamp, Letter)>;
}

/// A text message to one phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Number.
    pub to: Phone,
    /// Plain text, short: each 160 characters (70 with letters outside GSM 03.38) are paid for.
    pub text: String,
    /// The sign-in code in it, if there is one; only the dev mailbox shows it by itself.
    pub code: Option<String>,
}

/// Sends text messages. Each costs money: who calls has counted it.
pub trait Sms: Send + Sync + 'static {
    /// Hands a text over; `Ok` means accepted, not read. Returns quickly: delivery goes on behind. A text is sent at most
    /// once; one whose taking was not told is not sent again.
    fn send(&self, text: Text) -> BoxFuture<'_, Result<(), ProviderError>>;
    /// Hands a text over and waits until the provider has taken it (up to a minute). `TryAgain`: it surely was not.
    fn deliver(&self, text: Text) -> BoxFuture<'_, Result<(), ProviderError>>;
}

/// A ticket into a media room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Where the browser connects (`ws://` or `wss://`).
    pub url: String,
    /// The signed token.
    pub token: String,
    /// Who it makes one: `host:{user}` or `viewer:{user}:{nonce}`.
    pub identity: String,
    /// When it stops opening the door.
    pub expires_at: Timestamp,
}

/// The media server as seen from its doors: tickets, and who is inside.
pub trait Doors: Send + Sync + 'static {
    /// A ticket that only watches: subscribes, publishes nothing, is not seen by others. Pure computation, microseconds.
    fn viewer_ticket(&self, stream: &StreamId, user: &UserId, nonce: &str) -> Result<Ticket, ProviderError>;
    /// A ticket for the host.
    fn host_ticket(&self, stream: &StreamId, user: &UserId, name: &str) -> Result<Ticket, ProviderError>;
    /// Identities in a stream's room; empty if there is no room.
    fn inside<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<Vec<String>, ProviderError>>;
    /// Puts one out of the room; not there is fine.
    fn remove<'a>(&'a self, stream: &'a StreamId, identity: &'a str) -> BoxFuture<'a, Result<(), ProviderError>>;
    /// Whether the server answers, and where browsers reach it.
    fn reachable(&self) -> BoxFuture<'_, Result<(), ProviderError>>;
    /// Where browsers reach it.
    fn public_url(&self) -> String;
}

/// Stream keys of the HLS provider.
pub trait StreamKeys: Send + Sync + 'static {
    /// What a live stream is published with. `Final`: there is no such live stream.
    fn key<'a>(&'a self, broadcast: &'a BroadcastId) -> BoxFuture<'a, Result<StreamKey, ProviderError>>;
}
