//! Pictures of a broadcast, made by ffmpeg: thumbnails and storyboards. A few at a time, and kept beside the recording.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::Semaphore;

use super::packager::CLOCK_HZ;
use super::store::Shelf;
use super::window::Segment;

/// Runs of ffmpeg at a time, of all broadcasts together.
const RUNS_MAX: usize = 2;
/// A run waits this long for its turn, and then may take this long.
const TURN: Duration = Duration::from_secs(10);
const RUN: Duration = Duration::from_secs(20);
/// A larger picture is none, bytes.
const IMAGE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Pictures kept of one broadcast; beyond it they are made each time.
const KEPT_MAX: usize = 500;
/// Pictures in a storyboard.
const TILES_MAX: usize = 30;
const COLUMNS: usize = 5;
const TILE_WIDTH: usize = 284;
const TILE_HEIGHT: usize = 160;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub(super) enum ImageError {
    #[error("there is no picture at that time")]
    NoPicture,
    #[error("too many pictures are being made")]
    Busy,
    #[error("the picture could not be made: {0}")]
    Failed(#[from] std::io::Error),
}

/// Bounds of a thumbnail, pixels; its aspect ratio is that of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    width: Option<u16>,
    height: Option<u16>,
}

impl Size {
    /// `None` when a side is outside 16 to 1920.
    pub(super) fn new(width: Option<u16>, height: Option<u16>) -> Option<Size> {
        let fits = |side: Option<u16>| side.is_none_or(|side| (16..=1_920).contains(&side));
        (fits(width) && fits(height)).then_some(Size { width, height })
    }

    fn filter(self) -> String {
        match (self.width, self.height) {
            (None, None) => "scale=min(1920\\,iw):-2".to_owned(),
            (Some(width), None) => format!("scale={width}:-2"),
            (None, Some(height)) => format!("scale=-2:{height}"),
            (Some(width), Some(height)) => {
                format!("scale={width}:{height}:force_original_aspect_ratio=decrease:force_divisible_by=2")
            }
        }
    }

    fn name(self) -> String {
        format!("{}x{}", self.width.unwrap_or(0), self.height.unwrap_or(0))
    }
}

/// A storyboard: pictures in a grid.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) data: Bytes,
    /// From when to when each tile holds, ms.
    tiles: Vec<(u64, u64)>,
}

impl Board {
    /// Where each tile belongs, as players read it.
    pub(super) fn webvtt(&self, uri: &str) -> String {
        let clock =
            |ms: u64| format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000);
        let mut out = "WEBVTT\n".to_owned();
        for (index, (from, to)) in self.tiles.iter().enumerate() {
            let (x, y) = (index % COLUMNS * TILE_WIDTH, index / COLUMNS * TILE_HEIGHT);
            let _ =
                write!(out, "\n{} --> {}\n{uri}#xywh={x},{y},{TILE_WIDTH},{TILE_HEIGHT}\n", clock(*from), clock(*to));
        }
        out
    }
}

/// Makes pictures.
#[derive(Debug)]
pub struct Images {
    ffmpeg: PathBuf,
    turns: Semaphore,
}

impl Images {
    /// Pictures made by this ffmpeg (a path, or a name that is looked for as the shell does).
    pub fn new(ffmpeg: impl Into<PathBuf>) -> Images {
        Images { ffmpeg: ffmpeg.into(), turns: Semaphore::new(RUNS_MAX) }
    }

    /// The picture at a time since the first one that can be watched, seconds; without a time the newest keyframe.
    pub(super) async fn thumbnail(&self, shelf: &Shelf, time: Option<f64>, size: Size) -> Result<Bytes, ImageError> {
        let (msn, offset_ms, init) = place(shelf, time).ok_or(ImageError::NoPicture)?;
        let name = format!("{msn}-{offset_ms}-{}.jpg", size.name());
        self.kept(&shelf.dir, &name, async {
            let segment = shelf.segment(msn).await?.ok_or(ImageError::NoPicture)?;
            let input = [init, segment].concat();
            let make = |at_ms: u64| {
                let at = format!("{:.3}", at_ms as f64 / 1_000.0);
                let filter = size.filter();
                let input = input.clone();
                async move {
                    let args = ["-i", "pipe:0", "-ss", &at, "-frames:v", "1", "-vf", &filter, "-q:v", "4"];
                    self.run(&args, input).await
                }
            };
            let data = make(offset_ms).await?;
            // The last picture may begin before that.
            if data.is_empty() && offset_ms > 0 { make(0).await } else { Ok(data) }
        })
        .await
    }

    /// The storyboard of a broadcast that is over.
    pub(super) async fn storyboard(&self, shelf: &Shelf) -> Result<Board, ImageError> {
        let (tiles, heads) = tiles(shelf);
        if heads.is_empty() {
            return Err(ImageError::NoPicture);
        }
        let data = self
            .kept(&shelf.dir, "storyboard.jpg", async {
                let mut pictures = vec![];
                for group in heads.chunk_by(|one, other| one.1 == other.1) {
                    let mut input = BytesMut::new();
                    let init = group.first().and_then(|(_, number)| shelf.init(*number));
                    input.extend_from_slice(&init.ok_or(ImageError::NoPicture)?);
                    for (msn, _) in group {
                        input.extend_from_slice(&shelf.part(*msn, 0).await?.ok_or(ImageError::NoPicture)?);
                    }
                    let filter = format!(
                        "scale={TILE_WIDTH}:{TILE_HEIGHT}:force_original_aspect_ratio=decrease,pad={TILE_WIDTH}:{TILE_HEIGHT}:-1:-1"
                    );
                    let args = ["-skip_frame", "nokey", "-i", "pipe:0", "-fps_mode", "passthrough", "-vf", &filter];
                    pictures.extend_from_slice(&self.run(&args, input.to_vec()).await?);
                }
                let filter = format!("tile={COLUMNS}x{}", heads.len().div_ceil(COLUMNS));
                let args =
                    ["-f", "image2pipe", "-c:v", "mjpeg", "-i", "pipe:0", "-vf", &filter, "-frames:v", "1", "-q:v", "4"];
                self.run(&args, pictures).await
            })
            .await?;
        Ok(Board { data, tiles })
    }

