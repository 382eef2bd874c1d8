//! What a finished recording consists of on the disk, and what each file is called in the archive.

use backstage_media::bridge::recording::film::{
    FILM_FILE, FILM_FOLDER, HLS_FOLDER, POSTER_FILE, STORYBOARD_FILE, STORYBOARD_VTT_FILE,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use std::io;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::{POSTER, VIDEO};
use crate::adapters::storage::{BadKey, Body, Key, Prefix};

/// Read at once, bytes.
const CHUNK_BYTES: usize = 256 * 1024;
/// More segments than the longest show has: two days of one second each.
const FILES_MAX: usize = 200_000;

/// A file on its way into the archive.
#[derive(Debug, Clone)]
pub struct FilmFile {
    /// On the disk.
    pub path: PathBuf,
    /// In the archive, below the recording's folder.
    pub name: String,
    /// Bytes.
    pub size: u64,
}

impl FilmFile {
    fn of(path: PathBuf, name: String) -> io::Result<FilmFile> {
        let size = std::fs::metadata(&path)?.len();
        Ok(FilmFile { path, name, size })
    }

    /// Where it will be.
    pub fn key(&self, folder: &Prefix) -> Result<Key, BadKey> {
        Key::parse(&format!("{}{}", folder.as_str(), self.name))
    }

    /// Whether it is the one large file, which is sent in parts.
    pub fn is_video(&self) -> bool {
        self.name == VIDEO
    }

    /// All of it, as it is read.
    pub async fn body(&self) -> io::Result<Body> {
        let file = tokio::fs::File::open(&self.path).await?;
        let read = async |mut file: tokio::fs::File| {
            let mut chunk = vec![0; CHUNK_BYTES];
            match file.read(&mut chunk).await {
                Ok(0) => None,
                Ok(count) => {
                    chunk.truncate(count);
                    Some((Ok(Bytes::from(chunk)), file))
                }
                Err(error) => Some((Err(error), file)),
            }
        };
        Ok(stream::unfold(file, move |file| Box::pin(read(file))).boxed())
    }

    /// Some of it.
    pub async fn span(&self, first: u64, length: usize) -> io::Result<Bytes> {
        let mut file = tokio::fs::File::open(&self.path).await?;
        file.seek(io::SeekFrom::Start(first)).await?;
        let mut bytes = vec![0; length];
        file.read_exact(&mut bytes).await?;
        Ok(bytes.into())
    }
}

/// The files of the film in a recording's folder.
pub fn film_files(folder: &Path) -> io::Result<Vec<FilmFile>> {
    let film = folder.join(FILM_FOLDER);
    let mut files = vec![];
    for (file, name) in [
        (POSTER_FILE, POSTER),
        (STORYBOARD_FILE, STORYBOARD_FILE),
        (STORYBOARD_VTT_FILE, STORYBOARD_VTT_FILE),
        (FILM_FILE, VIDEO),
    ] {
        files.push(FilmFile::of(film.join(file), name.to_owned())?);
    }
    for entry in std::fs::read_dir(film.join(HLS_FOLDER))? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|_| io::Error::other("a segment has a strange name"))?;
        files.push(FilmFile::of(entry.path(), format!("hls/{name}"))?);
        if files.len() > FILES_MAX {
            return Err(io::Error::other("the film has too many segments"));
        }
    }
    Ok(files)
}
