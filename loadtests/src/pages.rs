//! Others who open pages meanwhile, at a steady rate: how responsive is the server to those who do not watch?

use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::browser::Browser;
use crate::figures::Figures;
use crate::scenario::Pages;
use crate::target::Target;

/// Requests under way; more than this are errors, since a server so slow is what is looked for.
const UNDER_WAY_MAX: usize = 500;

/// Opens pages until `stop` says so or is gone. The rate does not depend on the answers.
pub async fn run(pages: Pages, client: Client, target: Arc<Target>, figures: Figures, mut stop: watch::Receiver<bool>) {
    if pages.per_second == 0 || pages.paths.is_empty() {
        return;
    }
    let mut beat = interval(Duration::from_secs(1) / u32::try_from(pages.per_second).unwrap_or(u32::MAX));
    beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let places = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    let mut asked = JoinSet::new();
    let mut paths = pages.paths.iter().cycle();
    loop {
        tokio::select! {
            _ = beat.tick() => {}
            _ = stop.wait_for(|stop| *stop) => break,
            Some(_) = asked.join_next() => continue,
        }
        let Some(path) = paths.next().cloned() else { return };
        let Ok(place) = places.clone().try_acquire_owned() else {
            figures.error("pages", "500 pages are being waited for");
            continue;
        };
        let (browser, figures) = (Browser::new(client.clone(), target.clone()), figures.clone());
        asked.spawn(async move {
            let began = Instant::now();
            match browser.get(&path).await.and_then(crate::browser::Answer::good) {
                Ok(_) => figures.page(began.elapsed()),
                Err(error) => figures.error("pages", &error.to_string()),
            }
            drop(place);
        });
    }
    // What is under way counts.
    while asked.join_next().await.is_some() {}
}
