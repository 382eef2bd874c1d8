//! Webhooks are hints; this is the truth. At boot, when asked, and every few seconds while streams are open, the rooms
//! that are there are compared with the rooms that should be.

use crate::keep::Kept;
use crate::ports::{OpenStream, Path, ProviderError, StoreError};
use crate::stage::Stage;
use crate::watch;
use backstage_core::delivery::{Bridge, Broadcast, Delivery};
use backstage_core::recording::Recorder;
use backstage_core::stream::StreamEvent;
use backstage_core::{BroadcastId, StreamId, Timestamp};
use futures_util::stream::{self, StreamExt};
use std::collections::BTreeSet;
use std::time::Duration;

/// Rooms looked at together.
const TOGETHER_MAX: usize = 16;

/// While no stream is open, only one round in this many asks the media server.
const IDLE_ROUNDS: u32 = 6;

/// Starts the loop.
pub fn start(stage: Stage) -> Kept {
    let gauge = stage.shared().ports.gauge.clone();
    Kept::start("reconcile", gauge, move || {
        let stage = stage.clone();
        async move {
            // The first round always looks: rooms may have been left behind by a process that died.
            let mut rounds: u32 = 0;
            loop {
                if let Err(error) = round(&stage, rounds.is_multiple_of(IDLE_ROUNDS)).await {
                    tracing::warn!(%error, "the sweep could not read the store; the next one tries again");
                }
                rounds = rounds.wrapping_add(1);
                let wait = Duration::from_millis(stage.shared().ports.limits.sweep_ms);
                let _ = tokio::time::timeout(wait, stage.shared().sweep.notified()).await;
            }
        }
    })
}

/// While no stream is open, the media server is only asked now and then, for rooms left behind.
async fn round(stage: &Stage, even_if_idle: bool) -> Result<(), StoreError> {
    if even_if_idle || !stage.shared().ports.store.open_streams().await?.is_empty() {
        sweep(stage).await?;
    }
    Ok(())
}

/// One comparison. A media server that does not answer changes nothing.
pub async fn sweep(stage: &Stage) -> Result<(), StoreError> {
    let ports = &stage.shared().ports;
    let began_at = ports.clock.now();
    // Rooms first: a room is only ever opened for a stream that was committed before.
    let rooms = match ports.rooms.list().await {
        Ok(rooms) => rooms,
        Err(error) => {
            tracing::warn!(%error, "the media server could not be swept");
            return Ok(());
        }
    };
    let open = ports.store.open_streams().await?;
    let known: BTreeSet<&StreamId> = open.iter().map(|stream| &stream.path.stream).collect();
    let stray = rooms.iter().filter(|room| !known.contains(&room.stream));
    for room in stray {
        ports.gauge.reconciled("room_stray");
        if let Err(error) = ports.rooms.close(&room.stream).await {
            tracing::warn!(stream = %room.stream, %error, "a stray room could not be closed; the next sweep tries again");
        }
    }
    let seen: BTreeSet<&StreamId> = rooms.iter().map(|room| &room.stream).collect();
    let worth_a_look = |stream: &&OpenStream| match stream.phase.as_str() {
        "lobby" | "live" | "reconnecting" => true,
        // A creator who publishes before the lobby was opened goes live all the same.
        "scheduled" => seen.contains(&stream.path.stream),
        _ => false,
    };
    stream::iter(open.iter().filter(worth_a_look))
        .for_each_concurrent(TOGETHER_MAX, |open| async move {
            if let Some(Seen { room, changed: true }) = observe(stage, &open.path).await {
                ports.gauge.reconciled(if room { "media" } else { "room_missing" });
                tracing::info!(stream = %open.path.stream, room, "the sweep found a change that no webhook had told");
            }
        })
        .await;
    let on_air = open.iter().filter(|stream| matches!(stream.phase.as_str(), "live" | "reconnecting" | "ended"));
    watch::adopt(stage, on_air.map(|stream| &stream.path.stream)).await;
    sweep_media(stage).await;
    ports.gauge.swept(open.len(), ports.clock.now().since_ms(began_at));
    Ok(())
}

