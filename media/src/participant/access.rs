//! The way into a room: where and with which token.

use futures_util::future::BoxFuture;
use std::fmt;

/// Where to join, and the token that lets in. The token is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Access {
    /// `ws://` or `wss://` address of the media server; `http` and `https` are understood too.
    pub url: String,
    /// A LiveKit access token.
    pub token: String,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not now; asked again after a while.
    #[error("no token now: {0}")]
    NotNow(String),
    /// There will be none: the participant ends.
    #[error("no token: {0}")]
    Never(String),
}

/// Asked before each join, so that a token is fresh also hours later. Given up after the join's time-out.
pub trait TokenSource: Send + Sync + 'static {
    /// Address and token for one join.
    fn access(&self) -> BoxFuture<'_, Result<Access, TokenError>>;
}

/// The same token each time, for participants that live shorter than it.
impl TokenSource for Access {
    fn access(&self) -> BoxFuture<'_, Result<Access, TokenError>> {
        Box::pin(std::future::ready(Ok(self.clone())))
    }
}
