//! What the document says about answers that more than one route gives: the shape of a problem, and who is refused.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{ContentBuilder, HeaderBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify, ToSchema};

/// The media type of a problem (RFC 9457).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What went wrong (RFC 9457). `code` is for programs and never changes its meaning; `detail` is for people.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemShape {
    /// `about:blank#` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// The status in words.
    title: String,
    /// The status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What happened and what to do.
    detail: String,
    /// Stable, `snake_case`.
    #[schema(pattern = "^[a-z0-9_]+$")]
    code: String,
    /// With 422: a sentence for each field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<BTreeMap<String, String>>,
}

/// One problem answer; `why` names the codes.
fn problem(why: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(RefOr::Ref(Ref::from_schema_name("Problem")))).build();
    ResponseBuilder::new().description(why).content(PROBLEM_JSON, content).build()
}

/// The same, with the seconds to wait.
fn later(why: &str) -> Response {
    let seconds = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).pattern(Some("^[0-9]+$")).build();
    let mut response = problem(why);
    let header = HeaderBuilder::new().schema(Some(seconds)).description(Some("Seconds to wait.")).build();
    response.headers.insert("Retry-After".to_string(), header.into());
    response
}

fn answers<const N: usize>(all: [(&str, Response); N]) -> BTreeMap<String, RefOr<Response>> {
    all.into_iter().map(|(status, response)| (status.to_string(), RefOr::T(response))).collect()
}

/// Somebody must be signed in; guests are.
pub struct Signed;

impl IntoResponses for Signed {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        answers([("401", problem("`sign_in`: nobody is signed in."))])
    }
}

/// A part in the team is needed.
pub struct Team;

impl IntoResponses for Team {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        answers([
            ("401", problem("`sign_in`: nobody with an account is signed in.")),
            ("403", problem("`not_yours`: it belongs to another team. `csrf`: the token is missing or old.")),
        ])
    }
}

/// Access is needed: see `/api/v1/spaces/{space}/experiences` for who has it.
pub struct Watching;

impl IntoResponses for Watching {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let why = "`needs_pass`, `pass_expired`, `pass_revoked`: no pass that opens it. `suspended`: the space is \
                   closed. `csrf`: the token is missing or old.";
        answers([("403", problem(why))])
    }
}

/// It is counted: see `[limits]` in the configuration.
pub struct Counted;

impl IntoResponses for Counted {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        answers([("429", later("`slow_down`: too many in a short time."))])
    }
}

/// Fields that are wrong.
pub struct Judged;

impl IntoResponses for Judged {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        answers([("422", problem("`invalid`: some fields are wrong; `errors` says which."))])
    }
}

/// Adds the answers that come from the outermost layer, before a route is asked; what a route says itself stays.
pub struct Everywhere;

impl Modify for Everywhere {
    fn modify(&self, document: &mut OpenApi) {
        for (path, item) in &mut document.paths.paths {
            let takes = [&mut item.post, &mut item.put].into_iter().filter_map(Option::as_mut);
            takes.for_each(|operation| {
                add(operation, "400", problem("`bad_request`: the body cannot be read."));
                add(operation, "403", problem("`csrf`: the token is missing or old, or the origin is not ours."));
                add(operation, "413", problem("`too_large`: the body is over its limit."));
            });
            for operation in operations(item) {
                if path.contains('{') {
                    add(
                        operation,
                        "404",
                        problem("`not_found`: nothing is there, or nothing that the visitor may know of."),
                    );
                }
                add(operation, "414", problem("`uri_too_long`: the path is over 512 bytes, or the query over 1,024."));
                add(operation, "500", problem("`internal`: a fault of the server. Nothing was lost; try again."));
                add(operation, "503", later("`unavailable`: not just now."));
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put].into_iter().filter_map(Option::as_mut)
}

fn add(operation: &mut Operation, status: &str, response: Response) {
    operation.responses.responses.entry(status.to_string()).or_insert(RefOr::T(response));
}

/// Method and path of every route in a document, as `("GET", "/api/v1/me")`.
pub fn routes(document: &OpenApi) -> BTreeSet<(&'static str, String)> {
    let mut found = BTreeSet::new();
    for (path, item) in &document.paths.paths {
        for (method, operation) in [("GET", &item.get), ("POST", &item.post), ("PUT", &item.put)] {
            if operation.is_some() {
                found.insert((method, path.clone()));
            }
        }
    }
    found
}
