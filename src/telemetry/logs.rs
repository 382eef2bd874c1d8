//! Logs on standard output: one JSON object a line for machines, or for people.
//!
//! Fields used throughout: `stream`, `experience`, `space`, `request` (id of an HTTP request), `error`. Fields of the spans
//! around an event are part of its line. Secrets and tokens never are: types that hold them show nothing in `Debug`.

use sentry::integrations::tracing::{BreadcrumbLayer, ErrorLayer};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// What is logged unless configured otherwise: ourselves from `info`, others from `warn`.
pub const FILTER_DEFAULT: &str = "warn,backstage=info,backstage_actors=info,backstage_core=info";

/// How to log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// One JSON object a line, else for people.
    pub json: bool,
    /// In the syntax of `EnvFilter`, as [`FILTER_DEFAULT`].
    pub filter: String,
}

/// Begins to log, for the whole process. Events of level error also go to [`super::reports`] while that runs,
/// with the lines before them. Fails when the filter cannot
/// be read, or when something logs already.
pub fn start(settings: &LogSettings) -> Result<(), String> {
    let filter =
        EnvFilter::try_new(&settings.filter).map_err(|error| format!("the log filter cannot be read: {error}"))?;
    let lines = if settings.json {
        tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .boxed()
    } else {
        tracing_subscriber::fmt::layer().with_target(false).compact().boxed()
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .with(ErrorLayer::new().with_filter(LevelFilter::ERROR))
        .with(BreadcrumbLayer::new().with_filter(LevelFilter::INFO))
        .try_init()
        .map_err(|error| format!("logs were started twice: {error}"))
}
