//! From a recorder's folder to the archive: film, objects, row, and only then the folder goes.
//!
//! | step | leaves behind when it stops there | and the next try |
//! |---|---|---|
//! | make the film | results of finished steps in the folder | goes on with the next step |
//! | settle a place, doom it | an empty doomed folder | takes the same one, or another when it is nearly due |
//! | put the objects | those that are there, doomed; parts noted in `archive.json` | puts what is missing |
//! | look whether all are there | | |
//! | write the row and keep the objects, in one transaction | | finds the row |
//! | remove the folder | some of the folder | removes the rest |
//!
//! Time-outs: each step of ffmpeg and each call of the store has its own. Retries: the caller asks again; a film that
//! cannot be made rests a minute, then two, four … and is given up after [`FAILURES_MAX`] tries, with its folder kept.
//! Idempotent: one row per stream, whoever tries and however often.

use backstage_actors::ports::{Archiving, Clock, Ids, Path, ProviderError};
use backstage_core::access::RecordingRule;
use backstage_core::recording::Archive;
use backstage_core::{StreamId, Timestamp};
use backstage_media::bridge::ffmpeg::FfmpegError;
use backstage_media::bridge::recording::RecordingError;
use backstage_media::bridge::recording::film::Film;
use backstage_media::bridge::recording::finish::{self, FinishError, FinishSettings};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinHandle;

use super::film_files::film_files;
use super::ledger::Ledger;
use super::upload::Uploader;
use super::{Recording, store};
use crate::adapters::storage::{ObjectStore, StorageError};
use crate::locale;
use crate::store::SqlStore;
use crate::telemetry::Metrics;

/// A film that could not be made so often is given up.
pub const FAILURES_MAX: u32 = 6;
const DAY_MS: i64 = 86_400_000;
/// The film is the first part of the work, the way into the storage the rest, percent.
const FILM_PERCENT: u8 = 80;

/// How recordings are archived.
#[derive(Debug, Clone)]
pub struct ArchiveSettings {
    /// How films are made.
    pub finish: FinishSettings,
    /// How long they are kept, days; 0: for ever.
    pub keep_days: u32,
    /// How many are worked on at the same time; each may take a core.
    pub at_once: usize,
    /// How long a film that could not be made rests after the first time, ms; twice as long after each more.
    pub rest_ms: i64,
}

impl Default for ArchiveSettings {
    fn default() -> ArchiveSettings {
        ArchiveSettings { finish: FinishSettings::default(), keep_days: 0, at_once: 1, rest_ms: 60_000 }
    }
}

