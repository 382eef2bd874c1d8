//! Fetches playlists and parts as a browser's player does, as they come and never faster than they play.

use std::sync::Arc;
use std::time::Duration;

use backstage_media::participant::system_clock;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use parking_lot::Mutex;
use reqwest::Client;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use url::Url;

use super::addresses::{token_of, with_token};
use super::error::HlsError;
use super::fragment::Tracks;
use super::next::{Next, next};
use super::playhead::Playhead;
use super::playlist::{Playlist, variant};
use crate::browser::cause;
use crate::target::Target;

/// Of one playlist, part or segment, bytes.
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Failures in a row until it gives up.
const TRIES_MAX: u32 = 6;
/// First pause after a failure; doubled each time.
const PAUSE: Duration = Duration::from_millis(100);
/// It does not fetch while more than this is in front of the playhead (or twice the hold-back, if that is more).
const AHEAD_MAX: Duration = Duration::from_secs(4);
/// A playlist that did not change is not asked for sooner again than this.
const RELOAD_MIN: Duration = Duration::from_millis(100);
/// So many pictures in a row make it ready to be shown, as in our player.
const READY_PICTURES: u64 = 20;
/// So often the playlist has to have grown.
const READY_ADVANCES: u64 = 2;

/// A snapshot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HlsStats {
    /// From start to the first media playlist, ms.
    pub connected_after_ms: Option<u64>,
    /// From start to the first picture on the virtual screen, ms.
    pub first_picture_after_ms: Option<u64>,
    /// Pictures fetched.
    pub pictures: u64,
    /// Places where decoding can begin, fetched.
    pub keyframes: u64,
    /// Bytes of parts and segments.
    pub bytes: u64,
    /// Requests made.
    pub requests: u64,
    /// Requests that failed and were made again.
    pub retries: u64,
    /// How often the playlist had grown.
    pub advances: u64,
    /// How often it fell out of the playlist and began anew at its end.
    pub jumps: u64,
    /// How often it ran out of media.
    pub stalls: u64,
    /// The longest time without media, ms.
    pub longest_stall_ms: u64,
    /// Stands for so long now, ms; 0 while it runs.
    pub standing_ms: u64,
    /// Media in front of the playhead, ms.
    pub ahead_ms: u64,
    /// Behind the capture, by the programme's clock, ms.
    pub latency_ms: Option<u64>,
    /// Runs, and steadily enough to be shown instead of another source.
    pub ready: bool,
}

#[derive(Default)]
struct Inner {
    stats: HlsStats,
    head: Playhead,
    /// Capture time of the end of the media that came, µs.
    captured_until_us: Option<i64>,
    fresh: Option<(Url, String)>,
    why: Option<HlsError>,
    over: bool,
}

/// Plays until it is dropped, or over.
pub struct HlsPlayer {
    inner: Arc<Mutex<Inner>>,
    _task: JoinSet<()>,
}

impl HlsPlayer {
    /// Starts; must be called within a tokio runtime. `url` is a multivariant playlist, with its token.
    pub fn start(client: Client, target: Arc<Target>, url: &str) -> HlsPlayer {
        let inner = Arc::new(Mutex::new(Inner::default()));
        let run = Run { client, target, inner: inner.clone(), began: Instant::now() };
        let (mut task, url) = (JoinSet::new(), url.to_owned());
        task.spawn(async move {
            let Err(why) = run.play(&url).await;
            let mut inner = run.inner.lock();
            (inner.why, inner.over) = (Some(why), true);
        });
        HlsPlayer { inner, _task: task }
    }

    /// From now on requests carry the token of this address.
    pub fn renew(&self, url: &Url) {
        if let Some(fresh) = token_of(url.as_str()).map(str::to_owned) {
            self.inner.lock().fresh = Some((url.clone(), fresh));
        }
    }

    /// Why it is over, once; `None` while it plays.
    pub fn over(&self) -> Option<HlsError> {
        self.inner.lock().why.take()
    }

