//! Simulcast targets: places that a live stream is pushed to as well. Fixed while the stream is not idle.

use super::{Api, ApiError, body, created, gone, ok};
use crate::origin::model::live::StreamKey;
use crate::origin::model::{Now, Rejection, TARGETS_MAX, Target, TargetStatus, wire};
use actix_web::{HttpResponse, web};
use serde::Deserialize;

const URL_BYTES_MAX: usize = 2_048;

/// A new target.
#[derive(Debug, Clone, Deserialize)]
pub struct TargetGiven {
    url: String,
    stream_key: Option<String>,
    passthrough: Option<String>,
}

impl TargetGiven {
    /// Everything checked.
    pub fn read(self, now: &mut Now<'_>) -> Result<Target, ApiError> {
        self.check()?;
        Ok(Target {
            id: now.id(),
            url: self.url,
            stream_key: self.stream_key.map(StreamKey),
            passthrough: super::checks::passthrough(self.passthrough)?,
            status: TargetStatus::Idle,
            severity: None,
        })
    }

    /// Whether it can be a target.
    pub fn check(&self) -> Result<(), ApiError> {
        let parsed = url::Url::parse(&self.url).ok().filter(|url| url.has_host());
        let fits = self.url.len() <= URL_BYTES_MAX;
        match parsed.as_ref().map(url::Url::scheme) {
            Some("rtmp" | "rtmps") if fits => {}
            Some("srt") => return Err(ApiError::invalid("targets of srt need a source of srt")),
            _ => return Err(ApiError::invalid("url must begin with rtmp:// or rtmps://")),
        }
        match &self.stream_key {
            Some(key) if key.len() > URL_BYTES_MAX || key.is_empty() => {
                Err(ApiError::invalid("stream_key is empty or too long"))
            }
            _ => Ok(()),
        }
    }
}

/// Adds the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    let base = "/live-streams/{id}/simulcast-targets";
    config.service(web::resource(base).route(web::post().to(create))).service(
        web::resource(format!("{base}/{{target}}")).route(web::get().to(show)).route(web::delete().to(delete)),
    );
}

async fn create(api: web::Data<Api>, id: web::Path<String>, bytes: web::Bytes) -> Result<HttpResponse, ApiError> {
    let given: TargetGiven = body(&bytes)?;
    let target = api
        .change(move |books, now| {
            let mut stream = books.stream(&id).ok_or(ApiError::NotFound)?.clone();
            if !stream.quiet() {
                return Err(Rejection::NotIdle.into());
            }
            if stream.targets.len() >= TARGETS_MAX {
                return Err(ApiError::invalid(format!("a live stream has at most {TARGETS_MAX} simulcast targets")));
            }
            let target = given.read(now)?;
            stream.targets.push(target.clone());
            books.put_stream(stream);
            books.announce_target(now, &id, &target.id, "created");
            Ok((target, vec![]))
        })
        .await?;
    Ok(created(wire::target(&target, None)))
}

async fn show(api: web::Data<Api>, path: web::Path<(String, String)>) -> Result<HttpResponse, ApiError> {
    let (id, target) = path.into_inner();
    let found = api.desk.read(|books| books.stream(&id)?.targets.iter().find(|one| one.id == target).cloned());
    Ok(ok(wire::target(&found.ok_or(ApiError::NotFound)?, None)))
}

async fn delete(api: web::Data<Api>, path: web::Path<(String, String)>) -> Result<HttpResponse, ApiError> {
    let (id, target) = path.into_inner();
    api.change(move |books, now| {
        let mut stream = books.stream(&id).ok_or(ApiError::NotFound)?.clone();
        if !stream.targets.iter().any(|one| one.id == target) {
            return Err(ApiError::NotFound);
        }
        if !stream.quiet() {
            return Err(Rejection::NotIdle.into());
        }
        books.announce_target(now, &id, &target, "deleted");
        stream.targets.retain(|one| one.id != target);
        books.put_stream(stream);
        Ok(((), vec![]))
    })
    .await?;
    Ok(gone())
}
