//! What is the team's alone.

use super::routes::{Asks::Team, ROUTES};
use super::stage::{Show, Stage};

#[actix_web::test]
async fn what_is_the_team_s_is_refused_to_strangers_and_rivals() {
    let stage = Stage::open().await;
    let Show { id, stream, recording } = &stage.shows[0];
    let price = stage.house.price("/demo/pro").await;
    let order = stage.house.buy(&mut stage.house.browser(), "/demo/pro", "buyer@example.com").await;
    let mut strangers = [stage.house.browser(), stage.house.signed_in("rival@example.com").await];
    strangers[0].get("/demo").await;
    for (method, path, asks) in ROUTES {
        if *asks != Team {
            continue;
        }
        let id = match path {
            path if path.contains("/streams/") => stream,
            path if path.contains("/recordings/") => &recording.id.to_string(),
            _ => id,
        };
        let path = path.replace("{space}", "demo").replace("{experience}", "live").replace("{pass}", "pro");
        let path = path.replace("{id}", id).replace("{part}", "features");
        let path = path.replace("{price}", &price).replace("{order}", &order);
        assert!(!path.contains('{'), "{path} leads nowhere");
        for browser in &mut strangers {
            let answer = match (*method, path.starts_with("/api/")) {
                ("GET", _) => browser.get(&path).await,
                (method, true) => browser.json(method, &path, "{}").await,
                // With all that a form of its kind needs to be read.
                (_, false) => browser.form(&path, &[("towards", "front"), ("title", "x"), ("rule", "open")]).await,
            };
            let asked_to_sign_in = answer.status == 303 && answer.header("location").starts_with("/sign-in");
            // A file is looked at before anything else of its form; a form without one goes no further.
            let no_file = path.ends_with("/poster") && answer.status == 400;
            assert!(
                asked_to_sign_in || no_file || [401, 403, 404].contains(&answer.status),
                "{method} {path}: {} {}",
                answer.status,
                answer.body
            );
        }
    }
    stage.house.close().await;
}
