//! One connection: what the server says and sends becomes events.

use super::outlet::{Outlet, Told};
use super::{Orders, SubscriberSettings};
use crate::frame::Kind;
use crate::participant::access::Access;
use crate::participant::error::Lost;
use crate::participant::event::{EndReason, Event};
use crate::participant::lane::Lane;
use crate::participant::link::{Happened, Link, LinkSettings};
use crate::participant::receive::Receiving;
use crate::participant::room::{Preference, Room};
use livekit_protocol::signal_request::Message as Request;
use livekit_protocol::signal_response::Message as Response;
use livekit_protocol::{SessionDescription, SignalTarget, UpdateSubscription, UpdateTrackSettings, VideoQuality};
use std::collections::{BTreeSet, HashMap};
use std::time::Instant;
use str0m::media::Mid;
use tokio::sync::watch;

/// Changes in the room before the connection stands.
const EARLY_EVENTS_MAX: usize = 256;

pub(super) struct Session<'a> {
    pub(super) link: Link,
    pub(super) settings: &'a SubscriberSettings,
    pub(super) outlet: &'a mut Outlet,
    pub(super) told: &'a mut Told,
    preference: Preference,
    room: Room,
    pub(super) video: Lane,
    pub(super) audio: Lane,
    /// Asked for at the server.
    subscribed: BTreeSet<String>,
    /// By LiveKit's id of the track.
    pub(super) receiving: HashMap<String, Receiving>,
    /// Which track a media section carries.
    pub(super) tracks: HashMap<Mid, String>,
    /// What is to be told once the connection stands; `None` from then on.
    pub(super) early: Option<Vec<Event>>,
    /// The events cannot be told any more.
    unheard: bool,
}

