//! `GET /api/v1/openapi.json`: the API, described for programs (OpenAPI 3.1). It is made from the handlers' own
//! annotations, once.

use actix_web::HttpResponse;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::answers::{Everywhere, ProblemShape, routes};
use super::preflight;
use crate::error::Problem;
use crate::{access, admission, checkout, order, pass, recording, space, stream, user};

static DOCUMENT: LazyLock<Result<String, String>> =
    LazyLock::new(|| Api::openapi().to_json().map_err(|error| error.to_string()));

/// What each path takes, as `Allow` says it.
static ALLOWED: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let mut allowed: BTreeMap<String, String> = BTreeMap::new();
    for (method, path) in routes(&Api::openapi()) {
        let methods = allowed.entry(path).or_default();
        let more = if method == "GET" { "GET, HEAD" } else { method };
        *methods = if methods.is_empty() { more.to_string() } else { format!("{methods}, {more}") };
    }
    allowed
});

/// Methods of a path of the API, by the pattern that it is mounted at; for `Allow`, which belongs to a 405 (RFC 9110, 15.5.6).
pub fn allowed(pattern: &str) -> Option<&'static str> {
    ALLOWED.get(pattern).map(String::as_str)
}

/// The document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Backstage Pass",
        description = "Spaces, experiences, passes and live streams. How to sign in, errors and versions: docs/API.md.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers((url = "/", description = "The server that gave this document")),
    paths(
        show,
        user::api::me,
        pass::held::index,
        space::api::show,
        space::api::experiences,
        pass::api::index,
        pass::api::create,
        pass::api::show,
        pass::api::update,
        access::api::show,
        checkout::routes::create,
        order::routes::paid,
        order::card::begin,
        order::card::look,
        admission::routes::create,
        stream::routes::lobby,
        stream::routes::go_live,
        stream::routes::publisher_token,
        stream::routes::end,
        stream::routes::observe,
        stream::health::create,
        stream::routes::delivery,
        stream::routes::timeline_json,
        recording::place::update,
        recording::place::last_word,
        recording::place::admission,
        preflight::show,
        preflight::uplink,
    ),
    components(schemas(ProblemShape)),
    tags(
        (name = "people", description = "Who is signed in, and what they hold"),
        (name = "spaces", description = "What everybody may see"),
        (name = "team", description = "What a team sets"),
        (name = "watching", description = "Getting in"),
        (name = "buying", description = "Paying for a pass"),
        (name = "hosting", description = "Going live"),
        (name = "document", description = "This document"),
    ),
    modifiers(&Everywhere, &Signing),
)]
pub struct Api;

/// How a program shows who it is.
struct Signing;

impl Modify for Signing {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let schemes = &mut document.components.get_or_insert_default().security_schemes;
        let session = "The session, as signing in at /sign-in sets it. Over TLS its name is `__Host-bp_session`.";
        let session = ApiKeyValue::with_description("bp_session", session);
        let csrf = "The token of this session: `csrf_token` of /api/v1/me, or `<meta name=\"csrf-token\">` of any page. \
                    Needed with every method but GET as soon as a cookie is sent.";
        let csrf = ApiKeyValue::with_description("X-CSRF-Token", csrf);
        schemes.insert("session".into(), SecurityScheme::ApiKey(ApiKey::Cookie(session)).into());
        schemes.insert("csrf".into(), SecurityScheme::ApiKey(ApiKey::Header(csrf)).into());
        let none: [&str; 0] = [];
        let signed = || SecurityRequirement::new("session", none);
        for item in document.paths.paths.values_mut() {
            for (operation, changes) in [(&mut item.get, false), (&mut item.post, true), (&mut item.put, true)] {
                let Some(operation) = operation else { continue };
                let required = if changes { signed().add("csrf", none) } else { signed() };
                // Nobody's session is needed where there is no 401.
                let anybody = !operation.responses.responses.contains_key("401");
                let open = anybody.then(SecurityRequirement::default);
                operation.security = Some(open.into_iter().chain([required]).collect());
            }
        }
    }
}

/// The route.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", operation_id = "document", tag = "document",
    responses((status = 200, description = "This document", body = Object)),
)]
pub async fn show() -> Result<HttpResponse, Problem> {
    match &*DOCUMENT {
        Ok(document) => Ok(HttpResponse::Ok().content_type("application/json").body(document.as_str())),
        Err(error) => Err(Problem::internal(error)),
    }
}
