//! A broadcast that runs: it takes pictures and sound, keeps them in memory and in its folder, and tells when a part is
//! there.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Mutex, RwLockReadGuard};
use tokio::sync::watch;

use super::format::{FormatError, audio_format, video_format};
use super::journal::{self, JournalError, Line};
use super::packager::{CLOCK_HZ, Cut, Output, Packager, PackagerError, Picture, Sound};
use super::playlist::{self, Latency, View};
use super::store::{Job, Shelf, Writer};
use super::window::Window;

/// The wall clock: µs since the Unix epoch.
pub type WallClock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// How a broadcast is packaged and kept.
#[derive(Clone)]
pub struct Settings {
    /// Where it is cut.
    pub cut: Cut,
    /// How far behind the edge players stay at least; three parts in any case. Default: 600 ms.
    pub part_hold_back: Duration,
    /// How far back a viewer can go while it runs. Default: 2 h.
    pub dvr: Duration,
    /// Remove from the disk what is older than `dvr`. Default: no, for the recording needs it.
    pub prune: bool,
    /// Tells when a broadcast without times of capture came in.
    pub clock: WallClock,
}

impl Settings {
    /// The defaults.
    pub fn new(clock: WallClock) -> Settings {
        Settings {
            cut: Cut::default(),
            part_hold_back: Duration::from_millis(600),
            dvr: Duration::from_secs(2 * 3_600),
            prune: false,
            clock,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { cut, part_hold_back, dvr, prune, clock: _ } = self;
        f.debug_struct("Settings")
            .field("cut", cut)
            .field("part_hold_back", part_hold_back)
            .field("dvr", dvr)
            .field("prune", prune)
            .finish_non_exhaustive()
    }
}

/// Why a broadcast does not go on.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// Its folder cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Its folder cannot be written.
    #[error("the folder of a broadcast cannot be written: {0}")]
    Disk(#[from] std::io::Error),
    /// What came cannot be packaged.
    #[error(transparent)]
    Packager(#[from] PackagerError),
    /// A sequence header is none that can be played. The broadcast goes on without it.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// It is over.
    #[error("the broadcast has ended")]
    Ended,
}

/// How far a broadcast is: the segment that grows, and how many parts of it are there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The number of the segment that grows, or that comes next.
    pub msn: u64,
    /// Parts of it.
    pub parts: usize,
    /// Nothing more comes.
    pub ended: bool,
}

/// What a broadcast has done: proof that its playlist advances.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// How far it is.
    pub edge: Edge,
    /// When the newest part came, µs since the Unix epoch; `None` before the first one since it was opened.
    pub advanced_us: Option<i64>,
    /// Bytes packaged, also before a restart.
    pub bytes: u64,
    /// Length of what was packaged, also before a restart.
    pub duration: Duration,
}

struct Ingest {
    packager: Packager,
    writer: Writer,
}

/// See the module. Shared by the one that takes in and all that give out.
pub struct Live {
    settings: Settings,
    latency: Latency,
    pub(super) shelf: Shelf,
    ingest: tokio::sync::Mutex<Ingest>,
    edge: watch::Sender<Edge>,
    advanced_us: Mutex<Option<i64>>,
    rendered: Mutex<HashMap<View, (Edge, Bytes)>>,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("dir", &self.shelf.dir).field("edge", &*self.edge.borrow()).finish_non_exhaustive()
    }
}

