//! Joins, and joins again.

use super::outlet::{Outlet, Told};
use super::session::Session;
use super::{Orders, SubscriberSettings};
use crate::participant::access::{TokenError, TokenSource};
use crate::participant::backoff::Backoff;
use crate::participant::error::Lost;
use crate::participant::event::{EndReason, Event};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// A connection that held this long was a success.
const GOOD_AFTER: Duration = Duration::from_secs(10);

/// Until stopped or refused for good.
pub(super) async fn run(
    settings: SubscriberSettings,
    tokens: Arc<dyn TokenSource>,
    mut outlet: Outlet,
    mut orders: watch::Receiver<Orders>,
) {
    let reason = keep(&settings, tokens.as_ref(), &mut outlet, &mut orders).await;
    tracing::debug!(%reason, "a subscriber ended");
    outlet.tell(Event::Ended { reason });
}

async fn keep(
    settings: &SubscriberSettings,
    tokens: &dyn TokenSource,
    outlet: &mut Outlet,
    orders: &mut watch::Receiver<Orders>,
) -> EndReason {
    let mut backoff = Backoff::default();
    let mut told = Told::new(settings.clock);
    loop {
        let began = Instant::now();
        let lost = match once(settings, tokens, outlet, orders, &mut told).await {
            Ok(reason) => return reason,
            Err(lost) => lost,
        };
        outlet.shared.counters.lock().lost_connection();
        if lost.is_final() {
            return EndReason::of(&lost);
        }
        if began.elapsed() > GOOD_AFTER {
            backoff.reset();
        }
        let wait = backoff.next(rand::random());
        tracing::info!(cause = %lost, attempt = backoff.failures(), "a subscriber joins again");
        if !outlet.tell(Event::Reconnecting { attempt: backoff.failures(), cause: lost.to_string() }) {
            return EndReason::NotRead;
        }
        tokio::select! {
            () = sleep(wait) => {}
            () = stopped(orders) => return EndReason::Stopped,
        }
    }
}

/// One connection, from token to loss.
async fn once(
    settings: &SubscriberSettings,
    tokens: &dyn TokenSource,
    outlet: &mut Outlet,
    orders: &mut watch::Receiver<Orders>,
    told: &mut Told,
) -> Result<EndReason, Lost> {
    let within = settings.connect_timeout;
    let join = async {
        match timeout(within, tokens.access()).await {
            Err(_) => Err(Lost::TimedOut { what: "a token", within }),
            Ok(Err(TokenError::NotNow(reason))) => Err(Lost::Connect(reason)),
            Ok(Err(TokenError::Never(reason))) => Ok(Err(EndReason::NoToken(reason))),
            Ok(Ok(access)) => Ok(Ok(Session::join(&access, settings, outlet, told).await?)),
        }
    };
    let session = tokio::select! {
        session = join => session?,
        () = stopped(orders) => return Ok(EndReason::Stopped),
    };
    match session {
        Ok(session) => session.run(orders).await,
        Err(reason) => Ok(reason),
    }
}

/// Waits for the order to stop, or for the handle to be gone.
async fn stopped(orders: &watch::Receiver<Orders>) {
    let mut orders = orders.clone();
    let _ = orders.wait_for(|orders| orders.stop).await;
}
