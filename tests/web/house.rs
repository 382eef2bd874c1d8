//! The server with fakes at its other ends.

use crate::browser::Browser;
use crate::support::show;
use crate::support::temp::TempDir;
use backstage::app::App;
use backstage::config::{Config, Environment, Sources, TextsBy};
use backstage::dev::mailbox::Kept;
use backstage::hls::Hls;
use backstage::ports::{Doors, Letter, Mail, Sms, Ticket};
use backstage::recording::{Recording, store};
use backstage::world::{SystemClock, World};
use backstage_actors::fakes::{FakeRooms, FakeSpine, Trouble};
use backstage_actors::ports::{Archiving, BoxFuture, Clock, Path, ProviderError};
use backstage_core::{StreamId, UserId};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A media server's doors: tickets are the identity itself; who is inside is up to the test.
#[derive(Default)]
pub struct FakeDoors {
    pub inside: Mutex<BTreeSet<(StreamId, String)>>,
    pub panics: AtomicBool,
}

impl FakeDoors {
    fn ticket(&self, identity: String) -> Result<Ticket, ProviderError> {
        assert!(!self.panics.load(Ordering::Relaxed), "a secret detail");
        let expires_at = SystemClock.now() + 600_000;
        Ok(Ticket { url: "ws://media.test".into(), token: identity.clone(), identity, expires_at })
    }
}

impl Doors for FakeDoors {
    fn viewer_ticket(&self, _: &StreamId, user: &UserId, nonce: &str) -> Result<Ticket, ProviderError> {
        self.ticket(format!("viewer:{user}:{nonce}"))
    }
    fn host_ticket(&self, _: &StreamId, user: &UserId, _: &str) -> Result<Ticket, ProviderError> {
        self.ticket(format!("host:{user}"))
    }
    fn inside<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<Vec<String>, ProviderError>> {
        let inside = self.inside.lock().iter().filter(|(room, _)| room == stream).map(|(_, who)| who.clone()).collect();
        Box::pin(std::future::ready(Ok(inside)))
    }
    fn remove<'a>(&'a self, stream: &'a StreamId, identity: &'a str) -> BoxFuture<'a, Result<(), ProviderError>> {
        self.inside.lock().remove(&(stream.clone(), identity.to_string()));
        Box::pin(std::future::ready(Ok(())))
    }
    fn reachable(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(std::future::ready(Ok(())))
    }
    fn public_url(&self) -> String {
        "ws://media.test".into()
    }
}

/// A running server.
pub struct House {
    pub app: App,
    pub rooms: Arc<FakeRooms>,
    pub doors: Arc<FakeDoors>,
    pub mail: Arc<Kept>,
    folder: TempDir,
}

impl House {
    pub async fn open() -> House {
        House::open_with(|_| {}).await
    }

    /// As for the public: no seeds, real limits, `__Host-` cookies.
    pub async fn open_to_the_public() -> House {
        House::open_with(|config| {
            config.environment = Environment::Production;
            config.server.public_url = "https://pass.test".into();
        })
        .await
    }

    pub async fn open_with(change: impl FnOnce(&mut Config)) -> House {
        House::open_beside(change, async |_| None).await
    }

    /// With an HLS side, which there is none of elsewhere.
    pub async fn open_beside(change: impl FnOnce(&mut Config), hls: impl AsyncFnOnce(&Config) -> Option<Hls>) -> House {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = TempDir::new("web");
        let mut config = Config::load(&Sources::default()).unwrap();
        config.server.port = 0;
        config.data.dir = folder.path().to_path_buf();
        change(&mut config);
        let rooms = Arc::new(FakeRooms::new(Trouble::none()));
        let doors = Arc::new(FakeDoors::default());
        let mail = Arc::new(Kept::new(Arc::new(SystemClock)));
        let world = World {
            rooms: rooms.clone(),
            doors: doors.clone(),
            mail: mail.clone(),
            sms: (config.texts_by() != TextsBy::Nobody).then(|| mail.clone() as Arc<dyn Sms>),
            spine: Arc::new(FakeSpine::new(Trouble::none())),
            webhooks: None,
            parts: vec![],
            livekit: None,
            broker: None,
            hls: hls(&config).await,
        };
        let app = App::build_in(config, world).await.unwrap();
        House { app, rooms, doors, mail, folder }
    }

    /// The folder that everything is kept in.
    pub fn data(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub fn browser(&self) -> Browser {
        Browser::at(self.app.address)
    }

    /// The code sent last to an address or a number.
    pub fn code(&self, to: &str) -> String {
        let kept = self.mail.kept();
        kept.into_iter().find(|(_, letter)| letter.to == to).and_then(|(_, letter)| letter.code).unwrap()
    }

    /// What was sent to an address or a number, the newest first.
    pub fn letters_to(&self, to: &str) -> Vec<Letter> {
        self.mail.kept().into_iter().map(|(_, letter)| letter).filter(|letter| letter.to == to).collect()
    }

    /// A browser that is signed in by phone.
    pub async fn signed_in_by_phone(&self, phone: &str) -> Browser {
        let mut browser = self.browser();
        browser.get("/sign-in?by=phone").await;
        assert_eq!(browser.form("/sign-in", &[("phone", phone)]).await.status, 200);
        let code = self.code(phone);
        let answer = browser.form("/sign-in/code", &[("phone", phone), ("code", &code)]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        browser.get("/account").await;
        browser
    }

    /// A browser that is signed in.
    pub async fn signed_in(&self, email: &str) -> Browser {
        let mut browser = self.browser();
        browser.get("/sign-in").await;
        assert_eq!(browser.form("/sign-in", &[("email", email)]).await.status, 200);
        let code = self.code(email);
        let answer = browser.form("/sign-in/code", &[("email", email), ("code", &code)]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        browser.get("/account").await;
        browser
    }

    /// The seeded creator.
    pub async fn creator(&self) -> Browser {
        self.signed_in("creator@example.com").await
    }

    /// A guest who joined the demo.
    pub async fn guest(&self) -> Browser {
        let mut browser = self.browser();
        browser.get("/m/demo/live").await;
        assert_eq!(browser.form("/m/demo/live/join", &[]).await.status, 303);
        browser.get("/m/demo/live").await;
        browser
    }

    /// Lets the free pass of the demo open everything.
    pub async fn free_opens_all(&self, creator: &mut Browser) {
        let all = [("name", "Free"), ("slug", "free"), ("status", "published"), ("opens", "all"), ("days", "7")];
        assert_eq!(creator.form("/studio/demo/passes/free/edit", &all).await.status, 303);
    }

    /// The demo experience's id, as its page says it.
    pub async fn experience(&self) -> String {
        let page = self.browser().get("/m/demo/live").await;
        page.between("data-experience-id=\"", "\"")
    }

    /// A recording of a stream, the way it gets there.
    pub async fn archived(&self, path: &Path) -> Recording {
        let (state, temp) = (&self.app.state, TempDir::new("recorded"));
        let folder = temp.path().join(path.stream.as_str());
        show::record_finished(&folder).await;
        let began = Instant::now();
        while !matches!(state.archiver.archive(path, &folder).await.unwrap(), Archiving::Done(_)) {
            assert!(began.elapsed() < Duration::from_secs(30), "not archived");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        store::of_stream(&state.db, &path.stream).await.unwrap().unwrap()
    }

    /// Runs a statement behind the server's back, as time or an operator would.
    pub async fn sql(&self, statement: &'static str) {
        sqlx::query(statement).execute(&self.app.state.db.pool).await.unwrap();
    }

    pub async fn close(self) {
        self.app.stop().await;
    }
}
