//! Who sends the shows of this table to our own origin: ffmpeg, over RTMP and with the stream's key, as a bridge would.
//! Everything behind it is the server's own: origin, packager, playlists, tokens.

use crate::support::temp::TempDir;
use backstage::adapters::livekit::Endpoint;
use backstage::adapters::mux::Mux;
use backstage::config::Config;
use backstage::hls::{Hls, Under};
use backstage::ports::StreamKeys;
use backstage::telemetry::Metrics;
use backstage::world::{SystemClock, Uuids};
use backstage_actors::ports::{BoxFuture, Bridges, Clock, Ids, Path, ProviderError, WorkerSeen};
use backstage_core::{BroadcastId, StreamId};
use backstage_media::origin::{Faults, Origin};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::Arc;
use tokio::process::{Child, Command};

/// A test card and a tone: four seconds, sent again and again as it is.
const FILM: &str = "-f lavfi -i testsrc2=size=320x180:rate=25 -f lavfi -i sine=frequency=440:sample_rate=48000 -t 4 \
                    -c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -g 25 -keyint_min 25 \
                    -sc_threshold 0 -c:a aac -f flv";

/// An HLS side whose origin is our own, fed by [`Encoders`].
pub async fn hls(config: &Config) -> Hls {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn Ids> = Arc::new(Uuids);
    // What webhooks would hint at is looked up.
    let faults = Faults::default();
    faults.webhooks_lost(true);
    let nowhere =
        Endpoint { url: "ws://media.test".into(), api_key: "key".into(), api_secret: "secret of nobody".into() };
    let under = Under {
        config,
        install: "table",
        own_address: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 1),
        livekit: &nowhere,
        clock: &clock,
        ids: &ids,
        gauge: Arc::new(Metrics::new("test", clock.now()).unwrap()),
        faults,
    };
    let mut hls = Hls::of(under).await.unwrap();
    let ingest_url = hls.origin.as_ref().map(Origin::local_ingest_url).unwrap();
    hls.bridges = Arc::new(Encoders::new(hls.mux.clone(), ingest_url).await);
    hls
}

/// One ffmpeg for each stream.
struct Encoders {
    keys: Mux,
    ingest_url: String,
    running: Mutex<BTreeMap<StreamId, Child>>,
    folder: TempDir,
}

impl Encoders {
    async fn new(keys: Mux, ingest_url: String) -> Encoders {
        let folder = TempDir::new("encoder");
        let mut making = ffmpeg();
        making.args(FILM.split_whitespace()).arg(folder.path().join("film.flv"));
        assert!(making.status().await.expect("ffmpeg is not installed: run bin/setup").success());
        Encoders { keys, ingest_url, running: Mutex::default(), folder }
    }

    fn works(&self, stream: &StreamId) -> bool {
        self.running.lock().get_mut(stream).is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }
}

fn ffmpeg() -> Command {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-y"]).stdin(Stdio::null()).kill_on_drop(true);
    ffmpeg
}

impl Bridges for Encoders {
    fn start<'a>(&'a self, path: &'a Path, broadcast: &'a BroadcastId) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            if self.works(&path.stream) {
                return Ok(());
            }
            let key = self.keys.key(broadcast).await?;
            let mut sending = ffmpeg();
            sending.args(["-re", "-stream_loop", "-1", "-i"]).arg(self.folder.path().join("film.flv"));
            sending.stderr(Stdio::null()).args(["-c", "copy", "-f", "flv"]).arg(format!(
                "{}/{}",
                self.ingest_url,
                key.reveal()
            ));
            let child = sending.spawn().map_err(|error| ProviderError::TryAgain(error.to_string()))?;
            self.running.lock().insert(path.stream.clone(), child);
            Ok(())
        })
    }

    fn stop<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            let child = self.running.lock().remove(stream);
            if let Some(mut child) = child {
                child.kill().await.map_err(|error| ProviderError::TryAgain(error.to_string()))?;
            }
            Ok(())
        })
    }

    fn look<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<WorkerSeen, ProviderError>> {
        let seen = if self.works(stream) { WorkerSeen::Working } else { WorkerSeen::Missing };
        Box::pin(std::future::ready(Ok(seen)))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<StreamId>, ProviderError>> {
        Box::pin(std::future::ready(Ok(self.running.lock().keys().cloned().collect())))
    }
}
