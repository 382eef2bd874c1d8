//! One connection of an encoder: its tags become pictures and sound of a recording.

use super::simulcast::Simulcast;
use super::{Seat, Stage};
use crate::flv::{AudioTag, FlvError, Tag, TagKind, VideoTag};
use crate::origin::hls::{Live, LiveError, Picture, Sound, video_format};
use crate::origin::model::Event;
use crate::origin::store::new_id;
use crate::rtmp::{EndCause, Refusal, Sink};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use tokio::sync::watch;

/// Sound for this long without a picture makes a broadcast of sound alone, ms.
const SOUND_ALONE_MS: u64 = 1_000;
/// Parts after which a player finds something to play.
const PLAYABLE_PARTS: usize = 3;

/// One connection of an encoder.
pub struct Encoder {
    seat: Seat,
    stage: Arc<Stage>,
    stream: String,
    session: u64,
    closed: watch::Receiver<bool>,
    avcc: Option<Bytes>,
    asc: Option<Bytes>,
    first_sound_ms: Option<u64>,
    state: State,
    simulcast: Simulcast,
}

enum State {
    /// No picture yet.
    Waiting,
    /// Recorded.
    Recording { live: Arc<Live>, playable: bool },
    /// Completed: what comes is not heard.
    Over,
}

impl Encoder {
    pub(super) fn new(seat: Seat, closed: watch::Receiver<bool>) -> Encoder {
        let (stage, stream, session) = (seat.stage.clone(), seat.stream.clone(), seat.session);
        let simulcast = Simulcast::new(stage.clone(), stream.clone());
        Encoder {
            seat,
            stage,
            stream,
            session,
            closed,
            avcc: None,
            asc: None,
            first_sound_ms: None,
            state: State::Waiting,
            simulcast,
        }
    }

    async fn take(&mut self, tag: Tag) -> Result<(), Refusal> {
        if *self.closed.borrow() {
            return Err(Refusal::new("the stream was closed, or another encoder took over"));
        }
        if self.stage.faults.is_stalled() {
            return Ok(());
        }
        let taken = match tag.kind {
            TagKind::Meta => Ok(()),
            TagKind::Video => match VideoTag::parse(&tag.body) {
                Ok(video) => self.video(tag.timestamp_ms, video).await,
                Err(error) => return skip_or_refuse(error),
            },
            TagKind::Audio => match AudioTag::parse(&tag.body) {
                Ok(audio) => self.audio(tag.timestamp_ms, audio).await,
                Err(error) => return skip_or_refuse(error),
            },
        };
        match taken {
            Ok(()) => {}
            Err(LiveError::Ended) => self.state = State::Over,
            Err(LiveError::Format(error)) => return Err(Refusal::new(error.to_string())),
            Err(LiveError::Packager(error)) => {
                tracing::debug!(%error, "a picture or frame was left out");
            }
            Err(error) => {
                tracing::error!(%error, stream = self.stream, "a broadcast cannot be recorded");
                return Err(Refusal::new("it cannot be recorded now"));
            }
        }
        self.simulcast.tag(&tag, matches!(self.state, State::Recording { .. }));
        self.tell_playable().await
    }

    async fn video(&mut self, at_ms: u64, tag: VideoTag) -> Result<(), LiveError> {
        match tag {
            VideoTag::Config(avcc) => {
                let format = video_format(avcc.clone())?;
                self.avcc = Some(avcc.clone());
                if let State::Recording { live, .. } = &self.state {
                    live.video_config(avcc).await?;
                    self.note_size(format.width, format.height).await;
                }
                Ok(())
            }
            VideoTag::Picture { cts_ms, keyframe, data } => {
                if keyframe && self.avcc.is_some() {
                    self.begin().await?;
                }
                let State::Recording { live, .. } = &self.state else { return Ok(()) };
                let dts_us = micros(at_ms);
                live.video(Picture { dts_us, cts_us: cts_ms.saturating_mul(1_000), keyframe, data }).await
            }
            VideoTag::EndOfSequence => Ok(()),
        }
    }

