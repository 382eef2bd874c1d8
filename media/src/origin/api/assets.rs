//! Assets: recordings of live streams, and clips cut out of them; and what a playback id plays.

use super::checks::{self, AssetGiven, PolicyGiven};
use super::page::Page;
use super::{Api, ApiError, body, created, gone, ok};
use crate::origin::model::{Asset, AssetStatus, Clip, Deed, OBJECTS_MAX, PLAYBACK_IDS_MAX, Playable, PlaybackId, wire};
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Shortest clip, ms, as at Mux.
const CLIP_MS_MIN: i64 = 500;
const ORIGIN_URL: &str = "mux://assets/";

/// Adds the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/assets").route(web::post().to(create)).route(web::get().to(list)))
        .service(
            web::resource("/assets/{id}")
                .route(web::get().to(show))
                .route(web::patch().to(patch))
                .route(web::delete().to(delete)),
        )
        .service(web::resource("/assets/{id}/playback-ids").route(web::post().to(add_playback_id)))
        .service(
            web::resource("/assets/{id}/playback-ids/{pid}")
                .route(web::get().to(show_playback_id))
                .route(web::delete().to(drop_playback_id)),
        )
        .service(web::resource("/playback-ids/{pid}").route(web::get().to(whose)));
}

#[derive(Debug, Deserialize)]
struct InputGiven {
    url: Option<String>,
    start_time: Option<f64>,
    end_time: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct Given {
    #[serde(flatten)]
    asset: AssetGiven,
    inputs: Option<Vec<InputGiven>>,
    input: Option<Vec<InputGiven>>,
}

impl InputGiven {
    fn read(self) -> Result<Clip, ApiError> {
        let source = self.url.as_deref().and_then(|url| url.strip_prefix(ORIGIN_URL)).filter(|id| !id.is_empty());
        let Some(source) = source else {
            return Err(ApiError::invalid(
                "inputs[0].url must be mux://assets/{ASSET_ID}: this origin fetches nothing",
            ));
        };
        let start_ms = ms("start_time", self.start_time.unwrap_or(0.0))?;
        let end_ms = self.end_time.map(|end| ms("end_time", end)).transpose()?;
        if end_ms.is_some_and(|end_ms| end_ms - start_ms < CLIP_MS_MIN) {
            return Err(ApiError::invalid("a clip is at least 500 ms long, and end_time comes after start_time"));
        }
        Ok(Clip { source: source.to_owned(), start_ms, end_ms })
    }
}

fn ms(name: &str, seconds: f64) -> Result<i64, ApiError> {
    match seconds.is_finite() && (0.0..=86_400.0).contains(&seconds) {
        true => Ok((seconds * 1_000.0).round() as i64),
        false => Err(ApiError::invalid(format!("{name} is a number of seconds between 0 and 86400"))),
    }
}

async fn create(api: web::Data<Api>, bytes: web::Bytes) -> Result<HttpResponse, ApiError> {
    let given: Given = body(&bytes)?;
    let mut inputs = given.inputs.or(given.input).unwrap_or_default();
    let (Some(input), true) = (inputs.pop(), inputs.is_empty()) else {
        return Err(ApiError::invalid("inputs must hold exactly one"));
    };
    let clip = input.read()?;
    let settings = given.asset.read()?;
    let asset = api
        .change(move |books, now| {
            let Some(source) = books.asset(&clip.source).cloned() else {
                return Err(ApiError::invalid("inputs[0].url names no asset"));
            };
            if source.live && clip.end_ms.is_none() {
                return Err(ApiError::invalid("end_time must be given while the asset is live"));
            }
            if source.status != AssetStatus::Ready {
                return Err(ApiError::Unprocessable("the asset is not ready".into()));
            }
            if books.assets().count() >= OBJECTS_MAX {
                return Err(ApiError::Unprocessable(format!("there are {OBJECTS_MAX} assets already")));
            }
            let asset = Asset {
                id: now.id(),
                seq: books.next_seq(),
                created_ms: now.ms,
                live_stream_id: None,
                clip: Some(clip),
                playback_ids: now.playback_ids(&settings.policies),
                passthrough: settings.passthrough,
                meta: settings.meta,
                video_quality: settings.video_quality,
                status: AssetStatus::Preparing,
                live: false,
                recording_times: vec![],
                duration_ms: None,
                size: source.size,
            };
            books.put_asset(asset.clone());
            books.announce_asset(now, &asset.id, "created");
            let deeds = vec![Deed::CutClip(asset.id.clone())];
            Ok((asset, deeds))
        })
        .await?;
    Ok(created(wire::asset(&asset, wire::To::Answer)))
}

#[derive(Debug, Default, Deserialize)]
struct Filter {
    live_stream_id: Option<String>,
}

async fn list(
    api: web::Data<Api>,
    page: web::Query<Page>,
    filter: web::Query<Filter>,
) -> Result<HttpResponse, ApiError> {
    let wanted = |asset: &&Asset| match &filter.live_stream_id {
        Some(id) => asset.live_stream_id.as_ref() == Some(id),
        None => true,
    };
    let all = api.desk.read(|books| {
        let assets = books.assets().filter(wanted);
        assets.map(|asset| (asset.seq, wire::asset(asset, wire::To::Answer))).collect()
    });
    let (data, cursor) = page.of(all)?;
    Ok(HttpResponse::Ok().json(json!({ "data": data, "next_cursor": cursor })))
}

async fn show(api: web::Data<Api>, id: web::Path<String>) -> Result<HttpResponse, ApiError> {
    let found = api.desk.read(|books| books.asset(&id).map(|asset| wire::asset(asset, wire::To::Answer)));
    Ok(ok(found.ok_or(ApiError::NotFound)?))
}

async fn patch(api: web::Data<Api>, id: web::Path<String>, bytes: web::Bytes) -> Result<HttpResponse, ApiError> {
    let mut fields: Map<String, Value> = body(&bytes)?;
    let passthrough = match fields.remove("passthrough") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => checks::passthrough(Some(text))?,
        Some(_) => return Err(ApiError::invalid("passthrough is a text")),
    };
    let meta = checks::meta(fields.remove("meta"))?;
    if let Some(field) = fields.keys().next() {
        return Err(ApiError::invalid(format!("{field} cannot be changed")));
    }
    let asset = api
        .change(move |books, now| {
            let mut asset = books.asset(&id).ok_or(ApiError::NotFound)?.clone();
            asset.passthrough = passthrough.or(asset.passthrough);
            asset.meta = meta.or(asset.meta);
            books.put_asset(asset.clone());
            books.announce_asset(now, &id, "updated");
            Ok((asset, vec![]))
        })
        .await?;
    Ok(ok(wire::asset(&asset, wire::To::Answer)))
}

