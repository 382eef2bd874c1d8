//! Answers: what is refused and why, what may be cached, parts of a file.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, ETAG, Header, IF_NONE_MATCH, IF_RANGE, Range,
};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;

use crate::origin::hls::image::ImageError;
use crate::origin::hls::{Policy, TokenError};

/// Why a request gets nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("{0}")]
    Question(&'static str),
    #[error("{0}")]
    Token(#[from] TokenError),
    #[error("not found")]
    NotFound,
    #[error("only GET, HEAD and OPTIONS")]
    Method,
    /// Mux answers so too, and its player waits.
    #[error("nothing is to be watched here yet")]
    Idle,
    #[error("{0}")]
    Image(#[from] ImageError),
    #[error("the recording cannot be read")]
    Disk(#[from] std::io::Error),
}

impl Refusal {
    fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Refusal::Question(_) => (StatusCode::BAD_REQUEST, "invalid_parameters"),
            Refusal::Token(_) => (StatusCode::FORBIDDEN, "forbidden"),
            Refusal::NotFound | Refusal::Image(ImageError::NoPicture) => (StatusCode::NOT_FOUND, "not_found"),
            Refusal::Method => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Refusal::Idle => (StatusCode::PRECONDITION_FAILED, "not_ready"),
            Refusal::Image(ImageError::Busy) => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Refusal::Image(ImageError::Failed(_)) | Refusal::Disk(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal_error")
            }
        }
    }

    pub(super) fn answer(self) -> HttpResponse {
        let (status, kind) = self.status();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::warn!(error = %self, source = std::error::Error::source(&self), "playback failed");
        }
        let body = serde_json::json!({ "error": { "type": kind, "messages": [self.to_string()] } });
        HttpResponse::build(status).insert_header((CACHE_CONTROL, "no-store")).json(body)
    }
}

/// How long an answer may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caching {
    /// Ask each time.
    Never,
    Seconds(u64),
    /// It never changes.
    Forever,
}

/// What is signed is for one viewer: caches that are shared must not keep it.
fn cache_control(policy: Policy, caching: Caching) -> String {
    let whose = match policy {
        Policy::Public => "public",
        Policy::Signed => "private",
    };
    match caching {
        Caching::Never => format!("{whose}, no-cache"),
        Caching::Seconds(seconds) => format!("{whose}, max-age={seconds}"),
        Caching::Forever => format!("{whose}, max-age=31536000, immutable"),
    }
}

pub(super) fn playlist(text: Bytes, policy: Policy, caching: Caching) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/vnd.apple.mpegurl")
        .insert_header((CACHE_CONTROL, cache_control(policy, caching)))
        .body(text)
}

pub(super) fn text(text: String, content_type: &str, policy: Policy, caching: Caching) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((CACHE_CONTROL, cache_control(policy, caching)))
        .body(text)
}

/// A file, or the one range of it that was asked for (RFC 9110, 14). Several ranges get the whole file, which is allowed.
pub(super) fn media(
    request: &HttpRequest,
    data: Bytes,
    content_type: &str,
    etag: &str,
    policy: Policy,
    caching: Caching,
) -> HttpResponse {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let length = data.len() as u64;
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((CACHE_CONTROL, cache_control(policy, caching)))
        .insert_header((ETAG, etag))
        .insert_header((ACCEPT_RANGES, "bytes"));
    let known = |tags: &str| {
        tags.split(',').any(|tag| {
            matches!(tag.trim().trim_start_matches("W/"), "*") || tag.trim().trim_start_matches("W/") == etag
        })
    };
    if header(IF_NONE_MATCH).is_some_and(known) {
        return answer.status(StatusCode::NOT_MODIFIED).finish();
    }
    answer.content_type(content_type);
    let same = header(IF_RANGE).is_none_or(|tag| tag == etag);
    let ranges = match Range::parse(request) {
        Ok(Range::Bytes(ranges)) if same => ranges,
        _ => return answer.body(data),
    };
    let [range] = ranges.as_slice() else { return answer.body(data) };
    let Some((first, last)) = range.to_satisfiable_range(length) else {
        return answer
            .status(StatusCode::RANGE_NOT_SATISFIABLE)
            .insert_header((CONTENT_RANGE, format!("bytes */{length}")))
            .finish();
    };
    // Within the length, which is that of something in memory.
    let (from, to) = (first as usize, last as usize + 1);
    answer
        .status(StatusCode::PARTIAL_CONTENT)
        .insert_header((CONTENT_RANGE, format!("bytes {first}-{last}/{length}")))
        .body(data.slice(from..to))
}

/// Tells one content from another (FNV-1a); no protection against a forger.
pub(super) fn fingerprint(data: &[u8]) -> u64 {
    data.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

pub(super) async fn preflight() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header(("access-control-allow-methods", "GET, HEAD, OPTIONS"))
        .insert_header(("access-control-allow-headers", "range, if-none-match, if-range, cache-control"))
        .insert_header(("access-control-max-age", "86400"))
        .finish()
}
