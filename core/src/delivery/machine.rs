//! How a delivery takes each event: the event first, then whatever follows from the state it left.

use super::assign::SLOTS;
use super::decide::{Inputs, Want, decide};
use super::expected::expected;
use super::*;

type Wishes = Vec<Wish>;

impl Delivery {
    /// The delivery of a stream that is being opened.
    pub fn planned(limits: Option<Limits>, targets: u32, last_peaks: u32) -> Delivery {
        Delivery { limits, targets, last_peaks, ..Delivery::default() }
    }

    /// Takes one event. A refused one changes nothing.
    pub fn apply(&mut self, now: Timestamp, event: DeliveryEvent) -> Result<Wishes, DeliveryRejection> {
        let before = self.clone();
        // The decision rests on the exact count; what is noted of it is coarser, so that not every viewer is a commit.
        let counted = match &event {
            DeliveryEvent::ViewersCounted { audience } => *audience,
            _ => self.audience,
        };
        let mut wishes = vec![];
        if let Err(rejection) = self.take(now, event, &mut wishes) {
            *self = before;
            return Err(rejection);
        }
        self.follow(now, &counted, &mut wishes);
        let step = self.limits.map_or(1, |limits| limits.count_step());
        if *self != before || counted.differs(&self.audience, step) {
            self.audience = counted;
            if matches!(self.stage, Stage::OnAir { .. }) {
                self.peak = self.peak.max(counted.watching());
            }
        }
        if *self != before {
            self.used.add(now, before.audience.hls, before.bridge_runs());
        }
        self.set_step(now, &mut wishes);
        Ok(wishes)
    }

    /// Viewers expected as the stream stands: 0 once it has been on air for so long that what is counted says more.
    pub fn expected(&self, now: Timestamp) -> u32 {
        self.expected_of(now, &self.audience)
    }

    fn expected_of(&self, now: Timestamp, audience: &Audience) -> u32 {
        match (self.stage, &self.limits) {
            (Stage::OnAir { since }, Some(limits)) if now >= since + limits.expected_trust_ms => 0,
            (Stage::Over, _) | (_, None) => 0,
            (Stage::Before | Stage::Lobby | Stage::OnAir { .. }, Some(_)) => expected(self.last_peaks, audience),
        }
    }

    /// What HLS has cost and costs, for people.
    pub fn estimate(&self, now: Timestamp) -> budget::Estimate {
        let mut used = self.used;
        used.add(now, self.audience.hls, self.bridge_runs());
        self.limits.unwrap_or_default().budget.estimate(&used, self.audience.hls, self.bridge_runs())
    }

    /// Whether something runs that must be looked at every second.
    pub fn wants_watch(&self) -> bool {
        self.bridge_runs()
    }

    fn bridge_runs(&self) -> bool {
        matches!(self.bridge, Bridge::Asked | Bridge::On { .. })
    }

