//! One experience's live state and its sockets.

use backstage_core::StreamId;
use backstage_core::delivery::{Audience, Source};
use backstage_core::experience::Experience;
use backstage_core::stream::Stream;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::{OnceCell, broadcast, watch};

use super::broadcasts;
use super::presence::{self, Member};

/// Streams whose state is kept per experience: the open one, the last one, and one on its way.
const STREAMS_MAX: usize = 4;
/// Timeline lines a host's socket may be behind before it is closed and reloads.
const TIMELINE_BEHIND_MAX: usize = 64;
/// Up to this many sockets, a newcomer is counted at once; beyond, with the next tick.
const COUNTED_AT_ONCE_MAX: usize = 200;

/// An experience as committed last, with the stream that is shown: the open one, else the last one.
#[derive(Debug)]
pub struct Snapshot {
    /// The experience.
    pub experience: Experience,
    /// The stream.
    pub stream: Option<Stream>,
    /// Names this state.
    pub cursor: String,
    /// See [`broadcasts::state_body`].
    pub body: String,
}

/// Who is not here yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Coming {
    /// Said that they come.
    pub rsvps: u32,
    /// Hold a pass that opens it.
    pub holders: u32,
}

#[derive(Default)]
struct Inner {
    coming: Coming,
    experience: Option<(i64, Experience)>,
    streams: Vec<(i64, Stream)>,
    members: HashMap<u64, Member>,
    changed_presence: bool,
}

/// The live side of one experience.
pub struct Channel {
    inner: Mutex<Inner>,
    /// Set once the store was asked; news may come before.
    pub(super) loaded: OnceCell<()>,
    /// Latest state wins: a slow socket skips what it missed, so nothing queues up behind it.
    state: watch::Sender<Option<Arc<Snapshot>>>,
    presence: watch::Sender<Arc<str>>,
    timeline: broadcast::Sender<Arc<str>>,
    /// When it was last asked for, ms.
    pub(super) used_at: AtomicI64,
}

impl Default for Channel {
    fn default() -> Channel {
        Channel {
            inner: Mutex::default(),
            loaded: OnceCell::new(),
            state: watch::Sender::new(None),
            presence: watch::Sender::new(broadcasts::presence(0, &[]).into()),
            timeline: broadcast::Sender::new(TIMELINE_BEHIND_MAX),
            used_at: AtomicI64::new(0),
        }
    }
}

impl Channel {
    /// The present state; `None` until something is known.
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.state.borrow().clone()
    }

    /// Follows the state.
    pub fn states(&self) -> watch::Receiver<Option<Arc<Snapshot>>> {
        self.state.subscribe()
    }

    /// Follows who is here.
    pub fn presences(&self) -> watch::Receiver<Arc<str>> {
        self.presence.subscribe()
    }

    /// Follows the timeline.
    pub fn timelines(&self) -> broadcast::Receiver<Arc<str>> {
        self.timeline.subscribe()
    }

    /// Takes an experience's state unless a newer one is known.
    pub fn put_experience(&self, version: i64, experience: Experience) {
        let mut inner = self.inner.lock();
        if inner.experience.as_ref().is_none_or(|(held, _)| *held < version) {
            inner.experience = Some((version, experience));
            self.publish(&mut inner);
        }
    }

    /// Takes a stream's state unless a newer one is known.
    pub fn put_stream(&self, version: i64, stream: Stream) {
        let mut inner = self.inner.lock();
        match inner.streams.iter_mut().find(|(_, held)| held.id == stream.id) {
            Some((held, _)) if *held >= version => return,
            Some(held) => *held = (version, stream),
            None => inner.streams.push((version, stream)),
        }
        self.publish(&mut inner);
    }

    fn publish(&self, inner: &mut Inner) {
        let Inner { experience: Some((version, experience)), streams, .. } = inner else {
            return;
        };
        let shown: Option<&StreamId> =
            experience.current.as_ref().map(|current| &current.stream).or(experience.last.as_ref());
        if streams.len() > STREAMS_MAX {
            let keep = [shown, experience.last.as_ref()];
            if let Some(old) = streams.iter().position(|(_, stream)| !keep.contains(&Some(&stream.id))) {
                streams.remove(old);
            }
        }
        let found = streams.iter().find(|(_, stream)| Some(&stream.id) == shown);
        let cursor = broadcasts::cursor(*version, found.map(|(version, _)| *version));
        let stream = found.map(|(_, stream)| stream.clone());
        let body = broadcasts::state_body(&cursor, experience, stream.as_ref());
        self.state.send_replace(Some(Arc::new(Snapshot { experience: experience.clone(), stream, cursor, body })));
    }

    /// Tells hosts of one more line.
    pub fn tell_timeline(&self, message: impl FnOnce() -> String) {
        if self.timeline.receiver_count() > 0 {
            let _ = self.timeline.send(message().into());
        }
    }

    /// A socket came.
    pub fn join(&self, id: u64, member: Member) {
        let mut inner = self.inner.lock();
        inner.members.insert(id, member);
        inner.changed_presence = true;
    }

    /// The presence as it is now, for a newcomer.
    pub fn presence_now(&self) -> Arc<str> {
        let inner = self.inner.lock();
        if inner.members.len() <= COUNTED_AT_ONCE_MAX {
            return presence::message(inner.members.iter()).into();
        }
        self.presence.borrow().clone()
    }

    /// A socket went.
    pub fn leave(&self, id: u64) {
        let mut inner = self.inner.lock();
        inner.members.remove(&id);
        inner.changed_presence = true;
    }

    /// What a socket's page shows now.
    pub fn watches(&self, id: u64, watching: Option<Source>) {
        if let Some(member) = self.inner.lock().members.get_mut(&id) {
            member.watching = watching;
        }
    }

    /// Whoever comes with this key waits at the slate: there is no room.
    pub fn waits_at_the_slate(&self, key: &str) {
        for member in self.inner.lock().members.values_mut().filter(|member| member.key == key) {
            member.watching = Some(Source::Slate);
        }
    }

    /// The audience by what it sees, and who is to come as counted last.
    pub fn audience(&self) -> Audience {
        let inner = self.inner.lock();
        let Coming { rsvps, holders } = inner.coming;
        Audience { rsvps, holders, ..presence::audience(inner.members.values()) }
    }

    /// Takes over who is coming.
    pub fn put_coming(&self, coming: Coming) {
        self.inner.lock().coming = coming;
    }

    /// Whether a studio is open on it.
    pub fn has_hosts(&self) -> bool {
        self.inner.lock().members.values().any(|member| member.host)
    }

    /// Sockets of viewers.
    pub fn viewers(&self) -> usize {
        self.inner.lock().members.values().filter(|member| !member.host).count()
    }

    /// Tells everybody who is here, if that changed. Called once a second.
    pub fn tick(&self) {
        let mut inner = self.inner.lock();
        if std::mem::take(&mut inner.changed_presence) {
            let message = presence::message(inner.members.iter());
            let message: Arc<str> = message.into();
            self.presence.send_if_modified(|held| {
                let changed = *held != message;
                *held = message;
                changed
            });
        }
    }

    /// Rings those sockets that `which` picks.
    pub fn ask_again(&self, which: &dyn Fn(&Member) -> bool) {
        for member in self.inner.lock().members.values().filter(|member| which(member)) {
            member.ask_again.notify_one();
        }
    }

    /// Nobody listens and nobody asked since `before`.
    pub fn is_idle(&self, before: i64) -> bool {
        self.used_at.load(Ordering::Relaxed) < before && self.inner.lock().members.is_empty()
    }
}
