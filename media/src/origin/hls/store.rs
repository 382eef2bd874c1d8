//! The folder of a broadcast: `journal.jsonl`, `init-N.mp4`, `N.m4s`, and pictures made of it in `images`.
//!
//! Parts are appended as they come, so a process that dies loses none that it gave out, the last one apart. The disk is
//! told to keep a segment (fdatasync) when it is complete: a machine that loses power loses two segments at most.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use parking_lot::RwLock;
use tokio::task::JoinHandle;

use super::journal::{Found, Line};
use super::packager::Init;
use super::window::{Part, Window};

pub(super) fn journal_path(dir: &Path) -> PathBuf {
    dir.join("journal.jsonl")
}

pub(super) fn init_path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("init-{number}.mp4"))
}

pub(super) fn segment_path(dir: &Path, msn: u64) -> PathBuf {
    dir.join(format!("{msn}.m4s"))
}

/// What is to be done on the disk, in order.
#[derive(Debug)]
pub(super) enum Job {
    Init(Init),
    Open(Line, u64),
    Part(Part, Bytes),
    Close,
    End,
    RemoveSegment(u64),
    RemoveInit(u32),
}

/// The files that are open for writing.
#[derive(Debug)]
struct Files {
    dir: PathBuf,
    journal: File,
    segment: Option<File>,
}

impl Files {
    fn open(dir: &Path, broadcast: &str, found: &Found) -> io::Result<Files> {
        fs::create_dir_all(dir)?;
        let journal = OpenOptions::new().create(true).append(true).open(journal_path(dir))?;
        journal.set_len(found.whole_bytes)?;
        let mut files = Files { dir: dir.to_owned(), journal, segment: None };
        if found.broadcast.is_empty() {
            files.note(&Line::Begin { broadcast: broadcast.to_owned() })?;
        }
        if found.was_open {
            files.note(&Line::Close)?;
        }
        Ok(files)
    }

    fn note(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.journal.write_all(&text)
    }

    fn perform(&mut self, job: Job) -> io::Result<()> {
        match job {
            Job::Init(Init { number, data, tracks }) => {
                let mut file = File::create(init_path(&self.dir, number))?;
                file.write_all(&data)?;
                file.sync_data()?;
                self.note(&Line::Init { number, tracks })
            }
            Job::Open(line, msn) => {
                self.segment = Some(File::create(segment_path(&self.dir, msn))?);
                self.note(&line)
            }
            Job::Part(part, data) => {
                if let Some(file) = &mut self.segment {
                    file.write_all(&data)?;
                }
                self.note(&Line::Part(part))
            }
            Job::Close => {
                if let Some(file) = self.segment.take() {
                    file.sync_data()?;
                }
                self.note(&Line::Close)?;
                self.journal.sync_data()
            }
            Job::End => {
                self.note(&Line::End)?;
                self.journal.sync_data()
            }
            Job::RemoveSegment(msn) => ignore_missing(fs::remove_file(segment_path(&self.dir, msn))),
            Job::RemoveInit(number) => ignore_missing(fs::remove_file(init_path(&self.dir, number))),
        }
    }
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Writes in the background, one batch at a time: the next batch waits for the one before, and hears if it failed.
#[derive(Debug)]
pub(super) struct Writer {
    files: Option<Files>,
    busy: Option<JoinHandle<(Files, io::Result<()>)>>,
    waiting: Vec<Job>,
}

impl Writer {
    /// Opens the folder behind what was found in it. Blocks on the disk.
    pub(super) fn open(dir: &Path, broadcast: &str, found: &Found) -> io::Result<Writer> {
        Ok(Writer { files: Some(Files::open(dir, broadcast, found)?), busy: None, waiting: vec![] })
    }

    /// Takes jobs and returns as soon as the ones before are done.
    ///
    /// # Errors
    /// A job failed; nothing is written after that.
    pub(super) async fn write(&mut self, jobs: Vec<Job>) -> io::Result<()> {
        self.waiting.extend(jobs);
        self.settle().await?;
        let jobs = std::mem::take(&mut self.waiting);
        if jobs.is_empty() {
            return Ok(());
        }
        let Some(mut files) = self.files.take() else { return Err(closed()) };
        self.busy = Some(tokio::task::spawn_blocking(move || {
            let result = jobs.into_iter().try_for_each(|job| files.perform(job));
            (files, result)
        }));
        Ok(())
    }

    /// Waits until everything taken is on the disk.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        self.write(vec![]).await?;
        self.settle().await
    }

    async fn settle(&mut self) -> io::Result<()> {
        let Some(busy) = &mut self.busy else { return Ok(()) };
        let done = busy.await;
        self.busy = None;
        let (files, result) = done.map_err(|_| closed())?;
        result?;
        self.files = Some(files);
        Ok(())
    }
}

fn closed() -> io::Error {
    io::Error::other("writing to this folder has failed before")
}

/// A folder that is read: young segments come from memory, older ones from the disk.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) dir: PathBuf,
    /// The broadcast's name in addresses.
    pub(super) broadcast: String,
    pub(super) window: RwLock<Window>,
}

impl Shelf {
    pub(super) fn new(dir: &Path, broadcast: String, window: Window) -> Shelf {
        Shelf { dir: dir.to_owned(), broadcast, window: RwLock::new(window) }
    }

    pub(super) fn init(&self, number: u32) -> Option<Bytes> {
        self.window.read().init_data(number)
    }

    /// A closed segment; `None` when it is not there (any more).
    pub(super) async fn segment(&self, msn: u64) -> io::Result<Option<Bytes>> {
        let length = {
            let window = self.window.read();
            let is_open = window.open_segment().is_some_and(|open| open.opened.msn == msn);
            let Some(segment) = window.segment(msn).filter(|_| !is_open) else { return Ok(None) };
            if let [data] = segment.data.as_slice() {
                return Ok(Some(data.clone()));
            }
            usize::try_from(segment.length).unwrap_or(usize::MAX)
        };
        match tokio::fs::read(segment_path(&self.dir, msn)).await {
            Ok(mut data) => {
                // Behind a crash there may be the beginning of a part that the journal does not know.
                data.truncate(length);
                Ok(Some(data.into()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A part; `None` when it is not there (yet, or any more).
    pub(super) async fn part(&self, msn: u64, index: usize) -> io::Result<Option<Bytes>> {
        let range = {
            let window = self.window.read();
            let Some(segment) = window.segment(msn) else { return Ok(None) };
            let Some(part) = segment.parts.get(index) else { return Ok(None) };
            let is_open = window.open_segment().is_some_and(|open| open.opened.msn == msn);
            if is_open {
                return Ok(segment.data.get(index).cloned());
            }
            part.range()
        };
        let Some(data) = self.segment(msn).await? else { return Ok(None) };
        let (Ok(start), Ok(end)) = (usize::try_from(range.start), usize::try_from(range.end)) else { return Ok(None) };
        Ok((end <= data.len()).then(|| data.slice(start..end)))
    }
}
