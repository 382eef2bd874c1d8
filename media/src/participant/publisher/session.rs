//! One connection of a publisher.

use super::player::Player;
use super::track::{Track, add_track, cid, note, write};
use super::{Order, Programme, PublishError, Published, PublisherSettings, Shared};
use crate::frame::Kind;
use crate::participant::access::Access;
use crate::participant::error::Lost;
use crate::participant::link::{Happened, Link, LinkSettings};
use crate::participant::udp::Impairment;
use livekit_protocol::signal_request::Message as Request;
use livekit_protocol::signal_response::Message as Response;
use livekit_protocol::{MuteTrackRequest, SessionDescription, SignalTarget};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use str0m::Event as RtcEvent;
use str0m::format::Codec;
use str0m::media::{Direction, MediaKind, Mid, Pt};
use tokio::sync::{mpsc, watch};

/// Programmes at a time.
const PROGRAMMES_MAX: usize = 8;

/// A programme of ours.
struct Playing {
    player: Player,
    tracks: Vec<Track>,
}

pub(super) struct Session {
    link: Link,
    timeout: Duration,
    playing: BTreeMap<u64, Playing>,
    next_id: u64,
    /// Offers so far.
    offers: u32,
    /// Sids that the server gave, by our own ids.
    granted: HashMap<String, String>,
    /// The answer to the last offer.
    answer: Option<String>,
    shared: Arc<Shared>,
}

impl Session {
    pub async fn join(access: &Access, settings: &PublisherSettings) -> Result<Session, Lost> {
        let timeout = settings.timeout;
        let link =
            LinkSettings { target: SignalTarget::Publisher, timeout, stats: None, impairment: Impairment::default() };
        let (link, join) = Link::join(access, link).await?;
        if join.subscriber_primary {
            // The server would wait for a second media connection.
            return Err(Lost::Refused {
                status: 403,
                reason: "a publisher's token must not allow to subscribe".into(),
            });
        }
        Ok(Session {
            link,
            timeout,
            playing: BTreeMap::new(),
            next_id: 0,
            offers: 0,
            granted: HashMap::new(),
            answer: None,
            shared: Arc::default(),
        })
    }

    /// Until it leaves, its handle is gone, or the connection is lost.
    pub async fn run(mut self, mut orders: mpsc::Receiver<Order>, over: watch::Sender<u64>, shared: Arc<Shared>) {
        self.shared = shared.clone();
        if let Err(lost) = self.steps(&mut orders, &over).await {
            tracing::debug!(%lost, "a publisher ended");
            *shared.gone.lock() = Some(lost.to_string());
        }
    }

