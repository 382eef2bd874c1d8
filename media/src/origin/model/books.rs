//! All that the origin keeps. Each change says what has to be written down and what has to be done.

use super::{
    Asset, AssetStatus, Delivery, Effect, Event, LiveStream, Now, Playable, PlaybackId, Rejection, SigningKey, wire,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// Most webhooks that wait; the oldest is given up for a new one beyond.
pub const DELIVERIES_MAX: usize = 10_000;

/// Names one kept object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// A live stream.
    LiveStream(String),
    /// An asset.
    Asset(String),
    /// A signing key.
    SigningKey(String),
    /// A webhook, by its order.
    Delivery(u64),
}

/// One kept object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// A live stream.
    LiveStream(LiveStream),
    /// An asset.
    Asset(Asset),
    /// A signing key.
    SigningKey(SigningKey),
    /// A webhook.
    Delivery(Delivery),
}

/// Who the webhooks come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Names this installation.
    pub id: String,
    /// For people.
    pub name: String,
    /// Without a receiver, webhooks are not written at all.
    pub webhooks: bool,
}

/// What is to be done outside once a change is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// This connection of an encoder is to be closed.
    CloseEncoder(u64),
    /// This asset gets no more media: it is closed, and its duration comes back by [`Books::asset_finished`].
    FinishAsset(String),
    /// This clip is to be cut; the end comes back by [`Books::clip_cut`].
    CutClip(String),
    /// The media of this asset is to be removed.
    RemoveMedia(String),
}

/// All that the origin keeps.
#[derive(Debug, Default)]
pub struct Books {
    streams: BTreeMap<String, LiveStream>,
    assets: BTreeMap<String, Asset>,
    keys: BTreeMap<String, SigningKey>,
    deliveries: BTreeMap<u64, Delivery>,
    by_playback: HashMap<String, Playable>,
    by_stream_key: HashMap<String, String>,
    seq: u64,
    touched: BTreeSet<Key>,
    environment: Option<Environment>,
}

impl Books {
    /// Books with what was kept before.
    pub fn open(environment: Environment, records: impl IntoIterator<Item = Record>) -> Books {
        let mut books = Books { environment: Some(environment), ..Books::default() };
        for record in records {
            books.take(record);
        }
        books.touched.clear();
        books
    }

    fn take(&mut self, record: Record) {
        match record {
            Record::LiveStream(stream) => {
                self.seq = self.seq.max(stream.seq);
                self.put_stream(stream);
            }
            Record::Asset(asset) => {
                self.seq = self.seq.max(asset.seq);
                self.put_asset(asset);
            }
            Record::SigningKey(key) => {
                self.seq = self.seq.max(key.seq);
                self.keys.insert(key.id.clone(), key);
            }
            Record::Delivery(delivery) => {
                self.seq = self.seq.max(delivery.seq);
                self.deliveries.insert(delivery.seq, delivery);
            }
        }
    }

    /// Nothing was ever kept.
    pub fn is_new(&self) -> bool {
        self.seq == 0
    }

    /// The next number in the order of making.
    pub fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    /// What changed since the last call: objects to write (none: removed).
    pub fn changes(&mut self) -> Vec<(Key, Option<Record>)> {
        let touched = std::mem::take(&mut self.touched);
        touched.into_iter().map(|key| (key.clone(), self.record(&key))).collect()
    }

