//! The one actor that owns an aggregate: load, apply, commit, announce.

use crate::nouns::Noun;
use crate::ports::{Commit, EventRow, Key, News, OutboxRow, Path, Settles, StoreError};
use crate::stage::{Receipt, Refusal, Shared};
use crate::supervisor::{Children, Down, Guard, Verdict};
use actix::prelude::*;
use backstage_core::{Effect, Machine};
use std::sync::Arc;
use std::time::Duration;

/// Messages that may wait for one owner.
pub const MAILBOX_MAX: usize = 64;
/// An owner without work and without children for this long is put away.
pub const IDLE_MS: u64 = 10 * 60 * 1_000;
/// How often a decision is made again after another writer was faster.
const CONFLICTS_MAX: u32 = 4;

/// The state an owner holds, as of a version.
struct Held<M> {
    version: i64,
    state: M,
}

/// Owns one aggregate. Holds no truth: what it knows was loaded from the store and is loaded again when in doubt.
pub struct Owner<M: Noun> {
    id: Box<str>,
    shared: Arc<Shared>,
    held: Option<Held<M>>,
    children: Option<Box<Children<M::Child>>>,
    guard: Guard,
    used: bool,
}

/// An event for the owner.
#[derive(Message)]
#[rtype(result = "Result<Receipt, Refusal<M::Rejection>>")]
pub struct Take<M: Machine> {
    /// What happens.
    pub event: M::Event,
    /// What it settles.
    pub settles: Option<Settles>,
}

/// Asks for the owner of a child, made if need be. `None` while that child crashes too often.
#[derive(Message)]
#[rtype(result = "Option<Addr<Owner<C>>>")]
pub struct ChildOf<C: Noun> {
    /// Its id.
    pub id: Box<str>,
    /// Which kind, for the type checker.
    pub kind: std::marker::PhantomData<C>,
}

/// Stop, and your children first.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Stop;

/// Panics on purpose: how tests see real panics.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Panic;

impl<M: Noun> Owner<M> {
    /// Starts the owner of `id` on this arbiter.
    pub fn start_new(id: &str, shared: Arc<Shared>, parent: Option<Recipient<Down>>) -> Addr<Owner<M>> {
        let guard = Guard::new(id, parent);
        Owner { id: id.into(), shared, held: None, children: None, guard, used: true }.start()
    }

    fn child(&mut self, id: &str, parent: Recipient<Down>) -> Addr<Owner<M::Child>> {
        let shared = self.shared.clone();
        self.children.get_or_insert_default().ensure(id, || Owner::start_new(id, shared, Some(parent)))
    }
}

impl<M: Noun> Actor for Owner<M> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_MAX);
        M::shelf(&self.shared.registry).put(&self.id, ctx.address());
        ctx.run_interval(Duration::from_millis(IDLE_MS), |owner, ctx| {
            let childless = owner.children.as_ref().is_none_or(|children| children.is_empty());
            if !std::mem::take(&mut owner.used) && childless {
                ctx.stop();
            }
        });
    }

    fn stopping(&mut self, ctx: &mut Self::Context) -> Running {
        M::shelf(&self.shared.registry).remove(&self.id, &ctx.address());
        for child in self.children.iter().flat_map(|children| children.iter()) {
            let _ = child.try_send(Stop);
        }
        Running::Stop
    }
}

impl<M: Noun> Handler<Take<M>> for Owner<M> {
    // Atomic: no other message is handled between reading the state and replacing it.
    type Result = AtomicResponse<Self, Result<Receipt, Refusal<M::Rejection>>>;

    fn handle(&mut self, take: Take<M>, _: &mut Self::Context) -> Self::Result {
        self.used = true;
        let (shared, id, held) = (self.shared.clone(), self.id.clone(), self.held.take());
        let work = async move { decide_and_commit(&shared, &id, held, take).await };
        AtomicResponse::new(Box::pin(work.into_actor(self).map(|(held, result), owner, _| {
            owner.held = held;
            result
        })))
    }
}

impl<M: Noun> Handler<ChildOf<M::Child>> for Owner<M> {
    type Result = MessageResult<ChildOf<M::Child>>;

    fn handle(&mut self, ask: ChildOf<M::Child>, ctx: &mut Self::Context) -> Self::Result {
        self.used = true;
        let now = self.shared.ports.clock.now();
        if self.children.as_ref().is_some_and(|children| children.crashes.is_failing(now, &ask.id)) {
            return MessageResult(None);
        }
        MessageResult(Some(self.child(&ask.id, ctx.address().recipient())))
    }
}