    async fn steps(&mut self, orders: &mut mpsc::Receiver<Order>, over: &watch::Sender<u64>) -> Result<(), Lost> {
        loop {
            let until = self.playing.values().filter_map(|one| one.player.deadline()).min();
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => if !self.obey(order).await? { return Ok(()) },
                    None => return Ok(()),
                },
                happened = self.link.next(until) => self.happened(happened?).await?,
            }
            let ended = self.playing.iter().filter(|(_, one)| one.player.is_over());
            let bits = ended.fold(0u64, |bits, (id, _)| bits | 1 << (id % 64));
            over.send_if_modified(|over| std::mem::replace(over, *over | bits) != *over | bits);
        }
    }

    /// One thing that happens, whatever else is being waited for.
    async fn step(&mut self, by: Instant) -> Result<(), Lost> {
        let media = self.playing.values().filter_map(|one| one.player.deadline()).min();
        let happened = self.link.next(Some(media.map_or(by, |media| media.min(by)))).await?;
        self.happened(happened).await?;
        if Instant::now() >= by {
            return Err(Lost::TimedOut { what: "the media server's consent", within: self.timeout });
        }
        Ok(())
    }

    /// Obeys. `false` when that was the last thing to do.
    async fn obey(&mut self, order: Order) -> Result<bool, Lost> {
        match order {
            Order::Publish(programme, reply) => {
                let published = self.publish(programme).await?;
                let _ = reply.send(published);
            }
            Order::Mute(id, kind, muted, reply) => {
                let done = self.mute(id, kind, muted).await?;
                let _ = reply.send(done);
            }
            Order::Unpublish(id, reply) => {
                let done = self.unpublish(id).await?;
                let _ = reply.send(done);
            }
            Order::CutNetwork(reply) => {
                *self.shared.gone.lock() = Some("its network was cut".into());
                let _ = reply.send(Ok(()));
                // Sockets stay open and silent until the handle drops this task.
                std::future::pending::<()>().await;
            }
            Order::Leave(reply) => {
                self.link.leave().await;
                let _ = reply.send(Ok(()));
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn publish(&mut self, programme: Programme) -> Result<Result<Published, PublishError>, Lost> {
        let kinds: Vec<Kind> =
            [programme.video.is_some().then_some(Kind::Video), programme.audio.is_some().then_some(Kind::Audio)]
                .into_iter()
                .flatten()
                .collect();
        if kinds.is_empty() || self.playing.len() >= PROGRAMMES_MAX {
            return Ok(Err(PublishError::Nothing));
        }
        let by = Instant::now() + self.timeout;
        self.next_id += 1;
        let id = self.next_id;
        for &kind in &kinds {
            self.link.say(Request::AddTrack(add_track(id, kind, &programme))).await?;
        }
        while kinds.iter().any(|kind| !self.granted.contains_key(&cid(id, *kind))) {
            self.step(by).await?;
        }
        let mids = self
            .negotiate(by, |changes| {
                let add = |kind: &Kind| {
                    let media = if *kind == Kind::Video { MediaKind::Video } else { MediaKind::Audio };
                    let (stream, track) = (Some(format!("programme-{id}")), Some(cid(id, *kind)));
                    changes.add_media(media, Direction::SendOnly, stream, track, None)
                };
                kinds.iter().map(add).collect::<Vec<Mid>>()
            })
            .await?;
        while !self.link.peer.is_connected() {
            self.step(by).await?;
        }
        let mut tracks = Vec::new();
        for (kind, mid) in kinds.into_iter().zip(mids) {
            let Some(pt) = self.payload_type(kind, mid)? else { return Ok(Err(PublishError::Codec)) };
            let sid = self.granted.remove(&cid(id, kind)).unwrap_or_default();
            tracks.push(Track { kind, sid, mid, pt });
        }
        let sid = |kind| tracks.iter().find(|track| track.kind == kind).map(|track| track.sid.clone());
        let published = Published { id, video: sid(Kind::Video), audio: sid(Kind::Audio) };
        self.playing.insert(id, Playing { player: Player::new(programme, Instant::now()), tracks });
        Ok(Ok(published))
    }

    /// Offers a change and takes the answer.
    async fn negotiate<T>(
        &mut self,
        by: Instant,
        change: impl FnOnce(&mut str0m::change::SdpApi) -> T,
    ) -> Result<T, Lost> {
        self.answer = None;
        let (changed, offer) = self.link.peer.change(|rtc| {
            let mut api = rtc.sdp_api();
            let changed = change(&mut api);
            Ok((changed, api.apply()))
        })?;
        let Some((offer, pending)) = offer else { return Ok(changed) };
        self.offers += 1;
        let sdp = offer.to_sdp_string();
        let offer =
            SessionDescription { r#type: "offer".into(), sdp, id: self.offers, ..SessionDescription::default() };
        self.link.say(Request::Offer(offer)).await?;
        self.link.expect_connection();
        let answer = loop {
            if let Some(answer) = self.answer.take() {
                break answer;
            }
            self.step(by).await?;
        };
        self.link.peer.accept(pending, &answer)?;
        Ok(changed)
    }

    /// What the server agreed to receive: for H.264 with several NAL units in a packet and long ones in several.
    fn payload_type(&mut self, kind: Kind, mid: Mid) -> Result<Option<Pt>, Lost> {
        self.link.peer.change(|rtc| {
            let Some(writer) = rtc.writer(mid) else { return Ok(None) };
            let fits = writer.payload_params().filter(|params| match kind {
                Kind::Video => params.spec().codec == Codec::H264 && params.spec().format.packetization_mode == Some(1),
                Kind::Audio => params.spec().codec == Codec::Opus,
            });
            // Constrained baseline, which everybody decodes, if there is a choice.
            Ok(fits
                .max_by_key(|params| params.spec().format.profile_level_id == Some(0x42_e01f))
                .map(|params| params.pt()))
        })
    }

    async fn mute(&mut self, id: u64, kind: Kind, muted: bool) -> Result<Result<(), PublishError>, Lost> {
        let Some(one) = self.playing.get_mut(&id) else { return Ok(Err(PublishError::NotPublished)) };
        let Some(track) = one.tracks.iter().find(|track| track.kind == kind) else {
            return Ok(Err(PublishError::NotPublished));
        };
        one.player.mute(kind, muted);
        let sid = track.sid.clone();
        self.link.say(Request::Mute(MuteTrackRequest { sid, muted })).await?;
        Ok(Ok(()))
    }

    async fn unpublish(&mut self, id: u64) -> Result<Result<(), PublishError>, Lost> {
        let Some(gone) = self.playing.remove(&id) else { return Ok(Err(PublishError::NotPublished)) };
        let by = Instant::now() + self.timeout;
        self.negotiate(by, |changes| {
            for track in &gone.tracks {
                changes.set_direction(track.mid, Direction::Inactive);
            }
        })
        .await?;
        Ok(Ok(()))
    }

    async fn happened(&mut self, happened: Happened) -> Result<(), Lost> {
        match happened {
            Happened::Said(message) => match *message {
                Response::TrackPublished(granted) => {
                    self.granted.insert(granted.cid, granted.track.map(|track| track.sid).unwrap_or_default());
                }
                Response::Answer(answer) => self.answer = Some(answer.sdp),
                _ => {}
            },
            Happened::Rtc(RtcEvent::KeyframeRequest(request)) => {
                self.shared.stats.lock().keyframe_requests += 1;
                let asked =
                    self.playing.values_mut().find(|one| one.tracks.iter().any(|track| track.mid == request.mid));
                if let Some(one) = asked {
                    one.player.keyframe_requested();
                }
            }
            Happened::Rtc(_) => {}
            Happened::Due => self.send()?,
        }
        Ok(())
    }

    /// Sends all that is due.
    fn send(&mut self) -> Result<(), Lost> {
        let now = Instant::now();
        for one in self.playing.values_mut() {
            while let Some(packet) = one.player.next(now) {
                let Some(track) = one.tracks.iter().find(|track| track.kind == packet.kind) else { continue };
                note(&self.shared, &packet);
                let wallclock = one.player.start() + packet.at;
                write(&mut self.link, track, wallclock, packet)?;
                // str0m cuts it into packets when told the time.
                self.link.peer.advance(now)?;
            }
        }
        Ok(())
    }
}
