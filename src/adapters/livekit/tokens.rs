//! Tokens for hosts and viewers: JWT, HS256, as LiveKit's documentation "Access tokens" describes them.
//!
//! Every grant is written out, since LiveKit takes an unset `canPublish`, `canSubscribe` or `canPublishData` as
//! allowed. Made by hand from parts prepared once: admission is the hottest path of the server.
//! A connected participant gets fresh tokens from LiveKit itself, so a short life is enough.

use super::{Endpoint, RoomNames};
use backstage_core::{StreamId, Timestamp, UserId};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, Mac};
use serde::Serialize;
use sha2::Sha256;
use std::fmt;

/// How long a token lets somebody in, ms: ten minutes.
pub const TOKEN_MS: i64 = 10 * 60 * 1_000;
/// Clocks may differ by this much, s: a token is valid a little before it was made.
const SKEW_S: i64 = 10;
/// `{"alg":"HS256","typ":"JWT"}` in base64.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// Makes tokens. Cheap to clone.
#[derive(Clone)]
pub struct Tokens {
    url: String,
    api_key: String,
    signature: Hmac<Sha256>,
    names: RoomNames,
}

/// A way into one room for one participant.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Where to connect.
    pub url: String,
    /// The JWT.
    pub jwt: String,
    /// Who it makes one.
    pub identity: String,
    /// Joining is possible until then.
    pub expires_at: Timestamp,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("identity", &self.identity)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    name: &'a str,
    nbf: i64,
    exp: i64,
    /// What kind of participant, where it is not a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    video: Grants<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Grants<'a> {
    room: &'a str,
    room_join: bool,
    room_create: bool,
    room_list: bool,
    room_record: bool,
    room_admin: bool,
    ingress_admin: bool,
    can_publish: bool,
    can_publish_sources: &'a [&'a str],
    can_publish_data: bool,
    can_subscribe: bool,
    can_subscribe_metrics: bool,
    can_update_own_metadata: bool,
    hidden: bool,
    recorder: bool,
    agent: bool,
}

impl<'a> Grants<'a> {
    const fn none(room: &'a str) -> Grants<'a> {
        Grants {
            room,
            room_join: false,
            room_create: false,
            room_list: false,
            room_record: false,
            room_admin: false,
            ingress_admin: false,
            can_publish: false,
            can_publish_sources: &[],
            can_publish_data: false,
            can_subscribe: false,
            can_subscribe_metrics: false,
            can_update_own_metadata: false,
            hidden: false,
            recorder: false,
            agent: false,
        }
    }
}

impl Tokens {
    /// Tokens for the rooms of one installation.
    pub fn new(endpoint: &Endpoint, install: &str) -> Tokens {
        // HMAC takes keys of any length, so this branch is never taken with a refusal.
        let signature =
            Hmac::new_from_slice(endpoint.api_secret.as_bytes()).unwrap_or_else(|_| Hmac::new(&Default::default()));
        Tokens {
            url: endpoint.url.clone(),
            api_key: endpoint.api_key.clone(),
            signature,
            names: RoomNames::new(install),
        }
    }

    /// Sends browsers to another address than the one this server uses itself.
    pub fn with_public_url(self, url: &str) -> Tokens {
        Tokens { url: url.to_owned(), ..self }
    }

    /// Where tokens lead.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// For the creator: publishes camera, microphone and screen; subscribes to nothing; identity `host:{user}`.
    /// A second join with it ends the first session.
    pub fn host(&self, stream: &StreamId, user: &UserId, name: &str, now: Timestamp) -> Token {
        let room = self.names.of(stream);
        let grants = Grants {
            room_join: true,
            can_publish: true,
            can_publish_sources: &["camera", "microphone", "screen_share", "screen_share_audio"],
            ..Grants::none(&room)
        };
        self.sign(format!("{}{user}", super::HOST_PREFIX), name, None, grants, now)
    }

    /// For a viewer: hidden, subscribes only; identity `viewer:{user}:{nonce}`, so that each device is one of its own.
    pub fn viewer(&self, stream: &StreamId, user: &UserId, nonce: &str, now: Timestamp) -> Token {
        let room = self.names.of(stream);
        let grants = Grants { room_join: true, can_subscribe: true, hidden: true, ..Grants::none(&room) };
        self.sign(format!("{}{user}:{nonce}", super::VIEWER_PREFIX), "", None, grants, now)
    }

