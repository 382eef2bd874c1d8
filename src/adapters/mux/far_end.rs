//! Who carries HLS: Mux by the configuration, or an origin of our own that is started here. Whoever it is, the rest of
//! the server sees the same four things: a client, a signer, and where players and the bridge go.

use super::{Access, KeyError, Mux, MuxError, Signer};
use crate::config::{Config, Secret};
use backstage_media::origin::{Faults, Origin, OriginError, Rates, Settings};
use std::net::SocketAddr;

/// Name of the origin's folder in the data folder.
const FOLDER: &str = "origin";

/// See the module.
#[derive(Debug)]
pub struct FarEnd {
    /// REST.
    pub mux: Mux,
    /// Signs playback.
    pub signer: Signer,
    /// Playlists are at `{this}/{playback id}.m3u8`; no slash at its end.
    pub stream_base_url: String,
    /// The bridge publishes to `{this}/{stream key}`; no slash at its end.
    pub ingest_url: String,
    /// Signs webhooks.
    pub webhook_secret: Secret,
    /// The origin of our own.
    pub origin: Option<Origin>,
}

/// Why nobody carries HLS.
#[derive(Debug, thiserror::Error)]
pub enum FarEndError {
    /// Our own origin did not start.
    #[error("the origin of our own does not start: {0}")]
    Origin(#[from] OriginError),
    /// The signing key.
    #[error("mux.private_key: {0}")]
    Key(#[from] KeyError),
    /// The client.
    #[error("{0}")]
    Client(#[from] MuxError),
}

impl FarEnd {
    /// Connects, or starts an origin whose webhooks go to `webhook_url`. `faults` are for tests and hold for our own
    /// origin only.
    pub async fn open(config: &Config, webhook_url: &str, faults: Faults) -> Result<FarEnd, FarEndError> {
        if config.mux.token_id.is_empty() {
            FarEnd::own(config, webhook_url, faults).await
        } else {
            FarEnd::mux(config)
        }
    }

    fn mux(config: &Config) -> Result<FarEnd, FarEndError> {
        let mux = &config.mux;
        let access = Access {
            base_url: mux.base_url.clone(),
            token_id: mux.token_id.clone(),
            token_secret: mux.token_secret.clone(),
            rates: Some(Rates::MUX),
        };
        Ok(FarEnd {
            mux: Mux::new(access)?,
            signer: Signer::new(&mux.signing_key, &mux.private_key)?,
            stream_base_url: mux.stream_base_url.trim_end_matches('/').to_owned(),
            ingest_url: mux.ingest_url.trim_end_matches('/').to_owned(),
            webhook_secret: mux.webhook_secret.clone(),
            origin: None,
        })
    }

    async fn own(config: &Config, webhook_url: &str, faults: Faults) -> Result<FarEnd, FarEndError> {
        let own = &config.mux.embedded;
        let public = own.public_url.trim_end_matches('/');
        let settings = Settings {
            http: SocketAddr::new(own.host, own.port),
            rtmp: SocketAddr::new(own.host, own.rtmp_port),
            public_base: (!public.is_empty()).then(|| public.to_owned()),
            webhook_url: Some(webhook_url.to_owned()),
            ffmpeg: own.ffmpeg.clone(),
            workers: std::thread::available_parallelism().map_or(1, usize::from).min(4),
            faults,
            ..Settings::local(config.data.dir.join(FOLDER))
        };
        let origin = Origin::start(settings).await?;
        let secrets = origin.credentials();
        let access = Access {
            base_url: origin.local_url(),
            token_id: secrets.token_id.clone(),
            token_secret: Secret::new(&secrets.token_secret),
            rates: None,
        };
        Ok(FarEnd {
            mux: Mux::new(access)?,
            signer: Signer::new(&secrets.signing_key, &Secret::new(&secrets.private_key))?,
            stream_base_url: origin.base_url().to_owned(),
            ingest_url: origin.local_ingest_url(),
            webhook_secret: Secret::new(&secrets.webhook_secret),
            origin: Some(origin),
        })
    }

    /// Stops what was started here.
    pub async fn stop(self) {
        if let Some(origin) = self.origin {
            origin.stop().await;
        }
    }
}
