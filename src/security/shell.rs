//! The outermost layer of every request: sizes of addresses, origin and CSRF checks, panics caught, problems
//! turned into pages or problem+json, headers set.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::{Method, StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, HttpResponse, web};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Duration;

use super::scope::Scope;
use super::{csrf, next as places, upload};
use crate::api::openapi;
use crate::error::Problem;
use crate::locale::{self, Language};
use crate::page;
use crate::state::State;

/// Longest path in bytes.
pub const PATH_BYTES_MAX: usize = 512;
/// Longest path of a playlist or a segment in bytes: a signed token is a part of it.
pub const PLAYBACK_PATH_BYTES_MAX: usize = 2_048;
/// Longest query in bytes.
pub const QUERY_BYTES_MAX: usize = 1_024;
/// Largest form or JSON body in bytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// A form that takes longer to arrive is given up (408).
const BODY_MAX: Duration = Duration::from_secs(15);

/// What kind of answer an address gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// HTML for people.
    Page,
    /// JSON for programs.
    Api,
    /// The browser socket.
    Socket,
    /// Signed or keyed, so no browser checks: webhooks by their sender, objects by us, calls of the sandbox.
    Signed,
    /// Playlists and segments, with a signed token in the address.
    Playback,
    /// Assets, probes and metrics.
    Plain,
}

impl Door {
    fn of(path: &str) -> Door {
        match path.split('/').nth(1).unwrap_or_default() {
            "api" => Door::Api,
            "live" => Door::Socket,
            "webhooks" | "media" | "sandbox" => Door::Signed,
            "hls" => Door::Playback,
            "assets" | "posters" | "recordings" | "healthz" | "readyz" | "metrics" => Door::Plain,
            _ => Door::Page,
        }
    }
}

/// The middleware: everything inside speaks the visitor's language.
pub async fn shell(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let language = language_of(&req);
    locale::within(language, shelled(req, next)).await
}

/// What was chosen here, else what the browser asks for.
fn language_of(req: &ServiceRequest) -> Language {
    let chosen = req.app_data::<web::Data<State>>().and_then(|state| state.jar.language_of(req.headers()));
    let asked = || {
        let header = req.headers().get(header::ACCEPT_LANGUAGE)?;
        header.to_str().ok().and_then(Language::accepted)
    };
    chosen.or_else(asked).unwrap_or_default()
}

async fn shelled(
    mut req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(state) = req.app_data::<web::Data<State>>().cloned() else {
        return Ok(next.call(req).await?.map_into_boxed_body());
    };
    let door = Door::of(req.path());
    let get = req.method() == Method::GET || req.method() == Method::HEAD;
    let scope = if door == Door::Page { Scope::open(&state, &req) } else { None };

    if let Err(problem) = check(&state, door, &mut req).await {
        let response = render(&state, door, get, scope.as_deref(), &problem);
        let response = finish(&state, door, scope.as_ref(), response);
        return Ok(req.into_response(response));
    }

    match AssertUnwindSafe(async move { next.call(req).await }).catch_unwind().await {
        Ok(Ok(response)) => {
            let mut response = response.map_into_boxed_body();
            let problem = problem_of(&mut response);
            if let Some(problem) = problem {
                let request = response.request().clone();
                let mut rendered = render(&state, door, get, scope.as_deref(), &problem);
                allow(&request, &mut rendered);
                return Ok(ServiceResponse::new(request, finish(&state, door, scope.as_ref(), rendered)));
            }
            let (request, response) = response.into_parts();
            Ok(ServiceResponse::new(request, finish(&state, door, scope.as_ref(), response)))
        }
        Ok(Err(error)) => {
            let problem = match error.as_error::<Problem>() {
                Some(problem) => problem.clone(),
                None => Problem::of_status(error.as_response_error().status_code()),
            };
            let response = render(&state, door, get, scope.as_deref(), &problem);
            let response = finish(&state, door, scope.as_ref(), response);
            Err(InternalError::from_response(error, response).into())
        }
        Err(panic) => {
            let words =
                panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
            let problem = Problem::internal(format!("a handler panicked: {}", words.unwrap_or("no message")));
            let response = render(&state, door, get, scope.as_deref(), &problem);
            let response = finish(&state, door, scope.as_ref(), response);
            Err(InternalError::from_response(problem, response).into())
        }
    }
}

