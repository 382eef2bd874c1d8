//! One WebRTC connection to the media server, without I/O: datagrams, time and descriptions in; datagrams, events and
//! the next deadline out.
//!
//! str0m wants to be drained after every single input; otherwise packets are lost without an error. So every way in
//! ends with [`Peer::drain`].

use super::error::Lost;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::media::Mid;
use str0m::net::{Protocol, Receive, Transmit};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcError};

/// Candidates that came before the first description, kept until then.
const EARLY_CANDIDATES_MAX: usize = 64;
/// Candidates of the server in all.
const CANDIDATES_MAX: usize = 128;

/// A connection.
pub struct Peer {
    rtc: Rtc,
    local: SocketAddr,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    deadline: Instant,
    described: bool,
    early: Vec<Candidate>,
    candidates: usize,
    connected: bool,
    lost: bool,
    /// Who sends in which media section.
    senders: Vec<(Mid, u32)>,
}

/// The media sections of a description in which something is sent, with their first SSRC.
fn senders(sdp: &str) -> Vec<(Mid, u32)> {
    let mut senders: Vec<(Mid, u32)> = Vec::new();
    let mut mid = None;
    for line in sdp.lines() {
        if line.starts_with("m=") {
            mid = None;
        } else if let Some(name) = line.strip_prefix("a=mid:") {
            mid = Some(Mid::from(name.trim_end()));
        } else if let Some(mid) = mid
            && let Some(ssrc) = line.strip_prefix("a=ssrc:").and_then(|rest| rest.split(' ').next()?.parse().ok())
            && senders.last().is_none_or(|last| last.0 != mid)
        {
            senders.push((mid, ssrc));
        }
    }
    senders
}

impl Peer {
    /// On a UDP socket with this address. Speaks H.264 and Opus. Figures come each `stats`.
    ///
    /// # Errors
    /// When the address cannot be a candidate.
    pub fn new(local: SocketAddr, stats: Option<Duration>, now: Instant) -> Result<Peer, Lost> {
        let mut rtc = Rtc::builder()
            .clear_codecs()
            .enable_h264(true)
            .enable_opus(true, false)
            .set_stats_interval(stats)
            .build(now);
        let candidate = Candidate::host(local, "udp").map_err(|error| Lost::Protocol(error.to_string()))?;
        rtc.add_local_candidate(candidate);
        let mut peer = Peer {
            rtc,
            local,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            deadline: now,
            described: false,
            early: Vec::new(),
            candidates: 0,
            connected: false,
            lost: false,
            senders: Vec::new(),
        };
        peer.drain()?;
        Ok(peer)
    }

    /// Whether media can flow.
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// Answers the server's offer.
    ///
    /// # Errors
    /// When it cannot be understood.
    pub fn answer(&mut self, sdp: &str) -> Result<String, Lost> {
        let offer = SdpOffer::from_sdp_string(sdp).map_err(|error| Lost::Protocol(error.to_string()))?;
        self.forget_replaced(sdp)?;
        let answer = self.rtc.sdp_api().accept_offer(offer)?;
        self.drain()?;
        self.add_early()?;
        Ok(answer.to_sdp_string())
    }

    /// LiveKit puts the next track into the section of one that ended. str0m would go on with the sequence numbers of the
    /// old one, and take the new one's packets for late ones: it must forget the section first.
    fn forget_replaced(&mut self, offer: &str) -> Result<(), Lost> {
        let senders = senders(offer);
        for sender in std::mem::take(&mut self.senders) {
            if !senders.contains(&sender) {
                self.rtc.direct_api().remove_media(sender.0);
                self.drain()?;
            }
        }
        self.senders = senders;
        Ok(())
    }

    /// Takes the server's answer to an offer of ours.
    ///
    /// # Errors
    /// When it cannot be understood or does not fit.
    pub fn accept(&mut self, pending: SdpPendingOffer, sdp: &str) -> Result<(), Lost> {
        let answer = SdpAnswer::from_sdp_string(sdp).map_err(|error| Lost::Protocol(error.to_string()))?;
        self.rtc.sdp_api().accept_answer(pending, answer)?;
        self.drain()?;
        self.add_early()
    }

