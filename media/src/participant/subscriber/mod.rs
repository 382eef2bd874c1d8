//! Receives one publisher of a room.

mod media;
mod outlet;
mod run;
mod session;
mod settings;

pub use settings::SubscriberSettings;

use super::access::TokenSource;
use super::event::Event;
use super::queue::{self, Reader};
use super::room::Preference;
use super::stats::{Counters, Stats};
use super::task::Task;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long [`Subscriber::stop`] waits for the goodbye.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// What the handle says to its task.
#[derive(Debug, Clone, PartialEq)]
struct Orders {
    preference: Preference,
    stop: bool,
}

/// What handle and task share.
#[derive(Debug)]
struct Shared {
    counters: Mutex<Counters>,
    unread: Mutex<u64>,
}

/// A participant that receives. Joins again whenever the connection is lost, with a fresh token, until it is stopped or
/// refused for good. Dropped, it is gone at once; [`Subscriber::stop`] says goodbye first.
#[derive(Debug)]
pub struct Subscriber {
    events: Reader,
    handle: Handle,
}

/// Steers a [`Subscriber`] while somebody else reads its events.
#[derive(Debug, Clone)]
pub struct Steering {
    orders: Arc<watch::Sender<Orders>>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Handle {
    steering: Steering,
    task: Task,
}

impl Handle {
    fn start(settings: SubscriberSettings, tokens: Arc<dyn TokenSource>, reads: bool) -> (Handle, Reader) {
        let (writer, events) = queue::queue(settings.frames_max);
        let shared = Arc::new(Shared { counters: Mutex::new(Counters::new(Instant::now())), unread: Mutex::new(0) });
        let orders = Orders { preference: settings.preference.clone(), stop: false };
        let (orders, listens) = watch::channel(orders);
        let outlet = outlet::Outlet { writer, shared: shared.clone(), reads };
        let task = Task::start(run::run(settings, tokens, outlet, listens));
        (Handle { steering: Steering { orders: Arc::new(orders), shared }, task }, events)
    }

    async fn stop(mut self) {
        self.steering.stop();
        let _ = tokio::time::timeout(STOP_TIMEOUT, self.task.ended()).await;
    }
}

impl Subscriber {
    /// Starts; must be called within a tokio runtime. What happens comes as events.
    pub fn start(settings: SubscriberSettings, tokens: Arc<dyn TokenSource>) -> Subscriber {
        let (handle, events) = Handle::start(settings, tokens, true);
        Subscriber { events, handle }
    }

    /// The next event; `None` after [`Event::Ended`]. Nothing is lost when this is given up half-way.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.next().await
    }

    /// To steer it from elsewhere.
    pub fn steering(&self) -> Steering {
        self.handle.steering.clone()
    }

    /// Receive this from now on.
    pub fn prefer(&self, preference: Preference) {
        self.handle.steering.prefer(preference);
    }

    /// Figures of now. Cheap.
    pub fn stats(&self) -> Stats {
        self.handle.steering.stats()
    }

    /// Leaves the room, at most 3 s.
    pub async fn stop(self) {
        self.handle.stop().await;
    }
}

impl Steering {
    /// Receive this from now on.
    pub fn prefer(&self, preference: Preference) {
        self.orders.send_modify(|orders| orders.preference = preference);
    }

    /// Leave the room; [`Event::Ended`] comes when that is done.
    pub fn stop(&self) {
        self.orders.send_modify(|orders| orders.stop = true);
    }

    /// Figures of now. Cheap.
    pub fn stats(&self) -> Stats {
        let unread = *self.shared.unread.lock();
        self.shared.counters.lock().snapshot(Instant::now(), unread)
    }
}

/// A subscriber that only counts: for load tests. It does not ask for keyframes but when it needs one.
#[derive(Debug)]
pub struct Viewer {
    events: Reader,
    handle: Handle,
}

impl Viewer {
    /// Starts; must be called within a tokio runtime.
    pub fn start(settings: SubscriberSettings, tokens: Arc<dyn TokenSource>) -> Viewer {
        let settings = SubscriberSettings { keyframe_each: None, frames_max: 1, ..settings };
        let (handle, events) = Handle::start(settings, tokens, false);
        Viewer { events, handle }
    }

    /// Figures of now.
    pub fn stats(&self) -> Stats {
        self.handle.steering.stats()
    }

    /// Waits until it has ended for good, and says why.
    pub async fn ended(&mut self) -> Option<super::event::EndReason> {
        loop {
            if let Event::Ended { reason } = self.events.next().await? {
                return Some(reason);
            }
        }
    }

    /// Leaves the room, at most 3 s.
    pub async fn stop(self) {
        self.handle.stop().await;
    }
}
