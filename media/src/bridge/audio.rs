//! Opus to AAC in a supervised ffmpeg: the only thing a destination needs a codec for.
//!
//! Sound alone goes through the child: fragmented MP4 in (one packet a fragment), ADTS out. Pictures go by, and our own
//! [`Push`](crate::rtmp::Push) sends both. So time stamps are exact to the sample, a refusal comes in the server's own
//! words, and no stream key stands on a command line that everybody on the machine can read.
//!
//! ADTS has no time stamps and needs none: sound on the timeline has no holes, so the time of a frame is that of the
//! first packet plus what was counted since, less the encoder's delay of 1,024 samples. What has been put in and has
//! not come out yet is kept, so that a child that died is replaced within the same connection and nothing is missing.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::ffmpeg::last_words;
use super::unit::Unit;
use crate::frame::Kind;
use crate::mp4::{self, AudioFormat, OPUS_CLOCK_HZ, Sample};

/// Samples of an AAC frame.
const FRAME_SAMPLES: i64 = 1_024;
/// What lies between the first sample in and the first frame out (ffmpeg's own AAC encoder).
const DELAY_SAMPLES: i64 = 1_024;
/// A frame may overlap the one before by this much when a child was replaced; more, and it is left out.
const OVERLAP_US: i64 = 11_000;
/// Packets on their way into the child and frames on their way out.
const QUEUE_MAX: usize = 512;
/// Sound that has been put in and has not come out: more than this, and the child does not work.
const IN_FLIGHT_US_MAX: i64 = 5_000_000;
/// How long the child may take to say why it died.
const WORDS_WAIT: Duration = Duration::from_secs(1);
/// An ADTS header without checksum, bytes.
const ADTS_BYTES: usize = 7;

/// The `AudioSpecificConfig` of all that comes out: AAC-LC, 48 kHz, two channels.
pub const CONFIG: &[u8] = &[0x11, 0x90];
/// Microseconds that a frame lasts, rounded up.
pub const FRAME_US: i64 = 21_334;

/// Why no AAC comes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AudioError {
    /// The program is missing or may not be run.
    #[error("ffmpeg cannot be started ({program}): {cause}", program = program.display())]
    Start {
        /// What was to be run.
        program: PathBuf,
        /// The system's words.
        cause: String,
    },
    /// It ended.
    #[error("ffmpeg ended: {0}")]
    Ended(String),
    /// It takes sound and gives none.
    #[error("ffmpeg does not keep up")]
    Stuck,
    /// What it gives is not what was asked for.
    #[error("ffmpeg gave something that is no AAC")]
    NotAac,
}

/// Makes AAC of Opus. Dropping it ends the child.
#[derive(Debug)]
pub struct Transcoder {
    program: PathBuf,
    bitrate_bps: u32,
    child: Option<Running>,
    /// What was put in and has not come out.
    in_flight: VecDeque<Unit>,
    /// Up to where frames have been given out.
    done_us: Option<i64>,
    restarts: u64,
}

#[derive(Debug)]
struct Running {
    child: Child,
    packets: mpsc::Sender<Bytes>,
    frames: mpsc::Receiver<Result<Bytes, AudioError>>,
    /// On the timeline, of the first packet.
    begin_us: i64,
    sequence: u32,
    samples_in: i64,
    frames_out: i64,
    /// The two that carry bytes; they end with this.
    _carriers: JoinSet<()>,
}

impl Transcoder {
    /// Starts nothing yet: the child comes with the first packet.
    pub fn new(program: &Path, bitrate_bps: u32) -> Transcoder {
        Transcoder {
            program: program.to_owned(),
            bitrate_bps,
            child: None,
            in_flight: VecDeque::new(),
            done_us: None,
            restarts: 0,
        }
    }

    /// How often a child had to be replaced.
    pub fn restarts(&self) -> u64 {
        self.restarts
    }

