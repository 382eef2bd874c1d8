//! Reads a subscriber's events, with an end to patience.

use backstage_media::frame::{Frame, Kind};
use backstage_media::participant::{Access, Event, Picture, Preference, Subscriber, SubscriberSettings};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// For anything to happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A subscriber and all that it told.
pub struct Watch {
    pub subscriber: Subscriber,
    pub events: Vec<(Instant, Event)>,
}

/// Receives whoever is called `host…`.
pub fn settings() -> SubscriberSettings {
    SubscriberSettings::new(Preference { identity_prefix: "host".into(), picture: Picture::default() })
}

impl Watch {
    pub fn start(access: Access) -> Watch {
        Watch::with(settings(), access)
    }

    pub fn with(settings: SubscriberSettings, access: Access) -> Watch {
        Watch { subscriber: Subscriber::start(settings, Arc::new(access)), events: Vec::new() }
    }

    /// Reads on until an event fits, and returns it.
    pub async fn until(&mut self, what: &str, fits: impl Fn(&Event) -> bool) -> Event {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let event = match tokio::time::timeout(left, self.subscriber.next()).await {
                Ok(Some(event)) => event,
                Ok(None) => panic!("the events ended before {what}: {:?}", self.told()),
                Err(_) => panic!("{what} did not come within 30 s: {:?} {:?}", self.told(), self.subscriber.stats()),
            };
            self.events.push((Instant::now(), event.clone()));
            if fits(&event) {
                return event;
            }
        }
    }

    /// Reads on until so many more frames of a kind have come.
    pub async fn frames(&mut self, kind: Kind, count: usize) -> Vec<Frame> {
        let mut frames = Vec::new();
        while frames.len() < count {
            let event = self.until("a frame", |event| matches!(event, Event::Frame(frame) if frame.kind == kind)).await;
            if let Event::Frame(frame) = event {
                frames.push(frame);
            }
        }
        frames
    }

    /// Reads for so long.
    pub async fn during(&mut self, duration: Duration) {
        let deadline = tokio::time::Instant::now() + duration;
        while let Ok(Some(event)) = tokio::time::timeout_at(deadline, self.subscriber.next()).await {
            self.events.push((Instant::now(), event));
        }
    }

    /// All frames of a kind so far.
    pub fn all(&self, kind: Kind) -> Vec<&Frame> {
        let mut frames = Vec::new();
        for (_, event) in &self.events {
            if let Event::Frame(frame) = event
                && frame.kind == kind
            {
                frames.push(frame);
            }
        }
        frames
    }

    /// What it told beside frames, in short; sound left out.
    pub fn told(&self) -> Vec<String> {
        let mut told: Vec<String> = Vec::new();
        for (_, event) in &self.events {
            match event {
                Event::Frame(frame) if frame.kind == Kind::Video => {
                    if told.last().is_none_or(|last| last != "frames") {
                        told.push("frames".into());
                    }
                }
                Event::Frame(_) => {}
                Event::Connected => told.push("connected".into()),
                Event::Reconnecting { .. } => told.push("reconnecting".into()),
                Event::TrackStarted { kind: Kind::Video, source, .. } => told.push(format!("started {source:?}")),
                Event::FormatChanged { width, height, .. } => told.push(format!("{width}x{height}")),
                Event::Muted { kind: Kind::Video } => told.push("muted".into()),
                Event::Unmuted { kind: Kind::Video } => told.push("unmuted".into()),
                Event::TrackEnded { kind: Kind::Video } => told.push("ended".into()),
                Event::Ended { reason } => told.push(format!("end: {reason}")),
                Event::TrackStarted { .. } | Event::Muted { .. } | Event::Unmuted { .. } | Event::TrackEnded { .. } => {
                }
            }
        }
        told
    }
}

pub fn is_picture(event: &Event) -> bool {
    matches!(event, Event::Frame(frame) if frame.kind == Kind::Video)
}
