//! Makes one film of the parts of a recording: an MP4 that plays everywhere, poster, storyboard, HLS.
//!
//! Parts of one format are joined without touching their pictures; Opus becomes AAC. Parts of different formats are all
//! coded anew in the size that was shown longest, fitted in with bars, and then joined. Time in which nothing was
//! received is cut out.
//!
//! Each step writes under another name and renames, and is skipped when its result is there. So work that was
//! interrupted anywhere is taken up by calling [`finish`] again, and calling it once more costs nothing.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::film::{
    FILM_FILE, FILM_FOLDER, Film, HLS_FOLDER, MANIFEST_FILE, POSTER_FILE, STORYBOARD_FILE, STORYBOARD_VTT_FILE, lay_out,
};
use super::journal::{Part, part_file};
use super::{RecordingError, parts};
use crate::bridge::ffmpeg::{FfmpegError, run};

const WORK_FOLDER: &str = "work";
/// Small pictures of a storyboard, per row and in all.
const TILES_PER_ROW: i64 = 10;
const TILES_MAX: i64 = 100;
const TILE_WIDTH: i64 = 160;
/// Small pictures are not closer than this, milliseconds.
const TILE_MS_MIN: i64 = 2_000;

/// How a film is made.
#[derive(Debug, Clone)]
pub struct FinishSettings {
    /// The program.
    pub ffmpeg: PathBuf,
    /// Of AAC, bits a second.
    pub sound_bitrate: u32,
    /// Length of HLS segments, seconds; cut at keyframes.
    pub segment_s: u32,
    /// What each step gets besides what grows with the length of the film.
    pub step_limit: Duration,
}

impl Default for FinishSettings {
    fn default() -> FinishSettings {
        FinishSettings {
            ffmpeg: "ffmpeg".into(),
            sound_bitrate: 128_000,
            segment_s: 4,
            step_limit: Duration::from_secs(120),
        }
    }
}

/// Why there is no film yet.
#[derive(Debug, thiserror::Error)]
pub enum FinishError {
    /// Nothing was recorded, so there will be none.
    #[error("nothing was recorded")]
    Empty,
    /// The recording cannot be read, or is still being written.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// A step failed; the steps before it need not be done again.
    #[error(transparent)]
    Ffmpeg(#[from] FfmpegError),
    /// The disk.
    #[error("the film cannot be written: {0}")]
    Io(#[from] std::io::Error),
}

/// How far the work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub step: &'static str,
    /// Of this step, 0 to 100.
    pub percent: u8,
}

/// Makes the film of a recording that is over, or finds it made.
///
/// # Errors
/// See [`FinishError`]; all but `Empty` are worth another try.
pub async fn finish(
    folder: &Path,
    settings: &FinishSettings,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<Film, FinishError> {
    if let Some(film) = Film::of(folder)? {
        return Ok(film);
    }
    let parts = parts(folder)?;
    let Some(size) = shown_longest(&parts) else { return Err(FinishError::Empty) };
    let out = folder.join(FILM_FOLDER);
    std::fs::create_dir_all(out.join(WORK_FOLDER))?;
    let mut work = Work { settings, parts: &parts, folder, out, size, progress: &mut progress };
    let transcoded = parts.iter().any(|part| part.avcc != parts[0].avcc);
    work.join_parts(transcoded).await?;
    work.poster().await?;
    work.storyboard().await?;
    work.hls().await?;
    let (stretches, cuts) = lay_out(&parts);
    let film = Film {
        duration_ms: work.duration_us() / 1_000,
        width: size.0,
        height: size.1,
        bytes: std::fs::metadata(work.out.join(FILM_FILE))?.len(),
        transcoded,
        stretches,
        cuts,
    };
    let text = serde_json::to_vec_pretty(&film).map_err(std::io::Error::other)?;
    let temporary = work.temporary(MANIFEST_FILE);
    std::fs::write(&temporary, text)?;
    work.keep(&temporary, MANIFEST_FILE)?;
    std::fs::remove_dir_all(work.out.join(WORK_FOLDER))?;
    Ok(film)
}

/// The size in which the show was seen for the longest time, with even sides.
fn shown_longest(parts: &[Part]) -> Option<(u16, u16)> {
    let time_of = |size: (u16, u16)| -> i64 {
        parts.iter().filter(|part| (part.width, part.height) == size).filter_map(|part| part.duration_us).sum()
    };
    let (width, height) = parts.iter().map(|part| (part.width, part.height)).max_by_key(|size| time_of(*size))?;
    Some((width & !1, height & !1))
}

struct Work<'a> {
    settings: &'a FinishSettings,
    parts: &'a [Part],
    folder: &'a Path,
    out: PathBuf,
    size: (u16, u16),
    progress: &'a mut (dyn FnMut(Progress) + Send),
}

impl Work<'_> {
    fn duration_us(&self) -> i64 {
        self.parts.iter().filter_map(|part| part.duration_us).sum()
    }

