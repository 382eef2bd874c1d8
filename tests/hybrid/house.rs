//! The server, its audience, and what its timeline says.

use backstage::app::App;
use backstage::config::{Config, Sources};
use backstage_media::origin::Faults;
use backstage_media::participant::Publisher;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::browser::{Browser, Socket};
use crate::logs;
use crate::stage;
use crate::support::temp::TempDir;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(40);

/// A running server with a limit of one viewer over WebRTC.
pub struct House {
    pub app: App,
    pub faults: Faults,
    pub folder: TempDir,
    pub creator: Browser,
    pub experience: String,
}

/// A show that is on.
pub struct Show {
    pub stream: String,
    _publisher: Publisher,
}

/// Somebody who says that WebRTC or HLS is on the screen.
pub struct Guest {
    pub browser: Browser,
    pub socket: Socket,
}

impl House {
    pub async fn open(change: impl FnOnce(&mut Config)) -> House {
        let (folder, config) = House::laid_out(change);
        let faults = Faults::default();
        let app = App::build_with(config, &faults).await.unwrap();
        House::around(app, faults, folder).await
    }

    /// A folder, and what is built in it.
    pub fn laid_out(change: impl FnOnce(&mut Config)) -> (TempDir, Config) {
        logs::keep();
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = TempDir::new("hls");
        let mut config = Config::load(&Sources::default()).unwrap();
        config.server.port = 0;
        config.data.dir = folder.path().to_path_buf();
        config.livekit.embedded.program =
            std::env::var_os("BACKSTAGE_LIVEKIT_BIN").map_or("livekit-server".into(), PathBuf::from);
        let delivery = &mut config.delivery;
        delivery.webrtc_viewers_max = 1;
        delivery.cohort_percent = 100;
        delivery.cohort_every_ms = 200;
        delivery.jitter_ms = 100;
        delivery.overflow_percent = 500;
        delivery.retry_ms_min = 500;
        delivery.retry_ms_max = 1_000;
        change(&mut config);
        (folder, config)
    }

    /// The creator signs in at a running server.
    pub async fn around(app: App, faults: Faults, folder: TempDir) -> House {
        let mut creator = Browser::at(app.address);
        creator.get("/sign-in").await;
        creator.form("/sign-in", &[("email", "creator@example.com")]).await;
        let mails = creator.get("/dev/mail.json").await.json();
        let mails = mails.as_array().or(mails["mails"].as_array()).unwrap();
        let code = mails[0]["code"].as_str().unwrap().to_owned();
        let answer = creator.form("/sign-in/code", &[("email", "creator@example.com"), ("code", &code)]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        creator.get("/account").await;
        let page = creator.get("/m/demo/live").await;
        let experience = page.between("data-experience-id=\"", "\"");
        House { app, faults, folder, creator, experience }
    }

    /// Goes live and waits until that is known.
    pub async fn goes_live(&mut self) -> Show {
        let experience = self.experience.clone();
        self.goes_live_at(&experience).await
    }

    pub async fn goes_live_at(&mut self, experience: &str) -> Show {
        let path = format!("/api/v1/experiences/{experience}/go-live");
        let mut answer = self.creator.api(&path).await;
        // The end of an earlier show reaches its experience a moment after the stream itself.
        let deadline = Instant::now() + Duration::from_secs(10);
        while answer.status == 409 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
            answer = self.creator.api(&path).await;
        }
        assert_eq!(answer.status, 200, "{}", answer.body);
        let went = answer.json();
        let stream = went["stream_id"].as_str().unwrap().to_owned();
        let publisher = stage::publish(self.folder.path(), &went).await;
        let show = Show { stream, _publisher: publisher };
        self.hears(&show, "media_arrived").await;
        show
    }

    pub async fn guest(&self) -> Guest {
        self.guest_of("/m/demo/live", &self.experience).await
    }

    pub async fn guest_of(&self, path: &str, experience: &str) -> Guest {
        let mut browser = Browser::at(self.app.address);
        browser.get(path).await;
        assert_eq!(browser.form(&format!("{path}/join"), &[]).await.status, 303);
        browser.get(path).await;
        let socket = browser.socket(experience, "as=viewer").await;
        Guest { browser, socket }
    }

    /// So many guests who watch over WebRTC.
    pub async fn audience(&self, count: usize) -> Vec<Guest> {
        let mut guests = vec![];
        for _ in 0..count {
            let mut guest = self.guest().await;
            guest.watches("webrtc").await;
            guests.push(guest);
        }
        guests
    }

