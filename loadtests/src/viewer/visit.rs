//! One browser's visits to the page: it opens it, waits, is let in, watches, reloads.

use std::time::Duration;

use backstage_media::participant::system_clock;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::{Instant, sleep, sleep_until};

use super::admission::{Admission, Wish, ask, is_final};
use super::moves::Order;
use super::source::Running;
use super::{Seat, renewal};
use crate::browser::{Browser, RequestError};
use crate::creator::experience_of;
use crate::figures::Figures;
use crate::scenario::Habit;
use crate::socket::{Delivery, News, Show, Socket};

/// How often a viewer looks at its own picture.
const LOOK_EACH: Duration = Duration::from_millis(100);
/// First pause after a failure; doubled up to the longest.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// A server that asks for patience gets no more than this.
const PATIENCE_S_MAX: u64 = 60;

/// Why a visit to the page ended.
enum End {
    Reload,
    Refused,
}

/// All that one viewer knows.
pub(super) struct Visit {
    pub(super) seat: Seat,
    pub(super) browser: Browser,
    pub(super) figures: Figures,
    pub(super) random: StdRng,
    pub(super) experience: String,
    /// The page was opened then, or the show began, whatever was later.
    pub(super) opened: Instant,
    pub(super) show: Show,
    /// Of the show, since the page was opened.
    pub(super) heard: bool,
    pub(super) front: Option<Running>,
    pub(super) back: Option<Running>,
    pub(super) kept: Option<(Running, Instant)>,
    pub(super) order: Option<Order>,
    /// Admission is asked for then.
    pub(super) ask_at: Option<Instant>,
    pub(super) renew_at: Option<Instant>,
    pub(super) pause: Duration,
    pub(super) joined: bool,
    pub(super) seen: bool,
    pub(super) watching: Option<Delivery>,
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

impl Visit {
    /// Before it has opened anything.
    pub(super) fn new(seat: Seat, browser: Browser, figures: Figures, random: StdRng) -> Visit {
        Visit {
            seat,
            browser,
            figures,
            random,
            experience: String::new(),
            opened: Instant::now(),
            show: Show::default(),
            heard: false,
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
        }
    }

    /// Never ends by itself.
    pub(super) async fn again_and_again(&mut self) {
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
        (self.joined, self.seen, self.show, self.heard) = (false, false, Show::default(), false);
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
            if self.front.is_none() && self.heard {
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
        (self.show, self.heard) = (show, true);
    }

    /// Asks to be let in, and starts what is offered in front.
    pub(super) async fn admit(&mut self, failed: Option<Delivery>) -> Result<(), RequestError> {
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
    pub(super) async fn start(&mut self, failed: Option<Delivery>) -> Result<Option<Running>, RequestError> {
        let wish = Wish { watching: self.watching, failed };
        let admission = ask(&self.browser, &self.experience, wish).await?;
        let running = Running::start(admission, &self.browser, &self.experience, &self.figures);
        Ok(running.inspect_err(|error| self.figures.error("elsewhere", &error.to_string())).ok())
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
    pub(super) fn renew_later(&mut self, expires_at: Option<i64>) {
        let random = self.random.random_range(0.0..1.0);
        let wait = expires_at.map(|ends| renewal::renew_in(ends - system_clock() / 1_000, random));
        self.renew_at = wait.map(|wait| Instant::now() + wait);
    }

    /// Tells the figures what is on the screen.
    pub(super) fn show_now(&mut self) {
        let now = self.front.as_ref().map(Running::delivery);
        if now != self.watching {
            self.figures.watches(self.watching, now);
            self.watching = now;
        }
    }

    pub(super) fn fail(&self, error: &RequestError) {
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
    pub(super) async fn close(&mut self) {
        let kept = self.kept.take().map(|(kept, _)| kept);
        for running in [self.front.take(), self.back.take(), kept].into_iter().flatten() {
            running.stop().await;
        }
        (self.order, self.ask_at, self.renew_at) = (None, None, None);
        self.figures.told_to_stay(self.seat.id);
        self.show_now();
    }
}
