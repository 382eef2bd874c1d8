//! Where a viewer watches over HLS: signed addresses that are good for a minute.

use super::{KeyError, Signer};
use backstage_actors::ports::Clock;
use backstage_core::Timestamp;
use moka::sync::Cache;
use std::sync::Arc;
use std::time::Duration;

/// How long an address lets in, ms. Access that is taken back ends playback within this.
pub const TOKEN_MS: i64 = 60_000;
/// One token serves everybody who asks within this: it says what may be watched, not by whom.
const SHARED: Duration = Duration::from_secs(10);
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
    held: Cache<String, Screen>,
}

impl Screens {
    /// `base_url`: where browsers find playlists, a path on our own site or another one; `inside_url`: where this server does.
    pub fn new(signer: Signer, base_url: String, inside_url: String, clock: Arc<dyn Clock>) -> Screens {
        let held = Cache::builder().max_capacity(HELD_MAX).time_to_live(SHARED).build();
        Screens { signer, base_url, inside_url, clock, held }
    }

    /// Where to watch now.
    pub fn screen(&self, playback_id: &str) -> Result<Screen, KeyError> {
        if let Some(held) = self.held.get(playback_id) {
            return Ok(held);
        }
        let expires_at = self.clock.now() + TOKEN_MS;
        let url = self.signer.playback_url(&self.base_url, playback_id, expires_at.0 / 1_000)?;
        let screen = Screen { url, expires_at };
        self.held.insert(playback_id.to_owned(), screen.clone());
        Ok(screen)
    }

    /// The same for this server itself.
    pub(super) fn inside_url(&self, playback_id: &str) -> Result<url::Url, String> {
        let until_s = self.now_s() + TOKEN_MS / 1_000;
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
