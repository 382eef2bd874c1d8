//! `POST /api/v1/experiences/{id}/admission`
//!
//! Everything is answered from bounded memory (session, role and passes, state of the stream); only what is not there yet
//! is read from the store. The ticket is made anew for each request.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use backstage_core::access::{Decision, Denial};
use backstage_core::delivery::{Slot, Source, ViewerRef};
use backstage_core::stream::{Phase, Stream};
use backstage_core::{ExperienceId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;
use std::time::Instant;
use utoipa::ToSchema;

use crate::access;
use crate::adapters::mux::Screen;
use crate::api::answers::{Counted, ProblemShape, Watching};
use crate::api::body;
use crate::api::words::{Played, Shown};
use crate::error::Problem;
use crate::security::visitor::Visit;

/// Who watches an open show without a session.
static ANYONE: LazyLock<UserId> = LazyLock::new(|| "anyone".parse().unwrap_or_else(|_| unreachable!("a valid id")));

/// When somebody for whom there is no room asks again, s.
const LET_IN_S: u64 = 3;

/// A door of the media server.
#[derive(Serialize, ToSchema)]
#[schema(as = ViewerLiveKit)]
struct LiveKit<'a> {
    url: &'a str,
    token: &'a str,
}

/// A playlist, signed.
#[derive(Serialize, ToSchema)]
#[schema(as = LivePlaylist)]
struct Playlist<'a> {
    url: &'a str,
}

/// What a page may say.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = AdmissionWish)]
struct Wish {
    /// What it shows now.
    #[schema(value_type = Option<Shown>)]
    watching: Option<Source>,
    /// What it tried and did not get to play.
    #[schema(value_type = Option<Shown>)]
    failed: Option<Source>,
}

/// Where to watch, and until when the answer holds.
#[derive(Serialize, ToSchema)]
#[schema(as = LiveAdmission)]
struct Admission<'a> {
    /// Which of the two below to play.
    #[schema(value_type = Played)]
    delivery: &'static str,
    /// With `webrtc`.
    livekit: Option<LiveKit<'a>>,
    /// With `hls`.
    hls: Option<Playlist<'a>>,
    /// ms since 1970 UTC; ask again before.
    #[schema(value_type = i64)]
    expires_at: Timestamp,
    stream_id: &'a str,
}

/// Lets a visitor in to what is on air: a ticket for the media server or a signed playlist.
#[utoipa::path(
    post, path = "/api/v1/experiences/{id}/admission", operation_id = "admission", tag = "watching",
    params(("id" = String, Path, description = "Id of the experience", min_length = 1, max_length = 64)),
    request_body(content = inline(Option<Wish>), description = "May be left out"),
    responses(
        (status = 200, description = "Where to watch", body = inline(Admission<'static>)),
        (status = 409, description = "`not_live`: it has not begun, or is over", body = ProblemShape,
         content_type = "application/problem+json"),
        (status = 503, description = "`full`: no room just now; who waits is let in. `unavailable`: not just now",
         body = ProblemShape, content_type = "application/problem+json",
         headers(("Retry-After" = String, description = "Seconds to wait"))),
        Watching, Counted,
    ),
)]
pub async fn create(at: Visit, id: web::Path<String>, body: web::Bytes) -> Result<HttpResponse, Problem> {
    let began = Instant::now();
    let answer = admit(&at, &id, &body).await;
    let outcome = answer.as_ref().map_or_else(|problem| problem.code, |_| "admitted");
    at.state.metrics.admission(outcome, began.elapsed().as_secs_f64());
    answer
}

async fn admit(at: &Visit, id: &str, body: &[u8]) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let wish: Wish = match body {
        b"" | b"null" => Wish::default(),
        body => body::object(body).map_err(|_| {
            Problem::bad_request(r#"The body cannot be read. Send {}, or {"watching": "webrtc", "failed": "hls"}."#)
        })?,
    };
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
    let until = until.unwrap_or(Timestamp(i64::MAX));
    match assigned(at, &id, stream, &wish).await? {
        Source::Hls => match screen(at, stream) {
            Some(screen) => Ok(answer(&Admission {
                delivery: Source::Hls.as_str(),
                livekit: None,
                hls: Some(Playlist { url: &screen.url }),
                expires_at: until.min(screen.expires_at),
                stream_id: stream.id.as_str(),
            })),
            None => over_webrtc(at, stream, until),
        },
        Source::Webrtc => over_webrtc(at, stream, until),
        Source::Slate => Err(Problem {
            retry_after_s: Some(LET_IN_S),
            ..Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "full",
                "There is no room just now. You are let in as soon as there is.",
            )
        }),
    }
}

/// The key that a visitor's sockets are counted by.
fn key(at: &Visit) -> Option<&str> {
    at.session.as_ref().map(|session| session.id.as_str())
}

/// What this visitor gets. Somebody without a session is new each time.
async fn assigned(at: &Visit, id: &ExperienceId, stream: &Stream, wish: &Wish) -> Result<Source, Problem> {
    let anew;
    let key = match key(at) {
        Some(key) => key,
        None => {
            anew = at.state.ids.next();
            &anew
        }
    };
    let slot = Slot::of(&stream.id, key);
    if wish.failed == Some(Source::Hls) {
        return Ok(stream.delivery.instead_of_hls(slot));
    }
    let current = wish.watching.filter(|watching| wish.failed != Some(*watching));
    let source = stream.delivery.assign(ViewerRef { on_stage: false, current, slot }).source;
    if source == Source::Slate
        && let Some(channel) = at.state.live.channel(id).await?
    {
        channel.waits_at_the_slate(key);
    }
    Ok(source)
}

/// Where to watch over HLS, if that is possible at all.
fn screen(at: &Visit, stream: &Stream) -> Option<Screen> {
    let screens = at.state.screens.as_ref()?;
    match screens.screen(&stream.delivery.broadcast.ready()?.playback) {
        Ok(screen) => Some(screen),
        Err(error) => {
            tracing::error!(stream = %stream.id, %error, "a playback address cannot be signed; WebRTC is given instead");
            None
        }
    }
}

fn over_webrtc(at: &Visit, stream: &Stream, until: Timestamp) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let unique = state.ids.next();
    let unique = access::watch::tag(&unique);
    let ticket = match &at.session {
        Some(session) => {
            state.doors.viewer_ticket(&stream.id, &session.user, &access::watch::nonce(&session.id, unique))?
        }
        None => state.doors.viewer_ticket(&stream.id, &ANYONE, unique)?,
    };
    Ok(answer(&Admission {
        delivery: Source::Webrtc.as_str(),
        livekit: Some(LiveKit { url: &ticket.url, token: &ticket.token }),
        hls: None,
        expires_at: until.min(ticket.expires_at),
        stream_id: stream.id.as_str(),
    }))
}

fn answer(admission: &Admission<'_>) -> HttpResponse {
    HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(admission)
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
