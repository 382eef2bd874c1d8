//! What LiveKit tells of an egress: how it is, whether it is a bridge of ours, and where it sends to.

use super::calls::without_addresses;
use crate::adapters::livekit::HOST_PREFIX;
use backstage_media::rtmp::StreamKey;
use livekit_protocol::egress_info::Request;
use livekit_protocol::{EgressInfo, EgressStatus};
use url::Url;

/// How an egress is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It starts or sends.
    Runs,
    /// It is about to end.
    Ends,
    /// It ended as it should: the host left, or it was stopped.
    Over,
    /// It ended otherwise; why, in words without addresses.
    Failed(String),
}

/// How it is. A status that we do not know counts as running: the playlist shows whether it sends.
pub fn standing(info: &EgressInfo) -> Standing {
    let failed = |otherwise: &str| match info.error.as_str() {
        "" => Standing::Failed(otherwise.to_owned()),
        error => Standing::Failed(without_addresses(error)),
    };
    match EgressStatus::try_from(info.status) {
        Ok(EgressStatus::EgressStarting | EgressStatus::EgressActive) | Err(_) => Standing::Runs,
        Ok(EgressStatus::EgressEnding) => Standing::Ends,
        Ok(EgressStatus::EgressComplete) => Standing::Over,
        Ok(EgressStatus::EgressFailed) => failed("it says not why"),
        Ok(EgressStatus::EgressAborted) => failed("it was given up before it began"),
        Ok(EgressStatus::EgressLimitReached) => failed("a limit of the Egress service is reached"),
    }
}

/// Whether it sends by now.
pub fn is_active(info: &EgressInfo) -> bool {
    info.status == EgressStatus::EgressActive as i32
}

/// Whether it follows a host and publishes at this ingest, with whatever key. The port may be another: our own origin
/// takes a free one at each start.
pub fn publishes_at(info: &EgressInfo, ingest_url: &str) -> bool {
    let follows_host = match &info.request {
        Some(Request::Participant(request)) => request.identity.starts_with(HOST_PREFIX),
        _ => false,
    };
    let Some(ingest) = place(ingest_url) else { return false };
    follows_host
        && addresses(info).any(|address| address.rsplit_once('/').and_then(|(at, _)| place(at)) == Some(ingest.clone()))
}

/// Whether it publishes with this key. LiveKit tells keys by their ends only, as `{abc...xyz}`.
pub fn publishes_with(info: &EgressInfo, ingest_url: &str, key: &StreamKey) -> bool {
    let plain = format!("{ingest_url}/{}", key.reveal());
    let veiled = format!("{ingest_url}/{}", ends_of(key.reveal()));
    addresses(info).any(|address| address == plain || address == veiled)
}

fn addresses(info: &EgressInfo) -> impl Iterator<Item = &str> {
    let asked = match &info.request {
        Some(Request::Participant(request)) => request.stream_outputs.as_slice(),
        _ => &[],
    };
    let asked = asked.iter().flat_map(|output| &output.urls).map(String::as_str);
    asked.chain(info.stream_results.iter().map(|result| result.url.as_str()))
}

/// Host and application of an ingest.
fn place(url: &str) -> Option<(String, String)> {
    let url = Url::parse(url).ok()?;
    Some((url.host_str()?.to_owned(), url.path().trim_matches('/').to_owned()))
}

/// A key as LiveKit shows it: three characters of each end, fewer of a short one.
fn ends_of(key: &str) -> String {
    let shown = (1..=3).rev().find(|shown| key.len() >= shown * 3).unwrap_or(0);
    let (head, tail) = (key.get(..shown), key.get(key.len() - shown..));
    format!("{{{}...{}}}", head.unwrap_or_default(), tail.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use livekit_protocol::{ParticipantEgressRequest, RoomCompositeEgressRequest, StreamInfo, StreamOutput};

    const INGEST: &str = "rtmps://live.example.com:443/app";

    fn sends(identity: &str, address: &str) -> EgressInfo {
        let output = StreamOutput { urls: vec![address.into()], ..StreamOutput::default() };
        let request = ParticipantEgressRequest {
            identity: identity.into(),
            stream_outputs: vec![output],
            ..ParticipantEgressRequest::default()
        };
        EgressInfo { request: Some(Request::Participant(request)), ..EgressInfo::default() }
    }

    fn with(status: EgressStatus, error: &str) -> EgressInfo {
        EgressInfo { status: status as i32, error: error.into(), ..EgressInfo::default() }
    }

    #[test]
    fn every_status_has_a_meaning() {
        assert_eq!(standing(&with(EgressStatus::EgressStarting, "")), Standing::Runs);
        assert_eq!(standing(&with(EgressStatus::EgressActive, "")), Standing::Runs);
        assert_eq!(standing(&with(EgressStatus::EgressEnding, "")), Standing::Ends);
        assert_eq!(standing(&with(EgressStatus::EgressComplete, "")), Standing::Over);
        for status in [EgressStatus::EgressFailed, EgressStatus::EgressAborted, EgressStatus::EgressLimitReached] {
            assert!(matches!(standing(&with(status, "")), Standing::Failed(words) if words.len() > 5), "{status:?}");
        }
        let refused = with(EgressStatus::EgressFailed, "could not connect to rtmp://h/app/sk-secret");
        assert_eq!(standing(&refused), Standing::Failed("could not connect to (address)".into()));
        assert_eq!(standing(&EgressInfo { status: 99, ..EgressInfo::default() }), Standing::Runs);
    }

    #[test]
    fn only_what_follows_a_host_to_our_ingest_is_ours() {
        assert!(publishes_at(&sends("host:u1", "rtmps://live.example.com:443/app/{sk-...123}"), INGEST));
        assert!(publishes_at(&sends("host:u1", "rtmps://live.example.com:8443/app/k"), INGEST));
        assert!(!publishes_at(&sends("viewer:u1:n", "rtmps://live.example.com:443/app/k"), INGEST));
        assert!(!publishes_at(&sends("host:u1", "rtmps://elsewhere.example.com:443/app/k"), INGEST));
        assert!(!publishes_at(&sends("host:u1", "rtmps://live.example.com:443/live2/k"), INGEST));
        let composite = EgressInfo {
            request: Some(Request::RoomComposite(RoomCompositeEgressRequest::default())),
            stream_results: vec![StreamInfo { url: format!("{INGEST}/k"), ..StreamInfo::default() }],
            ..EgressInfo::default()
        };
        assert!(!publishes_at(&composite, INGEST));
    }

    #[test]
    fn a_key_is_known_by_its_ends() {
        let key = StreamKey::new("abcdefghij-123");
        assert!(publishes_with(&sends("host:u", &format!("{INGEST}/abcdefghij-123")), INGEST, &key));
        assert!(publishes_with(&sends("host:u", &format!("{INGEST}/{{abc...123}}")), INGEST, &key));
        assert!(!publishes_with(&sends("host:u", &format!("{INGEST}/{{abd...123}}")), INGEST, &key));
        assert_eq!(
            (ends_of("abcdef"), ends_of("ab"), ends_of("")),
            ("{ab...ef}".into(), "{...}".into(), "{...}".into())
        );
    }
}
