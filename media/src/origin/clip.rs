//! Clips: a stretch of a recording becomes an asset of its own. Without decoding where it begins at a keyframe, else
//! encoded anew so that it begins at the very picture.
//!
//! One ffmpeg at a time reads the segments that are needed from the disk and writes FLV, which is packaged as a broadcast
//! is. Clips that wait are in the books, so a restart cuts them again from the beginning.

use super::hls::{Live, LiveError, Picture, Segment, Sound, Window};
use super::ingest::Stage;
use super::model::{AssetStatus, Clip};
use crate::flv::{AudioTag, FlvReader, TagKind, VideoTag};
use std::fmt::Write;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

/// Longest time for one clip, s.
const CUT_S_MAX: u64 = 3_600;
/// Between two looks whether a running broadcast has come far enough, ms.
const LOOK_MS: u64 = 1_000;
/// A clip may begin this much before or after a keyframe and still be cut without decoding, ms: half a picture at 30 Hz.
const NEAR_MS: i64 = 16;
const CLOCK_PER_MS: u64 = 90;
const WORDS_BYTES_MAX: u64 = 4_096;

/// Why there is no clip.
#[derive(Debug, thiserror::Error)]
enum ClipError {
    #[error("the asset it is cut from is gone")]
    SourceGone,
    #[error("there is nothing between start_time and end_time, or not within reach while it is live")]
    Nothing,
    #[error("ffmpeg cannot be started: {0}")]
    Start(std::io::Error),
    #[error("ffmpeg failed: {0}")]
    Ffmpeg(String),
    #[error("it took too long")]
    TooLong,
    #[error(transparent)]
    Flv(#[from] crate::flv::FlvReadError),
    #[error(transparent)]
    Live(#[from] LiveError),
    #[error("the disk refused: {0}")]
    Disk(#[from] std::io::Error),
}

/// Cuts what waits, for ever.
pub(super) async fn run(stage: Arc<Stage>) {
    loop {
        let waiting: Vec<(String, Clip)> = stage.desk.read(|books| {
            let waiting = books.assets().filter(|asset| asset.status == AssetStatus::Preparing);
            waiting.filter_map(|asset| Some((asset.id.clone(), asset.clip.clone()?))).collect()
        });
        let ready = waiting.iter().find(|(_, clip)| stage.has_until(&clip.source, clip.end_ms));
        let Some((id, clip)) = ready else {
            let rest = if waiting.is_empty() { Duration::from_secs(3_600) } else { Duration::from_millis(LOOK_MS) };
            tokio::select! {
                () = stage.clips.notified() => {}
                () = tokio::time::sleep(rest) => {}
            }
            continue;
        };
        let cut = tokio::time::timeout(Duration::from_secs(CUT_S_MAX), cut(&stage, id, clip)).await;
        let cut = cut.unwrap_or(Err(ClipError::TooLong)).map_err(|error| {
            tracing::warn!(%error, asset = id, "a clip was not cut");
            error.to_string()
        });
        let id = id.clone();
        if let Err(error) = stage.desk.change(move |books, now| books.clip_cut(now, &id, cut)).await {
            tracing::error!(%error, "that a clip was cut was not kept");
            tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
        }
    }
}

/// What is read for a clip.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    /// A playlist of local files.
    playlist: String,
    /// From its start to the clip's, ms.
    skipped_ms: i64,
    /// How long the clip is, ms.
    length_ms: i64,
    /// It begins at a keyframe, and its format does not change.
    copy: bool,
    /// When its first picture was captured, µs since the Unix epoch.
    captured_us: i64,
}

fn plan(window: &Window, folder: &Path, clip: &Clip) -> Option<Plan> {
    let ms = |ticks: u64| i64::try_from(ticks / CLOCK_PER_MS).unwrap_or(i64::MAX);
    let mut taken: Vec<(&Segment, i64)> = vec![];
    let mut end_ms = 0;
    for segment in window.segments().iter().chain(window.open_segment()) {
        let from_ms = ms(segment.opened.start);
        end_ms = ms(segment.opened.start + segment.duration);
        if end_ms > clip.start_ms && clip.end_ms.is_none_or(|wanted_ms| from_ms < wanted_ms) {
            taken.push((segment, from_ms));
        }
    }
    // A broadcast that runs for long has its beginning on the disk only: it can be cut once it is over.
    let (first, first_ms) = taken.first().copied().filter(|(_, from_ms)| *from_ms <= clip.start_ms)?;
    let length_ms = clip.end_ms.unwrap_or(end_ms).min(end_ms) - clip.start_ms;
    let folder = folder.display();
    let longest = taken.iter().map(|(segment, _)| segment.duration).max().unwrap_or(0);
    let mut playlist = String::from("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-PLAYLIST-TYPE:VOD\n");
    let _ = writeln!(playlist, "#EXT-X-TARGETDURATION:{}", longest.div_ceil(90_000).max(1));
    let mut init = None;
    for (segment, _) in &taken {
        if init != Some(segment.opened.init) {
            init = Some(segment.opened.init);
            let _ = writeln!(playlist, "#EXT-X-MAP:URI=\"{folder}/init-{}.mp4\"", segment.opened.init);
        }
        let seconds = segment.duration as f64 / 90_000.0;
        let _ = writeln!(playlist, "#EXTINF:{seconds:.5},\n{folder}/{}.m4s", segment.opened.msn);
    }
    playlist.push_str("#EXT-X-ENDLIST\n");
    let skipped_ms = clip.start_ms - first_ms;
    let one_format = taken.iter().all(|(segment, _)| segment.opened.init == first.opened.init);
    Some(Plan {
        playlist,
        skipped_ms,
        length_ms,
        copy: skipped_ms <= NEAR_MS && first.opened.independent && one_format,
        captured_us: first.opened.captured_us + skipped_ms * 1_000,
    })
    .filter(|plan| plan.length_ms > 0)
}

async fn cut(stage: &Arc<Stage>, id: &str, clip: &Clip) -> Result<i64, ClipError> {
    let source = stage.media(&clip.source);
    let plan = match stage.live(&clip.source) {
        Some(live) => plan(&live.window(), &source, clip),
        None => {
            let (stage, source_id) = (stage.clone(), clip.source.clone());
            let vod = tokio::task::spawn_blocking(move || stage.vod(&source_id)).await;
            let vod = vod.ok().flatten().ok_or(ClipError::SourceGone)?;
            vod.with(|window| plan(window, &source, clip))
        }
    }
    .ok_or(ClipError::Nothing)?;
    let folder = stage.media(id);
    match tokio::fs::remove_dir_all(&folder).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let settings = stage.live_settings();
    let opened = tokio::task::spawn_blocking({
        let folder = folder.clone();
        move || Live::open(folder, settings)
    });
    let live = opened.await.map_err(|_| LiveError::Ended)??;
    let list = folder.join("source.m3u8");
    tokio::fs::write(&list, &plan.playlist).await?;
    fill(&stage.ffmpeg, &list, &plan, &live).await?;
    tokio::fs::remove_file(&list).await?;
    live.finish().await?;
    let duration_ms = i64::try_from(live.progress().duration.as_millis()).unwrap_or(i64::MAX);
    if duration_ms == 0 { Err(ClipError::Nothing) } else { Ok(duration_ms) }
}

async fn fill(ffmpeg: &Path, list: &Path, plan: &Plan, live: &Live) -> Result<(), ClipError> {
    let mut command = Command::new(ffmpeg);
    command.args(["-nostdin", "-v", "error", "-protocol_whitelist", "file,crypto", "-allowed_extensions", "ALL"]);
    command.arg("-i").arg(list);
    if !plan.copy {
        // Decoded and thrown away up to here: seeking in a playlist of parts does not land (ffmpeg 5.1).
        command.arg("-ss").arg(seconds(plan.skipped_ms));
    }
    command.arg("-t").arg(seconds(plan.length_ms));
    match plan.copy {
        true => command.args(["-c", "copy"]),
        false => command.args([
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-crf",
            "20",
            "-force_key_frames",
            "expr:gte(t,n_forced)",
            "-bf",
            "0",
            "-c:a",
            "aac",
            "-b:a",
            "160k",
        ]),
    };
    command.args(["-f", "flv", "-flvflags", "no_duration_filesize", "pipe:1"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(ClipError::Start)?;
    let (Some(out), Some(errors)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(ClipError::Start(std::io::ErrorKind::BrokenPipe.into()));
    };
    let said = async {
        let mut words = String::new();
        let _ = errors.take(WORDS_BYTES_MAX).read_to_string(&mut words).await;
        words
    };
    let (packaged, words) = tokio::join!(package(FlvReader::new(out), plan, live), said);
    let status = child.wait().await?;
    match packaged {
        Ok(()) if status.success() => Ok(()),
        Ok(()) | Err(ClipError::Flv(_)) => Err(ClipError::Ffmpeg(words.trim().to_owned())),
        Err(error) => Err(error),
    }
}

async fn package<R: tokio::io::AsyncRead + Unpin>(
    mut tags: FlvReader<R>,
    plan: &Plan,
    live: &Live,
) -> Result<(), ClipError> {
    live.captured(0, plan.captured_us).await;
    while let Some(tag) = tags.next().await? {
        let at_us = i64::try_from(tag.timestamp_ms).unwrap_or(0).saturating_mul(1_000);
        match tag.kind {
            TagKind::Meta => {}
            TagKind::Video => match VideoTag::parse(&tag.body) {
                Ok(VideoTag::Config(avcc)) => live.video_config(avcc).await?,
                Ok(VideoTag::Picture { cts_ms, keyframe, data }) => {
                    live.video(Picture { dts_us: at_us, cts_us: cts_ms.saturating_mul(1_000), keyframe, data }).await?;
                }
                Ok(VideoTag::EndOfSequence) | Err(_) => {}
            },
            TagKind::Audio => match AudioTag::parse(&tag.body) {
                Ok(AudioTag::Config(asc)) => live.audio_config(asc).await?,
                Ok(AudioTag::Frame(data)) => live.audio(Sound { pts_us: at_us, data }).await?,
                Err(_) => {}
            },
        }
    }
    Ok(())
}

fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}
