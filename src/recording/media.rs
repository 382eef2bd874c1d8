//! `GET /recordings/{id}/~{ticket}/{object}`: the film, its pictures, its playlist and segments.
//!
//! Each request is authorised anew: the ticket says who asks, `core::access` whether they may. Where browsers can reach the
//! object storage themselves, segments are fetched there by an address that holds for [`ELSEWHERE_FOR`]; the playlist is
//! always given here, since its addresses are relative to it.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use backstage_core::access::Person;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

use super::ticket::Ticket;
use super::watch::Found;
use super::{VIDEO, ticket, watch};
use crate::access;
use crate::error::Problem;
use crate::objects::serve::serve;
use crate::security::visitor::Visit;
use crate::state::State;

/// How long the address of an object elsewhere holds.
pub const ELSEWHERE_FOR: Duration = Duration::from_secs(60);
/// What a browser may keep: its own copy of what it was given.
const CACHE: &str = "private, max-age=60";

/// What may be asked for beside the object.
#[derive(Deserialize)]
pub struct Asked {
    /// Save it as a file; for the team.
    #[serde(default)]
    download: Option<String>,
}

/// The route.
pub async fn show(
    at: Visit,
    req: HttpRequest,
    address: web::Path<(String, String, String)>,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Problem> {
    let (id, ticket, name) = address.into_inner();
    let state = &at.state;
    let ticket = ticket::read(&state.seal, &id, &ticket).ok_or_else(bad_ticket)?;
    let found = watch::find(state, &id).await?;
    let person = holder(&at, &ticket, &found).await?;
    found.admit(state, &person)?;
    let key = found.recording.object(&name).map_err(|_| Problem::not_found())?;
    if state.objects_elsewhere && is_segment(&name) {
        let url = state.objects.presign_get(&key, ELSEWHERE_FOR).await?;
        let headers = [(header::LOCATION, url.as_str()), (header::CACHE_CONTROL, "no-store")];
        let mut response = HttpResponse::Found();
        for header in headers {
            response.insert_header(header);
        }
        return Ok(response.finish());
    }
    let mut response = serve(&req, &*state.objects, &key, CACHE).await?;
    if asked.download.is_some() && name == VIDEO {
        if person.role.is_none() {
            return Err(Problem::not_yours());
        }
        let value = format!("attachment; filename=\"{}\"", file_name(&found));
        let value = header::HeaderValue::from_str(&value).map_err(Problem::internal)?;
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// Who asks: the ticket's holder while it opens by itself, then only in the browser that it was made for.
async fn holder(at: &Visit, ticket: &Ticket, found: &Found) -> Result<Arc<Person>, Problem> {
    let state: &State = &at.state;
    let Some((session, user)) = &ticket.holder else {
        return access::person(state, None, &found.space).await;
    };
    let same_browser = at.session.as_ref().is_some_and(|held| held.id == *session);
    if state.clock.now() >= ticket.expires_at && !same_browser {
        return Err(expired());
    }
    access::of_user(state, user, &found.space).await
}

fn is_segment(name: &str) -> bool {
    name.starts_with("hls/") && (name.ends_with(".m4s") || name.ends_with("/init.mp4"))
}

/// For the file system of whoever saves it.
fn file_name(found: &Found) -> String {
    let day = chrono::DateTime::from_timestamp_millis(found.recording.started_at.0).unwrap_or_default();
    format!("{}-{}-{}.mp4", found.space.settings.slug, found.experience.settings.slug, day.format("%Y-%m-%d"))
}

fn bad_ticket() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "bad_ticket",
        "This address was changed or is not for you. Open the page again.",
    )
}

fn expired() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "ticket_expired", "This address has expired. Open the page again.")
}

/// Where a visitor finds an object of a recording.
pub fn url(at: &Visit, recording: &str, name: &str) -> String {
    let state = &at.state;
    let ticket = ticket::issue(&state.seal, recording, at.session.as_deref(), state.clock.now());
    format!("/recordings/{recording}/~{ticket}/{name}")
}

#[cfg(test)]
mod tests {
    use super::is_segment;

    #[test]
    fn only_what_has_no_addresses_in_it_is_fetched_elsewhere() {
        assert!(is_segment("hls/s00001.m4s") && is_segment("hls/init.mp4"));
        for here in ["hls/index.m3u8", "video.mp4", "storyboard.vtt", "poster.jpg"] {
            assert!(!is_segment(here), "{here}");
        }
    }
}
