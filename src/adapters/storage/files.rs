//! Objects as files below one folder: `{folder}/{key}`. A put writes to `{folder}/.new/`, syncs, renames, and syncs the
//! folder, so a crash at any point, power cut included, leaves the old object or the new one. Names that begin with a
//! dot are ours; no key can have one. Time-outs: none, a disk has its own. Retries: none; the caller repeats.

use super::uploads::Uploads;
use super::{
    Body, Key, Meta, Object, ObjectStore, PUT_BYTES_MAX, Page, Part, Prefix, Signer, Span, StorageError, Upload,
    content_type, walk,
};
use backstage_actors::ports::{BoxFuture, Clock};
use backstage_core::Timestamp;
use bytes::Bytes;
use futures_util::StreamExt;
use std::fs::{self, Metadata};
use std::io::{self, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

/// Bytes read at once.
const CHUNK_BYTES: usize = 128 << 10;
/// A parent folder may be tidied away by a delete between its making and the rename.
const PLACE_TRIES_MAX: u32 = 5;
/// What a crash left in `.new/` goes at a start once it is this old, ms: another process may be at work on younger ones.
const DRAFT_MS_MAX: i64 = 24 * 3_600_000;

/// See the module.
pub struct FileStore {
    pub(super) root: PathBuf,
    pub(super) uploads: Uploads,
    signer: Signer,
}

impl FileStore {
    /// Opens the folder, made with mode 0700 if it is not there, and clears away what crashes left behind.
    pub fn open(root: &Path, signer: Signer, clock: &dyn Clock) -> io::Result<FileStore> {
        let drafts = root.join(".new");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&drafts)?;
        sweep(&drafts, clock.now() - DRAFT_MS_MAX);
        let uploads = Uploads::open(root, clock)?;
        Ok(FileStore { root: root.to_owned(), uploads, signer })
    }

    /// Where an object's file is.
    pub fn path(&self, key: &Key) -> PathBuf {
        self.root.join(key.as_str())
    }

    /// Opens an object's file; a folder of that name is no object.
    async fn file(&self, key: &Key) -> Result<(File, Metadata), StorageError> {
        let file = File::open(self.path(key)).await.map_err(sort)?;
        let about = file.metadata().await.map_err(sort)?;
        if about.is_file() { Ok((file, about)) } else { Err(StorageError::NotFound) }
    }
}

/// Removes files of a folder that were last written before `before`. What cannot be removed is left for the next time.
fn sweep(folder: &Path, before: Timestamp) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.metadata().is_ok_and(|about| modified(&about) < before) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// When a file was last written.
pub(super) fn modified(about: &Metadata) -> Timestamp {
    let since = about.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn meta(key: &Key, about: &Metadata) -> Meta {
    // A put makes a new inode, so these three differ even within one tick of the disk's clock.
    let nanoseconds = about.mtime().wrapping_mul(1_000_000_000).wrapping_add(about.mtime_nsec());
    Meta {
        size: about.len(),
        modified: modified(about),
        etag: format!("{:x}-{:x}-{nanoseconds:x}", about.ino(), about.len()),
        content_type: content_type(key),
    }
}

/// A disk's error as a storage error.
pub(super) fn sort(error: io::Error) -> StorageError {
    match error.kind() {
        // A key below another object's is no object either.
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StorageError::NotFound,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => StorageError::Final(error.to_string()),
        _ => StorageError::TryAgain(error.to_string()),
    }
}

/// The same where something is written: what stands in the way is not a missing object.
pub(super) fn sort_write(error: io::Error) -> StorageError {
    match error.kind() {
        io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory | io::ErrorKind::AlreadyExists => {
            StorageError::Final("another object's key is in the way of this one".to_owned())
        }
        io::ErrorKind::NotFound => StorageError::TryAgain(error.to_string()),
        _ => sort(error),
    }
}

/// Runs work on the disk where it may block.
pub(super) async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(StorageError::TryAgain(format!("the work on the disk ended early: {error}"))),
    }
}

/// A file that is not an object yet; it goes when dropped.
pub(super) struct Draft {
    path: PathBuf,
    kept: bool,
}

