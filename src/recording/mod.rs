//! Recordings: from a recorder's folder to the archive, and from there to those who may watch.
//!
//! | object in the recording's folder | what |
//! |---|---|
//! | `video.mp4` | the whole film: H.264 and AAC, index first |
//! | `poster.jpg` | a picture of it |
//! | `storyboard.jpg`, `storyboard.vtt` | small pictures, and which of them belongs to which time |
//! | `hls/index.m3u8`, `hls/init.mp4`, `hls/s00000.m4s` … | the same film as HLS |
//!
//! The folder's name in the object storage is `recordings/{stream}/{random}/`. No object of it is given to anybody but
//! through [`media`], which asks [`watch`] each time.

pub mod archive;
pub mod expiry;
mod film_files;
mod ledger;
pub mod media;
pub mod place;
pub mod routes;
pub mod store;
pub mod ticket;
mod upload;
pub mod views;
pub mod watch;
pub mod words;

use backstage_core::access::RecordingRule;
use backstage_core::recording::Archive;
use backstage_core::{ExperienceId, SpaceId, StreamId, Timestamp};
use backstage_media::bridge::recording::film::{Cut, Stretch};

use crate::adapters::storage::{BadKey, Key};

/// Name of the playable file.
pub const VIDEO: &str = "video.mp4";
/// Name of the picture.
pub const POSTER: &str = "poster.jpg";
/// Name of the playlist.
pub const PLAYLIST: &str = "hls/index.m3u8";

/// A recording in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Its id, in addresses.
    pub id: String,
    /// Of which stream.
    pub stream: StreamId,
    /// Of which experience.
    pub experience: ExperienceId,
    /// In which space.
    pub space: SpaceId,
    /// Shown name: the experience's title, until the team gives another.
    pub title: String,
    /// When its first picture was captured.
    pub started_at: Timestamp,
    /// How long it plays, ms.
    pub duration_ms: i64,
    /// Size of the playable file.
    pub bytes: i64,
    /// Pixels.
    pub width: i64,
    /// Pixels.
    pub height: i64,
    /// Of its objects, with a slash at the end.
    pub folder: String,
    /// Where each stretch of the film comes from.
    pub stretches: Vec<Stretch>,
    /// Where time is missing.
    pub cuts: Vec<Cut>,
    /// Who may watch.
    pub rule: RecordingRule,
    /// When it was archived.
    pub created_at: Timestamp,
    /// When it goes by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

impl Recording {
    /// One of its objects.
    pub fn object(&self, name: &str) -> Result<Key, BadKey> {
        Key::parse(&format!("{}{name}", self.folder))
    }

    /// As the stream remembers it.
    pub fn archived(&self) -> Archive {
        Archive { key: self.folder.clone(), duration_ms: self.duration_ms, bytes: self.bytes }
    }
}
