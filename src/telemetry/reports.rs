//! Errors and panics go to Sentry, when a DSN is configured. Nothing about persons: no addresses, no cookies, no request
//! bodies; ids of streams and spaces only.

use std::borrow::Cow;
use std::time::Duration;

/// How long a stop waits for the last reports, ms.
const FLUSH_MS_MAX: u64 = 2_000;

/// Where errors are reported.
#[derive(Clone)]
pub struct ReportSettings {
    /// `https://key@host/project`.
    pub dsn: String,
    /// `development` or `production`.
    pub environment: String,
    /// Version of this server.
    pub release: String,
}

/// Reports run as long as this lives; dropping it sends what waits.
pub struct Reports {
    guard: sentry::ClientInitGuard,
}

impl Reports {
    /// Begins to report. Needs the process' TLS provider to be installed. The words of an error hold no key.
    pub fn start(settings: &ReportSettings) -> Result<Reports, String> {
        let dsn = settings
            .dsn
            .parse::<sentry::types::Dsn>()
            .map_err(|_| "SENTRY_DSN must look like https://key@host/project".to_owned())?;
        let mut options = sentry::ClientOptions::default();
        options.dsn = Some(dsn);
        options.environment = Some(Cow::Owned(settings.environment.clone()));
        options.release = Some(Cow::Owned(format!("backstage@{}", settings.release)));
        options.send_default_pii = false;
        // Panics carry their stack anyway; for other errors, naming its functions would hold a worker up.
        options.attach_stacktrace = false;
        // The machine's name is no business of theirs.
        options.server_name = Some(Cow::Borrowed("backstage"));
        options.shutdown_timeout = Duration::from_millis(FLUSH_MS_MAX);
        options.before_send = Some(std::sync::Arc::new(|mut event| {
            event.user = None;
            event.request = None;
            Some(event)
        }));
        Ok(Reports { guard: sentry::init(options) })
    }

    /// Sends what waits; `false` if it took longer than `limit`.
    pub fn flush(&self, limit: Duration) -> bool {
        self.guard.flush(Some(limit))
    }
}
