//! Calls to LiveKit's Egress service (Twirp over HTTP). Each carries a token of its own with `roomRecord`.
//!
//! What LiveKit answers may repeat the address that it was given, with the stream key in it: no words leave here with an
//! address in them.

use super::super::rooms::{is_not_found, sorted};
use super::super::{CALL_MS_MAX, Endpoint};
use backstage_actors::ports::ProviderError;
use livekit_api::services::egress::encoding::{EncodingOptions, H264_720P_30};
use livekit_api::services::egress::{
    EgressClient, EgressListFilter, EgressListOptions, EgressOutput, ParticipantEgressOptions,
};
use livekit_api::services::{ServerError, ServiceError};
use livekit_protocol::{AudioCodec, EgressInfo, EncodedFileOutput, EncodedFileType, StreamOutput, StreamProtocol};
use std::time::Duration;

/// How long a start may take, ms: LiveKit asks every Egress three times, with rests, whether it has room.
pub const START_MS_MAX: u64 = 25_000;
/// Rest before an egress that nobody answered for is asked to stop once more.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// What a stream is sent as: the studio's own size; a keyframe every 2 s, since HLS is cut at them; AAC, since RTMP
/// takes no Opus.
const ENCODING: EncodingOptions =
    EncodingOptions { keyframe_interval: 2.0, audio_codec: AudioCodec::Aac, audio_frequency: 48_000, ..H264_720P_30 };
const NO_REDIS: &str = "LiveKit has no Egress: it runs without Redis. Give LiveKit and livekit-egress the same Redis, or set \
                        delivery.bridge to \"embedded\"";
const NO_WORKER: &str = "no Egress service answers at LiveKit: start livekit-egress with LiveKit's Redis, or give it more \
                         room if it is busy, or set delivery.bridge to \"embedded\"";

/// Why a call brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// There is no Egress service; the sentence says what to do.
    #[error("{0}")]
    NoEgress(&'static str),
    /// Something else.
    #[error(transparent)]
    Other(#[from] ProviderError),
}

/// What became of a wish to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It will end.
    Asked,
    /// It was over, or there is none.
    Over,
    /// No worker answers for it.
    Unheard,
}

/// What is to be sent where.
pub struct Order<'a> {
    /// The room.
    pub room: &'a str,
    /// Whom to follow.
    pub identity: &'a str,
    /// Where to, the key in it.
    pub address: String,
    /// See [`super::EgressSettings::file`].
    pub file: Option<String>,
}

/// See the module.
pub struct Calls {
    client: EgressClient,
    starter: EgressClient,
}

impl Calls {
    /// Connects when first used.
    pub fn new(endpoint: &Endpoint) -> Calls {
        let client = |ms| {
            EgressClient::with_api_key(&endpoint.http_url(), &endpoint.api_key, &endpoint.api_secret)
                .with_failover(false)
                .with_request_timeout(Duration::from_millis(ms))
        };
        Calls { client: client(CALL_MS_MAX), starter: client(START_MS_MAX) }
    }

    /// Egresses of a room, or of all for "", that are not over.
    pub async fn going(&self, room: &str) -> Result<Vec<EgressInfo>, CallError> {
        let filter = match room {
            "" => EgressListFilter::All,
            room => EgressListFilter::Room(room.to_owned()),
        };
        let options = EgressListOptions { filter, active: true, page_token: None };
        self.client.list_egress(options).await.map_err(told)
    }

    /// One egress, over or not.
    pub async fn one(&self, id: &str) -> Result<Option<EgressInfo>, CallError> {
        let filter = EgressListFilter::Egress(id.to_owned());
        match self.client.list_egress(EgressListOptions { filter, active: false, page_token: None }).await {
            Ok(found) => Ok(found.into_iter().find(|info| info.egress_id == id)),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(told(error)),
        }
    }

    /// Begins to send. It may have begun although the answer was lost: look before asking again.
    pub async fn start(&self, order: Order<'_>) -> Result<EgressInfo, CallError> {
        let mut outputs = vec![EgressOutput::Stream(StreamOutput {
            protocol: StreamProtocol::Rtmp as i32,
            urls: vec![order.address],
        })];
        outputs.extend(order.file.map(|filepath| {
            EgressOutput::File(EncodedFileOutput {
                file_type: EncodedFileType::Mp4 as i32,
                filepath,
                ..EncodedFileOutput::default()
            })
        }));
        let options = ParticipantEgressOptions { screenshare: false, encoding: ENCODING };
        let started = self.starter.start_participant_egress(order.room, order.identity, outputs, options).await;
        started.map_err(|error| match &error {
            ServiceError::Twirp(ServerError::Twirp(answer)) if answer.code == "unavailable" => {
                CallError::NoEgress(NO_WORKER)
            }
            ServiceError::Twirp(ServerError::Request(cause)) if cause.is_timeout() => {
                let words = format!("LiveKit did not start an egress within {START_MS_MAX} ms");
                CallError::Other(ProviderError::TryAgain(words))
            }
            _ => told(error),
        })
    }

    /// Asks it to end. Where no worker answers it is asked once more.
    pub async fn stop(&self, id: &str) -> Result<Stopped, ProviderError> {
        for again in [true, false] {
            match self.client.stop_egress(id).await {
                Ok(_) => return Ok(Stopped::Asked),
                Err(error) if is_not_found(&error) || is_over(&error) => return Ok(Stopped::Over),
                Err(ServiceError::Twirp(ServerError::Twirp(answer))) if answer.code == "unavailable" => {
                    if again {
                        tokio::time::sleep(ASK_AGAIN).await;
                    }
                }
                Err(error) => match told(error) {
                    CallError::NoEgress(_) => return Ok(Stopped::Over),
                    CallError::Other(error) => return Err(error),
                },
            }
        }
        Ok(Stopped::Unheard)
    }
}

/// "egress with status EGRESS_COMPLETE cannot be stopped".
fn is_over(error: &ServiceError) -> bool {
    matches!(error, ServiceError::Twirp(ServerError::Twirp(answer)) if answer.code == "failed_precondition")
}

fn told(error: ServiceError) -> CallError {
    if let ServiceError::Twirp(ServerError::Twirp(answer)) = &error
        && answer.msg.contains("egress not connected")
    {
        return CallError::NoEgress(NO_REDIS);
    }
    CallError::Other(match sorted(error) {
        ProviderError::TryAgain(words) => ProviderError::TryAgain(without_addresses(&words)),
        ProviderError::Final(words) => ProviderError::Final(without_addresses(&words)),
    })
}

/// `text` with what looks like an address left out.
pub fn without_addresses(text: &str) -> String {
    let words = text.split_whitespace().map(|word| if word.contains("://") { "(address)" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lose_their_addresses() {
        let said = "invalid url rtmps://live.example.com:443/app/sk-1?x: refused";
        assert_eq!(without_addresses(said), "invalid url (address) refused");
        assert_eq!(without_addresses("plain words"), "plain words");
    }
}