async fn delete(api: web::Data<Api>, id: web::Path<String>) -> Result<HttpResponse, ApiError> {
    api.change(move |books, now| {
        if books.asset(&id).is_some_and(|asset| asset.live) {
            return Err(ApiError::Unprocessable("the asset is live: complete its live stream first".into()));
        }
        Ok(((), books.drop_asset(now, &id).ok_or(ApiError::NotFound)?))
    })
    .await?;
    Ok(gone())
}

async fn add_playback_id(
    api: web::Data<Api>,
    id: web::Path<String>,
    bytes: web::Bytes,
) -> Result<HttpResponse, ApiError> {
    let policy = body::<PolicyGiven>(&bytes)?.read()?;
    let made = api
        .change(move |books, now| {
            let mut asset = books.asset(&id).ok_or(ApiError::NotFound)?.clone();
            if asset.playback_ids.len() >= PLAYBACK_IDS_MAX {
                return Err(ApiError::invalid(format!("at most {PLAYBACK_IDS_MAX} playback ids are taken")));
            }
            let made = PlaybackId { id: now.id(), policy };
            asset.playback_ids.push(made.clone());
            books.put_asset(asset);
            books.announce_asset(now, &id, "updated");
            Ok((made, vec![]))
        })
        .await?;
    Ok(created(wire::playback_id(&made)))
}

async fn show_playback_id(api: web::Data<Api>, path: web::Path<(String, String)>) -> Result<HttpResponse, ApiError> {
    let (id, pid) = path.into_inner();
    let found = api.desk.read(|books| books.asset(&id)?.playback_ids.iter().find(|one| one.id == pid).cloned());
    Ok(ok(wire::playback_id(&found.ok_or(ApiError::NotFound)?)))
}

async fn drop_playback_id(api: web::Data<Api>, path: web::Path<(String, String)>) -> Result<HttpResponse, ApiError> {
    let (id, pid) = path.into_inner();
    api.change(move |books, now| {
        let mut asset = books.asset(&id).ok_or(ApiError::NotFound)?.clone();
        let before = asset.playback_ids.len();
        asset.playback_ids.retain(|one| one.id != pid);
        if asset.playback_ids.len() == before {
            return Err(ApiError::NotFound);
        }
        books.put_asset(asset);
        books.announce_asset(now, &id, "updated");
        Ok(((), vec![]))
    })
    .await?;
    Ok(gone())
}

/// What a playback id plays.
async fn whose(api: web::Data<Api>, pid: web::Path<String>) -> Result<HttpResponse, ApiError> {
    let found = api.desk.read(|books| {
        books.playable(&pid).map(|(playable, id)| {
            let (kind, of) = match playable {
                Playable::LiveStream(of) => ("live_stream", of),
                Playable::Asset(of) => ("asset", of),
            };
            json!({ "id": id.id, "policy": id.policy, "object": { "type": kind, "id": of } })
        })
    });
    Ok(ok(found.ok_or(ApiError::NotFound)?))
}