impl Live {
    /// Opens the folder of a broadcast: a new one begins, one that was cut off goes on behind a discontinuity with the
    /// next media sequence number. Blocks on the disk. Only one may have a folder open.
    ///
    /// # Errors
    /// [`LiveError::Ended`] for a broadcast that is over (it is a [`Vod`](super::Vod)); or the disk.
    pub fn open(dir: impl AsRef<Path>, settings: Settings) -> Result<Live, LiveError> {
        let dir = dir.as_ref();
        let found = journal::read(dir)?;
        if found.window.ended() {
            return Err(LiveError::Ended);
        }
        let broadcast = match found.broadcast.as_str() {
            "" => format!("{:x}", (settings.clock)().unsigned_abs()),
            known => known.to_owned(),
        };
        let writer = Writer::open(dir, &broadcast, &found)?;
        let mut packager = Packager::new(settings.cut, found.window.resume());
        if let Some((number, data)) = found.window.newest_init() {
            packager.knows_init(number, data);
        }
        let edge = edge_of(&found.window);
        let latency =
            Latency { part: Cut::ticks(settings.cut.part), part_hold_back: Cut::ticks(settings.part_hold_back) };
        Ok(Live {
            settings,
            latency,
            shelf: Shelf::new(dir, broadcast, found.window),
            ingest: tokio::sync::Mutex::new(Ingest { packager, writer }),
            edge: watch::Sender::new(edge),
            advanced_us: Mutex::new(None),
            rendered: Mutex::new(HashMap::new()),
        })
    }

    /// Its folder.
    pub fn dir(&self) -> &PathBuf {
        &self.shelf.dir
    }

    /// FLV's AVC sequence header, an `AVCDecoderConfigurationRecord`. Another one than before begins a discontinuity.
    ///
    /// # Errors
    /// [`LiveError::Format`] leaves the broadcast as it was; others end it.
    pub async fn video_config(&self, avcc: Bytes) -> Result<(), LiveError> {
        let format = video_format(avcc)?;
        self.take(|packager| packager.video_format(format)).await
    }

    /// FLV's AAC sequence header, an `AudioSpecificConfig`. Another one than before begins a discontinuity at the next
    /// keyframe.
    ///
    /// # Errors
    /// As [`video_config`](Live::video_config).
    pub async fn audio_config(&self, asc: Bytes) -> Result<(), LiveError> {
        let format = audio_format(asc)?;
        self.take(|packager| packager.audio_format(format)).await
    }

    /// When something of the publisher's timeline was captured by the wall clock, both µs. Without it what comes first
    /// counts as captured when it comes. Holds from the next segment on.
    pub async fn captured(&self, media_us: i64, wall_us: i64) {
        self.ingest.lock().await.packager.captured(media_us, wall_us);
    }

    /// The next picture, in order of decoding. Waits for the disk when that is more than one batch behind.
    ///
    /// # Errors
    /// The broadcast cannot go on.
    pub async fn video(&self, picture: Picture) -> Result<(), LiveError> {
        let now_us = (self.settings.clock)();
        self.take(|packager| {
            if !packager.knows_capture() {
                packager.captured(picture.dts_us, now_us);
            }
            packager.video(picture)
        })
        .await
    }

    /// The next frame of sound.
    ///
    /// # Errors
    /// The broadcast cannot go on.
    pub async fn audio(&self, sound: Sound) -> Result<(), LiveError> {
        let now_us = (self.settings.clock)();
        self.take(|packager| {
            if !packager.knows_capture() {
                packager.captured(sound.pts_us, now_us);
            }
            packager.audio(sound)
        })
        .await
    }

    /// The publisher's connection ended or another one begins: what is held goes out. What comes next has a timeline of
    /// its own, and brings its sequence headers and times of capture again.
    ///
    /// # Errors
    /// The broadcast cannot go on.
    pub async fn discontinuity(&self) -> Result<(), LiveError> {
        self.take(Packager::discontinuity).await?;
        Ok(self.ingest.lock().await.writer.flush().await?)
    }

    /// Ends the broadcast: its playlist gets its end, its folder is complete on the disk when this returns.
    ///
    /// # Errors
    /// [`LiveError::Ended`] when it had ended, or the disk.
    pub async fn finish(&self) -> Result<(), LiveError> {
        self.take(Packager::finish).await?;
        let mut ingest = self.ingest.lock().await;
        self.shelf.window.write().end();
        self.announce();
        ingest.writer.write(vec![Job::End]).await?;
        Ok(ingest.writer.flush().await?)
    }

    /// What it has done.
    pub fn progress(&self) -> Progress {
        let window = self.shelf.window.read();
        let us = u128::from(window.duration()) * 1_000_000 / u128::from(CLOCK_HZ);
        Progress {
            edge: *self.edge.borrow(),
            advanced_us: *self.advanced_us.lock(),
            bytes: window.bytes(),
            duration: Duration::from_micros(u64::try_from(us).unwrap_or(u64::MAX)),
        }
    }

