//! The playback routes on a free port, and a catalogue that a test fills.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer};
use backstage_media::origin::hls::{
    Catalogue, Images, Live, Playable, Playback, Policy, PublicKey, Settings, Source, WallClock, routes,
};
use parking_lot::Mutex;
use reqwest::{Client, Response};

/// µs since the Unix epoch: 2026-09-21.
pub const NOW_US: i64 = 1_790_000_000_000_000;

#[derive(Default)]
pub struct Shelves {
    pub playables: Mutex<HashMap<String, Playable>>,
    pub keys: Mutex<HashMap<String, PublicKey>>,
}

impl Catalogue for Shelves {
    fn resolve(&self, playback_id: &str) -> Option<Playable> {
        self.playables.lock().get(playback_id).cloned()
    }

    fn key(&self, kid: &str) -> Option<PublicKey> {
        self.keys.lock().get(kid).cloned()
    }
}

pub struct Server {
    pub shelves: Arc<Shelves>,
    pub now_us: Arc<AtomicI64>,
    pub client: Client,
    base: String,
    handle: ServerHandle,
}

impl Server {
    pub fn start() -> Server {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let shelves = Arc::new(Shelves::default());
        let now_us = Arc::new(AtomicI64::new(NOW_US));
        let playback = Arc::new(Playback::new(shelves.clone(), clock(&now_us), Images::new("ffmpeg")));
        let server = HttpServer::new(move || App::new().configure(routes(playback.clone())))
            .workers(1)
            .disable_signals()
            .bind("127.0.0.1:0")
            .unwrap();
        let base = format!("http://{}", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Server { shelves, now_us, client: Client::new(), base, handle }
    }

    /// Begins or resumes a broadcast in a folder.
    pub fn live(&self, dir: &std::path::Path) -> Arc<Live> {
        Arc::new(Live::open(dir, Settings::new(clock(&self.now_us))).unwrap())
    }

    pub fn show(&self, playback_id: &str, policy: Policy, source: Source) {
        self.shelves.playables.lock().insert(playback_id.to_owned(), Playable { policy, source });
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}/{}", self.base, path.trim_start_matches('/'))
    }

    pub async fn get(&self, path: &str) -> Response {
        self.client.get(self.url(path)).send().await.unwrap()
    }

    pub async fn status(&self, path: &str) -> u16 {
        self.get(path).await.status().as_u16()
    }

    pub async fn text(&self, path: &str) -> String {
        let answer = self.get(path).await;
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        text
    }

    /// Where the media playlist is that a multivariant playlist leads to.
    pub async fn media_path(&self, path: &str) -> String {
        let text = self.text(path).await;
        text.lines().rfind(|line| !line.starts_with('#')).unwrap().to_owned()
    }

    pub async fn stop(self) {
        self.handle.stop(false).await;
    }
}

fn clock(now_us: &Arc<AtomicI64>) -> WallClock {
    let now_us = now_us.clone();
    Arc::new(move || now_us.fetch_add(1, Ordering::Relaxed))
}

/// An address beside a playlist.
pub fn beside(playlist: &str, name: &str) -> String {
    let (folder, _) = playlist.rsplit_once('/').unwrap();
    format!("{folder}/{name}")
}
