//! An object as an answer: Range, ETag, HEAD (RFC 9110 §13-14).

use actix_web::body::SizedStream;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt;

use crate::adapters::storage::{Body, Key, Meta, ObjectStore, Span};
use crate::error::Problem;

/// Answers with an object. `cache`: the `Cache-Control` header.
pub async fn serve(
    req: &HttpRequest,
    store: &dyn ObjectStore,
    key: &Key,
    cache: &'static str,
) -> Result<HttpResponse, Problem> {
    let asked = |name| req.headers().get(name).and_then(|value| value.to_str().ok());
    if *req.method() == Method::HEAD {
        let meta = store.head(key).await?;
        let empty: Body = futures_util::stream::empty().boxed();
        return Ok(answer(StatusCode::OK, &meta, cache).body(SizedStream::new(meta.size, empty)));
    }
    let mut span = asked(header::RANGE).and_then(Span::parse);
    if let (Some(held), true) = (asked(header::IF_RANGE), span.is_some())
        && held != quoted(&store.head(key).await?)
    {
        span = None;
    }
    let object = store.get(key, span).await?;
    let meta = object.meta;
    let known = asked(header::IF_NONE_MATCH)
        .is_some_and(|list| list.split(',').any(|tag| tag.trim().trim_start_matches("W/") == quoted(&meta)));
    if known {
        return Ok(answer(StatusCode::NOT_MODIFIED, &meta, cache).finish());
    }
    let mut response = match span {
        None => answer(StatusCode::OK, &meta, cache),
        Some(_) => {
            let last = object.first + object.length.saturating_sub(1);
            let mut response = answer(StatusCode::PARTIAL_CONTENT, &meta, cache);
            response.insert_header((header::CONTENT_RANGE, format!("bytes {}-{last}/{}", object.first, meta.size)));
            response
        }
    };
    Ok(response.body(SizedStream::new(object.length, object.body)))
}

fn quoted(meta: &Meta) -> String {
    format!("\"{}\"", meta.etag)
}

fn answer(status: StatusCode, meta: &Meta, cache: &'static str) -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response
        .insert_header((header::CONTENT_TYPE, meta.content_type))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((header::ETAG, quoted(meta)))
        .insert_header((header::CACHE_CONTROL, cache));
    response
}