    async fn audio(&mut self, at_ms: u64, tag: AudioTag) -> Result<(), LiveError> {
        match tag {
            AudioTag::Config(asc) => {
                self.asc = Some(asc.clone());
                match &self.state {
                    State::Recording { live, .. } => live.audio_config(asc).await,
                    State::Waiting | State::Over => Ok(()),
                }
            }
            AudioTag::Frame(data) => {
                let first_ms = *self.first_sound_ms.get_or_insert(at_ms);
                if self.avcc.is_none() && self.asc.is_some() && at_ms.saturating_sub(first_ms) >= SOUND_ALONE_MS {
                    self.begin().await?;
                }
                let State::Recording { live, .. } = &self.state else { return Ok(()) };
                live.audio(Sound { pts_us: micros(at_ms), data }).await
            }
        }
    }

    /// The first picture: the recording begins, or goes on behind a discontinuity.
    async fn begin(&mut self) -> Result<(), LiveError> {
        if !matches!(self.state, State::Waiting) {
            return Ok(());
        }
        let event = Event::MediaBegan { session: self.session, asset: new_id() };
        match self.stage.event(&self.stream, event).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(LiveError::Ended),
            Err(error) => return Err(LiveError::Disk(std::io::Error::other(error))),
        }
        let asset = self.stage.asset_of(&self.stream, self.session).ok_or(LiveError::Ended)?;
        let live = self.stage.open(&asset).await?;
        live.discontinuity().await?;
        if let Some(avcc) = &self.avcc {
            live.video_config(avcc.clone()).await?;
        }
        if let Some(asc) = &self.asc {
            live.audio_config(asc.clone()).await?;
        }
        self.state = State::Recording { live, playable: false };
        if let Some(format) = self.avcc.clone().and_then(|avcc| video_format(avcc).ok()) {
            self.note_size(format.width, format.height).await;
        }
        Ok(())
    }

    async fn note_size(&self, width: u16, height: u16) {
        let Some(asset) = self.stage.asset_of(&self.stream, self.session) else { return };
        if let Err(error) = self.stage.desk.change(move |books, _| books.asset_size(&asset, width, height)).await {
            tracing::error!(%error, "the size of a recording was not kept");
        }
    }

    async fn tell_playable(&mut self) -> Result<(), Refusal> {
        let State::Recording { live, playable: playable @ false } = &mut self.state else { return Ok(()) };
        let edge = live.progress().edge;
        if (edge.msn == 0 && edge.parts < PLAYABLE_PARTS) || self.stage.faults.is_never_active() {
            return Ok(());
        }
        *playable = true;
        if self.stage.is_playable(&self.stream) {
            return Ok(());
        }
        match self.stage.event(&self.stream, Event::Playable(self.session)).await {
            // A connection that is no longer the present one is closed by another way.
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::error!(%error, "a stream that can be played was not told");
                Err(Refusal::new("not now"))
            }
        }
    }

    async fn end(self, cause: EndCause) {
        let Encoder { seat, stage, stream, session, state, simulcast, .. } = self;
        tracing::info!(stream, %cause, "an encoder is gone");
        drop(simulcast);
        let current = stage.desk.read(|books| books.stream(&stream).and_then(|one| one.session()) == Some(session));
        if let (State::Recording { live, .. }, true) = (&state, current)
            && let Err(error) = live.discontinuity().await
            && !matches!(error, LiveError::Ended)
        {
            tracing::error!(%error, stream, "the last pictures were not written");
        }
        seat.give_back().await;
    }
}

impl Sink for Encoder {
    fn tag(&mut self, tag: Tag) -> BoxFuture<'_, Result<(), Refusal>> {
        self.take(tag).boxed()
    }

    fn ended(self: Box<Self>, cause: EndCause) -> BoxFuture<'static, ()> {
        self.end(cause).boxed()
    }
}

fn skip_or_refuse(error: FlvError) -> Result<(), Refusal> {
    match error {
        FlvError::NoMedia | FlvError::Packet(_) => Ok(()),
        FlvError::Truncated | FlvError::Codec(_) => Err(Refusal::new(error.to_string())),
    }
}

fn micros(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX / 1_000).saturating_mul(1_000)
}
