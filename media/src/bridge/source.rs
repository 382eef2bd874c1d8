//! Where the bridge's frames come from.

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use super::unit::Cause;
use crate::frame::{Frame, Kind};

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