impl<M: Noun> Handler<Down> for Owner<M> {
    type Result = ();

    fn handle(&mut self, down: Down, ctx: &mut Self::Context) {
        let Some(children) = &mut self.children else { return };
        let verdict = children.crashes.judge(self.shared.ports.clock.now(), &down);
        children.forget(&down.id);
        let kind = <M::Child as Machine>::KIND.as_str();
        match verdict {
            Verdict::Forget => {}
            Verdict::Rebuild => {
                self.shared.ports.gauge.actor_restarted(kind);
                tracing::error!(kind, id = %down.id, "an owner panicked and is rebuilt from the store");
                self.child(&down.id, ctx.address().recipient());
            }
            Verdict::Escalate => {
                self.shared.ports.gauge.actor_escalated(kind);
                tracing::error!(kind, id = %down.id, "an owner panics again and again; its parent gives up on it");
                self.guard.fail();
                ctx.stop();
            }
        }
    }
}

impl<M: Noun> Handler<Stop> for Owner<M> {
    type Result = ();
    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl<M: Noun> Handler<Panic> for Owner<M> {
    type Result = ();
    #[allow(clippy::panic)]
    fn handle(&mut self, _: Panic, _: &mut Self::Context) {
        panic!("asked to");
    }
}

type Taken<M> = (Option<Held<M>>, Result<Receipt, Refusal<<M as Machine>::Rejection>>);

/// Makes the decision and writes it; after a conflict with another writer, on fresh state.
async fn decide_and_commit<M: Noun>(shared: &Shared, id: &str, mut held: Option<Held<M>>, take: Take<M>) -> Taken<M> {
    let ports = &shared.ports;
    let key = Key::new(M::KIND, id);
    for _ in 0..CONFLICTS_MAX {
        let remembered = held.is_some();
        let before = match held.take() {
            Some(held) => Some(held),
            None => match load::<M>(shared, &key).await {
                Ok(loaded) => loaded,
                Err(error) => return (None, Err(Refusal::Unavailable(error))),
            },
        };
        let now = ports.clock.now();
        let rules = M::rules(&ports.rules);
        let decision = match &before {
            None => (rules.begin)(now, take.event.clone()),
            Some(held) => {
                let mut state = held.state.clone();
                (rules.apply)(&mut state, now, take.event.clone()).map(|effects| (state, effects))
            }
        };
        let (state, effects) = match decision {
            Ok(decision) => decision,
            // A commit would be fenced; a refusal is not, so it must not rest on what another writer made stale.
            Err(_) if remembered => continue,
            Err(rejection) => {
                return settle_only(shared, before, take.settles, Err(Refusal::Rejected(rejection))).await;
            }
        };
        let version = before.as_ref().map_or(0, |held| held.version);
        if effects.is_empty() && before.as_ref().is_some_and(|held| held.state == state) {
            if remembered {
                continue;
            }
            return settle_only(shared, before, take.settles, Ok(Receipt { version, changed: false })).await;
        }
        let told = state.told(before.as_ref().map(|held| &held.state), &take.event);
        let commit = match commit_of(shared, &key, version, &state, effects, &take, told) {
            Ok(commit) => commit,
            Err(error) => return (before, Err(Refusal::Unavailable(error.to_string()))),
        };
        let wakes = Wakes::of(&commit);
        let news = News {
            key: key.clone(),
            version: version + 1,
            state: commit.state.as_str().into(),
            event: commit.event.clone(),
            path: commit.path.clone(),
        };
        match ports.store.commit(commit).await {
            Ok(()) => {
                if let Some(to) = state.counted() {
                    let from = before.as_ref().and_then(|held| held.state.counted());
                    ports.gauge.phase_changed(from, to, &news.event.cause);
                }
                tell_log(&news);
                ports.announcer.announce(news);
                state.watched(version + 1, &shared.watch);
                wakes.wake(shared);
                let receipt = Receipt { version: version + 1, changed: true };
                return (Some(Held { version: version + 1, state }), Ok(receipt));
            }
            Err(StoreError::Conflict) => continue,
            Err(StoreError::AlreadySettled) => return (None, Err(Refusal::AlreadySettled)),
            Err(StoreError::SlugTaken) => return (before, Err(Refusal::SlugTaken)),
            Err(error @ (StoreError::OpenStreamExists | StoreError::Unavailable(_))) => {
                // Whether it was written is not known: the next decision starts from what the store says.
                return (None, Err(Refusal::Unavailable(error.to_string())));
            }
        }
    }
    (None, Err(Refusal::Unavailable("others keep changing it".into())))
}

/// One line per commit, with the ids that operators search for.
fn tell_log(news: &News) {
    let (kind, id, version) = (news.key.kind.as_str(), &news.key.id, news.version);
    let EventRow { event, phase, cause, .. } = &news.event;
    match &news.path {
        Some(Path { space, experience, stream }) => {
            tracing::info!(%space, %experience, %stream, version, event, phase, cause, "stream changed");
        }
        None => tracing::debug!(kind, id, version, event, phase, cause, "changed"),
    }
}

async fn load<M: Noun>(shared: &Shared, key: &Key) -> Result<Option<Held<M>>, String> {
    match shared.ports.store.load(key).await {
        Ok(None) => Ok(None),
        Ok(Some(stored)) => match serde_json::from_str(&stored.state) {
            Ok(state) => Ok(Some(Held { version: stored.version, state })),
            Err(error) => Err(format!("the stored state of {} {} cannot be read: {error}", key.kind.as_str(), key.id)),
        },
        Err(error) => Err(error.to_string()),
    }
}

/// Nothing to write but that the message has been dealt with.
async fn settle_only<M: Noun>(
    shared: &Shared,
    held: Option<Held<M>>,
    settles: Option<Settles>,
    result: Result<Receipt, Refusal<M::Rejection>>,
) -> Taken<M> {
    if let Some(settles) = settles
        && let Err(error) = shared.ports.store.settle(settles).await
    {
        return (held, Err(Refusal::Unavailable(error.to_string())));
    }
    (held, result)
}

fn commit_of<M: Noun>(
    shared: &Shared,
    key: &Key,
    version: i64,
    state: &M,
    effects: Vec<Effect>,
    take: &Take<M>,
    (event, cause): (&str, &str),
) -> Result<Commit, serde_json::Error> {
    let at = shared.ports.clock.now();
    let index = state.index();
    let (mut timers_set, mut timers_cancelled, mut outbox) = (vec![], vec![], vec![]);
    for (n, effect) in effects.into_iter().enumerate() {
        match effect {
            Effect::SetTimer { name, due_at } => timers_set.push((name, due_at)),
            Effect::CancelTimer { name } => timers_cancelled.push(name),
            Effect::TellStream { .. }
            | Effect::TellExperience { .. }
            | Effect::TellSpace { .. }
            | Effect::OpenRoom { .. }
            | Effect::CloseRoom { .. }
            | Effect::CreateLiveStream { .. }
            | Effect::CompleteLiveStream { .. }
            | Effect::StartBridge { .. }
            | Effect::StopBridge { .. }
            | Effect::StartRecording { .. }
            | Effect::StopRecording { .. }
            | Effect::Archive { .. }
            | Effect::Publish(_) => {
                if let Some(lane) = effect.lane() {
                    let key_text = format!("{}:{}:{}:{n}", key.kind.as_str(), key.id, version + 1);
                    outbox.push(OutboxRow { key: key_text, lane, owner: key.clone(), effect, attempts: 0, at });
                }
            }
        }
    }
    Ok(Commit {
        key: key.clone(),
        expected_version: version,
        state: serde_json::to_string(state)?,
        parent: index.parent,
        slug: index.slug,
        phase: index.phase,
        event: EventRow {
            version: version + 1,
            at,
            event: event.into(),
            phase: index.phase.into(),
            cause: cause.into(),
            payload: serde_json::to_string(&take.event)?,
        },
        outbox,
        timers_set,
        timers_cancelled,
        settles: take.settles.clone(),
        path: state.path(),
    })
}

/// Which loops have something to do after a commit.
struct Wakes {
    lanes: Vec<backstage_core::effect::Lane>,
    timers: bool,
}

impl Wakes {
    fn of(commit: &Commit) -> Wakes {
        let mut lanes: Vec<_> = commit.outbox.iter().map(|row| row.lane).collect();
        lanes.sort();
        lanes.dedup();
        Wakes { lanes, timers: !commit.timers_set.is_empty() }
    }

    fn wake(&self, shared: &Shared) {
        for lane in &self.lanes {
            shared.wake_lane(*lane);
        }
        if self.timers {
            shared.timers.notify_one();
        }
    }
}
