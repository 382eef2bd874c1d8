//! Encoders and what they send: each connection is an [`Encoder`], each recording a [`Live`], and the [`Stage`] knows
//! them all. It also performs what the books ask for.

mod encoder;
mod simulcast;

pub use encoder::Encoder;

use super::clip;
use super::faults::Faults;
use super::hls::{Live, LiveError, Settings as LiveSettings, Vod, WallClock};
use super::keep::Kept;
use super::model::{AssetStatus, Deed, Event, Phase, Rejection};
use super::store::{Desk, StoreError};
use crate::rtmp::{PublishRequest, Publishers, Refusal, Sink};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Notify, watch};

/// Finished recordings whose playlists stay in memory.
const VODS_MAX: usize = 256;
/// How long a live stream's address goes on to serve the end of its last broadcast, ms: players must see that it ended.
const LINGER_MS: i64 = 60_000;
/// Longest rest between two looks for what is due, ms.
const DUE_MS_MAX: i64 = 60_000;

/// Everything that runs. See the module.
pub struct Stage {
    pub(super) desk: Arc<Desk>,
    pub(super) faults: Faults,
    pub(super) kept: Arc<Kept>,
    pub(super) ffmpeg: PathBuf,
    folder: PathBuf,
    lives: Mutex<HashMap<String, Arc<Live>>>,
    vods: Mutex<VecDeque<(String, Arc<Vod>)>>,
    /// The broadcast that a live stream showed last, and when it ended.
    ended: Mutex<HashMap<String, (Arc<Live>, i64)>>,
    closing: Mutex<HashMap<u64, watch::Sender<bool>>>,
    sessions: AtomicU64,
    /// Rung when a clip is to be cut.
    pub(super) clips: Notify,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Stage {
    /// `folder` holds the media, a folder for each asset.
    pub fn new(desk: Arc<Desk>, faults: Faults, kept: Arc<Kept>, folder: PathBuf, ffmpeg: PathBuf) -> Arc<Stage> {
        Arc::new(Stage {
            desk,
            faults,
            kept,
            ffmpeg,
            folder,
            lives: Mutex::default(),
            vods: Mutex::default(),
            ended: Mutex::default(),
            closing: Mutex::default(),
            sessions: AtomicU64::new(0),
            clips: Notify::new(),
        })
    }

    /// After a start: broadcasts that may go on are opened, what was left undone is done, orphaned media is removed.
    pub async fn resume(self: &Arc<Stage>) -> Result<(), StoreError> {
        let deeds = self.desk.change(|books, now| books.restarted(now)).await?;
        let running: Vec<String> =
            self.desk.read(|books| books.streams().filter_map(|stream| Some(stream.asset()?.0.to_owned())).collect());
        for asset in running {
            if let Err(error) = self.open(&asset).await {
                tracing::error!(%error, asset, "a broadcast cannot go on");
            }
        }
        self.sweep().await;
        self.perform(deeds).await;
        Ok(())
    }

    async fn sweep(&self) {
        let known: BTreeSet<String> = self.desk.read(|books| books.assets().map(|asset| asset.id.clone()).collect());
        let folder = self.folder.clone();
        let swept = tokio::task::spawn_blocking(move || {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let name = entry.file_name();
                if name.to_str().is_some_and(|name| !known.contains(name)) {
                    remove(&entry.path());
                }
            }
        });
        let _ = swept.await;
    }

