//! What stands around playback: which playback id shows what, and which keys may sign.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

use super::{Live, Vod};

/// Answers what playback asks with each request, so from memory and at once.
pub trait Catalogue: Send + Sync {
    /// What a playback id shows now; `None` for an id that does not exist (404).
    fn resolve(&self, playback_id: &str) -> Option<Playable>;

    /// The public half of a signing key; `None` for one that does not exist or was deleted. Tokens signed with a deleted
    /// key are refused from the next request on.
    fn key(&self, kid: &str) -> Option<PublicKey>;
}

/// What a playback id shows, and to whom.
#[derive(Debug, Clone)]
pub struct Playable {
    /// Who may watch.
    pub policy: Policy,
    /// What there is to watch.
    pub source: Source,
}

/// Who may watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Whoever knows the playback id.
    Public,
    /// Who brings a token for it.
    Signed,
}

/// What there is to watch.
#[derive(Debug, Clone)]
pub enum Source {
    /// A broadcast near its edge: the playback id of a live stream.
    Live(Arc<Live>),
    /// A broadcast as far back as its window goes: the playback id of an asset whose broadcast still runs.
    Dvr(Arc<Live>),
    /// A broadcast that is over: the playback id of an asset.
    Vod(Arc<Vod>),
    /// Nothing now: the stream is idle, or the asset is being prepared (412).
    Idle,
}

/// The public half of an RS256 signing key.
#[derive(Clone)]
pub struct PublicKey(Vec<u8>);

impl PublicKey {
    /// Takes a public key in DER form (PKCS#1, `RSAPublicKey`). A broken one verifies nothing.
    pub fn from_rsa_der(der: &[u8]) -> PublicKey {
        PublicKey(der.to_vec())
    }

    /// Whether the signature (RSASSA-PKCS1-v1_5 with SHA-256) of this message is of this key.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.0).verify(message, signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(RS256)")
    }
}
