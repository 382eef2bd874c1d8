//! `GET /healthz`: the process answers. `GET /readyz`: 200 or 503 with every part and its reason. `GET /metrics`.

use super::{Health, Metrics};
use actix_web::{HttpRequest, HttpResponse, web};
use backstage_actors::ports::{Clock, Store};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// How long a scrape waits for the outbox's figures, ms.
const BACKLOG_MS_MAX: u64 = 2_000;

/// What the routes show.
pub struct Telemetry {
    /// The figures.
    pub metrics: Arc<Metrics>,
    /// The parts.
    pub health: Arc<Health>,
    /// Asked for its backlog at each scrape.
    pub store: Arc<dyn Store>,
    /// For the age of the backlog.
    pub clock: Arc<dyn Clock>,
    /// Version of this server.
    pub version: &'static str,
    /// Where set, `/metrics` wants `Authorization: Bearer` with it.
    pub metrics_token: Option<String>,
}

/// Adds the three routes.
pub fn routes(telemetry: Arc<Telemetry>) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        let telemetry = web::Data::from(telemetry);
        config
            .service(web::resource("/healthz").app_data(telemetry.clone()).route(web::get().to(healthz)))
            .service(web::resource("/readyz").app_data(telemetry.clone()).route(web::get().to(readyz)))
            .service(web::resource("/metrics").app_data(telemetry).route(web::get().to(metrics)));
    }
}

async fn healthz(telemetry: web::Data<Telemetry>) -> HttpResponse {
    fresh(HttpResponse::Ok()).json(json!({ "ok": true, "version": telemetry.version }))
}

async fn readyz(telemetry: web::Data<Telemetry>) -> HttpResponse {
    let report = telemetry.health.report().await;
    fresh(if report.ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() }).json(report)
}

async fn metrics(telemetry: web::Data<Telemetry>, request: HttpRequest) -> HttpResponse {
    if let Some(token) = &telemetry.metrics_token {
        let given = request.headers().get("authorization").and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        if !bool::from(given.as_bytes().ct_eq(token.as_bytes())) {
            return HttpResponse::Unauthorized().insert_header(("www-authenticate", "Bearer")).finish();
        }
    }
    // Both are looked at now: a figure must not be older than the scrape.
    let backlog = tokio::time::timeout(Duration::from_millis(BACKLOG_MS_MAX), telemetry.store.outbox_backlog());
    let (_, backlog) = futures_util::join!(telemetry.health.report(), backlog);
    if let Ok(Ok(backlog)) = backlog {
        telemetry.metrics.set_backlog(&backlog, telemetry.clock.now());
    }
    fresh(HttpResponse::Ok()).content_type("text/plain; version=0.0.4; charset=utf-8").body(telemetry.metrics.text())
}

fn fresh(mut answer: actix_web::HttpResponseBuilder) -> actix_web::HttpResponseBuilder {
    answer.insert_header(("cache-control", "no-store"));
    answer
}
