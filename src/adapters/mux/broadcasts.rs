//! The `Broadcasts` port over Mux, or the origin of our own: one live stream per stream, named by its `passthrough`.
//!
//! A stream that is over is completed and disabled, so that no encoder can begin another recording with its key. Disabled
//! ones are removed when the list is looked at, some at a time.

use super::{LiveStatus, LiveStream, Mux, MuxError, NewLiveStream, Policy};
use crate::adapters::mux::Screens;
use backstage_actors::ports::{BoxFuture, BroadcastSeen, Broadcasts, Path, Progress, ProviderError};
use backstage_core::delivery::Live;
use backstage_core::{BroadcastId, StreamId};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Pages of the list that are looked at, of 100 each.
const PAGES_MAX: usize = 10;
const PAGE: usize = 100;
/// Live streams that are over and removed in one look.
const REMOVED_MAX: usize = 10;
/// A live stream that is over is kept for so long, s: its last viewers are some seconds behind.
const KEPT_S: i64 = 300;
/// Longest wait for a playlist.
const PLAYLIST_MAX: Duration = Duration::from_secs(3);
/// Largest playlist, bytes.
const PLAYLIST_BYTES_MAX: usize = 1024 * 1024;
/// Parts in a segment are fewer than this.
const PARTS_MAX: u64 = 1_000;

/// See the module.
pub struct MuxBroadcasts {
    mux: Mux,
    screens: Arc<Screens>,
    prefix: String,
    http: reqwest::Client,
    /// Media playlists by playback id.
    found: Mutex<BTreeMap<String, url::Url>>,
}

impl MuxBroadcasts {
    /// For the streams of one installation. Error: no TLS.
    pub fn new(mux: Mux, screens: Arc<Screens>, install: &str) -> Result<MuxBroadcasts, MuxError> {
        let http = reqwest::Client::builder()
            .timeout(PLAYLIST_MAX)
            .build()
            .map_err(|error| MuxError::Final(format!("no client for playlists: {error}")))?;
        Ok(MuxBroadcasts { mux, screens, prefix: format!("bp:{install}:"), http, found: Mutex::default() })
    }

    fn passthrough(&self, stream: &StreamId) -> String {
        format!("{}{stream}", self.prefix)
    }

    async fn make(&self, stream: &StreamId, grace_ms: i64) -> Result<Live, MuxError> {
        let passthrough = self.passthrough(stream);
        let live = match self.mux.live_stream_of(&passthrough).await? {
            Some(live) => live,
            None => {
                let window = u32::try_from(grace_ms.max(0) / 1_000).unwrap_or(u32::MAX).clamp(1, 1_800);
                let new =
                    NewLiveStream { passthrough, policy: Policy::Signed, reconnect_window_s: window, targets: vec![] };
                self.mux.create_live_stream(&new).await?
            }
        };
        let playback = live.playback_ids.first().map(|one| one.id.clone());
        let id = live.id.parse().map_err(|_| MuxError::Final("Mux named a live stream in a way of its own".into()))?;
        let playback = playback.ok_or_else(|| MuxError::Final("the live stream has no playback id".into()))?;
        Ok(Live { id, playback })
    }