    /// Does what falls due, for ever.
    pub async fn keep_time(self: Arc<Stage>) {
        let mut changes = self.desk.changes();
        loop {
            changes.borrow_and_update();
            let rest_ms = match self.desk.change(|books, now| books.due(now)).await {
                Ok((deeds, next_ms)) => {
                    self.perform(deeds).await;
                    next_ms.map_or(DUE_MS_MAX, |next_ms| next_ms - self.desk.now_ms())
                }
                Err(error) => {
                    tracing::error!(%error, "what is due cannot be done");
                    1_000
                }
            };
            let rest = std::time::Duration::from_millis(rest_ms.clamp(10, DUE_MS_MAX) as u64);
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                _ = changes.changed() => {}
            }
        }
    }

    /// Performs what follows from a change.
    pub async fn perform(self: &Arc<Stage>, deeds: Vec<Deed>) {
        for deed in deeds {
            match deed {
                Deed::CloseEncoder(session) => {
                    if let Some(closing) = self.closing.lock().get(&session) {
                        closing.send_replace(true);
                    }
                }
                Deed::FinishAsset(asset) => self.finish(&asset).await,
                Deed::CutClip(_) => self.clips.notify_one(),
                Deed::RemoveMedia(asset) => {
                    self.vods.lock().retain(|(id, _)| *id != asset);
                    let path = self.media(&asset);
                    let _ = tokio::task::spawn_blocking(move || remove(&path)).await;
                }
            }
        }
    }

    /// An event of a live stream, performed.
    pub(super) async fn event(
        self: &Arc<Stage>,
        stream: &str,
        event: Event,
    ) -> Result<Result<(), Rejection>, StoreError> {
        let id = stream.to_owned();
        let deeds = match self.desk.change(move |books, now| books.stream_event(now, &id, event)).await? {
            Ok(deeds) => deeds,
            Err(rejection) => return Ok(Err(rejection)),
        };
        self.perform(deeds).await;
        Ok(Ok(()))
    }

    /// The folder of an asset.
    pub(super) fn media(&self, asset: &str) -> PathBuf {
        self.folder.join(asset)
    }

    /// The clock of the books, in µs.
    pub(super) fn wall_clock(&self) -> WallClock {
        let desk = self.desk.clone();
        Arc::new(move || desk.now_ms() * 1_000)
    }

    /// How recordings are packaged.
    pub(super) fn live_settings(&self) -> LiveSettings {
        LiveSettings::new(self.wall_clock())
    }

    /// The broadcast of an asset, opened if it is not yet.
    pub(super) async fn open(&self, asset: &str) -> Result<Arc<Live>, LiveError> {
        if let Some(live) = self.live(asset) {
            return Ok(live);
        }
        let (path, settings) = (self.media(asset), self.live_settings());
        let opened = tokio::task::spawn_blocking(move || Live::open(path, settings)).await;
        let live = Arc::new(opened.map_err(|_| LiveError::Ended)??);
        Ok(self.lives.lock().entry(asset.to_owned()).or_insert(live).clone())
    }

    /// The broadcast of an asset, if it runs.
    pub fn live(&self, asset: &str) -> Option<Arc<Live>> {
        self.lives.lock().get(asset).cloned()
    }

    /// The broadcast that a live stream showed last, while players may still have to see its end.
    pub(super) fn lingering(&self, stream: &str) -> Option<Arc<Live>> {
        let mut ended = self.ended.lock();
        let now_ms = self.desk.now_ms();
        ended.retain(|_, (_, since_ms)| now_ms - *since_ms < LINGER_MS);
        ended.get(stream).map(|(live, _)| live.clone())
    }

    /// A finished recording. Reads its journal from the disk the first time.
    pub(super) fn vod(&self, asset: &str) -> Option<Arc<Vod>> {
        if let Some((_, vod)) = self.vods.lock().iter().find(|(id, _)| id == asset) {
            return Some(vod.clone());
        }
        let vod = match Vod::open(self.media(asset)) {
            Ok(vod) => Arc::new(vod),
            Err(error) => {
                tracing::error!(%error, asset, "a recording cannot be opened");
                return None;
            }
        };
        let mut vods = self.vods.lock();
        vods.push_back((asset.to_owned(), vod.clone()));
        while vods.len() > VODS_MAX {
            vods.pop_front();
        }
        Some(vod)
    }

    /// Closes the media of an asset and tells the books its duration.
    async fn finish(self: &Arc<Stage>, asset: &str) {
        let live = match self.open(asset).await {
            Ok(live) => Some(live),
            // It was finished before a restart, and only the books do not know.
            Err(LiveError::Ended) => None,
            Err(error) => {
                tracing::error!(%error, asset, "a recording cannot be closed");
                None
            }
        };
        let duration = match &live {
            Some(live) => {
                if let Err(error) = live.finish().await {
                    tracing::error!(%error, asset, "the end of a recording was not written");
                }
                live.progress().duration
            }
            None => {
                let (stage, asset) = (self.clone(), asset.to_owned());
                let opened = tokio::task::spawn_blocking(move || stage.vod(&asset)).await;
                opened.ok().flatten().map(|vod| vod.duration()).unwrap_or_default()
            }
        };
        let now_ms = self.desk.now_ms();
        if let (Some(live), Some(stream)) =
            (live, self.desk.read(|books| books.asset(asset).and_then(|asset| asset.live_stream_id.clone())))
        {
            self.ended.lock().insert(stream, (live, now_ms));
        }
        self.lives.lock().remove(asset);
        let duration_ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let id = asset.to_owned();
        if let Err(error) = self.desk.change(move |books, now| books.asset_finished(now, &id, duration_ms)).await {
            tracing::error!(%error, asset, "the end of a recording was not kept");
        }
        // Clips of it may wait for its end.
        self.clips.notify_one();
    }

    /// Stops taking in: what was received is written, and the folders can be opened again.
    pub async fn stop(&self) {
        let lives: Vec<Arc<Live>> = self.lives.lock().drain().map(|(_, live)| live).collect();
        for live in lives {
            if let Err(error) = live.discontinuity().await {
                tracing::error!(%error, "the last pictures of a broadcast were not written");
            }
        }
    }

    /// Whether the clip's source has all that the clip needs.
    pub(super) fn has_until(&self, source: &str, end_ms: Option<i64>) -> bool {
        match (self.live(source), end_ms) {
            (Some(live), Some(end_ms)) => live.progress().duration.as_millis() as i64 >= end_ms,
            (Some(_), None) => false,
            (None, _) => self.desk.read(|books| {
                books.asset(source).is_none_or(|asset| !asset.live || matches!(asset.status, AssetStatus::Errored(_)))
            }),
        }
    }

    /// Cuts clips, for ever.
    pub async fn cut_clips(self: Arc<Stage>) {
        clip::run(self).await;
    }
}

