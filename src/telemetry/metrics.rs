//! The figures behind `GET /metrics`, in Prometheus' text format 0.0.4. Names begin with `backstage_`; dashboards and
//! alerts in `dashboards/` are held against them by a test.

use super::media::MediaFigures;
use backstage_actors::ports::{Backlog, Gauge};
use backstage_core::Timestamp;
use backstage_core::effect::Lane;
use backstage_core::invariants::Invariant;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder, core::Collector,
};

/// Buckets of latencies, s.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Buckets of mailbox depths.
const DEPTHS: [f64; 8] = [0.0, 1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0];
/// What was counted for streams so far is kept under these words.
const PHASES: [&str; 7] = ["scheduled", "lobby", "live", "reconnecting", "ended", "archived", "cancelled"];

/// Every figure of this server. Share it in an `Arc`; all methods are cheap.
pub struct Metrics {
    registry: Registry,
    /// Of delivery, bridges and recordings.
    pub media: MediaFigures,
    streams: IntGaugeVec,
    stream_changes: IntCounterVec,
    graces: IntCounterVec,
    viewers: IntGauge,
    sockets: IntGauge,
    admissions: IntCounterVec,
    admission_seconds: HistogramVec,
    actor_restarts: IntCounterVec,
    actor_escalations: IntCounterVec,
    mailbox_depth: HistogramVec,
    effects: IntCounterVec,
    reconciled: IntCounterVec,
    sweep_streams: IntGauge,
    sweep_ms: IntGauge,
    outbox_waiting: IntGaugeVec,
    outbox_dead: IntGaugeVec,
    outbox_lag_ms: IntGaugeVec,
    webhooks: IntCounterVec,
    http_seconds: HistogramVec,
    violations: IntCounterVec,
    up: IntGaugeVec,
    livekit_restarts: IntGauge,
    mails: IntCounterVec,
    texts: IntCounterVec,
    archives: IntCounterVec,
    resident_bytes: IntGauge,
    cpu_ms: IntGauge,
    open_files: IntGauge,
    started_at_ms: IntGauge,
}

