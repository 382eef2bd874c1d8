//! LiveKit, the media server. On a laptop a `livekit-server` child that we supervise ([`server`]), in production any
//! LiveKit by URL, key and secret ([`check`] says at the start what is wrong with it). Rooms ([`rooms`]) and tokens
//! ([`tokens`]) are the same for both. Its Egress may take the place of our bridges ([`egress`]).
//!
//! Time-out 3 s a call, no retries here (the outbox and the sweep retry), every call safe to repeat.

pub mod check;
pub mod egress;
mod layout;
pub(crate) mod process;
pub mod rooms;
pub mod server;
pub mod tokens;

pub use check::{CheckError, Seen, check};
pub use egress::{EgressBridges, EgressSettings};
pub use rooms::LiveKitRooms;
pub use server::{LiveKitServer, LiveKitSettings, LiveKitStatus, ServerError};
pub use tokens::{Token, Tokens};

use std::fmt;

/// How long one call to the media server may take, ms.
pub const CALL_MS_MAX: u64 = 3_000;
/// Identities of hosts begin with this: `host:{user}`.
pub const HOST_PREFIX: &str = "host:";
/// Identities of viewers begin with this: `viewer:{user}:{nonce}`.
pub const VIEWER_PREFIX: &str = "viewer:";

/// Where LiveKit is and how it knows us. Its secret never shows in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// For browsers: `ws://…` or `wss://…`.
    pub url: String,
    /// Name of the key pair.
    pub api_key: String,
    /// Signs tokens and webhooks.
    pub api_secret: String,
}

impl Endpoint {
    /// The same place for the HTTP API: `http://…` or `https://…`.
    pub fn http_url(&self) -> String {
        match self.url.split_once("://") {
            Some(("ws", rest)) => format!("http://{rest}"),
            Some(("wss", rest)) => format!("https://{rest}"),
            _ => self.url.clone(),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("url", &self.url).field("api_key", &self.api_key).finish_non_exhaustive()
    }
}

/// Room names of one installation: several may share a LiveKit without seeing each other's rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomNames {
    prefix: String,
}

impl RoomNames {
    /// Names of the installation `install`: 1 to 64 characters of `a-z A-Z 0-9 - _`, no dots.
    pub fn new(install: &str) -> RoomNames {
        RoomNames { prefix: format!("bp.{install}.") }
    }

    /// The room of a stream: `bp.{install}.{stream}`.
    pub fn of(&self, stream: &backstage_core::StreamId) -> String {
        format!("{}{stream}", self.prefix)
    }

    /// The stream a room belongs to; `None` for rooms of others.
    pub fn stream(&self, room: &str) -> Option<backstage_core::StreamId> {
        room.strip_prefix(&self.prefix).and_then(|id| id.parse().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_of_other_installations_are_not_ours() {
        let ours = RoomNames::new("a");
        let stream: backstage_core::StreamId = "s-1".parse().unwrap();
        assert_eq!(ours.of(&stream), "bp.a.s-1");
        assert_eq!(ours.stream("bp.a.s-1"), Some(stream));
        for foreign in ["bp.b.s-1", "bp.a2.s-1", "s-1", "bp.a.", "bp.a.b.s-1"] {
            assert_eq!(ours.stream(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_secret_never_shows() {
        let endpoint = Endpoint { url: "wss://x".into(), api_key: "k".into(), api_secret: "hush".into() };
        assert!(!format!("{endpoint:?}").contains("hush"));
        assert_eq!(endpoint.http_url(), "https://x");
    }
}
