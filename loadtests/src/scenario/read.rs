//! From a TOML table to a scenario.

use std::time::Duration;

use toml::Table;

use super::reader::{Mistakes, Section};
use super::{
    Creator, Habit, Limits, Pages, Phase, PublisherKind, SECONDS_MAX, Scenario, ScenarioError, Share, VIEWERS_MAX,
};

const PHASES_MAX: usize = 50;
const KINDS_MAX: usize = 20;
const PATHS_MAX: usize = 50;
/// A limit of time is no longer, ms: what the histograms can hold.
const LIMIT_MS_MAX: u64 = 600_000;

pub(super) fn scenario(table: &Table) -> Result<Scenario, ScenarioError> {
    let mut wrong = Mistakes::new();
    let mut root = Section::root(table);
    let name = root.text("name", 60, &mut wrong);
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.chars().all(plain) {
        wrong.push("name may have lower-case letters, digits and underscores only: it names files".into());
    }
    let about = root.text("about", 200, &mut wrong);
    let seed = root.number("seed", 0..=u64::MAX >> 1, &mut wrong).unwrap_or(1);
    let (space, experience) = target(root.section("target", &mut wrong), &mut wrong);
    let publisher = publisher(root.section("publisher", &mut wrong), &mut wrong);
    let phases: Vec<Phase> = {
        let found = root.sections("phase", PHASES_MAX, &mut wrong);
        found.into_iter().map(|section| phase(section, &mut wrong)).collect()
    };
    if phases.is_empty() {
        wrong.push("there must be one [[phase]] at least".into());
    }
    if phases.iter().map(|phase| phase.length.as_secs()).sum::<u64>() > SECONDS_MAX {
        wrong.push(format!("all phases together may take {SECONDS_MAX} seconds at most"));
    }
    let mut viewers: Vec<Share> = {
        let found = root.sections("viewer", KINDS_MAX, &mut wrong);
        found.into_iter().filter_map(|section| share(section, &mut wrong)).collect()
    };
    if viewers.is_empty() {
        viewers.push(Share { habit: Habit::Watches, percent: 100 });
    } else if viewers.iter().map(|share| share.percent).sum::<u64>() != 100 {
        wrong.push("the shares of all [[viewer]] must make 100 together".into());
    }
    let pages = pages(root.section("pages", &mut wrong), &mut wrong);
    let limits = limits(root.section("limits", &mut wrong), &mut wrong);
    if limits.pages_ms_p99.is_some() && pages.per_second == 0 {
        wrong.push("limits.pages_ms_p99 needs pages.per_second".into());
    }
    root.finish(&mut wrong);
    if wrong.is_empty() {
        Ok(Scenario { name, about, seed, space, experience, publisher, phases, viewers, pages, limits })
    } else {
        Err(ScenarioError::Mistakes(wrong))
    }
}

fn target(mut section: Section<'_>, wrong: &mut Mistakes) -> (String, String) {
    if !section.is_there() {
        wrong.push("[target] is missing: space and experience".into());
        return (String::new(), String::new());
    }
    let (space, experience) = (section.text("space", 60, wrong), section.text("experience", 60, wrong));
    let slug = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !slug(&space) || !slug(&experience) {
        wrong.push("target.space and target.experience are written as in the page's address".into());
    }
    section.finish(wrong);
    (space, experience)
}

