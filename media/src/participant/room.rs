//! Who publishes what in the room, and what of it is wanted. Pure.

use crate::frame::Kind;
use livekit_protocol::participant_info::State;
use livekit_protocol::{ParticipantInfo, TrackInfo, TrackSource, TrackType};
use std::collections::BTreeMap;

/// Participants and tracks beyond these are not looked at.
const PARTICIPANTS_MAX: usize = 10_000;
const TRACKS_MAX: usize = 32;

/// Where a track comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// A camera, or a file published as one.
    Camera,
    /// A microphone.
    Microphone,
    /// A shared screen.
    Screen,
    /// What is heard of a shared screen.
    ScreenAudio,
    /// Not said.
    Unknown,
}

impl From<TrackSource> for Source {
    fn from(source: TrackSource) -> Source {
        match source {
            TrackSource::Camera => Source::Camera,
            TrackSource::Microphone => Source::Microphone,
            TrackSource::ScreenShare => Source::Screen,
            TrackSource::ScreenShareAudio => Source::ScreenAudio,
            TrackSource::Unknown => Source::Unknown,
        }
    }
}

impl From<Source> for TrackSource {
    fn from(source: Source) -> TrackSource {
        match source {
            Source::Camera => TrackSource::Camera,
            Source::Microphone => TrackSource::Microphone,
            Source::Screen => TrackSource::ScreenShare,
            Source::ScreenAudio => TrackSource::ScreenShareAudio,
            Source::Unknown => TrackSource::Unknown,
        }
    }
}

/// Which picture is wanted when there are several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Picture {
    /// The screen while one is shared, else the camera.
    #[default]
    ScreenFirst,
    /// The camera while there is one, else the screen.
    CameraFirst,
    /// The camera only.
    Camera,
    /// The screen only.
    Screen,
}

/// What to receive: one participant's sound and picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preference {
    /// The publisher's identity begins with it. Among several, the one that joined first and publishes.
    pub identity_prefix: String,
    /// Which picture.
    pub picture: Picture,
}

/// A published track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// LiveKit's id of it.
    pub sid: String,
    /// Picture or sound.
    pub kind: Kind,
    /// Where it comes from.
    pub source: Source,
    /// The publisher sends nothing at present.
    pub muted: bool,
    /// As the publisher announced it; the stream itself knows better.
    pub size: Option<(u16, u16)>,
}

impl Track {
    /// `None` for data and for codecs that cannot be received here.
    fn of(info: &TrackInfo) -> Option<Track> {
        let (kind, codec) = match info.r#type() {
            TrackType::Video => (Kind::Video, "video/h264"),
            TrackType::Audio => (Kind::Audio, "audio/"),
            TrackType::Data => return None,
        };
        let mime = info.mime_type.to_ascii_lowercase();
        if !mime.is_empty() && !mime.starts_with(codec) {
            return None;
        }
        let side = |pixels: u32| u16::try_from(pixels).ok().filter(|pixels| *pixels > 0);
        Some(Track {
            sid: info.sid.clone(),
            kind,
            source: info.source().into(),
            muted: info.muted,
            size: side(info.width).zip(side(info.height)),
        })
    }
}

#[derive(Debug)]
struct Participant {
    identity: String,
    joined_at_ms: i64,
    tracks: Vec<Track>,
}

/// The room as LiveKit last described it.
#[derive(Debug, Default)]
pub struct Room {
    participants: BTreeMap<String, Participant>,
}

/// The tracks that are wanted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The picture.
    pub video: Option<Track>,
    /// The sound.
    pub audio: Option<Track>,
}

impl Room {
    /// Takes in news of some participants.
    pub fn update(&mut self, news: &[ParticipantInfo]) {
        for info in news {
            if info.state() == State::Disconnected {
                self.participants.remove(&info.sid);
            } else if self.participants.len() < PARTICIPANTS_MAX || self.participants.contains_key(&info.sid) {
                let participant = Participant {
                    identity: info.identity.clone(),
                    joined_at_ms: if info.joined_at_ms > 0 { info.joined_at_ms } else { info.joined_at * 1_000 },
                    tracks: info.tracks.iter().take(TRACKS_MAX).filter_map(Track::of).collect(),
                };
                self.participants.insert(info.sid.clone(), participant);
            }
        }
    }

    /// A track as it is now, if it still is.
    pub fn track(&self, sid: &str) -> Option<&Track> {
        self.participants.values().flat_map(|participant| &participant.tracks).find(|track| track.sid == sid)
    }

