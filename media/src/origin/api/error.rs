//! What the API refuses, in Mux's envelope `{"error": {"type", "messages"}}`.

use crate::origin::model::Rejection;
use crate::origin::store::StoreError;
use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

/// Why a call was refused.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No such object, or no such path.
    #[error("The requested resource either doesn't exist or you don't have access to it.")]
    NotFound,
    /// No token, or not ours.
    #[error("Unauthorized request")]
    Unauthorized,
    /// What was sent cannot be used; one sentence for each mistake.
    #[error("{}", .0.join("; "))]
    Invalid(Vec<String>),
    /// It would be fine in another state of the object.
    #[error("{0}")]
    Unprocessable(String),
    /// Too fast; room again after so many seconds.
    #[error("Too many requests, try again in {0} s")]
    TooMany(u64),
    /// Not the caller's fault.
    #[error("Internal error")]
    Internal,
}

impl ApiError {
    /// One mistake.
    pub fn invalid(message: impl Into<String>) -> ApiError {
        ApiError::Invalid(vec![message.into()])
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        tracing::error!(%error, "a change was not kept");
        ApiError::Internal
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> ApiError {
        match rejection {
            Rejection::Stale => ApiError::NotFound,
            Rejection::Disabled | Rejection::NotActive | Rejection::NotIdle => {
                ApiError::Unprocessable(rejection.to_string())
            }
        }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            ApiError::NotFound => StatusCode::NOT_FOUND,
            ApiError::Unauthorized => StatusCode::UNAUTHORIZED,
            ApiError::Invalid(_) => StatusCode::BAD_REQUEST,
            ApiError::Unprocessable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            ApiError::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            ApiError::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let kind = match self {
            ApiError::NotFound => "not_found",
            ApiError::Unauthorized => "unauthorized",
            ApiError::Invalid(_) => "invalid_parameters",
            ApiError::Unprocessable(_) => "unprocessable_entity",
            ApiError::TooMany(_) => "too_many_requests",
            ApiError::Internal => "internal_error",
        };
        let messages = match self {
            ApiError::Invalid(messages) => messages.clone(),
            other => vec![other.to_string()],
        };
        let mut response = HttpResponse::build(self.status_code());
        if let ApiError::TooMany(after_s) = self {
            response.insert_header((RETRY_AFTER, after_s.to_string()));
        }
        response.json(json!({ "error": { "type": kind, "messages": messages } }))
    }
}