/// Everything that is refused before a handler runs.
async fn check(state: &State, door: Door, req: &mut ServiceRequest) -> Result<(), Problem> {
    let path_bytes_max = if door == Door::Playback { PLAYBACK_PATH_BYTES_MAX } else { PATH_BYTES_MAX };
    if req.path().len() > path_bytes_max || req.query_string().len() > QUERY_BYTES_MAX {
        return Err(Problem::of_status(StatusCode::URI_TOO_LONG));
    }
    // No text of ours holds a NUL, and not every database takes one.
    if req.path().contains("%00") || req.query_string().contains("%00") {
        return Err(Problem::not_found());
    }
    let safe = matches!(*req.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if door == Door::Signed || (safe && door != Door::Socket) {
        return Ok(());
    }
    if !csrf::same_origin(req.headers(), state.site.authority()) {
        return Err(Problem::forged());
    }
    match door {
        // A form with a file is not read here: the handler reads it, and its token before anything else of it.
        Door::Page if !safe && upload::is_one(req) => Ok(()),
        Door::Page if !safe => check_form(state, req).await,
        Door::Api if !safe && req.headers().contains_key(header::COOKIE) => {
            let given = req.headers().get("x-csrf-token").and_then(|value| value.to_str().ok()).unwrap_or_default();
            if csrf::fits(&state.seal, &state.jar, req.headers(), given) { Ok(()) } else { Err(Problem::forged()) }
        }
        Door::Page | Door::Api | Door::Socket | Door::Signed | Door::Playback | Door::Plain => Ok(()),
    }
}

/// Reads a form's body (forms are small), checks its token and puts the body back for the handler.
async fn check_form(state: &State, req: &mut ServiceRequest) -> Result<(), Problem> {
    let kind = req.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        return Err(Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let body = tokio::time::timeout(BODY_MAX, req.extract::<web::Bytes>()).await;
    let body = body.map_err(|_| Problem::of_status(StatusCode::REQUEST_TIMEOUT))?;
    let body = body.map_err(|error| match error.as_response_error().status_code() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(),
        _ => Problem::of_status(StatusCode::BAD_REQUEST),
    })?;
    let given = csrf::field_of(&body).unwrap_or_default();
    req.set_payload(Payload::Stream { payload: Box::pin(futures_util::stream::once(std::future::ready(Ok(body)))) });
    if csrf::fits(&state.seal, &state.jar, req.headers(), &given) { Ok(()) } else { Err(Problem::forged()) }
}

/// The problem behind an answer that is none of ours yet: a handler's [`Problem`], or the framework's bare status.
fn problem_of(response: &mut ServiceResponse<BoxBody>) -> Option<Problem> {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return None;
    }
    if let Some(problem) = response.response_mut().extensions_mut().remove::<Problem>() {
        return Some(problem);
    }
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let ours = kind.starts_with("text/html") || kind.starts_with("application/");
    (!ours).then(|| Problem::of_status(status))
}

/// A 405 of the API says what the address takes.
fn allow(request: &HttpRequest, response: &mut HttpResponse) {
    if response.status() != StatusCode::METHOD_NOT_ALLOWED {
        return;
    }
    let methods = request.match_pattern().and_then(|pattern| openapi::allowed(&pattern));
    if let Some(methods) = methods {
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(methods));
    }
}

fn render(state: &State, door: Door, get: bool, scope: Option<&Scope>, problem: &Problem) -> HttpResponse {
    let (Door::Page, Some(scope)) = (door, scope) else {
        return problem.json();
    };
    if problem.status == StatusCode::UNAUTHORIZED {
        let next = if get { places::local_path(&scope.path) } else { None };
        let query =
            next.map(|next| url::form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish());
        return page::see_other(&query.map_or("/sign-in".to_string(), |query| format!("/sign-in?{query}")));
    }
    let (heading, advice) = problem.words();
    let view = crate::home::views::ErrorShow {
        page: scope.page(state, heading.clone()),
        status: problem.status.as_u16(),
        heading,
        advice,
    };
    let mut response = page::respond(problem.status, &view).unwrap_or_else(|_| HttpResponse::new(problem.status));
    if let Some(seconds) = problem.retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from(seconds));
    }
    response
}

fn finish(state: &State, door: Door, scope: Option<&Rc<Scope>>, mut response: HttpResponse) -> HttpResponse {
    let is_page = door == Door::Page;
    state.headers.apply(response.headers_mut(), is_page);
    if let Some(scope) = scope {
        if let Some(visitor) = &scope.fresh_visitor {
            let sets_session = response.cookies().any(|cookie| cookie.name() == state.jar.no_session().name());
            if !sets_session {
                let _ = response.add_cookie(&state.jar.visitor(visitor));
            }
        }
        let shown = response.status() == StatusCode::OK || response.status().is_client_error();
        if scope.flash.is_some() && shown {
            let _ = response.add_cookie(&state.jar.no_flash());
        }
    }
    response
}
