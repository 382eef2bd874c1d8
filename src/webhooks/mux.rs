//! The door for the HLS provider's webhooks: `POST /webhooks/mux`.
//!
//! They are hints: one that is proven rings the sweep, which looks for itself. So nothing is stored, and neither a lost nor
//! a repeated one does harm. Answers: 200; 401 for a signature that does not fit; 413 above [`BODY_BYTES_MAX`].

use crate::adapters::mux::webhook::{SIGNATURE, verify};
use crate::config::Secret;
use crate::hls::WEBHOOKS;
use crate::telemetry::Metrics;
use actix_web::{HttpRequest, HttpResponse, web};
use backstage_actors::Stage;
use backstage_actors::ports::Clock;
use std::sync::Arc;

/// The largest body that is read, bytes.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// What the door needs.
pub struct MuxDoor {
    /// Proves them.
    pub secret: Secret,
    /// Is rung.
    pub stage: Stage,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Figures.
    pub metrics: Arc<Metrics>,
}

/// The route.
pub fn routes(door: Arc<MuxDoor>) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        let resource = web::resource(WEBHOOKS)
            .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
            .app_data(web::Data::from(door))
            .route(web::post().to(receive));
        config.service(resource);
    }
}

async fn receive(door: web::Data<MuxDoor>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let header = request.headers().get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if let Err(forged) = verify(&door.secret, header, &body, door.clock.now().0 / 1_000) {
        door.metrics.webhook("mux", "forged");
        tracing::warn!(%forged, "a webhook of the HLS provider was refused");
        return HttpResponse::Unauthorized().finish();
    }
    door.metrics.webhook("mux", "accepted");
    door.stage.sweep_soon();
    HttpResponse::Ok().finish()
}
