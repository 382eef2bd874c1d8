//! Picture or sound: which track plays, and which takes over. Pure.
//!
//! | plays | wanted | then |
//! |---|---|---|
//! | nothing, or what is gone or muted | a track | it starts at once |
//! | a track | another | goes on until the other's first decodable frame |
//! | a track | none, or gone | it ends |

use super::event::Event;
use super::room::{Room, Track};
use crate::frame::Kind;

/// Of one kind.
#[derive(Debug)]
pub struct Lane {
    kind: Kind,
    plays: Option<Track>,
    next: Option<Track>,
}

impl Lane {
    /// Nothing plays.
    pub fn new(kind: Kind) -> Lane {
        Lane { kind, plays: None, next: None }
    }

    /// The track that plays.
    pub fn plays(&self) -> Option<&Track> {
        self.plays.as_ref()
    }

    /// Tracks that must be received: what plays and what takes over.
    pub fn needed(&self) -> impl Iterator<Item = &Track> {
        self.plays.iter().chain(&self.next)
    }

    /// What is wanted now. Returns what is to be told.
    pub fn want(&mut self, wanted: Option<Track>, room: &Room) -> Vec<Event> {
        let mut told = Vec::new();
        let Some(wanted) = wanted else {
            self.end(&mut told);
            return told;
        };
        self.next = None;
        // Mutes of what plays are told also while another is about to take over.
        match self.plays.as_mut().map(|plays| (room.track(&plays.sid), plays)) {
            Some((Some(now), plays)) => {
                if now.muted != plays.muted {
                    told.push(if now.muted {
                        Event::Muted { kind: self.kind }
                    } else {
                        Event::Unmuted { kind: self.kind }
                    });
                }
                *plays = now.clone();
            }
            Some((None, _)) => self.end(&mut told),
            None => {}
        }
        match &self.plays {
            Some(plays) if plays.sid == wanted.sid => {}
            Some(plays) if !plays.muted => self.next = Some(wanted),
            Some(_) | None => self.start(wanted, &mut told),
        }
        told
    }

    /// A frame of this track came with which decoding can begin or go on. Returns whether it plays, and what is to be
    /// told before it.
    pub fn arrived(&mut self, sid: &str) -> (bool, Vec<Event>) {
        let mut told = Vec::new();
        if let Some(next) = self.next.take_if(|next| next.sid == sid) {
            self.start(next, &mut told);
        }
        (self.plays.as_ref().is_some_and(|plays| plays.sid == sid), told)
    }

    /// The connection is gone.
    pub fn clear(&mut self) -> Vec<Event> {
        let mut told = Vec::new();
        self.end(&mut told);
        told
    }

    fn start(&mut self, track: Track, told: &mut Vec<Event>) {
        self.end(told);
        told.push(Event::TrackStarted { kind: self.kind, source: track.source, size: track.size });
        if track.muted {
            told.push(Event::Muted { kind: self.kind });
        }
        self.plays = Some(track);
    }

    fn end(&mut self, told: &mut Vec<Event>) {
        self.next = None;
        if self.plays.take().is_some() {
            told.push(Event::TrackEnded { kind: self.kind });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::participant::room::Source;
    use livekit_protocol::{ParticipantInfo, TrackInfo, TrackSource, TrackType};

    const KIND: Kind = Kind::Video;

    fn room(tracks: &[(&str, bool)]) -> Room {
        let tracks = tracks.iter().map(|(sid, muted)| TrackInfo {
            sid: (*sid).into(),
            r#type: TrackType::Video.into(),
            source: TrackSource::Camera.into(),
            muted: *muted,
            ..TrackInfo::default()
        });
        let mut room = Room::default();
        room.update(&[ParticipantInfo { tracks: tracks.collect(), ..ParticipantInfo::default() }]);
        room
    }

    fn want(lane: &mut Lane, sid: &str, tracks: &[(&str, bool)]) -> Vec<Event> {
        let room = room(tracks);
        lane.want(room.track(sid).cloned(), &room)
    }

    fn started() -> Event {
        Event::TrackStarted { kind: KIND, source: Source::Camera, size: None }
    }

    #[test]
    fn another_track_takes_over_with_its_first_frame() {
        let mut lane = Lane::new(KIND);
        assert_eq!(want(&mut lane, "a", &[("a", false)]), [started()]);
        assert_eq!(want(&mut lane, "b", &[("a", false), ("b", false)]), []);
        assert_eq!(lane.needed().count(), 2);
        assert_eq!(lane.arrived("a"), (true, vec![]));
        assert_eq!(lane.arrived("b"), (true, vec![Event::TrackEnded { kind: KIND }, started()]));
        assert_eq!(lane.arrived("a"), (false, vec![]));
        assert_eq!(want(&mut lane, "none", &[]), [Event::TrackEnded { kind: KIND }]);
    }

    #[test]
    fn it_takes_over_at_once_from_one_that_is_gone_or_muted() {
        let mut lane = Lane::new(KIND);
        want(&mut lane, "a", &[("a", false)]);
        want(&mut lane, "b", &[("a", false), ("b", false)]);
        assert_eq!(want(&mut lane, "b", &[("b", false)]), [Event::TrackEnded { kind: KIND }, started()]);
        assert_eq!(
            want(&mut lane, "c", &[("b", true), ("c", false)]),
            [Event::Muted { kind: KIND }, Event::TrackEnded { kind: KIND }, started()]
        );
    }

    #[test]
    fn mutes_are_told_once() {
        let mut lane = Lane::new(KIND);
        assert_eq!(want(&mut lane, "a", &[("a", true)]), [started(), Event::Muted { kind: KIND }]);
        assert_eq!(want(&mut lane, "a", &[("a", true)]), []);
        assert_eq!(want(&mut lane, "a", &[("a", false)]), [Event::Unmuted { kind: KIND }]);
        assert_eq!(lane.clear(), [Event::TrackEnded { kind: KIND }]);
        assert_eq!(lane.clear(), []);
    }
}