    /// Picks by preference. A track that is not muted goes before one that is, a later one before an earlier.
    pub fn wanted(&self, preference: &Preference) -> Wanted {
        let publisher = self
            .participants
            .values()
            .filter(|one| one.identity.starts_with(&preference.identity_prefix) && !one.tracks.is_empty())
            .min_by_key(|one| (one.joined_at_ms, &one.identity));
        let Some(publisher) = publisher else { return Wanted::default() };
        let best = |kind: Kind, ranks: &[&[Source]]| {
            let of = |sources: &[Source]| {
                let tracks =
                    publisher.tracks.iter().filter(|track| track.kind == kind && sources.contains(&track.source));
                tracks.max_by_key(|track| !track.muted).cloned()
            };
            ranks.iter().find_map(|sources| of(sources))
        };
        // A file published without a source counts as a camera.
        let (camera, screen) = (&[Source::Camera, Source::Unknown][..], &[Source::Screen][..]);
        let pictures: &[&[Source]] = match preference.picture {
            Picture::ScreenFirst => &[screen, camera],
            Picture::CameraFirst => &[camera, screen],
            Picture::Camera => &[camera],
            Picture::Screen => &[screen],
        };
        Wanted {
            video: best(Kind::Video, pictures),
            audio: best(Kind::Audio, &[&[Source::Microphone, Source::Unknown], &[Source::ScreenAudio]]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(sid: &str, r#type: TrackType, source: TrackSource, muted: bool) -> TrackInfo {
        let mime = if r#type == TrackType::Video { "video/H264" } else { "audio/opus" };
        TrackInfo {
            sid: sid.into(),
            r#type: r#type.into(),
            source: source.into(),
            mime_type: mime.into(),
            muted,
            ..TrackInfo::default()
        }
    }

    fn person(identity: &str, joined_at_ms: i64, tracks: Vec<TrackInfo>) -> ParticipantInfo {
        ParticipantInfo {
            sid: format!("PA_{identity}"),
            identity: identity.into(),
            state: State::Active.into(),
            joined_at_ms,
            tracks,
            ..ParticipantInfo::default()
        }
    }

    fn camera(sid: &str, muted: bool) -> TrackInfo {
        info(sid, TrackType::Video, TrackSource::Camera, muted)
    }

    fn screen(sid: &str) -> TrackInfo {
        info(sid, TrackType::Video, TrackSource::ScreenShare, false)
    }

    fn video(room: &Room, picture: Picture) -> Option<String> {
        let preference = Preference { identity_prefix: "host:".into(), picture };
        room.wanted(&preference).video.map(|track| track.sid)
    }

    #[test]
    fn the_screen_goes_first_unless_asked_otherwise() {
        let mut room = Room::default();
        room.update(&[person("host:a", 1, vec![screen("s"), camera("c", false)])]);
        assert_eq!(video(&room, Picture::default()).as_deref(), Some("s"));
        assert_eq!(video(&room, Picture::CameraFirst).as_deref(), Some("c"));
        room.update(&[person("host:a", 1, vec![camera("c", false)])]);
        assert_eq!(video(&room, Picture::default()).as_deref(), Some("c"));
        assert_eq!(video(&room, Picture::Screen), None);
    }

    #[test]
    fn others_in_the_room_do_not_count() {
        let mut room = Room::default();
        room.update(&[
            person("guest:z", 0, vec![camera("g", false)]),
            person("host:waits", 1, vec![]),
            person("host:late", 3, vec![camera("l", false)]),
            person("host:first", 2, vec![camera("f", false)]),
        ]);
        assert_eq!(video(&room, Picture::default()).as_deref(), Some("f"));
        let mut gone = person("host:first", 2, vec![]);
        gone.state = State::Disconnected.into();
        room.update(&[gone]);
        assert_eq!(video(&room, Picture::default()).as_deref(), Some("l"));
    }

    #[test]
    fn of_two_cameras_the_later_that_is_on() {
        let mut room = Room::default();
        room.update(&[person("host:a", 1, vec![camera("1", false), camera("2", false), camera("3", true)])]);
        assert_eq!(video(&room, Picture::default()).as_deref(), Some("2"));
    }

    #[test]
    fn other_codecs_are_left_alone() {
        let mut room = Room::default();
        let vp8 = TrackInfo { mime_type: "video/VP8".into(), ..camera("v", false) };
        room.update(&[person("host:a", 1, vec![vp8])]);
        assert_eq!(video(&room, Picture::default()), None);
    }
}
