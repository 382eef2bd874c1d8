//! A database, a store of files and a recording, in a folder of their own.

use crate::support::show;
use crate::support::temp::TempDir;
use backstage::adapters::storage::{FileStore, Key, ObjectStore, PAGE_MAX, Prefix, Signer};
use backstage::db::Db;
use backstage::objects::doomed;
use backstage::recording::archive::{ArchiveSettings, Archiver};
use backstage::recording::{Recording, VIDEO, store};
use backstage::security::seal::Seal;
use backstage::store::SqlStore;
use backstage::telemetry::Metrics;
use backstage::world::{SystemClock, Uuids};
use backstage_actors::ports::{Archiving, Clock, Path, ProviderError};
use backstage_core::Timestamp;
use backstage_core::recording::Archive;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// How long a condition is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// The machine's clock, moved by the test.
#[derive(Default)]
pub struct MovedClock(pub AtomicI64);

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        SystemClock.now() + self.0.load(Ordering::Relaxed)
    }
}

pub struct Place {
    pub root: PathBuf,
    pub db: Db,
    pub objects: Arc<dyn ObjectStore>,
    pub clock: Arc<MovedClock>,
    _folder: Option<TempDir>,
}

pub fn stream_path() -> Path {
    let id = |text: &str| text.to_owned();
    Path {
        space: id("space-1").parse().unwrap(),
        experience: id("experience-1").parse().unwrap(),
        stream: id("stream-1").parse().unwrap(),
    }
}

impl Place {
    pub async fn new() -> Place {
        let folder = TempDir::new("archive");
        let place = Place::at(folder.path().to_owned()).await;
        Place { _folder: Some(folder), ..place }
    }

    pub async fn at(root: PathBuf) -> Place {
        let db = Db::connect(&Db::url_of(&root.join("backstage.db"))).await.unwrap();
        let signer = Signer::new(Seal::new("test"), "http://pass.test", Arc::new(SystemClock));
        let objects = Arc::new(FileStore::open(&root.join("objects"), signer, &SystemClock).unwrap());
        Place { root, db, objects, clock: Arc::default(), _folder: None }
    }

    pub fn recording(&self) -> PathBuf {
        self.root.join("recordings/stream-1")
    }

    pub fn archiver(&self) -> Archiver {
        self.archiver_with(self.objects.clone(), ArchiveSettings { rest_ms: 0, ..ArchiveSettings::default() })
    }

    pub fn archiver_with(&self, objects: Arc<dyn ObjectStore>, settings: ArchiveSettings) -> Archiver {
        let metrics = Arc::new(Metrics::new("test", self.clock.now()).unwrap());
        let store = SqlStore::new(self.db.clone());
        Archiver::new(store, objects, self.clock.clone(), Arc::new(Uuids), metrics, settings)
    }

    /// Asks as the actors do, until it is done or refused for good; gives how often it was tried anew, too.
    pub async fn archive(&self, archiver: &Archiver) -> (Result<Archive, String>, u32) {
        let (began, mut tries) = (Instant::now(), 0);
        loop {
            assert!(began.elapsed() < PATIENCE, "not archived in {PATIENCE:?}");
            match archiver.archive(&stream_path(), &self.recording()).await {
                Ok(Archiving::Done(archive)) => return (Ok(archive), tries),
                Ok(Archiving::Going) => {}
                Err(ProviderError::TryAgain(_)) => tries += 1,
                Err(ProviderError::Final(why)) => return (Err(why), tries),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub async fn keys(&self) -> Vec<Key> {
        let (mut keys, mut after) = (vec![], None);
        loop {
            let page = self.objects.list(&Prefix::default(), after.as_ref(), PAGE_MAX).await.unwrap();
            keys.extend(page.objects.into_iter().map(|listed| listed.key));
            match page.next {
                Some(next) => after = Some(next),
                None => return keys,
            }
        }
    }

    pub async fn rows(&self) -> i64 {
        sqlx::query_scalar("SELECT COUNT(*) FROM recordings").fetch_one(&self.db.pool).await.unwrap()
    }

    pub async fn row(&self) -> Recording {
        store::of_stream(&self.db, &stream_path().stream).await.unwrap().expect("a row")
    }

    /// One row, a film that plays, its folder gone, and nothing else anywhere once what is doomed has gone.
    pub async fn is_archived_once(&self) {
        assert_eq!(self.rows().await, 1);
        let row = self.row().await;
        assert!(!self.recording().exists(), "the recorder's folder is still there");
        let kept: Vec<String> = sqlx::query_scalar("SELECT object_key FROM doomed_objects WHERE object_key = $1")
            .bind(&row.folder)
            .fetch_all(&self.db.pool)
            .await
            .unwrap();
        assert!(kept.is_empty(), "what is archived is doomed");
        self.clock.0.fetch_add(2 * doomed::KEEP_WITHIN_MS, Ordering::Relaxed);
        doomed::delete_due(&self.db, &*self.objects, self.clock.now()).await.unwrap();
        let keys = self.keys().await;
        assert!(keys.iter().all(|key| key.as_str().starts_with(&row.folder)), "{keys:?}");
        let names: Vec<&str> = keys.iter().filter_map(|key| key.as_str().strip_prefix(&row.folder)).collect();
        for name in
            ["hls/index.m3u8", "hls/init.mp4", "hls/s00000.m4s", "poster.jpg", "storyboard.jpg", "storyboard.vtt"]
        {
            assert!(names.contains(&name), "{name} is missing in {names:?}");
        }
        // One that was begun by somebody who died before he could note it is empty; the store throws it away in time.
        let uploads = std::fs::read_dir(self.root.join("objects/.uploads")).unwrap().flatten();
        let left: Vec<usize> = uploads.map(|upload| std::fs::read_dir(upload.path()).unwrap().count()).collect();
        assert!(left.is_empty() || left == [1], "parts were left behind: {left:?}");
        let film = self.root.join("objects").join(row.object(VIDEO).unwrap().as_str());
        let plays_s = show::plays_s(&film);
        assert!((plays_s - 2.0 * show::STRETCH_S as f64).abs() < 0.2, "{plays_s}");
    }
}
