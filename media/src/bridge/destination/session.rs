//! One connection of a destination, from its first keyframe to its end.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::{Board, DestinationSettings, SendError, SizeChange};
use crate::bridge::audio::{self, AudioError, Transcoder};
use crate::bridge::interleave::Interleave;
use crate::bridge::ring::Read;
use crate::bridge::tide::Reader;
use crate::bridge::unit::{Picture, Unit};
use crate::flv::{AudioTag, Tag, VideoTag};
use crate::frame::Kind;
use crate::rtmp::{Push, PushError};

/// So far behind the newest unit a destination skips to the latest keyframe, microseconds.
const BEHIND_US_MAX: i64 = 8_000_000;
/// How often figures are renewed.
const FIGURES_EVERY: Duration = Duration::from_secs(1);
/// Children replaced within [`RESTART_WINDOW`] before the connection is given up.
const RESTARTS_MAX: usize = 5;
const RESTART_WINDOW: Duration = Duration::from_secs(30);
/// The wait before a child is replaced, times the number of those replaced lately.
const RESTART_WAIT: Duration = Duration::from_millis(200);
/// How long the last sound may take to come out of the child at the end.
const LAST_SOUND: Duration = Duration::from_millis(500);

/// How a session ended.
#[derive(Debug)]
pub(super) enum End {
    /// The show is over.
    Over,
    /// The picture has another size, and the server wants a connection of its own for it.
    OtherSize,
    /// Something broke.
    Failed(SendError),
}

pub(super) struct Session<'a> {
    settings: &'a DestinationSettings,
    board: &'a Board,
    push: Push,
    sound: Transcoder,
    interleave: Interleave,
    picture: Option<Picture>,
    /// Where the connection's clock begins, on the timeline.
    begin_us: Option<i64>,
    /// Bytes of the connections before.
    bytes_before: u64,
    restarts: Vec<Instant>,
}

