//! Live streams: made, changed, completed, shut, removed; and their playback ids.

use super::checks::{self, AssetGiven, PoliciesGiven, PolicyGiven};
use super::page::Page;
use super::targets::TargetGiven;
use super::{Api, ApiError, body, created, gone, ok};
use crate::origin::model::live::StreamKey;
use crate::origin::model::{Event, LiveStream, OBJECTS_MAX, PLAYBACK_IDS_MAX, Phase, PlaybackId, TARGETS_MAX, wire};
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Seconds that an encoder of an ordinary stream may be gone, as at Mux; 0 with less latency.
const STANDARD_WINDOW_S: u32 = 60;
/// What `PATCH` takes, as at Mux.
const PATCHED: [&str; 8] = [
    "latency_mode",
    "max_continuous_duration",
    "meta",
    "new_asset_settings",
    "passthrough",
    "reconnect_slate_url",
    "reconnect_window",
    "use_slate_for_standard_latency",
];

/// Adds the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/live-streams").route(web::post().to(create)).route(web::get().to(list)))
        .service(
            web::resource("/live-streams/{id}")
                .route(web::get().to(show))
                .route(web::patch().to(patch))
                .route(web::delete().to(delete)),
        )
        .service(web::resource("/live-streams/{id}/complete").route(web::put().to(complete)))
        .service(web::resource("/live-streams/{id}/disable").route(web::put().to(disable)))
        .service(web::resource("/live-streams/{id}/enable").route(web::put().to(enable)))
        .service(web::resource("/live-streams/{id}/reset-stream-key").route(web::post().to(reset_key)))
        .service(web::resource("/live-streams/{id}/playback-ids").route(web::post().to(add_playback_id)))
        .service(
            web::resource("/live-streams/{id}/playback-ids/{pid}")
                .route(web::get().to(show_playback_id))
                .route(web::delete().to(drop_playback_id)),
        );
}

#[derive(Debug, Default, Deserialize)]
struct Given {
    #[serde(flatten)]
    policies: PoliciesGiven,
    new_asset_settings: Option<AssetGiven>,
    latency_mode: Option<String>,
    low_latency: Option<bool>,
    reduced_latency: Option<bool>,
    reconnect_window: Option<f64>,
    max_continuous_duration: Option<f64>,
    passthrough: Option<String>,
    meta: Option<Value>,
    simulcast_targets: Option<Vec<TargetGiven>>,
    test: Option<bool>,
}

async fn create(api: web::Data<Api>, bytes: web::Bytes) -> Result<HttpResponse, ApiError> {
    let given: Given = body(&bytes)?;
    let latency_mode = match (&given.latency_mode, given.low_latency, given.reduced_latency) {
        (Some(mode), _, _) => checks::latency_mode(mode)?,
        (None, Some(true), _) => "low".into(),
        (None, _, Some(true)) => "reduced".into(),
        (None, _, _) => "standard".into(),
    };
    let window = given.reconnect_window.map(checks::reconnect_window).transpose()?;
    let reconnect_window_s = window.unwrap_or(if latency_mode == "standard" { STANDARD_WINDOW_S } else { 0 });
    let longest = given.max_continuous_duration.map(checks::max_continuous).transpose()?;
    let policies = given.policies.read()?;
    let new_asset = given.new_asset_settings.unwrap_or_default().read()?;
    let passthrough = checks::passthrough(given.passthrough)?;
    let meta = checks::meta(given.meta)?;
    let targets = given.simulcast_targets.unwrap_or_default();
    if targets.len() > TARGETS_MAX {
        return Err(ApiError::invalid(format!("a live stream has at most {TARGETS_MAX} simulcast targets")));
    }
    targets.iter().try_for_each(TargetGiven::check)?;
    let test = given.test.unwrap_or(false);
    let stream = api
        .change(move |books, now| {
            if books.streams().count() >= OBJECTS_MAX {
                return Err(ApiError::Unprocessable(format!("there are {OBJECTS_MAX} live streams already")));
            }
            let targets = targets.into_iter().map(|target| target.read(now)).collect::<Result<Vec<_>, _>>()?;
            let stream = LiveStream {
                id: now.id(),
                seq: books.next_seq(),
                created_ms: now.ms,
                stream_key: StreamKey(now.id()),
                passthrough,
                meta,
                latency_mode,
                reconnect_window_s,
                max_continuous_s: longest.unwrap_or(checks::CONTINUOUS_S_MAX),
                playback_ids: now.playback_ids(&policies),
                new_asset,
                targets,
                test,
                recent_asset_ids: vec![],
                enabled: true,
                phase: Phase::Offline,
            };
            books.put_stream(stream.clone());
            books.announce_stream(now, &stream.id, "created");
            for target in &stream.targets {
                books.announce_target(now, &stream.id, &target.id, "created");
            }
            Ok((stream, vec![]))
        })
        .await?;
    Ok(created(wire::live_stream(&stream, wire::To::Answer)))
}

#[derive(Debug, Default, Deserialize)]
struct Filter {
    status: Option<String>,
    stream_key: Option<String>,
}

async fn list(
    api: web::Data<Api>,
    page: web::Query<Page>,
    filter: web::Query<Filter>,
) -> Result<HttpResponse, ApiError> {
    let wanted = |stream: &&LiveStream| {
        filter.status.as_ref().is_none_or(|status| status == stream.status())
            && filter.stream_key.as_ref().is_none_or(|key| *key == stream.stream_key.0)
    };
    let all = api.desk.read(|books| {
        let streams = books.streams().filter(wanted);
        streams.map(|stream| (stream.seq, wire::live_stream(stream, wire::To::Answer))).collect()
    });
    let (data, _) = page.of(all)?;
    Ok(ok(data))
}

