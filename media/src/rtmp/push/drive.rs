//! The connection of a push: what comes from the queue goes out, what the server says is heard.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Counters, PushError, Queued, Target};
use crate::rtmp::client::{ClientEvent, ClientSession};

const READ_BYTES: usize = 4 * 1024;
/// Tags are written together up to so many bytes.
const BATCH_BYTES: usize = 64 * 1024;
/// How long the server has to close after our goodbye: closing at once could throw away what it has not read.
const LINGER: Duration = Duration::from_secs(1);

/// A connection on which the server lets us publish.
pub(super) struct Open<S> {
    io: S,
    session: ClientSession,
    buffer: Vec<u8>,
}

/// Goes through handshake and commands until the server lets us publish.
pub(super) async fn publish<S>(io: S, target: &Target) -> Result<Open<S>, PushError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let session = ClientSession::new(target.session.clone(), rand::random());
    let mut open = Open { io, session, buffer: vec![0; READ_BYTES] };
    loop {
        let polled = open.session.poll()?;
        let output = open.session.output();
        if !output.is_empty() {
            open.io.write_all(&output).await.map_err(|_| PushError::Closed)?;
            open.io.flush().await.map_err(|_| PushError::Closed)?;
        }
        match polled {
            Some(ClientEvent::Published) => return Ok(open),
            Some(ClientEvent::Refused { code, words }) => return Err(PushError::Refused { code, words }),
            None => {}
        }
        let read = open.io.read(&mut open.buffer).await;
        open.take(read)?;
    }
}

/// Sends tags until the queue is closed and empty, then says goodbye.
pub(super) async fn drive<S>(
    open: &mut Open<S>,
    queue: &mut mpsc::Receiver<Queued>,
    write: Duration,
    counters: &Counters,
) -> Result<(), PushError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        open.listen()?;
        open.flush(write, counters).await?;
        tokio::select! {
            read = open.io.read(&mut open.buffer) => open.take(read)?,
            queued = queue.recv() => {
                let Some(queued) = queued else { break };
                let mut tags = open.add(&queued)?;
                while open.session.pending() < BATCH_BYTES
                    && let Ok(queued) = queue.try_recv()
                {
                    tags += open.add(&queued)?;
                }
                open.flush(write, counters).await?;
                counters.tags.fetch_add(tags, Ordering::Relaxed);
            }
        }
    }
    open.session.finish();
    open.flush(write, counters).await?;
    open.linger().await;
    Ok(())
}

impl<S: AsyncRead + AsyncWrite + Unpin> Open<S> {
    fn take(&mut self, read: std::io::Result<usize>) -> Result<(), PushError> {
        match read {
            Ok(0) | Err(_) => Err(PushError::Closed),
            Ok(count) => {
                self.session.input(&self.buffer[..count]);
                Ok(())
            }
        }
    }

    fn listen(&mut self) -> Result<(), PushError> {
        while let Some(event) = self.session.poll()? {
            if let ClientEvent::Refused { code, words } = event {
                return Err(PushError::Refused { code, words });
            }
        }
        Ok(())
    }

    fn add(&mut self, queued: &Queued) -> Result<u64, PushError> {
        self.session.send_tag(&queued.tag)?;
        Ok(1)
    }

    async fn flush(&mut self, write: Duration, counters: &Counters) -> Result<(), PushError> {
        let output = self.session.output();
        if output.is_empty() {
            return Ok(());
        }
        let io = &mut self.io;
        let written = timeout(write, async {
            io.write_all(&output).await?;
            io.flush().await
        });
        written.await.map_err(|_| PushError::TimedOut("sending"))?.map_err(|_| PushError::Closed)?;
        counters.bytes.fetch_add(output.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Closes our direction and waits for the server to close its own.
    async fn linger(&mut self) {
        let closing = async {
            self.io.shutdown().await?;
            while self.io.read(&mut self.buffer).await? > 0 {}
            Ok::<_, std::io::Error>(())
        };
        // Everything was sent; how the server closes makes no difference.
        if timeout(LINGER, closing).await.is_err() {
            tracing::trace!("rtmp: the server did not close");
        }
    }
}
