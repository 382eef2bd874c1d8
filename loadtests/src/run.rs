//! One run: the stage, the audience, the pages, second by second; and everybody goes home at the end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::browser::{Browser, client};
use crate::clip;
use crate::creator::{CreatorError, OnAir, SignedIn};
use crate::figures::{Figures, Second, Totals};
use crate::pages;
use crate::scenario::{Creator, PublisherKind, Scenario};
use crate::target::Target;
use crate::verdict::{Verdict, judge};
use crate::viewer::{self, Seat};

/// How often the audience is brought to its size.
const STEP: Duration = Duration::from_millis(100);
/// How long viewers may take to go home.
const HOME_MAX: Duration = Duration::from_secs(15);
/// How long the creator may take to end the show.
const END_MAX: Duration = Duration::from_secs(20);

/// Why a run could not begin, or not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No HTTP client.
    #[error("no HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// The creator is not on stage.
    #[error(transparent)]
    Creator(#[from] CreatorError),
    /// There is nothing to publish.
    #[error(transparent)]
    Clip(#[from] clip::MakingError),
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Everything.
    pub totals: Totals,
    /// Second by second.
    pub seconds: Vec<Second>,
    /// Where phases begin, s since the start.
    pub phases: Vec<(f64, String)>,
    /// Limits.
    pub verdict: Verdict,
    /// Pictures the creator sent, 0 for somebody else.
    pub published: u64,
}

/// Runs a scenario. `told` hears of every second, with the name of the phase and all errors so far; `interrupt` ends it early.
///
/// # Errors
/// When nobody can go on stage. What goes wrong for viewers is counted instead.
pub async fn run(
    scenario: &Scenario,
    target: Target,
    mut told: impl FnMut(&str, &Second, u64),
    interrupt: impl Future<Output = ()>,
) -> Result<Outcome, RunError> {
    let (client, target) = (client()?, Arc::new(target));
    let page = format!("/m/{}/{}", scenario.space, scenario.experience);
    let mut stage = Stage::enter(scenario, &client, &target, &page).await?;
    if stage.goes_live_at_once() {
        stage.go_live().await?;
    }
    let figures = Figures::default();
    let (stop_pages, pages_stop) = watch::channel(false);
    let mut others = JoinSet::new();
    others.spawn(pages::run(scenario.pages.clone(), client.clone(), target.clone(), figures.clone(), pages_stop));
    let (seats, tasks) = (BTreeMap::new(), JoinSet::new());
    let mut audience = Audience { scenario, client, target, page, figures: figures.clone(), seats, tasks, next: 0 };
    tokio::pin!(interrupt);
    let began = Instant::now();
    let mut beat = interval(STEP);
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut next_second, mut complete) = (Duration::from_secs(1), true);
    let failed = loop {
        tokio::select! {
            _ = beat.tick() => {}
            () = &mut interrupt => { complete = false; break None }
        }
        let at = began.elapsed();
        let (wanted, phase) = scenario.audience(at);
        audience.resize(wanted);
        if at >= next_second {
            next_second += Duration::from_secs(1);
            let second = figures.second(wanted);
            let name = scenario.phases.get(phase).map_or("", |phase| phase.name.as_str());
            told(name, &second, figures.totals().errors());
        }
        if at >= scenario.length() {
            break None;
        }
        if let Err(error) = stage.step(at, &figures).await {
            break Some(error);
        }
    };
    figures.close();
    stop_pages.send_replace(true);
    audience.go_home().await;
    while others.join_next().await.is_some() {}
    let published = stage.end(&figures).await;
    if let Some(error) = failed {
        return Err(error);
    }
    let totals = figures.totals();
    let verdict = judge(&scenario.limits, &totals, complete);
    Ok(Outcome { verdict, totals, seconds: figures.seconds(), phases: phases(scenario), published })
}

fn phases(scenario: &Scenario) -> Vec<(f64, String)> {
    let begins = scenario.phases.iter().scan(Duration::ZERO, |at, phase| {
        let began = *at;
        *at += phase.length;
        Some((began.as_secs_f64(), phase.name.clone()))
    });
    begins.collect()
}

/// Whoever is on it.
struct Stage {
    creator: Option<(Creator, backstage_media::participant::Programme)>,
    signed_in: Option<SignedIn>,
    on_air: Option<OnAir>,
    /// Going live takes a moment, in which viewers go on coming.
    going: JoinSet<Result<OnAir, CreatorError>>,
    gone: bool,
}

