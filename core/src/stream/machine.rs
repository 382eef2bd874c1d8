//! How a stream takes each event.

use super::*;
use crate::effect::{Effect, Lifecycle, TimerName};
use crate::experience::ExperienceEvent;
use crate::machine::{Index, Kind, Machine};

type Outcome = Result<Vec<Effect>, StreamRejection>;

impl Machine for Stream {
    const KIND: Kind = Kind::Stream;
    type Event = StreamEvent;
    type Rejection = StreamRejection;

    fn begin(now: Timestamp, event: StreamEvent) -> Result<(Stream, Vec<Effect>), StreamRejection> {
        let StreamEvent::Open { space, experience, stream, start, grace_ms, plan } = event else {
            return Err(StreamRejection::NotOpened);
        };
        let grace_ms = grace_ms.clamp(*GRACE_MS_RANGE.start(), *GRACE_MS_RANGE.end());
        let phase = Phase::Scheduled { starts_at: now };
        let (delivery, recorder) = media::of_plan(&plan);
        let mut stream = Stream {
            id: stream,
            space,
            experience,
            phase,
            grace_ms,
            tracks: BTreeMap::new(),
            gone: VecDeque::new(),
            delivery,
            recorder,
            health: Report::default(),
            room_closed: false,
        };
        let effects = match start {
            Start::Scheduled { starts_at } => {
                stream.phase = Phase::Scheduled { starts_at };
                vec![
                    Effect::SetTimer { name: TimerName::ScheduleExpiry, due_at: starts_at + SCHEDULE_EXPIRY_MS },
                    stream.publish(now, "scheduled", "creator"),
                ]
            }
            Start::Lobby => stream.to_lobby(now, None),
            Start::GoLive => {
                let mut effects = stream.to_lobby(now, None);
                effects.extend(stream.arm(now)?);
                effects
            }
        };
        Ok((stream, effects))
    }

    fn apply(&mut self, now: Timestamp, event: StreamEvent) -> Outcome {
        match event {
            StreamEvent::Open { .. } => Err(StreamRejection::AlreadyOpened),
            StreamEvent::Reschedule { starts_at } => self.reschedule(starts_at),
            StreamEvent::Unschedule => match self.phase {
                Phase::Scheduled { .. } => Ok(self.cancel(now, CancelCause::Creator)),
                _ => Err(StreamRejection::Begun),
            },
            StreamEvent::OpenLobby => match self.phase {
                Phase::Scheduled { starts_at } => Ok(self.to_lobby(now, Some(starts_at))),
                Phase::Lobby { .. } => Err(StreamRejection::AlreadyOpen),
                Phase::Live { .. } | Phase::Reconnecting { .. } => Err(StreamRejection::AlreadyLive),
                Phase::Ended { .. } | Phase::Archived { .. } | Phase::Cancelled { .. } => Err(StreamRejection::Over),
            },
            StreamEvent::GoLive => self.go_live(now),
            StreamEvent::End => self.end(now),
            StreamEvent::MediaArrived { track } => self.media_arrived(now, track),
            StreamEvent::MediaLost { track } => self.media_lost(now, track),
            StreamEvent::MediaObserved { tracks, room, asked_at } => self.media_observed(now, tracks, room, asked_at),
            StreamEvent::TimerFired { name } => self.timer_fired(now, name),
            StreamEvent::RoomClosed => self.room_closed(now),
            StreamEvent::Planned { setup } => Ok(self.planned(now, setup)),
            StreamEvent::Delivery { news } => self.delivery_news(now, news),
            StreamEvent::Recording { news } => Ok(self.recorder_news(now, news)),
            StreamEvent::Health { news } => {
                self.health.note(now, news);
                Ok(vec![])
            }
        }
    }

    fn index(&self) -> Index {
        Index { parent: self.experience.to_string(), slug: None, phase: self.phase.as_str() }
    }

