//! How an experience takes each event.

use super::*;
use crate::delivery::expected::{PEAKS_MAX, weighted_peak};
use crate::effect::Effect;
use crate::machine::{Index, Kind, Machine};
use crate::space::SpaceEvent;
use crate::stream::{GRACE_MS_RANGE, Plan, Start, StreamEvent};

type Outcome = Result<Vec<Effect>, ExperienceRejection>;

impl Machine for Experience {
    const KIND: Kind = Kind::Experience;
    type Event = ExperienceEvent;
    type Rejection = ExperienceRejection;

    fn begin(now: Timestamp, event: ExperienceEvent) -> Result<(Experience, Vec<Effect>), ExperienceRejection> {
        let ExperienceEvent::Create { id, space, settings, stream } = event else {
            return Err(ExperienceRejection::NotCreated);
        };
        settings.check(now, None)?;
        let mut experience = Experience { id, space, settings, current: None, last: None, peaks: vec![] };
        let added = SpaceEvent::AddExperience { experience: experience.id.clone() };
        let mut effects = vec![Effect::TellSpace { space: experience.space.clone(), event: Box::new(added) }];
        effects.extend(experience.schedule(stream));
        Ok((experience, effects))
    }

    fn apply(&mut self, now: Timestamp, event: ExperienceEvent) -> Outcome {
        match event {
            ExperienceEvent::Create { .. } => Err(ExperienceRejection::AlreadyCreated),
            ExperienceEvent::Edit { settings, stream } => self.edit(now, settings, stream),
            ExperienceEvent::OpenLobby { stream } => Ok(vec![match &self.current {
                Some(Current { going_live: true, .. }) => return Err(ExperienceRejection::AlreadyLive),
                Some(current) => self.tell(current.stream.clone(), StreamEvent::OpenLobby),
                None => self.open(stream, Start::Lobby, false),
            }]),
            ExperienceEvent::GoLive { stream } => Ok(vec![match &mut self.current {
                Some(Current { going_live: true, .. }) => return Err(ExperienceRejection::AlreadyLive),
                Some(current) => {
                    current.going_live = true;
                    let stream = current.stream.clone();
                    self.tell(stream, StreamEvent::GoLive)
                }
                None => self.open(stream, Start::GoLive, true),
            }]),
            ExperienceEvent::StreamLive { stream } => {
                self.current_mut(&stream)?.going_live = true;
                self.settings.starts_at = None;
                Ok(vec![])
            }
            ExperienceEvent::StreamDisarmed { stream } => {
                self.current_mut(&stream)?.going_live = false;
                Ok(vec![])
            }
            ExperienceEvent::StreamFinished { stream, peak } => {
                self.current_mut(&stream)?;
                self.current = None;
                if let Some(peak) = peak {
                    self.peaks.insert(0, peak);
                    self.peaks.truncate(PEAKS_MAX);
                }
                self.settings.starts_at = None;
                self.last = Some(stream);
                Ok(vec![])
            }
        }
    }

    fn index(&self) -> Index {
        let phase = match &self.current {
            None => "idle",
            Some(Current { going_live: false, .. }) => "open",
            Some(Current { going_live: true, .. }) => "live",
        };
        Index { parent: self.space.to_string(), slug: Some(self.settings.slug.to_string()), phase }
    }

    fn event_name(event: &ExperienceEvent) -> &'static str {
        match event {
            ExperienceEvent::Create { .. } => "created",
            ExperienceEvent::Edit { .. } => "edited",
            ExperienceEvent::OpenLobby { .. } => "open_lobby",
            ExperienceEvent::GoLive { .. } => "go_live",
            ExperienceEvent::StreamLive { .. } => "stream_live",
            ExperienceEvent::StreamDisarmed { .. } => "stream_disarmed",
            ExperienceEvent::StreamFinished { .. } => "stream_finished",
        }
    }

    fn cause(event: &ExperienceEvent) -> &'static str {
        match event {
            ExperienceEvent::Create { .. }
            | ExperienceEvent::Edit { .. }
            | ExperienceEvent::OpenLobby { .. }
            | ExperienceEvent::GoLive { .. } => "creator",
            ExperienceEvent::StreamLive { .. }
            | ExperienceEvent::StreamDisarmed { .. }
            | ExperienceEvent::StreamFinished { .. } => "stream",
        }
    }
}

impl Settings {
    /// Every bound of [`Settings`]; a start that `held` has already may lie in the past.
    fn check(&self, now: Timestamp, held: Option<Timestamp>) -> Result<(), ExperienceRejection> {
        let title_chars = self.title.trim().chars().count();
        if !(1..=TITLE_CHARS_MAX).contains(&title_chars) {
            return Err(ExperienceRejection::BadTitle);
        }
        if self.description.chars().count() > DESCRIPTION_CHARS_MAX {
            return Err(ExperienceRejection::BadDescription);
        }
        if !GRACE_MS_RANGE.contains(&self.grace_ms) {
            return Err(ExperienceRejection::BadGrace);
        }
        match self.starts_at {
            Some(at) if Some(at) != held && !(0..=SCHEDULE_AHEAD_MS_MAX).contains(&at.since_ms(now)) => {
                Err(ExperienceRejection::BadStart)
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Experience {
    fn tell(&self, stream: StreamId, event: StreamEvent) -> Effect {
        Effect::TellStream { space: self.space.clone(), experience: self.id.clone(), stream, event: Box::new(event) }
    }

    fn open(&mut self, stream: StreamId, start: Start, going_live: bool) -> Effect {
        self.current = Some(Current { stream: stream.clone(), going_live });
        let event = StreamEvent::Open {
            space: self.space.clone(),
            experience: self.id.clone(),
            stream: stream.clone(),
            start,
            grace_ms: self.settings.grace_ms,
            plan: Box::new(Plan { last_peaks: weighted_peak(&self.peaks), ..Plan::default() }),
        };
        self.tell(stream, event)
    }

    fn schedule(&mut self, stream: StreamId) -> Vec<Effect> {
        match self.settings.starts_at {
            Some(starts_at) => vec![self.open(stream, Start::Scheduled { starts_at }, false)],
            None => vec![],
        }
    }

    fn edit(&mut self, now: Timestamp, settings: Settings, stream: StreamId) -> Outcome {
        let held = self.settings.starts_at;
        settings.check(now, held)?;
        let starts_at = settings.starts_at;
        self.settings = settings;
        if starts_at == held {
            return Ok(vec![]);
        }
        Ok(match (&self.current, starts_at) {
            (None, _) => self.schedule(stream),
            (Some(current), Some(starts_at)) => {
                vec![self.tell(current.stream.clone(), StreamEvent::Reschedule { starts_at })]
            }
            (Some(current), None) => vec![self.tell(current.stream.clone(), StreamEvent::Unschedule)],
        })
    }

    fn current_mut(&mut self, stream: &StreamId) -> Result<&mut Current, ExperienceRejection> {
        self.current.as_mut().filter(|current| current.stream == *stream).ok_or(ExperienceRejection::OtherStream)
    }
}