impl Publishers for Arc<Stage> {
    fn authorise<'a>(&'a self, request: &'a PublishRequest) -> BoxFuture<'a, Result<Box<dyn Sink>, Refusal>> {
        async move {
            let key = request.key.reveal();
            // What stands behind a question mark is for the way, not for us.
            let key = key.split_once('?').map_or(key, |(key, _)| key);
            let Some(stream) = self.desk.read(|books| books.stream_of_key(key).map(|stream| stream.id.clone())) else {
                return Err(Refusal::new("this stream key is not known"));
            };
            let session = self.sessions.fetch_add(1, Ordering::Relaxed) + 1;
            let (closing, closed) = watch::channel(false);
            self.closing.lock().insert(session, closing);
            // From here on the books may hold this connection, so it is given back even if this future is dropped.
            let seat = Seat { stage: self.clone(), stream: stream.clone(), session, given_back: false };
            match self.event(&stream, Event::Connected(session)).await {
                Ok(Ok(())) => {}
                Ok(Err(rejection)) => return Err(Refusal::new(rejection.to_string())),
                Err(error) => {
                    tracing::error!(%error, "an encoder was not let in");
                    return Err(Refusal::new("not now"));
                }
            }
            Ok(Box::new(Encoder::new(seat, closed)) as Box<dyn Sink>)
        }
        .boxed()
    }
}

/// The place of one connection in the books. Given back at its end, whatever the end is.
pub(super) struct Seat {
    stage: Arc<Stage>,
    stream: String,
    session: u64,
    given_back: bool,
}

impl Seat {
    /// The connection is over; what follows from it is performed when this returns.
    async fn give_back(mut self) {
        self.given_back = true;
        self.stage.leave(&self.stream, self.session).await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !self.given_back {
            let (stage, stream, session) = (self.stage.clone(), self.stream.clone(), self.session);
            self.stage.kept.run("leaving", async move { stage.leave(&stream, session).await });
        }
    }
}

/// What an encoder needs to know of its stream.
impl Stage {
    /// The asset that this connection records to.
    fn asset_of(&self, stream: &str, session: u64) -> Option<String> {
        self.desk.read(|books| {
            let stream = books.stream(stream)?;
            (stream.session() == Some(session)).then(|| stream.asset().map(|(id, _)| id.to_owned()))?
        })
    }

    fn is_playable(&self, stream: &str) -> bool {
        self.desk.read(|books| books.stream(stream).is_some_and(|stream| matches!(stream.phase, Phase::Active { .. })))
    }

    async fn leave(self: &Arc<Stage>, stream: &str, session: u64) {
        self.closing.lock().remove(&session);
        // A connection that is no longer the present one is refused here, as it should be.
        if let Err(error) = self.event(stream, Event::ConnectionLost(session)).await {
            tracing::error!(%error, stream, "that an encoder is gone was not kept");
        }
    }
}

fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_dir_all(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::error!(%error, path = %path.display(), "media cannot be removed");
    }
}
