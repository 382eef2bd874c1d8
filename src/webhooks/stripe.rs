//! The door for payment webhooks: `POST /webhooks/stripe`.
//!
//! Each is proven, stored once under its id, acknowledged, and worked on behind (`src/order/work.rs`). Answers: 200; 401 for
//! a signature that does not fit; 400 for what is no event; 413 above [`BODY_BYTES_MAX`]; 503 if it cannot be stored, so that
//! it comes again.

use crate::adapters::stripe::webhook::{SIGNATURE, parse, verify};
use crate::order::{KEY_PREFIX, Till};
use crate::store::SqlStore;
use crate::telemetry::Metrics;
use actix_web::{HttpRequest, HttpResponse, web};
use backstage_actors::ports::{Clock, InboxMessage, Store};
use std::sync::Arc;

/// The largest body that is read, bytes.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// Longest id of an event.
const ID_BYTES_MAX: usize = 128;

/// What the door needs.
pub struct StripeDoor {
    /// Proves them, and is rung.
    pub till: Arc<Till>,
    /// Keeps them.
    pub store: SqlStore,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Figures.
    pub metrics: Arc<Metrics>,
}

/// The route.
pub fn routes(door: Arc<StripeDoor>) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        let resource = web::resource("/webhooks/stripe")
            .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
            .app_data(web::Data::from(door))
            .route(web::post().to(receive));
        config.service(resource);
    }
}

async fn receive(door: web::Data<StripeDoor>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let header = request.headers().get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let now = door.clock.now();
    let (mut answer, outcome) = if let Err(forged) = verify(&door.till.webhook_secret, header, &body, now.0 / 1_000) {
        tracing::warn!(%forged, "a payment webhook was refused");
        (HttpResponse::Unauthorized(), "forged")
    } else {
        match (parse(&body), String::from_utf8(body.to_vec())) {
            (Ok(event), Ok(body)) if !event.id.is_empty() && event.id.len() <= ID_BYTES_MAX => {
                let message = InboxMessage { key: format!("{KEY_PREFIX}{}", event.id), body, at: now };
                match door.store.receive(message).await {
                    Ok(true) => {
                        door.till.bell.notify_one();
                        (HttpResponse::Ok(), "accepted")
                    }
                    Ok(false) => (HttpResponse::Ok(), "repeated"),
                    Err(error) => {
                        tracing::warn!(%error, "a payment webhook could not be stored; it comes again");
                        (HttpResponse::ServiceUnavailable(), "unavailable")
                    }
                }
            }
            _ => (HttpResponse::BadRequest(), "malformed"),
        }
    };
    door.metrics.webhook("stripe", outcome);
    answer.finish()
}
