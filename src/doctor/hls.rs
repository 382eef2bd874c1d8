//! Can streams be moved to HLS: is ffmpeg there for their sound, and does Mux know our token?

use super::Finding;
use super::programs::program_ffmpeg;
use crate::adapters::mux::{Access, Mux, MuxError};
use crate::config::Config;
use std::time::Duration;

const PART: &str = "HLS";
/// How long Mux may take to answer.
const ANSWER: Duration = Duration::from_secs(8);

/// Findings about ffmpeg and the HLS provider.
pub async fn look(config: &Config) -> Vec<Finding> {
    let ffmpeg = program_ffmpeg(&config.mux.embedded.ffmpeg, config.delivery.enabled);
    if !config.delivery.enabled {
        return vec![ffmpeg, Finding::fine(PART, "delivery.enabled is off: everybody watches over WebRTC.")];
    }
    let provider = match config.mux.token_id.as_str() {
        "" => Finding::fine(PART, "An origin of our own will carry HLS."),
        _ => provider(config).await,
    };
    vec![ffmpeg, provider]
}

async fn provider(config: &Config) -> Finding {
    let given = &config.mux;
    let access = Access {
        base_url: given.base_url.clone(),
        token_id: given.token_id.clone(),
        token_secret: given.token_secret.clone(),
        rates: None,
    };
    let url = &given.base_url;
    let answer = match Mux::new(access) {
        Ok(mux) => tokio::time::timeout(ANSWER, async { mux.whoami().await }).await,
        Err(error) => Ok(Err(error)),
    };
    match answer {
        Ok(Ok(_)) => Finding::fine(PART, format!("Mux answers at {url} and knows the token.")),
        Ok(Err(error @ (MuxError::TryAgain(_) | MuxError::Unsure(_)))) => Finding::warning(
            PART,
            format!(
                "Mux does not answer at {url} ({error}): until it does, everybody watches over WebRTC; check the network and mux.base_url."
            ),
        ),
        Ok(Err(error)) => Finding::fault(
            PART,
            format!(
                "Mux at {url} refuses us ({error}): check mux.token_id and mux.token_secret, or leave them empty for an origin of our own."
            ),
        ),
        Err(_) => Finding::warning(
            PART,
            format!("Mux does not answer at {url} within {} s: check the network and mux.base_url.", ANSWER.as_secs()),
        ),
    }
}
