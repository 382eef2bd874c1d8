//! Keeps the books on disk: one journal, a line for each change, written and flushed before the change has any effect.
//!
//! A line holds everything that one change touched, so a crash leaves it whole or not at all: a last line without its end
//! is cut off when the journal is opened. When the journal has grown, a new one with the present state takes its place.

use super::model::{Books, Key, Now, Record, books::Environment};
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;

/// A journal is begun anew once it is larger than this and than four times what is kept.
const ANEW_BYTES: u64 = 4 * 1024 * 1024;
/// Longest line: one change touches few objects.
const LINE_BYTES_MAX: usize = 8 * 1024 * 1024;
const JOURNAL: &str = "journal.jsonl";

/// Ms since the Unix epoch, as the clock on the wall says.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Why something could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk refused.
    #[error("{0} cannot be read or written: {1}")]
    Disk(PathBuf, #[source] io::Error),
    /// Not what we wrote.
    #[error("line {1} of {0} cannot be read: {2}")]
    Corrupt(PathBuf, usize, #[source] serde_json::Error),
    /// Another process has it.
    #[error("{0} is used by another process")]
    InUse(PathBuf),
    /// The thread that writes was ended.
    #[error("the origin is stopping")]
    Stopping,
}

type Line = Vec<(Key, Option<Record>)>;

struct Journal {
    path: PathBuf,
    file: File,
    bytes: u64,
    /// When the present journal was begun.
    bytes_begun: u64,
    /// Held as long as the journal is.
    _lock: File,
}

impl Journal {
    /// Opens or begins the journal of a folder; the records are what it holds.
    fn open(folder: &Path) -> Result<(Journal, Vec<Record>), StoreError> {
        let path = folder.join(JOURNAL);
        let disk = |error| StoreError::Disk(path.clone(), error);
        fs::create_dir_all(folder).map_err(disk)?;
        let lock = private(true).open(folder.join("lock")).map_err(disk)?;
        lock.try_lock().map_err(|_| StoreError::InUse(folder.to_owned()))?;
        let mut file = private(false).read(true).open(&path).map_err(disk)?;
        let (records, good) = read(&path, &mut file)?;
        if file.metadata().map_err(disk)?.len() > good {
            tracing::warn!("the last change was not written whole and is undone");
            file.set_len(good).map_err(disk)?;
        }
        let mut journal = Journal { path, file, bytes: good, bytes_begun: 0, _lock: lock };
        journal.begin_anew(records.iter().cloned())?;
        Ok((journal, records))
    }

    fn append(&mut self, line: &Line) -> Result<(), StoreError> {
        let written = write_line(&mut self.file, line).and_then(|bytes| self.file.sync_data().map(|()| bytes));
        match written {
            Ok(bytes) => {
                self.bytes += bytes;
                Ok(())
            }
            Err(error) => {
                // What was half written must not stand in front of the next line.
                let _ = self.file.set_len(self.bytes);
                Err(StoreError::Disk(self.path.clone(), error))
            }
        }
    }

    fn grown(&self) -> bool {
        self.bytes > ANEW_BYTES && self.bytes > 4 * self.bytes_begun
    }

    /// Writes the present state to a journal of its own, which then takes the place of this one.
    fn begin_anew(&mut self, records: impl Iterator<Item = Record>) -> Result<(), StoreError> {
        let draft = self.path.with_extension("new");
        let disk = |error| StoreError::Disk(draft.clone(), error);
        let mut file = private(true).open(&draft).map_err(disk)?;
        let mut bytes = 0;
        for record in records {
            bytes += write_line(&mut file, &vec![(key(&record), Some(record))]).map_err(disk)?;
        }
        file.sync_all().map_err(disk)?;
        fs::rename(&draft, &self.path).map_err(disk)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(disk)?;
        }
        self.file = private(false).read(true).open(&self.path).map_err(disk)?;
        (self.bytes, self.bytes_begun) = (bytes, bytes);
        Ok(())
    }
}

/// Only its owner may read: there are stream keys in it.
fn private(fresh: bool) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).mode(0o600);
    if fresh {
        options.write(true).truncate(true)
    } else {
        options.append(true)
    };
    options
}

fn key(record: &Record) -> Key {
    match record {
        Record::LiveStream(stream) => Key::LiveStream(stream.id.clone()),
        Record::Asset(asset) => Key::Asset(asset.id.clone()),
        Record::SigningKey(key) => Key::SigningKey(key.id.clone()),
        Record::Delivery(delivery) => Key::Delivery(delivery.seq),
    }
}