    fn temporary(&self, name: &str) -> PathBuf {
        self.out.join(WORK_FOLDER).join(name)
    }

    fn has(&self, name: &str) -> bool {
        self.out.join(name).exists()
    }

    /// Gives a result its name, once it is on the disk.
    fn keep(&self, temporary: &Path, name: &str) -> std::io::Result<()> {
        File::open(temporary)?.sync_all()?;
        std::fs::rename(temporary, self.out.join(name))?;
        File::open(&self.out)?.sync_all()
    }

    /// `us` is what the step works through; each second of it may take `factor` seconds.
    async fn run(&mut self, step: &'static str, us: i64, factor: u32, args: &[OsString]) -> Result<(), FfmpegError> {
        let limit = self.settings.step_limit + Duration::from_micros(us.max(0) as u64) * factor;
        let progress = &mut *self.progress;
        let tell = |done_us: i64| {
            let percent = (done_us.max(0) * 100 / us.max(1)).min(100) as u8;
            progress(Progress { step, percent });
        };
        run(&self.settings.ffmpeg, step, args, limit, tell).await
    }

    async fn join_parts(&mut self, transcoded: bool) -> Result<(), FinishError> {
        if self.has(FILM_FILE) {
            return Ok(());
        }
        let mut list = String::from("ffconcat version 1.0\n");
        for part in self.parts {
            let file = if transcoded { self.code_anew(part).await? } else { self.folder.join(part_file(part.number)) };
            let duration_us = part.duration_us.unwrap_or(0);
            let seconds = format!("{}.{:06}", duration_us / 1_000_000, duration_us % 1_000_000);
            list.push_str(&format!("file {}\nduration {seconds}\n", quoted(&file)));
        }
        let list_file = self.temporary("parts.txt");
        std::fs::write(&list_file, list)?;
        let film = self.temporary(FILM_FILE);
        let mut args = words("-f concat -safe 0 -i");
        args.push(list_file.into());
        args.extend(words("-map 0:v:0 -map 0:a:0? -c:v copy"));
        args.extend(self.sound());
        args.extend(words("-movflags +faststart -f mp4"));
        args.push(film.clone().into());
        self.run("join the parts", self.duration_us(), 2, &args).await?;
        self.keep(&film, FILM_FILE)?;
        Ok(())
    }

    /// AAC without holes: where a part ends a few milliseconds early, silence stands in. (With `first_pts=0`, ffmpeg 5.1
    /// begins to count anew at each part.)
    fn sound(&self) -> Vec<OsString> {
        let bitrate = self.settings.sound_bitrate;
        words(&format!("-c:a aac -b:a {bitrate} -ar 48000 -ac 2 -af aresample=async=1:min_hard_comp=0.01"))
    }

    async fn code_anew(&mut self, part: &Part) -> Result<PathBuf, FinishError> {
        let name = part_file(part.number);
        let coded = self.temporary(&name);
        if coded.exists() {
            return Ok(coded);
        }
        let (width, height) = self.size;
        let fit = format!(
            "scale={width}:{height}:force_original_aspect_ratio=decrease:force_divisible_by=2,\
             pad={width}:{height}:(ow-iw)/2:(oh-ih)/2,setsar=1,format=yuv420p"
        );
        let half_done = self.temporary(&format!("{name}.half"));
        let mut args = words("-i");
        args.push(self.folder.join(&name).into());
        args.extend(words("-map 0:v:0 -map 0:a:0? -vf"));
        args.push(fit.into());
        // All parts must come out with the same parameter sets, so nothing in these may depend on the content.
        args.extend(words("-c:v libx264 -preset veryfast -crf 21 -profile:v high -level 4.2 -bf 0 -refs 2"));
        args.extend(words("-force_key_frames expr:gte(t,n_forced*2)"));
        // Each picture keeps its time. Sound is coded once, when the parts are joined: AAC has a run-up at each begin.
        args.extend(words("-fps_mode passthrough -enc_time_base -1 -video_track_timescale 90000 -c:a copy -f mp4"));
        args.push(half_done.clone().into());
        self.run("code a part anew", part.duration_us.unwrap_or(0), 20, &args).await?;
        std::fs::rename(&half_done, &coded)?;
        Ok(coded)
    }

