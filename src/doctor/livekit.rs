//! Is there a media server, does it know our keys, is it new enough, and does its clock agree with ours?

use super::Finding;
use super::programs::version_line;
use crate::adapters::livekit::Endpoint;
use crate::adapters::livekit::check::{VERSION_MIN, check};
use crate::config::Config;
use std::path::Path;

/// Tokens are refused from about this much difference on.
const CLOCK_FAULT_MS: i64 = 60_000;
/// A difference worth mending.
const CLOCK_WARNING_MS: i64 = 5_000;
const PART: &str = "media server";

/// Findings about the existing server, or about the program of our own.
pub async fn look(config: &Config) -> Vec<Finding> {
    if config.livekit.url.is_empty() {
        return vec![own(&config.livekit.embedded.program)];
    }
    let endpoint = Endpoint {
        url: config.livekit.url.clone(),
        api_key: config.livekit.api_key.clone(),
        api_secret: config.livekit.api_secret.expose().to_owned(),
    };
    match check(&endpoint, "doctor", &crate::world::SystemClock).await {
        Ok(seen) => {
            let fine = Finding::fine(PART, format!("LiveKit {} answers at {}.", seen.version, endpoint.url));
            let mut findings = vec![fine];
            findings.extend(seen.clock_ahead_ms.map(clock));
            findings
        }
        Err(error) => vec![Finding::fault(PART, format!("{error}."))],
    }
}

pub(super) fn clock(ahead_ms: i64) -> Finding {
    let seconds = ahead_ms.abs() / 1_000;
    let way = if ahead_ms > 0 { "behind" } else { "ahead of" };
    let said = format!("This machine's clock is {seconds} s {way} the media server's");
    match ahead_ms.abs() {
        CLOCK_FAULT_MS.. => Finding::fault("clock", format!("{said}: tokens will be refused; set the clock (NTP).")),
        CLOCK_WARNING_MS.. => Finding::warning("clock", format!("{said}: set the clock (NTP).")),
        _ => Finding::fine("clock", "The clocks agree."),
    }
}

pub(super) fn own(program: &Path) -> Finding {
    let shown = program.display();
    let (major, minor) = VERSION_MIN;
    match version_line(program, "--version") {
        Err(error) => Finding::fault(
            PART,
            format!(
                "The program {shown} cannot be started ({error}): run bin/setup, set livekit.embedded.program, or set \
                 livekit.url (LIVEKIT_URL) to an existing server."
            ),
        ),
        Ok(line) => {
            let version = line.split_whitespace().last().unwrap_or_default().to_owned();
            match numbers(&version) {
                Some(found) if found < VERSION_MIN => Finding::fault(
                    PART,
                    format!("{shown} is version {version}; at least {major}.{minor} is needed: run bin/setup."),
                ),
                Some(_) => Finding::fine(PART, format!("livekit-server {version} will be started.")),
                None => Finding::warning(
                    PART,
                    format!("{shown} does not name its version; at least {major}.{minor} is needed."),
                ),
            }
        }
    }
}

fn numbers(version: &str) -> Option<(u64, u64)> {
    let mut parts = version.trim_start_matches('v').split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
