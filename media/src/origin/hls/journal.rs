//! What a broadcast's folder remembers: a line of JSON for each init segment, segment and part, written as they come.
//!
//! After a crash the last line may be cut, and a segment may be open: it is closed with the parts whose bytes are there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::format::Tracks;
use super::packager::{Init, Opened};
use super::store::{init_path, journal_path, segment_path};
use super::window::{Part, Segment, Window};

/// A longer journal is none: 12 hours of parts of 100 ms need 60 MB.
const JOURNAL_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// A longer line is none, bytes.
const LINE_BYTES_MAX: u64 = 4_096;
/// A larger init segment is none, bytes.
const INIT_BYTES_MAX: u64 = 256 * 1024;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// The broadcast's name: it stands in addresses, and no other broadcast has it.
    Begin {
        broadcast: String,
    },
    Init {
        number: u32,
        tracks: Tracks,
    },
    Open(Opened),
    Part(Part),
    Close,
    End,
}

/// Why a folder could not be read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk says no.
    #[error("the folder of a broadcast cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// A line in the middle is not one, or something it names is missing.
    #[error("line {0} of the journal is broken")]
    Broken(usize),
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub window: Window,
    /// Its name; empty for one that begins.
    pub broadcast: String,
    /// Bytes of the journal that hold: whole lines, of an open segment only what is on the disk.
    pub whole_bytes: u64,
    /// A segment was open: it is closed in `window`, and what follows those bytes must say so.
    pub was_open: bool,
}

/// Reads a folder; an empty or missing one is an empty broadcast. Blocks on the disk.
pub(super) fn read(dir: &Path) -> Result<Found, JournalError> {
    let file = match File::open(journal_path(dir)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Found::default()),
        Err(error) => return Err(error.into()),
    };
    let mut reader = BufReader::new(file.take(JOURNAL_BYTES_MAX));
    let mut found = Found::default();
    let mut tracks = BTreeMap::new();
    let mut segments: Vec<Segment> = vec![];
    // With the length of the journal before it and after each of its parts.
    let mut open: Option<(Segment, Vec<u64>)> = None;
    let mut ended = false;
    let mut text = String::new();
    for number in 1.. {
        text.clear();
        let read = reader.by_ref().take(LINE_BYTES_MAX).read_line(&mut text)?;
        if !text.ends_with('\n') {
            break;
        }
        let line = serde_json::from_str(&text).map_err(|_| JournalError::Broken(number))?;
        found.whole_bytes += read as u64;
        match line {
            Line::Begin { broadcast } => found.broadcast = broadcast,
            Line::Init { number, tracks: told } => {
                tracks.insert(number, told);
            }
            Line::Open(opened) => {
                let follows = segments.last().is_none_or(|last| last.opened.msn + 1 == opened.msn);
                if open.is_some() || !follows {
                    return Err(JournalError::Broken(number));
                }
                open = Some((Segment::new(opened), vec![found.whole_bytes - read as u64]));
            }
            Line::Part(part) => {
                let (segment, lengths) = open.as_mut().ok_or(JournalError::Broken(number))?;
                segment.push(part);
                lengths.push(found.whole_bytes);
            }
            Line::Close => segments.push(open.take().ok_or(JournalError::Broken(number))?.0),
            Line::End => ended = true,
        }
    }
    if let Some((last, lengths)) = open {
        let last = on_disk(dir, &last);
        found.was_open = !last.parts.is_empty();
        found.whole_bytes = lengths.get(last.parts.len()).copied().unwrap_or(found.whole_bytes);
        segments.extend(found.was_open.then_some(last));
    }
    fill(dir, &mut found.window, segments, &tracks)?;
    if ended {
        found.window.end();
    }
    Ok(found)
}

/// The segment with the parts whose bytes are there.
fn on_disk(dir: &Path, segment: &Segment) -> Segment {
    let length = std::fs::metadata(segment_path(dir, segment.opened.msn)).map_or(0, |about| about.len());
    let mut kept = Segment::new(segment.opened);
    segment.parts.iter().take_while(|part| part.range().end <= length).for_each(|part| kept.push(*part));
    kept
}

/// Puts into the window what is there: older segments may have been removed, with their init segments.
fn fill(
    dir: &Path,
    window: &mut Window,
    segments: Vec<Segment>,
    tracks: &BTreeMap<u32, Tracks>,
) -> Result<(), JournalError> {
    let there = |segment: &Segment| segment_path(dir, segment.opened.msn).exists();
    let first = segments.iter().rposition(|segment| !there(segment)).map_or(0, |index| index + 1);
    let needed: BTreeSet<u32> = segments.iter().skip(first).map(|segment| segment.opened.init).collect();
    for (number, tracks) in tracks {
        if !needed.contains(number) && tracks_are_old(*number, &needed) {
            continue;
        }
        let mut data = vec![];
        match File::open(init_path(dir, *number)) {
            Ok(file) => file.take(INIT_BYTES_MAX).read_to_end(&mut data)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !needed.contains(number) => continue,
            Err(error) => return Err(error.into()),
        };
        window.init(&Init { number: *number, data: data.into(), tracks: tracks.clone() });
    }
    window.restore_before(segments.iter().take(first));
    segments.into_iter().skip(first).for_each(|segment| window.restore(segment));
    Ok(())
}

fn tracks_are_old(number: u32, needed: &BTreeSet<u32>) -> bool {
    needed.first().is_some_and(|first| number < *first)
}