fn write_line(file: &mut File, line: &Line) -> io::Result<u64> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    file.write_all(&text)?;
    Ok(text.len() as u64)
}

/// The state at the end of the journal, and how many bytes of it are whole lines.
fn read(path: &Path, file: &mut File) -> Result<(Vec<Record>, u64), StoreError> {
    let disk = |error| StoreError::Disk(path.to_owned(), error);
    let (mut state, mut good, mut number) = (BTreeMap::new(), 0, 0);
    let mut reader = BufReader::new(file);
    loop {
        let mut text = vec![];
        let mut limited = io::Read::take(&mut reader, LINE_BYTES_MAX as u64);
        let bytes = limited.read_until(b'\n', &mut text).map_err(disk)?;
        if bytes == 0 || text.last() != Some(&b'\n') {
            return Ok((state.into_values().collect(), good));
        }
        number += 1;
        let line: Line =
            serde_json::from_slice(&text).map_err(|error| StoreError::Corrupt(path.to_owned(), number, error))?;
        for (key, record) in line {
            match record {
                Some(record) => state.insert(key, record),
                None => state.remove(&key),
            };
        }
        good += bytes as u64;
    }
}

/// The books with their journal. Reading is from memory; a change returns once it is on disk.
pub struct Desk {
    books: RwLock<Books>,
    /// None once it was closed.
    journal: Mutex<Option<Journal>>,
    environment: Environment,
    clock: Clock,
    changed: watch::Sender<u64>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

impl Desk {
    /// Opens the books of a folder. Blocks.
    pub fn open(folder: &Path, environment: Environment, clock: Clock) -> Result<Arc<Desk>, StoreError> {
        let (journal, records) = Journal::open(folder)?;
        let books = Books::open(environment.clone(), records);
        let changed = watch::Sender::new(0);
        Ok(Arc::new(Desk { books: books.into(), journal: Some(journal).into(), environment, clock, changed }))
    }

    /// The time by the clock of this origin, ms since the epoch.
    pub fn now_ms(&self) -> i64 {
        (self.clock)()
    }

    /// Looks at the books; `look` must be short.
    pub fn read<T>(&self, look: impl FnOnce(&Books) -> T) -> T {
        look(&self.books.read())
    }

    /// Changes the books. When this returns, the change is on disk. If the disk refuses, it is as if nothing had been asked.
    pub async fn change<T: Send + 'static>(
        self: &Arc<Desk>,
        change: impl FnOnce(&mut Books, &mut Now<'_>) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let desk = self.clone();
        tokio::task::spawn_blocking(move || desk.change_now(change)).await.map_err(|_| StoreError::Stopping)?
    }

    fn change_now<T>(&self, change: impl FnOnce(&mut Books, &mut Now<'_>) -> T) -> Result<T, StoreError> {
        let mut journal = self.journal.lock();
        let journal = journal.as_mut().ok_or(StoreError::Stopping)?;
        let (out, line) = {
            let mut books = self.books.write();
            let out = change(&mut books, &mut Now { ms: (self.clock)(), draw: &mut new_id });
            (out, books.changes())
        };
        if line.is_empty() {
            return Ok(out);
        }
        if let Err(error) = journal.append(&line) {
            self.back_to(journal)?;
            return Err(error);
        }
        if journal.grown() {
            let records: Vec<Record> = self.books.read().records().collect();
            if let Err(error) = journal.begin_anew(records.into_iter()) {
                tracing::error!(%error, "the journal could not be begun anew and goes on as it is");
            }
        }
        self.changed.send_modify(|count| *count += 1);
        Ok(out)
    }

    /// Changes are refused from now on, and the folder can be opened again, whoever still reads. Waits for a change that
    /// is being written.
    pub async fn close(self: &Arc<Desk>) {
        let desk = self.clone();
        let _ = tokio::task::spawn_blocking(move || desk.journal.lock().take()).await;
    }

    /// Memory forgets what the disk did not take.
    fn back_to(&self, journal: &mut Journal) -> Result<(), StoreError> {
        let mut file = File::open(&journal.path).map_err(|error| StoreError::Disk(journal.path.clone(), error))?;
        let (records, _) = read(&journal.path, &mut file)?;
        *self.books.write() = Books::open(self.environment.clone(), records);
        Ok(())
    }

    /// Counts changes, for those who wait for one.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

/// Forty-four letters and digits that nobody can guess.
pub fn new_id() -> String {
    use rand::distr::{Alphanumeric, SampleString};
    Alphanumeric.sample_string(&mut rand::rng(), 44)
}

#[cfg(test)]
mod tests;