    fn event_name(event: &StreamEvent) -> &'static str {
        match event {
            StreamEvent::Open { start: Start::Scheduled { .. }, .. } => "scheduled",
            StreamEvent::Open { start: Start::Lobby, .. } | StreamEvent::OpenLobby => "lobby_opened",
            StreamEvent::Open { start: Start::GoLive, .. } | StreamEvent::GoLive => "go_live",
            StreamEvent::Reschedule { .. } => "rescheduled",
            StreamEvent::Unschedule => "unscheduled",
            StreamEvent::End => "end",
            StreamEvent::MediaArrived { .. } => "media_arrived",
            StreamEvent::MediaLost { .. } => "media_lost",
            StreamEvent::MediaObserved { .. } => "media_observed",
            StreamEvent::TimerFired { name } => name.as_str(),
            StreamEvent::RoomClosed => "room_closed",
            StreamEvent::Planned { .. } => "planned",
            StreamEvent::Delivery { news } => news.name(),
            StreamEvent::Recording { news } => news.name(),
            StreamEvent::Health { news } => news.name(),
        }
    }

    fn cause(event: &StreamEvent) -> &'static str {
        match event {
            StreamEvent::Open { .. }
            | StreamEvent::Reschedule { .. }
            | StreamEvent::Unschedule
            | StreamEvent::OpenLobby
            | StreamEvent::GoLive
            | StreamEvent::End => "creator",
            StreamEvent::MediaArrived { .. } | StreamEvent::MediaLost { .. } | StreamEvent::RoomClosed => {
                "media_server"
            }
            StreamEvent::MediaObserved { .. } => "sweep",
            StreamEvent::TimerFired { .. } => "timer",
            StreamEvent::Planned { .. } => "server",
            StreamEvent::Delivery { news } => news.cause(),
            StreamEvent::Recording { .. } => "recorder",
            StreamEvent::Health { .. } => "health",
        }
    }

    /// A turn of the delivery is told as such, whatever brought it about: `delivery_hybrid`, because of `viewers`.
    fn told(&self, before: Option<&Stream>, event: &StreamEvent) -> (&'static str, &'static str) {
        let turned = before.filter(|before| before.phase == self.phase).is_some_and(|before| {
            let (was, is) = (&before.delivery.mode, &self.delivery.mode);
            was.as_str() != is.as_str() || was.heading() != is.heading()
        });
        match self.delivery.reason {
            Some(reason) if turned => (self.delivery.mode.turned_name(), reason.code()),
            Some(_) | None => (Self::event_name(event), Self::cause(event)),
        }
    }
}

impl Stream {
    pub(super) fn publish(&self, now: Timestamp, event: &str, cause: &str) -> Effect {
        Effect::Publish(Lifecycle {
            space: self.space.clone(),
            experience: self.experience.clone(),
            stream: Some(self.id.clone()),
            event: event.into(),
            cause: cause.into(),
            at: now,
        })
    }

    fn open_room(&self) -> Effect {
        let (space, experience, stream) = self.path();
        Effect::OpenRoom { space, experience, stream }
    }

    fn close_room(&self) -> Effect {
        let (space, experience, stream) = self.path();
        Effect::CloseRoom { space, experience, stream }
    }

    pub(super) fn path(&self) -> (SpaceId, ExperienceId, StreamId) {
        (self.space.clone(), self.experience.clone(), self.id.clone())
    }

    fn tell_experience(&self, event: ExperienceEvent) -> Effect {
        Effect::TellExperience {
            space: self.space.clone(),
            experience: self.experience.clone(),
            event: Box::new(event),
        }
    }

    fn reschedule(&mut self, starts_at: Timestamp) -> Outcome {
        match &mut self.phase {
            Phase::Scheduled { starts_at: held } if *held == starts_at => Ok(vec![]),
            Phase::Scheduled { starts_at: held } => {
                *held = starts_at;
                Ok(vec![Effect::SetTimer { name: TimerName::ScheduleExpiry, due_at: starts_at + SCHEDULE_EXPIRY_MS }])
            }
            Phase::Lobby { starts_at: held, opened_at, .. } => {
                *held = Some(starts_at);
                let due_at = starts_at.max(*opened_at) + LOBBY_EXPIRY_MS;
                Ok(vec![Effect::SetTimer { name: TimerName::LobbyExpiry, due_at }])
            }
            Phase::Live { .. } | Phase::Reconnecting { .. } => Err(StreamRejection::Begun),
            Phase::Ended { .. } | Phase::Archived { .. } | Phase::Cancelled { .. } => Err(StreamRejection::Over),
        }
    }

    fn to_lobby(&mut self, now: Timestamp, starts_at: Option<Timestamp>) -> Vec<Effect> {
        self.phase = Phase::Lobby { opened_at: now, starts_at, armed_until: None };
        let due_at = starts_at.map_or(now, |at| at.max(now)) + LOBBY_EXPIRY_MS;
        let mut effects = vec![
            Effect::CancelTimer { name: TimerName::ScheduleExpiry },
            Effect::SetTimer { name: TimerName::LobbyExpiry, due_at },
            self.open_room(),
            self.publish(now, "lobby", "creator"),
        ];
        effects.extend(self.deliver_step(now, DeliveryEvent::LobbyOpened));
        effects
    }

    fn arm(&mut self, now: Timestamp) -> Outcome {
        match &mut self.phase {
            Phase::Lobby { armed_until: armed @ None, .. } => {
                *armed = Some(now + ARMING_MS);
                Ok(vec![
                    Effect::SetTimer { name: TimerName::Arming, due_at: now + ARMING_MS },
                    self.publish(now, "armed", "creator"),
                ])
            }
            _ => Err(StreamRejection::AlreadyLive),
        }
    }

