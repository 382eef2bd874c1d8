//! One virtual viewer: opens the page, takes the free pass, holds the socket, watches, goes where it is moved. One task each.
//!
//! | as in the page | here |
//! |---|---|
//! | `<live-player>` | `visit`: front source, another one beside it while moving, the old one kept for 4 s |
//! | swap guard | the new source runs steadily ([`source::Look::ready`]) within 12 s, or it is given up |
//! | renewal | a new admission before the playback token ends |

pub mod admission;
mod moves;
mod renewal;
mod source;
mod visit;

use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::StdRng;
use reqwest::Client;
use tokio::sync::watch;

use crate::browser::Browser;
use crate::figures::Figures;
use crate::scenario::Habit;
use crate::target::Target;
use visit::Visit;

/// Who it is.
#[derive(Debug, Clone)]
pub struct Seat {
    /// Unique in the run.
    pub id: usize,
    /// What it does.
    pub habit: Habit,
    /// `/m/{space}/{experience}`.
    pub page: String,
    /// Draws its moments.
    pub seed: u64,
}

/// Visits until `stop` says so or is gone.
pub async fn run(
    seat: Seat,
    client: Client,
    target: Arc<Target>,
    figures: Figures,
    mut stop: watch::Receiver<bool>,
) -> usize {
    figures.came();
    let id = seat.id;
    let random = StdRng::seed_from_u64(seat.seed.wrapping_add(id as u64));
    let browser = Browser::new(client, target);
    let mut visit = Visit::new(seat, browser, figures.clone(), random);
    tokio::select! {
        () = visit.again_and_again() => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
    visit.close().await;
    figures.left(id);
    id
}
