//! Figures of delivery, bridges and recordings. Those of single bridges are summed up or the worst is taken: a stream's
//! id is no label.

use backstage_core::delivery::Audience;
use backstage_media::bridge::{BridgeState, BridgeStatus};
use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Registry};
use std::collections::BTreeMap;

use super::metrics::{counters, gauge, gauges};

/// Modes of the delivery.
const MODES: [&str; 5] = ["webrtc", "warming", "hybrid", "hls", "fallback"];
/// Turns of the delivery, as they stand in the timeline.
pub const TURNS: [&str; 6] = [
    "delivery_webrtc",
    "delivery_warming",
    "delivery_hybrid",
    "delivery_hls",
    "delivery_returning",
    "delivery_fallback",
];
/// States of a bridge.
const BRIDGES: [&str; 4] = ["waiting", "live", "gap", "ended"];

/// See the module.
pub struct MediaFigures {
    viewers: IntGaugeVec,
    streams: IntGaugeVec,
    turns: IntCounterVec,
    bridges: IntGaugeVec,
    bitrate_bps: IntGauge,
    drift_us: IntGauge,
    encoder_restarts: IntGauge,
    reconnects: IntGauge,
    skips: IntGauge,
    recordings: IntGauge,
    recording_bytes: IntGauge,
    recording_interruptions: IntGauge,
    hls_requests: IntCounterVec,
}

impl MediaFigures {
    /// Registers them.
    pub fn new(registry: &Registry) -> Result<MediaFigures, prometheus::Error> {
        let figures = MediaFigures {
            viewers: gauges(
                registry,
                "delivery_viewers",
                "Viewers on this server's sockets by what they see: webrtc, hls, slate (no room), waiting.",
                &["by"],
            )?,
            streams: gauges(registry, "delivery_streams", "Streams on air by mode of delivery.", &["mode"])?,
            turns: counters(
                registry,
                "delivery_turns_total",
                "Turns of a stream's delivery: to what, and the code of the reason.",
                &["to", "cause"],
            )?,
            bridges: gauges(registry, "bridges", "Bridges of this server by state.", &["state"])?,
            bitrate_bps: gauge(registry, "bridge_received_bps", "What all bridges receive together, bit/s.")?,
            drift_us: gauge(registry, "bridge_drift_us", "The largest distance of sound and picture, microseconds.")?,
            encoder_restarts: gauge(
                registry,
                "bridge_encoder_restarts",
                "Sound encoders that the running bridges had to replace.",
            )?,
            reconnects: gauge(
                registry,
                "destination_reconnects",
                "Connections after the first, of the running bridges to their destinations.",
            )?,
            skips: gauge(
                registry,
                "destination_skips",
                "Parts of a show that the running bridges left out, since a destination was too slow.",
            )?,
            recordings: gauge(registry, "recordings", "Recordings being written.")?,
            recording_bytes: gauge(registry, "recording_bytes", "Bytes written by the running recordings.")?,
            recording_interruptions: gauge(
                registry,
                "recording_interruptions",
                "Times that the running recordings began anew, or lost something.",
            )?,
            hls_requests: counters(
                registry,
                "hls_requests_total",
                "Requests of players to our own origin: playlist or media, by status class.",
                &["kind", "status"],
            )?,
        };
        for by in ["webrtc", "hls", "slate", "waiting"] {
            figures.viewers.with_label_values(&[by]);
        }
        for mode in MODES {
            figures.streams.with_label_values(&[mode]);
        }
        for turn in TURNS {
            figures.turns.with_label_values(&[turn, "viewers"]);
        }
        for state in BRIDGES {
            figures.bridges.with_label_values(&[state]);
        }
        for kind in ["playlist", "media"] {
            figures.hls_requests.with_label_values(&[kind, "2xx"]);
        }
        Ok(figures)
    }

    /// The delivery of a stream turned.
    pub fn turned(&self, to: &str, cause: &str) {
        self.turns.with_label_values(&[to, cause]).inc();
    }

    /// A player asked our own origin for something.
    pub fn hls(&self, path: &str, status_class: &str) {
        let kind = if path.ends_with(".m3u8") { "playlist" } else { "media" };
        self.hls_requests.with_label_values(&[kind, status_class]).inc();
    }

    /// Who watches how, and how many streams are in which mode.
    pub fn set_audience(&self, audience: &Audience, modes: &BTreeMap<&'static str, i64>) {
        let Audience { webrtc, hls, slate, waiting, .. } = *audience;
        for (by, count) in [("webrtc", webrtc), ("hls", hls), ("slate", slate), ("waiting", waiting)] {
            self.viewers.with_label_values(&[by]).set(i64::from(count));
        }
        for mode in MODES {
            self.streams.with_label_values(&[mode]).set(modes.get(mode).copied().unwrap_or(0));
        }
    }

    /// How the bridges are.
    pub fn set_bridges(&self, bridges: &[BridgeStatus]) {
        let figure = |sum: u64| i64::try_from(sum).unwrap_or(i64::MAX);
        for (state, name) in
            [BridgeState::Waiting, BridgeState::Live, BridgeState::Gap, BridgeState::Ended].into_iter().zip(BRIDGES)
        {
            let count = bridges.iter().filter(|bridge| bridge.state == state).count();
            self.bridges.with_label_values(&[name]).set(figure(count as u64));
        }
        let destinations = || bridges.iter().flat_map(|bridge| &bridge.destinations);
        let recordings = || bridges.iter().filter_map(|bridge| bridge.recording.as_ref());
        let received = bridges.iter().map(|bridge| bridge.health.video_bps + bridge.health.audio_bps).sum();
        self.bitrate_bps.set(figure(received));
        self.drift_us.set(bridges.iter().map(|bridge| bridge.skew_us.saturating_abs()).max().unwrap_or(0));
        self.encoder_restarts.set(figure(destinations().map(|one| one.encoder_restarts).sum()));
        self.reconnects.set(figure(destinations().map(|one| one.reconnects).sum()));
        self.skips.set(figure(destinations().map(|one| one.skips).sum()));
        self.recordings.set(figure(recordings().filter(|one| one.running).count() as u64));
        self.recording_bytes.set(figure(recordings().map(|one| one.bytes).sum()));
        self.recording_interruptions.set(figure(recordings().map(|one| one.interruptions).sum()));
    }
}
