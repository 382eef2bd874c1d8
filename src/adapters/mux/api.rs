//! The calls, by noun.

use super::*;
use serde_json::json;
use std::fmt::Write;

const LIVE: &str = "/video/v1/live-streams";
const ASSETS: &str = "/video/v1/assets";
const KEYS: &str = "/system/v1/signing-keys";
/// Pages of live streams that are looked through for one of ours.
const PAGES_MAX: usize = 20;
/// Objects on a page, the most that Mux gives.
const PAGE: usize = 100;
const STATS_URL: &str = "https://stats.mux.com";

/// An id as a part of a path: foreign text never becomes another path.
fn part(id: &str) -> String {
    id.bytes().fold(String::new(), |mut path, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => path.push(byte.into()),
            _ => drop(write!(path, "%{byte:02X}")),
        }
        path
    })
}

fn live(id: &str) -> String {
    format!("{LIVE}/{}", part(id))
}

fn asset_path(id: &str) -> String {
    format!("{ASSETS}/{}", part(id))
}

fn target_body(target: &NewTarget) -> serde_json::Value {
    json!({ "url": target.url, "stream_key": target.stream_key.expose(), "passthrough": target.passthrough })
}

/// Live streams.
impl Mux {
    /// Makes one, as fast as Mux can, with one playback id.
    pub async fn create_live_stream(&self, new: &NewLiveStream) -> Result<LiveStream, MuxError> {
        let body = json!({
            "latency_mode": "low",
            "playback_policies": [new.policy],
            "reconnect_window": new.reconnect_window_s,
            "passthrough": new.passthrough,
            "new_asset_settings": { "playback_policies": [new.policy], "passthrough": new.passthrough },
            "simulcast_targets": new.targets.iter().map(target_body).collect::<Vec<_>>(),
        });
        self.call(Method::POST, LIVE, &[], Some(&body)).await
    }

    /// The youngest live stream with this passthrough, among the last 2,000: tells whether a `create` whose answer was
    /// lost had worked.
    pub async fn live_stream_of(&self, passthrough: &str) -> Result<Option<LiveStream>, MuxError> {
        for page in 1..=PAGES_MAX {
            let found = self.live_streams(page, PAGE).await?;
            let last = found.len() < PAGE;
            let ours = found.into_iter().find(|one| one.passthrough.as_deref() == Some(passthrough));
            if ours.is_some() || last {
                return Ok(ours);
            }
        }
        Ok(None)
    }

    /// One page, the youngest first; pages count from 1 and hold 100 at most.
    pub async fn live_streams(&self, page: usize, limit: usize) -> Result<Vec<LiveStream>, MuxError> {
        self.get(LIVE, &[("page", page.to_string()), ("limit", limit.to_string())]).await
    }

    /// One.
    pub async fn live_stream(&self, id: &str) -> Result<LiveStream, MuxError> {
        self.get(&live(id), &[]).await
    }

    /// Changes how long a lost encoder may be gone, s.
    pub async fn set_reconnect_window(&self, id: &str, seconds: u32) -> Result<LiveStream, MuxError> {
        self.call(Method::PATCH, &live(id), &[], Some(&json!({ "reconnect_window": seconds }))).await
    }

    /// Removes it; its recordings stay.
    pub async fn delete_live_stream(&self, id: &str) -> Result<(), MuxError> {
        self.remove(&live(id)).await
    }

    /// Ends the show: players see its end. Call it before the encoder stops, else an encoder that connects again begins a
    /// new recording.
    pub async fn complete(&self, id: &str) -> Result<(), MuxError> {
        match self.tell(Method::PUT, &format!("{}/complete", live(id))).await {
            Err(MuxError::WrongState(_)) => Ok(()),
            other => other,
        }
    }

    /// Closes the encoder and refuses others.
    pub async fn disable(&self, id: &str) -> Result<(), MuxError> {
        self.tell(Method::PUT, &format!("{}/disable", live(id))).await
    }

    /// Lets encoders in again.
    pub async fn enable(&self, id: &str) -> Result<(), MuxError> {
        self.tell(Method::PUT, &format!("{}/enable", live(id))).await
    }

    /// Gives it another stream key.
    pub async fn reset_stream_key(&self, id: &str) -> Result<LiveStream, MuxError> {
        self.call(Method::POST, &format!("{}/reset-stream-key", live(id)), &[], None::<&()>).await
    }

    /// One more playback id.
    pub async fn add_playback_id(&self, id: &str, policy: Policy) -> Result<PlaybackId, MuxError> {
        self.call(Method::POST, &format!("{}/playback-ids", live(id)), &[], Some(&json!({ "policy": policy }))).await
    }

    /// Takes a playback id away.
    pub async fn delete_playback_id(&self, id: &str, playback_id: &str) -> Result<(), MuxError> {
        self.remove(&format!("{}/playback-ids/{}", live(id), part(playback_id))).await
    }

    /// One more target; refused unless the stream is idle.
    pub async fn add_target(&self, id: &str, target: &NewTarget) -> Result<SimulcastTarget, MuxError> {
        let path = format!("{}/simulcast-targets", live(id));
        self.call(Method::POST, &path, &[], Some(&target_body(target))).await
    }

    /// A target.
    pub async fn target(&self, id: &str, target: &str) -> Result<SimulcastTarget, MuxError> {
        self.get(&format!("{}/simulcast-targets/{}", live(id), part(target)), &[]).await
    }