    /// What a guest is offered now.
    pub async fn offered(&self, guest: &mut Guest, wish: Value) -> (u16, Value) {
        self.offered_at(guest, &self.experience, wish).await
    }

    pub async fn offered_at(&self, guest: &mut Guest, experience: &str, wish: Value) -> (u16, Value) {
        let csrf = guest.browser.csrf.clone();
        let headers = [("content-type", "application/json"), ("x-csrf-token", csrf.as_str())];
        let path = format!("/api/v1/experiences/{experience}/admission");
        let answer = guest.browser.send("POST", &path, &headers, wish.to_string().into_bytes()).await;
        (answer.status, answer.json())
    }

    /// The address of the playlist that a new viewer gets.
    pub async fn playlist(&self, guest: &mut Guest) -> String {
        let (status, offer) = self.offered(guest, json!({})).await;
        assert_eq!((status, &offer["delivery"]), (200, &"hls".into()), "{offer}");
        format!("http://{}{}", self.app.address, offer["hls"]["url"].as_str().unwrap())
    }

    /// Events of the timeline, oldest first, each with its cause.
    pub async fn timeline(&mut self, show: &Show) -> Vec<(String, String, String)> {
        let answer = self.creator.get(&format!("/api/v1/streams/{}/timeline", show.stream)).await.json();
        let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let mut lines = answer["events"].as_array().unwrap().clone();
        lines.sort_by_key(|line| line["at"].as_i64());
        lines.iter().map(|line| (text(line, "event"), text(line, "cause"), text(line, "words"))).collect()
    }

    /// Waits for the `nth` (from 1) line of this event; gives its cause.
    pub async fn hears_nth(&mut self, show: &Show, event: &str, nth: usize) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let lines = self.timeline(show).await;
            if let Some((_, cause, words)) = lines.iter().filter(|(name, _, _)| name == event).nth(nth - 1) {
                assert!(words.len() > 10, "{event} has no words");
                return cause.clone();
            }
            assert!(Instant::now() < end, "no {event} ({nth}) came: {lines:?}\n{}", logs::last(40));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn hears(&mut self, show: &Show, event: &str) -> String {
        self.hears_nth(show, event, 1).await
    }

    pub async fn how_often(&mut self, show: &Show, event: &str) -> usize {
        self.timeline(show).await.iter().filter(|(name, _, _)| name == event).count()
    }

    /// The origin's secrets.
    pub fn credentials(&self) -> Value {
        let file = std::fs::read(self.folder.path().join("origin/credentials.json")).unwrap();
        serde_json::from_slice(&file).unwrap()
    }

    /// Live streams of one stream that the origin has.
    pub async fn broadcasts(&self, show: &Show) -> Vec<Value> {
        let secrets = self.credentials();
        let text = |key: &str| secrets[key].as_str().unwrap().to_owned();
        let url = format!("{}/video/v1/live-streams", self.origin());
        let asked = reqwest::Client::new().get(url).basic_auth(text("token_id"), Some(text("token_secret")));
        let all: Value = asked.send().await.unwrap().json().await.unwrap();
        let ours = |one: &&Value| one["passthrough"].as_str().is_some_and(|text| text.ends_with(&show.stream));
        all["data"].as_array().unwrap().iter().filter(ours).cloned().collect()
    }

    /// Where the origin answers by itself.
    pub fn origin(&self) -> String {
        self.app.origin_url().unwrap()
    }

    pub async fn ends(&mut self, show: Show) {
        let path = format!("/api/v1/experiences/{}/end", self.experience);
        assert_eq!(self.creator.api(&path).await.status, 202);
        self.hears(&show, "end").await;
    }

    pub async fn close(self) {
        self.app.stop().await;
    }
}

impl Guest {
    pub async fn watches(&mut self, delivery: &str) {
        self.socket.say(json!({ "type": "watching", "delivery": delivery }).to_string()).await;
    }

    /// Waits until the server says to move there.
    pub async fn is_moved_to(&mut self, delivery: &str) {
        let moved = self.socket.hear_if(|message| message["type"] == "move" && message["delivery"] == delivery).await;
        assert!(moved.is_some(), "the socket closed before a move to {delivery}");
    }
}

/// The status of an address, and what stands there.
pub async fn look(url: &str) -> (u16, String) {
    let answer = reqwest::get(url).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap_or_default())
}