    /// For our bridge: hidden, subscribes only; identity `bridge:{nonce}`.
    pub fn bridge(&self, stream: &StreamId, nonce: &str, now: Timestamp) -> Token {
        let room = self.names.of(stream);
        let grants = Grants { room_join: true, can_subscribe: true, hidden: true, ..Grants::none(&room) };
        self.sign(format!("bridge:{nonce}"), "", Some("egress"), grants, now)
    }

    /// For [`super::check`]: may join the named room, hears and says nothing.
    pub(super) fn probe(&self, room: &str, nonce: &str, now: Timestamp) -> Token {
        let grants = Grants { room_join: true, hidden: true, ..Grants::none(room) };
        self.sign(format!("check:{nonce}"), "", None, grants, now)
    }

    fn sign(&self, identity: String, name: &str, kind: Option<&str>, video: Grants<'_>, now: Timestamp) -> Token {
        let expires_at = now + TOKEN_MS;
        let claims = Claims {
            iss: &self.api_key,
            sub: &identity,
            name,
            nbf: now.0 / 1_000 - SKEW_S,
            exp: expires_at.0 / 1_000,
            kind,
            video,
        };
        // A struct of texts, numbers and flags always becomes JSON.
        let body = serde_json::to_vec(&claims).unwrap_or_default();
        let mut jwt = String::with_capacity(HEADER.len() + body.len() * 4 / 3 + 52);
        jwt.push_str(HEADER);
        jwt.push('.');
        BASE64.encode_string(&body, &mut jwt);
        let mut signature = self.signature.clone();
        signature.update(jwt.as_bytes());
        jwt.push('.');
        BASE64.encode_string(signature.finalize().into_bytes(), &mut jwt);
        Token { url: self.url.clone(), jwt, identity, expires_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use livekit_api::access_token::TokenVerifier;

    #[allow(clippy::disallowed_methods, reason = "the verifier looks at the real clock")]
    fn now() -> Timestamp {
        Timestamp(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64)
    }

    fn tokens(secret: &str) -> Tokens {
        let endpoint = Endpoint { url: "ws://x".into(), api_key: "key".into(), api_secret: secret.into() };
        Tokens::new(&endpoint, "i")
    }

    #[test]
    fn livekits_own_verifier_reads_every_grant() {
        let tokens = tokens("secret");
        let (stream, user) = ("s".parse().unwrap(), "u".parse().unwrap());
        let verifier = TokenVerifier::with_api_key("key", "secret");

        let host = verifier.verify(&tokens.host(&stream, &user, "Ada \"A\" <b>", now()).jwt).unwrap();
        assert_eq!((host.sub.as_str(), host.name.as_str()), ("host:u", "Ada \"A\" <b>"));
        assert_eq!(host.video.room, "bp.i.s");
        assert!(
            host.video.room_join && host.video.can_publish() && !host.video.can_publish_data() && !host.video.hidden
        );
        assert!(!host.video.room_admin && !host.video.can_update_own_metadata());

        let viewer = verifier.verify(&tokens.viewer(&stream, &user, "n", now()).jwt).unwrap();
        assert_eq!(viewer.sub, "viewer:u:n");
        assert_eq!(viewer.video.can_publish, Some(false));
        assert_eq!(viewer.video.can_publish_data, Some(false));
        assert_eq!(viewer.video.can_subscribe, Some(true));
        assert!(viewer.video.hidden);
    }

    #[test]
    fn a_token_of_another_secret_or_time_is_refused() {
        let (stream, user) = ("s".parse().unwrap(), "u".parse().unwrap());
        let verifier = TokenVerifier::with_api_key("key", "secret");
        assert!(verifier.verify(&tokens("other").viewer(&stream, &user, "n", now()).jwt).is_err());
        let old = tokens("secret").viewer(&stream, &user, "n", now() - TOKEN_MS - 120_000);
        assert!(verifier.verify(&old.jwt).is_err());
    }
}
