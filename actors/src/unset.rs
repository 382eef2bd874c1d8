//! Ports of a server that has no HLS side and does not record: nothing is there, and whoever asks for it is refused.

use crate::ports::*;
use backstage_core::delivery::{Audience, Live};
use backstage_core::{BroadcastId, StreamId};
use std::future::ready;

/// Stands at [`Bridges`], [`Broadcasts`], [`Recordings`] and [`Audiences`]. With the default
/// [`backstage_core::stream::Setup`] it is never asked for anything.
pub struct NotConfigured;

fn refused<'a, T: Send + 'a>(what: &str) -> BoxFuture<'a, Result<T, ProviderError>> {
    Box::pin(ready(Err(ProviderError::Final(format!("this server has no {what}")))))
}

fn nothing<'a, T: Send + 'a>(answer: T) -> BoxFuture<'a, Result<T, ProviderError>> {
    Box::pin(ready(Ok(answer)))
}

impl Bridges for NotConfigured {
    fn start<'a>(&'a self, _: &'a Path, _: &'a BroadcastId) -> BoxFuture<'a, Result<(), ProviderError>> {
        refused("bridge")
    }
    fn stop<'a>(&'a self, _: &'a StreamId) -> BoxFuture<'a, Result<(), ProviderError>> {
        nothing(())
    }
    fn look<'a>(&'a self, _: &'a StreamId) -> BoxFuture<'a, Result<WorkerSeen, ProviderError>> {
        nothing(WorkerSeen::Missing)
    }
    fn list(&self) -> BoxFuture<'_, Result<Vec<StreamId>, ProviderError>> {
        nothing(vec![])
    }
}

impl Broadcasts for NotConfigured {
    fn create<'a>(&'a self, _: &'a Path, _: i64) -> BoxFuture<'a, Result<Live, ProviderError>> {
        refused("HLS provider")
    }
    fn complete<'a>(&'a self, _: &'a BroadcastId) -> BoxFuture<'a, Result<(), ProviderError>> {
        refused("HLS provider")
    }
    fn progress<'a>(&'a self, _: &'a Live) -> BoxFuture<'a, Result<Progress, ProviderError>> {
        nothing(Progress::Gone)
    }
    fn list(&self) -> BoxFuture<'_, Result<Vec<BroadcastSeen>, ProviderError>> {
        nothing(vec![])
    }
}

impl Recordings for NotConfigured {
    fn start<'a>(&'a self, _: &'a Path) -> BoxFuture<'a, Result<(), ProviderError>> {
        refused("recorder")
    }
    // What was recorded while there was a recorder cannot be reached from here: neither "nothing was" nor "it is kept" is
    // true, so both wait for a server that records.
    fn stop<'a>(&'a self, _: &'a StreamId) -> BoxFuture<'a, Result<bool, ProviderError>> {
        Box::pin(ready(Err(ProviderError::TryAgain("this server has no recorder".into()))))
    }
    fn look<'a>(&'a self, _: &'a StreamId) -> BoxFuture<'a, Result<WorkerSeen, ProviderError>> {
        nothing(WorkerSeen::Missing)
    }
    fn list(&self) -> BoxFuture<'_, Result<Vec<StreamId>, ProviderError>> {
        nothing(vec![])
    }
    fn archive<'a>(&'a self, _: &'a Path) -> BoxFuture<'a, Result<Archiving, ProviderError>> {
        Box::pin(ready(Err(ProviderError::TryAgain("this server has no archive".into()))))
    }
}

impl Audiences for NotConfigured {
    fn count(&self, _: &Path) -> Option<Audience> {
        None
    }
}
