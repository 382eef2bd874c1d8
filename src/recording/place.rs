//! Where somebody has got to in a recording: kept with the person, so that it follows them to another device.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{PLAYLIST, VIDEO, media, store, ticket, watch};
use crate::api::answers::{Counted, Signed, Watching};
use crate::api::body;
use crate::error::Problem;
use crate::security::visitor::Visit;

/// So near to the start or the end, a recording begins anew, ms.
const START_MS: i64 = 10_000;
/// See [`START_MS`].
const END_MS: i64 = 15_000;

/// What a player sends. Other fields are ignored.
#[derive(Deserialize, ToSchema)]
#[schema(as = Place)]
pub struct Told {
    /// Seconds from the start, up to the length.
    #[schema(minimum = 0)]
    position_s: f64,
}

/// What is kept of a place; `None`: nothing, since it begins anew there.
pub fn kept(position_ms: i64, duration_ms: i64) -> Option<i64> {
    (START_MS..=duration_ms - END_MS).contains(&position_ms).then_some(position_ms)
}

/// Keeps where the person has got to; near the start and the end it begins anew.
#[utoipa::path(
    put, path = "/api/v1/recordings/{id}/position", operation_id = "keep_place", tag = "watching",
    params(("id" = String, Path, description = "Id of the recording", min_length = 1, max_length = 64)),
    request_body = inline(Told),
    responses((status = 204, description = "Kept"), Signed, Watching, Counted),
)]
pub async fn update(at: Visit, id: web::Path<String>, told: web::Bytes) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let session = at.person()?;
    state.limits.writes_per_network.take(&format!("place:{}", session.id))?;
    let told: Told =
        body::object(&told).map_err(|_| Problem::bad_request("Send {\"position_s\": seconds from the start}."))?;
    let found = watch::find(state, &id).await?;
    found.admit_visitor(state, Some(session)).await?;
    let length_s = found.recording.duration_ms as f64 / 1_000.0;
    if !(0.0..=length_s + 1.0).contains(&told.position_s) {
        return Err(Problem::bad_request("The position lies outside of the recording."));
    }
    let position_ms = kept((told.position_s * 1_000.0) as i64, found.recording.duration_ms);
    store::set_position(&state.db, &session.user, &id, position_ms, state.clock.now()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The same as `PUT`: browsers send their last word so.
#[utoipa::path(
    post, path = "/api/v1/recordings/{id}/position", operation_id = "keep_last_place", tag = "watching",
    params(("id" = String, Path, description = "Id of the recording", min_length = 1, max_length = 64)),
    request_body = inline(Told),
    responses((status = 204, description = "Kept"), Signed, Watching, Counted),
)]
pub async fn last_word(at: Visit, id: web::Path<String>, told: web::Bytes) -> Result<HttpResponse, Problem> {
    update(at, id, told).await
}

/// An address with a ticket in it.
#[derive(Serialize, ToSchema)]
#[schema(as = TicketedAddress)]
struct Where {
    url: String,
}

/// Where to watch, and where to go on.
#[derive(Serialize, ToSchema)]
#[schema(as = RecordingAdmission)]
struct Admission {
    /// The playlist.
    hls: Where,
    /// The whole film.
    file: Where,
    /// ms since 1970 UTC; ask again before.
    expires_at: i64,
    /// Seconds from the start.
    #[schema(minimum = 0)]
    position_s: f64,
}

/// Lets a visitor in to a recording: addresses with a fresh ticket, and where to go on.
#[utoipa::path(
    post, path = "/api/v1/recordings/{id}/admission", operation_id = "recording_admission", tag = "watching",
    params(("id" = String, Path, description = "Id of the recording", min_length = 1, max_length = 64)),
    responses((status = 200, description = "Where to watch", body = inline(Admission)), Watching, Counted),
)]
pub async fn admission(at: Visit, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    state.limits.admissions_per_network.take(&at.network())?;
    let found = watch::find(state, &id).await?;
    found.admit_visitor(state, at.session.as_deref()).await?;
    let position_ms = match &at.session {
        Some(session) => store::position(&state.db, &session.user, &id).await?,
        None => None,
    };
    let admission = Admission {
        hls: Where { url: media::url(&at, &id, PLAYLIST) },
        file: Where { url: media::url(&at, &id, VIDEO) },
        expires_at: (state.clock.now() + ticket::LASTS_MS).0,
        position_s: position_ms.unwrap_or(0) as f64 / 1_000.0,
    };
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(admission))
}

#[cfg(test)]
mod tests {
    use super::kept;

    #[test]
    fn near_the_ends_a_recording_begins_anew() {
        assert_eq!(kept(9_999, 60_000), None);
        assert_eq!(kept(10_000, 60_000), Some(10_000));
        assert_eq!(kept(45_000, 60_000), Some(45_000));
        assert_eq!(kept(45_001, 60_000), None);
        assert_eq!(kept(12_000, 20_000), None);
    }
}