    fn go_live(&mut self, now: Timestamp) -> Outcome {
        match self.phase {
            Phase::Scheduled { starts_at } => {
                let mut effects = self.to_lobby(now, Some(starts_at));
                effects.extend(self.arm(now)?);
                Ok(effects)
            }
            Phase::Lobby { .. } | Phase::Live { .. } | Phase::Reconnecting { .. } => self.arm(now),
            Phase::Ended { .. } | Phase::Archived { .. } | Phase::Cancelled { .. } => Err(StreamRejection::Over),
        }
    }

    fn end(&mut self, now: Timestamp) -> Outcome {
        match self.phase {
            Phase::Scheduled { .. } | Phase::Lobby { .. } => Ok(self.cancel(now, CancelCause::Creator)),
            Phase::Live { since: live_since } | Phase::Reconnecting { live_since, .. } => {
                Ok(self.finish(now, live_since, EndCause::Creator))
            }
            Phase::Ended { .. } | Phase::Archived { .. } | Phase::Cancelled { .. } => Err(StreamRejection::Over),
        }
    }

    fn media_arrived(&mut self, now: Timestamp, track: TrackId) -> Outcome {
        if self.phase.is_over() {
            return Err(StreamRejection::Over);
        }
        if self.gone.contains(&track) || self.tracks.contains_key(&track) || self.tracks.len() >= TRACKS_MAX {
            return Ok(vec![]);
        }
        self.tracks.insert(track, now);
        Ok(self.follow_media(now))
    }

    fn media_lost(&mut self, now: Timestamp, track: TrackId) -> Outcome {
        if self.phase.is_over() {
            return Err(StreamRejection::Over);
        }
        if !self.gone.contains(&track) {
            if self.gone.len() == GONE_TRACKS_MAX {
                self.gone.pop_front();
            }
            self.gone.push_back(track.clone());
        }
        self.tracks.remove(&track);
        Ok(self.follow_media(now))
    }

    fn media_observed(&mut self, now: Timestamp, seen: BTreeSet<TrackId>, room: bool, asked_at: Timestamp) -> Outcome {
        if self.phase.is_over() {
            return Err(StreamRejection::Over);
        }
        self.tracks.retain(|track, known_at| seen.contains(track) || *known_at >= asked_at);
        for track in seen {
            if !self.gone.contains(&track) && self.tracks.len() < TRACKS_MAX {
                self.tracks.entry(track).or_insert(now);
            }
        }
        let mut effects = self.follow_media(now);
        if !room && self.phase.wants_room() {
            effects.push(self.open_room());
        }
        Ok(effects)
    }

    /// Brings the phase in line with the tracks that are there.
    fn follow_media(&mut self, now: Timestamp) -> Vec<Effect> {
        let present = !self.tracks.is_empty();
        match self.phase {
            Phase::Scheduled { .. } | Phase::Lobby { .. } if present => {
                self.phase = Phase::Live { since: now };
                let mut effects = vec![
                    Effect::CancelTimer { name: TimerName::ScheduleExpiry },
                    Effect::CancelTimer { name: TimerName::LobbyExpiry },
                    Effect::CancelTimer { name: TimerName::Arming },
                    Effect::SetTimer { name: TimerName::LiveLimit, due_at: now + LIVE_LIMIT_MS },
                    self.tell_experience(ExperienceEvent::StreamLive { stream: self.id.clone() }),
                    self.publish(now, "live", "media_arrived"),
                ];
                let start = self.recorder.went_live();
                effects.extend(self.record(start));
                effects.extend(self.deliver_step(now, DeliveryEvent::WentLive));
                effects
            }
            Phase::Live { since } if !present => {
                let until = now + self.grace_ms;
                self.phase = Phase::Reconnecting { live_since: since, since: now, until };
                vec![
                    Effect::SetTimer { name: TimerName::Grace, due_at: until },
                    self.publish(now, "reconnecting", "media_lost"),
                ]
            }
            Phase::Reconnecting { live_since, .. } if present => {
                self.phase = Phase::Live { since: live_since };
                vec![Effect::CancelTimer { name: TimerName::Grace }, self.publish(now, "resumed", "media_arrived")]
            }
            Phase::Scheduled { .. }
            | Phase::Lobby { .. }
            | Phase::Live { .. }
            | Phase::Reconnecting { .. }
            | Phase::Ended { .. }
            | Phase::Archived { .. }
            | Phase::Cancelled { .. } => vec![],
        }
    }

