//! Runs ffmpeg for one piece of work with an end: a time limit, progress, and its last words when it fails.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::Command;

/// Of ffmpeg's last words, this much is kept, bytes.
const WORDS_BYTES_MAX: usize = 2_048;

/// Why a piece of work was not done.
#[derive(Debug, thiserror::Error)]
pub enum FfmpegError {
    /// The program is missing or may not be run.
    #[error("ffmpeg cannot be started ({program}): {source}", program = program.display())]
    Start {
        /// What was to be run.
        program: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It ended with an error.
    #[error("ffmpeg failed to {step}: {words}")]
    Failed {
        /// What it was to do.
        step: &'static str,
        /// Its last words.
        words: String,
    },
    /// It was ended because it took too long.
    #[error("ffmpeg took longer than {} s to {step}", limit.as_secs())]
    TimedOut {
        /// What it was to do.
        step: &'static str,
        /// What it had been given.
        limit: Duration,
    },
}

/// Runs ffmpeg to its end. `progress` gets how far the output has come, microseconds. The process does not outlive the
/// future. It does outlive our own process when that is killed, for as long as its work takes; then a lock on `held` is
/// kept by it alone, so that nobody else writes the same files meanwhile.
///
/// # Errors
/// See [`FfmpegError`]. Trying again is of use after a time-out, rarely after a failure.
pub async fn run(
    program: &Path,
    step: &'static str,
    args: &[OsString],
    limit: Duration,
    held: &File,
    mut progress: impl FnMut(i64),
) -> Result<(), FfmpegError> {
    let start = |source| FfmpegError::Start { program: program.to_owned(), source };
    // A lock belongs to all copies of an open file. ffmpeg never reads this one.
    let stdin = Stdio::from(held.try_clone().map_err(start)?);
    let mut child = Command::new(program)
        .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-progress", "pipe:1", "-nostats", "-y"])
        .args(args)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(start)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let report = async {
        let Some(stdout) = stdout else { return };
        let mut lines = BufReader::new(stdout).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(us) = line.strip_prefix("out_time_us=").and_then(|us| us.trim().parse().ok()) {
                progress(us);
            }
        }
    };
    let work = async { tokio::join!(child.wait(), report, last_words(stderr)) };
    match tokio::time::timeout(limit, work).await {
        Ok((Ok(status), (), _)) if status.success() => Ok(()),
        Ok((_, (), words)) => Err(FfmpegError::Failed { step, words }),
        Err(_) => {
            // Gone, not only told to go, before anyone tries again with the same files.
            let _ = child.kill().await;
            Err(FfmpegError::TimedOut { step, limit })
        }
    }
}

/// Reads to the end and keeps the last part.
pub async fn last_words(stderr: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut stderr) = stderr else { return String::new() };
    let (mut kept, mut chunk) = (Vec::new(), [0u8; 1_024]);
    while let Ok(count @ 1..) = stderr.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..count]);
        let excess = kept.len().saturating_sub(WORDS_BYTES_MAX);
        kept.drain(..excess);
    }
    String::from_utf8_lossy(&kept).trim().to_owned()
}