    /// Figures of now.
    pub fn stats(&self) -> HlsStats {
        let now = Instant::now().into_std();
        let mut inner = self.inner.lock();
        inner.head.look(now);
        let ahead = inner.head.ahead(now);
        let behind = |until: i64| (system_clock() - until).saturating_add(ahead.as_micros() as i64);
        let latency = inner.captured_until_us.map(behind).filter(|_| inner.head.runs());
        let (runs, over) = (inner.head.runs(), inner.over);
        HlsStats {
            stalls: inner.head.stalls,
            longest_stall_ms: inner.head.longest_stall.as_millis() as u64,
            standing_ms: inner.head.standing(now).as_millis() as u64,
            ahead_ms: ahead.as_millis() as u64,
            latency_ms: latency.and_then(|us| u64::try_from(us / 1_000).ok()),
            ready: runs && !over && inner.stats.pictures >= READY_PICTURES && inner.stats.advances >= READY_ADVANCES,
            ..inner.stats.clone()
        }
    }
}

struct Run {
    client: Client,
    target: Arc<Target>,
    inner: Arc<Mutex<Inner>>,
    began: Instant,
}

impl Run {
    async fn play(&self, url: &str) -> Result<std::convert::Infallible, HlsError> {
        let (text, at) = self.text("the first playlist", url).await?;
        let media = at.join(&variant(&text)?).map_err(|_| HlsError::Address)?;
        let mut list = self.reload(&media, None).await?;
        let connected = self.began.elapsed().as_millis() as u64;
        self.inner.lock().stats.connected_after_ms = Some(connected);
        let mut tracks: Option<(String, Tracks)> = None;
        let mut at = list.start();
        loop {
            let Some(place) = at else {
                list = self.follow(&media, &list).await?;
                at = list.start();
                continue;
            };
            self.in_real_time(&list).await;
            let (segment, uri, length, begins, independent) = match next(&list, place) {
                Next::Part(segment, index) => {
                    let before: Duration = segment.parts[..index].iter().map(|part| part.duration).sum();
                    let part = &segment.parts[index];
                    at = Some((place.0, index + 1));
                    (segment, &part.uri, part.duration, before, part.independent)
                }
                Next::Whole(segment) => {
                    at = Some((place.0 + 1, 0));
                    let Some(uri) = &segment.uri else { continue };
                    (segment, uri, segment.duration, Duration::ZERO, true)
                }
                Next::After(segment) => {
                    at = Some((segment.msn + 1, 0));
                    continue;
                }
                Next::Gone => {
                    self.inner.lock().stats.jumps += 1;
                    at = list.start();
                    continue;
                }
                Next::NotYet => {
                    list = self.follow(&media, &list).await?;
                    continue;
                }
            };
            let init = segment.init.as_deref().unwrap_or_default();
            if tracks.as_ref().is_none_or(|(known, _)| known != init) {
                let (data, _) = self.fetch("the init segment", self.beside(&media, init)?.as_str()).await?;
                tracks = Some((init.to_owned(), Tracks::read(&data)?));
            }
            let Some((_, known)) = &tracks else { continue };
            match self.fetch("a part", self.beside(&media, uri)?.as_str()).await {
                Ok((data, _)) => {
                    let counted = known.count(&data)?;
                    let until = segment.begins_us.map(|us| us + (begins + length).as_micros() as i64);
                    self.came(counted.pictures, length, data.len(), independent, until);
                }
                // It left the window while we asked.
                Err(HlsError::Refused { status: 404, .. }) => {
                    self.inner.lock().stats.jumps += 1;
                    list = self.reload(&media, None).await?;
                    at = list.start();
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn came(&self, pictures: u64, length: Duration, bytes: usize, independent: bool, until_us: Option<i64>) {
        let now = Instant::now();
        let mut inner = self.inner.lock();
        inner.head.feed(length, now.into_std());
        inner.captured_until_us = until_us;
        let shows = inner.head.first_at.is_some();
        let stats = &mut inner.stats;
        stats.pictures += pictures;
        stats.keyframes += u64::from(independent);
        stats.bytes += bytes as u64;
        if shows && stats.first_picture_after_ms.is_none() {
            stats.first_picture_after_ms = Some(now.saturating_duration_since(self.began).as_millis() as u64);
        }
    }

    /// Waits while there is plenty in front.
    async fn in_real_time(&self, list: &Playlist) {
        let most = AHEAD_MAX.max(2 * list.hold_back);
        let ahead = self.inner.lock().head.ahead(Instant::now().into_std());
        sleep(ahead.saturating_sub(most)).await;
    }

    /// The playlist with what comes after `list`.
    async fn follow(&self, media: &Url, list: &Playlist) -> Result<Playlist, HlsError> {
        if list.ended {
            return Err(HlsError::Ended);
        }
        let waits = list.blocks && list.part_target.is_some() && !list.segments.is_empty();
        if !waits {
            sleep((list.target / 2).max(RELOAD_MIN)).await;
        }
        let newer = self.reload(media, waits.then(|| list.next())).await?;
        if newer.next() != list.next() {
            self.inner.lock().stats.advances += 1;
        } else if !newer.ended {
            sleep(list.part_target.unwrap_or_default().max(RELOAD_MIN)).await;
        }
        Ok(newer)
    }

    async fn reload(&self, media: &Url, next: Option<(u64, usize)>) -> Result<Playlist, HlsError> {
        let mut url = media.clone();
        if let Some((msn, part)) = next {
            let (msn, part) = (msn.to_string(), part.to_string());
            url.query_pairs_mut().append_pair("_HLS_msn", &msn).append_pair("_HLS_part", &part);
        }
        let (text, _) = self.text("a playlist", url.as_str()).await?;
        Ok(Playlist::parse(&text)?)
    }

    fn beside(&self, media: &Url, uri: &str) -> Result<Url, HlsError> {
        media.join(uri).map_err(|_| HlsError::Address)
    }

    async fn text(&self, what: &'static str, url: &str) -> Result<(String, Url), HlsError> {
        let (data, at) = self.fetch(what, url).await?;
        Ok((String::from_utf8_lossy(&data).into_owned(), at))
    }

    /// Until it is there, refused for good, or has failed too often.
    async fn fetch(&self, what: &'static str, url: &str) -> Result<(Bytes, Url), HlsError> {
        let mut tries = 0;
        loop {
            match self.fetch_once(what, url).await {
                Ok(fetched) => return Ok(fetched),
                Err(error @ HlsError::Refused { status: 404, .. }) if what == "a part" => return Err(error),
                Err(error) if error.is_final() => return Err(error),
                Err(error) => {
                    tries += 1;
                    if tries >= TRIES_MAX {
                        return Err(error);
                    }
                    self.inner.lock().stats.retries += 1;
                    sleep(PAUSE * 2_u32.pow(tries)).await;
                }
            }
        }
    }

    async fn fetch_once(&self, what: &'static str, url: &str) -> Result<(Bytes, Url), HlsError> {
        let url = {
            let mut inner = self.inner.lock();
            inner.stats.requests += 1;
            inner.fresh.as_ref().map_or_else(|| url.to_owned(), |(from, token)| with_token(url, from, token))
        };
        let url = self.target.allow_text(&url)?;
        let broken = |error: reqwest::Error| HlsError::Transport { what, cause: cause(&error) };
        let response = self.client.get(url).send().await.map_err(broken)?;
        let (status, at) = (response.status(), response.url().clone());
        if !status.is_success() {
            return Err(HlsError::Refused { what, status: status.as_u16() });
        }
        let (mut data, mut chunks) = (BytesMut::new(), response.bytes_stream());
        while let Some(chunk) = chunks.next().await {
            data.extend_from_slice(&chunk.map_err(broken)?);
            if data.len() > BODY_BYTES_MAX {
                return Err(HlsError::TooLarge(what));
            }
        }
        Ok((data.freeze(), at))
    }
}
