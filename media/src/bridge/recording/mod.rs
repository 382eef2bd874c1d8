//! The recording: what was received, on the disk within about a second, and afterwards one film.
//!
//! While the show is on, [`Recorder`] writes numbered parts, each a fragmented MP4 with the publisher's H.264 and Opus
//! as they came; no codec and no other process is needed. A part ends when the format changes, when neither picture nor
//! sound is received (that time is not recorded; if sound comes back without a picture, up to a second of it is missing,
//! until the next flat keyframe), or when the writer died. The journal tells what is where and why.
//!
//! Afterwards [`finish`](finish::finish) joins the parts. See docs/adr/0008.

pub mod film;
pub mod finish;
pub mod journal;
mod part;
mod salvage;
#[cfg(test)]
mod tests;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::bridge::interleave::Interleave;
use crate::bridge::unit::{Cause, Unit};
use crate::frame::Kind;
use crate::mp4::{Mp4Error, OPUS_CLOCK_HZ, VIDEO_CLOCK_HZ};
use journal::{Entry, Journal, Part, part_file};
use part::PartFile;
use salvage::salvage;

/// More parts than a day of changes makes.
const PARTS_MAX: usize = 20_000;
/// A part does not begin with flat pictures if real ones come within this time after the sound, microseconds.
const FLAT_BEGIN_US: i64 = 1_500_000;
const LOCK_FILE: &str = "lock";