impl Metrics {
    /// A set of its own. `version` is shown as a label of `backstage_build_info`.
    /// Fails only if two figures share a name, which the tests would show.
    pub fn new(version: &str, started_at: Timestamp) -> Result<Metrics, prometheus::Error> {
        let registry = Registry::new();
        let build = gauges(&registry, "build_info", "1, labelled with the version.", &["version"])?;
        build.with_label_values(&[version]).set(1);
        let metrics = Metrics {
            media: MediaFigures::new(&registry)?,
            streams: gauges(&registry, "streams", "Streams by phase, of this server's space owners.", &["phase"])?,
            stream_changes: counters(
                &registry,
                "stream_changes_total",
                "Changes of phase by new phase and cause.",
                &["to", "cause"],
            )?,
            graces: counters(
                &registry,
                "graces_total",
                "Graces that began, and how they went: resumed, ended_by_creator, ran_out.",
                &["outcome"],
            )?,
            viewers: gauge(&registry, "viewers", "Viewers connected to this server's sockets.")?,
            sockets: gauge(&registry, "sockets", "Open browser sockets.")?,
            admissions: counters(
                &registry,
                "admissions_total",
                "Requests for admission by outcome: admitted, or the reason code.",
                &["outcome"],
            )?,
            admission_seconds: histogram(
                &registry,
                "admission_seconds",
                "Time to answer a request for admission, s.",
                &SECONDS,
                &["outcome"],
            )?,
            actor_restarts: counters(
                &registry,
                "actor_restarts_total",
                "Actors and loops rebuilt after a panic.",
                &["kind"],
            )?,
            actor_escalations: counters(
                &registry,
                "actor_escalations_total",
                "Actors given up after too many panics.",
                &["kind"],
            )?,
            mailbox_depth: histogram(
                &registry,
                "mailbox_depth",
                "Events in the mailboxes of one kind of actor, or being decided, when one was handed over.",
                &DEPTHS,
                &["kind"],
            )?,
            effects: counters(
                &registry,
                "effects_total",
                "Effects performed by lane and outcome: done, retry, dead.",
                &["lane", "outcome"],
            )?,
            reconciled: counters(
                &registry,
                "reconciled_total",
                "Differences that the sweep found and no webhook had told.",
                &["what"],
            )?,
            sweep_streams: gauge(&registry, "sweep_streams", "Open streams that the last sweep looked at.")?,
            sweep_ms: gauge(&registry, "sweep_ms", "How long the last sweep took, ms.")?,
            outbox_waiting: gauges(&registry, "outbox_waiting", "Effects not performed yet.", &["lane"])?,
            outbox_dead: gauges(&registry, "outbox_dead", "Effects given up, kept as dead letters.", &["lane"])?,
            outbox_lag_ms: gauges(&registry, "outbox_lag_ms", "Age of the oldest effect that waits, ms.", &["lane"])?,
            webhooks: counters(
                &registry,
                "webhooks_total",
                "Webhooks by provider and outcome.",
                &["provider", "outcome"],
            )?,
            http_seconds: histogram(
                &registry,
                "http_request_seconds",
                "Time to answer by route pattern, method and status class, s.",
                &SECONDS,
                &["route", "method", "status"],
            )?,
            violations: counters(
                &registry,
                "invariant_violations_total",
                "Broken promises of docs/INVARIANTS.md seen at run time.",
                &["invariant"],
            )?,
            up: gauges(&registry, "up", "1 if the part of the server is ready, else 0.", &["part"])?,
            livekit_restarts: gauge(
                &registry,
                "livekit_restarts",
                "How often the supervised media server was started again.",
            )?,
            archives: counters(
                &registry,
                "archives_total",
                "Recordings on their way into the archive by outcome: done, retried, failed.",
                &["outcome"],
            )?,
            mails: counters(&registry, "mails_total", "Mails by outcome: sent, retried, failed.", &["outcome"])?,
            texts: counters(
                &registry,
                "texts_total",
                "Text messages by outcome: sent, failed, capped (the most of this hour were sent).",
                &["outcome"],
            )?,
            resident_bytes: gauge(&registry, "process_resident_bytes", "Memory of this process, bytes.")?,
            cpu_ms: gauge(&registry, "process_cpu_ms", "Processor time this process has used, ms.")?,
            open_files: gauge(&registry, "process_open_files", "Files and sockets this process holds open.")?,
            started_at_ms: gauge(&registry, "process_started_at_ms", "When this process started, ms UTC.")?,
            registry,
        };
        metrics.started_at_ms.set(started_at.0);
        metrics.show_zeroes();
        Ok(metrics)
    }

    /// Figures that alerts look at must be there before the first event, or a rate over them sees nothing.
    fn show_zeroes(&self) {
        for phase in PHASES {
            self.streams.with_label_values(&[phase]);
        }
        for outcome in ["begun", "resumed", "ended_by_creator", "ran_out"] {
            self.graces.with_label_values(&[outcome]);
        }
        for kind in ["space", "experience", "stream"] {
            self.actor_restarts.with_label_values(&[kind]);
            self.actor_escalations.with_label_values(&[kind]);
            self.mailbox_depth.with_label_values(&[kind]);
        }
        for lane in Lane::ALL.map(Lane::as_str) {
            for outcome in ["done", "retry", "dead"] {
                self.effects.with_label_values(&[lane, outcome]);
            }
            self.outbox_waiting.with_label_values(&[lane]);
            self.outbox_dead.with_label_values(&[lane]);
            self.outbox_lag_ms.with_label_values(&[lane]);
        }
        for outcome in
            ["accepted", "repeated", "ignored", "forged", "malformed", "expired", "unavailable", "applied", "refused"]
        {
            self.webhooks.with_label_values(&["livekit", outcome]);
        }
        for invariant in Invariant::ALL {
            self.violations.with_label_values(&[invariant.id()]);
        }
        for what in ["media", "room_missing", "room_stray"] {
            self.reconciled.with_label_values(&[what]);
        }
        for outcome in ["sent", "retried", "failed"] {
            self.mails.with_label_values(&[outcome]);
        }
        for outcome in ["sent", "failed", "capped"] {
            self.texts.with_label_values(&[outcome]);
        }
        for outcome in ["done", "retried", "failed"] {
            self.archives.with_label_values(&[outcome]);
        }
        self.admissions.with_label_values(&["admitted"]);
        self.admission_seconds.with_label_values(&["admitted"]);
        self.stream_changes.with_label_values(&["live", "media_server"]);
    }

