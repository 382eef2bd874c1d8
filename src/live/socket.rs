//! `GET /live/{experience_id}?cursor=C&as=viewer|host`: the browser's socket.
//!
//! Limits: text frames up to [`MESSAGE_BYTES_MAX`] and [`MESSAGES_PER_S_MAX`] a second from the browser (1008), silence up to
//! [`SILENCE`] (1001), a send that takes over [`SEND`] (dropped), sockets per network and person (1013).
//! Close codes for good: 4403 no access, 4404 no such experience.

use actix_web::{HttpRequest, HttpResponse, web};
use actix_ws::{AggregatedMessage, CloseCode, CloseReason, Closed};
use backstage_core::ExperienceId;
use backstage_core::access::{Decision, Role};
use backstage_core::delivery::{Assignment, Slot, Source, ViewerRef};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

use super::broadcasts;
use super::channel::{Channel, Snapshot};
use super::hub::Seat;
use super::presence::Member;
use crate::access;
use crate::error::Problem;
use crate::security::visitor::Visit;
use crate::session::Session;
use crate::state::State;
use crate::telemetry::Metrics;

/// Largest message from a browser.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024;
/// Most messages from a browser in a second.
pub const MESSAGES_PER_S_MAX: u32 = 10;
/// A browser that says nothing for this long is gone.
pub const SILENCE: Duration = Duration::from_secs(45);
/// A browser that takes nothing for this long is gone.
pub const SEND: Duration = Duration::from_secs(10);
/// Sockets from one network.
pub const PER_NETWORK_MAX: u32 = 20_000;
/// Sockets of one person.
pub const PER_PERSON_MAX: u32 = 64;
/// Where a browser begins to come back after `bye`, ms; it adds jitter of its own.
pub const BYE_RETRY_MS: u64 = 500;
/// An access that has no end is asked about again this often.
const ASK_AGAIN: Duration = Duration::from_secs(300);

/// Query of the address.
#[derive(Deserialize)]
pub struct Query {
    #[serde(default)]
    cursor: String,
    #[serde(default, rename = "as")]
    seat: String,
}

#[derive(Deserialize)]
struct FromBrowser<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    /// Of `watching`.
    #[serde(default)]
    delivery: Option<&'a str>,
}

/// What is done about a message.
enum Said {
    /// It is answered.
    Answer(String),
    /// The page shows this now.
    Watching(Option<Source>),
    /// Nothing.
    Nothing,
}

/// The route.
pub async fn open(
    at: Visit,
    req: HttpRequest,
    id: web::Path<String>,
    query: web::Query<Query>,
    body: web::Payload,
) -> Result<HttpResponse, Problem> {
    at.state.limits.sockets_per_network.take(&at.network())?;
    let (response, session, stream) =
        actix_ws::handle(&req, body).map_err(|_| Problem::bad_request("This address speaks WebSocket only."))?;
    let stream =
        stream.max_frame_size(MESSAGE_BYTES_MAX).aggregate_continuations().max_continuation_size(MESSAGE_BYTES_MAX);
    actix_web::rt::spawn(async move {
        let mut line = Line { session: Some(session) };
        let _counted = Counted::new(&at.state);
        let reason = match enter(&at, &id, &query).await {
            Ok(inside) => inside.stay(&at.state, &mut line, stream).await,
            Err(reason) => reason,
        };
        line.close(reason).await;
    });
    Ok(response)
}

/// Somebody with a seat.
struct Inside {
    channel: Arc<Channel>,
    snapshot: Arc<Snapshot>,
    visitor: Option<Arc<Session>>,
    host: bool,
    cursor: String,
    seat: Seat,
    member: Member,
}

async fn enter(at: &Visit, id: &str, query: &Query) -> Result<Inside, Option<CloseReason>> {
    let state = &at.state;
    let gone = || close(4404, "gone");
    let failed = |_: Problem| Some(CloseReason::from(CloseCode::Again));
    let id = ExperienceId::parse(id).map_err(|_| gone())?;
    let channel = state.live.channel(&id).await.map_err(failed)?.ok_or_else(gone)?;
    let snapshot = channel.snapshot().ok_or_else(gone)?;
    let visitor = at.session.clone();
    let host = query.seat == "host";
    ask(state, visitor.as_deref(), host, &snapshot).await.map_err(failed)?.map_err(|_| close(4403, "no access"))?;
    let mut keys = vec![(format!("net {}", at.network()), PER_NETWORK_MAX)];
    keys.extend(visitor.as_ref().map(|session| (format!("user {}", session.user), PER_PERSON_MAX)));
    let seat = state.live.seat(keys).ok_or_else(|| Some(CloseReason::from(CloseCode::Again)))?;
    let member = Member {
        key: visitor.as_ref().map_or_else(|| format!("socket {}", seat.id), |session| session.id.clone()),
        name: visitor.as_ref().map(|session| session.name.clone()),
        user: visitor.as_ref().map(|session| session.user.clone()),
        session: visitor.as_ref().map(|session| session.id.clone()),
        host,
        watching: None,
        ask_again: Arc::default(),
    };
    Ok(Inside { channel, snapshot, visitor, host, cursor: query.cursor.clone(), seat, member })
}

