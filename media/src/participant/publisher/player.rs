//! Which picture and which piece of sound is due. Pure.
//!
//! Two times run here. *Time* goes on steadily and becomes RTP time stamps. *Content* is the place in the clips; it
//! leaps when a keyframe is asked for, and begins anew at the end of a repeated programme. Picture and sound leap
//! together, so they stay in step.

use super::clip::{AudioClip, VideoClip};
use crate::frame::Kind;
use bytes::Bytes;
use std::time::{Duration, Instant};

/// What to do when somebody asks for a keyframe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnKeyframeRequest {
    /// Go on with the next keyframe at once, leaving out what is before it.
    #[default]
    Leap,
    /// Play on; the next keyframe of the clip comes when it comes. Every frame is sent.
    PlayOn,
}

/// What to publish, and how.
#[derive(Debug, Clone)]
pub struct Programme {
    /// Pictures.
    pub video: Option<VideoClip>,
    /// Sound, beginning together with the pictures.
    pub audio: Option<AudioClip>,
    /// From the beginning again when the pictures (without pictures: the sound) are over.
    pub repeats: bool,
    /// What a request for a keyframe does.
    pub on_keyframe_request: OnKeyframeRequest,
    /// Published as a shared screen instead of camera and microphone.
    pub as_screen: bool,
}

impl Programme {
    /// Repeats, leaps, is a camera.
    pub fn new(video: Option<VideoClip>, audio: Option<AudioClip>) -> Programme {
        Programme { video, audio, repeats: true, on_keyframe_request: OnKeyframeRequest::default(), as_screen: false }
    }

    /// Played once, every frame of it.
    pub fn once(video: Option<VideoClip>, audio: Option<AudioClip>) -> Programme {
        let on_keyframe_request = OnKeyframeRequest::PlayOn;
        Programme { repeats: false, on_keyframe_request, ..Programme::new(video, audio) }
    }

    /// As a shared screen.
    pub fn as_screen(self) -> Programme {
        Programme { as_screen: true, ..self }
    }
}

/// Something to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packet {
    pub kind: Kind,
    /// Since the beginning.
    pub at: Duration,
    pub data: Bytes,
    pub keyframe: bool,
}

/// Where one kind is.
#[derive(Debug, Default)]
struct Head {
    /// What comes next.
    index: usize,
    /// When, microseconds since the beginning.
    at_us: u64,
    muted: bool,
    /// Nothing is sent before the next keyframe.
    awaits_keyframe: bool,
}

/// Plays one programme.
#[derive(Debug)]
pub(super) struct Player {
    programme: Programme,
    start: Instant,
    video: Head,
    audio: Head,
}

impl Player {
    pub fn new(programme: Programme, start: Instant) -> Player {
        Player { programme, start, video: Head::default(), audio: Head::default() }
    }

    pub fn start(&self) -> Instant {
        self.start
    }

    /// When the next packet is due; `None` when it is over.
    pub fn deadline(&self) -> Option<Instant> {
        let at_us = [Kind::Video, Kind::Audio].into_iter().filter_map(|kind| self.due_us(kind)).min()?;
        Some(self.start + Duration::from_micros(at_us))
    }

    /// When one kind goes on.
    fn due_us(&self, kind: Kind) -> Option<u64> {
        match kind {
            Kind::Video => {
                let clip = self.programme.video.as_ref()?;
                (self.video.index < clip.frames() || self.programme.repeats).then_some(self.video.at_us)
            }
            Kind::Audio => {
                let clip = self.programme.audio.as_ref()?;
                (self.audio.index < clip.packets()).then_some(self.audio.at_us)
            }
        }
    }

    /// The next packet that is due now. What is muted passes unseen.
    pub fn next(&mut self, now: Instant) -> Option<Packet> {
        loop {
            let kind = match (self.due_us(Kind::Video), self.due_us(Kind::Audio)) {
                (Some(video), Some(audio)) if audio < video => (Kind::Audio, audio),
                (Some(video), _) => (Kind::Video, video),
                (None, Some(audio)) => (Kind::Audio, audio),
                (None, None) => return None,
            };
            let at = Duration::from_micros(kind.1);
            if self.start + at > now {
                return None;
            }
            let packet = match kind.0 {
                Kind::Video => self.picture(at),
                Kind::Audio => self.sound(at),
            };
            if packet.is_some() {
                return packet;
            }
        }
    }

    fn picture(&mut self, at: Duration) -> Option<Packet> {
        if self.video.index >= self.programme.video.as_ref()?.frames() {
            self.seek(0);
        }
        let clip = self.programme.video.as_ref()?;
        let unit = clip.units.get(self.video.index)?.clone();
        self.video.at_us += clip.at_us(1);
        self.video.index += 1;
        if unit.keyframe {
            self.video.awaits_keyframe = false;
        }
        let sent = !self.video.muted && !self.video.awaits_keyframe;
        sent.then_some(Packet { kind: Kind::Video, at, data: unit.data, keyframe: unit.keyframe })
    }

    fn sound(&mut self, at: Duration) -> Option<Packet> {
        let clip = self.programme.audio.as_ref()?;
        let (_, data) = clip.packets.get(self.audio.index)?.clone();
        self.audio.at_us += clip.at_us(self.audio.index + 1) - clip.at_us(self.audio.index);
        self.audio.index += 1;
        if self.audio.index >= clip.packets() && self.programme.repeats && self.programme.video.is_none() {
            self.audio.index = 0;
        }
        (!self.audio.muted).then_some(Packet { kind: Kind::Audio, at, data, keyframe: true })
    }