/// Why a recording is not in the archive yet.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The film.
    #[error(transparent)]
    Film(#[from] FinishError),
    /// The object storage.
    #[error("the object storage: {0}")]
    Storage(#[from] StorageError),
    /// The database.
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
    /// The disk.
    #[error("the disk: {0}")]
    Disk(#[from] std::io::Error),
    /// An object that was put is not there.
    #[error("{0} did not arrive in the object storage")]
    Missing(String),
    /// Something else that may pass.
    #[error("{0}")]
    NotNow(String),
    /// Something else that will not.
    #[error("{0}")]
    Never(String),
}

impl ArchiveError {
    /// Trying again is of no use.
    fn is_final(&self) -> bool {
        match self {
            ArchiveError::Film(FinishError::Empty)
            | ArchiveError::Film(FinishError::Recording(RecordingError::Broken(_) | RecordingError::Mp4(_)))
            | ArchiveError::Storage(StorageError::Final(_) | StorageError::TooLarge)
            | ArchiveError::Never(_) => true,
            ArchiveError::Film(
                FinishError::Recording(RecordingError::Busy | RecordingError::Io(_))
                | FinishError::Ffmpeg(_)
                | FinishError::Io(_),
            )
            | ArchiveError::Storage(
                StorageError::NotFound
                | StorageError::NoSuchUpload
                | StorageError::BadParts(_)
                | StorageError::NoSuchBytes
                | StorageError::Body(_)
                | StorageError::TryAgain(_),
            )
            | ArchiveError::Database(_)
            | ArchiveError::Disk(_)
            | ArchiveError::Missing(_)
            | ArchiveError::NotNow(_) => false,
        }
    }
}

/// Archives recordings in the background, few at a time. Dropped, it stops at the next step; another one goes on.
pub struct Archiver {
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
    jobs: Mutex<HashMap<StreamId, Job>>,
}

struct Shared {
    store: SqlStore,
    objects: Arc<dyn ObjectStore>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    metrics: Arc<Metrics>,
    settings: ArchiveSettings,
}

enum Job {
    Running {
        task: JoinHandle<Result<Archive, (ArchiveError, Option<Timestamp>)>>,
        percent: Arc<AtomicU8>,
        /// Dropped, the task stops.
        _stop: oneshot::Sender<()>,
    },
    /// Until then nothing is tried.
    Resting(Timestamp),
}

impl Archiver {
    /// Nothing is done before it is asked to.
    pub fn new(
        store: SqlStore,
        objects: Arc<dyn ObjectStore>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        metrics: Arc<Metrics>,
        settings: ArchiveSettings,
    ) -> Archiver {
        let places = Arc::new(Semaphore::new(settings.at_once.max(1)));
        let shared = Arc::new(Shared { store, objects, clock, ids, metrics, settings });
        Archiver { shared, places, jobs: Mutex::default() }
    }

    /// What [`backstage_actors::ports::Recordings::archive`] asks for, of the recording in `folder` whose recorder is
    /// closed. Returns at once; the work goes on behind it. Ask again until it is done.
    ///
    /// # Errors
    /// `TryAgain`: ask again, it goes on where it was. `Final`: there will be no film, and the folder stays as it is.
    pub async fn archive(&self, path: &Path, folder: &path::Path) -> Result<Archiving, ProviderError> {
        if let Some(answer) = self.answer(&path.stream).await {
            return answer;
        }
        let held = store::of_stream(self.shared.store.db(), &path.stream).await;
        if let Some(held) = held.map_err(|error| ProviderError::TryAgain(error.to_string()))? {
            let cleared = clear(folder).await;
            return cleared
                .map(|()| Archiving::Done(held.archived()))
                .map_err(|e| ProviderError::TryAgain(e.to_string()));
        }
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            self.start(path.clone(), folder.to_owned(), place);
        }
        Ok(Archiving::Going)
    }

    /// How much of the work on a stream's recording is done, percent; `None` while it is not worked on.
    pub fn percent(&self, stream: &StreamId) -> Option<u8> {
        match self.jobs.lock().get(stream)? {
            Job::Running { percent, .. } => Some(percent.load(Ordering::Relaxed)),
            Job::Resting(_) => None,
        }
    }

    /// Stops what is being done and waits until it has; nothing is begun any more. The next process goes on with it.
    pub async fn stop(&self) {
        self.places.close();
        let jobs: Vec<Job> = self.jobs.lock().drain().map(|(_, job)| job).collect();
        for job in jobs {
            if let Job::Running { task, _stop: stop, .. } = job {
                drop(stop);
                // How it went does not matter any more.
                let _ = task.await;
            }
        }
    }

    /// What a job that is there says; `None`: there is none.
    async fn answer(&self, stream: &StreamId) -> Option<Result<Archiving, ProviderError>> {
        let task = {
            let mut jobs = self.jobs.lock();
            match jobs.get(stream)? {
                Job::Running { task, .. } if !task.is_finished() => return Some(Ok(Archiving::Going)),
                Job::Resting(until) if self.shared.clock.now() < *until => return Some(Ok(Archiving::Going)),
                Job::Running { .. } | Job::Resting(_) => {}
            }
            match jobs.remove(stream)? {
                Job::Running { task, .. } => task,
                Job::Resting(_) => return None,
            }
        };
        let (error, rests_until) = match task.await {
            Ok(Ok(archive)) => return Some(Ok(Archiving::Done(archive))),
            Ok(Err(failed)) => failed,
            Err(panic) => (ArchiveError::NotNow(format!("the work broke off: {panic}")), None),
        };
        if error.is_final() {
            self.shared.metrics.archive("failed");
            return Some(Err(ProviderError::Final(error.to_string())));
        }
        self.shared.metrics.archive("retried");
        if let Some(until) = rests_until {
            self.jobs.lock().insert(stream.clone(), Job::Resting(until));
        }
        Some(Err(ProviderError::TryAgain(error.to_string())))
    }

    fn start(&self, path: Path, folder: path::PathBuf, place: OwnedSemaphorePermit) {
        let mut jobs = self.jobs.lock();
        if jobs.contains_key(&path.stream) {
            return;
        }
        let (stop, stopped) = oneshot::channel::<()>();
        let percent = Arc::new(AtomicU8::new(0));
        let (stream, shared, shown) = (path.stream.clone(), self.shared.clone(), percent.clone());
        let runtime = tokio::runtime::Handle::current();
        // Much of it waits for the disk, so it has a thread of its own.
        let task = tokio::task::spawn_blocking(move || {
            let _place = place;
            runtime.block_on(async {
                tokio::select! {
                    done = shared.work(&path, &folder, &shown) => done,
                    _ = stopped => Err((ArchiveError::NotNow("told to stop".to_owned()), None)),
                }
            })
        });
        jobs.insert(stream, Job::Running { task, percent, _stop: stop });
    }
}

impl Shared {
    async fn work(
        &self,
        path: &Path,
        folder: &path::Path,
        percent: &AtomicU8,
    ) -> Result<Archive, (ArchiveError, Option<Timestamp>)> {
        let film = match self.film(folder, percent).await {
            Ok(film) => film,
            Err(error) => return Err(self.judge(folder, error)),
        };
        self.keep(path, folder, film, percent).await.map_err(|error| (error, None))
    }

    async fn film(&self, folder: &path::Path, percent: &AtomicU8) -> Result<Film, ArchiveError> {
        if !folder.is_dir() {
            return Err(ArchiveError::Never("its folder is gone".to_owned()));
        }
        let tell = |at: finish::Progress| {
            let of_all = percent_of(&at);
            percent.fetch_max(of_all, Ordering::Relaxed);
        };
        Ok(finish::finish(folder, &self.settings.finish, tell).await?)
    }

    /// What ffmpeg cannot do today it will hardly do tomorrow, so this is counted.
    fn judge(&self, folder: &path::Path, error: ArchiveError) -> (ArchiveError, Option<Timestamp>) {
        let ArchiveError::Film(FinishError::Ffmpeg(FfmpegError::Failed { .. } | FfmpegError::TimedOut { .. })) = &error
        else {
            return (error, None);
        };
        match Ledger::open(folder).and_then(|mut ledger| ledger.failed()) {
            Ok(failures) if failures >= FAILURES_MAX => (ArchiveError::Never(error.to_string()), None),
            Ok(failures) => {
                let rest_ms = self.settings.rest_ms.saturating_mul(1 << (failures - 1).min(10));
                (error, Some(self.clock.now() + rest_ms))
            }
            Err(disk) => (disk.into(), None),
        }
    }

    async fn keep(
        &self,
        path: &Path,
        folder: &path::Path,
        film: Film,
        percent: &AtomicU8,
    ) -> Result<Archive, ArchiveError> {
        let files = film_files(folder)?;
        let mut ledger = Ledger::open(folder)?;
        let tell = |done: u8| {
            let rest = u16::from(done) * u16::from(100 - FILM_PERCENT) / 100;
            percent.fetch_max(FILM_PERCENT + u8::try_from(rest).unwrap_or(0), Ordering::Relaxed);
        };
        let mut uploader = Uploader {
            db: self.store.db(),
            objects: &self.objects,
            clock: &self.clock,
            ledger: &mut ledger,
            progress: &tell,
        };
        let prefix = uploader.run(&path.stream, &files).await?;
        let recording = self.row(path, film, prefix.as_str().to_owned()).await?;
        match store::add(self.store.db(), &recording, &prefix).await? {
            store::Added::Yes => self.metrics.archive("done"),
            store::Added::Doomed => {
                ledger.set_place(None)?;
                return Err(ArchiveError::NotNow("its objects went meanwhile".to_owned()));
            }
            store::Added::AlreadyThere => {}
        }
        let held = store::of_stream(self.store.db(), &path.stream).await?;
        let held = held.ok_or_else(|| ArchiveError::NotNow("its row is not there".to_owned()))?;
        tracing::info!(stream = %path.stream, duration_ms = held.duration_ms, "recording archived");
        clear(folder).await?;
        Ok(held.archived())
    }

    async fn row(&self, path: &Path, film: Film, folder: String) -> Result<Recording, ArchiveError> {
        let found = self.store.experience(&path.experience).await;
        let found = found.map_err(|error| ArchiveError::NotNow(error.to_string()))?;
        let now = self.clock.now();
        let keep_days = i64::from(self.settings.keep_days);
        Ok(Recording {
            id: self.ids.next(),
            stream: path.stream.clone(),
            experience: path.experience.clone(),
            space: path.space.clone(),
            title: found
                .map_or_else(|| locale::text("recording.untitled").to_owned(), |found| found.state.settings.title),
            started_at: film.stretches.first().map_or(now, |first| Timestamp(first.captured_ms)),
            duration_ms: film.duration_ms,
            bytes: i64::try_from(film.bytes).unwrap_or(i64::MAX),
            width: i64::from(film.width),
            height: i64::from(film.height),
            folder,
            stretches: film.stretches,
            cuts: film.cuts,
            rule: RecordingRule::Experience,
            created_at: now,
            expires_at: (keep_days > 0).then(|| now + keep_days.saturating_mul(DAY_MS)),
            deleted_at: None,
        })
    }
}

/// Removes the recorder's folder; none is fine.
async fn clear(folder: &path::Path) -> std::io::Result<()> {
    match tokio::fs::remove_dir_all(folder).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A step of the film as a share of all the work.
fn percent_of(at: &finish::Progress) -> u8 {
    let (from, until) = match at.step {
        "code a part anew" => (0, 30),
        "join the parts" => (30, 60),
        "make the poster" => (60, 62),
        "make the storyboard" => (62, 72),
        _ => (72, FILM_PERCENT),
    };
    from + u8::try_from(u16::from(until - from) * u16::from(at.percent.min(100)) / 100).unwrap_or(0)
}
