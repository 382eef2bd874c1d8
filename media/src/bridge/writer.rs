//! Keeps the recording going: reads the ring, writes, and begins anew when the disk fails.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;

use super::recording::{Recorder, RecordingError, RecordingFigures};
use super::tide::Reader;
use super::unit::Cause;

/// The wait before another try after the disk has failed.
const RETRY: Duration = Duration::from_secs(2);

/// How the recording is doing.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RecordingStatus {
    /// A recorder is at work.
    pub running: bool,
    /// Parts written by this bridge.
    pub parts: u32,
    /// Bytes on the disk by this bridge.
    pub bytes: u64,
    /// Microseconds recorded by this bridge.
    pub duration_us: i64,
    /// Times that it had to begin anew, or that units were lost.
    pub interruptions: u64,
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// The status that the writer keeps.
pub(super) type RecordingBoard = Arc<Mutex<RecordingStatus>>;

/// Runs until the show is over and everything is on the disk.
pub(super) async fn run(folder: PathBuf, mut reader: Reader, board: RecordingBoard) {
    let mut before = RecordingFigures::default();
    loop {
        let error = match record(&folder, &mut reader, &board, &mut before).await {
            Ok(()) => break,
            Err(error) => error,
        };
        tracing::error!(%error, folder = %folder.display(), "bridge: the recording failed and is begun anew");
        fail(&board, &error);
        tokio::time::sleep(RETRY).await;
    }
    board.lock().running = false;
}

fn fail(board: &RecordingBoard, error: &RecordingError) {
    let mut status = board.lock();
    status.running = false;
    status.interruptions += 1;
    status.last_error = Some(error.to_string());
}

/// One recorder, until the end of the show or an error. `before` is what recorders before it have written.
async fn record(
    folder: &Path,
    reader: &mut Reader,
    board: &RecordingBoard,
    before: &mut RecordingFigures,
) -> Result<(), RecordingError> {
    let path = folder.to_owned();
    let mut recorder = blocking(move || Recorder::open(&path)).await?;
    // After an error it goes on behind what was lost, with the next keyframe.
    board.lock().running = true;
    let done = *before;
    while let Some(read) = reader.next().await {
        let lost = read.lost;
        let figures;
        (recorder, figures) = blocking(move || {
            if read.lost {
                recorder.interrupt(Cause::Overrun)?;
            }
            recorder.write(read.units)?;
            let figures = recorder.figures();
            Ok((recorder, figures))
        })
        .await?;
        *before = sum(done, figures);
        let mut status = board.lock();
        status.interruptions += u64::from(lost);
        show(&mut status, before);
    }
    let figures = blocking(move || recorder.close()).await?;
    show(&mut board.lock(), &sum(done, figures));
    Ok(())
}

fn sum(a: RecordingFigures, b: RecordingFigures) -> RecordingFigures {
    RecordingFigures {
        parts: a.parts + b.parts,
        bytes: a.bytes + b.bytes,
        duration_us: a.duration_us + b.duration_us,
        recording: b.recording,
    }
}

fn show(status: &mut RecordingStatus, figures: &RecordingFigures) {
    (status.parts, status.bytes, status.duration_us) = (figures.parts, figures.bytes, figures.duration_us);
}

/// Runs what waits for the disk where it blocks nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RecordingError> + Send + 'static,
) -> Result<T, RecordingError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(RecordingError::Broken("the recorder failed")),
    }
}