    /// The child's process id, while there is one.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(|running| running.child.id())
    }

    /// Forgets everything: what comes next does not go on from what came before.
    pub fn reset(&mut self) {
        self.child = None;
        self.in_flight.clear();
        self.done_us = None;
    }

    /// Takes a packet; those of a timeline come one behind the other.
    ///
    /// # Errors
    /// When the child cannot be started, or holds more than a few seconds. Then [`Transcoder::replace`] it.
    pub fn push(&mut self, unit: Unit) -> Result<(), AudioError> {
        let oldest_us = self.in_flight.front().map_or(unit.at_us, |first| first.at_us);
        if unit.at_us - oldest_us > IN_FLIGHT_US_MAX {
            return Err(AudioError::Stuck);
        }
        self.in_flight.push_back(unit.clone());
        let running = match &mut self.child {
            Some(running) => running,
            none => none.insert(Running::start(&self.program, self.bitrate_bps, unit.at_us)?),
        };
        running.put(&unit)
    }

    /// The next AAC frame as a unit of sound; waits until there is one. May be dropped without losing any.
    ///
    /// # Errors
    /// When the child has died or talks nonsense. Then [`Transcoder::replace`] it.
    pub async fn next(&mut self) -> Result<Unit, AudioError> {
        loop {
            let Some(running) = &mut self.child else { return std::future::pending().await };
            let frame = match running.frames.recv().await {
                Some(frame) => frame?,
                None => return Err(AudioError::Ended(String::new())),
            };
            let samples = running.frames_out * FRAME_SAMPLES - DELAY_SAMPLES;
            let at_us = running.begin_us + samples * 125 / 6;
            running.frames_out += 1;
            let (begin_us, done_us) = (running.begin_us, self.done_us.unwrap_or(i64::MIN));
            while self.in_flight.front().is_some_and(|unit| unit.at_us + unit.duration_us <= at_us) {
                self.in_flight.pop_front();
            }
            // The encoder's run-up, and what another child has given out already.
            if at_us < begin_us || at_us < done_us.saturating_sub(OVERLAP_US) {
                continue;
            }
            self.done_us = Some(at_us + FRAME_SAMPLES * 125 / 6);
            let captured_us = self.in_flight.front().map_or(0, |unit| unit.captured_us);
            return Ok(Unit {
                kind: Kind::Audio,
                at_us,
                duration_us: FRAME_SAMPLES * 125 / 6,
                captured_us,
                keyframe: true,
                filler: None,
                data: frame,
                picture: None,
            });
        }
    }

    /// Another child takes over where the last one stopped.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn replace(&mut self) -> Result<(), AudioError> {
        self.child = None;
        self.restarts += 1;
        let Some(first) = self.in_flight.front() else { return Ok(()) };
        let mut running = Running::start(&self.program, self.bitrate_bps, first.at_us)?;
        for unit in &self.in_flight {
            running.put(unit)?;
        }
        self.child = Some(running);
        Ok(())
    }
}

impl Running {
    fn start(program: &Path, bitrate_bps: u32, begin_us: i64) -> Result<Running, AudioError> {
        let failed = |cause: String| AudioError::Start { program: program.to_owned(), cause };
        // The fast coder takes half the time of the other; at the bit rates of a broadcast nobody hears which it was.
        // Not `-fflags nobuffer`: it throws away the packet that was looked at, and all sound is 20 ms early.
        let mut child = Command::new(program)
            .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-nostats"])
            .args(["-probesize", "32", "-analyzeduration", "0", "-f", "mp4", "-i", "pipe:0"])
            .args([
                "-vn",
                "-c:a",
                "aac",
                "-aac_coder",
                "fast",
                "-profile:a",
                "aac_low",
                "-ar",
                "48000",
                "-ac",
                "2",
                "-b:a",
            ])
            .arg(bitrate_bps.to_string())
            .args(["-flush_packets", "1", "-f", "adts", "pipe:1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("it has no pipes".to_owned()));
        };
        let stderr = child.stderr.take();
        let format = AudioFormat::Opus { channels: 2, pre_skip: 0 };
        let init = mp4::init_segment(None, Some(&format)).map_err(|error| failed(error.to_string()))?;
        let (packets, to_write) = mpsc::channel(QUEUE_MAX);
        let (found, frames) = mpsc::channel(QUEUE_MAX);
        let mut carriers = JoinSet::new();
        carriers.spawn(write(stdin, init, to_write));
        carriers.spawn(async move {
            let words = last_words(stderr);
            tokio::pin!(words);
            let reading = read(stdout, &found);
            tokio::pin!(reading);
            // Both are read, so that neither pipe fills up.
            let (end, words) = tokio::select! {
                end = &mut reading => (end, tokio::time::timeout(WORDS_WAIT, words).await.unwrap_or_default()),
                words = &mut words => (reading.await, words),
            };
            let error = end.err().unwrap_or(AudioError::Ended(words));
            let _ = found.send(Err(error)).await;
        });
        Ok(Running { child, packets, frames, begin_us, sequence: 0, samples_in: 0, frames_out: 0, _carriers: carriers })
    }

    fn put(&mut self, unit: &Unit) -> Result<(), AudioError> {
        let duration = unit.duration_us * i64::from(OPUS_CLOCK_HZ) / 1_000_000;
        let sample = Sample {
            dts: self.samples_in.unsigned_abs(),
            cts: 0,
            duration: duration as u32,
            keyframe: true,
            data: unit.data.clone(),
        };
        self.samples_in += duration;
        self.sequence = self.sequence.wrapping_add(1);
        let fragment = mp4::fragment(self.sequence, &[], &[sample]).map_err(|_| AudioError::Stuck)?;
        // A child that died is told of by `next`, with its words.
        match self.packets.try_send(fragment) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(AudioError::Stuck),
        }
    }
}