    fn take(&mut self, now: Timestamp, event: DeliveryEvent, wishes: &mut Wishes) -> Result<(), DeliveryRejection> {
        let over = self.stage == Stage::Over;
        match event {
            // A stream that uses HLS by now goes on by the figures it began with when the new ones have no HLS.
            DeliveryEvent::Planned { limits: None } if self.mode != Mode::Webrtc || self.bridge != Bridge::Off => {}
            DeliveryEvent::Planned { limits } => self.limits = limits,
            DeliveryEvent::LobbyOpened => self.stage = Stage::Lobby,
            DeliveryEvent::WentLive => self.stage = Stage::OnAir { since: now },
            DeliveryEvent::Finished => self.stage = Stage::Over,
            DeliveryEvent::ViewersCounted { .. }
            | DeliveryEvent::TargetsChanged { .. }
            | DeliveryEvent::Overridden { .. }
                if over =>
            {
                return Err(DeliveryRejection::Over);
            }
            DeliveryEvent::ViewersCounted { audience } => self.let_in(now, &audience),
            DeliveryEvent::TargetsChanged { count } => self.targets = count,
            DeliveryEvent::Overridden { choice: Choice::Hls } if self.limits.is_none() => {
                return Err(DeliveryRejection::NotSetUp);
            }
            DeliveryEvent::Overridden { choice } => self.choice = choice,
            DeliveryEvent::BroadcastCreated { live } => {
                if matches!(self.broadcast, Broadcast::Asked | Broadcast::None) {
                    self.broadcast = Broadcast::Ready { live };
                }
            }
            DeliveryEvent::BroadcastRefused => {
                if self.broadcast == Broadcast::Asked {
                    self.broadcast = Broadcast::None;
                    if self.stage == Stage::Lobby {
                        self.failures = self.failures.saturating_add(1);
                    }
                    self.fail(now, Fault::BroadcastRefused, wishes);
                }
            }
            DeliveryEvent::BroadcastLost { id } => {
                if self.broadcast.ready().is_some_and(|live| live.id == id) {
                    self.broadcast = Broadcast::None;
                    self.fail(now, Fault::BroadcastLost, wishes);
                }
            }
            DeliveryEvent::BroadcastCompleted { id } => match &self.broadcast {
                Broadcast::Completing { live } if live.id == id => {
                    self.broadcast = Broadcast::Completed { live: live.clone() };
                }
                Broadcast::None
                | Broadcast::Asked
                | Broadcast::Ready { .. }
                | Broadcast::Completing { .. }
                | Broadcast::Completed { .. } => {}
            },
            DeliveryEvent::BridgeStarted => {
                if self.bridge == Bridge::Asked {
                    self.bridge = Bridge::On { since: now };
                }
            }
            DeliveryEvent::BridgeRefused => {
                if self.bridge == Bridge::Asked {
                    self.bridge = Bridge::Off;
                    self.fail(now, Fault::BridgeRefused, wishes);
                }
            }
            DeliveryEvent::BridgeFailed { asked_at } => {
                if matches!(self.bridge, Bridge::On { since } if asked_at >= since) {
                    self.fail(now, Fault::BridgeLost, wishes);
                }
            }
            DeliveryEvent::BridgeOrphaned { asked_at } => {
                if matches!(self.bridge, Bridge::On { since } if asked_at >= since) {
                    match self.broadcast.ready() {
                        Some(live) => {
                            wishes.push(Wish::StartBridge { broadcast: live.id.clone() });
                            // Looked at in a moment like one that is set up: if it does not come, that is a failure.
                            self.bridge = Bridge::On { since: now + SUCCESSOR_MS };
                        }
                        None => self.fail(now, Fault::BridgeLost, wishes),
                    }
                }
            }
            DeliveryEvent::BridgeStopped => {
                if self.bridge == Bridge::Stopping {
                    self.bridge = Bridge::Off;
                }
            }
            DeliveryEvent::PlaylistAdvanced { asked_at } => {
                if matches!(self.bridge, Bridge::On { since } if asked_at >= since) {
                    self.proven_at.get_or_insert(now);
                }
            }
            DeliveryEvent::PlaylistStalled { asked_at } => {
                if self.proven_at.is_some_and(|proven_at| asked_at >= proven_at) {
                    if let Mode::Warming { since } = &mut self.mode {
                        // Nobody watches it yet: it has the whole warming time to begin again.
                        *since = now;
                        self.proven_at = None;
                    } else {
                        self.fail(now, Fault::PlaylistStalled, wishes);
                    }
                }
            }
            DeliveryEvent::CohortMoved => {
                if self.step_at.is_none_or(|due_at| now < due_at) {
                    return Err(DeliveryRejection::StaleStep);
                }
                self.step_at = None;
            }
        }
        Ok(())
    }

    fn decide(&self, now: Timestamp, counted: &Audience) -> (Want, Reason) {
        let mut used = self.used;
        used.add(now, self.audience.hls, self.bridge_runs());
        decide(Inputs {
            limits: self.limits.as_ref(),
            choice: self.choice,
            targets: self.targets,
            audience: counted,
            expected: self.expected_of(now, counted),
            used: &used,
        })
    }

    /// Brings everything in line with what is wanted now.
    fn follow(&mut self, now: Timestamp, counted: &Audience, wishes: &mut Wishes) {
        let (want, reason) = self.decide(now, counted);
        match self.stage {
            Stage::Before => {}
            // Made while nothing is sent to it: what must be set before the first frame is set then.
            Stage::Lobby if want >= Want::Ready && self.failures == 0 => self.want_broadcast(wishes),
            Stage::Lobby => {}
            Stage::OnAir { .. } => self.on_air(now, want, reason, counted.hls, wishes),
            Stage::Over => self.wind_down(wishes),
        }
    }