    /// The picture of this name, made if it was not kept.
    async fn kept(
        &self,
        dir: &Path,
        name: &str,
        make: impl Future<Output = Result<Bytes, ImageError>>,
    ) -> Result<Bytes, ImageError> {
        let dir = dir.join("images");
        let path = dir.join(name);
        if let Ok(data) = tokio::fs::read(&path).await {
            return Ok(data.into());
        }
        let turn = tokio::time::timeout(TURN, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(ImageError::Busy) };
        // Somebody else may have waited for the same.
        if let Ok(data) = tokio::fs::read(&path).await {
            return Ok(data.into());
        }
        let data = tokio::time::timeout(RUN, make).await.map_err(|_| ImageError::Busy)??;
        if data.is_empty() {
            return Err(ImageError::NoPicture);
        }
        // A picture that cannot be kept is still a picture.
        if let Err(error) = keep(&dir, &path, &data).await {
            tracing::warn!(%error, "a picture could not be kept");
        }
        Ok(data)
    }

    /// Runs ffmpeg; what comes out is one JPEG or several after each other, or nothing.
    async fn run(&self, args: &[&str], input: Vec<u8>) -> Result<Bytes, ImageError> {
        let mut child = Command::new(&self.ffmpeg)
            .args(["-v", "quiet", "-nostdin", "-threads", "1"])
            .args(args)
            .args(["-an", "-pix_fmt", "yuvj420p", "-c:v", "mjpeg", "-f", "image2pipe", "pipe:1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let feed = async {
            if let Some(mut stdin) = stdin {
                // It stops reading when it has enough.
                let _ = stdin.write_all(&input).await;
            }
        };
        let collect = async {
            let mut out = vec![];
            if let Some(stdout) = stdout {
                stdout.take(IMAGE_BYTES_MAX).read_to_end(&mut out).await?;
            }
            Ok::<_, std::io::Error>(out)
        };
        let ((), out) = tokio::join!(feed, collect);
        let out = out?;
        child.wait().await?;
        Ok(out.into())
    }
}

async fn keep(dir: &Path, path: &Path, data: &[u8]) -> std::io::Result<()> {
    tokio::fs::create_dir_all(dir).await?;
    let mut there = tokio::fs::read_dir(dir).await?;
    let mut count = 0;
    while there.next_entry().await?.is_some() {
        count += 1;
    }
    if count >= KEPT_MAX {
        return Ok(());
    }
    let whole = path.with_extension("part");
    tokio::fs::write(&whole, data).await?;
    tokio::fs::rename(&whole, path).await
}

fn ms(ticks: u64) -> u64 {
    ticks * 1_000 / u64::from(CLOCK_HZ)
}

/// The closed segment that is shown at a time, how far into it (ms, in steps of 100), and its init segment.
fn place(shelf: &Shelf, time: Option<f64>) -> Option<(u64, u64, Bytes)> {
    let window = shelf.window.read();
    window.tracks()?.resolution?;
    let segments = window.segments();
    let found = match time {
        None => (segments.back()?, 0),
        // A time beyond the end is the end.
        Some(time) => {
            let mut left = (time * f64::from(CLOCK_HZ)) as u64;
            let mut segments = segments.iter().peekable();
            loop {
                let segment = segments.next()?;
                if left < segment.duration || segments.peek().is_none() {
                    break (segment, left.min(segment.duration.saturating_sub(1)));
                }
                left -= segment.duration;
            }
        }
    };
    let init = window.init_data(found.0.opened.init)?;
    Some((found.0.opened.msn, ms(found.1) / 100 * 100, init))
}

/// From when to when each tile holds, and the segment and init segment that it is made of.
fn tiles(shelf: &Shelf) -> (Vec<(u64, u64)>, Vec<(u64, u32)>) {
    let window = shelf.window.read();
    if window.tracks().is_none_or(|tracks| tracks.resolution.is_none()) {
        return (vec![], vec![]);
    }
    let mut at = 0;
    let mut usable: Vec<(u64, &Segment)> = vec![];
    for segment in window.segments() {
        if segment.opened.independent && segment.pictures > 0 {
            usable.push((at, segment));
        }
        at += segment.duration;
    }
    let whole = at;
    let count = usable.len().min(TILES_MAX);
    let chosen: Vec<&(u64, &Segment)> =
        (0..count).filter_map(|index| usable.get(index * usable.len() / count)).collect();
    let ends = chosen.iter().skip(1).map(|(from, _)| *from).chain([whole]);
    // The first one holds from the very beginning.
    let starts = std::iter::once(0).chain(chosen.iter().skip(1).map(|(from, _)| *from));
    let times = starts.zip(ends).map(|(from, to)| (ms(from), ms(to))).collect();
    (times, chosen.iter().map(|(_, segment)| (segment.opened.msn, segment.opened.init)).collect())
}
