//! The door for LiveKit's webhooks: `POST /webhooks/livekit`.
//!
//! LiveKit signs with the API secret: header `Authorization` holds a JWT (no "Bearer") whose claim `sha256` is the
//! body's digest. Answers: 200 when it is stored, known or not for us; 401 for a wrong or missing signature; 400 for a
//! body that is signed but unreadable; 413 above [`BODY_BYTES_MAX`]; 503 when the store is away.

use crate::adapters::livekit::{Endpoint, HOST_PREFIX, RoomNames};
use crate::telemetry::Metrics;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use backstage_actors::ports::{Clock, InboxMessage, Store};
use backstage_core::{StreamId, Timestamp, TrackId};
use livekit_api::access_token::TokenVerifier;
use livekit_api::webhooks::{WebhookError, WebhookReceiver};
use livekit_protocol::WebhookEvent;
use std::sync::Arc;
use tokio::sync::Notify;

/// The largest body that is read, bytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// A message older than this when it comes is only counted, ms: the sweep has looked since.
pub const AGE_MS_MAX: i64 = 5 * 60 * 1_000;
/// Keys of its messages in the inbox begin with this.
pub const KEY_PREFIX: &str = "livekit:";

/// What the door needs. Share it in an `Arc`.
pub struct LiveKitDoor {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) names: RoomNames,
    pub(super) bell: Notify,
    receiver: WebhookReceiver,
}

/// What a message says about a stream of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hint {
    pub stream: StreamId,
    pub says: Says,
}

/// The part of LiveKit's messages that we use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Says {
    /// The host's track is there.
    Published(TrackId),
    /// The host's track is gone.
    Unpublished(TrackId),
    /// The host is gone, with these tracks as far as it says.
    HostLeft(Vec<TrackId>),
    /// The room is gone.
    RoomFinished,
}

impl LiveKitDoor {
    /// A door for webhooks signed with the endpoint's keys, about rooms of the installation.
    pub fn new(
        endpoint: &Endpoint,
        install: &str,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Arc<LiveKitDoor> {
        let receiver = WebhookReceiver::new(TokenVerifier::with_api_key(&endpoint.api_key, &endpoint.api_secret));
        Arc::new(LiveKitDoor { store, clock, metrics, names: RoomNames::new(install), bell: Notify::new(), receiver })
    }

    /// Takes a body with its signature. Gives the status to answer with, and the outcome's name.
    pub async fn take(&self, body: &[u8], signature: Option<&str>) -> (StatusCode, &'static str) {
        let answer = self.judge(body, signature).await;
        self.metrics.webhook("livekit", answer.1);
        if answer.1 == "forged" {
            tracing::warn!("a webhook with a wrong or missing signature was refused");
        }
        answer
    }

    async fn judge(&self, body: &[u8], signature: Option<&str>) -> (StatusCode, &'static str) {
        let (Ok(text), Some(signature)) = (std::str::from_utf8(body), signature) else {
            return (StatusCode::UNAUTHORIZED, "forged");
        };
        let event = match self.receiver.receive(text, signature) {
            Ok(event) => event,
            Err(WebhookError::InvalidData(_)) => return (StatusCode::BAD_REQUEST, "malformed"),
            Err(WebhookError::InvalidSignature | WebhookError::InvalidBase64(_) | WebhookError::InvalidAuth(_)) => {
                return (StatusCode::UNAUTHORIZED, "forged");
            }
        };
        if event.id.is_empty() || event.id.len() > 128 {
            return (StatusCode::BAD_REQUEST, "malformed");
        }
        let now = self.clock.now();
        if now.since_ms(Timestamp(event.created_at.saturating_mul(1_000))) > AGE_MS_MAX {
            return (StatusCode::OK, "expired");
        }
        if read(&event, &self.names).is_none() {
            return (StatusCode::OK, "ignored");
        }
        let message = InboxMessage { key: format!("{KEY_PREFIX}{}", event.id), body: text.to_owned(), at: now };
        match self.store.receive(message).await {
            Ok(true) => {
                self.bell.notify_one();
                (StatusCode::OK, "accepted")
            }
            Ok(false) => (StatusCode::OK, "repeated"),
            Err(error) => {
                tracing::warn!(%error, "a webhook could not be stored; the media server tries again, the sweep looks anyway");
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            }
        }
    }
}

/// What an event says, if it is about a host or a room of ours. `participant_joined` says nothing: tracks do.
pub(super) fn read(event: &WebhookEvent, names: &RoomNames) -> Option<Hint> {
    let stream = names.stream(&event.room.as_ref()?.name)?;
    let host = event.participant.as_ref().filter(|participant| participant.identity.starts_with(HOST_PREFIX));
    let track = || event.track.as_ref()?.sid.parse::<TrackId>().ok();
    let says = match event.event.as_str() {
        "room_finished" => Says::RoomFinished,
        "track_published" => host.and(track()).map(Says::Published)?,
        "track_unpublished" => host.and(track()).map(Says::Unpublished)?,
        "participant_left" | "participant_connection_aborted" => {
            Says::HostLeft(host?.tracks.iter().filter_map(|track| track.sid.parse().ok()).collect())
        }
        _ => return None,
    };
    Some(Hint { stream, says })
}

/// Adds the route. Outside of sessions and CSRF: the signature is the proof.
pub fn routes(door: Arc<LiveKitDoor>) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        config.service(
            web::resource("/webhooks/livekit")
                .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
                .app_data(web::Data::from(door))
                .route(web::post().to(post)),
        );
    }
}

async fn post(
    door: web::Data<LiveKitDoor>,
    request: HttpRequest,
    body: Result<web::Bytes, actix_web::Error>,
) -> HttpResponse {
    let signature = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let (status, outcome) = match body {
        Ok(body) => door.take(&body, signature).await,
        Err(error) => {
            door.metrics.webhook("livekit", "malformed");
            let status = error.as_response_error().status_code();
            (if status.is_client_error() { status } else { StatusCode::BAD_REQUEST }, "malformed")
        }
    };
    if status.is_success() {
        return HttpResponse::Ok().finish();
    }
    let detail = match outcome {
        "forged" => "The signature is missing or wrong: sign with the API key and secret this server uses.",
        "unavailable" => "It could not be stored just now. Send it again later.",
        _ => "The body is not a webhook of LiveKit, or longer than 64 KiB.",
    };
    let title = status.canonical_reason().unwrap_or("Error");
    HttpResponse::build(status).content_type("application/problem+json").json(serde_json::json!({
        "type": format!("about:blank#{outcome}"), "title": title, "status": status.as_u16(), "detail": detail, "code": outcome,
    }))
}