    async fn end(&self, id: &BroadcastId) -> Result<(), MuxError> {
        for step in [self.mux.complete(id.as_str()).await, self.mux.disable(id.as_str()).await] {
            match step {
                Ok(()) | Err(MuxError::NotFound | MuxError::WrongState(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn ours(&self) -> Result<Vec<BroadcastSeen>, MuxError> {
        let mut seen = vec![];
        let mut over: Vec<LiveStream> = vec![];
        for page in 1..=PAGES_MAX {
            let found = self.mux.live_streams(page, PAGE).await?;
            let last = found.len() < PAGE;
            for live in found {
                let stream = live.passthrough.as_deref().and_then(|text| text.strip_prefix(&self.prefix));
                let Some(stream) = stream.and_then(|id| id.parse().ok()) else { continue };
                if live.status == LiveStatus::Disabled {
                    over.push(live);
                } else if let Ok(id) = live.id.parse() {
                    seen.push(BroadcastSeen { id, stream });
                }
            }
            if last {
                break;
            }
        }
        let before = self.screens.now_s() - KEPT_S;
        over.retain(|live| live.created_at < before);
        for live in over.iter().take(REMOVED_MAX) {
            self.mux.delete_live_stream(&live.id).await?;
        }
        Ok(seen)
    }

    async fn look(&self, live: &Live) -> Result<Progress, ProviderError> {
        let known = self.found.lock().get(&live.playback).cloned();
        if let Some(playlist) = known {
            match self.text(playlist.clone()).await? {
                Some(text) => return Ok(newest(&text)),
                // The token in the address has run out, or another recording began.
                None => drop(self.found.lock().remove(&live.playback)),
            }
        }
        let address = self.screens.inside_url(&live.playback).map_err(ProviderError::Final)?;
        let Some(variants) = self.text(address.clone()).await? else { return Ok(Progress::Idle) };
        let first = variants.lines().find(|line| !line.is_empty() && !line.starts_with('#'));
        let Some(playlist) = first.and_then(|line| address.join(line).ok()) else { return Ok(Progress::Idle) };
        let Some(text) = self.text(playlist.clone()).await? else { return Ok(Progress::Idle) };
        let mut found = self.found.lock();
        // One entry a live stream; those of the past go when many have gathered.
        if found.len() >= PAGE * PAGES_MAX {
            found.clear();
        }
        found.insert(live.playback.clone(), playlist);
        Ok(newest(&text))
    }

    /// A playlist; `None` where there is none (now).
    async fn text(&self, address: url::Url) -> Result<Option<String>, ProviderError> {
        let try_again = |error: reqwest::Error| {
            ProviderError::TryAgain(format!("the playlist cannot be read: {}", error.without_url()))
        };
        let mut response = self.http.get(address).send().await.map_err(try_again)?;
        if response.status().is_client_error() {
            let status = response.status();
            let words = response.text().await.unwrap_or_default();
            tracing::debug!(%status, words = words.chars().take(200).collect::<String>(), "there is no playlist");
            return Ok(None);
        }
        if !response.status().is_success() {
            return Err(ProviderError::TryAgain(format!("the playlist was answered with {}", response.status())));
        }
        let mut bytes = vec![];
        while let Some(chunk) = response.chunk().await.map_err(try_again)? {
            if bytes.len() + chunk.len() > PLAYLIST_BYTES_MAX {
                return Err(ProviderError::Final("the playlist is too large".into()));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

/// The newest segment or part of a media playlist (RFC 8216bis).
fn newest(playlist: &str) -> Progress {
    let (mut sequence, mut parts) = (0, 0);
    for line in playlist.lines() {
        if let Some(first) = line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:") {
            sequence = first.trim().parse().unwrap_or(0);
        } else if line.starts_with("#EXTINF:") {
            (sequence, parts) = (sequence + 1, 0);
        } else if line.starts_with("#EXT-X-PART:") {
            parts += 1;
        } else if line.starts_with("#EXT-X-ENDLIST") {
            return Progress::Gone;
        }
    }
    if sequence == 0 && parts == 0 {
        return Progress::Idle;
    }
    Progress::Active { sequence: sequence * PARTS_MAX + parts.min(PARTS_MAX - 1) }
}

impl Broadcasts for MuxBroadcasts {
    fn create<'a>(&'a self, path: &'a Path, grace_ms: i64) -> BoxFuture<'a, Result<Live, ProviderError>> {
        Box::pin(async move { Ok(self.make(&path.stream, grace_ms).await?) })
    }

    fn complete<'a>(&'a self, id: &'a BroadcastId) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move { Ok(self.end(id).await?) })
    }

    fn progress<'a>(&'a self, live: &'a Live) -> BoxFuture<'a, Result<Progress, ProviderError>> {
        Box::pin(self.look(live))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<BroadcastSeen>, ProviderError>> {
        Box::pin(async move { Ok(self.ours().await?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_playlist_grows_by_parts_and_segments() {
        let head = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:7\n";
        let segment = "#EXT-X-PART:URI=\"7.0.m4s\",DURATION=0.2\n#EXTINF:1.0,\n7.m4s\n";
        let part = "#EXT-X-PART:URI=\"8.0.m4s\",DURATION=0.2\n";
        let at = |text: String| match newest(&text) {
            Progress::Active { sequence } => sequence,
            other => panic!("{other:?}"),
        };
        let one = at(format!("{head}{segment}"));
        let two = at(format!("{head}{segment}{part}"));
        let three = at(format!("{head}{segment}{segment}"));
        assert!(one < two && two < three);
        assert_eq!(newest("#EXTM3U\n"), Progress::Idle);
        assert_eq!(newest(&format!("{head}{segment}#EXT-X-ENDLIST\n")), Progress::Gone);
    }
}
