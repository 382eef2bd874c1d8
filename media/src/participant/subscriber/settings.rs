//! What a subscriber is to do.

use crate::participant::room::Preference;
use crate::participant::udp::Impairment;
use crate::participant::wall::{WallClock, system_clock};
use std::time::Duration;

/// Of one subscriber.
#[derive(Debug, Clone)]
pub struct SubscriberSettings {
    /// Whom to receive. May be changed while it runs.
    pub preference: Preference,
    /// A keyframe is asked for this often; `None` only when one is needed to go on.
    pub keyframe_each: Option<Duration>,
    /// A request for a keyframe is repeated after this time until one comes.
    pub keyframe_retry: Duration,
    /// Time-out of a join, and of the media connection after it.
    pub connect_timeout: Duration,
    /// Frames that may wait to be read, picture and sound together. 30 pictures and 50 pieces of sound are a second.
    pub frames_max: usize,
    /// Figures of the network are renewed this often.
    pub stats_each: Duration,
    /// Lost packets are asked for again. Never turn it off but to see what it is good for.
    pub recovers_loss: bool,
    /// A bad network, for tests.
    pub impairment: Impairment,
    /// Tells the time of arrival.
    pub clock: WallClock,
}

impl SubscriberSettings {
    /// For a bridge: a keyframe each second, room for some 3 s of frames.
    pub fn new(preference: Preference) -> SubscriberSettings {
        SubscriberSettings {
            preference,
            keyframe_each: Some(Duration::from_secs(1)),
            keyframe_retry: Duration::from_millis(250),
            connect_timeout: Duration::from_secs(10),
            frames_max: 256,
            stats_each: Duration::from_secs(1),
            recovers_loss: true,
            impairment: Impairment::default(),
            clock: system_clock,
        }
    }
}
