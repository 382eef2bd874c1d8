//! Everything that is kept. Ids begin with a running number, so each map is in order of age.

use super::model::*;
use super::refusal::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Objects in all, events and answers apart.
const OBJECTS_MAX: usize = 100_000;
/// Events that are remembered; older ones are forgotten.
const EVENTS_MAX: usize = 10_000;
/// Answers that are remembered for their idempotency keys.
const REPLAYS_MAX: usize = 10_000;
/// How long such an answer holds, s, as at Stripe.
const REPLAY_S: i64 = 24 * 60 * 60;

/// The books.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Books {
    seq: u64,
    pub customers: BTreeMap<String, Customer>,
    pub methods: BTreeMap<String, Method>,
    pub intents: BTreeMap<String, Intent>,
    pub setups: BTreeMap<String, Setup>,
    pub charges: BTreeMap<String, Charge>,
    pub refunds: BTreeMap<String, Refund>,
    pub disputes: BTreeMap<String, Dispute>,
    pub events: BTreeMap<String, Event>,
    /// By id of the event.
    pub deliveries: BTreeMap<String, Delivery>,
    replays: BTreeMap<String, Replay>,
    /// Whether there is somebody to tell.
    #[serde(skip)]
    pub is_told: bool,
    /// The key of the call that is being answered.
    #[serde(skip)]
    pub idempotency_key: Option<String>,
}

impl Books {
    /// A new id, such as `pi_00000000002a…`.
    pub fn id(&mut self, prefix: &str) -> String {
        self.seq += 1;
        let random = uuid::Uuid::new_v4().simple().to_string();
        format!("{prefix}_{:012x}{}", self.seq, random.get(..12).unwrap_or_default())
    }

    /// Whether another object fits.
    pub fn room(&self) -> Result<(), Refusal> {
        let held = self.customers.len()
            + self.methods.len()
            + self.intents.len()
            + self.setups.len()
            + self.charges.len()
            + self.refunds.len()
            + self.disputes.len();
        if held < OBJECTS_MAX { Ok(()) } else { Err(Refusal::full()) }
    }

    /// Notes what happened; it is told if somebody listens.
    pub fn tell(&mut self, now_s: i64, kind: &str, object: Value) {
        let id = self.id("evt");
        let idempotency_key = self.idempotency_key.clone();
        if self.is_told {
            self.deliveries.insert(id.clone(), Delivery { attempts: 0, due_ms: now_s * 1_000 });
        }
        self.events.insert(id.clone(), Event { id, created: now_s, kind: kind.into(), object, idempotency_key });
        while self.events.len() > EVENTS_MAX {
            if let Some((oldest, _)) = self.events.pop_first() {
                self.deliveries.remove(&oldest);
            }
        }
    }

    /// The answer that was given for this key.
    pub fn replay(&self, key: &str, now_s: i64) -> Option<&Replay> {
        self.replays.get(key).filter(|replay| now_s - replay.at < REPLAY_S)
    }

    /// Keeps an answer for its key.
    pub fn keep_replay(&mut self, key: String, replay: Replay) {
        if self.replays.len() >= REPLAYS_MAX {
            let now_s = replay.at;
            self.replays.retain(|_, old| now_s - old.at < REPLAY_S);
        }
        if self.replays.len() >= REPLAYS_MAX {
            let oldest = self.replays.iter().min_by_key(|(_, old)| old.at).map(|(key, _)| key.clone());
            oldest.and_then(|key| self.replays.remove(&key));
        }
        self.replays.insert(key, replay);
    }

    /// Events that are to be sent now, the oldest first; and when the next one is, Unix ms.
    pub fn leaving(&self, now_ms: i64, max: usize) -> (Vec<Event>, Option<i64>) {
        let due = self.deliveries.iter().filter(|(_, delivery)| delivery.due_ms <= now_ms);
        let due = due.filter_map(|(id, _)| self.events.get(id)).take(max).cloned().collect();
        (due, self.deliveries.values().map(|delivery| delivery.due_ms).min())
    }
}
