//! Who works behind the stage: for each stream one bridge, which listens to its room once and serves the recording, the
//! live stream at the HLS provider and the health figures from that.
//!
//! It is both ports, [`Bridges`] and [`Recordings`], since both share that one subscription. Media runs on threads of its
//! own, so that a busy actor never delays a frame. What runs is remembered in this process only: after a crash the sweep
//! finds a worker missing and asks for it again, and a recording goes on in the folder where it was.

mod show;
mod tokens;

use backstage_actors::ports::{Archiving, BoxFuture, Bridges, Clock, Ids, Path, ProviderError, Recordings, WorkerSeen};
use backstage_core::{BroadcastId, StreamId};
use backstage_media::bridge::BridgeStatus;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use tokio::runtime::Runtime;

use crate::adapters::livekit::Tokens;
use crate::adapters::mux::Mux;
use crate::recording::archive::Archiver;
use show::Show;

/// Threads that media runs on.
const THREADS: usize = 2;

/// What the crew needs.
pub struct CrewSettings {
    /// Recordings in the making are kept here, a folder for each stream; `None`: nothing is recorded.
    pub recordings: Option<PathBuf>,
    /// Makes AAC.
    pub ffmpeg: PathBuf,
    /// Tokens for rooms, with the address that this server itself uses.
    pub tokens: Tokens,
    /// Tells stream keys.
    pub mux: Mux,
    /// Where the bridge publishes, the key apart.
    pub ingest_url: String,
    /// The provider is our own origin: it takes another size of picture within a connection.
    pub own_origin: bool,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn Ids>,
}

/// See the module.
pub struct Crew {
    settings: Arc<CrewSettings>,
    archiver: OnceLock<Arc<Archiver>>,
    shows: Mutex<BTreeMap<StreamId, Arc<Show>>>,
    runtime: Mutex<Option<Runtime>>,
}

impl Crew {
    /// Nobody works yet. Error: no threads.
    pub fn new(settings: CrewSettings) -> std::io::Result<Crew> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("media")
            .enable_all()
            .build()?;
        Ok(Crew {
            settings: Arc::new(settings),
            archiver: OnceLock::new(),
            shows: Mutex::default(),
            runtime: Mutex::new(Some(runtime)),
        })
    }

    /// Recordings go into this archive; the first one named stays.
    pub fn archive_in(&self, archiver: Arc<Archiver>) {
        let _ = self.archiver.set(archiver);
    }

    /// How a stream's bridge is; `None` without one.
    pub fn status(&self, stream: &StreamId) -> Option<BridgeStatus> {
        self.shows.lock().get(stream).map(|show| show.status())
    }

    /// Every bridge, for the figures.
    pub fn statuses(&self) -> Vec<(StreamId, BridgeStatus)> {
        self.shows.lock().iter().map(|(stream, show)| (stream.clone(), show.status())).collect()
    }

    /// Ends everybody's work; files are closed.
    pub async fn stop(&self) {
        let shows = std::mem::take(&mut *self.shows.lock());
        futures_util::future::join_all(shows.into_values().map(|show| async move { show.stop().await })).await;
        if let Some(runtime) = self.runtime.lock().take() {
            runtime.shutdown_background();
        }
    }

    /// The folder of a stream's recording.
    pub fn folder(&self, stream: &StreamId) -> Option<PathBuf> {
        self.settings.recordings.as_ref().map(|root| root.join(stream.as_str()))
    }

    /// The stream's bridge; made if there is none that works.
    fn show(&self, stream: &StreamId) -> Result<Arc<Show>, ProviderError> {
        let runtime = self.runtime.lock();
        let Some(runtime) = runtime.as_ref() else {
            return Err(ProviderError::TryAgain("the server is about to stop".into()));
        };
        let mut shows = self.shows.lock();
        if let Some(show) = shows.get(stream).filter(|show| show.works()) {
            return Ok(show.clone());
        }
        let show = Arc::new(Show::start(runtime.handle().clone(), &self.settings, stream, self.folder(stream)));
        shows.insert(stream.clone(), show.clone());
        Ok(show)
    }

    fn find(&self, stream: &StreamId) -> Option<Arc<Show>> {
        self.shows.lock().get(stream).cloned()
    }

    async fn dismiss(&self, stream: &StreamId) {
        let show = self.shows.lock().remove(stream);
        if let Some(show) = show {
            show.stop().await;
        }
    }
}

impl Bridges for Crew {
    fn start<'a>(&'a self, path: &'a Path, broadcast: &'a BroadcastId) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            self.show(&path.stream)?.send_to(broadcast).await;
            Ok(())
        })
    }

    fn stop<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            match self.find(stream) {
                Some(show) if self.settings.recordings.is_some() => show.send_no_more().await,
                Some(_) => self.dismiss(stream).await,
                None => {}
            }
            Ok(())
        })
    }

    fn look<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<WorkerSeen, ProviderError>> {
        let sends = self.find(stream).is_some_and(|show| show.sends());
        Box::pin(async move { Ok(if sends { WorkerSeen::Working } else { WorkerSeen::Missing }) })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<StreamId>, ProviderError>> {
        let shows = self.shows.lock();
        let sending = shows.iter().filter(|(_, show)| show.sends()).map(|(stream, _)| stream.clone()).collect();
        Box::pin(async move { Ok(sending) })
    }
}

impl Recordings for Crew {
    fn start<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            if self.settings.recordings.is_none() {
                return Err(ProviderError::Final("this server does not record".into()));
            }
            self.show(&path.stream).map(drop)
        })
    }

    fn stop<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<bool, ProviderError>> {
        Box::pin(async move {
            self.dismiss(stream).await;
            let Some(folder) = self.folder(stream) else { return Ok(false) };
            let parts = tokio::task::spawn_blocking(move || backstage_media::bridge::recording::parts(&folder)).await;
            match parts {
                Ok(Ok(parts)) => Ok(!parts.is_empty()),
                Ok(Err(error)) => Err(ProviderError::TryAgain(format!("the recording cannot be read: {error}"))),
                Err(error) => Err(ProviderError::TryAgain(error.to_string())),
            }
        })
    }

    fn look<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<WorkerSeen, ProviderError>> {
        let works = self.find(stream).is_some_and(|show| show.works());
        Box::pin(async move { Ok(if works { WorkerSeen::Working } else { WorkerSeen::Missing }) })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<StreamId>, ProviderError>> {
        let all = match self.settings.recordings {
            Some(_) => self.shows.lock().keys().cloned().collect(),
            None => vec![],
        };
        Box::pin(async move { Ok(all) })
    }

    fn archive<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, Result<Archiving, ProviderError>> {
        Box::pin(async move {
            match (self.archiver.get(), self.folder(&path.stream)) {
                (Some(archiver), Some(folder)) => archiver.archive(path, &folder).await,
                // Recordings are switched off by now: the file waits until they are on again.
                _ => Err(ProviderError::TryAgain("this server does not record any more".into())),
            }
        })
    }
}