    /// `on_hls`: viewers counted there.
    fn on_air(&mut self, now: Timestamp, want: Want, reason: Reason, on_hls: u32, wishes: &mut Wishes) {
        self.under_since = if want == Want::WebrtcSoon && self.mode != Mode::Webrtc {
            Some(self.under_since.unwrap_or(now))
        } else {
            None
        };
        let cooldown_ms = self.limits.map_or(0, |limits| limits.cooldown_ms);
        let cooled = self.under_since.is_some_and(|since| now >= since + cooldown_ms);
        let back = want == Want::Webrtc || cooled;
        let limits = self.limits.unwrap_or_default();
        match self.mode {
            Mode::Webrtc if want >= Want::Ready => {
                self.turn(Mode::Warming { since: now }, reason, wishes);
                self.want_bridge(wishes);
            }
            Mode::Webrtc => {}
            Mode::Warming { .. } | Mode::Fallback { .. } if back => {
                self.stop_bridge(wishes);
                self.turn(Mode::Webrtc, reason, wishes);
                self.shut_out = 0;
            }
            Mode::Warming { .. } if self.proven_at.is_some() => {
                if want == Want::Hls {
                    let first = cohort(&limits);
                    let next_at = now + limits.cohort_every_ms;
                    self.turn(Mode::Hybrid { heading: Heading::Up, moved_percent: first, next_at }, reason, wishes);
                }
            }
            Mode::Warming { since } if now >= since + limits.warm_limit_ms => {
                self.fail(now, Fault::NeverActive, wishes);
            }
            Mode::Warming { .. } => self.want_bridge(wishes),
            Mode::Hybrid { heading: Heading::Up, moved_percent, next_at } => {
                if back {
                    self.head_down(now, moved_percent, reason, wishes);
                } else if now >= next_at {
                    match moved_percent.saturating_add(cohort(&limits)) {
                        0..100 => self.move_to(Heading::Up, moved_percent + cohort(&limits), now),
                        _ => self.turn(Mode::Hls { since: now }, self.reason.unwrap_or(reason), wishes),
                    }
                }
            }
            Mode::Hybrid { heading: Heading::Down, moved_percent, next_at } => {
                if want == Want::Hls {
                    let next_at = now + limits.cohort_every_ms;
                    self.turn(Mode::Hybrid { heading: Heading::Up, moved_percent, next_at }, reason, wishes);
                } else if moved_percent == 0 && (on_hls == 0 || now >= next_at) {
                    self.stop_bridge(wishes);
                    self.turn(Mode::Webrtc, self.reason.unwrap_or(reason), wishes);
                } else if moved_percent > 0 && now >= next_at {
                    self.move_to(Heading::Down, moved_percent.saturating_sub(cohort(&limits)), now);
                }
            }
            Mode::Hls { .. } if back => self.head_down(now, 100, reason, wishes),
            Mode::Hls { .. } => {}
            Mode::Fallback { retry_at, .. } if now >= retry_at => {
                self.turn(Mode::Warming { since: now }, reason, wishes);
                self.want_bridge(wishes);
            }
            Mode::Fallback { .. } => {}
        }
    }

    fn head_down(&mut self, now: Timestamp, moved_percent: u8, reason: Reason, wishes: &mut Wishes) {
        let next_at = now + self.limits.map_or(0, |limits| limits.cohort_every_ms);
        self.shut_out = SLOTS - self.room();
        self.shut_out_at = now;
        self.turn(Mode::Hybrid { heading: Heading::Down, moved_percent, next_at }, reason, wishes);
    }

    fn move_to(&mut self, heading: Heading, moved_percent: u8, now: Timestamp) {
        let limits = self.limits.unwrap_or_default();
        // The last ones have to find WebRTC before the playlist under them stops.
        let last = heading == Heading::Down && moved_percent == 0;
        let wait_ms = if last { limits.jitter_ms + LAST_LEAVE_MS } else { limits.cohort_every_ms };
        self.mode = Mode::Hybrid { heading, moved_percent, next_at: now + wait_ms };
    }

