//! What comes over the media connection.

use super::session::Session;
use crate::frame::Kind;
use crate::participant::error::Lost;
use crate::participant::event::Event;
use crate::participant::format::Format;
use crate::participant::receive::Received;
use std::time::Instant;
use str0m::media::{KeyframeRequestKind, MediaData};
use str0m::{Event as RtcEvent, RtcError};

impl Session<'_> {
    /// Something happened at the media connection.
    pub(super) async fn media(&mut self, event: RtcEvent) -> Result<(), Lost> {
        match event {
            RtcEvent::Connected => {
                self.outlet.shared.counters.lock().connected(Instant::now());
                let early = self.early.take().unwrap_or_default();
                for event in std::iter::once(Event::Connected).chain(early) {
                    self.tell(event);
                }
            }
            RtcEvent::MediaData(data) => self.data(data).await?,
            RtcEvent::PeerStats(stats) => {
                let rtt = stats.selected_candidate_pair.and_then(|pair| pair.current_round_trip_time).or(stats.rtt);
                self.outlet.shared.counters.lock().network(rtt, stats.ingress_loss_fraction);
            }
            RtcEvent::MediaIngressStats(stats) => {
                let kind = self.tracks.get(&stats.mid).and_then(|sid| self.receiving.get(sid)).map(|one| one.kind);
                if let Some(kind) = kind {
                    self.outlet.shared.counters.lock().of(kind).nacks(stats.mid, stats.nacks);
                }
            }
            _ => {}
        }
        Ok(())
    }

    async fn data(&mut self, data: MediaData) -> Result<(), Lost> {
        let Some(sid) = self.tracks.get(&data.mid).cloned() else { return Ok(()) };
        let Some(one) = self.receiving.get_mut(&sid) else { return Ok(()) };
        let now = Instant::now();
        let arrived_us = self.told.wall_us(data.network_time);
        let kind = one.kind;
        let received = one.take(data, arrived_us, now, &mut self.told.foreign, &mut self.outlet.shared.counters.lock());
        let Some(received) = received else { return Ok(()) };
        let lane = if kind == Kind::Video { &mut self.video } else { &mut self.audio };
        let (plays, events) = lane.arrived(&sid);
        let took_over = !events.is_empty();
        for event in events {
            self.tell(event);
        }
        if took_over {
            self.note_lanes();
            self.subscribe().await?;
        }
        if plays {
            self.frame(received, now);
        }
        Ok(())
    }

    fn frame(&mut self, mut received: Received, now: Instant) {
        received.frame.captured_us = self.told.in_order(received.frame.kind, received.frame.captured_us);
        if let Some(format) = received.format {
            let mut counters = self.outlet.shared.counters.lock();
            counters.video.stats.size = Some((format.width, format.height));
            counters.picture(now);
            drop(counters);
            if self.told.format.as_ref() != Some(&format) {
                let Format { sets, width, height } = format.clone();
                self.told.format = Some(format);
                self.tell(Event::FormatChanged { sets, width, height });
            }
        }
        self.tell(Event::Frame(received.frame));
    }

    /// Asks for each keyframe that is due.
    pub(super) fn request_keyframes(&mut self) -> Result<(), Lost> {
        let now = Instant::now();
        for one in self.receiving.values_mut() {
            let Some(driver) = &mut one.keyframes else { continue };
            if !driver.ask(now) {
                continue;
            }
            self.outlet.shared.counters.lock().video.stats.keyframe_requests += 1;
            let mid = one.mid;
            self.link.peer.change(|rtc| match rtc.writer(mid) {
                Some(mut writer) => match writer.request_keyframe(None, KeyframeRequestKind::Pli) {
                    // The stream is not known yet, or the section was closed: asked again later.
                    Ok(()) | Err(RtcError::NoReceiverSource(_) | RtcError::NotReceivingDirection) => Ok(()),
                    Err(error) => Err(error),
                },
                None => Ok(()),
            })?;
        }
        Ok(())
    }
}
