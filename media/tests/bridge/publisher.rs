//! A publisher in real time: frames come when a WebRTC subscriber would get them.

use std::time::Duration;

use backstage_media::bridge::{Cause, Input};
use backstage_media::frame::{Frame, Kind};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::clip::Clip;

/// Of what is captured, microseconds since the Unix epoch.
pub const EPOCH_US: i64 = 1_750_000_000_000_000;

/// What a publisher does from some time on.
#[derive(Debug, Clone)]
pub enum Scene {
    /// Shows and plays this, from its next keyframe on.
    Show(usize),
    /// Picture, sound, or both stop, for this reason.
    Without(&'static [Kind], Cause),
    /// The publisher's clock jumps, microseconds.
    Clock(i64),
}

/// Plays clips by a plan of times (milliseconds) and scenes. Ends at the time of the last one.
pub struct Publisher {
    pub clips: Vec<Clip>,
    pub plan: Vec<(u64, Scene)>,
    pub end_ms: u64,
}

impl Publisher {
    pub async fn run(self, to: mpsc::Sender<Input>) {
        let begun = Instant::now();
        let (mut clip, mut clock_us) = (0, EPOCH_US);
        let mut off: Vec<Kind> = vec![];
        let mut needs_keyframe = true;
        let mut plan = self.plan.into_iter().peekable();
        // Pictures and sounds of all clips have the same times.
        let (mut picture, mut sound) = (0, 0);
        loop {
            let at_us = self.clips[clip].pictures[picture].0.min(self.clips[clip].sounds[sound].0);
            if at_us >= self.end_ms as i64 * 1_000 {
                return;
            }
            tokio::time::sleep_until(begun + Duration::from_micros(at_us as u64)).await;
            while let Some((_, scene)) = plan.next_if(|(from_ms, _)| *from_ms as i64 * 1_000 <= at_us) {
                match scene {
                    Scene::Show(nth) => {
                        clip = nth;
                        off.clear();
                        needs_keyframe = true;
                    }
                    Scene::Without(kinds, cause) => {
                        off = kinds.to_vec();
                        for kind in kinds {
                            to.send(Input::Gap { kind: *kind, cause }).await.unwrap();
                        }
                        needs_keyframe = true;
                    }
                    Scene::Clock(us) => clock_us += us,
                }
            }
            let now = &self.clips[clip];
            let (picture_us, keyframe, data) = &now.pictures[picture];
            let frame = if *picture_us <= now.sounds[sound].0 {
                picture += 1;
                needs_keyframe &= !keyframe;
                let shown = !off.contains(&Kind::Video) && !needs_keyframe;
                shown.then(|| (Kind::Video, *picture_us, *keyframe, data.clone()))
            } else {
                sound += 1;
                let (sound_us, data) = &now.sounds[sound - 1];
                (!off.contains(&Kind::Audio)).then(|| (Kind::Audio, *sound_us, true, data.clone()))
            };
            if let Some((kind, at_us, keyframe, data)) = frame {
                let frame = Frame { kind, captured_us: clock_us + at_us, keyframe, data };
                if to.send(Input::Frame(frame)).await.is_err() {
                    return;
                }
            }
        }
    }
}
