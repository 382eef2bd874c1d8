//! The host's commands (JSON) and the timeline (page and JSON).

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use backstage_actors::ports::{EventRow, Key, Path, Store};
use backstage_core::access::Role;
use backstage_core::delivery::{Choice, DeliveryEvent};
use backstage_core::experience::{ExperienceEvent, ExperienceRejection};
use backstage_core::stream::{Phase, StreamEvent, StreamRejection};
use backstage_core::{ExperienceId, Kind, StreamId, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

use super::views::{StreamTimeline, TimelineRow, TimelineStream};
use super::{report, words};
use crate::access;
use crate::api::answers::{Counted, ProblemShape, Team};
use crate::api::body;
use crate::api::words::DeliveryWord;
use crate::error::{Problem, refused};
use crate::experience::kinds;
use crate::experience::views::ExperiencePage;
use crate::live::broadcasts;
use crate::live::channel::Snapshot;
use crate::page::{Moment, show};
use crate::security::visitor::Visit;
use crate::studio::routes::{Wants, find};

/// Lines of one stream that are shown.
pub const EVENTS_MAX: u32 = 500;
/// How long a command waits for its stream to have taken it, ms.
const TOLD_MS_MAX: u64 = 1_000;
/// Streams on the timeline page.
pub const STREAMS_MAX: u32 = 20;

/// The experience, if the visitor may host it.
async fn hosted(at: &Visit, id: &str) -> Result<Arc<Snapshot>, Problem> {
    at.person()?;
    at.state.limits.writes_per_network.take(&at.network())?;
    let id = ExperienceId::parse(id).map_err(|_| Problem::not_found())?;
    let snapshot = at.state.live.snapshot(&id).await?.ok_or_else(Problem::not_found)?;
    let space = at.state.live.space(&snapshot.experience.space).await?.ok_or_else(Problem::not_found)?;
    match access::role(&at.state, at.session.as_deref(), &space).await? {
        Some(role) if Role::may_host(role) => Ok(snapshot),
        _ => Err(Problem::not_yours()),
    }
}

/// The experience, if the visitor may host it and there is a stage to host on.
async fn staged(at: &Visit, id: &str) -> Result<Arc<Snapshot>, Problem> {
    let snapshot = hosted(at, id).await?;
    if kinds::store::of(&at.state.db, &snapshot.experience.id).await?.has_stage() {
        return Ok(snapshot);
    }
    let words = "This experience shows a page of another site. It has no stage to go live on.";
    Err(Problem::new(StatusCode::CONFLICT, "no_stage", words))
}

/// The stream's place, if the visitor may host it.
pub(super) async fn hosted_stream(at: &Visit, id: &str) -> Result<Path, Problem> {
    at.person()?;
    let id = StreamId::parse(id).map_err(|_| Problem::not_found())?;
    let path = at.state.store.path(&id).await?.ok_or_else(Problem::not_found)?;
    hosted(at, path.experience.as_str()).await?;
    Ok(path)
}

fn experience_code(rejection: &ExperienceRejection) -> &'static str {
    match rejection {
        ExperienceRejection::NotCreated => "not_found",
        ExperienceRejection::AlreadyCreated => "already_created",
        ExperienceRejection::AlreadyLive => "already_live",
        ExperienceRejection::BadTitle => "bad_title",
        ExperienceRejection::BadDescription => "bad_description",
        ExperienceRejection::BadGrace => "bad_grace",
        ExperienceRejection::BadStart => "bad_start",
        ExperienceRejection::OtherStream => "other_stream",
    }
}

fn stream_code(rejection: &StreamRejection) -> &'static str {
    match rejection {
        StreamRejection::NotOpened => "not_opened",
        StreamRejection::AlreadyOpened => "already_opened",
        StreamRejection::AlreadyLive => "already_live",
        StreamRejection::AlreadyOpen => "already_open",
        StreamRejection::Over => "over",
        StreamRejection::Begun => "begun",
        StreamRejection::StaleTimer => "stale_timer",
        StreamRejection::NoHls => "no_hls",
        StreamRejection::NotForYou => "not_for_you",
    }
}

fn not_live() -> Problem {
    Problem::new(StatusCode::CONFLICT, "not_live", "There is no stream on air. Open the lobby or go live first.")
}

