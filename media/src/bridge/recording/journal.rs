//! What is in a recording's folder, written beside the media: `index.jsonl`, one entry a line, only ever appended to.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::RecordingError;
use crate::bridge::Cause;
use crate::frame::Kind;

/// The journal's name in its folder.
pub const JOURNAL_FILE: &str = "index.jsonl";
/// A journal is not read beyond this, bytes; a day of parts is a small part of it.
const JOURNAL_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Entry {
    /// A part has begun: see [`Part`] for the fields.
    Begun {
        /// From 1.
        part: u32,
        /// On the timeline of the bridge that wrote it, microseconds.
        at_us: i64,
        /// Of its first picture, microseconds since the Unix epoch.
        captured_us: i64,
        /// Pixels.
        width: u16,
        /// Pixels.
        height: u16,
        /// `AVCDecoderConfigurationRecord` in hexadecimal digits: parts with the same one can be joined without decoding.
        avcc: String,
    },
    /// Something was put in where nothing was received.
    Filled {
        /// In this part.
        part: u32,
        /// Pictures or sound.
        kind: Filled,
        /// From this time of the part on, microseconds.
        from_us: i64,
        /// For so long, microseconds.
        duration_us: i64,
        /// Why.
        cause: Cause,
    },
    /// A part has ended properly, or what was left of it was found later.
    Ended {
        /// The part.
        part: u32,
        /// Microseconds.
        duration_us: i64,
        /// Of the file.
        bytes: u64,
        /// Why; none at the end of the show.
        cause: Option<Cause>,
    },
}

/// [`Kind`], as the journal writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filled {
    /// Flat pictures.
    Video,
    /// Silence.
    Audio,
}

impl From<Kind> for Filled {
    fn from(kind: Kind) -> Filled {
        match kind {
            Kind::Video => Filled::Video,
            Kind::Audio => Filled::Audio,
        }
    }
}

/// One file of the recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// From 1; the file's name is [`part_file`] of it.
    pub number: u32,
    /// When its first picture was captured, microseconds since the Unix epoch.
    pub captured_us: i64,
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
    /// See [`Entry::Begun`].
    pub avcc: String,
    /// Microseconds; `None` while it is written, or when its writer died.
    pub duration_us: Option<i64>,
    /// Why it ended.
    pub cause: Option<Cause>,
    /// Where something was put in: kind, from, duration (microseconds of the part), cause.
    pub filled: Vec<(Filled, i64, i64, Cause)>,
}

/// What lies between two parts. It is cut out of the finished recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// After this part.
    pub after_part: u32,
    /// Microseconds since the Unix epoch.
    pub from_us: i64,
    /// Microseconds; 0 where only the format changed.
    pub duration_us: i64,
    /// Why.
    pub cause: Cause,
}

/// The file name of a part.
pub fn part_file(number: u32) -> String {
    format!("part-{number:05}.mp4")
}

/// A journal that can be added to.
#[derive(Debug)]
pub struct Journal {
    file: File,
    parts: Vec<Part>,
}

impl Journal {
    /// Opens or begins the journal of a folder. A last line that was not written to its end is taken away.
    ///
    /// # Errors
    /// When the folder cannot be written, or the journal is larger than any of ours.
    pub fn open(folder: &Path) -> Result<Journal, RecordingError> {
        let path = folder.join(JOURNAL_FILE);
        let (parts, whole) = read(&path)?;
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
        file.set_len(whole)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Journal { file, parts })
    }

    /// The parts that the journal of a folder tells of, without touching it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn parts_in(folder: &Path) -> Result<Vec<Part>, RecordingError> {
        Ok(read(&folder.join(JOURNAL_FILE))?.0)
    }

    /// The parts so far.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Adds an entry, which is on the disk when this returns.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn add(&mut self, entry: &Entry) -> Result<(), RecordingError> {
        let mut line = serde_json::to_vec(entry).map_err(|_| RecordingError::Broken("an entry cannot be written"))?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.file.sync_data()?;
        apply(&mut self.parts, entry);
        Ok(())
    }
}

/// What was not received between these parts.
pub fn gaps(parts: &[Part]) -> Vec<Gap> {
    let pairs = parts.iter().zip(parts.iter().skip(1));
    let gap = |(before, after): (&Part, &Part)| {
        let from_us = before.captured_us + before.duration_us.unwrap_or(0);
        let cause = before.cause.unwrap_or(Cause::Stalled);
        let apart_us = (after.captured_us - from_us).max(0);
        let duration_us = if cause == Cause::Format { 0 } else { apart_us };
        Gap { after_part: before.number, from_us, duration_us, cause }
    };
    pairs.map(gap).collect()
}

/// The parts, and how many bytes of the file are whole lines.
fn read(path: &Path) -> Result<(Vec<Part>, u64), RecordingError> {
    let text = match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > JOURNAL_BYTES_MAX => {
            return Err(RecordingError::Broken("its journal is too large"));
        }
        Ok(_) => std::fs::read(path)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => vec![],
        Err(error) => return Err(error.into()),
    };
    let (mut parts, mut whole) = (vec![], 0u64);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let entry = line.strip_suffix(b"\n").and_then(|line| serde_json::from_slice::<Entry>(line).ok());
        let Some(entry) = entry else { break };
        apply(&mut parts, &entry);
        whole += line.len() as u64;
    }
    Ok((parts, whole))
}

fn apply(parts: &mut Vec<Part>, entry: &Entry) {
    match entry {
        Entry::Begun { part, captured_us, width, height, avcc, .. } => parts.push(Part {
            number: *part,
            captured_us: *captured_us,
            width: *width,
            height: *height,
            avcc: avcc.clone(),
            duration_us: None,
            cause: None,
            filled: vec![],
        }),
        Entry::Filled { part, kind, from_us, duration_us, cause } => {
            if let Some(found) = parts.iter_mut().find(|found| found.number == *part) {
                found.filled.push((*kind, *from_us, *duration_us, *cause));
            }
        }
        Entry::Ended { part, duration_us, cause, .. } => {
            if let Some(found) = parts.iter_mut().find(|found| found.number == *part) {
                found.duration_us = Some(*duration_us);
                found.cause = *cause;
            }
        }
    }
}
