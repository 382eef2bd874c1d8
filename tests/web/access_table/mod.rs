//! Every kind of holder × every experience × every way in, and every route of the site by who may use it: a route that is
//! in no table fails here, and so does one that asks the rule and is no way in.
//!
//! | file | what |
//! |---|---|
//! | `routes` | every route, and what it asks |
//! | `stage` | the experiences, on air and recorded |
//! | `holders`, `buyers` | who there is, by passes and parts, and by money |
//! | `ways` | the ways in |
//! | `playback`, `encoder` | HLS while it is on air |
//! | `team` | what is the team's alone |

mod buyers;
mod encoder;
mod holders;
mod playback;
mod routes;
mod stage;
mod team;
mod ways;

pub use routes::{Asks, ROUTES, mounted};

use crate::browser::Browser;
use futures_util::future::join_all;
use holders::{EXPECTED, Holder};
use playback::OnAir;
use routes::BESIDE;
use stage::{EXPERIENCES, Stage};
use std::collections::BTreeSet;
use ways::Way;

#[test]
fn every_route_that_asks_the_rule_is_a_way_in_and_no_other_is() {
    let rows = ROUTES.iter().chain(BESIDE).filter(|(_, _, asks)| *asks == Asks::Access);
    let rows: BTreeSet<_> = rows.map(|(method, path, _)| (*method, *path)).collect();
    let asked: BTreeSet<_> = Way::ALL.into_iter().map(Way::route).collect();
    let (never, strange): (Vec<_>, Vec<_>) = (rows.difference(&asked).collect(), asked.difference(&rows).collect());
    assert!(never.is_empty(), "no holder is sent there: {never:?}");
    assert!(strange.is_empty(), "not said to ask the rule: {strange:?}");
}

#[actix_web::test]
async fn every_holder_gets_what_the_rule_says_by_every_way_in() {
    let stage = Stage::open_with_hls().await;
    let on_air = OnAir::begin(&stage).await;
    let mut browsers = join_all(EXPECTED.iter().map(|(holder, ..)| stage.holder(*holder))).await;
    let visits = EXPECTED.iter().zip(&mut browsers).map(|((holder, name, may), browser)| {
        let (stage, on_air) = (&stage, &on_air);
        async move { visit(stage, on_air, (*holder, name), *may, browser).await }
    });
    let mut wrong = join_all(visits).await.concat();
    // And nobody anything where an operator closed the space.
    stage.close_space().await;
    let some = [Holder::Stranger, Holder::FreePass, Holder::Owner, Holder::Buyer];
    let visits = EXPECTED.iter().zip(&mut browsers).filter(|((holder, ..), _)| some.contains(holder));
    let visits = visits.map(|((holder, name, _), browser)| {
        let (stage, on_air, name) = (&stage, &on_air, format!("with the space closed, {name}"));
        async move { visit(stage, on_air, (*holder, &name), [false; 3], browser).await }
    });
    wrong.extend(join_all(visits).await.concat());
    stage.house.close().await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Tries every way into every experience; what was otherwise than expected.
async fn visit(
    stage: &Stage,
    on_air: &OnAir,
    (holder, name): (Holder, &str),
    may: [bool; 3],
    browser: &mut Browser,
) -> Vec<String> {
    let mut wrong = vec![];
    for (place, may) in may.into_iter().enumerate() {
        let slug = EXPERIENCES[place];
        let found = ways::all(stage, browser, place).await;
        assert_eq!(found.iter().map(|(way, _)| *way).collect::<Vec<_>>(), Way::ALL, "a way was not tried");
        for (way, opened) in found {
            if opened != way.opens(holder, may) {
                wrong.push(format!("{name}, {slug}, {way:?}: {opened}"));
            }
        }
        if !may || holder == Holder::Owner {
            let opened = on_air.guess(browser, place).await;
            wrong.extend(opened.into_iter().map(|what| format!("{name}, {slug}, {what}")));
        }
    }
    wrong
}
