//! Where the bridge's frames come from.

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use super::unit::Cause;
use crate::frame::{Frame, Kind};
use crate::participant::{Event, Subscriber};

/// What a source tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A picture or a packet of sound.
    Frame(Frame),
    /// Frames of this kind will not come for a while.
    Gap {
        /// Picture or sound.
        kind: Kind,
        /// Why.
        cause: Cause,
    },
    /// Nothing will come for a while: the connection to the publisher is made anew.
    Reconnecting,
    /// Nothing will come any more, for this reason.
    Ended(String),
}

/// Gives what one publisher sends.
pub trait Source: Send + 'static {
    /// The next input; `None` when nothing will come any more. The future may be dropped without losing any.
    fn next(&mut self) -> BoxFuture<'_, Option<Input>>;
}

impl Source for mpsc::Receiver<Input> {
    fn next(&mut self) -> BoxFuture<'_, Option<Input>> {
        Box::pin(self.recv())
    }
}

impl Source for Subscriber {
    fn next(&mut self) -> BoxFuture<'_, Option<Input>> {
        Box::pin(async {
            loop {
                return Some(match Subscriber::next(self).await? {
                    Event::Frame(frame) => Input::Frame(frame),
                    Event::Muted { kind } => Input::Gap { kind, cause: Cause::Muted },
                    Event::Unmuted { kind } => Input::Gap { kind, cause: Cause::Stalled },
                    Event::TrackEnded { kind } => Input::Gap { kind, cause: Cause::NoTrack },
                    Event::Reconnecting { .. } => Input::Reconnecting,
                    Event::Ended { reason } => Input::Ended(reason.to_string()),
                    // What follows them tells the same.
                    Event::Connected | Event::TrackStarted { .. } | Event::FormatChanged { .. } => continue,
                });
            }
        })
    }
}
