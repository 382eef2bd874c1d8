//! The host's commands (JSON) and the timeline (page and JSON).

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use backstage_actors::ports::{EventRow, Key, Path, Store};
use backstage_core::access::Role;
use backstage_core::delivery::{Choice, DeliveryEvent};
use backstage_core::experience::{ExperienceEvent, ExperienceRejection};
use backstage_core::stream::{Phase, StreamEvent, StreamRejection};
use backstage_core::{ExperienceId, Kind, StreamId, Timestamp};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

use super::views::{StreamTimeline, TimelineRow, TimelineStream};
use super::{report, words};
use crate::access;
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

/// `POST /api/v1/experiences/{id}/lobby`
pub async fn lobby(at: Visit, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let experience = &staged(&at, &id).await?.experience;
    let event = ExperienceEvent::OpenLobby { stream: new_stream(&at)? };
    at.state
        .stage
        .experience(&experience.space, &experience.id, event)
        .await
        .map_err(|refusal| refused(refusal, experience_code))?;
    let stream = told(&at, &experience.id, |phase| !matches!(phase, Phase::Scheduled { .. })).await?;
    Ok(HttpResponse::Ok().json(json!({ "stream_id": stream })))
}

/// `POST /api/v1/experiences/{id}/go-live`: of two at once, one is told `already_live`.
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

/// `POST /api/v1/experiences/{id}/publisher-token`: back on stage after a reload, or ahead of the show while people
/// wait in the lobby (connecting early makes going live quicker; the stream is live only once media arrives).
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

fn publisher(at: &Visit, stream: &StreamId) -> Result<HttpResponse, Problem> {
    let person = at.person()?;
    let ticket = at.state.doors.host_ticket(stream, &person.user, &person.name)?;
    let livekit = json!({ "url": ticket.url, "token": ticket.token });
    let body = json!({ "stream_id": stream, "livekit": livekit, "identity": ticket.identity, "expires_at": ticket.expires_at });
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(body))
}

/// `POST /api/v1/experiences/{id}/end`
pub async fn end(at: Visit, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let experience = &hosted(&at, &id).await?.experience;
    let current = current(&at, &experience.id).await?.ok_or_else(not_live)?;
    let path =
        Path { space: experience.space.clone(), experience: experience.id.clone(), stream: current.stream.clone() };
    at.state.stage.stream(&path, StreamEvent::End, None).await.map_err(|refusal| refused(refusal, stream_code))?;
    Ok(HttpResponse::Accepted().json(json!({ "stream_id": current.stream })))
}

/// `POST /api/v1/streams/{id}/observe`: the studio says that media changed; the server looks for itself.
pub async fn observe(at: Visit, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let path = hosted_stream(&at, &id).await?;
    let stage = at.state.stage.clone();
    actix_web::rt::spawn(async move { stage.observe(&path).await });
    Ok(HttpResponse::Accepted().json(json!({})))
}

/// What the studio sends to choose.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    choice: Choice,
}

/// `POST /api/v1/streams/{id}/delivery`: how the audience is to be served. Choosing again what holds already is fine.
pub async fn delivery(at: Visit, id: web::Path<String>, body: web::Bytes) -> Result<HttpResponse, Problem> {
    let path = hosted_stream(&at, &id).await?;
    let Chosen { choice } = serde_json::from_slice(&body)
        .map_err(|_| Problem::bad_request(r#"The body cannot be read. Send {"choice": "auto"}, "webrtc" or "hls"."#))?;
    let event = StreamEvent::Delivery { news: DeliveryEvent::Overridden { choice } };
    at.state.stage.stream(&path, event, None).await.map_err(|refusal| refused(refusal, stream_code))?;
    Ok(HttpResponse::Ok().json(json!({ "stream_id": path.stream, "choice": choice })))
}

async fn events(at: &Visit, stream: &StreamId) -> Result<Vec<EventRow>, Problem> {
    let mut rows = at.state.store.events(&Key::new(Kind::Stream, stream.as_str()), 0, EVENTS_MAX).await?;
    rows.retain(|row| !words::is_quiet(row));
    Ok(rows)
}

/// `GET /api/v1/streams/{id}/timeline`
pub async fn timeline_json(at: Visit, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let path = hosted_stream(&at, &id).await?;
    let events: Vec<_> = events(&at, &path.stream).await?.iter().map(broadcasts::timeline_event).collect();
    Ok(HttpResponse::Ok().json(json!({ "events": events })))
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
