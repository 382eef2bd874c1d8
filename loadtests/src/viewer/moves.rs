//! From one delivery to the other without a black frame: the new source runs beside the old one until it is steady.

use std::time::Duration;

use rand::Rng;
use tokio::time::Instant;

use super::source::Running;
use super::visit::Visit;
use crate::hls::ENDED;
use crate::socket::Delivery;

/// A new source is to run steadily within this.
const PROOF_MAX: Duration = Duration::from_secs(12);
/// The old source is kept beside the new one for so long.
const KEEP: Duration = Duration::from_secs(4);
/// A move that failed is tried again within this.
const AGAIN: Duration = Duration::from_secs(10);
/// After the end of a playlist, the news of the show's end comes within this.
const NEWS_MAX: Duration = Duration::from_secs(2);

/// To move to the other delivery.
pub(super) struct Order {
    pub(super) to: Delivery,
    pub(super) told: Instant,
    /// When it acts.
    pub(super) at: Instant,
}

impl Visit {
    /// The moment is drawn once, however often it is told.
    pub(super) fn told(&mut self, to: Delivery, within: Duration) {
        let Some(front) = &self.front else { return };
        let now = Instant::now();
        if front.delivery() == to {
            if self.order.take().is_some() {
                self.figures.told_to_stay(self.seat.id);
                self.back.take().into_iter().for_each(Running::leave);
            }
        } else if self.order.as_ref().is_none_or(|order| order.to != to) {
            self.figures.told_to_move(self.seat.id);
            let at = now + within.mul_f64(self.random.random_range(0.0..1.0));
            self.order = Some(Order { to, told: now, at });
        }
    }

    /// Starts the other delivery beside the running one.
    pub(super) async fn begin_move(&mut self) {
        let Some(order) = &mut self.order else { return };
        order.at = Instant::now() + AGAIN.mul_f64(self.random.random_range(0.5..1.0));
        let to = order.to;
        match self.start(None).await {
            Ok(Some(running)) if running.delivery() == to => self.back = Some(running),
            // The server thinks otherwise by now, and will say so.
            Ok(_) => {}
            Err(error) => self.fail(&error),
        }
    }

    /// Looks at the picture, and swaps when the new one is steady.
    pub(super) async fn look(&mut self) {
        let now = Instant::now();
        if self.kept.as_ref().is_some_and(|(_, until)| now >= *until)
            && let Some((old, _)) = self.kept.take()
        {
            old.stop().await;
        }
        let excused = self.show.reconnecting;
        let Some(front) = &mut self.front else { return };
        let look = front.watch(excused);
        let waited = front.began.saturating_duration_since(self.opened);
        if let Some(after) = look.connected_after.filter(|_| !self.joined) {
            self.joined = true;
            self.figures.joined(waited + after);
        }
        if let Some(after) = look.first_after.filter(|_| !self.seen) {
            self.seen = true;
            self.figures.first_frame(waited + after);
        }
        let failed = front.over();
        let delivery = front.delivery();
        if let Some(back) = &mut self.back {
            let gone = back.over();
            let late = now.saturating_duration_since(back.began) > PROOF_MAX;
            if gone.is_none() && back.look().ready {
                self.swap(look.standing_ms);
                return;
            }
            if gone.is_some() || late {
                let words = gone.map_or_else(|| "not steady within 12 s".to_owned(), |(_, words)| words);
                self.figures.error("move failed", &words);
                self.back.take().into_iter().for_each(Running::leave);
            }
        }
        if let Some((kind, words)) = failed
            && self.show.on_air
        {
            if kind == ENDED {
                // The news that the show is over is on its way; if it is not over, this one comes back.
                self.front.take().into_iter().for_each(Running::leave);
                self.ask_at = Some(now + NEWS_MAX);
                self.show_now();
                return;
            }
            self.figures.error(kind, &words);
            self.front.take().into_iter().for_each(Running::leave);
            self.show_now();
            if self.back.is_none() {
                // A refusal is told and tried again by itself.
                let _ = self.admit(Some(delivery)).await;
            }
        }
    }

    fn swap(&mut self, gap_ms: u64) {
        let Some(back) = self.back.take() else { return };
        if let Some(order) = self.order.take() {
            self.figures.moved(self.seat.id, order.told.elapsed(), gap_ms);
        }
        self.renew_later(back.expires_at);
        if let Some(old) = self.front.replace(back) {
            self.kept = Some((old, Instant::now() + KEEP));
        }
        self.show_now();
    }
}
