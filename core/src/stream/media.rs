//! The parts of a stream that stand beside its phase: delivery, recording, health; and its end, once all are done.

use super::*;
use crate::delivery::{Delivery, DeliveryEvent, DeliveryRejection, Wish};
use crate::effect::{Effect, TimerName};
use crate::recording::{self, Recorder, RecorderEvent};

impl From<DeliveryRejection> for StreamRejection {
    fn from(rejection: DeliveryRejection) -> StreamRejection {
        match rejection {
            DeliveryRejection::Over => StreamRejection::Over,
            DeliveryRejection::NotSetUp => StreamRejection::NoHls,
            DeliveryRejection::StaleStep => StreamRejection::StaleTimer,
        }
    }
}

impl Stream {
    pub(super) fn deliver(&mut self, now: Timestamp, event: DeliveryEvent) -> Result<Vec<Effect>, StreamRejection> {
        let wishes = self.delivery.apply(now, event)?;
        Ok(wishes.into_iter().map(|wish| self.delivery_effect(now, wish)).collect())
    }

    /// A step of the stream's own life, which a delivery never refuses.
    pub(super) fn deliver_step(&mut self, now: Timestamp, event: DeliveryEvent) -> Vec<Effect> {
        self.deliver(now, event).unwrap_or_default()
    }

    fn delivery_effect(&self, now: Timestamp, wish: Wish) -> Effect {
        let (space, experience, stream) = self.path();
        match wish {
            Wish::CreateLiveStream => Effect::CreateLiveStream { space, experience, stream, grace_ms: self.grace_ms },
            Wish::StartBridge { broadcast } => Effect::StartBridge { space, experience, stream, broadcast },
            Wish::StopBridge => Effect::StopBridge { space, experience, stream },
            Wish::CompleteLiveStream { broadcast } => {
                Effect::CompleteLiveStream { space, experience, stream, broadcast }
            }
            Wish::StepAt { due_at } => Effect::SetTimer { name: TimerName::DeliveryStep, due_at },
            Wish::ForgetStep => Effect::CancelTimer { name: TimerName::DeliveryStep },
            Wish::Say { mode, cause } => self.publish(now, mode, cause),
        }
    }

    pub(super) fn record(&self, wish: Option<recording::Wish>) -> Option<Effect> {
        let (space, experience, stream) = self.path();
        wish.map(|wish| match wish {
            recording::Wish::Start => Effect::StartRecording { space, experience, stream },
            recording::Wish::Stop => Effect::StopRecording { space, experience, stream },
            recording::Wish::Archive => Effect::Archive { space, experience, stream },
        })
    }

    pub(super) fn recorder_news(&mut self, now: Timestamp, news: RecorderEvent) -> Vec<Effect> {
        let wish = self.recorder.apply(now, news);
        let mut effects: Vec<Effect> = self.record(wish).into_iter().collect();
        effects.extend(self.archive_if_done(now));
        effects
    }

    pub(super) fn delivery_news(
        &mut self,
        now: Timestamp,
        news: DeliveryEvent,
    ) -> Result<Vec<Effect>, StreamRejection> {
        match news {
            // Said by the stream itself, and by nobody else.
            DeliveryEvent::Planned { .. }
            | DeliveryEvent::LobbyOpened
            | DeliveryEvent::WentLive
            | DeliveryEvent::Finished
            | DeliveryEvent::CohortMoved => Err(StreamRejection::NotForYou),
            news => {
                let mut effects = self.deliver(now, news)?;
                effects.extend(self.archive_if_done(now));
                Ok(effects)
            }
        }
    }

    pub(super) fn planned(&mut self, now: Timestamp, setup: Setup) -> Vec<Effect> {
        if self.phase.is_over() {
            return vec![];
        }
        self.recorder.plan(setup.record && self.phase.rank() < 2);
        self.deliver_step(now, DeliveryEvent::Planned { limits: setup.delivery })
    }

    /// Archives an ended stream once its room is closed, its bridge stopped and its recording settled.
    pub(super) fn archive_if_done(&mut self, now: Timestamp) -> Vec<Effect> {
        let Phase::Ended { live_since, at, cause } = self.phase else { return vec![] };
        if !self.room_closed || !self.recorder.is_settled() || self.delivery.bridge != crate::delivery::Bridge::Off {
            return vec![];
        }
        let recording = Recording::of(&self.recorder);
        self.phase = Phase::Archived { live_since, ended_at: at, cause, recording };
        vec![Effect::CancelTimer { name: TimerName::Closing }, self.publish(now, "archived", recording.as_str())]
    }
}

impl Recording {
    fn of(recorder: &Recorder) -> Recording {
        match recorder {
            Recorder::Kept { .. } => Recording::Kept,
            Recorder::Empty => Recording::Empty,
            Recorder::Refused => Recording::Refused,
            Recorder::Failed => Recording::Failed,
            Recorder::Off { .. }
            | Recorder::Planned
            | Recorder::Starting { .. }
            | Recorder::Running { .. }
            | Recorder::Broken { .. }
            | Recorder::Stopping
            | Recorder::Archiving => Recording::NotRecorded,
        }
    }

    /// The code used in the timeline, the API and the event spine.
    pub const fn as_str(self) -> &'static str {
        match self {
            Recording::NotRecorded => "not_recorded",
            Recording::Kept => "recorded",
            Recording::Empty => "nothing_received",
            Recording::Refused => "recorder_refused",
            Recording::Failed => "archive_failed",
        }
    }
}

/// Empty delivery and recording, as of a stream opened before there were any.
pub(super) fn of_plan(plan: &Plan) -> (Delivery, Recorder) {
    let delivery = Delivery::planned(plan.setup.delivery, plan.targets, plan.last_peaks);
    (delivery, Recorder::planned(plan.setup.record))
}