fn new_stream(at: &Visit) -> Result<StreamId, Problem> {
    StreamId::parse(&at.state.ids.next()).map_err(Problem::internal)
}

/// The experience's open stream as committed.
async fn current(at: &Visit, id: &ExperienceId) -> Result<Option<backstage_core::experience::Current>, Problem> {
    Ok(at.state.store.experience(id).await?.and_then(|found| found.state.current))
}

/// The open stream, once it has taken what its experience told it: what the caller does next finds it there. A stream
/// that takes longer than [`TOLD_MS_MAX`] is answered for all the same; the command is committed.
async fn told(at: &Visit, id: &ExperienceId, done: impl Fn(&Phase) -> bool) -> Result<StreamId, Problem> {
    let current = current(at, id).await?.ok_or_else(not_live)?;
    if let Some(channel) = at.state.live.channel(id).await? {
        let mut states = channel.states();
        let there = states.wait_for(|snapshot| {
            let stream = snapshot.as_ref().and_then(|snapshot| snapshot.stream.as_ref());
            stream.is_some_and(|stream| stream.id == current.stream && done(&stream.phase))
        });
        let _ = tokio::time::timeout(Duration::from_millis(TOLD_MS_MAX), there).await;
    }
    Ok(current.stream)
}

/// The stream that a command is about.
#[derive(Serialize, ToSchema)]
struct StreamRef<'a> {
    #[schema(value_type = String)]
    stream_id: &'a StreamId,
}

/// Done, with nothing to tell.
#[derive(Serialize, ToSchema)]
pub(super) struct Nothing {}

/// Opens the lobby: people gather, nothing is on air.
#[utoipa::path(
    post, path = "/api/v1/experiences/{id}/lobby", operation_id = "open_lobby", tag = "hosting",
    params(("id" = String, Path, description = "Id of the experience", min_length = 1, max_length = 64)),
    responses(
        (status = 200, description = "The stream", body = inline(StreamRef<'static>)),
        (status = 409, description = "`already_live`: a stream is on air or about to be. `no_stage`: it shows a page of another \
         site", body = ProblemShape,
         content_type = "application/problem+json"),
        Team, Counted,
    ),
)]
pub async fn lobby(at: Visit, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let experience = &staged(&at, &id).await?.experience;
    let event = ExperienceEvent::OpenLobby { stream: new_stream(&at)? };
    at.state
        .stage
        .experience(&experience.space, &experience.id, event)
        .await
        .map_err(|refusal| refused(refusal, experience_code))?;
    let stream = told(&at, &experience.id, |phase| !matches!(phase, Phase::Scheduled { .. })).await?;
    Ok(HttpResponse::Ok().json(StreamRef { stream_id: &stream }))
}

/// Goes live: the stream is on air once media arrives. Of two at once, one is told `already_live`.
#[utoipa::path(
    post, path = "/api/v1/experiences/{id}/go-live", operation_id = "go_live", tag = "hosting",
    params(("id" = String, Path, description = "Id of the experience", min_length = 1, max_length = 64)),
    responses(
        (status = 200, description = "A ticket for the stage", body = inline(Publisher<'static>)),
        (status = 409, description = "`already_live`: a stream is on air or about to be. `no_stage`: it shows a page of another \
         site", body = ProblemShape,
         content_type = "application/problem+json"),
        Team, Counted,
    ),
)]
pub async fn go_live(at: Visit, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let experience = &staged(&at, &id).await?.experience;
    let event = ExperienceEvent::GoLive { stream: new_stream(&at)? };
    at.state
        .stage
        .experience(&experience.space, &experience.id, event)
        .await
        .map_err(|refusal| refused(refusal, experience_code))?;
    let stream = told(&at, &experience.id, |phase| phase.admits() || phase.is_over()).await?;
    // The committed effect opens the room too; asking for it here spares the host the wait. It is safe to repeat, and
    // when the media server is away the studio keeps trying.
    if let Err(error) = at.state.rooms.open(&stream).await {
        tracing::warn!(%stream, %error, "the room could not be opened yet");
    }
    publisher(&at, &stream)
}