    fn add_early(&mut self) -> Result<(), Lost> {
        self.described = true;
        for candidate in std::mem::take(&mut self.early) {
            self.rtc.add_remote_candidate(candidate);
            self.drain()?;
        }
        Ok(())
    }

    /// Takes a candidate of the server: JSON with the field `candidate`. TCP is left out, and what cannot be read.
    ///
    /// # Errors
    /// When the connection fails over it.
    pub fn candidate(&mut self, init: &str) -> Result<(), Lost> {
        let init = serde_json::from_str::<serde_json::Value>(init).unwrap_or_default();
        let text = init["candidate"].as_str().unwrap_or_default();
        let Ok(candidate) = Candidate::from_sdp_string(text) else { return Ok(()) };
        let same_family = candidate.addr().is_ipv4() == self.local.is_ipv4();
        if candidate.proto() != Protocol::Udp || !same_family || self.candidates >= CANDIDATES_MAX {
            return Ok(());
        }
        self.candidates += 1;
        if self.described {
            self.rtc.add_remote_candidate(candidate);
            self.drain()?;
        } else if self.early.len() < EARLY_CANDIDATES_MAX {
            self.early.push(candidate);
        }
        Ok(())
    }

    /// A datagram came. What is none of WebRTC's is ignored.
    ///
    /// # Errors
    /// When the connection fails over it.
    pub fn receive(&mut self, now: Instant, source: SocketAddr, data: &[u8]) -> Result<(), Lost> {
        let Ok(receive) = Receive::new(Protocol::Udp, source, self.local, data) else { return Ok(()) };
        let input = Input::Receive(now, receive);
        if self.rtc.accepts(&input) {
            self.rtc.handle_input(input)?;
            self.drain()?;
        }
        Ok(())
    }

    /// Time went on.
    ///
    /// # Errors
    /// When the connection fails over it.
    pub fn advance(&mut self, now: Instant) -> Result<(), Lost> {
        self.rtc.handle_input(Input::Timeout(now))?;
        self.drain()
    }

    /// Does one thing to the connection: exactly one, see above.
    ///
    /// # Errors
    /// When the thing or the connection fails.
    pub fn change<T>(&mut self, thing: impl FnOnce(&mut Rtc) -> Result<T, RtcError>) -> Result<T, Lost> {
        let outcome = thing(&mut self.rtc)?;
        self.drain()?;
        Ok(outcome)
    }

    /// Whether the connection is gone.
    pub fn is_lost(&self) -> bool {
        self.lost || !self.rtc.is_alive()
    }

    /// When [`Peer::advance`] is due.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The next datagram to send.
    pub fn next_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// What happened next.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn drain(&mut self) -> Result<(), Lost> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(deadline) => {
                    self.deadline = deadline;
                    return Ok(());
                }
                Output::Transmit(transmit) => self.transmits.push_back(transmit),
                Output::Event(Event::Connected) => {
                    self.connected = true;
                    self.events.push_back(Event::Connected);
                }
                Output::Event(Event::IceConnectionStateChange(IceConnectionState::Disconnected) | Event::Closed) => {
                    self.lost = true;
                }
                Output::Event(event) => self.events.push_back(event),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_told_by_the_first_of_its_senders() {
        let sdp = "v=0\r\nm=video 9 X\r\na=mid:1\r\na=ssrc-group:FID 7 8\r\na=ssrc:7 cname:a b\r\na=ssrc:8 cname:a b\r\n\
                   m=audio 9 X\r\na=ssrc:5 early\r\na=mid:2\r\na=recvonly\r\nm=audio 9 X\r\na=mid:3\r\na=ssrc:9 cname:c\r\n";
        assert_eq!(senders(sdp), [(Mid::from("1"), 7), (Mid::from("3"), 9)]);
        assert_eq!(senders("a=mid:\nm=\na=ssrc:x"), []);
    }
}
