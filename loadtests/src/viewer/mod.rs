//! One virtual viewer: opens the page, takes the free pass, holds the socket, watches, goes where it is moved. One task each.
//!
//! | as in the page | here |
//! |---|---|
//! | `<live-player>` | [`Visit`]: front source, another one beside it while moving, the old one kept for 4 s |
//! | swap guard | the new source runs steadily ([`source::Look::ready`]) within 12 s, or it is given up |
//! | renewal | a new admission before the playback token ends |

pub mod admission;
mod renewal;
mod source;

use std::sync::Arc;
use std::time::Duration;

use backstage_media::participant::system_clock;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::Client;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::browser::{Browser, RequestError};
use crate::creator::experience_of;
use crate::figures::Figures;
use crate::hls::ENDED;
use crate::scenario::Habit;
use crate::socket::{Delivery, News, Show, Socket};
use crate::target::Target;
use admission::{Admission, Wish, ask, is_final};
use source::Running;

/// How often a viewer looks at its own picture.
const LOOK_EACH: Duration = Duration::from_millis(100);
/// A new source is to run steadily within this.
const PROOF_MAX: Duration = Duration::from_secs(12);
/// The old source is kept beside the new one for so long.
const KEEP: Duration = Duration::from_secs(4);
/// A move that failed is tried again within this.
const AGAIN: Duration = Duration::from_secs(10);
/// First pause after a failure; doubled up to the longest.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// After the end of a playlist, the news of the show's end comes within this.
const NEWS_MAX: Duration = Duration::from_secs(2);
/// A server that asks for patience gets no more than this.
const PATIENCE_S_MAX: u64 = 60;

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
    let mut visit = Visit {
        seat,
        browser,
        figures: figures.clone(),
        random,
        experience: String::new(),
        opened: Instant::now(),
        show: Show::default(),
        front: None,
        back: None,
        kept: None,
        order: None,
        ask_at: None,
        renew_at: None,
        pause: PAUSE,
        joined: false,
        seen: false,
        watching: None,
    };
    tokio::select! {
        () = visit.again_and_again() => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
    visit.close().await;
    figures.left(id);
    id
}

/// To move to the other delivery.
struct Order {
    to: Delivery,
    told: Instant,
    /// When it acts.
    at: Instant,
}

/// Why a visit to the page ended.
enum End {
    Reload,
    Refused,
}

struct Visit {
    seat: Seat,
    browser: Browser,
    figures: Figures,
    random: StdRng,
    experience: String,
    /// The page was opened then, or the show began, whatever was later.
    opened: Instant,
    show: Show,
    front: Option<Running>,
    back: Option<Running>,
    kept: Option<(Running, Instant)>,
    order: Option<Order>,
    /// Admission is asked for then.
    ask_at: Option<Instant>,
    renew_at: Option<Instant>,
    pause: Duration,
    joined: bool,
    seen: bool,
    watching: Option<Delivery>,
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

impl Visit {
    async fn again_and_again(&mut self) {
        loop {
            let end = match self.open().await {
                Ok(()) => self.stay().await,
                Err(error) => {
                    self.fail(&error);
                    if is_final(&error) {
                        End::Refused
                    } else {
                        let pause = self.next_pause(&error);
                        sleep(pause).await;
                        continue;
                    }
                }
            };
            self.close().await;
            if matches!(end, End::Refused) {
                // It keeps its seat: another one would fare no better.
                std::future::pending::<()>().await;
            }
        }
    }

    /// The page, and the free pass if it asks for one.
    async fn open(&mut self) -> Result<(), RequestError> {
        self.opened = Instant::now();
        (self.joined, self.seen, self.show) = (false, false, Show::default());
        let page = self.seat.page.clone();
        let mut shown = self.browser.get(&page).await?.good()?;
        let join = format!("{page}/join");
        if shown.body.contains(&format!("action=\"{join}\"")) {
            self.browser.form(&join, &[]).await?.good()?;
            shown = self.browser.get(&page).await?.good()?;
        }
        self.experience = experience_of(&shown)?;
        self.pause = PAUSE;
        Ok(())
    }

    async fn stay(&mut self) -> End {
        let random = StdRng::from_rng(&mut self.random);
        let mut socket = Socket::new(self.browser.clone(), &self.experience, random);
        let reload_at = match self.seat.habit {
            Habit::Reloads(each) => Some(Instant::now() + each.mul_f64(self.random.random_range(0.75..1.25))),
            Habit::Watches | Habit::Lurks => None,
        };
        let mut looks = tokio::time::interval(LOOK_EACH);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let order_at = self.order.as_ref().filter(|_| self.back.is_none()).map(|order| order.at);
            tokio::select! {
                news = socket.next() => match news {
                    News::State(show) => self.hear(show),
                    News::Move(to, within) => self.told(to, within),
                    News::Lost(words) => self.figures.error("socket", &words),
                    News::Over(words) => {
                        self.figures.error("access over", &words);
                        return End::Refused;
                    }
                },
                () = at(self.ask_at) => {
                    if let Err(error) = self.admit(None).await && is_final(&error) {
                        return End::Refused;
                    }
                }
                () = at(order_at) => self.begin_move().await,
                () = at(self.renew_at) => self.renew().await,
                () = at(reload_at) => return End::Reload,
                _ = looks.tick() => self.look().await,
            }
            socket.watches(self.watching);
        }
    }