    fn timer_fired(&mut self, now: Timestamp, name: TimerName) -> Outcome {
        match (name, &mut self.phase) {
            (TimerName::ScheduleExpiry, Phase::Scheduled { starts_at }) if now >= *starts_at + SCHEDULE_EXPIRY_MS => {
                Ok(self.cancel(now, CancelCause::ScheduleExpired))
            }
            (TimerName::LobbyExpiry, Phase::Lobby { opened_at, starts_at, .. })
                if now >= starts_at.map_or(*opened_at, |at| at.max(*opened_at)) + LOBBY_EXPIRY_MS =>
            {
                Ok(self.cancel(now, CancelCause::LobbyExpired))
            }
            (TimerName::Arming, Phase::Lobby { armed_until: armed @ Some(_), .. })
                if armed.is_some_and(|at| now >= at) =>
            {
                *armed = None;
                Ok(vec![
                    self.tell_experience(ExperienceEvent::StreamDisarmed { stream: self.id.clone() }),
                    self.publish(now, "disarmed", "no_media"),
                ])
            }
            (TimerName::Grace, Phase::Reconnecting { live_since, until, .. }) if now >= *until => {
                let live_since = *live_since;
                Ok(self.finish(now, live_since, EndCause::GraceOver))
            }
            (TimerName::LiveLimit, Phase::Live { since: live_since } | Phase::Reconnecting { live_since, .. })
                if now >= *live_since + LIVE_LIMIT_MS =>
            {
                let live_since = *live_since;
                Ok(self.finish(now, live_since, EndCause::Limit))
            }
            (TimerName::Closing, Phase::Ended { .. }) => {
                let mut effects = vec![Effect::SetTimer { name: TimerName::Closing, due_at: now + CLOSING_MS }];
                // What bridge and recording still have to do waits in the outbox and is not asked for again.
                if !self.room_closed {
                    effects.push(self.close_room());
                }
                Ok(effects)
            }
            (TimerName::DeliveryStep, _) => self.deliver(now, DeliveryEvent::CohortMoved),
            (
                TimerName::ScheduleExpiry
                | TimerName::LobbyExpiry
                | TimerName::Arming
                | TimerName::Grace
                | TimerName::LiveLimit
                | TimerName::Closing,
                _,
            ) => Err(StreamRejection::StaleTimer),
        }
    }

    fn finish(&mut self, now: Timestamp, live_since: Timestamp, cause: EndCause) -> Vec<Effect> {
        self.phase = Phase::Ended { live_since, at: now, cause };
        self.tracks.clear();
        self.gone.clear();
        let peak = self.delivery.limits.is_some().then_some(self.delivery.peak);
        let mut effects = vec![
            Effect::CancelTimer { name: TimerName::Grace },
            Effect::CancelTimer { name: TimerName::LiveLimit },
            Effect::SetTimer { name: TimerName::Closing, due_at: now + CLOSING_MS },
            self.tell_experience(ExperienceEvent::StreamFinished { stream: self.id.clone(), peak }),
            self.close_room(),
            self.publish(now, "ended", cause.as_str()),
        ];
        let stop = self.recorder.finished();
        effects.extend(self.record(stop));
        effects.extend(self.deliver_step(now, DeliveryEvent::Finished));
        effects
    }

    fn cancel(&mut self, now: Timestamp, cause: CancelCause) -> Vec<Effect> {
        let had_room = self.phase.wants_room();
        self.phase = Phase::Cancelled { at: now, cause };
        self.tracks.clear();
        self.gone.clear();
        let mut effects = vec![
            Effect::CancelTimer { name: TimerName::ScheduleExpiry },
            Effect::CancelTimer { name: TimerName::LobbyExpiry },
            Effect::CancelTimer { name: TimerName::Arming },
            self.tell_experience(ExperienceEvent::StreamFinished { stream: self.id.clone(), peak: None }),
        ];
        if had_room {
            effects.push(self.close_room());
        }
        effects.push(self.publish(now, "cancelled", cause.as_str()));
        self.recorder.finished();
        effects.extend(self.deliver_step(now, DeliveryEvent::Finished));
        effects
    }

    fn room_closed(&mut self, now: Timestamp) -> Outcome {
        match self.phase {
            Phase::Ended { .. } => {
                self.room_closed = true;
                Ok(self.archive_if_done(now))
            }
            Phase::Archived { .. } | Phase::Cancelled { .. } => Ok(vec![]),
            // A room that closes under a stream on air is the media server's loss: the sweep opens a new one.
            Phase::Scheduled { .. } | Phase::Lobby { .. } => Ok(vec![]),
            Phase::Live { .. } | Phase::Reconnecting { .. } => {
                self.tracks.clear();
                let mut effects = self.follow_media(now);
                effects.push(self.open_room());
                Ok(effects)
            }
        }
    }
}
