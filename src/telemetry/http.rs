//! Times every request by route pattern.

use super::Metrics;
use super::metrics::class_of;
use crate::hls;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use std::time::Instant;

/// Middleware for `actix_web::middleware::from_fn`; needs `web::Data<Metrics>` in the app. Place it outermost.
///
/// Sockets count until their upgrade. A path that matches nothing counts as `unmatched`, so that strangers cannot
/// make new figures.
pub async fn measure(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let began = Instant::now();
    let metrics = request.app_data::<web::Data<Metrics>>().cloned();
    let method = name_of(request.method());
    let route = request.match_pattern();
    let path = request.path();
    let held = path.strip_prefix(hls::PATH).is_some_and(|rest| rest.starts_with('/')).then(|| path.to_owned());
    let answer = next.call(request).await;
    if let Some(metrics) = metrics {
        let (status, route) = match &answer {
            Ok(answer) => (answer.status().as_u16(), route.or_else(|| answer.request().match_pattern())),
            Err(error) => (error.as_response_error().status_code().as_u16(), route),
        };
        // A player's request for a playlist is held until there is something new: its time says nothing of the server.
        if let Some(path) = held {
            metrics.media.hls(&path, class_of(status));
            return answer;
        }
        metrics.http(route.as_deref().unwrap_or("unmatched"), method, status, began.elapsed().as_secs_f64());
    }
    answer
}

fn name_of(method: &actix_web::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