async fn show(api: web::Data<Api>, id: web::Path<String>) -> Result<HttpResponse, ApiError> {
    let found = api.desk.read(|books| books.stream(&id).map(|stream| wire::live_stream(stream, wire::To::Answer)));
    Ok(ok(found.ok_or(ApiError::NotFound)?))
}

async fn patch(api: web::Data<Api>, id: web::Path<String>, bytes: web::Bytes) -> Result<HttpResponse, ApiError> {
    let fields: Map<String, Value> = body(&bytes)?;
    if let Some(field) = fields.keys().find(|field| !PATCHED.contains(&field.as_str())) {
        return Err(ApiError::invalid(format!("{field} cannot be changed")));
    }
    let given: Given = body(&bytes)?;
    let latency_mode = given.latency_mode.as_deref().map(checks::latency_mode).transpose()?;
    let window = given.reconnect_window.map(checks::reconnect_window).transpose()?;
    let longest = given.max_continuous_duration.map(checks::max_continuous).transpose()?;
    let passthrough = checks::passthrough(given.passthrough)?;
    let meta = checks::meta(given.meta)?;
    let settings = given.new_asset_settings.map(AssetGiven::read).transpose()?;
    let stream = api
        .change(move |books, now| {
            let mut stream = books.stream(&id).ok_or(ApiError::NotFound)?.clone();
            stream.latency_mode = latency_mode.unwrap_or(stream.latency_mode);
            stream.reconnect_window_s = window.unwrap_or(stream.reconnect_window_s);
            stream.max_continuous_s = longest.unwrap_or(stream.max_continuous_s);
            stream.passthrough = passthrough.or(stream.passthrough);
            stream.meta = meta.or(stream.meta);
            if let Some(settings) = settings {
                stream.new_asset.meta = settings.meta.or(stream.new_asset.meta);
                stream.new_asset.video_quality = settings.video_quality.or(stream.new_asset.video_quality);
            }
            books.put_stream(stream.clone());
            books.announce_stream(now, &id, "updated");
            Ok((stream, vec![]))
        })
        .await?;
    Ok(ok(wire::live_stream(&stream, wire::To::Answer)))
}

async fn delete(api: web::Data<Api>, id: web::Path<String>) -> Result<HttpResponse, ApiError> {
    api.change(move |books, now| {
        if books.stream(&id).is_none() {
            return Err(ApiError::NotFound);
        }
        Ok(((), books.drop_stream(now, &id).unwrap_or_default()))
    })
    .await?;
    Ok(gone())
}

async fn event(api: &Api, id: String, event: Event) -> Result<HttpResponse, ApiError> {
    api.change(move |books, now| Ok(((), books.stream_event(now, &id, event)?))).await?;
    Ok(ok(json!({})))
}

async fn complete(api: web::Data<Api>, id: web::Path<String>) -> Result<HttpResponse, ApiError> {
    event(&api, id.into_inner(), Event::Complete).await
}

async fn disable(api: web::Data<Api>, id: web::Path<String>) -> Result<HttpResponse, ApiError> {
    event(&api, id.into_inner(), Event::Disable).await
}

async fn enable(api: web::Data<Api>, id: web::Path<String>) -> Result<HttpResponse, ApiError> {
    event(&api, id.into_inner(), Event::Enable).await
}

async fn reset_key(api: web::Data<Api>, id: web::Path<String>) -> Result<HttpResponse, ApiError> {
    let stream = api
        .change(move |books, now| {
            let mut stream = books.stream(&id).ok_or(ApiError::NotFound)?.clone();
            stream.stream_key = StreamKey(now.id());
            books.put_stream(stream.clone());
            books.announce_stream(now, &id, "updated");
            Ok((stream, vec![]))
        })
        .await?;
    Ok(created(wire::live_stream(&stream, wire::To::Answer)))
}

async fn add_playback_id(
    api: web::Data<Api>,
    id: web::Path<String>,
    bytes: web::Bytes,
) -> Result<HttpResponse, ApiError> {
    let policy = body::<PolicyGiven>(&bytes)?.read()?;
    let made = api
        .change(move |books, now| {
            let mut stream = books.stream(&id).ok_or(ApiError::NotFound)?.clone();
            if stream.playback_ids.len() >= PLAYBACK_IDS_MAX {
                return Err(ApiError::invalid(format!("at most {PLAYBACK_IDS_MAX} playback ids are taken")));
            }
            let made = PlaybackId { id: now.id(), policy };
            stream.playback_ids.push(made.clone());
            books.put_stream(stream);
            books.announce_stream(now, &id, "updated");
            Ok((made, vec![]))
        })
        .await?;
    Ok(created(wire::playback_id(&made)))
}

async fn show_playback_id(api: web::Data<Api>, path: web::Path<(String, String)>) -> Result<HttpResponse, ApiError> {
    let (id, pid) = path.into_inner();
    let found = api.desk.read(|books| books.stream(&id)?.playback_ids.iter().find(|one| one.id == pid).cloned());
    Ok(ok(wire::playback_id(&found.ok_or(ApiError::NotFound)?)))
}

async fn drop_playback_id(api: web::Data<Api>, path: web::Path<(String, String)>) -> Result<HttpResponse, ApiError> {
    let (id, pid) = path.into_inner();
    api.change(move |books, now| {
        let mut stream = books.stream(&id).ok_or(ApiError::NotFound)?.clone();
        let before = stream.playback_ids.len();
        stream.playback_ids.retain(|one| one.id != pid);
        if stream.playback_ids.len() == before {
            return Err(ApiError::NotFound);
        }
        books.put_stream(stream);
        books.announce_stream(now, &id, "updated");
        Ok(((), vec![]))
    })
    .await?;
    Ok(gone())
}