    /// Everything as text for a scrape. Reads this process' own figures first.
    pub fn text(&self) -> String {
        self.look_at_process();
        // Families come from our own registry, so they are always well formed.
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }

    /// Takes over streams that were there when the server started: `count` of them in `phase`.
    pub fn streams_at_start(&self, phase: &str, count: i64) {
        self.streams.with_label_values(&[phase]).set(count);
    }

    /// Viewers on this server's sockets now.
    pub fn set_viewers(&self, count: i64) {
        self.viewers.set(count);
    }

    /// A socket opened (+1) or closed (-1).
    pub fn sockets_changed(&self, by: i64) {
        self.sockets.add(by);
    }

    /// A request for admission was answered after `seconds`: `admitted`, or the reason code.
    pub fn admission(&self, outcome: &str, seconds: f64) {
        self.admissions.with_label_values(&[outcome]).inc();
        self.admission_seconds.with_label_values(&[outcome]).observe(seconds);
    }

    /// A webhook came to something: see [`crate::webhooks`] for the words.
    pub fn webhook(&self, provider: &str, outcome: &str) {
        self.webhooks.with_label_values(&[provider, outcome]).inc();
    }

    /// An HTTP request was answered. `route` is the pattern (`/m/{space}`), never the path itself.
    pub fn http(&self, route: &str, method: &str, status: u16, seconds: f64) {
        self.http_seconds.with_label_values(&[route, method, class_of(status)]).observe(seconds);
    }

    /// A promise was seen broken.
    pub fn violation(&self, invariant: Invariant) {
        self.violations.with_label_values(&[invariant.id()]).inc();
    }

    /// A part of the server is ready or not.
    pub fn set_up(&self, part: &str, ready: bool) {
        self.up.with_label_values(&[part]).set(i64::from(ready));
    }

    /// How often the supervised media server was started again.
    pub fn set_livekit_restarts(&self, count: u64) {
        self.livekit_restarts.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A mail was `sent`, `retried` or `failed`.
    pub fn mail(&self, outcome: &str) {
        self.mails.with_label_values(&[outcome]).inc();
    }

    /// A text message was `sent`, `failed` or `capped`.
    pub fn text_message(&self, outcome: &str) {
        self.texts.with_label_values(&[outcome]).inc();
    }

    /// A recording is in the archive (`done`), will be tried again (`retried`), or is given up (`failed`).
    pub fn archive(&self, outcome: &str) {
        self.archives.with_label_values(&[outcome]).inc();
    }

    /// What waits in the outbox, as [`backstage_actors::ports::Store::outbox_backlog`] tells it.
    pub fn set_backlog(&self, backlog: &[Backlog], now: Timestamp) {
        let figure = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        for lane in backlog {
            let name = [lane.lane.as_str()];
            self.outbox_waiting.with_label_values(&name).set(figure(lane.waiting));
            self.outbox_dead.with_label_values(&name).set(figure(lane.dead));
            let lag_ms = lane.oldest_at.map_or(0, |at| now.since_ms(at).max(0));
            self.outbox_lag_ms.with_label_values(&name).set(lag_ms);
        }
    }

    /// proc(5): resident pages from `statm`, ticks of processor time from `stat` (100 a second on Linux).
    fn look_at_process(&self) {
        const PAGE_BYTES: i64 = 4_096;
        const TICK_MS: i64 = 10;
        let pages = std::fs::read_to_string("/proc/self/statm")
            .ok()
            .and_then(|text| text.split(' ').nth(1)?.parse::<i64>().ok());
        if let Some(pages) = pages {
            self.resident_bytes.set(pages * PAGE_BYTES);
        }
        let ticks = std::fs::read_to_string("/proc/self/stat").ok().and_then(|text| {
            let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
            Some(fields.next()?.parse::<i64>().ok()? + fields.next()?.parse::<i64>().ok()?)
        });
        if let Some(ticks) = ticks {
            self.cpu_ms.set(ticks * TICK_MS);
        }
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            self.open_files.set(i64::try_from(files.count()).unwrap_or(i64::MAX));
        }
    }
}