/// Another ticket for the stage: back on stage after a reload, or ahead of the show while people
/// wait in the lobby (connecting early makes going live quicker; the stream is live only once media arrives).
#[utoipa::path(
    post, path = "/api/v1/experiences/{id}/publisher-token", operation_id = "publisher_token", tag = "hosting",
    params(("id" = String, Path, description = "Id of the experience", min_length = 1, max_length = 64)),
    responses(
        (status = 200, description = "A ticket for the stage", body = inline(Publisher<'static>)),
        (status = 409, description = "`not_live`: no stream is open", body = ProblemShape,
         content_type = "application/problem+json"),
        Team, Counted,
    ),
)]
pub async fn publisher_token(at: Visit, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let snapshot = hosted(&at, &id).await?;
    let current = current(&at, &snapshot.experience.id).await?.ok_or_else(not_live)?;
    let has_room =
        snapshot.stream.as_ref().is_some_and(|stream| stream.id == current.stream && stream.phase.wants_room());
    if !has_room && !current.going_live {
        return Err(not_live());
    }
    publisher(&at, &current.stream)
}

/// The media server's stage.
#[derive(Serialize, ToSchema)]
#[schema(as = StageLiveKit)]
struct Stage<'a> {
    url: &'a str,
    token: &'a str,
}

/// A ticket that may publish.
#[derive(Serialize, ToSchema)]
struct Publisher<'a> {
    #[schema(value_type = String)]
    stream_id: &'a StreamId,
    livekit: Stage<'a>,
    /// Who it is in the room.
    identity: &'a str,
    /// ms since 1970 UTC.
    #[schema(value_type = i64)]
    expires_at: Timestamp,
}

fn publisher(at: &Visit, stream: &StreamId) -> Result<HttpResponse, Problem> {
    let person = at.person()?;
    let ticket = at.state.doors.host_ticket(stream, &person.user, &person.name)?;
    let body = Publisher {
        stream_id: stream,
        livekit: Stage { url: &ticket.url, token: &ticket.token },
        identity: &ticket.identity,
        expires_at: ticket.expires_at,
    };
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(body))
}

/// Ends what is on air, or closes the lobby.
#[utoipa::path(
    post, path = "/api/v1/experiences/{id}/end", operation_id = "end", tag = "hosting",
    params(("id" = String, Path, description = "Id of the experience", min_length = 1, max_length = 64)),
    responses(
        (status = 202, description = "It ends", body = inline(StreamRef<'static>)),
        (status = 409, description = "`not_live`: no stream is open. `over`: it has ended already", body = ProblemShape,
         content_type = "application/problem+json"),
        Team, Counted,
    ),
)]
pub async fn end(at: Visit, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let experience = &hosted(&at, &id).await?.experience;
    let current = current(&at, &experience.id).await?.ok_or_else(not_live)?;
    let path =
        Path { space: experience.space.clone(), experience: experience.id.clone(), stream: current.stream.clone() };
    at.state.stage.stream(&path, StreamEvent::End, None).await.map_err(|refusal| refused(refusal, stream_code))?;
    Ok(HttpResponse::Accepted().json(StreamRef { stream_id: &current.stream }))
}

/// The studio says that media changed; the server looks for itself.
#[utoipa::path(
    post, path = "/api/v1/streams/{id}/observe", operation_id = "observe", tag = "hosting",
    params(("id" = String, Path, description = "Id of the stream", min_length = 1, max_length = 64)),
    responses((status = 202, description = "It looks", body = inline(Nothing)), Team, Counted),
)]
pub async fn observe(at: Visit, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let path = hosted_stream(&at, &id).await?;
    let stage = at.state.stage.clone();
    actix_web::rt::spawn(async move { stage.observe(&path).await });
    Ok(HttpResponse::Accepted().json(Nothing {}))
}

/// What the studio sends to choose.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Chosen {
    /// `auto`: as the figures say.
    #[schema(value_type = DeliveryWord)]
    choice: Choice,
}

/// What holds now.
#[derive(Serialize, ToSchema)]
struct DeliveryChoice<'a> {
    #[schema(value_type = String)]
    stream_id: &'a StreamId,
    #[schema(value_type = DeliveryWord)]
    choice: Choice,
}

