//! One published track.

use super::player::Packet;
use super::{Programme, Shared};
use crate::frame::Kind;
use crate::participant::error::Lost;
use crate::participant::link::Link;
use crate::participant::room::Source;
use livekit_protocol::{AddTrackRequest, TrackSource, TrackType, VideoLayer, VideoQuality};
use std::time::Instant;
use str0m::RtcError;
use str0m::media::{Frequency, MediaTime, Mid, Pt};

/// A track of ours.
pub(super) struct Track {
    pub kind: Kind,
    pub sid: String,
    pub mid: Mid,
    pub pt: Pt,
}

/// Sends a packet on its track.
pub(super) fn write(link: &mut Link, track: &Track, wallclock: Instant, packet: Packet) -> Result<(), Lost> {
    let hz = if packet.kind == Kind::Video { Frequency::NINETY_KHZ } else { Frequency::FORTY_EIGHT_KHZ };
    let time = MediaTime::from_micros(packet.at.as_micros() as u64).rebase(hz);
    link.peer.change(|rtc| match rtc.writer(track.mid) {
        Some(writer) => match writer.write(track.pt, wallclock, time, packet.data.to_vec()) {
            Ok(()) | Err(RtcError::NotSendingDirection(_)) => Ok(()),
            Err(error) => Err(error),
        },
        None => Ok(()),
    })
}

/// Counts it.
pub(super) fn note(shared: &Shared, packet: &Packet) {
    let mut stats = shared.stats.lock();
    stats.bytes += packet.data.len() as u64;
    match packet.kind {
        Kind::Video => {
            stats.frames += 1;
            stats.keyframes += u64::from(packet.keyframe);
        }
        Kind::Audio => stats.sounds += 1,
    }
}

/// Our own id of a track.
pub(super) fn cid(id: u64, kind: Kind) -> String {
    match kind {
        Kind::Video => format!("video-{id}"),
        Kind::Audio => format!("audio-{id}"),
    }
}

/// What the server is told of a track before it is offered.
pub(super) fn add_track(id: u64, kind: Kind, programme: &Programme) -> AddTrackRequest {
    let source = match (kind, programme.as_screen) {
        (Kind::Video, false) => Source::Camera,
        (Kind::Video, true) => Source::Screen,
        (Kind::Audio, false) => Source::Microphone,
        (Kind::Audio, true) => Source::ScreenAudio,
    };
    let cid = cid(id, kind);
    let common = AddTrackRequest {
        name: cid.clone(),
        cid,
        source: TrackSource::from(source).into(),
        disable_red: true,
        ..AddTrackRequest::default()
    };
    match (kind, &programme.video) {
        (Kind::Video, Some(video)) => {
            let (width, height) = (u32::from(video.size().0), u32::from(video.size().1));
            let layer = VideoLayer { quality: VideoQuality::High.into(), width, height, ..VideoLayer::default() };
            AddTrackRequest { r#type: TrackType::Video.into(), width, height, layers: vec![layer], ..common }
        }
        (Kind::Video, None) | (Kind::Audio, _) => AddTrackRequest { r#type: TrackType::Audio.into(), ..common },
    }
}