impl Gauge for Metrics {
    fn phase_changed(&self, from: Option<&str>, to: &str, cause: &str) {
        if from == Some(to) {
            return;
        }
        if let Some(from) = from {
            self.streams.with_label_values(&[from]).dec();
        }
        self.streams.with_label_values(&[to]).inc();
        self.stream_changes.with_label_values(&[to, cause]).inc();
        let outcome = match (from, to, cause) {
            (Some("live"), "reconnecting", _) => "begun",
            (Some("reconnecting"), "live", _) => "resumed",
            (Some("reconnecting"), "ended", "creator") => "ended_by_creator",
            (Some("reconnecting"), "ended", _) => "ran_out",
            _ => return,
        };
        self.graces.with_label_values(&[outcome]).inc();
    }

    fn actor_restarted(&self, kind: &str) {
        self.actor_restarts.with_label_values(&[kind]).inc();
    }

    fn actor_escalated(&self, kind: &str) {
        self.actor_escalations.with_label_values(&[kind]).inc();
    }

    fn effect(&self, lane: &str, outcome: &str) {
        self.effects.with_label_values(&[lane, outcome]).inc();
    }

    fn reconciled(&self, what: &str) {
        self.reconciled.with_label_values(&[what]).inc();
    }

    fn swept(&self, streams: usize, took_ms: i64) {
        self.sweep_streams.set(i64::try_from(streams).unwrap_or(i64::MAX));
        self.sweep_ms.set(took_ms);
    }

    fn mailbox_depth(&self, kind: &str, depth: usize) {
        self.mailbox_depth.with_label_values(&[kind]).observe(depth as f64);
    }
}

/// The class of a status as a label.
pub(super) fn class_of(status: u16) -> &'static str {
    ["1xx", "2xx", "3xx", "4xx", "5xx"].get(usize::from(status / 100).saturating_sub(1)).unwrap_or(&"5xx")
}

fn keep<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> Result<C, prometheus::Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

fn options(name: &str, help: &str) -> Opts {
    Opts::new(format!("backstage_{name}"), help)
}

pub(super) fn gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
    keep(registry, IntGauge::with_opts(options(name, help))?)
}

pub(super) fn gauges(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntGaugeVec, prometheus::Error> {
    keep(registry, IntGaugeVec::new(options(name, help), labels)?)
}

pub(super) fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, prometheus::Error> {
    keep(registry, IntCounterVec::new(options(name, help), labels)?)
}

fn histogram(
    registry: &Registry,
    name: &str,
    help: &str,
    buckets: &[f64],
    labels: &[&str],
) -> Result<HistogramVec, prometheus::Error> {
    let options = HistogramOpts { common_opts: options(name, help), buckets: buckets.to_vec() };
    keep(registry, HistogramVec::new(options, labels)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> Metrics {
        Metrics::new("1.2.3", Timestamp(7)).unwrap()
    }

    #[test]
    fn a_grace_is_counted_with_its_outcome() {
        let metrics = metrics();
        metrics.phase_changed(None, "lobby", "creator");
        metrics.phase_changed(Some("lobby"), "live", "media_server");
        metrics.phase_changed(Some("live"), "reconnecting", "sweep");
        metrics.phase_changed(Some("reconnecting"), "live", "media_server");
        metrics.phase_changed(Some("live"), "reconnecting", "sweep");
        metrics.phase_changed(Some("reconnecting"), "ended", "timer");
        let text = metrics.text();
        for line in [
            "backstage_graces_total{outcome=\"begun\"} 2",
            "backstage_graces_total{outcome=\"resumed\"} 1",
            "backstage_graces_total{outcome=\"ran_out\"} 1",
            "backstage_streams{phase=\"live\"} 0",
            "backstage_streams{phase=\"ended\"} 1",
            "backstage_build_info{version=\"1.2.3\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn the_process_is_looked_at_when_scraped() {
        let text = metrics().text();
        let bytes = text.lines().find_map(|line| line.strip_prefix("backstage_process_resident_bytes ")).unwrap();
        assert!(bytes.parse::<i64>().unwrap() > 1_000_000);
    }
}
