//! What goes wrong, as people and programs are told: a page that says what to do, or problem+json (RFC 9457).
//!
//! Handlers return a [`Problem`]; the shell middleware turns it into the right form, since only it knows who asks.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use backstage_actors::ports::{ProviderError, StoreError};
use backstage_actors::stage::Refusal;
use serde_json::json;
use std::collections::BTreeMap;

use crate::locale;
use crate::page::FormErrors;

/// A refused or failed request.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    /// Stable code for programs, snake_case.
    pub code: &'static str,
    /// One or two sentences: what happened and what to do. Never an internal detail.
    pub detail: String,
    /// Seconds after which trying again makes sense.
    pub retry_after_s: Option<u64>,
    /// Fields of a body that are wrong, each with a sentence.
    pub fields: Vec<(&'static str, String)>,
}

impl Problem {
    /// A problem with a sentence of its own.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Problem {
        Problem { status, code, detail: detail.into(), retry_after_s: None, fields: vec![] }
    }

    /// Nothing at this address, or nothing the visitor may know of.
    pub fn not_found() -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not_found", "There is nothing at this address. Check it.")
    }

    /// Signing in is needed. Pages answer with the way to the sign-in page.
    pub fn sign_in() -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "sign_in", "Sign in first, then try again.")
    }

    /// Belongs to a team that the visitor is no part of.
    pub fn not_yours() -> Problem {
        Problem::new(StatusCode::FORBIDDEN, "not_yours", "This belongs to another team. Ask them for access.")
    }

    /// The request could not be understood.
    pub fn bad_request(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    /// The form was not sent from our page.
    pub fn forged() -> Problem {
        Problem::new(
            StatusCode::FORBIDDEN,
            "csrf",
            "This request did not come from our page, or the page is old. Reload it and try again.",
        )
    }

    /// Over a size limit.
    pub fn too_large() -> Problem {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "That was too much at once. Shorten it and try again.")
    }

    /// Over a rate limit.
    pub fn slow_down(retry_after_s: u64) -> Problem {
        Problem {
            retry_after_s: Some(retry_after_s),
            ..Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "slow_down",
                "Too many tries in a short time. Wait a little, then try again.",
            )
        }
    }

    /// Fields of a JSON body that break the rules of the form.
    pub fn invalid(errors: FormErrors) -> Problem {
        let detail = "Some fields are wrong: see errors. Nothing was saved.";
        Problem { fields: errors.0, ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail) }
    }

    /// Not now; later it will work.
    pub fn unavailable(why: &dyn std::fmt::Display) -> Problem {
        tracing::warn!(%why, "answered 503");
        Problem {
            retry_after_s: Some(2),
            ..Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "This part of the server is not available just now. Try again in a few seconds.",
            )
        }
    }

    /// A fault of ours: logged here with its cause, told without it.
    pub fn internal(cause: impl std::fmt::Display) -> Problem {
        tracing::error!(%cause, "answered 500");
        Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The general problem of a status.
    pub fn of_status(status: StatusCode) -> Problem {
        match status.as_u16() {
            401 => Problem::sign_in(),
            403 => Problem::new(status, "forbidden", "You may not do this."),
            404 => Problem::not_found(),
            405 => Problem::new(status, "method_not_allowed", "This address does not take that method."),
            413 => Problem::too_large(),
            414 => Problem::new(status, "uri_too_long", "The address is too long."),
            415 => Problem::new(status, "unsupported_media_type", "This format is not understood here."),
            429 => Problem::slow_down(60),
            400..=499 => {
                Problem::new(status, "bad_request", "The request could not be understood. Check it and try again.")
            }
            503 => {
                Problem::new(status, "unavailable", "The server is not available just now. Try again in a few seconds.")
            }
            _ => Problem::new(
                status,
                "internal",
                "Something broke on our side. Nothing of yours was lost; try again in a moment.",
            ),
        }
    }

    /// What a page about this status says: title and advice.
    pub fn words(&self) -> (String, String) {
        let known = [400, 401, 403, 404, 409, 413, 429, 500, 503];
        let status = self.status.as_u16();
        let key = match status {
            s if known.contains(&s) => s,
            400..=499 => 400,
            _ => 500,
        };
        let title = locale::text(&format!("error.{key}.title")).to_string();
        let general = self.code == Problem::of_status(self.status).code;
        let own = locale::known(&format!("error.codes.{}", self.code)).map(str::to_string);
        let advice = match own {
            Some(own) => own,
            None if general => locale::text(&format!("error.{key}.advice")).to_string(),
            None => self.detail.clone(),
        };
        (title, advice)
    }

    /// As problem+json.
    pub fn json(&self) -> HttpResponse {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let mut body = json!({
            "type": format!("about:blank#{}", self.code),
            "title": title,
            "status": self.status.as_u16(),
            "detail": self.detail,
            "code": self.code,
        });
        if !self.fields.is_empty() {
            let errors: BTreeMap<_, _> = self.fields.iter().map(|(field, message)| (*field, message)).collect();
            body["errors"] = json!(errors);
        }
        let mut response = HttpResponse::build(self.status);
        if let Some(seconds) = self.retry_after_s {
            response.insert_header(("Retry-After", seconds.to_string()));
        }
        response.content_type("application/problem+json").body(body.to_string())
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status);
        response.extensions_mut().insert(self.clone());
        response
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Problem {
        Problem::unavailable(&error)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        Problem::unavailable(&error)
    }
}

impl From<ProviderError> for Problem {
    fn from(error: ProviderError) -> Problem {
        Problem::unavailable(&error)
    }
}

/// A refusal of the actors: the domain's own sentence with a code of the caller's choice.
pub fn refused<R: std::error::Error>(refusal: Refusal<R>, code: impl FnOnce(&R) -> &'static str) -> Problem {
    match refusal {
        Refusal::Rejected(rejection) => {
            Problem::new(StatusCode::CONFLICT, code(&rejection), sentence(&rejection.to_string()))
        }
        Refusal::SlugTaken => {
            Problem::new(StatusCode::CONFLICT, "address_taken", "This address is taken. Choose another.")
        }
        Refusal::AlreadySettled => Problem::new(StatusCode::CONFLICT, "already_done", "This was done already."),
        Refusal::Unavailable(why) => Problem::unavailable(&why),
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).chain(['.']).collect(),
        None => String::new(),
    }
}
