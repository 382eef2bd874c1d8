//! How well the streams of this node go: samples of their bridges, each second, and of their publishers, as the studio
//! sends them, become the grade, the reason and the report that are kept with the stream.
//!
//! What a tracker knows is remembered in this process only. After a restart it begins anew; the report goes on.

use actix_web::{HttpResponse, web};
use backstage_actors::Stage;
use backstage_actors::ports::{Path, Store};
use backstage_core::health::{HealthNews, Limited, PublisherSample, ServerSample, Tracker};
use backstage_core::stream::StreamEvent;
use backstage_core::{StreamId, Timestamp};
use backstage_media::bridge::{BridgeState, BridgeStatus, HealthFigures};
use parking_lot::Mutex;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use utoipa::ToSchema;

use super::routes::{Nothing, hosted_stream};
use crate::api::answers::{Counted, Team};
use crate::api::body;
use crate::api::words::EncoderLimit;
use crate::error::Problem;
use crate::security::visitor::Visit;
use crate::state::State;

/// Between two looks at the bridges.
pub const LOOK: Duration = Duration::from_secs(1);
/// Between two samples of a publisher, ms; what comes sooner is left out.
pub const PUBLISHER_MS_MIN: i64 = 1_000;
/// A stream without a sample for this long is forgotten, ms.
const FORGOTTEN_MS: i64 = 120_000;
/// Streams followed.
const STREAMS_MAX: usize = 10_000;

struct Followed {
    path: Path,
    tracker: Tracker,
    sampled_at: Timestamp,
    publisher_at: Option<Timestamp>,
}

/// Who follows which stream.
#[derive(Default)]
pub struct Trackers {
    streams: Mutex<BTreeMap<StreamId, Followed>>,
}

impl Trackers {
    fn path(&self, stream: &StreamId) -> Option<Path> {
        self.streams.lock().get(stream).map(|followed| followed.path.clone())
    }

    /// A sample of a stream's bridge.
    pub fn server(&self, path: &Path, now: Timestamp, sample: ServerSample) -> Vec<HealthNews> {
        self.with(path, now, |followed| followed.tracker.server(now, sample))
    }

    /// A sample of its publisher; one that comes too soon is left out.
    pub fn publisher(&self, path: &Path, now: Timestamp, sample: PublisherSample) -> Vec<HealthNews> {
        self.with(path, now, |followed| {
            if followed.publisher_at.is_some_and(|at| now.since_ms(at) < PUBLISHER_MS_MIN) {
                return vec![];
            }
            followed.publisher_at = Some(now);
            followed.tracker.publisher(now, sample)
        })
    }

    fn with(
        &self,
        path: &Path,
        now: Timestamp,
        take: impl FnOnce(&mut Followed) -> Vec<HealthNews>,
    ) -> Vec<HealthNews> {
        let mut streams = self.streams.lock();
        if streams.len() >= STREAMS_MAX && !streams.contains_key(&path.stream) {
            return vec![];
        }
        let followed = streams.entry(path.stream.clone()).or_insert_with(|| Followed {
            path: path.clone(),
            tracker: Tracker::default(),
            sampled_at: now,
            publisher_at: None,
        });
        followed.sampled_at = now;
        take(followed)
    }

    fn forget(&self, stream: &StreamId) {
        self.streams.lock().remove(stream);
    }

    fn forget_silent(&self, now: Timestamp) {
        self.streams.lock().retain(|_, followed| now.since_ms(followed.sampled_at) < FORGOTTEN_MS);
    }
}

/// Looks at the bridges until dropped.
pub async fn run(state: &State) {
    let Some(crew) = &state.crew else { return std::future::pending().await };
    let mut every = tokio::time::interval(LOOK);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let now = state.clock.now();
        for (stream, status) in crew.statuses() {
            let Some(sample) = sample(&status) else { continue };
            let path = match state.trackers.path(&stream) {
                Some(path) => path,
                None => match state.store.path(&stream).await {
                    Ok(Some(path)) => path,
                    Ok(None) | Err(_) => continue,
                },
            };
            let news = state.trackers.server(&path, now, sample);
            tell(&state.stage, &state.trackers, &path, news).await;
        }
        state.trackers.forget_silent(now);
    }
}

/// Brings news to the stream; one that is over or gone is followed no more.
async fn tell(stage: &Stage, trackers: &Trackers, path: &Path, news: Vec<HealthNews>) {
    for news in news {
        if let Err(refusal) = stage.stream(path, StreamEvent::Health { news }, None).await {
            tracing::debug!(stream = %path.stream, %refusal, "the stream's health was not taken");
            trackers.forget(&path.stream);
            return;
        }
    }
}

/// What a bridge sees, for the grade; `None` while it has received nothing yet or is at its end.
pub fn sample(status: &BridgeStatus) -> Option<ServerSample> {
    match status.state {
        BridgeState::Live | BridgeState::Gap => Some(of_figures(&status.health, status.skew_us)),
        BridgeState::Waiting | BridgeState::Ended => None,
    }
}

