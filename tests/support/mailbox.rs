//! A place where webhooks arrive.

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use backstage::adapters::stripe::webhook::{self, Webhook};
use backstage::config::Secret;
use backstage::sandbox::Receiver;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// What they are signed with.
pub const WEBHOOK_SECRET: &str = "whsec_test";

/// One webhook as it came: header and body.
pub struct Arrival {
    pub signature: String,
    pub body: Vec<u8>,
}

impl Arrival {
    pub fn read(&self) -> Webhook {
        webhook::parse(&self.body).unwrap()
    }
}

/// Where webhooks arrive. The first `refuses` of them are answered with 500.
pub struct Mailbox {
    arrivals: mpsc::UnboundedReceiver<Arrival>,
    server: ServerHandle,
    url: String,
}

impl Mailbox {
    pub async fn open(refuses: usize) -> Mailbox {
        let (told, arrivals) = mpsc::unbounded_channel();
        let refusals = Arc::new(AtomicUsize::new(refuses));
        let server = HttpServer::new(move || {
            let (told, refusals) = (told.clone(), refusals.clone());
            App::new().default_service(web::to(move |request: HttpRequest, body: web::Bytes| {
                let signature = request.headers().get(webhook::SIGNATURE).unwrap().to_str().unwrap().to_owned();
                told.send(Arrival { signature, body: body.to_vec() }).unwrap();
                let refused = refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
                async move {
                    if refused.is_ok() { HttpResponse::InternalServerError() } else { HttpResponse::Ok() }.finish()
                }
            }))
        })
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .unwrap();
        let url = format!("http://{}/webhooks/stripe", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Mailbox { arrivals, server: handle, url }
    }

    pub fn receiver(&self) -> Receiver {
        Receiver { url: self.url.clone(), secret: Secret::new(WEBHOOK_SECRET) }
    }

    pub async fn next(&mut self) -> Arrival {
        tokio::time::timeout(Duration::from_secs(20), self.arrivals.recv()).await.expect("a webhook").unwrap()
    }

    /// One that is there.
    pub fn take(&mut self) -> Option<Arrival> {
        self.arrivals.try_recv().ok()
    }

    pub fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }

    pub async fn close(self) {
        self.server.stop(false).await;
    }
}