/// May this visitor be here? `Ok(Ok(when))`: yes, ask again then.
async fn ask(
    state: &State,
    visitor: Option<&Session>,
    host: bool,
    snapshot: &Snapshot,
) -> Result<Result<Instant, String>, Problem> {
    let experience = &snapshot.experience;
    let Some(space) = state.live.space(&experience.space).await? else {
        return Ok(Err("This show is no longer here.".into()));
    };
    if host {
        let may = access::role(state, visitor, &space).await?.is_some_and(Role::may_host);
        return Ok(if may { Ok(Instant::now() + ASK_AGAIN) } else { Err("You are no longer a host here.".into()) });
    }
    Ok(match access::decide(state, visitor, &space, experience).await? {
        Decision::Allowed { until, .. } => {
            let left = until.map_or(ASK_AGAIN, |until| {
                Duration::from_millis(until.since_ms(state.clock.now()).max(0) as u64).min(ASK_AGAIN)
            });
            Ok(Instant::now() + left)
        }
        Decision::Denied(denial) => Err(denial.to_string()),
    })
}

impl Inside {
    async fn stay(
        mut self,
        state: &State,
        line: &mut Line,
        mut stream: actix_ws::AggregatedMessageStream,
    ) -> Option<CloseReason> {
        let mut states = self.channel.states();
        let mut presences = self.channel.presences();
        let mut timelines = self.channel.timelines();
        let mut leaving = state.live.leaving();
        let ring = self.member.ask_again.clone();
        self.channel.join(self.seat.id, self.member.clone());
        let guard = Joined { channel: self.channel.clone(), id: self.seat.id };
        let mut heard_at = Instant::now();
        let mut window = (Instant::now(), 0u32);
        let mut ask_at = Instant::now() + ASK_AGAIN;
        ring.notify_one();

        let first = self.channel.presence_now();
        presences.mark_unchanged();
        if line.send(first.to_string()).await.is_err() || self.tell_state(state, line, &mut states).await.is_err() {
            return None;
        }
        let reason = loop {
            let sent = tokio::select! {
                message = stream.recv() => match message {
                    Some(Ok(message)) => {
                        heard_at = Instant::now();
                        if heard_at.duration_since(window.0) >= Duration::from_secs(1) {
                            window = (heard_at, 0);
                        }
                        window.1 += 1;
                        if window.1 > MESSAGES_PER_S_MAX {
                            break Some(CloseReason::from(CloseCode::Policy));
                        }
                        match message {
                            AggregatedMessage::Text(text) => match hear(state, &text) {
                                Ok(Said::Answer(reply)) => line.send(reply).await,
                                Ok(Said::Watching(watching)) => {
                                    self.member.watching = watching;
                                    self.channel.watches(self.seat.id, watching);
                                    self.tell_move(line).await
                                }
                                Ok(Said::Nothing) => Ok(()),
                                Err(reason) => break reason,
                            },
                            AggregatedMessage::Ping(bytes) => line.pong(&bytes).await,
                            AggregatedMessage::Pong(_) => Ok(()),
                            AggregatedMessage::Binary(_) => break Some(CloseReason::from(CloseCode::Unsupported)),
                            AggregatedMessage::Close(_) => break None,
                        }
                    }
                    Some(Err(_)) => break Some(CloseReason::from(CloseCode::Policy)),
                    None => break None,
                },
                changed = states.changed() => {
                    if changed.is_err() { break Some(CloseReason::from(CloseCode::Again)); }
                    self.tell_state(state, line, &mut states).await
                }
                changed = presences.changed() => {
                    if changed.is_err() { break Some(CloseReason::from(CloseCode::Again)); }
                    let message = presences.borrow_and_update().to_string();
                    line.send(message).await
                }
                event = timelines.recv(), if self.host => match event {
                    Ok(message) => line.send(message.to_string()).await,
                    // Too far behind: the studio comes back and reads the timeline anew.
                    Err(_) => break Some(CloseReason::from(CloseCode::Again)),
                },
                () = ring.notified() => match self.ask(state).await {
                    Ok(at) => { ask_at = at; Ok(()) }
                    Err(reason) => break self.tell_end(line, reason).await,
                },
                () = sleep_until(ask_at) => match self.ask(state).await {
                    Ok(at) => { ask_at = at; Ok(()) }
                    Err(reason) => break self.tell_end(line, reason).await,
                },
                () = sleep_until(heard_at + SILENCE) => break Some(CloseReason::from(CloseCode::Away)),
                _ = leaving.wait_for(|leaving| *leaving) => {
                    let _ = line.send(broadcasts::bye(BYE_RETRY_MS)).await;
                    break Some(CloseReason::from(CloseCode::Away));
                }
            };
            if sent.is_err() {
                break None;
            }
        };
        drop(guard);
        reason
    }