    fn hear(&mut self, show: Show) {
        if self.seat.habit == Habit::Lurks {
            return;
        }
        let now = Instant::now();
        if show.on_air && !self.show.on_air {
            // Those who waited in the lobby count from here.
            if self.front.is_none() && self.show != Show::default() {
                self.opened = now;
            }
            self.ask_at = self.front.is_none().then_some(now);
        }
        if !show.on_air {
            // What is over needs no goodbye: the room is closed.
            let kept = self.kept.take().map(|(kept, _)| kept);
            [self.front.take(), self.back.take(), kept].into_iter().flatten().for_each(Running::leave);
            (self.ask_at, self.renew_at) = (None, None);
            if self.order.take().is_some() {
                self.figures.told_to_stay(self.seat.id);
            }
            self.show_now();
        }
        self.show = show;
    }

    /// The moment is drawn once, however often it is told.
    fn told(&mut self, to: Delivery, within: Duration) {
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

    /// Asks to be let in, and starts what is offered in front.
    async fn admit(&mut self, failed: Option<Delivery>) -> Result<(), RequestError> {
        self.ask_at = None;
        match self.start(failed).await {
            Ok(Some(running)) => {
                self.pause = PAUSE;
                self.renew_later(running.expires_at);
                self.front = Some(running);
                self.show_now();
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(error) => {
                // The show may be armed for us and not yet for the one who lets us in.
                if error.word() != "not_live" {
                    self.fail(&error);
                }
                self.ask_at = Some(Instant::now() + self.next_pause(&error));
                Err(error)
            }
        }
    }

    /// A source that leads to another machine is none; that is told.
    async fn start(&mut self, failed: Option<Delivery>) -> Result<Option<Running>, RequestError> {
        let wish = Wish { watching: self.watching, failed };
        let admission = ask(&self.browser, &self.experience, wish).await?;
        let running = Running::start(admission, &self.browser, &self.experience, &self.figures);
        Ok(running.inspect_err(|error| self.figures.error("elsewhere", &error.to_string())).ok())
    }

    /// Starts the other delivery beside the running one.
    async fn begin_move(&mut self) {
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

    async fn renew(&mut self) {
        self.renew_at = None;
        let wish = Wish { watching: self.watching, failed: None };
        match ask(&self.browser, &self.experience, wish).await {
            Ok(Admission::Hls { url, expires_at }) => {
                if let Some(front) = &mut self.front {
                    front.renew(&url, self.browser.target());
                    self.renew_later(Some(expires_at));
                }
            }
            Ok(Admission::Webrtc(_)) => self.told(Delivery::Webrtc, Duration::ZERO),
            Err(error) => {
                self.fail(&error);
                self.renew_at = Some(Instant::now() + renewal::again_in(self.random.random_range(0.0..1.0)));
            }
        }
    }

    /// Before a playback token ends, ms since the Unix epoch; rooms have none that matters.
    fn renew_later(&mut self, expires_at: Option<i64>) {
        let random = self.random.random_range(0.0..1.0);
        let wait = expires_at.map(|ends| renewal::renew_in(ends - system_clock() / 1_000, random));
        self.renew_at = wait.map(|wait| Instant::now() + wait);
    }

    /// Looks at the picture, and swaps when the new one is steady.
    async fn look(&mut self) {
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

    /// Tells the figures what is on the screen.
    fn show_now(&mut self) {
        let now = self.front.as_ref().map(Running::delivery);
        if now != self.watching {
            self.figures.watches(self.watching, now);
            self.watching = now;
        }
    }

    fn fail(&self, error: &RequestError) {
        self.figures.error(&error.word(), &error.to_string());
    }

    fn next_pause(&mut self, error: &RequestError) -> Duration {
        let pause = self.pause.mul_f64(self.random.random_range(0.5..1.0));
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        match error {
            RequestError::Refused { retry_after_s: Some(asked), .. } => {
                pause.max(Duration::from_secs((*asked).min(PATIENCE_S_MAX)))
            }
            RequestError::Refused { .. }
            | RequestError::Transport { .. }
            | RequestError::TooLarge(_)
            | RequestError::Unexpected { .. } => pause,
        }
    }

    /// Leaves the page.
    async fn close(&mut self) {
        let kept = self.kept.take().map(|(kept, _)| kept);
        for running in [self.front.take(), self.back.take(), kept].into_iter().flatten() {
            running.stop().await;
        }
        (self.order, self.ask_at, self.renew_at) = (None, None, None);
        self.figures.told_to_stay(self.seat.id);
        self.show_now();
    }
}