impl<'a> Session<'a> {
    pub async fn open(
        settings: &'a DestinationSettings,
        ffmpeg: &Path,
        board: &'a Board,
    ) -> Result<Session<'a>, SendError> {
        let push = Push::connect(&settings.target, settings.push.clone()).await?;
        Ok(Session {
            settings,
            board,
            push,
            sound: Transcoder::new(ffmpeg, settings.sound_bps),
            interleave: Interleave::new(),
            picture: None,
            begin_us: None,
            bytes_before: board.status().bytes,
            restarts: vec![],
        })
    }

    pub async fn run(mut self, reader: &mut Reader) -> End {
        let end = match self.send_all(reader).await {
            Ok(end) => end,
            Err(error) => return End::Failed(error),
        };
        match self.push.finish().await {
            Ok(_) => end,
            // It was over anyway.
            Err(error) => {
                self.board.error(&error.to_string());
                end
            }
        }
    }

    async fn send_all(&mut self, reader: &mut Reader) -> Result<End, SendError> {
        let mut figures = Figures::new();
        let mut tick = tokio::time::interval(FIGURES_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                read = reader.next() => match read {
                    Some(read) => self.take(read, reader)?,
                    None => {
                        self.last_sound().await?;
                        return Ok(End::Over);
                    }
                },
                frame = self.sound.next() => match frame {
                    Ok(frame) => self.interleave.push(frame),
                    Err(error) => self.replace_child(error).await?,
                },
                error = self.push.failure() => return Err(error.into()),
                _ = tick.tick() => {
                    let (sent, before) = (self.push.sent().bytes, self.bytes_before);
                    let bitrate_bps = figures.bitrate_bps(sent);
                    let (restarts, pid) = (self.sound.restarts(), self.sound.pid());
                    self.board.set(|status| {
                        status.bytes = before + sent;
                        status.bitrate_bps = bitrate_bps;
                        status.encoder_pid = pid;
                        if restarts > figures.restarts {
                            status.encoder_restarts += restarts - figures.restarts;
                        }
                    });
                    figures.restarts = restarts;
                }
            }
            while let Some(unit) = self.interleave.pop() {
                if let Some(end) = self.send(unit).await? {
                    return Ok(end);
                }
            }
        }
    }

    /// Pictures wait for the sound beside them; sound goes through the child.
    fn take(&mut self, read: Read, reader: &mut Reader) -> Result<(), SendError> {
        let first_us = read.units.first().map_or(0, |unit| unit.at_us);
        let behind = reader.newest_us() - first_us > BEHIND_US_MAX;
        if read.lost || behind {
            self.board.set(|status| status.skips += 1);
            self.interleave = Interleave::new();
            self.sound.reset();
        }
        if behind {
            reader.rejoin();
            return Ok(());
        }
        for unit in read.units {
            match unit.kind {
                Kind::Video => self.interleave.push(unit),
                Kind::Audio => match self.sound.push(unit) {
                    Ok(()) => {}
                    // The child is replaced where its end is noticed.
                    Err(AudioError::Stuck) => {
                        self.sound.replace()?;
                    }
                    Err(error) => return Err(error.into()),
                },
            }
        }
        Ok(())
    }

    async fn replace_child(&mut self, error: AudioError) -> Result<(), SendError> {
        let now = Instant::now();
        self.restarts.retain(|at| now - *at < RESTART_WINDOW);
        if self.restarts.len() >= RESTARTS_MAX {
            return Err(error.into());
        }
        self.board.error(&error.to_string());
        tokio::time::sleep(RESTART_WAIT * self.restarts.len() as u32).await;
        self.restarts.push(now);
        self.sound.replace()?;
        Ok(())
    }

    /// At the end of the show, what is still in the child.
    async fn last_sound(&mut self) -> Result<(), SendError> {
        let deadline = Instant::now() + LAST_SOUND;
        while let Ok(Ok(frame)) = tokio::time::timeout_at(deadline, self.sound.next()).await {
            self.interleave.push(frame);
        }
        for unit in self.interleave.drain() {
            if self.send(unit).await?.is_some() {
                break;
            }
        }
        Ok(())
    }

    async fn send(&mut self, unit: Unit) -> Result<Option<End>, SendError> {
        let begin_us = match self.begin_us {
            Some(begin_us) => begin_us,
            None if unit.kind == Kind::Video => *self.begin_us.insert(unit.at_us),
            None => return Ok(None),
        };
        let Ok(at_us) = u64::try_from(unit.at_us - begin_us) else { return Ok(None) };
        let at_ms = (at_us + 500) / 1_000;
        match unit.kind {
            Kind::Audio => self.tag(Tag::audio(at_ms, &AudioTag::Frame(unit.data))).await?,
            Kind::Video => {
                if let Some(picture) = unit.picture.as_deref().filter(|picture| self.picture.as_ref() != Some(picture))
                {
                    if self.needs_connection_for(picture) {
                        return Ok(Some(End::OtherSize));
                    }
                    self.announce(at_ms, picture).await?;
                }
                let picture = VideoTag::Picture { cts_ms: 0, keyframe: unit.keyframe, data: unit.data };
                self.tag(Tag::video(at_ms, &picture)).await?;
            }
        }
        Ok(None)
    }

    fn needs_connection_for(&self, picture: &Picture) -> bool {
        let size = |picture: &Picture| (picture.format.width, picture.format.height);
        let is_other = self.picture.as_ref().is_some_and(|before| size(before) != size(picture));
        is_other && self.settings.size_change == SizeChange::Reconnect
    }

    async fn announce(&mut self, at_ms: u64, picture: &Picture) -> Result<(), SendError> {
        self.tag(Tag::video(at_ms, &VideoTag::Config(picture.format.avcc.clone()))).await?;
        if self.picture.is_none() {
            self.tag(Tag::audio(at_ms, &AudioTag::Config(Bytes::from_static(audio::CONFIG)))).await?;
        }
        self.picture = Some(picture.clone());
        Ok(())
    }

    async fn tag(&mut self, tag: Tag) -> Result<(), PushError> {
        self.push.send(tag).await
    }
}

struct Figures {
    at: Instant,
    bytes: u64,
    bitrate_bps: u64,
    restarts: u64,
}

impl Figures {
    fn new() -> Figures {
        Figures { at: Instant::now(), bytes: 0, bitrate_bps: 0, restarts: 0 }
    }

    /// Smoothed over a few seconds.
    fn bitrate_bps(&mut self, bytes: u64) -> u64 {
        let ms = self.at.elapsed().as_millis().max(1) as u64;
        if ms < 500 {
            return self.bitrate_bps;
        }
        let now_bps = (bytes - self.bytes) * 8_000 / ms;
        self.bitrate_bps = if self.bitrate_bps == 0 { now_bps } else { (self.bitrate_bps * 2 + now_bps) / 3 };
        (self.at, self.bytes) = (Instant::now(), bytes);
        self.bitrate_bps
    }
}