impl Draft {
    pub(super) async fn write(root: &Path, mut body: Body) -> Result<(Draft, u64), StorageError> {
        let path = root.join(".new").join(uuid::Uuid::new_v4().simple().to_string());
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = tokio::fs::OpenOptions::from(options).open(&path).await.map_err(sort_write)?;
        let draft = Draft { path, kept: false };
        let mut size: u64 = 0;
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(StorageError::Body)?;
            size += chunk.len() as u64;
            if size > PUT_BYTES_MAX {
                return Err(StorageError::TooLarge);
            }
            file.write_all(&chunk).await.map_err(sort_write)?;
        }
        file.flush().await.map_err(sort_write)?;
        file.sync_all().await.map_err(sort_write)?;
        Ok((draft, size))
    }

    /// Takes over a file that was written and synced already.
    pub(super) fn of(path: PathBuf) -> Draft {
        Draft { path, kept: false }
    }

    /// Makes it the object at `target`. Blocks.
    pub(super) fn place(mut self, root: &Path, target: &Path) -> io::Result<()> {
        let folder = target.parent().unwrap_or(root);
        let mut tries = 0;
        loop {
            tries += 1;
            let placed = make_folders(root, folder).and_then(|()| fs::rename(&self.path, target));
            match placed {
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries < PLACE_TRIES_MAX => {}
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        self.kept = true;
        sync_folder(folder)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// Makes the folders between `root` and `folder`, each synced into its parent.
fn make_folders(root: &Path, folder: &Path) -> io::Result<()> {
    let Ok(below) = folder.strip_prefix(root) else { return Ok(()) };
    let mut at = root.to_owned();
    for part in below {
        let parent = at.clone();
        at.push(part);
        match fs::DirBuilder::new().mode(0o700).create(&at) {
            Ok(()) => sync_folder(&parent)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && at.is_dir() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Removes a file and the folders above it that became empty.
fn remove(root: &Path, path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        // A folder of this name: there is no such object.
        Err(_) if path.is_dir() => return Ok(()),
        done => done?,
    }
    let mut folder = path.parent().unwrap_or(root);
    while folder != root {
        let parent = folder.parent().unwrap_or(root);
        if fs::remove_dir(folder).is_err() {
            return sync_folder(folder).or_else(gone_is_fine);
        }
        folder = parent;
    }
    sync_folder(root)
}

fn gone_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// The bytes of an open file from where it stands.
fn read(file: File, length: u64) -> Body {
    let step = |(mut file, left): (File, u64)| async move {
        if left == 0 {
            return None;
        }
        let want = usize::try_from(left).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
        let mut chunk = vec![0; want];
        match file.read(&mut chunk).await {
            Ok(0) => Some((Err(io::ErrorKind::UnexpectedEof.into()), (file, 0))),
            Ok(count) => {
                chunk.truncate(count);
                Some((Ok(Bytes::from(chunk)), (file, left - count as u64)))
            }
            Err(error) => Some((Err(error), (file, 0))),
        }
    };
    futures_util::stream::unfold((file, length), step).boxed()
}

impl ObjectStore for FileStore {
    fn put<'a>(&'a self, key: &'a Key, body: Body) -> BoxFuture<'a, Result<u64, StorageError>> {
        Box::pin(async move {
            let (draft, size) = Draft::write(&self.root, body).await?;
            let (root, target) = (self.root.clone(), self.path(key));
            on_disk(move || draft.place(&root, &target).map_err(sort_write)).await?;
            Ok(size)
        })
    }

    fn begin<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Upload, StorageError>> {
        Box::pin(self.uploads.begin(key.clone()))
    }

    fn part<'a>(&'a self, upload: &'a Upload, number: u16, bytes: Bytes) -> BoxFuture<'a, Result<Part, StorageError>> {
        Box::pin(self.uploads.part(upload, number, bytes))
    }

    fn complete<'a>(&'a self, upload: &'a Upload, parts: &'a [Part]) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(self.uploads.complete(upload, parts, self.path(&upload.key)))
    }

    fn abort<'a>(&'a self, upload: &'a Upload) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(self.uploads.abort(upload))
    }

    fn get<'a>(&'a self, key: &'a Key, span: Option<Span>) -> BoxFuture<'a, Result<Object, StorageError>> {
        Box::pin(async move {
            let (mut file, about) = self.file(key).await?;
            let meta = meta(key, &about);
            let (first, length) = match span {
                Some(span) => span.within(meta.size)?,
                None => (0, meta.size),
            };
            file.seek(SeekFrom::Start(first)).await.map_err(sort)?;
            Ok(Object { meta, first, length, body: read(file, length) })
        })
    }

    fn head<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Meta, StorageError>> {
        Box::pin(async move { Ok(meta(key, &self.file(key).await?.1)) })
    }

    fn delete<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<(), StorageError>> {
        let (root, path) = (self.root.clone(), self.path(key));
        Box::pin(on_disk(move || remove(&root, &path).map_err(sort)))
    }

    fn list<'a>(
        &'a self,
        prefix: &'a Prefix,
        after: Option<&'a Key>,
        limit: u16,
    ) -> BoxFuture<'a, Result<Page, StorageError>> {
        let (root, prefix, after) = (self.root.clone(), prefix.clone(), after.cloned());
        Box::pin(on_disk(move || walk::list(&root, &prefix, after.as_ref(), limit).map_err(sort)))
    }

    fn presign_get<'a>(&'a self, key: &'a Key, lasts: Duration) -> BoxFuture<'a, Result<String, StorageError>> {
        Box::pin(std::future::ready(Ok(self.signer.url("GET", key, lasts))))
    }

    fn presign_put<'a>(&'a self, key: &'a Key, lasts: Duration) -> BoxFuture<'a, Result<String, StorageError>> {
        Box::pin(std::future::ready(Ok(self.signer.url("PUT", key, lasts))))
    }
}

/// A store as the rest of the server holds it.
impl From<FileStore> for Arc<dyn ObjectStore> {
    fn from(store: FileStore) -> Arc<dyn ObjectStore> {
        Arc::new(store)
    }
}