impl<'a> Session<'a> {
    pub async fn join(
        access: &Access,
        settings: &'a SubscriberSettings,
        outlet: &'a mut Outlet,
        told: &'a mut Told,
    ) -> Result<Session<'a>, Lost> {
        let link = LinkSettings {
            target: SignalTarget::Subscriber,
            timeout: settings.connect_timeout,
            stats: Some(settings.stats_each),
            impairment: settings.impairment,
        };
        let (mut link, join) = Link::join(access, link).await?;
        if !join.subscriber_primary {
            return Err(Lost::Refused { status: 403, reason: "the token does not allow to subscribe".into() });
        }
        // The server offers at once.
        link.expect_connection();
        let mut room = Room::default();
        room.update(&join.other_participants);
        Ok(Session {
            link,
            preference: settings.preference.clone(),
            settings,
            outlet,
            told,
            room,
            video: Lane::new(Kind::Video),
            audio: Lane::new(Kind::Audio),
            subscribed: BTreeSet::new(),
            receiving: HashMap::new(),
            tracks: HashMap::new(),
            early: Some(Vec::new()),
            unheard: false,
        })
    }

    /// Until stopped (`Ok`) or lost.
    pub async fn run(mut self, orders: &mut watch::Receiver<Orders>) -> Result<EndReason, Lost> {
        let ended = self.steps(orders).await;
        if ended.is_ok() {
            self.link.leave().await;
        }
        for event in [self.video.clear(), self.audio.clear()].concat() {
            self.tell(event);
        }
        self.note_lanes();
        ended
    }

    async fn steps(&mut self, orders: &mut watch::Receiver<Orders>) -> Result<EndReason, Lost> {
        self.preference = orders.borrow_and_update().preference.clone();
        self.choose().await?;
        loop {
            let until = self.receiving.values().filter_map(|one| one.keyframes.as_ref()?.deadline()).min();
            tokio::select! {
                changed = orders.changed() => {
                    let now = orders.borrow_and_update().clone();
                    if changed.is_err() || now.stop {
                        return Ok(EndReason::Stopped);
                    }
                    self.preference = now.preference;
                    self.choose().await?;
                }
                happened = self.link.next(until) => match happened? {
                    Happened::Said(message) => self.said(*message).await?,
                    Happened::Rtc(event) => self.media(event).await?,
                    Happened::Due => self.request_keyframes()?,
                }
            }
            if self.unheard {
                return Ok(EndReason::NotRead);
            }
        }
    }

    pub(super) fn tell(&mut self, event: Event) {
        match &mut self.early {
            Some(early) if early.len() < EARLY_EVENTS_MAX => early.push(event),
            Some(_) => self.unheard = true,
            None => self.unheard |= !self.outlet.tell(event),
        }
    }

    async fn said(&mut self, message: Response) -> Result<(), Lost> {
        match message {
            Response::Offer(offer) => {
                let sdp = self.link.peer.answer(&offer.sdp)?;
                self.tracks =
                    offer.mid_to_track_id.into_iter().map(|(mid, sid)| (Mid::from(mid.as_str()), sid)).collect();
                self.assign()?;
                let answer =
                    SessionDescription { r#type: "answer".into(), sdp, id: offer.id, ..SessionDescription::default() };
                self.link.say(Request::Answer(answer)).await?;
            }
            Response::Update(update) => {
                self.room.update(&update.participants);
                self.choose().await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Chooses among what the room has, and subscribes to just that.
    async fn choose(&mut self) -> Result<(), Lost> {
        let wanted = self.room.wanted(&self.preference);
        let mut events = self.video.want(wanted.video, &self.room);
        events.extend(self.audio.want(wanted.audio, &self.room));
        for event in events {
            self.tell(event);
        }
        self.note_lanes();
        self.subscribe().await
    }

    /// Asks for what is needed and no longer for what is not.
    pub(super) async fn subscribe(&mut self) -> Result<(), Lost> {
        let needed: BTreeSet<String> =
            self.video.needed().chain(self.audio.needed()).map(|track| track.sid.clone()).collect();
        if needed == self.subscribed {
            return Ok(());
        }
        let more: Vec<String> = needed.difference(&self.subscribed).cloned().collect();
        let less: Vec<String> = self.subscribed.difference(&needed).cloned().collect();
        self.receiving.retain(|sid, _| needed.contains(sid));
        self.subscribed = needed;
        self.assign()?;
        for (track_sids, subscribe) in [(less, false), (more.clone(), true)] {
            if !track_sids.is_empty() {
                let update = UpdateSubscription { track_sids, subscribe, ..UpdateSubscription::default() };
                self.link.say(Request::Subscription(update)).await?;
            }
        }
        // Of a simulcast track the highest layer.
        let highest = more.into_iter().filter(|sid| self.video.needed().any(|track| track.sid == *sid)).collect();
        self.pin(highest).await
    }

    async fn pin(&mut self, track_sids: Vec<String>) -> Result<(), Lost> {
        if track_sids.is_empty() {
            return Ok(());
        }
        let quality = VideoQuality::High.into();
        let settings = UpdateTrackSettings { track_sids, quality, ..UpdateTrackSettings::default() };
        self.link.say(Request::TrackSetting(settings)).await
    }

    /// Keeps figures and keyframe drivers in step with what plays.
    pub(super) fn note_lanes(&mut self) {
        let now = Instant::now();
        let mut counters = self.outlet.shared.counters.lock();
        for (kind, lane) in [(Kind::Video, &self.video), (Kind::Audio, &self.audio)] {
            let stats = &mut counters.of(kind).stats;
            stats.present = lane.plays().is_some();
            stats.muted = lane.plays().is_some_and(|track| track.muted);
            for track in lane.needed() {
                let driver = self.receiving.get_mut(&track.sid).and_then(|one| one.keyframes.as_mut());
                match driver {
                    Some(driver) if track.muted => driver.pause(),
                    Some(driver) => driver.resume(now),
                    None => {}
                }
            }
        }
    }

    /// Gets ready for what is needed and has a media section. That is looked at anew with each subscription too: the
    /// server may take one back before it has carried out the opposite, and then says nothing.
    fn assign(&mut self) -> Result<(), Lost> {
        let mut begun = Vec::new();
        for track in self.video.needed().chain(self.audio.needed()) {
            let Some((mid, _)) = self.tracks.iter().find(|(_, sid)| **sid == track.sid) else { continue };
            if self.receiving.get(&track.sid).is_none_or(|one| one.mid != *mid) {
                begun.push((track.kind, *mid, track.sid.clone()));
            }
        }
        // str0m asks for lost packets only where the offer has retransmission, unless told to.
        let suppress = !self.settings.recovers_loss;
        for (kind, mid, sid) in begun {
            self.link.peer.change(|rtc| {
                if let Some(stream) = rtc.direct_api().stream_rx_by_mid(mid, None) {
                    stream.suppress_nack(suppress);
                }
                Ok(())
            })?;
            let (target, retry) = (self.settings.keyframe_each, self.settings.keyframe_retry);
            self.receiving.insert(sid, Receiving::new(kind, mid, target, retry, Instant::now()));
        }
        self.note_lanes();
        Ok(())
    }
}
