//! One connection of a publisher, over any byte stream.

use std::net::IpAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::rate::Rate;
use super::{EndCause, Limits, PublishRequest, Publishers, Sink};
use crate::flv::TagKind;
use crate::rtmp::server::{ServerEvent, ServerSession};

const READ_BYTES: usize = 32 * 1024;
/// How long the peer has to close after our last word, and how much it may still send: closing at once would throw
/// that word away (RFC 1122, 4.2.2.13).
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: usize = 1024 * 1024;

/// Serves one publisher until it ends, whatever the cause. The sink has been told by then. `stopped` turns true when
/// the connection is to end.
pub async fn serve<S>(
    io: S,
    from: IpAddr,
    publishers: &dyn Publishers,
    limits: &Limits,
    mut stopped: watch::Receiver<bool>,
) -> EndCause
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let now = Instant::now();
    let mut connection = Connection {
        io,
        session: ServerSession::new(rand::random()),
        limits,
        began: now,
        opened: None,
        media: now,
        rate: Rate::new(limits.bitrate_bps_max, limits.burst),
        buffer: vec![0; READ_BYTES],
        sink: None,
    };
    let cause = tokio::select! {
        cause = connection.run(from, publishers) => cause,
        // The other end gone means the same.
        _ = stopped.wait_for(|is_stopped| *is_stopped) => EndCause::Stopped,
    };
    connection.close(&cause).await;
    cause
}

struct Connection<'a, S> {
    io: S,
    session: ServerSession,
    limits: &'a Limits,
    began: Instant,
    /// When the handshake was done.
    opened: Option<Instant>,
    /// When the last media came.
    media: Instant,
    rate: Rate,
    buffer: Vec<u8>,
    sink: Option<Box<dyn Sink>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<'_, S> {
    async fn run(&mut self, from: IpAddr, publishers: &dyn Publishers) -> EndCause {
        loop {
            let event = match self.event().await {
                Ok(event) => event,
                Err(cause) => return cause,
            };
            let done = match event {
                ServerEvent::Connected { .. } => Ok(()),
                ServerEvent::PublishRequested { app, key } => {
                    self.decide(PublishRequest { app, key, from }, publishers).await
                }
                ServerEvent::Tag(tag) => self.hand_over(tag).await,
                ServerEvent::Finished => Err(EndCause::Finished),
            };
            if let Err(cause) = done {
                return cause;
            }
        }
    }

    /// The next event of the session.
    async fn event(&mut self) -> Result<ServerEvent, EndCause> {
        loop {
            let polled = self.session.poll();
            self.flush().await?;
            if let Some(event) = polled? {
                return Ok(event);
            }
            if self.session.is_open() && self.opened.is_none() {
                self.opened = Some(Instant::now());
            }
            let (deadline, late) = self.deadline();
            // A peer that sends all the time never lets the time-out fire.
            if Instant::now() >= deadline {
                return Err(late);
            }
            let read = timeout_at(deadline, self.io.read(&mut self.buffer)).await.map_err(|_| late)?;
            let count = match read {
                Ok(0) | Err(_) => return Err(EndCause::Disconnected),
                Ok(count) => count,
            };
            if self.session.is_publishing() && !self.rate.take(count, self.began.elapsed()) {
                return Err(EndCause::TooFast);
            }
            self.session.input(&self.buffer[..count])?;
        }
    }

    fn deadline(&self) -> (Instant, EndCause) {
        if self.session.is_publishing() {
            return (self.media + self.limits.idle, EndCause::Idle);
        }
        match self.opened {
            Some(opened) => (opened + self.limits.publish, EndCause::LatePublish),
            None => (self.began + self.limits.handshake, EndCause::LateHandshake),
        }
    }

    async fn decide(&mut self, request: PublishRequest, publishers: &dyn Publishers) -> Result<(), EndCause> {
        let (deadline, late) = self.deadline();
        let decision = timeout_at(deadline, publishers.authorise(&request)).await.map_err(|_| late)?;
        self.sink = Some(decision.map_err(|refusal| EndCause::Refused(refusal.0))?);
        tracing::info!(app = %request.app, from = %request.from, "rtmp: publishing");
        self.session.accept();
        self.media = Instant::now();
        Ok(())
    }

    async fn hand_over(&mut self, tag: crate::flv::Tag) -> Result<(), EndCause> {
        let Some(sink) = &mut self.sink else { return Ok(()) };
        let is_media = tag.kind != TagKind::Meta;
        let taken = timeout(self.limits.sink, sink.tag(tag)).await.map_err(|_| EndCause::SinkStalled)?;
        taken.map_err(|refusal| EndCause::Refused(refusal.0))?;
        if is_media {
            self.media = Instant::now();
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), EndCause> {
        let output = self.session.output();
        if output.is_empty() {
            return Ok(());
        }
        let io = &mut self.io;
        let written = timeout(self.limits.write, async {
            io.write_all(&output).await?;
            io.flush().await
        });
        written.await.map_err(|_| EndCause::WriteTimedOut)?.map_err(|_| EndCause::Disconnected)
    }

    /// Tells the sink and the peer, and closes.
    async fn close(&mut self, cause: &EndCause) {
        if let Some(sink) = self.sink.take()
            && timeout(self.limits.sink, sink.ended(cause.clone())).await.is_err()
        {
            tracing::warn!(%cause, "rtmp: a sink did not end in time");
        }
        match cause {
            EndCause::Refused(words) => self.session.refuse(words),
            EndCause::Disconnected | EndCause::WriteTimedOut => return,
            other => self.session.refuse(&other.to_string()),
        }
        if self.flush().await.is_err() {
            return;
        }
        let lingering = async {
            self.io.shutdown().await?;
            let mut left = LINGER_BYTES_MAX;
            while let count @ 1.. = self.io.read(&mut self.buffer).await? {
                let Some(rest) = left.checked_sub(count) else { break };
                left = rest;
            }
            Ok::<_, std::io::Error>(())
        };
        // Whether the peer closes well makes no difference any more.
        if timeout(LINGER, lingering).await.is_err() {
            tracing::trace!("rtmp: closed first");
        }
    }
}
