//! What is left of a part whose writer was killed: everything up to its last whole fragment.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use mp4_atom::{Decode, Moof};

use super::RecordingError;

/// A fragment's table is not larger, bytes.
const MOOF_BYTES_MAX: u64 = 8 * 1024 * 1024;
const HEADER_BYTES: u64 = 8;

/// A part after it was looked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Salvaged {
    /// Whole bytes; the file has just these now.
    pub bytes: u64,
    /// From its begin to the end of its last fragment, microseconds; 0 when there is no whole fragment.
    pub duration_us: i64,
    /// What was cut off, bytes.
    pub torn_bytes: u64,
}

/// Cuts off what is not a whole fragment. `clocks_hz` are the ticks a second of the tracks, by number less one.
///
/// # Errors
/// When the file cannot be read or cut.
pub fn salvage(path: &Path, clocks_hz: &[u32]) -> Result<Salvaged, RecordingError> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let (mut at, mut whole, mut duration_us) = (0, 0, 0i64);
    let mut pending_us = None;
    while let Some((kind, size)) = header(&mut file, at, length)? {
        match &kind {
            b"ftyp" | b"moov" => {}
            b"moof" if size <= MOOF_BYTES_MAX => match end_of(&mut file, at, size, clocks_hz)? {
                Some(end_us) => pending_us = Some(end_us),
                None => break,
            },
            b"mdat" => {
                let Some(end_us) = pending_us.take() else { break };
                duration_us = duration_us.max(end_us);
                whole = at + size;
            }
            _ => break,
        }
        at += size;
    }
    file.set_len(whole)?;
    file.sync_all()?;
    Ok(Salvaged { bytes: whole, duration_us, torn_bytes: length - whole })
}

/// The box at this place: its kind and size; `None` when it is not whole.
fn header(file: &mut File, at: u64, length: u64) -> Result<Option<([u8; 4], u64)>, RecordingError> {
    if length.saturating_sub(at) < HEADER_BYTES {
        return Ok(None);
    }
    let mut head = [0u8; 8];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut head)?;
    let [a, b, c, d, kind @ ..] = head;
    let size = u64::from(u32::from_be_bytes([a, b, c, d]));
    Ok((size >= HEADER_BYTES && size <= length - at).then_some((kind, size)))
}

/// When the samples of a `moof` end, microseconds; `None` when it is no `moof` of ours.
fn end_of(file: &mut File, at: u64, size: u64, clocks_hz: &[u32]) -> Result<Option<i64>, RecordingError> {
    let mut bytes = vec![0; size as usize];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes)?;
    let Ok(moof) = Moof::decode(&mut bytes.as_slice()) else { return Ok(None) };
    let mut end_us = 0;
    for traf in &moof.traf {
        let index = traf.tfhd.track_id.checked_sub(1).map(|index| index as usize);
        let Some(clock_hz) = index.and_then(|index| clocks_hz.get(index)) else { return Ok(None) };
        let begin = traf.tfdt.as_ref().map_or(0, |tfdt| tfdt.base_media_decode_time);
        let mut ticks = begin;
        for trun in &traf.trun {
            let run: u64 = trun.samples.iter().map(|entry| u64::from(entry.duration.unwrap_or(0))).sum();
            ticks = ticks.saturating_add(run);
        }
        end_us = end_us.max(i64::try_from(u128::from(ticks) * 1_000_000 / u128::from(*clock_hz)).unwrap_or(0));
    }
    Ok(Some(end_us))
}