async fn write(mut stdin: ChildStdin, init: Bytes, mut packets: mpsc::Receiver<Bytes>) {
    let mut next = Some(init);
    while let Some(bytes) = next {
        if stdin.write_all(&bytes).await.is_err() {
            return;
        }
        next = packets.recv().await;
    }
}

/// Gives on each frame without its header.
async fn read(mut stdout: ChildStdout, found: &mpsc::Sender<Result<Bytes, AudioError>>) -> Result<(), AudioError> {
    let mut buffer = BytesMut::with_capacity(16 * 1024);
    loop {
        while let Some(frame) = take_frame(&mut buffer)? {
            if found.send(Ok(frame)).await.is_err() {
                return Ok(());
            }
        }
        match stdout.read_buf(&mut buffer).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return Ok(()),
        }
    }
}

/// The next whole frame of an ADTS stream (ISO/IEC 13818-7, 6.2).
fn take_frame(buffer: &mut BytesMut) -> Result<Option<Bytes>, AudioError> {
    let Some(&[first, second, _, fourth, fifth, sixth, _]) = buffer.first_chunk::<ADTS_BYTES>() else {
        return Ok(None);
    };
    // Sync word, layer 0.
    if first != 0xff || second & 0xf6 != 0xf0 {
        return Err(AudioError::NotAac);
    }
    let length = usize::from(fourth & 3) << 11 | usize::from(fifth) << 3 | usize::from(sixth) >> 5;
    let header = if second & 1 == 1 { ADTS_BYTES } else { ADTS_BYTES + 2 };
    if length < header {
        return Err(AudioError::NotAac);
    }
    if buffer.len() < length {
        return Ok(None);
    }
    let mut frame = buffer.split_to(length).freeze();
    frame.advance(header);
    Ok(Some(frame))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_out_of_a_stream_cut_anywhere() {
        let frame = |fill: u8| {
            let mut bytes = vec![0xff, 0xf1, 0x4c, 0x80, 0x02, 0x1f, 0xfc];
            bytes.extend([fill; 9]);
            bytes
        };
        let stream = [frame(1), frame(2), frame(3)].concat();
        let mut buffer = BytesMut::new();
        let mut found = vec![];
        for byte in stream {
            buffer.extend_from_slice(&[byte]);
            found.extend(take_frame(&mut buffer).unwrap());
        }
        assert_eq!(found, [Bytes::from(vec![1; 9]), Bytes::from(vec![2; 9]), Bytes::from(vec![3; 9])]);
        let mut noise = BytesMut::from(&b"no sound at all"[..]);
        assert_eq!(take_frame(&mut noise), Err(AudioError::NotAac));
    }

    proptest::proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(0u8.., 0..60)) {
            let mut buffer = BytesMut::from(bytes.as_slice());
            while let Ok(Some(_)) = take_frame(&mut buffer) {}
        }
    }
}
