//! The HLS side of the server: who carries it (our own origin, or Mux), the client that speaks to it, addresses for
//! viewers, and who feeds it: our own crew, or LiveKit's Egress. What differs between the two is only who answers.

use backstage_actors::ports::{Bridges, Broadcasts, Clock, Gauge, Ids};
use backstage_media::origin::hls::Playback;
use backstage_media::origin::{Faults, Origin};
use std::net::SocketAddr;
use std::sync::Arc;

use crate::adapters::livekit::{EgressBridges, EgressSettings, Endpoint, Tokens, egress};
use crate::adapters::mux::{FarEnd, Mux, MuxBroadcasts, Screens};
use crate::app::StartError;
use crate::config::{BridgeKind, Config, Secret};
use crate::crew::{Crew, CrewSettings};

/// Path on our own site under which our own origin's playlists are found.
pub const PATH: &str = "/hls";
/// Folder in the data folder for recordings in the making.
const RECORDINGS: &str = "recordings";
/// Path that the provider's webhooks are posted to.
pub const WEBHOOKS: &str = "/webhooks/mux";

/// See the module.
pub struct Hls {
    /// Our own origin, where there is no other.
    pub origin: Option<Origin>,
    /// Live streams at the provider.
    pub broadcasts: Arc<dyn Broadcasts>,
    /// Addresses for viewers.
    pub screens: Arc<Screens>,
    /// Recorders, and bridges of our own.
    pub crew: Arc<Crew>,
    /// Who sends to the provider.
    pub bridges: Arc<dyn Bridges>,
    /// The client of the provider.
    pub mux: Mux,
    /// Proves the provider's webhooks.
    pub webhook_secret: Secret,
}

/// What it is built on.
pub struct Under<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// Names this installation.
    pub install: &'a str,
    /// Where this server can be reached by itself.
    pub own_address: SocketAddr,
    /// The media server.
    pub livekit: &'a Endpoint,
    /// The time.
    pub clock: &'a Arc<dyn Clock>,
    /// New ids.
    pub ids: &'a Arc<dyn Ids>,
    /// Counts loops that are begun again.
    pub gauge: Arc<dyn Gauge>,
    /// For tests: failures of our own origin on demand.
    pub faults: Faults,
}

impl Hls {
    /// Starts our own origin, or speaks to the provider named.
    pub async fn of(under: Under<'_>) -> Result<Hls, StartError> {
        let told = |error: &dyn std::fmt::Display| StartError::Other(format!("HLS cannot be set up: {error}"));
        let config = under.config;
        let webhooks = format!("http://{}{WEBHOOKS}", under.own_address);
        let FarEnd { mux, signer, stream_base_url, ingest_url, webhook_secret, origin } =
            FarEnd::open(config, &webhooks, under.faults.clone()).await.map_err(|error| told(&error))?;
        let inside = origin.as_ref().map_or_else(|| stream_base_url.clone(), Origin::local_url);
        let on_our_site = origin.is_some() && config.mux.embedded.public_url.is_empty();
        let browsers = if on_our_site { PATH.to_owned() } else { stream_base_url };
        let screens = Screens::new(signer, browsers, inside, under.clock.clone(), config.delivery.playback_token_ms);
        let screens = Arc::new(screens);
        let broadcasts = MuxBroadcasts::new(mux.clone(), screens.clone(), under.install);
        let crew = Crew::new(CrewSettings {
            recordings: config.recording.enabled.then(|| config.data.dir.join(RECORDINGS)),
            ffmpeg: config.mux.embedded.ffmpeg.clone(),
            tokens: Tokens::new(under.livekit, under.install),
            mux: mux.clone(),
            ingest_url: ingest_url.clone(),
            own_origin: origin.is_some(),
            clock: under.clock.clone(),
            ids: under.ids.clone(),
        });
        let crew = Arc::new(crew.map_err(|error| told(&error))?);
        let bridges: Arc<dyn Bridges> = match config.delivery.bridge {
            BridgeKind::Embedded => crew.clone(),
            BridgeKind::Egress => Arc::new(EgressBridges::new(EgressSettings {
                endpoint: under.livekit.clone(),
                install: under.install.to_owned(),
                keys: Arc::new(mux.clone()),
                ingest_url,
                file: Some(config.delivery.egress_file.clone()).filter(|name| !name.is_empty()),
                gauge: under.gauge.clone(),
                look_every: egress::LOOK,
            })),
        };
        Ok(Hls {
            origin,
            broadcasts: Arc::new(broadcasts.map_err(|error| told(&error))?),
            screens,
            crew,
            bridges,
            mux,
            webhook_secret,
        })
    }

    /// What players ask of our own origin.
    pub fn playback(&self) -> Option<Arc<Playback>> {
        self.origin.as_ref().map(Origin::playback)
    }
}