    /// Takes a target away; refused unless the stream is idle.
    pub async fn delete_target(&self, id: &str, target: &str) -> Result<(), MuxError> {
        self.remove(&format!("{}/simulcast-targets/{}", live(id), part(target))).await
    }
}

/// Recordings.
impl Mux {
    /// One.
    pub async fn asset(&self, id: &str) -> Result<Asset, MuxError> {
        self.get(&asset_path(id), &[]).await
    }

    /// Those of a live stream, or all; one page, the youngest first.
    pub async fn assets(&self, live_stream: Option<&str>, page: usize) -> Result<Vec<Asset>, MuxError> {
        let mut query = vec![("page", page.to_string()), ("limit", PAGE.to_string())];
        query.extend(live_stream.map(|id| ("live_stream_id", id.to_owned())));
        self.get(ASSETS, &query).await
    }

    /// Gives it another passthrough.
    pub async fn set_asset_passthrough(&self, id: &str, passthrough: &str) -> Result<Asset, MuxError> {
        self.call(Method::PATCH, &asset_path(id), &[], Some(&json!({ "passthrough": passthrough }))).await
    }

    /// Removes it and its media.
    pub async fn delete_asset(&self, id: &str) -> Result<(), MuxError> {
        self.remove(&asset_path(id)).await
    }

    /// A new asset with a stretch of another, s; `video.asset.ready` tells when it is there.
    pub async fn clip(
        &self,
        source: &str,
        from_s: f64,
        to_s: f64,
        policy: Policy,
        passthrough: &str,
    ) -> Result<Asset, MuxError> {
        let input = json!({ "url": format!("mux://assets/{source}"), "start_time": from_s, "end_time": to_s });
        let body = json!({ "inputs": [input], "playback_policies": [policy], "passthrough": passthrough });
        self.call(Method::POST, ASSETS, &[], Some(&body)).await
    }

    /// Has an MP4 made, such as `highest` or `720p`. Mux only.
    pub async fn add_static_rendition(&self, id: &str, resolution: &str) -> Result<(), MuxError> {
        let path = format!("{}/static-renditions", asset_path(id));
        self.send(Method::POST, &path, &[], Some(&json!({ "resolution": resolution }))).await.map(drop)
    }

    /// One more playback id of an asset.
    pub async fn add_asset_playback_id(&self, id: &str, policy: Policy) -> Result<PlaybackId, MuxError> {
        let path = format!("{}/playback-ids", asset_path(id));
        self.call(Method::POST, &path, &[], Some(&json!({ "policy": policy }))).await
    }

    /// Takes a playback id of an asset away.
    pub async fn delete_asset_playback_id(&self, id: &str, playback_id: &str) -> Result<(), MuxError> {
        self.remove(&format!("{}/playback-ids/{}", asset_path(id), part(playback_id))).await
    }

    /// What a playback id plays.
    pub async fn owner_of(&self, playback_id: &str) -> Result<PlaybackOwner, MuxError> {
        self.get(&format!("/video/v1/playback-ids/{}", part(playback_id)), &[]).await
    }
}

/// Keys and figures.
impl Mux {
    /// Makes a signing key; its private half is in this answer only. Needs the System permission.
    pub async fn create_signing_key(&self) -> Result<SigningKey, MuxError> {
        self.call(Method::POST, KEYS, &[], None::<&()>).await
    }

    /// The first hundred.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKey>, MuxError> {
        self.get(KEYS, &[("limit", PAGE.to_string())]).await
    }

    /// What it signed is refused from then on.
    pub async fn delete_signing_key(&self, id: &str) -> Result<(), MuxError> {
        self.remove(&format!("{KEYS}/{}", part(id))).await
    }

    /// Whose token we have: proof that it works.
    pub async fn whoami(&self) -> Result<Whoami, MuxError> {
        self.get("/system/v1/whoami", &[]).await
    }

    /// Who watches; the token's audience is what is counted, such as `live_stream_id`. Mux only.
    pub async fn viewer_counts(&self, token: &str) -> Result<ViewerCounts, MuxError> {
        let counts: Vec<ViewerCounts> = self.stats("counts", token).await?;
        Ok(counts.into_iter().next().unwrap_or_default())
    }

    /// What Mux thinks of what it is sent; the token's audience is `live_stream_id`. Mux only.
    pub async fn ingest_health(&self, token: &str) -> Result<IngestHealth, MuxError> {
        #[derive(serde::Deserialize)]
        struct Row {
            #[serde(default)]
            ingest_health: IngestHealth,
        }
        let rows: Vec<Row> = self.stats("live-stream-health", token).await?;
        Ok(rows.into_iter().next().map(|row| row.ingest_health).unwrap_or_default())
    }

    async fn stats<T: DeserializeOwned>(&self, what: &str, token: &str) -> Result<T, MuxError> {
        self.turn(&Method::GET).await?;
        let request = self.0.http.get(format!("{STATS_URL}/{what}")).query(&[("token", token)]);
        let response = request.send().await.map_err(|error| error::of_failure(&Method::GET, error).0)?;
        let bytes = error::of_answer(&Method::GET, response).await.map_err(|(error, _)| error)?;
        let envelope: Envelope<T> = serde_json::from_slice(&bytes)
            .map_err(|error| MuxError::Final(format!("Mux's figures cannot be read: {error}")))?;
        Ok(envelope.data)
    }
}
