//! What can go wrong.

use crate::rtmp::client::ClientError;

/// Why a push failed. No stream key is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The address cannot be used. Says why.
    #[error("not an address to push to: {0}")]
    Target(&'static str),
    /// The server cannot be reached.
    #[error("cannot connect to {host}: {cause}")]
    Connect {
        /// Host and port.
        host: String,
        /// The system's words.
        cause: String,
    },
    /// TLS failed, as by a certificate that is not trusted.
    #[error("TLS with {host} failed: {cause}")]
    Tls {
        /// Host and port.
        host: String,
        /// What was wrong.
        cause: String,
    },
    /// A deadline is over.
    #[error("{0} took too long")]
    TimedOut(&'static str),
    /// The server does not want it, or not any more.
    #[error("the server refused: {words} {code}")]
    Refused {
        /// Such as `NetStream.Publish.BadName`; may be empty.
        code: String,
        /// What the server says, shortened; may be empty.
        words: String,
    },
    /// The server closed the connection, or it broke.
    #[error("the connection was closed")]
    Closed,
    /// The server broke the protocol.
    #[error("broken protocol: {0}")]
    Protocol(#[from] ClientError),
    /// A tag is larger than servers take.
    #[error("a tag of {0} bytes is too large")]
    TooLarge(usize),
    /// The queue is full: the network is too slow for what is sent.
    #[error("the network is too slow")]
    Full,
}

impl PushError {
    /// Whether trying again later makes sense. A server that refuses, and an address that is none, stay as they are.
    pub fn is_transient(&self) -> bool {
        match self {
            PushError::Connect { .. } | PushError::TimedOut(_) | PushError::Closed | PushError::Full => true,
            PushError::Target(_)
            | PushError::Tls { .. }
            | PushError::Refused { .. }
            | PushError::Protocol(_)
            | PushError::TooLarge(_) => false,
        }
    }
}
