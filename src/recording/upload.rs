//! Brings the files of a film into the object storage, goes on where an earlier try was, and makes sure that they are
//! there. Until the recording is written down its folder is doomed, so that nothing is left behind by anybody who stops
//! on the way; it is put off again and again meanwhile.

use backstage_actors::ports::Clock;
use backstage_core::{StreamId, Timestamp};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::HashMap;
use std::sync::Arc;

use super::archive::ArchiveError;
use super::film_files::FilmFile;
use super::ledger::{Ledger, Place};
use crate::adapters::storage::{ObjectStore, PAGE_MAX, PART_BYTES_MAX, PARTS_MAX, Prefix, StorageError};
use crate::db::Db;
use crate::objects::doomed;
use crate::security::seal;

/// A part of the large file, bytes; more when it would be too many of them.
const PART_BYTES: u64 = 16 << 20;
/// Small files on their way at the same time.
const AT_ONCE: usize = 4;
/// Small files between two looks at the time.
const BATCH: usize = 64;
/// From this long before its end on, a folder is not taken to be safe, ms: clocks differ, and deleting takes a while.
const MARGIN_MS: i64 = 5 * 60_000;
/// Put off again when less than this is left, ms.
const RENEW_MS: i64 = doomed::KEEP_WITHIN_MS * 2 / 3;

/// What an upload works with.
pub struct Uploader<'a> {
    pub db: &'a Db,
    pub objects: &'a Arc<dyn ObjectStore>,
    pub clock: &'a Arc<dyn Clock>,
    pub ledger: &'a mut Ledger,
    /// Told how much of everything is there, 0 to 100.
    pub progress: &'a (dyn Fn(u8) + Send + Sync),
}

