//! One file of a recording: fragments of at most about a second, each on the disk before the next is begun.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::{RecordingError, journal::part_file};
use crate::bridge::unit::{Picture, Unit};
use crate::frame::Kind;
use crate::mp4::{self, AudioFormat, Sample};

/// A fragment is closed when it is this long, microseconds; earlier at a keyframe.
pub const FRAGMENT_US: i64 = 1_000_000;
/// Fragments are not cut at keyframes closer than this, microseconds.
const FRAGMENT_US_MIN: i64 = 400_000;
/// What the last picture of a part lasts when nothing tells, microseconds.
const LAST_PICTURE_US: i64 = 33_333;
/// Packets are taken as they come from WebRTC, so nothing is skipped.
pub const SOUND: AudioFormat = AudioFormat::Opus { channels: 2, pre_skip: 0 };

/// A part that is being written.
#[derive(Debug)]
pub struct PartFile {
    number: u32,
    file: File,
    bytes: u64,
    sequence: u32,
    picture: Arc<Picture>,
    /// On the timeline, microseconds.
    begin_us: i64,
    fragment_us: i64,
    /// The picture whose duration is not known yet.
    waiting: Option<(i64, Sample)>,
    video: Vec<Sample>,
    audio: Vec<Sample>,
    /// End of the last sound, ticks of the part.
    sound_end: Option<u64>,
    end_us: i64,
}

impl PartFile {
    /// Begins a part with this keyframe's format; its init segment is on the disk when this returns.
    ///
    /// # Errors
    /// When there is a file of that number already, the disk is full, or the format cannot be told.
    pub fn create(
        folder: &Path,
        number: u32,
        picture: &Arc<Picture>,
        begin_us: i64,
    ) -> Result<PartFile, RecordingError> {
        let init = mp4::init_segment(Some(&picture.format), Some(&SOUND))?;
        let mut file = OpenOptions::new().create_new(true).write(true).open(folder.join(part_file(number)))?;
        file.write_all(&init)?;
        file.sync_all()?;
        // The name in the folder must last as well.
        File::open(folder)?.sync_all()?;
        Ok(PartFile {
            number,
            file,
            bytes: init.len() as u64,
            sequence: 0,
            picture: picture.clone(),
            begin_us,
            fragment_us: begin_us,
            waiting: None,
            video: vec![],
            audio: vec![],
            sound_end: None,
            end_us: begin_us,
        })
    }

    /// From 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Bytes on the disk.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// From its begin to what was added last, microseconds.
    pub fn duration_us(&self) -> i64 {
        self.end_us - self.begin_us
    }

    /// The end of what was added last, on the timeline, microseconds.
    pub fn end_us(&self) -> i64 {
        self.end_us
    }

    /// Where on the part a time of the timeline lies, microseconds.
    pub fn place_us(&self, at_us: i64) -> i64 {
        (at_us - self.begin_us).max(0)
    }

    /// Whether a picture of this format can go on here.
    pub fn is_of(&self, picture: &Picture) -> bool {
        self.picture.format == picture.format
    }

    /// Adds a unit; units come in order. Sound from before the part's begin is left out.
    ///
    /// # Errors
    /// When the disk does not take a fragment.
    pub fn add(&mut self, unit: &Unit) -> Result<(), RecordingError> {
        match unit.kind {
            Kind::Video => self.add_picture(unit),
            Kind::Audio => {
                self.add_sound(unit);
                Ok(())
            }
        }
    }

    fn add_picture(&mut self, unit: &Unit) -> Result<(), RecordingError> {
        self.settle(unit.at_us);
        let age_us = unit.at_us - self.fragment_us;
        if age_us >= FRAGMENT_US || (unit.keyframe && age_us >= FRAGMENT_US_MIN) {
            self.flush()?;
            self.fragment_us = unit.at_us;
        }
        let dts = ticks(unit.at_us - self.begin_us, mp4::VIDEO_CLOCK_HZ);
        let sample = Sample { dts, cts: 0, duration: 0, keyframe: unit.keyframe, data: unit.data.clone() };
        self.waiting = Some((unit.at_us, sample));
        self.end_us = self.end_us.max(unit.at_us);
        Ok(())
    }

    fn add_sound(&mut self, unit: &Unit) {
        if unit.at_us < self.begin_us {
            return;
        }
        let duration = ticks(unit.duration_us, mp4::OPUS_CLOCK_HZ);
        // Counted, not rounded each time: packets must lie one behind the other.
        let dts = self.sound_end.unwrap_or_else(|| ticks(unit.at_us - self.begin_us, mp4::OPUS_CLOCK_HZ));
        self.sound_end = Some(dts + duration);
        self.end_us = self.end_us.max(unit.at_us + unit.duration_us);
        self.audio.push(Sample { dts, cts: 0, duration: duration as u32, keyframe: true, data: unit.data.clone() });
    }

    /// The picture that waits lasts until this time.
    fn settle(&mut self, until_us: i64) {
        if let Some((_, mut sample)) = self.waiting.take() {
            let until = ticks(until_us - self.begin_us, mp4::VIDEO_CLOCK_HZ);
            sample.duration = u32::try_from(until.saturating_sub(sample.dts)).unwrap_or(u32::MAX);
            self.video.push(sample);
        }
    }

    fn flush(&mut self) -> Result<(), RecordingError> {
        if self.video.is_empty() && self.audio.is_empty() {
            return Ok(());
        }
        let fragment = mp4::fragment(self.sequence + 1, &self.video, &self.audio)?;
        self.file.write_all(&fragment)?;
        self.file.sync_data()?;
        self.sequence += 1;
        self.bytes += fragment.len() as u64;
        self.video.clear();
        self.audio.clear();
        Ok(())
    }

    /// Writes what is left; what the part lasts and how large it is.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn close(mut self) -> Result<(i64, u64), RecordingError> {
        if let Some((at_us, _)) = self.waiting {
            self.end_us = self.end_us.max(at_us + LAST_PICTURE_US);
            self.settle(at_us + LAST_PICTURE_US);
        }
        self.flush()?;
        self.file.sync_all()?;
        Ok((self.duration_us(), self.bytes))
    }
}

fn ticks(us: i64, clock_hz: u32) -> u64 {
    let us = u128::try_from(us).unwrap_or(0);
    ((us * u128::from(clock_hz) + 500_000) / 1_000_000) as u64
}