/// Why something could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The folder belongs to a recorder that is at work.
    #[error("the recording is being written by another recorder")]
    Busy,
    /// The disk.
    #[error("the recording cannot be written: {0}")]
    Io(#[from] std::io::Error),
    /// A format that cannot be told.
    #[error("the recording cannot be written: {0}")]
    Mp4(#[from] Mp4Error),
    /// The folder's content is not what a recorder wrote.
    #[error("this is no recording: {0}")]
    Broken(&'static str),
}

/// Figures of a recording so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecordingFigures {
    /// Parts, the present one included.
    pub parts: u32,
    /// Of media on the disk, bytes; those of an earlier writer not counted.
    pub bytes: u64,
    /// Recorded, microseconds; those of an earlier writer not counted.
    pub duration_us: i64,
    /// Whether a part is open.
    pub recording: bool,
}

/// Writes one recording into one folder. Blocking: each fragment is flushed to the disk.
#[derive(Debug)]
pub struct Recorder {
    folder: PathBuf,
    journal: Journal,
    part: Option<PartFile>,
    interleave: Interleave,
    /// Flat pictures and the sound with them, until it is known whether a part begins with them.
    held: Vec<Unit>,
    /// What was put in last, per kind: video, audio.
    filled: [Option<Filling>; 2],
    done: RecordingFigures,
    /// Held as long as the recorder lives.
    _lock: File,
}

#[derive(Debug, Clone, Copy)]
struct Filling {
    cause: Cause,
    from_us: i64,
}

impl Recorder {
    /// Opens a recording, a new one or one whose writer has died: what is torn is cut off, and what comes goes into a
    /// part of its own.
    ///
    /// # Errors
    /// See [`RecordingError`]; a folder has one recorder at a time.
    pub fn open(folder: &Path) -> Result<Recorder, RecordingError> {
        std::fs::create_dir_all(folder)?;
        let lock = lock(folder)?;
        let mut journal = Journal::open(folder)?;
        restore(folder, &mut journal)?;
        if journal.parts().len() >= PARTS_MAX {
            return Err(RecordingError::Broken("it has too many parts"));
        }
        Ok(Recorder {
            folder: folder.to_owned(),
            journal,
            part: None,
            interleave: Interleave::new(),
            held: vec![],
            filled: [None; 2],
            done: RecordingFigures::default(),
            _lock: lock,
        })
    }

    /// Adds what the timeline brought; units of one kind come in their order.
    ///
    /// # Errors
    /// When the disk does not take it. The recorder is of no use then; open another one.
    pub fn write(&mut self, units: Vec<Unit>) -> Result<(), RecordingError> {
        for unit in units {
            self.interleave.push(unit);
            while let Some(unit) = self.interleave.pop() {
                self.take(&unit)?;
            }
        }
        Ok(())
    }

    /// Units are missing: what comes next goes into a new part.
    ///
    /// # Errors
    /// As [`Recorder::write`].
    pub fn interrupt(&mut self, cause: Cause) -> Result<(), RecordingError> {
        for unit in self.interleave.drain() {
            self.take(&unit)?;
        }
        self.end_part(Some(cause))
    }

    /// The show is over.
    ///
    /// # Errors
    /// As [`Recorder::write`].
    pub fn close(mut self) -> Result<RecordingFigures, RecordingError> {
        for unit in self.interleave.drain() {
            self.take(&unit)?;
        }
        self.end_part(None)?;
        Ok(self.figures())
    }

    /// What has been written.
    pub fn figures(&self) -> RecordingFigures {
        let open = self.part.as_ref();
        RecordingFigures {
            parts: self.done.parts + u32::from(open.is_some()),
            bytes: self.done.bytes + open.map_or(0, PartFile::bytes),
            duration_us: self.done.duration_us + open.map_or(0, PartFile::duration_us),
            recording: open.is_some(),
        }
    }

    fn take(&mut self, unit: &Unit) -> Result<(), RecordingError> {
        self.follow_filling(unit)?;
        if let [Some(video), Some(_)] = self.filled {
            // Neither picture nor sound is received: that is not recorded.
            self.held.clear();
            return self.end_part(Some(video.cause));
        }
        if let (Kind::Video, true, Some(picture)) = (unit.kind, unit.keyframe, &unit.picture) {
            if self.part.as_ref().is_some_and(|part| !part.is_of(picture)) {
                self.end_part(Some(Cause::Format))?;
            }
            if self.part.is_none() && unit.filler.is_none() {
                self.held.clear();
                self.begin_part(unit)?;
            }
        }
        match &mut self.part {
            Some(part) => part.add(unit),
            None => self.hold(unit),
        }
    }

    /// Sound is back and the camera is not: waits a moment for it.
    fn hold(&mut self, unit: &Unit) -> Result<(), RecordingError> {
        if !self.held.is_empty() || (unit.kind == Kind::Video && unit.keyframe) {
            self.held.push(unit.clone());
        }
        let Some(first) = self.held.first().filter(|first| unit.at_us - first.at_us >= FLAT_BEGIN_US).cloned() else {
            return Ok(());
        };
        let held = std::mem::take(&mut self.held);
        self.begin_part(&first)?;
        match &mut self.part {
            Some(part) => held.iter().try_for_each(|unit| part.add(unit)),
            None => Ok(()),
        }
    }

    /// Notes where something was put in, when that ends.
    fn follow_filling(&mut self, unit: &Unit) -> Result<(), RecordingError> {
        let index = usize::from(unit.kind == Kind::Audio);
        match (unit.filler, self.filled[index]) {
            (Some(cause), None) => self.filled[index] = Some(Filling { cause, from_us: unit.at_us }),
            (None, Some(filling)) => {
                self.filled[index] = None;
                self.note_filling(unit.kind, filling, unit.at_us)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn note_filling(&mut self, kind: Kind, filling: Filling, until_us: i64) -> Result<(), RecordingError> {
        let Some(part) = &self.part else { return Ok(()) };
        let from_us = part.place_us(filling.from_us);
        let duration_us = part.place_us(until_us) - from_us;
        let entry =
            Entry::Filled { part: part.number(), kind: kind.into(), from_us, duration_us, cause: filling.cause };
        if duration_us > 0 { self.journal.add(&entry) } else { Ok(()) }
    }

    fn begin_part(&mut self, unit: &Unit) -> Result<(), RecordingError> {
        let Some(picture) = &unit.picture else { return Ok(()) };
        if self.journal.parts().len() >= PARTS_MAX {
            return Err(RecordingError::Broken("it has too many parts"));
        }
        let number = self.journal.parts().last().map_or(0, |part| part.number) + 1;
        let entry = Entry::Begun {
            part: number,
            at_us: unit.at_us,
            captured_us: unit.captured_us,
            width: picture.format.width,
            height: picture.format.height,
            avcc: picture.format.avcc.iter().map(|byte| format!("{byte:02x}")).collect(),
        };
        // First the journal: a part without an entry would be overlooked.
        self.journal.add(&entry)?;
        self.part = Some(PartFile::create(&self.folder, number, picture, unit.at_us)?);
        Ok(())
    }

    fn end_part(&mut self, cause: Option<Cause>) -> Result<(), RecordingError> {
        for (index, kind) in [Kind::Video, Kind::Audio].into_iter().enumerate() {
            let end_us = self.part.as_ref().map_or(0, PartFile::end_us);
            if let Some(filling) = self.filled[index] {
                self.note_filling(kind, filling, end_us)?;
            }
        }
        let Some(part) = self.part.take() else { return Ok(()) };
        let number = part.number();
        let (duration_us, bytes) = part.close()?;
        self.done.parts += 1;
        self.done.bytes += bytes;
        self.done.duration_us += duration_us;
        self.journal.add(&Entry::Ended { part: number, duration_us, bytes, cause })
    }
}

/// Takes the folder for this process until the file is closed, at the latest when the process ends.
fn lock(folder: &Path) -> Result<File, RecordingError> {
    let file = File::options().create(true).truncate(false).write(true).open(folder.join(LOCK_FILE))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(RecordingError::Busy),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Brings a folder whose writer died into order: a part that was open is cut to its whole fragments and ended.
fn restore(folder: &Path, journal: &mut Journal) -> Result<(), RecordingError> {
    let open: Vec<u32> =
        journal.parts().iter().filter(|part| part.duration_us.is_none()).map(|part| part.number).collect();
    for part in open {
        let path = folder.join(part_file(part));
        let (duration_us, bytes) = match salvage(&path, &[VIDEO_CLOCK_HZ, OPUS_CLOCK_HZ]) {
            Ok(left) => (left.duration_us, left.bytes),
            Err(RecordingError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => (0, 0),
            Err(error) => return Err(error),
        };
        journal.add(&Entry::Ended { part, duration_us, bytes, cause: Some(Cause::Crashed) })?;
    }
    Ok(())
}

/// The parts of a recording that hold anything, after its folder was brought into order.
///
/// # Errors
/// [`RecordingError::Busy`] while a recorder writes it, else as [`Recorder::open`].
pub fn parts(folder: &Path) -> Result<Vec<Part>, RecordingError> {
    let _lock = lock(folder)?;
    let mut journal = Journal::open(folder)?;
    restore(folder, &mut journal)?;
    Ok(journal.parts().iter().filter(|part| part.duration_us.is_some_and(|us| us > 0)).cloned().collect())
}
