//! What the studio checks before going live.

use actix_web::{HttpResponse, web};
use futures_util::StreamExt;
use serde_json::json;

use crate::error::Problem;
use crate::security::visitor::Visit;

/// Largest body of an uplink measurement.
pub const UPLINK_BYTES_MAX: usize = 1024 * 1024;

/// `GET /api/v1/preflight`: does the media server answer, and what time is it here?
pub async fn show(at: Visit) -> Result<HttpResponse, Problem> {
    at.state.limits.uplinks_per_network.take(&at.network())?;
    let reachable = at.state.doors.reachable().await;
    let detail = match &reachable {
        Ok(()) => "It answers.".to_string(),
        Err(error) => {
            tracing::warn!(%error, "preflight: the media server does not answer");
            "The media server does not answer. Try again in a moment.".to_string()
        }
    };
    let livekit = json!({ "ok": reachable.is_ok(), "url": at.state.doors.public_url(), "detail": detail });
    Ok(HttpResponse::Ok().json(json!({ "livekit": livekit, "now": at.state.clock.now() })))
}

/// `POST /api/v1/preflight/uplink`: takes up to 1 MiB and throws it away, so that the browser can time it.
pub async fn uplink(at: Visit, mut body: web::Payload) -> Result<HttpResponse, Problem> {
    at.person()?;
    at.state.limits.uplinks_per_network.take(&at.network())?;
    let mut bytes = 0;
    while let Some(chunk) = body.next().await {
        bytes += chunk.map_err(|_| Problem::bad_request("The upload broke off. Try again."))?.len();
        if bytes > UPLINK_BYTES_MAX {
            return Err(Problem::too_large());
        }
    }
    Ok(HttpResponse::Ok().json(json!({ "bytes": bytes })))
}
