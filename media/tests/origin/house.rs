//! A running origin, someone who hears its webhooks, and ffmpeg in front of it.

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use backstage_media::origin::webhooks::signature;
use backstage_media::origin::{Origin, Settings};
use parking_lot::Mutex;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// Long enough for a machine that does other things as well.
pub const PATIENCE: Duration = Duration::from_secs(60);
const SECRET: &str = "webhook secret of the tests";

/// Webhooks that came, in their order; refuses as many as `refusing` says.
#[derive(Clone, Default)]
pub struct Ear(Arc<Mutex<(Vec<Value>, u32)>>);

impl Ear {
    pub async fn open() -> (Ear, String) {
        let ear = Ear::default();
        let heard = ear.clone();
        let server = HttpServer::new(move || {
            App::new().app_data(web::Data::new(heard.clone())).route("/hook", web::post().to(hear))
        })
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", 0))
        .unwrap();
        let url = format!("http://{}/hook", server.addrs()[0]);
        tokio::spawn(server.run());
        (ear, url)
    }

    pub fn refuse(&self, count: u32) {
        self.0.lock().1 = count;
    }

    pub fn types(&self) -> Vec<String> {
        let heard = self.0.lock();
        heard.0.iter().map(|one| one["type"].as_str().unwrap().replace("video.", "")).collect()
    }

    pub fn count(&self, kind: &str) -> usize {
        self.types().iter().filter(|one| *one == kind).count()
    }

    pub fn last(&self, kind: &str) -> Value {
        let full = format!("video.{kind}");
        self.0.lock().0.iter().rev().find(|one| one["type"] == full).cloned().unwrap_or_else(|| panic!("no {kind}"))
    }

    /// Waits until this webhook has come so often.
    pub async fn wait(&self, kind: &str, count: usize) -> Value {
        let what = format!("{kind} {count} times");
        until(&what, async || (self.count(kind) >= count).then_some(())).await;
        self.last(kind)
    }
}

async fn hear(ear: web::Data<Ear>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let header = request.headers().get("mux-signature").unwrap().to_str().unwrap();
    let at_s: i64 = header.split(',').next().unwrap().trim_start_matches("t=").parse().unwrap();
    assert_eq!(header, signature(SECRET, at_s, &body), "a webhook must be signed");
    let mut heard = ear.0.lock();
    if heard.1 > 0 {
        heard.1 -= 1;
        return HttpResponse::ServiceUnavailable().finish();
    }
    heard.0.push(serde_json::from_slice(&body).unwrap());
    HttpResponse::Ok().finish()
}

/// Asks again until there is an answer, or patience ends.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// An origin in a folder of its own.
pub struct House {
    pub origin: Origin,
    pub ear: Ear,
    pub settings: Settings,
    client: reqwest::Client,
}

impl House {
    pub async fn open() -> House {
        House::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Settings)) -> House {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (ear, url) = Ear::open().await;
        let folder = std::env::temp_dir().join(format!("origin-{}", backstage_media::origin::store::new_id()));
        let mut settings = Settings::local(&folder);
        settings.webhook_url = Some(url);
        settings.webhook_secret = Some(SECRET.into());
        change(&mut settings);
        let origin = Origin::start(settings.clone()).await.unwrap();
        House { origin, ear, settings, client: reqwest::Client::new() }
    }

    /// Stops and starts it on the same folder and, for encoders, at the same address.
    pub async fn restart(self) -> House {
        let House { origin, ear, mut settings, client } = self;
        settings.rtmp = origin.rtmp_addr();
        settings.http = origin.http_addr();
        origin.stop().await;
        let origin = Origin::start(settings.clone()).await.unwrap();
        House { origin, ear, settings, client }
    }

    pub async fn close(self) {
        self.origin.stop().await;
        let _ = std::fs::remove_dir_all(&self.settings.data);
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin.base_url())
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let credentials = self.origin.credentials();
        self.client.request(method, self.url(path)).basic_auth(&credentials.token_id, Some(&credentials.token_secret))
    }

    /// Status and body of a call.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.call(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        answer["data"].clone()
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(Method::POST, path, Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{path}: {answer}");
        answer["data"].clone()
    }

    pub async fn put(&self, path: &str) {
        let (status, answer) = self.call(Method::PUT, path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
    }

    /// A live stream that anybody may watch.
    pub async fn stream(&self, window_s: u32) -> Value {
        let policies = json!(["public"]);
        let body = json!({
            "playback_policies": policies,
            "latency_mode": "low",
            "reconnect_window": window_s,
            "passthrough": "stream 1",
            "new_asset_settings": { "playback_policies": policies, "passthrough": "stream 1" },
        });
        self.post("/video/v1/live-streams", body).await
    }

    /// Status of an address, as a player sees it, and what it says.
    pub async fn play(&self, path: &str) -> (StatusCode, String) {
        let response = self.client.get(self.url(path)).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    /// The media playlist that a playback id leads to.
    pub async fn playlist(&self, playback_id: &str) -> String {
        let (status, master) = self.play(&format!("/{playback_id}.m3u8")).await;
        assert_eq!(status, StatusCode::OK, "{master}");
        let uri = master.lines().rfind(|line| !line.is_empty() && !line.starts_with('#')).unwrap();
        let (status, media) = self.play(&format!("/{uri}")).await;
        assert_eq!(status, StatusCode::OK, "{media}");
        media
    }

    /// ffmpeg as an encoder: a test card and a tone for so long, in real time.
    pub fn push(&self, stream: &Value, seconds: u32) -> Child {
        self.push_key(stream["stream_key"].as_str().unwrap(), seconds)
    }

    pub fn push_key(&self, key: &str, seconds: u32) -> Child {
        push_to(&format!("{}/{key}", self.origin.ingest_url()), seconds)
    }
}

pub fn push_to(url: &str, seconds: u32) -> Child {
    Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-re"])
        .args(["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i", "sine=frequency=440"])
        .args(["-t", &seconds.to_string(), "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency"])
        .args([
            "-g",
            "25",
            "-keyint_min",
            "25",
            "-sc_threshold",
            "0",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
            "-ar",
            "48000",
        ])
        .args(["-f", "flv", url])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// What ffprobe finds behind an address: seconds, and what it complains about.
pub async fn probe(url: &str) -> (f64, String) {
    let out = Command::new("ffprobe")
        .args(["-v", "error", "-count_packets", "-show_entries", "format=duration:stream=codec_name,nb_read_packets"])
        .args(["-of", "json", url])
        .output()
        .await
        .unwrap();
    let found: Value = serde_json::from_slice(&out.stdout).unwrap_or(Value::Null);
    let duration = found["format"]["duration"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0.0);
    (duration, String::from_utf8_lossy(&out.stderr).into_owned())
}

pub fn first_id(object: &Value) -> String {
    object["playback_ids"][0]["id"].as_str().unwrap().to_owned()
}

pub fn id(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

/// Files of an asset.
pub fn folder(house: &House, asset: &str) -> PathBuf {
    house.settings.data.join("assets").join(asset)
}