fn publisher(mut section: Section<'_>, wrong: &mut Mistakes) -> PublisherKind {
    if !section.is_there() {
        wrong.push("[publisher] is missing".into());
        return PublisherKind::External;
    }
    let kind = section.text("kind", 20, wrong);
    let publisher = match kind.as_str() {
        "creator" => {
            let size = section.text_or("size", "320x180", wrong);
            let pixels =
                |text: &str| text.parse().ok().filter(|n: &u16| (64..=1_920).contains(n) && n.is_multiple_of(2));
            let size = size.split_once('x').and_then(|(w, h)| Some((pixels(w)?, pixels(h)?)));
            if size.is_none() {
                wrong.push("publisher.size must be WIDTHxHEIGHT, even numbers from 64 to 1920".into());
            }
            PublisherKind::Creator(Creator {
                email: section.text("email", 200, wrong),
                after: Duration::from_secs(section.number("after_s", 0..=SECONDS_MAX, wrong).unwrap_or(0)),
                size: size.unwrap_or((320, 180)),
                fps: section.number("fps", 5..=60, wrong).unwrap_or(30) as u32,
                kbps: section.number("kbps", 30..=20_000, wrong).unwrap_or(150) as u32,
            })
        }
        "external" => PublisherKind::External,
        "" => PublisherKind::External,
        _ => {
            wrong.push("publisher.kind must be \"creator\" or \"external\"".into());
            PublisherKind::External
        }
    };
    section.finish(wrong);
    publisher
}

fn phase(mut section: Section<'_>, wrong: &mut Mistakes) -> Phase {
    let name = section.text("name", 60, wrong);
    let seconds = section.needed("seconds", 1..=SECONDS_MAX, wrong);
    let viewers = section.needed("viewers", 0..=VIEWERS_MAX, wrong);
    let ramp = section.number("ramp_s", 0..=SECONDS_MAX, wrong).unwrap_or(0);
    if ramp > seconds {
        wrong.push(format!("the phase {name:?} ramps for longer than it takes"));
    }
    section.finish(wrong);
    Phase {
        name,
        length: Duration::from_secs(seconds),
        viewers: viewers as usize,
        ramp: Duration::from_secs(ramp.min(seconds)),
    }
}

fn share(mut section: Section<'_>, wrong: &mut Mistakes) -> Option<Share> {
    let kind = section.text("kind", 20, wrong);
    let percent = section.needed("share", 1..=100, wrong);
    let habit = match kind.as_str() {
        "watches" => Some(Habit::Watches),
        "reloads" => Some(Habit::Reloads(Duration::from_secs(section.needed("each_s", 5..=SECONDS_MAX, wrong)))),
        "lurks" => Some(Habit::Lurks),
        "" => None,
        _ => {
            wrong.push(format!("a viewer's kind must be \"watches\", \"reloads\" or \"lurks\", not {kind:?}"));
            None
        }
    };
    section.finish(wrong);
    habit.map(|habit| Share { habit, percent })
}

fn pages(mut section: Section<'_>, wrong: &mut Mistakes) -> Pages {
    let per_second = section.number("per_second", 0..=100, wrong).unwrap_or(0);
    let paths = section.texts("paths", PATHS_MAX, wrong);
    if paths.iter().any(|path| !path.starts_with('/') || path.starts_with("//") || path.len() > 500) {
        wrong.push("pages.paths begin with one / each".into());
    }
    if per_second > 0 && paths.is_empty() {
        wrong.push("pages.per_second needs pages.paths".into());
    }
    section.finish(wrong);
    Pages { per_second, paths }
}

fn limits(mut section: Section<'_>, wrong: &mut Mistakes) -> Limits {
    let time = 1..=LIMIT_MS_MAX;
    let count = 0..=1_000_000;
    let limits = Limits {
        join_ms_p95: section.number("join_ms_p95", time.clone(), wrong),
        first_frame_ms_p95: section.number("first_frame_ms_p95", time.clone(), wrong),
        frame_gap_ms_max: section.number("frame_gap_ms_max", time.clone(), wrong),
        move_gap_ms_max: section.number("move_gap_ms_max", time.clone(), wrong),
        stalls_max: section.number("stalls_max", count.clone(), wrong),
        moved_within_ms: section.number("moved_within_ms", time.clone(), wrong),
        left_behind_max: section.number("left_behind_max", count.clone(), wrong),
        pages_ms_p99: section.number("pages_ms_p99", time, wrong),
        errors_max: section.number("errors_max", count, wrong),
    };
    section.finish(wrong);
    limits
}
