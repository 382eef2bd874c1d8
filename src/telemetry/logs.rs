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
/// with the lines before them. Fails when the filter cannot be read, or when something logs already.
pub fn start(settings: &LogSettings) -> Result<(), String> {
    let filter = filter(&settings.filter)?;
    let colours = std::io::IsTerminal::is_terminal(&std::io::stdout());
    let lines = if settings.json {
        tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .boxed()
    } else {
        tracing_subscriber::fmt::layer().with_target(false).with_ansi(colours).compact().boxed()
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .with(ErrorLayer::new().with_filter(LevelFilter::ERROR))
        .with(BreadcrumbLayer::new().with_filter(LevelFilter::INFO))
        .try_init()
        .map_err(|error| format!("logs were started twice: {error}"))
}

/// Crates that report what is ours to judge: a stranger's wrong password at the embedded broker is no error of the
/// server. A filter that names them wins.
const QUIETER: [(&str, &str); 2] = [("rumqttd", "rumqttd=off"), ("actix_server", "actix_server=warn")];

fn filter(text: &str) -> Result<EnvFilter, String> {
    let unreadable = |error: &dyn std::fmt::Display| format!("the log filter cannot be read: {error}");
    let mut filter = EnvFilter::try_new(text).map_err(|error| unreadable(&error))?;
    for (name, directive) in QUIETER {
        if !text.contains(name) {
            filter = filter.add_directive(directive.parse().map_err(|error| unreadable(&error))?);
        }
    }
    Ok(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_cannot_be_read_is_told_in_words() {
        assert!(filter("info,backstage=loud").unwrap_err().contains("log filter"));
        assert!(filter(FILTER_DEFAULT).unwrap().to_string().contains("rumqttd=off"));
        assert!(filter("info,rumqttd=debug").unwrap().to_string().contains("rumqttd=debug"));
    }
}
