//! Signalling, media connection and clock of one participant, behind one "what happened next".

use super::access::Access;
use super::error::Lost;
use super::heartbeat::Heartbeat;
use super::peer::Peer;
use super::signal::Signal;
use super::udp::{DATAGRAM_BYTES_MAX, Impairment, Udp};
use livekit_protocol::leave_request::Action;
use livekit_protocol::signal_request::Message as Request;
use livekit_protocol::signal_response::Message as Response;
use livekit_protocol::{DisconnectReason, JoinResponse, LeaveRequest, Ping, SignalTarget};
use std::time::{Duration, Instant};
use tokio::time::{sleep_until, timeout};

/// Datagrams handled in one go before signalling has its turn.
const BURST: usize = 32;

/// How long a reason is waited for when the media connection was closed.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How to connect.
#[derive(Debug, Clone, Copy)]
pub(super) struct LinkSettings {
    /// Which of the two media connections this is.
    pub target: SignalTarget,
    /// For the join, and again for the media connection.
    pub timeout: Duration,
    pub stats: Option<Duration>,
    pub impairment: Impairment,
}

/// What happened.
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and most are the large one")]
pub(super) enum Happened {
    /// The server said something that is not dealt with here.
    Said(Box<Response>),
    /// Of the media connection.
    Rtc(str0m::Event),
    /// The time that was waited for has come.
    Due,
}

/// A participant's connections.
pub(super) struct Link {
    signal: Signal,
    pub peer: Peer,
    udp: Udp,
    heartbeat: Heartbeat,
    settings: LinkSettings,
    /// The media connection must stand until then; set once it has begun.
    connect_by: Option<Instant>,
    buffer: Box<[u8; DATAGRAM_BYTES_MAX]>,
}

impl Link {
    /// Joins the room.
    pub async fn join(access: &Access, settings: LinkSettings) -> Result<(Link, JoinResponse), Lost> {
        let (signal, join) = Signal::join(access, settings.timeout).await?;
        let udp = Udp::bind(signal.local_ip(), settings.impairment).await?;
        let now = Instant::now();
        let link = Link {
            peer: Peer::new(udp.local(), settings.stats, now)?,
            heartbeat: Heartbeat::new(join.ping_interval, join.ping_timeout, now),
            connect_by: None,
            buffer: Box::new([0; DATAGRAM_BYTES_MAX]),
            signal,
            udp,
            settings,
        };
        Ok((link, join))
    }

    /// The media connection begins: it must stand within the time-out.
    pub fn expect_connection(&mut self) {
        if !self.peer.is_connected() {
            self.connect_by.get_or_insert_with(|| Instant::now() + self.settings.timeout);
        }
    }

    /// Says something to the server.
    pub async fn say(&mut self, request: Request) -> Result<(), Lost> {
        self.signal.send(request).await
    }

    /// What happens next, or that `until` has come. Nothing is lost when this is given up half-way.
    pub async fn next(&mut self, until: Option<Instant>) -> Result<Happened, Lost> {
        loop {
            while let Some(transmit) = self.peer.next_transmit() {
                self.udp.send(&transmit).await;
            }
            if let Some(event) = self.peer.next_event() {
                return Ok(Happened::Rtc(event));
            }
            let now = Instant::now();
            if self.peer.is_lost() {
                return Err(self.last_words().await);
            }
            self.check(now)?;
            if until.is_some_and(|until| until <= now) {
                return Ok(Happened::Due);
            }
            if let Some(timestamp) = self.heartbeat.ping_due(now) {
                let rtt = self.heartbeat.rtt().and_then(|rtt| i64::try_from(rtt.as_millis()).ok()).unwrap_or(0);
                self.signal.send(Request::PingReq(Ping { timestamp, rtt })).await?;
            }
            if self.peer.deadline() <= now {
                self.peer.advance(now)?;
                continue;
            }
            let deadline = self.peer.deadline().min(self.heartbeat.deadline());
            let deadline = [until, self.connect_by].into_iter().flatten().fold(deadline, Instant::min);
            tokio::select! {
                message = self.signal.next() => {
                    if let Some(message) = self.heard(message?)? {
                        return Ok(Happened::Said(Box::new(message)));
                    }
                }
                received = self.udp.receive(self.buffer.as_mut_slice()) => {
                    let (length, from) = received?;
                    let now = Instant::now();
                    self.peer.receive(now, from, &self.buffer[..length])?;
                    for _ in 1..BURST {
                        let Some((length, from)) = self.udp.receive_now(self.buffer.as_mut_slice()) else { break };
                        self.peer.receive(now, from, &self.buffer[..length])?;
                    }
                }
                () = sleep_until(deadline.into()) => {}
            }
        }
    }

    /// Why the media connection is gone. A server that puts somebody out closes it and says so, in any order; whoever
    /// does not listen joins again, and puts out the one that replaced it.
    async fn last_words(&mut self) -> Lost {
        let words = async {
            loop {
                match self.signal.next().await {
                    Ok(Response::Leave(leave)) => return Lost::told(&leave),
                    Ok(_) => {}
                    Err(_) => return Lost::MediaLost,
                }
            }
        };
        timeout(LAST_WORDS, words).await.unwrap_or(Lost::MediaLost)
    }

    fn check(&mut self, now: Instant) -> Result<(), Lost> {
        if let Some(within) = self.heartbeat.silent_for(now) {
            return Err(Lost::TimedOut { what: "a word of the media server", within });
        }
        if self.peer.is_connected() {
            self.connect_by = None;
        }
        if self.connect_by.is_some_and(|by| by <= now) {
            return Err(Lost::TimedOut { what: "the media connection", within: self.settings.timeout });
        }
        Ok(())
    }

    /// Deals with what concerns the connection itself.
    fn heard(&mut self, message: Response) -> Result<Option<Response>, Lost> {
        let now = Instant::now();
        self.heartbeat.heard(now);
        match message {
            Response::PongResp(pong) => self.heartbeat.pong(pong.last_ping_timestamp, now),
            Response::Pong(_) => {}
            Response::Trickle(trickle) if trickle.target() == self.settings.target => {
                self.peer.candidate(&trickle.candidate_init)?;
            }
            Response::Trickle(_) => {}
            Response::Leave(leave) => return Err(Lost::told(&leave)),
            other => return Ok(Some(other)),
        }
        Ok(None)
    }

    /// Says goodbye and closes.
    pub async fn leave(&mut self) {
        let leave = LeaveRequest {
            reason: DisconnectReason::ClientInitiated.into(),
            action: Action::Disconnect.into(),
            ..LeaveRequest::default()
        };
        if self.signal.send(Request::Leave(leave)).await.is_ok() {
            self.signal.close().await;
        }
    }
}
