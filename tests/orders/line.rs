//! The line between the server and the payment provider, both ways. It notes each call, and at a planned one kills the
//! server: before the call is made, or after it was done and before its answer came.

use crate::server::Server;
use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use backstage::adapters::stripe::webhook;
use parking_lot::Mutex;
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;

/// On which side of a call the server dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The call is not made.
    Before,
    /// It is done, the answer is lost. A webhook counts as arrived.
    After,
}

/// Where the server dies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// The call, as in [`Line::calls`].
    pub call: String,
    /// The so-many-th of its kind, from 1.
    pub nth: usize,
    pub when: When,
}

#[derive(Default)]
struct Held {
    calls: Vec<String>,
    stop: Option<Stop>,
}

/// See the module.
pub struct Line {
    shared: Arc<Shared>,
    http: ServerHandle,
    pub url: String,
}

struct Shared {
    client: reqwest::Client,
    held: Mutex<Held>,
    server: Arc<Server>,
    provider: OnceLock<String>,
    /// Whether webhooks are let through, or wait.
    webhooks: watch::Sender<bool>,
}

impl Line {
    pub fn open(server: Arc<Server>) -> Line {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let (webhooks, _) = watch::channel(true);
        let (held, provider) = (Mutex::default(), OnceLock::new());
        let shared = Arc::new(Shared { client, held, server, provider, webhooks });
        let data = web::Data::from(shared.clone());
        let http = HttpServer::new(move || App::new().app_data(data.clone()).default_service(web::to(pass)))
            .workers(1)
            .disable_signals()
            .bind("127.0.0.1:0")
            .unwrap();
        let url = format!("http://{}", http.addrs()[0]);
        let http = http.run();
        let handle = http.handle();
        tokio::spawn(http);
        Line { shared, http: handle, url }
    }

    pub fn leads_to(&self, provider: String) {
        self.shared.provider.set(provider).unwrap();
    }

    /// Plans where the server dies, and forgets what was called.
    pub fn plan(&self, stop: Option<Stop>) {
        *self.shared.held.lock() = Held { calls: vec![], stop };
    }

    /// What was called since the plan, in order: `POST /v1/customers`, `webhook payment_intent.succeeded`.
    pub fn calls(&self) -> Vec<String> {
        self.shared.held.lock().calls.clone()
    }

    /// Whether the planned stop is still to come.
    pub fn waits(&self) -> bool {
        self.shared.held.lock().stop.is_some()
    }

    pub fn let_webhooks_through(&self, open: bool) {
        self.shared.webhooks.send_replace(open);
    }

    pub async fn close(self) {
        self.http.stop(false).await;
    }
}

impl Shared {
    /// Notes a call; when the server is to die at it.
    fn note(&self, call: String) -> Option<When> {
        let mut held = self.held.lock();
        held.calls.push(call.clone());
        let count = held.calls.iter().filter(|one| **one == call).count();
        let planned = held.stop.take_if(|stop| stop.call == call && stop.nth == count);
        planned.map(|stop| stop.when)
    }
}

/// An id in a path is no part of the call's name.
fn name(method: &str, path: &str) -> String {
    let parts = path.split('/').map(|part| if part.len() > 20 && part.contains('_') { "{id}" } else { part });
    format!("{method} {}", parts.collect::<Vec<_>>().join("/"))
}

async fn pass(request: HttpRequest, body: web::Bytes, shared: web::Data<Shared>) -> HttpResponse {
    let is_webhook = request.path() == backstage::payments::WEBHOOKS;
    let (call, base) = match is_webhook {
        true => {
            let _ = shared.webhooks.subscribe().wait_for(|open| *open).await;
            (format!("webhook {}", webhook::parse(&body).unwrap().kind), shared.server.url())
        }
        false => (name(request.method().as_str(), request.path()), shared.provider.get().unwrap().clone()),
    };
    let when = shared.note(call);
    if when == Some(When::Before) {
        shared.server.kill();
        return HttpResponse::BadGateway().finish();
    }
    let method = reqwest::Method::from_bytes(request.method().as_str().as_bytes()).unwrap();
    let mut onward = shared.client.request(method, format!("{base}{}", request.uri())).body(body);
    for (name, value) in request.headers() {
        if !["host", "content-length", "connection"].contains(&name.as_str()) {
            onward = onward.header(name.as_str(), value.as_bytes());
        }
    }
    // A server that is down.
    let Ok(answer) = onward.send().await else { return HttpResponse::BadGateway().finish() };
    let status = actix_web::http::StatusCode::from_u16(answer.status().as_u16()).unwrap();
    let kind = answer.headers().get("content-type").cloned();
    let Ok(body) = answer.bytes().await else { return HttpResponse::BadGateway().finish() };
    if when == Some(When::After) {
        shared.server.kill();
    }
    let mut response = HttpResponse::build(status);
    if let Some(kind) = kind {
        response.insert_header(("content-type", kind.as_bytes()));
    }
    response.body(body)
}