    /// Everything, for a new beginning of the journal.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        let streams = self.streams.values().cloned().map(Record::LiveStream);
        let assets = self.assets.values().cloned().map(Record::Asset);
        let keys = self.keys.values().cloned().map(Record::SigningKey);
        let deliveries = self.deliveries.values().cloned().map(Record::Delivery);
        streams.chain(assets).chain(keys).chain(deliveries)
    }

    fn record(&self, key: &Key) -> Option<Record> {
        match key {
            Key::LiveStream(id) => self.streams.get(id).cloned().map(Record::LiveStream),
            Key::Asset(id) => self.assets.get(id).cloned().map(Record::Asset),
            Key::SigningKey(id) => self.keys.get(id).cloned().map(Record::SigningKey),
            Key::Delivery(seq) => self.deliveries.get(seq).cloned().map(Record::Delivery),
        }
    }

    /// A live stream.
    pub fn stream(&self, id: &str) -> Option<&LiveStream> {
        self.streams.get(id)
    }

    /// All live streams, in no useful order.
    pub fn streams(&self) -> impl Iterator<Item = &LiveStream> {
        self.streams.values()
    }

    /// An asset.
    pub fn asset(&self, id: &str) -> Option<&Asset> {
        self.assets.get(id)
    }

    /// All assets, in no useful order.
    pub fn assets(&self) -> impl Iterator<Item = &Asset> {
        self.assets.values()
    }

    /// A signing key.
    pub fn key(&self, id: &str) -> Option<&SigningKey> {
        self.keys.get(id)
    }

    /// All signing keys, in no useful order.
    pub fn keys(&self) -> impl Iterator<Item = &SigningKey> {
        self.keys.values()
    }

    /// The live stream that this secret publishes to.
    pub fn stream_of_key(&self, stream_key: &str) -> Option<&LiveStream> {
        self.streams.get(self.by_stream_key.get(stream_key)?)
    }

    /// What a playback id plays, and who may.
    pub fn playable(&self, id: &str) -> Option<(&Playable, &PlaybackId)> {
        let playable = self.by_playback.get(id)?;
        let ids = match playable {
            Playable::LiveStream(stream) => &self.streams.get(stream)?.playback_ids,
            Playable::Asset(asset) => &self.assets.get(asset)?.playback_ids,
        };
        Some((playable, ids.iter().find(|one| one.id == id)?))
    }

    /// Webhooks that wait, in their order.
    pub fn deliveries(&self) -> impl Iterator<Item = &Delivery> {
        self.deliveries.values()
    }

    /// Keeps a webhook anew, as after an attempt.
    pub fn put_delivery(&mut self, delivery: Delivery) {
        self.touched.insert(Key::Delivery(delivery.seq));
        self.deliveries.insert(delivery.seq, delivery);
    }

    /// Forgets a webhook: it was delivered or given up.
    pub fn drop_delivery(&mut self, seq: u64) {
        self.touched.insert(Key::Delivery(seq));
        self.deliveries.remove(&seq);
    }

    /// Keeps a live stream, new or changed.
    pub fn put_stream(&mut self, stream: LiveStream) {
        if let Some(old) = self.streams.get(&stream.id) {
            self.by_stream_key.remove(&old.stream_key.0);
            old.playback_ids.iter().for_each(|id| drop(self.by_playback.remove(&id.id)));
        }
        self.by_stream_key.insert(stream.stream_key.0.clone(), stream.id.clone());
        for id in &stream.playback_ids {
            self.by_playback.insert(id.id.clone(), Playable::LiveStream(stream.id.clone()));
        }
        self.touched.insert(Key::LiveStream(stream.id.clone()));
        self.streams.insert(stream.id.clone(), stream);
    }

    /// Keeps an asset, new or changed.
    pub fn put_asset(&mut self, asset: Asset) {
        if let Some(old) = self.assets.get(&asset.id) {
            old.playback_ids.iter().for_each(|id| drop(self.by_playback.remove(&id.id)));
        }
        for id in &asset.playback_ids {
            self.by_playback.insert(id.id.clone(), Playable::Asset(asset.id.clone()));
        }
        self.touched.insert(Key::Asset(asset.id.clone()));
        self.assets.insert(asset.id.clone(), asset);
    }

    /// Keeps a signing key.
    pub fn put_key(&mut self, key: SigningKey) {
        self.touched.insert(Key::SigningKey(key.id.clone()));
        self.keys.insert(key.id.clone(), key);
    }

    /// Forgets a signing key; what it signed is refused from now on. Says whether it was there.
    pub fn drop_key(&mut self, id: &str) -> bool {
        self.touched.insert(Key::SigningKey(id.to_owned()));
        self.keys.remove(id).is_some()
    }

    /// Forgets a live stream; its assets stay. Says whether it was there.
    pub fn drop_stream(&mut self, now: &mut Now<'_>, id: &str) -> Option<Vec<Deed>> {
        let deeds = self.stream_event(now, id, Event::Disable).ok()?;
        self.announce_stream(now, id, "deleted");
        let stream = self.streams.remove(id)?;
        self.by_stream_key.remove(&stream.stream_key.0);
        stream.playback_ids.iter().for_each(|id| drop(self.by_playback.remove(&id.id)));
        self.touched.insert(Key::LiveStream(id.to_owned()));
        Some(deeds)
    }

    /// Forgets an asset and has its media removed. None: there is no such asset.
    pub fn drop_asset(&mut self, now: &mut Now<'_>, id: &str) -> Option<Vec<Deed>> {
        self.announce_asset(now, id, "deleted");
        let asset = self.assets.remove(id)?;
        asset.playback_ids.iter().for_each(|id| drop(self.by_playback.remove(&id.id)));
        self.touched.insert(Key::Asset(id.to_owned()));
        Some(vec![Deed::RemoveMedia(id.to_owned())])
    }

    /// An event of a live stream, with all that follows from it. An unknown stream is [`Rejection::Stale`].
    pub fn stream_event(&mut self, now: &mut Now<'_>, id: &str, event: Event) -> Result<Vec<Deed>, Rejection> {
        let mut stream = self.streams.get(id).ok_or(Rejection::Stale)?.clone();
        let effects = stream.apply(now.ms, event)?;
        if self.streams.get(id) != Some(&stream) {
            self.put_stream(stream);
        }
        let mut deeds = vec![];
        for effect in effects {
            match effect {
                Effect::Announce(what) => self.announce_stream(now, id, what),
                Effect::AnnounceTarget(target, what) => self.announce_target(now, id, &target, what),
                Effect::BeginAsset(asset) => self.begin_asset(now, id, asset),
                Effect::AssetReady(asset) => {
                    if self.change_asset(&asset, Asset::ready) == Some(true) {
                        self.announce_asset(now, &asset, "ready");
                    }
                }
                Effect::PauseAsset(asset) => {
                    let ms = now.ms;
                    self.change_asset(&asset, |asset| asset.pause(ms));
                }
                Effect::ResumeAsset(asset) => {
                    let ms = now.ms;
                    self.change_asset(&asset, |asset| asset.resume(ms));
                }
                Effect::FinishAsset(asset) => deeds.push(Deed::FinishAsset(asset)),
                Effect::CloseEncoder(session) => deeds.push(Deed::CloseEncoder(session)),
            }
        }
        Ok(deeds)
    }

    fn begin_asset(&mut self, now: &mut Now<'_>, stream: &str, id: String) {
        let Some(settings) = self.streams.get(stream).map(|stream| stream.new_asset.clone()) else { return };
        let mut asset = Asset {
            id: id.clone(),
            seq: self.next_seq(),
            created_ms: now.ms,
            live_stream_id: Some(stream.to_owned()),
            clip: None,
            playback_ids: now.playback_ids(&settings.policies),
            passthrough: settings.passthrough,
            meta: settings.meta,
            video_quality: settings.video_quality,
            status: AssetStatus::Preparing,
            live: true,
            recording_times: vec![],
            duration_ms: None,
            size: None,
        };
        asset.resume(now.ms);
        self.put_asset(asset);
        self.announce_asset(now, &id, "created");
    }

    fn change_asset<T>(&mut self, id: &str, change: impl FnOnce(&mut Asset) -> T) -> Option<T> {
        let asset = self.assets.get_mut(id)?;
        let out = change(asset);
        self.touched.insert(Key::Asset(id.to_owned()));
        Some(out)
    }

    /// The pictures of an asset have this size.
    pub fn asset_size(&mut self, id: &str, width: u16, height: u16) {
        self.change_asset(id, |asset| asset.size = Some((width, height)));
    }

    /// The media of an asset is closed and has this duration.
    pub fn asset_finished(&mut self, now: &mut Now<'_>, id: &str, duration_ms: i64) {
        let ms = now.ms;
        if self.change_asset(id, |asset| asset.finish(ms, duration_ms)) != Some(true) {
            return;
        }
        match self.assets.get(id).map(|asset| &asset.status) {
            Some(AssetStatus::Errored(_)) => self.announce_asset(now, id, "errored"),
            Some(AssetStatus::Preparing | AssetStatus::Ready) | None => {}
        }
        self.announce_asset(now, id, "live_stream_completed");
    }

    /// A clip is there with this duration, or failed for this reason.
    pub fn clip_cut(&mut self, now: &mut Now<'_>, id: &str, duration_ms: Result<i64, String>) {
        let word = match self.change_asset(id, |asset| {
            let (status, word) = match duration_ms {
                Ok(ms) => {
                    asset.duration_ms = Some(ms);
                    (AssetStatus::Ready, "ready")
                }
                Err(why) => (AssetStatus::Errored(why), "errored"),
            };
            asset.status = status;
            word
        }) {
            Some(word) => word,
            None => return,
        };
        self.announce_asset(now, id, word);
    }

    /// What was left undone when the origin stopped: encoders are gone, media has to be closed, clips have to be cut.
    pub fn restarted(&mut self, now: &mut Now<'_>) -> Vec<Deed> {
        let ids: Vec<String> = self.streams.keys().cloned().collect();
        let mut deeds: Vec<Deed> = vec![];
        for id in ids {
            deeds.extend(self.stream_event(now, &id, Event::Restarted).unwrap_or_default());
        }
        let held: BTreeSet<&str> = self.streams.values().filter_map(|stream| Some(stream.asset()?.0)).collect();
        for asset in self.assets.values() {
            if asset.live && !held.contains(asset.id.as_str()) {
                deeds.push(Deed::FinishAsset(asset.id.clone()));
            }
            if asset.clip.is_some() && asset.status == AssetStatus::Preparing {
                deeds.push(Deed::CutClip(asset.id.clone()));
            }
        }
        // A connection of the last life is gone already, and an asset may be named twice.
        let mut seen = BTreeSet::new();
        deeds.retain(|deed| match deed {
            Deed::FinishAsset(id) => seen.insert(id.clone()),
            Deed::CloseEncoder(_) => false,
            Deed::CutClip(_) | Deed::RemoveMedia(_) => true,
        });
        deeds
    }

    /// Everything that fell due, and when to ask again, ms since the epoch.
    pub fn due(&mut self, now: &mut Now<'_>) -> (Vec<Deed>, Option<i64>) {
        let due: Vec<String> = self
            .streams
            .values()
            .filter(|stream| stream.due_ms().is_some_and(|due_ms| due_ms <= now.ms))
            .map(|stream| stream.id.clone())
            .collect();
        let mut deeds = vec![];
        for id in due {
            deeds.extend(self.stream_event(now, &id, Event::Due).unwrap_or_default());
        }
        (deeds, self.streams.values().filter_map(LiveStream::due_ms).min())
    }

    /// A webhook about a live stream as it is now.
    pub fn announce_stream(&mut self, now: &mut Now<'_>, id: &str, what: &str) {
        let Some(stream) = self.streams.get(id) else { return };
        let data = wire::live_stream(stream, wire::To::Webhook);
        self.announce(now, format!("video.live_stream.{what}"), ("live", id), id, data);
    }

    /// A webhook about a simulcast target as it is now.
    pub fn announce_target(&mut self, now: &mut Now<'_>, stream: &str, id: &str, what: &str) {
        let Some(target) = self.streams.get(stream).and_then(|s| s.targets.iter().find(|t| t.id == id)) else { return };
        let data = wire::target(target, Some(stream));
        self.announce(
            now,
            format!("video.live_stream.simulcast_target.{what}"),
            ("simulcast_target", id),
            stream,
            data,
        );
    }

    /// A webhook about an asset as it is now.
    pub fn announce_asset(&mut self, now: &mut Now<'_>, id: &str, what: &str) {
        let Some(asset) = self.assets.get(id) else { return };
        let data = wire::asset(asset, wire::To::Webhook);
        self.announce(now, format!("video.asset.{what}"), ("asset", id), id, data);
    }

    fn announce(
        &mut self,
        now: &mut Now<'_>,
        event: String,
        (kind, id): (&str, &str),
        order_of: &str,
        data: Map<String, Value>,
    ) {
        let Some(environment) = self.environment.clone().filter(|environment| environment.webhooks) else { return };
        let event_id = now.id();
        let body = json!({
            "type": event,
            "id": event_id,
            "created_at": wire::rfc3339(now.ms),
            "object": { "type": kind, "id": id },
            "environment": { "name": environment.name, "id": environment.id },
            "data": data,
            "request_id": null,
            "accessor": null,
            "accessor_source": null,
        });
        let Value::Object(body) = body else { return };
        let delivery = Delivery {
            id: event_id,
            seq: self.next_seq(),
            object: order_of.to_owned(),
            body,
            created_ms: now.ms,
            due_ms: now.ms,
            attempts: vec![],
        };
        self.put_delivery(delivery);
        if self.deliveries.len() > DELIVERIES_MAX
            && let Some((oldest, _)) = self.deliveries.first_key_value()
        {
            let oldest = *oldest;
            tracing::warn!("a webhook is given up: {DELIVERIES_MAX} are waiting");
            self.drop_delivery(oldest);
        }
    }

    /// Webhooks that may leave now: of each object the earliest only, at most `count`. Also when to ask again.
    ///
    /// One that failed often lets the later ones of its object pass, since its receiver may refuse it for ever.
    pub fn leaving(&self, now_ms: i64, count: usize, passed_after: usize) -> (Vec<Delivery>, Option<i64>) {
        let mut waiting: BTreeSet<&str> = BTreeSet::new();
        let mut leaving = VecDeque::new();
        let mut next: Option<i64> = None;
        for delivery in self.deliveries.values() {
            let first = !waiting.contains(delivery.object.as_str());
            if delivery.attempts.len() < passed_after {
                waiting.insert(&delivery.object);
            }
            if !first {
                continue;
            }
            if delivery.due_ms > now_ms {
                next = Some(next.map_or(delivery.due_ms, |next: i64| next.min(delivery.due_ms)));
            } else if leaving.len() < count {
                leaving.push_back(delivery.clone());
            } else {
                next = Some(now_ms);
            }
        }
        (leaving.into(), next)
    }
}