/// Bridges, recorders and live streams that nobody wants any more: left behind by a process that died, or begun late.
/// What is listed is looked up afterwards, since each is only begun for a stream that was committed before.
async fn sweep_media(stage: &Stage) {
    let ports = &stage.shared().ports;
    let media = &ports.media;
    // What is watched here is wanted; only the rest is looked up.
    let watching = |stream: &StreamId| stage.shared().watch.line(stream);
    for id in listed(media.bridges.list().await, "bridges") {
        if watching(&id).is_some_and(|line| line.bridge_since.is_some()) {
            continue;
        }
        let Ok(stream) = watch::load(stage, &id).await else { return };
        if stream.is_none_or(|stream| stream.delivery.bridge == Bridge::Off) {
            ports.gauge.reconciled("bridge_stray");
            logged(media.bridges.stop(&id).await, &id, "a stray bridge could not be stopped");
        }
    }
    for id in listed(media.recordings.list().await, "recorders") {
        if watching(&id).is_some_and(|line| line.records) {
            continue;
        }
        let Ok(stream) = watch::load(stage, &id).await else { return };
        if stream.is_none_or(|stream| !(stream.recorder.is_running() || stream.recorder == Recorder::Stopping)) {
            ports.gauge.reconciled("recorder_stray");
            logged(media.recordings.stop(&id).await, &id, "a stray recorder could not be stopped");
        }
    }
    for seen in listed(media.broadcasts.list().await, "live streams") {
        if watching(&seen.stream).and_then(|line| line.live).is_some_and(|live| live.id == seen.id) {
            continue;
        }
        let Ok(stream) = watch::load(stage, &seen.stream).await else { return };
        if stream.is_none_or(|stream| is_stray(&stream.delivery, &seen.id)) {
            ports.gauge.reconciled("broadcast_stray");
            logged(
                media.broadcasts.complete(&seen.id).await,
                &seen.stream,
                "a stray live stream could not be completed",
            );
        }
    }
}

/// Of a stream that is over and sends nothing any more, or another one than the stream has.
fn is_stray(delivery: &Delivery, id: &BroadcastId) -> bool {
    match &delivery.broadcast {
        Broadcast::Asked => false,
        Broadcast::Ready { live } if live.id == *id => false,
        Broadcast::Ready { .. } | Broadcast::None => true,
        Broadcast::Completing { .. } | Broadcast::Completed { .. } => delivery.bridge == Bridge::Off,
    }
}

fn listed<T>(answer: Result<Vec<T>, ProviderError>, what: &str) -> Vec<T> {
    answer.unwrap_or_else(|error| {
        tracing::warn!(%error, "{what} could not be listed; the next sweep tries again");
        vec![]
    })
}

fn logged<T>(answer: Result<T, ProviderError>, stream: &StreamId, problem: &str) {
    if let Err(error) = answer {
        tracing::warn!(%stream, %error, "{problem}; the next sweep tries again");
    }
}

/// What a look at a room came to.
pub struct Seen {
    /// There is a room.
    pub room: bool,
    /// Its stream did not know yet what was seen.
    pub changed: bool,
}

/// Looks at one stream's room and tells its owner what was seen. `None` if the media server or the owner could not be
/// asked; the next sweep looks again.
pub async fn observe(stage: &Stage, path: &Path) -> Option<Seen> {
    let ports = &stage.shared().ports;
    let asked_at: Timestamp = ports.clock.now();
    let seen = match ports.rooms.host_tracks(&path.stream).await {
        Ok(seen) => seen,
        Err(error) => {
            tracing::warn!(stream = %path.stream, %error, "the room could not be looked at");
            return None;
        }
    };
    let room = seen.is_some();
    let tracks = seen.unwrap_or_default();
    match stage.stream(path, StreamEvent::MediaObserved { tracks, room, asked_at }, None).await {
        Ok(receipt) => Some(Seen { room, changed: receipt.changed }),
        Err(error) => {
            tracing::debug!(stream = %path.stream, %error, "what was seen was not taken");
            None
        }
    }
}