/// How the audience is to be served. Choosing again what holds already is fine.
#[utoipa::path(
    post, path = "/api/v1/streams/{id}/delivery", operation_id = "choose_delivery", tag = "hosting",
    params(("id" = String, Path, description = "Id of the stream", min_length = 1, max_length = 64)),
    request_body = inline(Chosen),
    responses(
        (status = 200, description = "What holds now", body = inline(DeliveryChoice<'static>)),
        (status = 409, description = "`over`: the stream has ended. `no_hls`: HLS is not set up here. `not_opened`: it was \
         never open", body = ProblemShape, content_type = "application/problem+json"),
        Team, Counted,
    ),
)]
pub async fn delivery(at: Visit, id: web::Path<String>, body: web::Bytes) -> Result<HttpResponse, Problem> {
    let path = hosted_stream(&at, &id).await?;
    let Chosen { choice } = body::object(&body)
        .map_err(|_| Problem::bad_request(r#"The body cannot be read. Send {"choice": "auto"}, "webrtc" or "hls"."#))?;
    let event = StreamEvent::Delivery { news: DeliveryEvent::Overridden { choice } };
    at.state.stage.stream(&path, event, None).await.map_err(|refusal| refused(refusal, stream_code))?;
    Ok(HttpResponse::Ok().json(DeliveryChoice { stream_id: &path.stream, choice }))
}

async fn events(at: &Visit, stream: &StreamId) -> Result<Vec<EventRow>, Problem> {
    let mut rows = at.state.store.events(&Key::new(Kind::Stream, stream.as_str()), 0, EVENTS_MAX).await?;
    rows.retain(|row| !words::is_quiet(row));
    Ok(rows)
}

/// What happened.
#[derive(Serialize, ToSchema)]
struct Timeline {
    /// Oldest first, at most 500.
    #[schema(value_type = Vec<Line>)]
    events: Vec<serde_json::Value>,
}

/// A line of the timeline, as `broadcasts::timeline_event` makes it.
#[derive(ToSchema)]
#[schema(as = TimelineLine)]
#[allow(dead_code, reason = "says how it looks")]
struct Line {
    /// ms since 1970 UTC.
    at: i64,
    /// Name of the event, `snake_case`.
    event: String,
    /// Phase of the stream after it.
    phase: String,
    /// Who or what caused it.
    cause: String,
    /// The same in the visitor's language.
    cause_words: String,
    /// The event in the visitor's language.
    words: String,
}

/// What happened to a stream, and why.
#[utoipa::path(
    get, path = "/api/v1/streams/{id}/timeline", operation_id = "timeline", tag = "hosting",
    params(("id" = String, Path, description = "Id of the stream", min_length = 1, max_length = 64)),
    responses((status = 200, description = "The timeline", body = inline(Timeline)), Team, Counted),
)]
pub async fn timeline_json(at: Visit, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let path = hosted_stream(&at, &id).await?;
    let events: Vec<_> = events(&at, &path.stream).await?.iter().map(broadcasts::timeline_event).collect();
    Ok(HttpResponse::Ok().json(Timeline { events }))
}

/// `GET /studio/{space}/{experience}/timeline`
pub async fn timeline(at: Visit, address: web::Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (space, experience) = find(&at, &address.0, &address.1, Wants::Look).await?;
    let mut streams = vec![];
    for found in at.state.store.last_streams_of(&experience.state.id, STREAMS_MAX).await? {
        let rows = events(&at, &found.state.id).await?;
        let Some(first) = rows.first() else { continue };
        streams.push(TimelineStream {
            started: Moment::from(first.at),
            phase: found.state.phase.as_str().to_string(),
            health: report::of(
                &found.state.health,
                ended_at(&found.state.phase).unwrap_or_else(|| at.state.clock.now()),
            ),
            events: rows.iter().map(line).collect(),
        });
    }
    let experience = ExperiencePage::of(&space.settings.slug, &experience.state, None);
    show(&StreamTimeline { page: at.page_t("timeline.title"), experience, streams })
}

fn ended_at(phase: &Phase) -> Option<Timestamp> {
    match phase {
        Phase::Ended { at, .. } | Phase::Cancelled { at, .. } => Some(*at),
        Phase::Archived { ended_at, .. } => Some(*ended_at),
        Phase::Scheduled { .. } | Phase::Lobby { .. } | Phase::Live { .. } | Phase::Reconnecting { .. } => None,
    }
}

fn line(row: &EventRow) -> TimelineRow {
    TimelineRow {
        at: Moment::from(row.at),
        event: row.event.clone(),
        phase: row.phase.clone(),
        cause: words::cause(row),
        words: words::of(row),
    }
}
