//! Uploads in parts, for the store of files: `.uploads/{id}/{number}-{etag}`, each part synced before it is promised. The
//! rules of S3 hold here too, so that what works on a laptop works there.

use super::files::{Draft, on_disk, sort_write, sync_folder};
use super::{Key, PART_BYTES_MIN, Part, StorageError, Upload, check_order, check_part, files};
use crate::security::seal;
use backstage_actors::ports::Clock;
use bytes::Bytes;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// An upload that nobody touched for so long is thrown away at a start, ms: a week, as one sets it at S3.
const STALE_MS: i64 = 7 * 86_400_000;
/// Holds the key; written last when an upload begins.
const KEY_FILE: &str = "key";

/// See the module.
pub struct Uploads {
    root: PathBuf,
}

impl Uploads {
    /// Uploads of the store at `root`; stale ones go.
    pub fn open(root: &Path, clock: &dyn Clock) -> io::Result<Uploads> {
        let uploads = Uploads { root: root.to_owned() };
        let folder = root.join(".uploads");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        for entry in fs::read_dir(&folder)?.flatten() {
            // A folder's time moves with each new part.
            if entry.metadata().is_ok_and(|about| files::modified(&about) < clock.now() - STALE_MS) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        Ok(uploads)
    }

    /// The folder of an upload; its id comes from outside and must be one that we made.
    fn folder(&self, upload: &Upload) -> Result<PathBuf, StorageError> {
        let ours = upload.id.len() == 32 && upload.id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !ours {
            return Err(StorageError::NoSuchUpload);
        }
        Ok(self.root.join(".uploads").join(&upload.id))
    }

    pub async fn begin(&self, key: Key) -> Result<Upload, StorageError> {
        let upload = Upload { key, id: uuid::Uuid::new_v4().simple().to_string() };
        let (folder, key) = (self.folder(&upload)?, upload.key.clone());
        on_disk(move || {
            fs::DirBuilder::new().mode(0o700).create(&folder).map_err(sort_write)?;
            write(&folder.join(KEY_FILE), key.as_str().as_bytes()).map_err(sort_write)?;
            folder.parent().map_or(Ok(()), sync_folder).map_err(sort_write)
        })
        .await?;
        Ok(upload)
    }

    pub async fn part(&self, upload: &Upload, number: u16, bytes: Bytes) -> Result<Part, StorageError> {
        check_part(number, &bytes)?;
        let (folder, key) = (self.folder(upload)?, upload.key.clone());
        on_disk(move || {
            belongs(&folder, &key)?;
            let etag = seal::hex(&seal::digest_of(&bytes)[..16]);
            write(&folder.join(name(number, &etag)), &bytes).map_err(gone)?;
            Ok(Part { number, etag })
        })
        .await
    }

    pub async fn complete(&self, upload: &Upload, parts: &[Part], target: PathBuf) -> Result<(), StorageError> {
        let (folder, key) = (self.folder(upload)?, upload.key.clone());
        let (root, parts) = (self.root.clone(), parts.to_vec());
        on_disk(move || {
            belongs(&folder, &key)?;
            check_order(&parts)?;
            let draft = joined(&root, &folder, &parts)?;
            draft.place(&root, &target).map_err(sort_write)?;
            // The object is there; parts that stay behind go at a start.
            let _ = fs::remove_dir_all(&folder);
            Ok(())
        })
        .await
    }

    pub async fn abort(&self, upload: &Upload) -> Result<(), StorageError> {
        let Ok(folder) = self.folder(upload) else { return Ok(()) };
        on_disk(move || match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(sort_write(error)),
            Ok(()) | Err(_) => Ok(()),
        })
        .await
    }
}

fn name(number: u16, etag: &str) -> String {
    format!("{number}-{etag}")
}

/// Whether the upload is there, for this key.
fn belongs(folder: &Path, key: &Key) -> Result<(), StorageError> {
    match fs::read_to_string(folder.join(KEY_FILE)) {
        Ok(held) if held == key.as_str() => Ok(()),
        Ok(_) => Err(StorageError::NoSuchUpload),
        Err(error) => Err(gone(error)),
    }
}

fn gone(error: io::Error) -> StorageError {
    if error.kind() == io::ErrorKind::NotFound { StorageError::NoSuchUpload } else { sort_write(error) }
}

/// Writes a file whole: under another name first, synced, with its folder.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_file_name(format!(".{}", uuid::Uuid::new_v4().simple()));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// All parts as one file, synced.
fn joined(root: &Path, folder: &Path, parts: &[Part]) -> Result<Draft, StorageError> {
    let missing = |number: u16| StorageError::BadParts(format!("part {number} was not taken as it is named here"));
    let mut found = vec![];
    for (index, part) in parts.iter().enumerate() {
        let plain = part.etag.bytes().all(|byte| byte.is_ascii_hexdigit());
        let path = folder.join(name(part.number, &part.etag));
        let Some(about) = plain.then(|| fs::metadata(&path).ok()).flatten() else { return Err(missing(part.number)) };
        if about.len() < PART_BYTES_MIN as u64 && index + 1 < parts.len() {
            return Err(StorageError::BadParts(format!("part {} is under 5 MiB", part.number)));
        }
        found.push(path);
    }
    let whole = root.join(".new").join(uuid::Uuid::new_v4().simple().to_string());
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&whole).map_err(sort_write)?;
    let draft = Draft::of(whole);
    for path in found {
        let mut part = fs::File::open(path).map_err(sort_write)?;
        io::copy(&mut part, &mut file).map_err(sort_write)?;
    }
    file.sync_all().map_err(sort_write)?;
    Ok(draft)
}