    /// Pictures go on with this one; sound with what belongs to it.
    fn seek(&mut self, index: usize) {
        self.video.index = index;
        let (Some(video), Some(audio)) = (&self.programme.video, &self.programme.audio) else { return };
        let content_us = (video.at_us(index) + self.audio.at_us).checked_sub(self.video.at_us);
        // The sound is a little ahead of or behind the pictures in time, and so it must be in content. Where it was
        // over, or nothing stands before the picture, it waits for the picture.
        let content_us = content_us.filter(|_| self.audio.index < audio.packets()).unwrap_or_else(|| {
            self.audio.at_us = self.audio.at_us.max(self.video.at_us);
            video.at_us(index)
        });
        self.audio.index = audio.index_at(content_us);
    }

    /// Somebody needs a keyframe.
    pub fn keyframe_requested(&mut self) {
        let Some(clip) = &self.programme.video else { return };
        if self.programme.on_keyframe_request == OnKeyframeRequest::PlayOn {
            return;
        }
        let next = clip.units.iter().skip(self.video.index).position(|unit| unit.keyframe);
        match next {
            Some(0) => {}
            Some(ahead) => self.seek(self.video.index + ahead),
            None if self.programme.repeats => self.seek(0),
            None => {}
        }
    }

    /// Sends nothing of a kind, or goes on; pictures go on with a keyframe.
    pub fn mute(&mut self, kind: Kind, muted: bool) {
        let head = match kind {
            Kind::Video => &mut self.video,
            Kind::Audio => &mut self.audio,
        };
        head.awaits_keyframe |= kind == Kind::Video && head.muted && !muted;
        head.muted = muted;
    }

    /// Whether all has been sent.
    pub fn is_over(&self) -> bool {
        self.deadline().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn video(frames: usize, gop: usize) -> VideoClip {
        const SPS: &[u8] =
            &[0x67, 0x42, 0xc0, 0x0a, 0xd9, 2, 0xc4, 0xec, 4, 0x40, 0, 0, 3, 0, 0x40, 0, 0, 7, 0x83, 0xc4, 0x89, 0x92];
        let unit = |n: usize| -> Bytes {
            let (head, nal) = if n.is_multiple_of(gop) { (SPS, 0x65) } else { (&[9][..], 0x41) };
            [&[0, 0, 1], head, &[0, 0, 1, 0x68, 1, 0, 0, 1, nal, 0x80, n as u8]].concat().into()
        };
        VideoClip::new((0..frames).map(unit), 25.0).unwrap()
    }

    /// Sound of 20 ms whose bytes tell which it is.
    fn audio(packets: u8) -> AudioClip {
        AudioClip::new((0..packets).map(|n| Bytes::from(vec![0xf8, n]))).unwrap()
    }

    fn play(player: &mut Player, from_ms: u64, to_ms: u64) -> Vec<(Kind, u64, u8)> {
        let start = player.start();
        let mut sent = Vec::new();
        for ms in from_ms..to_ms {
            while let Some(packet) = player.next(start + Duration::from_millis(ms)) {
                assert!(packet.at.as_millis() as u64 <= ms);
                sent.push((packet.kind, packet.at.as_millis() as u64, *packet.data.last().unwrap()));
            }
        }
        sent
    }

    fn only(sent: &[(Kind, u64, u8)], kind: Kind) -> Vec<(u64, u8)> {
        sent.iter().filter(|one| one.0 == kind).map(|one| (one.1, one.2)).collect()
    }

    #[test]
    fn each_frame_is_sent_once_and_on_time() {
        let mut player = Player::new(Programme::once(Some(video(4, 2)), Some(audio(9))), Instant::now());
        let sent = play(&mut player, 0, 1_000);
        assert_eq!(only(&sent, Kind::Video), [(0, 0), (40, 1), (80, 2), (120, 3)]);
        assert_eq!(only(&sent, Kind::Audio).len(), 9);
        assert!(player.is_over());
    }

    #[test]
    fn a_repeated_programme_begins_anew_with_picture_and_sound() {
        let mut player = Player::new(Programme::new(Some(video(4, 2)), Some(audio(50))), Instant::now());
        let sent = play(&mut player, 0, 400);
        assert_eq!(only(&sent, Kind::Video)[3..6], [(120, 3), (160, 0), (200, 1)]);
        let sound = only(&sent, Kind::Audio);
        assert_eq!(sound[7..10], [(140, 7), (160, 0), (180, 1)]);
    }

    #[test]
    fn a_request_leaps_to_the_next_keyframe_and_the_sound_leaps_along() {
        let mut player = Player::new(Programme::new(Some(video(20, 10)), Some(audio(100))), Instant::now());
        play(&mut player, 0, 100);
        player.keyframe_requested();
        let sent = play(&mut player, 100, 161);
        assert_eq!(only(&sent, Kind::Video), [(120, 10), (160, 11)]);
        assert_eq!(
            only(&sent, Kind::Audio),
            [(100, 19), (120, 20), (140, 21), (160, 22)],
            "400 ms stand beside picture 10"
        );
        play(&mut player, 161, 300);
        player.keyframe_requested();
        let sent = play(&mut player, 300, 321);
        assert_eq!(only(&sent, Kind::Video), [(320, 0)], "after the last comes the first");
    }

    #[test]
    fn mute_stops_and_goes_on_with_a_keyframe() {
        let mut player = Player::new(Programme::new(Some(video(20, 10)), Some(audio(100))), Instant::now());
        player.mute(Kind::Video, true);
        let sent = play(&mut player, 0, 100);
        assert_eq!(only(&sent, Kind::Video), []);
        assert_eq!(only(&sent, Kind::Audio).len(), 5);
        player.mute(Kind::Video, false);
        assert_eq!(only(&play(&mut player, 100, 441), Kind::Video), [(400, 10), (440, 11)]);
    }
}