    async fn poster(&mut self) -> Result<(), FinishError> {
        if self.has(POSTER_FILE) {
            return Ok(());
        }
        let poster = self.temporary(POSTER_FILE);
        // A tenth into the show there is something to see; what is picked is the most ordinary of some pictures.
        for at_us in [self.duration_us() / 10, 0] {
            let mut args = words(&format!("-ss {at_us}us -i"));
            args.push(self.out.join(FILM_FILE).into());
            args.extend(words("-an -vf thumbnail=30,scale=w='min(1280,iw)':h=-2 -frames:v 1 -q:v 3 -f mjpeg"));
            args.push(poster.clone().into());
            self.run("make the poster", 0, 1, &args).await?;
            if std::fs::metadata(&poster).is_ok_and(|file| file.len() > 0) {
                break;
            }
        }
        self.keep(&poster, POSTER_FILE)?;
        Ok(())
    }

    async fn storyboard(&mut self) -> Result<(), FinishError> {
        if self.has(STORYBOARD_FILE) && self.has(STORYBOARD_VTT_FILE) {
            return Ok(());
        }
        let duration_ms = self.duration_us() / 1_000;
        let tile_ms = (duration_ms / TILES_MAX + 1).max(TILE_MS_MIN);
        let tiles = (duration_ms / tile_ms + 1).min(TILES_MAX);
        let rows = (tiles + TILES_PER_ROW - 1) / TILES_PER_ROW;
        let tile_height = (TILE_WIDTH * i64::from(self.size.1) / i64::from(self.size.0).max(1) / 2 * 2).max(2);
        let picture = self.temporary(STORYBOARD_FILE);
        // Only keyframes are decoded; the last one is repeated as long as a tile is free.
        let tiled = format!(
            "fps=fps=1000/{tile_ms}:start_time=0:round=near,scale={TILE_WIDTH}:{tile_height},\
             tpad=stop_mode=clone:stop={TILES_MAX},tile={TILES_PER_ROW}x{rows}"
        );
        let mut args = words("-skip_frame nokey -i");
        args.push(self.out.join(FILM_FILE).into());
        args.extend(words("-an -vf"));
        args.push(tiled.into());
        args.extend(words("-frames:v 1 -q:v 4 -f mjpeg"));
        args.push(picture.clone().into());
        self.run("make the storyboard", self.duration_us(), 1, &args).await?;
        self.keep(&picture, STORYBOARD_FILE)?;

        let mut vtt = String::from("WEBVTT\n");
        for tile in 0..tiles {
            let (from_ms, until_ms) = (tile * tile_ms, ((tile + 1) * tile_ms).min(duration_ms.max(1)));
            if from_ms >= until_ms {
                break;
            }
            let (x, y) = (tile % TILES_PER_ROW * TILE_WIDTH, tile / TILES_PER_ROW * tile_height);
            let (from, until) = (clock(from_ms), clock(until_ms));
            vtt.push_str(&format!("\n{from} --> {until}\n{STORYBOARD_FILE}#xywh={x},{y},{TILE_WIDTH},{tile_height}\n"));
        }
        let text = self.temporary(STORYBOARD_VTT_FILE);
        std::fs::write(&text, vtt)?;
        self.keep(&text, STORYBOARD_VTT_FILE)?;
        Ok(())
    }

    async fn hls(&mut self) -> Result<(), FinishError> {
        if self.has(HLS_FOLDER) {
            return Ok(());
        }
        let folder = self.temporary(HLS_FOLDER);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let mut args = words("-i");
        args.push(self.out.join(FILM_FILE).into());
        args.extend(words("-c copy -f hls -hls_playlist_type vod -hls_segment_type fmp4"));
        args.extend(words("-hls_flags independent_segments -hls_fmp4_init_filename init.mp4"));
        args.extend(words(&format!("-hls_time {} -hls_segment_filename", self.settings.segment_s)));
        args.push(folder.join("s%05d.m4s").into());
        args.push(folder.join("index.m3u8").into());
        self.run("cut HLS segments", self.duration_us(), 1, &args).await?;
        for file in std::fs::read_dir(&folder)? {
            File::open(file?.path())?.sync_all()?;
        }
        self.keep(&folder, HLS_FOLDER)?;
        Ok(())
    }
}

fn words(text: &str) -> Vec<OsString> {
    text.split_whitespace().map(OsString::from).collect()
}

/// A path as a concat list has it: in single quotes, which end and begin again around one of its own.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}

/// As WebVTT writes times.
fn clock(ms: i64) -> String {
    format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000)
}