impl Stage {
    async fn enter(scenario: &Scenario, client: &Client, target: &Arc<Target>, page: &str) -> Result<Stage, RunError> {
        let mut stage = Stage { creator: None, signed_in: None, on_air: None, going: JoinSet::new(), gone: false };
        if let PublisherKind::Creator(creator) = &scenario.publisher {
            let programme = clip::make(creator).await?;
            let browser = Browser::new(client.clone(), target.clone());
            stage.signed_in = Some(SignedIn::enter(browser, creator, page).await?);
            stage.creator = Some((creator.clone(), programme));
        }
        Ok(stage)
    }

    fn goes_live_at_once(&self) -> bool {
        self.creator.as_ref().is_some_and(|(creator, _)| creator.after.is_zero())
    }

    async fn go_live(&mut self) -> Result<(), CreatorError> {
        if let (Some(signed_in), Some((_, programme))) = (self.signed_in.take(), &self.creator) {
            self.on_air = Some(signed_in.go_live(programme.clone()).await?);
        }
        Ok(())
    }

    async fn step(&mut self, at: Duration, figures: &Figures) -> Result<(), RunError> {
        let due = self.creator.as_ref().filter(|(creator, _)| at >= creator.after);
        if let (Some((_, programme)), true) = (due, self.signed_in.is_some())
            && let Some(signed_in) = self.signed_in.take()
        {
            let programme = programme.clone();
            self.going.spawn(signed_in.go_live(programme));
        }
        if let Some(went) = self.going.try_join_next() {
            self.on_air = Some(went.map_err(|_| CreatorError::Failed)??);
        }
        if let Some(why) = self.on_air.as_ref().and_then(OnAir::gone).filter(|_| !self.gone) {
            self.gone = true;
            figures.error("the stage", &format!("the creator is off air: {why}"));
        }
        Ok(())
    }

    /// Pictures sent.
    async fn end(mut self, figures: &Figures) -> u64 {
        let mut on_air = self.on_air.take();
        if let Ok(Some(Ok(Ok(going)))) = timeout(END_MAX, self.going.join_next()).await {
            on_air = Some(going);
        }
        let Some(on_air) = on_air else { return 0 };
        let published = on_air.stats().frames;
        match timeout(END_MAX, on_air.end()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => figures.error("the stage", &error.to_string()),
            Err(_) => figures.error("the stage", "the show could not be ended in 20 s"),
        }
        published
    }
}

/// All viewers.
struct Audience<'a> {
    scenario: &'a Scenario,
    client: Client,
    target: Arc<Target>,
    page: String,
    figures: Figures,
    seats: BTreeMap<usize, watch::Sender<bool>>,
    tasks: JoinSet<usize>,
    next: usize,
}

impl Audience<'_> {
    /// Those who came last go first.
    fn resize(&mut self, wanted: usize) {
        while let Some(ended) = self.tasks.try_join_next() {
            self.ended(ended);
        }
        // A storm is as fast as the scenario says; one whose viewers all fail is not repeated.
        while self.seats.len() < wanted {
            let (stop, stopped) = watch::channel(false);
            let id = self.next;
            self.next += 1;
            let seat = Seat { id, habit: self.scenario.habit(id), page: self.page.clone(), seed: self.scenario.seed };
            self.seats.insert(id, stop);
            let (client, target, figures) = (self.client.clone(), self.target.clone(), self.figures.clone());
            self.tasks.spawn(viewer::run(seat, client, target, figures, stopped));
        }
        while self.seats.len() > wanted {
            // Without its sender the viewer leaves.
            self.seats.pop_last();
        }
    }

    fn ended(&mut self, ended: Result<usize, JoinError>) {
        match ended {
            Ok(id) => drop(self.seats.remove(&id)),
            Err(error) if error.is_cancelled() => {}
            Err(_) => self.figures.error("a viewer's task failed", "see standard error"),
        }
    }

    async fn go_home(&mut self) {
        self.seats.clear();
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                if ended.is_err_and(|error| error.is_panic()) {
                    self.figures.error("a viewer's task failed", "see standard error");
                }
            }
        };
        if timeout(HOME_MAX, all).await.is_err() {
            self.tasks.shutdown().await;
        }
    }
}