impl Uploader<'_> {
    /// Everything is in the folder that this returns, and it is safe for [`MARGIN_MS`] when it does.
    pub async fn run(&mut self, stream: &StreamId, files: &[FilmFile]) -> Result<Prefix, ArchiveError> {
        let folder = self.settle(stream).await?;
        let mut held = self.held(&folder).await?;
        let there = |held: &HashMap<String, u64>, file: &FilmFile| held.get(&file.name) == Some(&file.size);
        let total: u64 = files.iter().map(|file| file.size).sum();
        let mut done: u64 = files.iter().filter(|file| there(&held, file)).map(|file| file.size).sum();
        let small: Vec<&FilmFile> = files.iter().filter(|file| !file.is_video() && !there(&held, file)).collect();
        for batch in small.chunks(BATCH) {
            self.stay_safe().await?;
            stream::iter(batch)
                .map(|file| put(self.objects, file, &folder))
                .buffer_unordered(AT_ONCE)
                .try_collect::<()>()
                .await?;
            done += batch.iter().map(|file| file.size).sum::<u64>();
            self.tell(done, total);
        }
        for video in files.iter().filter(|file| file.is_video() && !there(&held, file)) {
            self.put_in_parts(video, &folder, done, total).await?;
        }
        held = self.held(&folder).await?;
        if let Some(missing) = files.iter().find(|file| !there(&held, file)) {
            return Err(ArchiveError::Missing(missing.name.clone()));
        }
        self.stay_safe().await?;
        Ok(folder)
    }

    fn tell(&self, done: u64, total: u64) {
        (self.progress)(u8::try_from(done * 100 / total.max(1)).unwrap_or(100).min(100));
    }

    /// The folder of an earlier try if it is still safe, else a new one under a name that nobody can guess.
    async fn settle(&mut self, stream: &StreamId) -> Result<Prefix, ArchiveError> {
        if let Some(place) = self.ledger.place().cloned() {
            let prefix = place.prefix().filter(|_| place.safe_until.since_ms(self.clock.now()) > MARGIN_MS);
            if let Some(prefix) = prefix {
                self.stay_safe().await?;
                return Ok(prefix);
            }
            if let Some(upload) = &place.upload {
                self.objects.abort(upload).await?;
            }
        }
        let name = seal::random_token().map_err(|error| ArchiveError::NotNow(error.to_string()))?;
        let folder = format!("recordings/{stream}/{name}/");
        let prefix = Prefix::parse(&folder).map_err(|error| ArchiveError::Never(error.to_string()))?;
        let safe_until = self.doom(&prefix).await?;
        self.ledger.set_place(Some(Place { folder, safe_until, upload: None, parts: vec![] }))?;
        Ok(prefix)
    }

    async fn doom(&self, prefix: &Prefix) -> Result<Timestamp, ArchiveError> {
        let until = self.clock.now() + doomed::KEEP_WITHIN_MS;
        let mut tx = self.db.begin_write().await?;
        doomed::doom_folder(&mut tx, prefix, until).await?;
        tx.commit().await?;
        Ok(until)
    }

    /// Puts the end of the folder off when it comes near.
    async fn stay_safe(&mut self) -> Result<(), ArchiveError> {
        let Some(place) = self.ledger.place().cloned() else { return Ok(()) };
        if place.safe_until.since_ms(self.clock.now()) > RENEW_MS {
            return Ok(());
        }
        let Some(prefix) = place.prefix() else { return Ok(()) };
        let safe_until = self.doom(&prefix).await?;
        self.ledger.set_place(Some(Place { safe_until, ..place }))?;
        Ok(())
    }

    /// Sizes of what is in the folder, by name.
    async fn held(&self, folder: &Prefix) -> Result<HashMap<String, u64>, ArchiveError> {
        let (mut held, mut after) = (HashMap::new(), None);
        loop {
            let page = self.objects.list(folder, after.as_ref(), PAGE_MAX).await?;
            for listed in page.objects {
                if let Some(name) = listed.key.as_str().strip_prefix(folder.as_str()) {
                    held.insert(name.to_owned(), listed.size);
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(held),
            }
        }
    }

    async fn put_in_parts(
        &mut self,
        file: &FilmFile,
        folder: &Prefix,
        done: u64,
        total: u64,
    ) -> Result<(), ArchiveError> {
        let length = part_bytes(file.size)?;
        let count = file.size.div_ceil(length).max(1);
        loop {
            let place = self.ledger.place().cloned().ok_or(ArchiveError::NotNow("its place is lost".to_owned()))?;
            let upload = match &place.upload {
                Some(upload) => upload.clone(),
                None => {
                    let key = file.key(folder).map_err(|error| ArchiveError::Never(error.to_string()))?;
                    let upload = self.objects.begin(&key).await?;
                    self.ledger.set_place(Some(Place { upload: Some(upload.clone()), ..place }))?;
                    continue;
                }
            };
            let number = place.parts.len() as u64 + 1;
            if number > count {
                match self.objects.complete(&upload, &place.parts).await {
                    Err(StorageError::NoSuchUpload | StorageError::BadParts(_)) => self.anew(place)?,
                    other => return Ok(other?),
                }
                continue;
            }
            self.stay_safe().await?;
            let first = (number - 1) * length;
            let bytes = file.span(first, usize::try_from(length.min(file.size - first)).unwrap_or(0)).await?;
            let number = u16::try_from(number).map_err(|_| ArchiveError::Never("the film is too large".to_owned()))?;
            let part = match self.objects.part(&upload, number, bytes).await {
                Err(StorageError::NoSuchUpload) => {
                    self.anew(place)?;
                    continue;
                }
                other => other?,
            };
            // It may have been put off meanwhile.
            if let Some(mut place) = self.ledger.place().cloned() {
                place.parts.push(part);
                self.ledger.set_place(Some(place))?;
            }
            self.tell(done + (first + length).min(file.size), total);
        }
    }

    /// The store has forgotten the upload.
    fn anew(&mut self, place: Place) -> Result<(), ArchiveError> {
        Ok(self.ledger.set_place(Some(Place { upload: None, parts: vec![], ..place }))?)
    }
}

async fn put(objects: &Arc<dyn ObjectStore>, file: &FilmFile, folder: &Prefix) -> Result<(), ArchiveError> {
    let key = file.key(folder).map_err(|error| ArchiveError::Never(error.to_string()))?;
    objects.put(&key, file.body().await?).await?;
    Ok(())
}

fn part_bytes(size: u64) -> Result<u64, ArchiveError> {
    let length = size.div_ceil(u64::from(PARTS_MAX)).max(PART_BYTES);
    match length <= PART_BYTES_MAX as u64 {
        true => Ok(length),
        false => Err(ArchiveError::Never("the film is too large".to_owned())),
    }
}
