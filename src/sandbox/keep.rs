//! The file that outlives a restart: all of the books, written anew beside the old ones and then put in their place.
//! Changes that come while it is written go together into the next one.

use super::books::Books;
use super::door::Door;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::{oneshot, watch};

/// Largest file that is read, bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// How far the file is.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// The change that it holds.
    pub version: u64,
    /// Whether it was written.
    pub is_written: bool,
}

/// Reads the books; new ones if there is no file.
pub fn read(path: &Path) -> io::Result<Books> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Books::default()),
        Err(error) => return Err(error),
        Ok(metadata) if metadata.len() > FILE_BYTES_MAX => return Err(io::ErrorKind::FileTooLarge.into()),
        Ok(_) => {}
    }
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

/// Writes after each change, and once more when it is told, or left, to stop.
pub async fn run(
    door: Arc<Door>,
    path: PathBuf,
    mut changes: watch::Receiver<u64>,
    kept: watch::Sender<Kept>,
    mut stopping: oneshot::Receiver<()>,
) {
    loop {
        let is_last = tokio::select! {
            changed = changes.changed() => changed.is_err(),
            _ = &mut stopping => true,
        };
        let version = *changes.borrow_and_update();
        let (door, path) = (door.clone(), path.clone());
        let written = tokio::task::spawn_blocking(move || write(&door, &path)).await;
        let written = written.unwrap_or_else(|error| Err(io::Error::other(error)));
        if let Err(error) = &written {
            tracing::error!(%error, "the sandbox's file was not written");
        }
        kept.send_replace(Kept { version, is_written: written.is_ok() });
        if is_last {
            return;
        }
    }
}

/// Writes the books as they are now.
fn write(door: &Door, path: &Path) -> io::Result<()> {
    let bytes = serde_json::to_vec(&*door.books.lock())?;
    let beside = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(&bytes)?;
    file.sync_data()?;
    fs::rename(beside, path)
}
