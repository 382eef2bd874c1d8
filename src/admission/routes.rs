//! `POST /api/v1/experiences/{id}/admission`
//!
//! Everything is answered from bounded memory (session, role and passes, state of the stream); only what is not there yet
//! is read from the store. The ticket is made anew for each request.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use backstage_core::access::{Decision, Denial};
use backstage_core::stream::Phase;
use backstage_core::{ExperienceId, Timestamp, UserId};
use serde::Serialize;
use std::sync::LazyLock;
use std::time::Instant;

use crate::access;
use crate::error::Problem;
use crate::security::visitor::Visit;

/// Who watches an open show without a session.
static ANYONE: LazyLock<UserId> = LazyLock::new(|| "anyone".parse().unwrap_or_else(|_| unreachable!("a valid id")));

#[derive(Serialize)]
struct LiveKit<'a> {
    url: &'a str,
    token: &'a str,
}

#[derive(Serialize)]
struct Admission<'a> {
    delivery: &'static str,
    livekit: LiveKit<'a>,
    hls: Option<()>,
    expires_at: Timestamp,
    stream_id: &'a str,
}

/// The route.
pub async fn create(at: Visit, id: web::Path<String>, body: web::Bytes) -> Result<HttpResponse, Problem> {
    let began = Instant::now();
    let answer = admit(&at, &id, &body).await;
    let outcome = answer.as_ref().map_or_else(|problem| problem.code, |_| "admitted");
    at.state.metrics.admission(outcome, began.elapsed().as_secs_f64());
    answer
}

async fn admit(at: &Visit, id: &str, body: &[u8]) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    if !body.is_empty() && serde_json::from_slice::<serde::de::IgnoredAny>(body).is_err() {
        return Err(Problem::bad_request("The body is not JSON. Send {}."));
    }
    state.limits.admissions_per_network.take(&at.network())?;
    let id = ExperienceId::parse(id).map_err(|_| Problem::not_found())?;
    let snapshot = state.live.snapshot(&id).await?.ok_or_else(Problem::not_found)?;
    let space = state.live.space(&snapshot.experience.space).await?.ok_or_else(Problem::not_found)?;
    let until = match access::decide(state, at.session.as_deref(), &space, &snapshot.experience).await? {
        Decision::Allowed { until, .. } => until,
        Decision::Denied(denial) => return Err(denied(denial)),
    };
    let stream = match &snapshot.stream {
        Some(stream) if stream.phase.admits() => stream,
        Some(stream) => return Err(not_live(&stream.phase)),
        None => return Err(not_live(&Phase::Scheduled { starts_at: Timestamp(0) })),
    };
    let unique = state.ids.next();
    let unique = access::watch::tag(&unique);
    let ticket = match &at.session {
        Some(session) => {
            state.doors.viewer_ticket(&stream.id, &session.user, &access::watch::nonce(&session.id, unique))?
        }
        None => state.doors.viewer_ticket(&stream.id, &ANYONE, unique)?,
    };
    let admission = Admission {
        delivery: "webrtc",
        livekit: LiveKit { url: &ticket.url, token: &ticket.token },
        hls: None,
        expires_at: until.map_or(ticket.expires_at, |until| until.min(ticket.expires_at)),
        stream_id: stream.id.as_str(),
    };
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(admission))
}

fn denied(denial: Denial) -> Problem {
    let detail = match denial {
        Denial::NeedsPass => "You need a pass to watch this. Join on the page of the show.",
        Denial::Expired => "Your pass has expired. Get a new one on the page of the show.",
        Denial::Revoked => "Your pass was withdrawn. Ask the creator about it.",
        Denial::Suspended => "This space is closed.",
    };
    Problem::new(StatusCode::FORBIDDEN, denial.code(), detail)
}

fn not_live(phase: &Phase) -> Problem {
    let detail = match phase {
        Phase::Ended { .. } | Phase::Archived { .. } => "This show is over.",
        Phase::Cancelled { .. } => "This show was called off.",
        Phase::Scheduled { .. } | Phase::Lobby { .. } | Phase::Live { .. } | Phase::Reconnecting { .. } => {
            "This show has not begun. Wait in the lobby: the page tells you when it does."
        }
    };
    Problem::new(StatusCode::CONFLICT, "not_live", detail)
}