    /// Enters a mode and says so.
    fn turn(&mut self, mode: Mode, reason: Reason, wishes: &mut Wishes) {
        self.mode = mode;
        self.reason = Some(reason);
        if mode == Mode::Webrtc {
            self.under_since = None;
        }
        wishes.push(Wish::Say { mode: mode.turned_name(), cause: reason.code() });
    }

    /// The HLS side failed: everybody off it, and another try after a rest.
    fn fail(&mut self, now: Timestamp, fault: Fault, wishes: &mut Wishes) {
        if !matches!(self.stage, Stage::OnAir { .. }) || matches!(self.mode, Mode::Webrtc | Mode::Fallback { .. }) {
            return;
        }
        let held_long = self.proven_at.is_some_and(|at| now >= at + STABLE_MS);
        self.failures = if held_long { 1 } else { self.failures.saturating_add(1) };
        if self.mode.is_mixed() {
            self.shut_out = SLOTS - self.room();
            self.shut_out_at = now;
        }
        let retry_at = now + self.limits.unwrap_or_default().retry_ms(self.failures);
        self.stop_bridge(wishes);
        self.turn(Mode::Fallback { since: now, retry_at }, Reason::Failed { fault }, wishes);
    }

    /// How much of the audience that is not on WebRTC finds room there.
    fn room(&self) -> u16 {
        let Some(limits) = self.limits else { return SLOTS };
        let free = limits.overflow_max().saturating_sub(self.audience.webrtc);
        let others = self.audience.hls.saturating_add(self.audience.slate);
        share(SLOTS, free, others)
    }

    /// While there is no HLS, some of those at the slate find room after all.
    fn let_in(&mut self, now: Timestamp, counted: &Audience) {
        let Some(limits) = self.limits else { return };
        if self.mode.is_mixed() || self.shut_out == 0 || now < self.shut_out_at + LET_IN_MS {
            return;
        }
        let free = limits.overflow_max().saturating_sub(counted.webrtc);
        let others = counted.hls.saturating_add(counted.slate);
        let more = share(self.shut_out, free, others);
        if more > 0 {
            self.shut_out -= more;
            self.shut_out_at = now;
        }
    }

    fn want_broadcast(&mut self, wishes: &mut Wishes) {
        if self.broadcast == Broadcast::None {
            self.broadcast = Broadcast::Asked;
            wishes.push(Wish::CreateLiveStream);
        }
    }

    /// The broadcast first; the bridge once that is there and an earlier bridge has stopped.
    fn want_bridge(&mut self, wishes: &mut Wishes) {
        self.want_broadcast(wishes);
        if self.bridge == Bridge::Off
            && let Some(live) = self.broadcast.ready()
        {
            wishes.push(Wish::StartBridge { broadcast: live.id.clone() });
            self.bridge = Bridge::Asked;
            self.proven_at = None;
        }
    }

    fn stop_bridge(&mut self, wishes: &mut Wishes) {
        self.proven_at = None;
        if self.bridge_runs() {
            self.bridge = Bridge::Stopping;
            wishes.push(Wish::StopBridge);
        }
    }

    /// The stream is over: the bridge first, then the broadcast, so that nothing is sent to a completed one.
    fn wind_down(&mut self, wishes: &mut Wishes) {
        self.mode = Mode::Webrtc;
        self.under_since = None;
        self.stop_bridge(wishes);
        if self.bridge == Bridge::Off
            && let Broadcast::Ready { live } = &self.broadcast
        {
            let live = live.clone();
            wishes.push(Wish::CompleteLiveStream { broadcast: live.id.clone() });
            self.broadcast = Broadcast::Completing { live };
        }
    }

    /// Keeps the one timer at the earliest moment at which something changes by itself.
    fn set_step(&mut self, now: Timestamp, wishes: &mut Wishes) {
        let due_at = self.next_step(now);
        if due_at != self.step_at {
            wishes.push(due_at.map_or(Wish::ForgetStep, |due_at| Wish::StepAt { due_at }));
            self.step_at = due_at;
        }
    }

