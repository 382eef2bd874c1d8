//! Pushes a live stream to its simulcast targets: one task each, tried again with growing delay, never holding up the
//! recording. A target that cannot follow loses pictures until the next keyframe.

use super::Stage;
use crate::flv::{AudioTag, Tag, TagKind, VideoTag};
use crate::origin::model::{Event, Severity, Target as Place, TargetStatus};
use crate::rtmp::{Push, PushError, PushOptions, StreamKey, Target};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;

/// Tags that wait for a target.
const WAITING_MAX: usize = 512;
/// Rest before the second try, s; it doubles.
const REST_S: u64 = 1;
const REST_S_MAX: u64 = 30;
/// A target that refuses so often in a row is not tried again for this connection.
const REFUSALS_MAX: u32 = 5;

/// The targets of one connection. Dropping it ends the pushes.
pub(super) struct Simulcast {
    stage: Arc<Stage>,
    stream: String,
    headers: Vec<Tag>,
    running: Option<broadcast::Sender<Tag>>,
}

impl Simulcast {
    pub(super) fn new(stage: Arc<Stage>, stream: String) -> Simulcast {
        Simulcast { stage, stream, headers: vec![], running: None }
    }

    /// Gives on a tag; the pushes begin and end with the recording.
    pub(super) fn tag(&mut self, tag: &Tag, recording: bool) {
        if is_header(tag) {
            self.headers.retain(|held| held.kind != tag.kind);
            self.headers.push(tag.clone());
        }
        match (recording, &self.running) {
            (true, None) => self.begin(),
            (false, Some(_)) => self.running = None,
            (true, Some(_)) | (false, None) => {}
        }
        if let Some(tags) = &self.running {
            // Without targets nobody listens.
            let _ = tags.send(tag.clone());
        }
    }

    fn begin(&mut self) {
        let (tags, _) = broadcast::channel(WAITING_MAX);
        let places = self.stage.desk.read(|books| books.stream(&self.stream).map(|stream| stream.targets.clone()));
        for place in places.unwrap_or_default() {
            let relay = Relay {
                stage: self.stage.clone(),
                stream: self.stream.clone(),
                place,
                headers: self.headers.clone(),
                tags: tags.subscribe(),
            };
            self.stage.kept.run("simulcast", relay.run());
        }
        self.running = Some(tags);
    }
}

fn is_header(tag: &Tag) -> bool {
    match tag.kind {
        TagKind::Meta => true,
        TagKind::Video => matches!(VideoTag::parse(&tag.body), Ok(VideoTag::Config(_))),
        TagKind::Audio => matches!(AudioTag::parse(&tag.body), Ok(AudioTag::Config(_))),
    }
}

fn is_keyframe(tag: &Tag) -> bool {
    tag.kind == TagKind::Video && matches!(VideoTag::parse(&tag.body), Ok(VideoTag::Picture { keyframe: true, .. }))
}

/// Waits for the end of the stream; what comes until then is thrown away.
async fn over(tags: &mut broadcast::Receiver<Tag>) {
    while !matches!(tags.recv().await, Err(broadcast::error::RecvError::Closed)) {}
}

struct Relay {
    stage: Arc<Stage>,
    stream: String,
    place: Place,
    headers: Vec<Tag>,
    tags: broadcast::Receiver<Tag>,
}

impl Relay {
    async fn run(mut self) {
        let key = self.place.stream_key.as_ref().map(|key| StreamKey::new(key.0.clone()));
        let parsed = match key {
            Some(key) => Target::with_key(&self.place.url, key),
            None => Target::parse(&self.place.url),
        };
        let target = match parsed {
            Ok(target) => target,
            Err(error) => {
                tracing::warn!(%error, target = self.place.id, "a simulcast target cannot be used");
                return self.say(TargetStatus::Errored, Some(Severity::Fatal)).await;
            }
        };
        let (mut rest_s, mut refusals) = (REST_S, 0);
        loop {
            self.say(TargetStatus::Starting, None).await;
            let error = match self.push(&target).await {
                Ok(()) => return,
                Err((error, sent)) => {
                    if sent {
                        (rest_s, refusals) = (REST_S, 0);
                    }
                    error
                }
            };
            refusals = if error.is_transient() { 0 } else { refusals + 1 };
            tracing::info!(%error, target = self.place.id, "a simulcast target failed");
            if refusals >= REFUSALS_MAX {
                return self.say(TargetStatus::Errored, Some(Severity::Fatal)).await;
            }
            self.say(TargetStatus::Errored, Some(Severity::Normal)).await;
            let rest = Duration::from_secs(rest_s);
            if tokio::time::timeout(rest, over(&mut self.tags)).await.is_ok() {
                return;
            }
            rest_s = (rest_s * 2).min(REST_S_MAX);
        }
    }

    /// Until the stream ends, or the error and whether anything had been sent.
    async fn push(&mut self, target: &Target) -> Result<(), (PushError, bool)> {
        let push = tokio::select! {
            push = Push::connect(target, PushOptions::default()) => push.map_err(|error| (error, false))?,
            () = over(&mut self.tags) => return Ok(()),
        };
        let (mut began, mut told) = (false, false);
        // What waited meanwhile is old.
        self.tags = self.tags.resubscribe();
        loop {
            let tag = match self.tags.recv().await {
                Ok(tag) => tag,
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    began = false;
                    continue;
                }
                Err(broadcast::error::RecvError::Closed) => {
                    let _ = push.finish().await;
                    return Ok(());
                }
            };
            if is_header(&tag) {
                self.headers.retain(|held| held.kind != tag.kind);
                self.headers.push(tag.clone());
            } else if !began {
                if !is_keyframe(&tag) {
                    continue;
                }
                for header in &self.headers {
                    let header = Tag { timestamp_ms: tag.timestamp_ms, ..header.clone() };
                    push.send(header).await.map_err(|error| (error, told))?;
                }
                began = true;
            }
            if began {
                push.send(tag).await.map_err(|error| (error, told))?;
            }
            if began && !told {
                told = true;
                self.say(TargetStatus::Broadcasting, None).await;
            }
        }
    }

    async fn say(&self, status: TargetStatus, severity: Option<Severity>) {
        let event = Event::TargetSaid { target: self.place.id.clone(), status, severity };
        if let Err(error) = self.stage.event(&self.stream, event).await {
            tracing::error!(%error, "the status of a simulcast target was not kept");
        }
    }
}
