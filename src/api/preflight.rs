//! What the studio checks before going live.

use actix_web::{HttpResponse, web};
use futures_util::StreamExt;
use serde::Serialize;
use utoipa::ToSchema;

use super::answers::{Counted, Signed};
use crate::error::Problem;
use crate::security::visitor::Visit;

/// Largest body of an uplink measurement.
pub const UPLINK_BYTES_MAX: usize = 1024 * 1024;

/// Whether the media server answers.
#[derive(Serialize, ToSchema)]
struct MediaServer {
    ok: bool,
    /// Where browsers reach it.
    url: String,
    /// One sentence.
    detail: &'static str,
}

/// What a studio wants to know before going live.
#[derive(Serialize, ToSchema)]
struct Preflight {
    livekit: MediaServer,
    /// The server's time, ms since 1970 UTC.
    now: i64,
}

/// Bytes that arrived.
#[derive(Serialize, ToSchema)]
struct Uplink {
    #[schema(maximum = 1048576)]
    bytes: usize,
}

/// Does the media server answer, and what time is it here?
#[utoipa::path(
    get, path = "/api/v1/preflight", operation_id = "preflight", tag = "hosting",
    responses((status = 200, description = "How things stand", body = inline(Preflight)), Counted),
)]
pub async fn show(at: Visit) -> Result<HttpResponse, Problem> {
    at.state.limits.uplinks_per_network.take(&at.network())?;
    let reachable = at.state.doors.reachable().await;
    let detail = match &reachable {
        Ok(()) => "It answers.",
        Err(error) => {
            tracing::warn!(%error, "preflight: the media server does not answer");
            "The media server does not answer. Try again in a moment."
        }
    };
    let livekit = MediaServer { ok: reachable.is_ok(), url: at.state.doors.public_url(), detail };
    Ok(HttpResponse::Ok().json(Preflight { livekit, now: at.state.clock.now().0 }))
}

/// Takes up to 1 MiB and throws it away, so that the browser can time it.
#[utoipa::path(
    post, path = "/api/v1/preflight/uplink", operation_id = "uplink", tag = "hosting",
    request_body(content = Option<Vec<u8>>, content_type = "application/octet-stream"),
    responses((status = 200, description = "How much arrived", body = inline(Uplink)), Signed, Counted),
)]
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
    Ok(HttpResponse::Ok().json(Uplink { bytes }))
}
