//! A broadcast that is over, as it lies in its folder.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;

use super::journal::{self, JournalError};
use super::packager::CLOCK_HZ;
use super::playlist::{self, Extent, Latency, View};
use super::store::Shelf;
use super::window::Window;

/// Why a folder holds nothing to be watched.
#[derive(Debug, thiserror::Error)]
pub enum VodError {
    /// It cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The broadcast has not ended: open it as [`Live`](super::Live), and finish it.
    #[error("the broadcast has not ended")]
    Unfinished,
    /// Nothing was ever recorded.
    #[error("nothing was recorded")]
    Empty,
}

/// See the module.
#[derive(Debug)]
pub struct Vod {
    pub(super) shelf: Shelf,
    playlist: Bytes,
}

impl Vod {
    /// Opens the folder of a broadcast that is over. Blocks on the disk.
    ///
    /// # Errors
    /// See [`VodError`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Vod, VodError> {
        let found = journal::read(dir.as_ref())?;
        if !found.window.ended() {
            return Err(VodError::Unfinished);
        }
        if found.window.is_empty() {
            return Err(VodError::Empty);
        }
        let playlist = playlist::media(&found.window, VIEW, LATENCY).into();
        Ok(Vod { shelf: Shelf::new(dir.as_ref(), found.broadcast, found.window), playlist })
    }

    /// How long it is.
    pub fn duration(&self) -> Duration {
        let ticks = self.with(|window| window.segments().iter().map(|segment| segment.duration).sum::<u64>());
        Duration::from_micros(ticks / 9 * 100)
    }

    /// Bytes of its segments.
    pub fn bytes(&self) -> u64 {
        self.with(|window| window.segments().iter().map(|segment| segment.length).sum())
    }

    /// What there is to watch.
    pub fn with<T>(&self, read: impl FnOnce(&Window) -> T) -> T {
        read(&self.shelf.window.read())
    }

    pub(super) fn playlist(&self) -> Bytes {
        self.playlist.clone()
    }
}

const VIEW: View = View { extent: Extent::Vod, skip: false };
/// An ended playlist tells none.
const LATENCY: Latency = Latency { part: 0, part_hold_back: CLOCK_HZ as u64 };