    /// Asks whether the visitor may stay; a session that ended may not, whatever the experience asks.
    async fn ask(&mut self, state: &State) -> Result<Instant, Option<String>> {
        let again = || Instant::now() + Duration::from_secs(1);
        if let Some(snapshot) = self.channel.snapshot() {
            self.snapshot = snapshot;
        }
        if let Some(visitor) = &self.visitor {
            match crate::session::store::holds(&state.db, &visitor.id, state.clock.now()).await {
                Ok(true) => {}
                Ok(false) => return Err(Some("You were signed out.".into())),
                Err(_) => return Ok(again()),
            }
        }
        match ask(state, self.visitor.as_deref(), self.host, &self.snapshot).await {
            Ok(Ok(at)) => Ok(at.max(again())),
            Ok(Err(reason)) => Err(Some(reason)),
            Err(_) => Ok(again()),
        }
    }

    async fn tell_end(&self, line: &mut Line, reason: Option<String>) -> Option<CloseReason> {
        let _ = line.send(broadcasts::access_ended(&reason.unwrap_or_default())).await;
        close(4403, "access ended")
    }

    async fn tell_state(
        &mut self,
        state: &State,
        line: &mut Line,
        states: &mut tokio::sync::watch::Receiver<Option<Arc<Snapshot>>>,
    ) -> Result<(), Closed> {
        let Some(snapshot) = states.borrow_and_update().clone() else {
            return Ok(());
        };
        if snapshot.cursor == self.cursor {
            return Ok(());
        }
        self.cursor.clone_from(&snapshot.cursor);
        let message = match self.host {
            true => state.live.state_for_host(&snapshot),
            false => broadcasts::state(&snapshot.body, state.clock.now()),
        };
        line.send(message).await?;
        self.tell_move(line).await
    }

    /// Tells a viewer who watches one delivery and should watch the other; said again at each change until it is so.
    async fn tell_move(&self, line: &mut Line) -> Result<(), Closed> {
        let (false, Some(current)) = (self.host, self.member.watching) else { return Ok(()) };
        let Some(snapshot) = self.channel.snapshot() else { return Ok(()) };
        let Some(stream) = snapshot.stream.as_ref().filter(|stream| stream.phase.admits()) else { return Ok(()) };
        let slot = Slot::of(&stream.id, &self.member.key);
        let viewer = ViewerRef { on_stage: false, current: Some(current), slot };
        let Assignment { source, after_ms } = stream.delivery.assign(viewer);
        // The slate is not a delivery: a player whose source has died asks for admission and is told there.
        if source == current || source == Source::Slate {
            return Ok(());
        }
        line.send(broadcasts::moved(source.as_str(), after_ms)).await
    }
}

fn hear(state: &State, text: &str) -> Result<Said, Option<CloseReason>> {
    match serde_json::from_str::<FromBrowser<'_>>(text) {
        Ok(FromBrowser { kind: "ping", .. }) => Ok(Said::Answer(broadcasts::pong(state.clock.now()))),
        Ok(FromBrowser { kind: "watching", delivery }) => Ok(Said::Watching(match delivery {
            Some("webrtc") => Some(Source::Webrtc),
            Some("hls") => Some(Source::Hls),
            Some(_) | None => None,
        })),
        // A newer page may say more than this server knows.
        Ok(_) => Ok(Said::Nothing),
        Err(_) => Err(Some(CloseReason::from(CloseCode::Policy))),
    }
}

fn close(code: u16, why: &str) -> Option<CloseReason> {
    Some(CloseReason { code: CloseCode::Other(code), description: Some(why.to_string()) })
}

/// An open socket in the figures, however it ends.
struct Counted {
    metrics: Arc<Metrics>,
}

impl Counted {
    fn new(state: &State) -> Counted {
        state.metrics.sockets_changed(1);
        Counted { metrics: state.metrics.clone() }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.metrics.sockets_changed(-1);
    }
}

/// Leaves the channel when dropped, however the socket ended.
struct Joined {
    channel: Arc<Channel>,
    id: u64,
}

impl Drop for Joined {
    fn drop(&mut self) {
        self.channel.leave(self.id);
    }
}

/// The way to the browser.
struct Line {
    session: Option<actix_ws::Session>,
}

impl Line {
    async fn send(&mut self, text: String) -> Result<(), Closed> {
        let Some(session) = &mut self.session else { return Err(Closed) };
        match timeout(SEND, session.text(text)).await {
            Ok(sent) => sent,
            Err(_) => {
                self.session = None;
                Err(Closed)
            }
        }
    }

    async fn pong(&mut self, bytes: &[u8]) -> Result<(), Closed> {
        match &mut self.session {
            Some(session) => timeout(SEND, session.pong(bytes)).await.unwrap_or(Err(Closed)),
            None => Err(Closed),
        }
    }

    async fn close(&mut self, reason: Option<CloseReason>) {
        if let Some(session) = self.session.take() {
            let _ = timeout(SEND, session.close(reason)).await;
        }
    }
}
