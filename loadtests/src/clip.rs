//! The clip that a creator publishes: moving pictures and a tone, made once by ffmpeg.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use backstage_media::participant::{AudioClip, ClipError, Programme, VideoClip};
use tokio::process::Command;

use crate::scenario::Creator;

/// It is shown again and again.
const SECONDS: u32 = 10;
const MAKING_MAX: Duration = Duration::from_secs(120);

/// Why there is no clip.
#[derive(Debug, thiserror::Error)]
pub enum MakingError {
    /// ffmpeg cannot be run.
    #[error("ffmpeg cannot be run: {0}. Install it, for example by bin/setup")]
    Program(#[source] std::io::Error),
    /// ffmpeg ended with an error.
    #[error("ffmpeg made no clip: {0}")]
    Failed(String),
    /// It took more than two minutes.
    #[error("ffmpeg took more than two minutes")]
    TooSlow,
    /// What it made cannot be used.
    #[error(transparent)]
    Clip(#[from] ClipError),
    /// No folder for it.
    #[error("no folder for the clip: {0}")]
    Folder(#[source] std::io::Error),
}

/// A folder that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Folder, MakingError> {
        let name = format!("backstage-load-{}-{:08x}", std::process::id(), rand::random::<u32>());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).map_err(MakingError::Folder)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A keyframe each second, no B-frames.
///
/// # Errors
/// When ffmpeg is not there or fails.
pub async fn make(creator: &Creator) -> Result<Programme, MakingError> {
    let folder = Folder::new()?;
    let (video, audio) = (folder.0.join("clip.h264"), folder.0.join("clip.ogg"));
    let (width, height) = creator.size;
    let picture = format!("testsrc2=size={width}x{height}:rate={}", creator.fps);
    let (seconds, fps, rate) = (SECONDS.to_string(), creator.fps.to_string(), format!("{}k", creator.kbps));
    let mut args = vec!["-f", "lavfi", "-i", &picture, "-t", &seconds, "-c:v", "libx264", "-preset", "veryfast"];
    args.extend(["-profile:v", "baseline", "-pix_fmt", "yuv420p", "-b:v", &rate, "-maxrate", &rate, "-bufsize", &rate]);
    args.extend(["-g", &fps, "-bf", "0", "-sc_threshold", "0"]);
    args.extend(["-x264-params", "aud=1:repeat-headers=1:slices=1", "-f", "h264"]);
    run(&args, &video).await?;
    let tone = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", &seconds];
    let opus = ["-c:a", "libopus", "-b:a", "32k", "-frame_duration", "20", "-f", "ogg"];
    run(&[tone.as_slice(), &opus].concat(), &audio).await?;
    let video = VideoClip::read(&video, f64::from(creator.fps)).await?;
    let audio = AudioClip::read(&audio).await?;
    Ok(Programme::new(Some(video), Some(audio)))
}

async fn run(args: &[&str], to: &Path) -> Result<(), MakingError> {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-loglevel", "error", "-y"]).args(args).arg(to);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let child = command.spawn().map_err(MakingError::Program)?;
    let ended = tokio::time::timeout(MAKING_MAX, child.wait_with_output()).await.map_err(|_| MakingError::TooSlow)?;
    let output = ended.map_err(MakingError::Program)?;
    if output.status.success() {
        return Ok(());
    }
    Err(MakingError::Failed(String::from_utf8_lossy(&output.stderr).trim().chars().take(500).collect()))
}
