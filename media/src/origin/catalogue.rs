//! What playback asks: which playback id shows what, and which keys may sign.

use super::hls::{Catalogue, Playable as Shown, Policy as Who, PublicKey, Source};
use super::ingest::Stage;
use super::model::{AssetStatus, LiveStream, Phase, Playable, Policy};
use base64::Engine;
use std::sync::Arc;

impl Catalogue for Stage {
    fn resolve(&self, playback_id: &str) -> Option<Shown> {
        let (playable, policy) = self.desk.read(|books| {
            let (playable, id) = books.playable(playback_id)?;
            Some((playable.clone(), id.policy))
        })?;
        let source = match playable {
            Playable::LiveStream(id) => self.source_of_stream(&id),
            Playable::Asset(id) => self.source_of_asset(&id),
        };
        let policy = match policy {
            Policy::Public => Who::Public,
            Policy::Signed => Who::Signed,
        };
        Some(Shown { policy, source })
    }

    fn key(&self, kid: &str) -> Option<PublicKey> {
        let text = self.desk.read(|books| books.key(kid).map(|key| key.public_der.clone()))?;
        let der = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
        Some(PublicKey::from_rsa_der(&der))
    }
}

/// The asset of a live stream that players may see.
fn shown(stream: &LiveStream) -> Option<&str> {
    match &stream.phase {
        Phase::Active { asset, .. }
        | Phase::Lost { asset, playable: true, .. }
        | Phase::Returning { asset, playable: true, .. } => Some(asset),
        Phase::Offline
        | Phase::Connected { .. }
        | Phase::Recording { .. }
        | Phase::Lost { .. }
        | Phase::Returning { .. }
        | Phase::Draining { .. } => None,
    }
}

impl Stage {
    fn source_of_stream(&self, id: &str) -> Source {
        let asset = self.desk.read(|books| books.stream(id).and_then(shown).map(str::to_owned));
        let running: Option<Arc<_>> = asset.and_then(|asset| self.live(&asset));
        running.or_else(|| self.lingering(id)).map_or(Source::Idle, Source::Live)
    }

    fn source_of_asset(&self, id: &str) -> Source {
        let found = self.desk.read(|books| books.asset(id).map(|asset| (asset.live, asset.status.clone())));
        match found {
            Some((true, AssetStatus::Ready)) => self.live(id).map_or(Source::Idle, Source::Dvr),
            Some((false, AssetStatus::Ready)) => self.vod(id).map_or(Source::Idle, Source::Vod),
            Some((_, AssetStatus::Preparing | AssetStatus::Errored(_))) | None => Source::Idle,
        }
    }
}