    fn next_step(&self, now: Timestamp) -> Option<Timestamp> {
        let (Stage::OnAir { since: live_since }, Some(limits)) = (self.stage, &self.limits) else { return None };
        let of_mode = match self.mode {
            Mode::Webrtc | Mode::Hls { .. } => None,
            Mode::Warming { since } => self.proven_at.is_none().then(|| since + limits.warm_limit_ms),
            Mode::Hybrid { next_at, .. } => Some(next_at),
            Mode::Fallback { retry_at, .. } => Some(retry_at),
        };
        let active = self.mode != Mode::Webrtc;
        // On the way back already, nothing waits for the cooldown any more.
        let down = self.mode.heading() == Some(Heading::Down);
        let cooled = self.under_since.filter(|_| !down).map(|since| since + limits.cooldown_ms);
        let distrust = (active && self.expected(now) > 0).then(|| live_since + limits.expected_trust_ms);
        let spent = (active && self.bridge_runs()).then(|| {
            let mut used = self.used;
            used.add(now, self.audience.hls, true);
            let lasts_ms = limits.budget.lasts_ms(&used, self.audience.hls);
            lasts_ms.filter(|ms| *ms > 0).map(|ms| now + ms)
        });
        // What is past was acted on, or is nobody's concern in this mode: a timer for it would fire for ever.
        [of_mode, cooled, distrust, spent.flatten()].into_iter().flatten().filter(|due_at| *due_at > now).min()
    }
}

fn cohort(limits: &Limits) -> u8 {
    u8::try_from(limits.cohort_percent.clamp(1, 100)).unwrap_or(100)
}

/// `whole` × `free` / `others`, at most `whole`.
fn share(whole: u16, free: u32, others: u32) -> u16 {
    if free >= others {
        return whole;
    }
    u16::try_from(u64::from(whole) * u64::from(free) / u64::from(others)).unwrap_or(whole)
}

impl DeliveryEvent {
    /// Name in the timeline.
    pub const fn name(&self) -> &'static str {
        match self {
            DeliveryEvent::Planned { .. } => "delivery_planned",
            DeliveryEvent::LobbyOpened => "delivery_lobby_opened",
            DeliveryEvent::WentLive => "delivery_went_live",
            DeliveryEvent::Finished => "delivery_finished",
            DeliveryEvent::ViewersCounted { .. } => "viewers_counted",
            DeliveryEvent::TargetsChanged { .. } => "targets_changed",
            DeliveryEvent::Overridden { .. } => "delivery_chosen",
            DeliveryEvent::BroadcastCreated { .. } => "broadcast_created",
            DeliveryEvent::BroadcastRefused => "broadcast_refused",
            DeliveryEvent::BroadcastLost { .. } => "broadcast_lost",
            DeliveryEvent::BroadcastCompleted { .. } => "broadcast_completed",
            DeliveryEvent::BridgeStarted => "bridge_started",
            DeliveryEvent::BridgeRefused => "bridge_refused",
            DeliveryEvent::BridgeFailed { .. } => "bridge_failed",
            DeliveryEvent::BridgeOrphaned { .. } => "bridge_orphaned",
            DeliveryEvent::BridgeStopped => "bridge_stopped",
            DeliveryEvent::PlaylistAdvanced { .. } => "playlist_advanced",
            DeliveryEvent::PlaylistStalled { .. } => "playlist_stalled",
            DeliveryEvent::CohortMoved => "cohort_moved",
        }
    }

    /// Who or what caused it, as a code for the timeline.
    pub const fn cause(&self) -> &'static str {
        match self {
            DeliveryEvent::TargetsChanged { .. } | DeliveryEvent::Overridden { .. } => "creator",
            DeliveryEvent::Planned { .. } => "server",
            DeliveryEvent::LobbyOpened | DeliveryEvent::WentLive | DeliveryEvent::Finished => "stream",
            DeliveryEvent::ViewersCounted { .. } => "audience",
            DeliveryEvent::BroadcastCreated { .. }
            | DeliveryEvent::BroadcastRefused
            | DeliveryEvent::BroadcastLost { .. }
            | DeliveryEvent::BroadcastCompleted { .. }
            | DeliveryEvent::PlaylistAdvanced { .. }
            | DeliveryEvent::PlaylistStalled { .. } => "hls_provider",
            DeliveryEvent::BridgeStarted
            | DeliveryEvent::BridgeRefused
            | DeliveryEvent::BridgeFailed { .. }
            | DeliveryEvent::BridgeOrphaned { .. }
            | DeliveryEvent::BridgeStopped => "bridge",
            DeliveryEvent::CohortMoved => "timer",
        }
    }
}