fn of_figures(seen: &HealthFigures, skew_us: i64) -> ServerSample {
    let ms = |ms: i64| Some(u32::try_from(ms.max(0)).unwrap_or(u32::MAX));
    // Without a picture for a while its figures say nothing: the picture counts as frozen for that long.
    let pictured = seen.no_video_ms == 0 && seen.width > 0;
    let camera = |figure: Option<u32>| figure.filter(|_| pictured);
    ServerSample {
        bitrate_kbps: camera(u32::try_from((seen.video_bps + seen.audio_bps) / 1_000).ok()),
        fps: camera(Some(seen.fps.round().clamp(0.0, 1_000.0) as u32)),
        keyframe_ms: camera(ms(seen.keyframe_ms)),
        loss_per_mille: None,
        black_ms: camera(ms(seen.flat_ms)),
        frozen_ms: if seen.width > 0 && seen.no_video_ms > 0 && seen.no_audio_ms > 0 {
            ms(seen.no_video_ms.min(seen.no_audio_ms))
        } else {
            None
        },
        silent_ms: ms(seen.silent_ms),
        drift_ms: ms(skew_us.abs() / 1_000),
    }
}

/// What the studio posts. Figures beyond any sense are cut, since a browser sends what it likes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Posted {
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 4294967295u32)]
    bitrate_kbps: Option<u32>,
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 4294967295u32)]
    fps: Option<u32>,
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 4294967295u32)]
    loss_per_mille: Option<u32>,
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 4294967295u32)]
    rtt_ms: Option<u32>,
    /// What holds the encoder back.
    #[serde(default)]
    #[schema(value_type = EncoderLimit)]
    limited: Limited,
}

/// A host's browser says how it sends; at most once a second, what comes sooner is left out.
#[utoipa::path(
    post, path = "/api/v1/streams/{id}/health", operation_id = "tell_health", tag = "hosting",
    params(("id" = String, Path, description = "Id of the stream", min_length = 1, max_length = 64)),
    request_body = inline(Posted),
    responses((status = 202, description = "Taken", body = inline(Nothing)), Team, Counted),
)]
pub async fn create(at: Visit, id: web::Path<String>, body: web::Bytes) -> Result<HttpResponse, Problem> {
    let path = hosted_stream(&at, &id).await?;
    let posted: Posted = body::object(&body).map_err(|_| {
        Problem::bad_request(
            r#"The body cannot be read. Send {"bitrate_kbps": 2000, "fps": 30, "loss_per_mille": 0, "rtt_ms": 40, "limited": "none"}; each may be missing."#,
        )
    })?;
    let state = &at.state;
    let live = state.live.snapshot(&path.experience).await?.and_then(|snapshot| snapshot.stream.clone());
    // Only what is on air has a health; the studio of a show that is just over is not told off for its last word.
    if live.is_some_and(|stream| stream.id == path.stream && stream.phase.rank() == 2) {
        let sample = PublisherSample {
            bitrate_kbps: posted.bitrate_kbps.map(|figure| figure.min(1_000_000)),
            fps: posted.fps.map(|figure| figure.min(1_000)),
            loss_per_mille: posted.loss_per_mille.map(|figure| figure.min(1_000)),
            rtt_ms: posted.rtt_ms.map(|figure| figure.min(60_000)),
            limited: posted.limited,
        };
        let news = state.trackers.publisher(&path, state.clock.now(), sample);
        tell(&state.stage, &state.trackers, &path, news).await;
    }
    Ok(HttpResponse::Accepted().json(Nothing {}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> Path {
        Path { space: "sp".parse().unwrap(), experience: "ex".parse().unwrap(), stream: "st".parse().unwrap() }
    }

    fn live(health: HealthFigures) -> BridgeStatus {
        BridgeStatus { state: BridgeState::Live, health, ..BridgeStatus::default() }
    }

    #[test]
    fn a_publisher_whose_tracks_send_nothing_is_critical_and_a_muted_camera_is_not() {
        let flows = HealthFigures { fps: 30.0, width: 640, video_bps: 900_000, ..HealthFigures::default() };
        let muted = HealthFigures { no_video_ms: 60_000, ..flows };
        assert_eq!(sample(&live(muted)).unwrap().frozen_ms, None);
        let nothing = HealthFigures { no_video_ms: 15_000, no_audio_ms: 14_000, ..flows };
        assert_eq!(sample(&live(nothing)).unwrap().frozen_ms, Some(14_000));
        assert_eq!(sample(&BridgeStatus::default()), None);
    }

    #[test]
    fn samples_that_come_too_fast_are_left_out_and_silent_streams_are_forgotten() {
        let trackers = Trackers::default();
        let bad = PublisherSample { rtt_ms: Some(5_000), ..PublisherSample::default() };
        for ms in 0..900 {
            assert_eq!(trackers.publisher(&path(), Timestamp(ms), bad), []);
        }
        let told: Vec<_> = (1..6).flat_map(|s| trackers.publisher(&path(), Timestamp(s * 1_000), bad)).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        trackers.forget_silent(Timestamp(5_000 + FORGOTTEN_MS));
        assert!(trackers.path(&path().stream).is_none());
    }
}
