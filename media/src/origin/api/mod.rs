//! The REST API: the part of Mux's that a broadcast needs, at the same paths with the same shapes.
//!
//! Every call needs the token (HTTP Basic), counts against a token bucket, and has a body of at most 64 KiB. Nothing is
//! idempotent by a key, as at Mux: a `POST` that is sent twice makes two objects.

use super::faults::{ApiFault, Faults};
use super::ingest::Stage;
use super::model::{Books, Deed, Now};
use super::rate::{Bucket, Grant, Rates};
use super::store::Desk;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use actix_web::middleware::{Next, from_fn};
use actix_web::{HttpResponse, ResponseError, web};
use base64::Engine;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;

mod assets;
mod checks;
mod error;
mod keys;
mod live_streams;
mod page;
mod targets;

pub use error::ApiError;

/// Largest body, bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");

/// What the routes share.
pub struct Api {
    /// The books.
    pub desk: Arc<Desk>,
    /// Who performs what follows from a change.
    pub stage: Arc<Stage>,
    /// User and password.
    pub token: (String, String),
    /// Installation, for `whoami`.
    pub environment_id: String,
    /// For tests.
    pub faults: Faults,
    buckets: Option<(Bucket, Bucket)>,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}

impl Api {
    /// Without `rates`, nobody is refused for being fast.
    pub fn new(
        desk: Arc<Desk>,
        stage: Arc<Stage>,
        token: (String, String),
        environment_id: String,
        rates: Option<Rates>,
        faults: Faults,
    ) -> Api {
        let buckets = rates.map(|rates| (Bucket::new(rates.post), Bucket::new(rates.other)));
        Api { desk, stage, token, environment_id, faults, buckets }
    }

    /// Makes a change that may be refused and has its consequences performed.
    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Books, &mut Now<'_>) -> Result<(T, Vec<Deed>), ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let (out, deeds) = self.desk.change(change).await??;
        self.stage.perform(deeds).await;
        Ok(out)
    }

    fn admits(&self, request: &ServiceRequest) -> bool {
        let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|text| text.strip_prefix("Basic ")).map(str::trim);
        let Some(given) = given.and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok()) else {
            return false;
        };
        let (id, secret) = &self.token;
        given.ct_eq(format!("{id}:{secret}").as_bytes()).into()
    }
}

/// Adds the routes to an application.
pub fn routes(config: &mut web::ServiceConfig, api: web::Data<Api>) {
    let missing = || web::to(|| async { ApiError::NotFound.error_response() });
    let video = web::scope("/video/v1")
        .wrap(from_fn(guard))
        .configure(live_streams::routes)
        .configure(targets::routes)
        .configure(assets::routes)
        .default_service(missing());
    let system = web::scope("/system/v1").wrap(from_fn(guard)).configure(keys::routes).default_service(missing());
    let query = web::QueryConfig::default()
        .error_handler(|error, _| ApiError::invalid(format!("the query cannot be read: {error}")).into());
    config
        .app_data(api)
        .app_data(query)
        .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
        .service(video)
        .service(system);
}

/// The way in: who, how often, and the failures that a test asked for.
async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let Some(api) = request.app_data::<web::Data<Api>>().cloned() else {
        return Ok(answer(request, HttpResponse::InternalServerError().finish()));
    };
    if !api.admits(&request) {
        let mut refused = ApiError::Unauthorized.error_response();
        refused.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"Mux\""));
        return Ok(answer(request, refused));
    }
    let bucket = api.buckets.as_ref().map(|(post, other)| if request.method() == Method::POST { post } else { other });
    let granted = bucket.map(|bucket| (bucket.limit(), bucket.take(api.desk.now_ms())));
    let post = request.method() == Method::POST;
    let mut response = match (granted, api.faults.of_call(post)) {
        (Some((_, Grant { passes: false, wait_ms, .. })), _) => {
            answer(request, ApiError::TooMany(wait_ms.div_ceil(1_000).max(1)).error_response())
        }
        (_, Some(ApiFault::TooMany(after_s))) => answer(request, ApiError::TooMany(after_s.into()).error_response()),
        (_, Some(ApiFault::Broken)) => answer(request, ApiError::Internal.error_response()),
        (_, Some(ApiFault::BrokenAfterwards)) => {
            let (request, _) = next.call(request).await?.into_parts();
            ServiceResponse::new(request, ApiError::Internal.error_response()).map_into_right_body()
        }
        (_, Some(ApiFault::Silent(ms))) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            next.call(request).await?.map_into_left_body()
        }
        (_, None) => next.call(request).await?.map_into_left_body(),
    };
    if let Some((limit, grant)) = granted {
        response.headers_mut().insert(LIMIT, limit.into());
        response.headers_mut().insert(REMAINING, grant.remaining.into());
    }
    Ok(response)
}

fn answer<B>(request: ServiceRequest, response: HttpResponse) -> ServiceResponse<actix_web::body::EitherBody<B>> {
    request.into_response(response).map_into_right_body()
}

/// `{"data": …}` with status 200.
fn ok(data: impl Serialize) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "data": data }))
}

/// `{"data": …}` with status 201.
fn created(data: impl Serialize) -> HttpResponse {
    HttpResponse::Created().json(json!({ "data": data }))
}

/// Status 204.
fn gone() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

/// Reads a body; none counts as an empty object.
fn body<T: serde::de::DeserializeOwned>(bytes: &web::Bytes) -> Result<T, ApiError> {
    let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { bytes };
    let value: Value = serde_json::from_slice(bytes).map_err(|_| ApiError::invalid("the body is not JSON"))?;
    if !value.is_object() {
        return Err(ApiError::invalid("the body is not a JSON object"));
    }
    serde_json::from_value(value).map_err(|error| ApiError::invalid(error.to_string()))
}
