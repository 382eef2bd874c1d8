//! Where a viewer watches over HLS: signed addresses that are good for a minute at most.

use super::{KeyError, Signer};
use backstage_actors::ports::Clock;
use backstage_core::Timestamp;
use moka::sync::Cache;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// How long an address may let in, ms. Access that is taken back ends playback within this.
pub const TOKEN_MS: RangeInclusive<i64> = 3_000..=60_000;
/// One token serves everybody who asks within this part of its life: it says what may be watched, not by whom.
const SHARED_PART: u64 = 6;
/// Playback ids whose token is held.
const HELD_MAX: u64 = 10_000;

/// A signed address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Screen {
    /// Of the multivariant playlist.
    pub url: String,
    /// It lets in until then.
    pub expires_at: Timestamp,
}

/// See the module.
pub struct Screens {
    signer: Signer,
    /// For browsers.
    base_url: String,
    /// For this server itself.
    inside_url: String,
    clock: Arc<dyn Clock>,
    token_ms: i64,
    held: Cache<String, Screen>,
}

impl Screens {
    /// `base_url`: where browsers find playlists, a path on our own site or another one; `inside_url`: where this server
    /// does; `token_ms`: life of a token, brought within [`TOKEN_MS`].
    pub fn new(signer: Signer, base_url: String, inside_url: String, clock: Arc<dyn Clock>, token_ms: i64) -> Screens {
        let token_ms = token_ms.clamp(*TOKEN_MS.start(), *TOKEN_MS.end());
        let shared = Duration::from_millis(token_ms.unsigned_abs() / SHARED_PART);
        let held = Cache::builder().max_capacity(HELD_MAX).time_to_live(shared).build();
        Screens { signer, base_url, inside_url, clock, token_ms, held }
    }

    /// Where to watch now.
    pub fn screen(&self, playback_id: &str) -> Result<Screen, KeyError> {
        if let Some(held) = self.held.get(playback_id) {
            return Ok(held);
        }
        let expires_at = self.clock.now() + self.token_ms;
        let url = self.signer.playback_url(&self.base_url, playback_id, expires_at.0 / 1_000)?;
        let screen = Screen { url, expires_at };
        self.held.insert(playback_id.to_owned(), screen.clone());
        Ok(screen)
    }

    /// The same for this server itself.
    pub(super) fn inside_url(&self, playback_id: &str) -> Result<url::Url, String> {
        let until_s = (self.clock.now() + self.token_ms).0 / 1_000;
        let text =
            self.signer.playback_url(&self.inside_url, playback_id, until_s).map_err(|error| error.to_string())?;
        url::Url::parse(&text).map_err(|error| error.to_string())
    }

    /// Seconds since the epoch.
    pub(super) fn now_s(&self) -> i64 {
        self.clock.now().0 / 1_000
    }

    /// The site that players connect to; `None` when it is our own.
    pub fn foreign_site(&self) -> Option<String> {
        url::Url::parse(&self.base_url).ok().map(|url| url.origin().ascii_serialization())
    }
}
