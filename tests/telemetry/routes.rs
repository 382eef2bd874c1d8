//! `/healthz`, `/readyz`, `/metrics` over HTTP.

use actix_web::{App, HttpResponse, middleware::from_fn, test, web};
use backstage::telemetry::{Health, Metrics, Part, Telemetry, Weight, http, routes};
use backstage_actors::fakes::{Memory, PausedClock};
use backstage_core::Timestamp;
use std::sync::Arc;

fn telemetry(parts: Vec<Part>, metrics_token: Option<&str>) -> (Arc<Metrics>, Arc<Telemetry>) {
    let metrics = Arc::new(Metrics::new("9.9.9", Timestamp(0)).unwrap());
    let telemetry = Telemetry {
        metrics: metrics.clone(),
        health: Arc::new(Health::new(parts, metrics.clone())),
        store: Arc::new(Memory::default()),
        clock: Arc::new(PausedClock::new()),
        version: "9.9.9",
        metrics_token: metrics_token.map(str::to_owned),
    };
    (metrics, Arc::new(telemetry))
}

#[actix_web::test]
async fn readiness_names_each_part_with_its_reason() {
    let store = Arc::new(Memory::default());
    let broken = Part::new("livekit", Weight::Required, || async { Err("is being started again".to_owned()) });
    let (_, shown) = telemetry(vec![Part::database(store), broken], None);
    let app = test::init_service(App::new().configure(routes(shown))).await;
    let answer = test::call_service(&app, test::TestRequest::get().uri("/healthz").to_request()).await;
    assert_eq!(answer.status(), 200);
    let answer = test::call_service(&app, test::TestRequest::get().uri("/readyz").to_request()).await;
    assert_eq!(answer.status(), 503);
    let report: serde_json::Value = test::read_body_json(answer).await;
    assert_eq!(report["ready"], false);
    assert_eq!(report["parts"][0]["ok"], true);
    assert_eq!(report["parts"][1]["reason"], "is being started again");
}

#[actix_web::test]
async fn requests_are_counted_by_pattern_and_strangers_make_no_new_figures() {
    let (metrics, shown) = telemetry(vec![], None);
    let app = App::new()
        .wrap(from_fn(http::measure))
        .app_data(web::Data::from(metrics))
        .configure(routes(shown))
        .route("/m/{space}", web::get().to(|| async { HttpResponse::Ok().finish() }));
    let app = test::init_service(app).await;
    for path in ["/m/one", "/m/two", "/nowhere/1", "/nowhere/2"] {
        test::call_service(&app, test::TestRequest::get().uri(path).to_request()).await;
    }
    let answer = test::call_service(&app, test::TestRequest::get().uri("/metrics").to_request()).await;
    let text = String::from_utf8(test::read_body(answer).await.to_vec()).unwrap();
    for line in [
        "backstage_http_request_seconds_count{method=\"GET\",route=\"/m/{space}\",status=\"2xx\"} 2",
        "backstage_http_request_seconds_count{method=\"GET\",route=\"unmatched\",status=\"4xx\"} 2",
        "backstage_build_info{version=\"9.9.9\"} 1",
        "backstage_outbox_lag_ms{lane=\"rooms\"} 0",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    assert!(!text.contains("nowhere"));
}

#[actix_web::test]
async fn figures_can_be_kept_for_those_who_know_a_token() {
    let (_, shown) = telemetry(vec![], Some("hush"));
    let app = test::init_service(App::new().configure(routes(shown))).await;
    let ask =
        |token: &str| test::TestRequest::get().uri("/metrics").insert_header(("authorization", token)).to_request();
    assert_eq!(test::call_service(&app, test::TestRequest::get().uri("/metrics").to_request()).await.status(), 401);
    assert_eq!(test::call_service(&app, ask("Bearer guess")).await.status(), 401);
    assert_eq!(test::call_service(&app, ask("Bearer hush")).await.status(), 200);
}