    /// Hears of each part, and of the end.
    pub fn subscribe(&self) -> watch::Receiver<Edge> {
        self.edge.subscribe()
    }

    /// What can be watched now. Hold it briefly.
    pub fn window(&self) -> RwLockReadGuard<'_, Window> {
        self.shelf.window.read()
    }

    async fn take(
        &self,
        feed: impl FnOnce(&mut Packager) -> Result<Vec<Output>, PackagerError>,
    ) -> Result<(), LiveError> {
        let mut ingest = self.ingest.lock().await;
        if self.edge.borrow().ended {
            return Err(LiveError::Ended);
        }
        let outputs = feed(&mut ingest.packager)?;
        if outputs.is_empty() {
            return Ok(());
        }
        let jobs = self.apply(outputs);
        self.announce();
        Ok(ingest.writer.write(jobs).await?)
    }

    fn apply(&self, outputs: Vec<Output>) -> Vec<Job> {
        let mut jobs = Vec::with_capacity(outputs.len());
        let mut window = self.shelf.window.write();
        for output in outputs {
            match output {
                Output::Init(init) => {
                    window.init(&init);
                    jobs.push(Job::Init(init));
                }
                Output::Opened(opened) => {
                    window.open(opened);
                    jobs.push(Job::Open(Line::Open(opened), opened.msn));
                }
                Output::Part(fragment) => {
                    if let Some(part) = window.part(&fragment) {
                        jobs.push(Job::Part(part, fragment.data));
                        *self.advanced_us.lock() = Some((self.settings.clock)());
                    }
                }
                Output::Closed(_) => {
                    window.close();
                    jobs.push(Job::Close);
                    let gone = window.forget_before(Cut::ticks(self.settings.dvr));
                    if self.settings.prune {
                        jobs.extend(gone.into_iter().map(Job::RemoveSegment));
                        jobs.extend(window.forget_inits().into_iter().map(Job::RemoveInit));
                    }
                }
            }
        }
        jobs
    }

    fn announce(&self) {
        let edge = edge_of(&self.shelf.window.read());
        self.edge.send_if_modified(|known| std::mem::replace(known, edge) != edge);
    }

    /// The media playlist as it is now, rendered once for all who ask.
    pub(super) fn playlist(&self, view: View) -> Bytes {
        let window = self.shelf.window.read();
        let edge = edge_of(&window);
        let mut rendered = self.rendered.lock();
        match rendered.get(&view) {
            Some((known, text)) if *known == edge => text.clone(),
            _ => {
                let text = Bytes::from(playlist::media(&window, view, self.latency));
                rendered.insert(view, (edge, text.clone()));
                text
            }
        }
    }

    /// Waits until a segment, or a part of it, is in the playlist; until the end, or the limit of time.
    pub(super) async fn reached(&self, msn: u64, part: Option<usize>, limit: Duration) {
        let there =
            |edge: &Edge| edge.ended || edge.msn > msn || edge.msn == msn && part.is_some_and(|p| edge.parts > p);
        let mut edges = self.edge.subscribe();
        let wait = async {
            if edges.wait_for(there).await.is_err() {
                return;
            }
            // A part beyond the last one of a closed segment is the first one of the next (RFC 8216bis, 6.2.5.2).
            let beyond = part.is_some_and(|part| {
                let window = self.shelf.window.read();
                window.segments().back().is_some_and(|last| last.opened.msn == msn && last.parts.len() <= part)
            });
            if beyond {
                let _ = edges.wait_for(|edge| edge.ended || edge.msn > msn + 1 || edge.parts > 0).await;
            }
        };
        let _ = tokio::time::timeout(limit, wait).await;
    }
}

fn edge_of(window: &Window) -> Edge {
    let (msn, parts) = match window.open_segment() {
        Some(open) => (open.opened.msn, open.parts.len()),
        None => (window.resume().msn, 0),
    };
    Edge { msn, parts, ended: window.ended() }
}
