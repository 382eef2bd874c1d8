//! Every kind of holder × every experience × every way in, and every route of the site by who may use it: a route that is
//! in neither table fails here.

use crate::browser::Browser;
use crate::house::House;
use backstage::recording::{Recording, ticket};
use backstage::world::SystemClock;
use backstage_actors::ports::{Clock, Path};
use std::collections::BTreeSet;
use std::time::Duration;

/// Who may watch `live` (a pass), `backstage` (a pass) and `open` (everybody).
const EXPECTED: [(&str, [bool; 3]); 9] = [
    ("a stranger", [false, false, true]),
    ("an account without a pass", [false, false, true]),
    ("the owner of another space", [false, false, true]),
    ("a holder of a pass to everything", [true, true, true]),
    ("a holder of a pass to backstage alone", [false, true, true]),
    ("somebody whose pass ran out", [false, false, true]),
    ("somebody whose pass was taken back", [false, false, true]),
    ("a moderator", [true, true, true]),
    ("the owner", [true, true, true]),
];
const EXPERIENCES: [&str; 3] = ["live", "backstage", "open"];

/// What a route asks of its visitors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// The rule of `core::access`: the table above goes there.
    Access,
    /// A part in the team that edits or hosts: strangers and rivals are refused.
    Team,
    /// Anybody, about themselves or about what is public.
    Nothing,
}
use Asks::{Access, Nothing, Team};

pub const ROUTES: &[(&str, &str, Asks)] = &[
    ("GET", "/api/v1/openapi.json", Nothing),
    ("GET", "/api/v1/me", Nothing), // oneself
    ("GET", "/api/v1/me/passes", Nothing),
    ("GET", "/api/v1/spaces/{space}", Nothing),
    ("GET", "/api/v1/spaces/{space}/experiences", Nothing),
    ("GET", "/api/v1/spaces/{space}/access", Team),
    ("GET", "/api/v1/spaces/{space}/passes", Team),
    ("POST", "/api/v1/spaces/{space}/passes", Team),
    ("GET", "/api/v1/spaces/{space}/passes/{pass}", Team),
    ("PUT", "/api/v1/spaces/{space}/passes/{pass}", Team),
    ("POST", "/api/v1/checkouts", Nothing), // opens nothing before it is paid
    ("POST", "/api/v1/orders/{id}/look", Nothing), // one's own orders
    ("POST", "/api/v1/orders/{id}/card", Nothing),
    ("POST", "/api/v1/orders/{id}/card/look", Nothing),
    ("GET", "/passes", Nothing),
    ("GET", "/orders/{id}", Nothing),
    ("GET", "/orders/{id}/in", Nothing),
    ("GET", "/orders/{id}/card", Nothing),
    ("GET", "/orders/{id}/cancel", Nothing),
    ("POST", "/orders/{id}/cancel", Nothing),
    ("POST", "/orders/{id}/stay", Nothing),
    ("POST", "/orders/{id}/resume", Nothing),
    ("GET", "/{space}/{pass}/checkout", Nothing),
    ("POST", "/{space}/{pass}/buy", Nothing),
    ("GET", "/studio/{space}/passes/{pass}/prices", Team),
    ("GET", "/studio/{space}/passes/{pass}/prices/new", Team),
    ("POST", "/studio/{space}/passes/{pass}/prices/new", Team),
    ("GET", "/studio/{space}/passes/{pass}/prices/{price}/edit", Team),
    ("POST", "/studio/{space}/passes/{pass}/prices/{price}/edit", Team),
    ("POST", "/studio/{space}/passes/{pass}/prices/{price}/retire", Team),
    ("GET", "/studio/{space}/orders", Team),
    ("GET", "/studio/{space}/orders/{order}", Team),
    ("POST", "/studio/{space}/orders/{order}/refund", Team),
    ("POST", "/studio/{space}/orders/{order}/end", Team),
    ("POST", "/api/v1/experiences/{id}/admission", Access),
    ("POST", "/api/v1/experiences/{id}/lobby", Team),
    ("POST", "/api/v1/experiences/{id}/go-live", Team),
    ("POST", "/api/v1/experiences/{id}/publisher-token", Team),
    ("POST", "/api/v1/experiences/{id}/end", Team),
    ("POST", "/api/v1/streams/{id}/observe", Team),
    ("POST", "/api/v1/streams/{id}/health", Team),
    ("POST", "/api/v1/streams/{id}/delivery", Team),
    ("GET", "/api/v1/streams/{id}/timeline", Team),
    ("PUT", "/api/v1/recordings/{id}/position", Access),
    ("POST", "/api/v1/recordings/{id}/position", Access),
    ("POST", "/api/v1/recordings/{id}/admission", Access),
    ("GET", "/api/v1/preflight", Nothing),
    ("POST", "/api/v1/preflight/uplink", Nothing),
    ("GET", "/live/{id}", Access),
    ("GET", "/assets/{name}", Nothing),
    ("GET", "/posters/{name}", Nothing),
    ("GET", "/recordings/{id}/~{ticket}/{object:.*}", Access),
    ("GET", "/media/{key:.*}", Nothing), // signed by us
    ("PUT", "/media/{key:.*}", Nothing),
    ("GET", "/", Nothing),
    ("POST", "/language", Nothing),
    ("GET", "/sign-in", Nothing),
    ("POST", "/sign-in", Nothing),
    ("POST", "/sign-in/code", Nothing),
    ("GET", "/sign-in/code", Nothing),
    ("POST", "/sign-out", Nothing),
    ("GET", "/account", Nothing),
    ("POST", "/account", Nothing),
    ("POST", "/account/sessions/{id}/revoke", Nothing),
    ("GET", "/dev/mail", Nothing),
    ("GET", "/dev/mail.json", Nothing),
    ("GET", "/dev/components", Nothing),
    ("GET", "/studio", Nothing), // one's own spaces
    ("GET", "/studio/spaces/new", Nothing),
    ("POST", "/studio/spaces/new", Nothing),
    ("GET", "/studio/{space}/edit", Team),
    ("POST", "/studio/{space}/edit", Team),
    ("GET", "/studio/{space}/edit/parts", Team),
    ("GET", "/studio/{space}/edit/{part}", Team),
    ("POST", "/studio/{space}/edit/{part}", Team),
    ("POST", "/studio/{space}/experiences/order", Team),
    ("GET", "/studio/{space}/experiences/new", Team),
    ("POST", "/studio/{space}/experiences/new", Team),
    ("GET", "/studio/{space}/passes", Team),
    ("POST", "/studio/{space}/passes/order", Team),
    ("GET", "/studio/{space}/passes/new", Team),
    ("POST", "/studio/{space}/passes/new", Team),
    ("GET", "/studio/{space}/passes/{pass}/edit", Team),
    ("POST", "/studio/{space}/passes/{pass}/edit", Team),
    ("POST", "/studio/{space}/passes/{pass}/default", Team),
    ("POST", "/studio/{space}/passes/{pass}/move", Team),
    ("GET", "/studio/{space}/{experience}/edit", Team),
    ("POST", "/studio/{space}/{experience}/edit", Team),
    ("POST", "/studio/{space}/{experience}/move", Team),
    ("POST", "/studio/{space}/{experience}/poster", Team),
    ("POST", "/studio/{space}/{experience}/poster/remove", Team),
    ("POST", "/studio/{space}/{experience}/recordings/{id}/edit", Team),
    ("POST", "/studio/{space}/{experience}/recordings/{id}/delete", Team),
    ("GET", "/studio/{space}/{experience}/timeline", Team),
    ("GET", "/studio/{space}/{experience}", Team),
    ("GET", "/m/{space}", Nothing),
    ("GET", "/alerts/{id}/off", Nothing), // the id is a secret of its owner
    ("POST", "/alerts/{id}/off", Nothing),
    ("POST", "/m/{space}/{experience}/join", Nothing),
    ("POST", "/m/{space}/{experience}/notify", Nothing),
    ("GET", "/m/{space}/{experience}/recordings", Access),
    ("GET", "/m/{space}/{experience}/recordings/{id}", Access),
    ("GET", "/m/{space}/{experience}", Access),
    ("GET", "/@{handle}", Nothing),
    ("POST", "/{space}/{pass}/join", Nothing),
    ("GET", "/{space}/{pass}", Nothing), // drafts: tests/web/passes.rs
    ("GET", "/{space}", Nothing),
];

/// Method and address of each route, read from where they are mounted.
pub fn mounted() -> BTreeSet<(String, String)> {
    let source = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/api/routes.rs")).unwrap();
    let api = source.find("scope(\"/api/v1\")").unwrap()..source.find("one(\"/live/{id}\"").unwrap();
    let mut found = BTreeSet::new();
    for opening in ["one(\"", "resource(\""] {
        for (at, _) in source.match_indices(opening) {
            let rest = &source[at + opening.len()..];
            let (path, rest) = rest.split_once('"').unwrap();
            let prefix = match path {
                _ if api.contains(&at) => "/api/v1",
                "/{name}" => "/assets",
                _ => "",
            };
            // Up to the next service: the methods of this address.
            let own = rest.split(".service(").next().unwrap();
            for (call, method) in [("get().to(", "GET"), ("post().to(", "POST"), ("put().to(", "PUT")] {
                if own.contains(call) {
                    found.insert((method.to_string(), format!("{prefix}{path}")));
                }
            }
        }
    }
    found
}

#[test]
fn every_route_has_a_row() {
    let rows: BTreeSet<(String, String)> =
        ROUTES.iter().map(|(method, path, _)| (method.to_string(), path.to_string())).collect();
    let mounted = mounted();
    let (new, gone): (Vec<_>, Vec<_>) = (mounted.difference(&rows).collect(), rows.difference(&mounted).collect());
    assert!(new.is_empty(), "who may use these routes? {new:?}");
    assert!(gone.is_empty(), "no longer mounted: {gone:?}");
}

/// An address part that stands beside spaces or experiences could be taken by one of them, and then lead elsewhere.
#[test]
fn words_of_our_own_addresses_cannot_be_taken_by_spaces_and_experiences() {
    use backstage_core::slug::Slug;
    for (_, path) in mounted() {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let is_word = |part: &&&str| !part.is_empty() && !part.contains(['{', '@', '.']);
        if let Some(word) = parts.first().filter(is_word) {
            assert!(Slug::for_space(word).is_err(), "a space may be called {word}: {path}");
        }
        if let ["studio" | "m", "{space}", word, ..] = parts.as_slice()
            && is_word(&word)
        {
            assert!(Slug::for_experience(word).is_err(), "an experience may be called {word}: {path}");
        }
    }
}

struct Stage {
    house: House,
    /// Id and recording of each experience.
    experiences: Vec<(String, Recording)>,
    creator: Browser,
}

impl Stage {
    async fn open() -> Stage {
        let house = House::open().await;
        let mut creator = house.creator().await;
        house.free_opens_all(&mut creator).await;
        let mut experiences = vec![];
        for slug in EXPERIENCES {
            let access = if slug == "open" { "open" } else { "pass" };
            let fields = [("title", slug), ("slug", slug), ("grace_s", "60"), ("access", access)];
            if slug == "open" {
                let made = creator.form("/studio/demo/experiences/new", &fields).await;
                assert_eq!(made.status, 303, "{}", made.body);
            }
            let id = house.browser().get(&format!("/m/demo/{slug}")).await.between("data-experience-id=\"", "\"");
            let recording = recorded(&house, slug, &id).await;
            let went = creator.api(&format!("/api/v1/experiences/{id}/go-live")).await;
            assert_eq!(went.status, 200, "{}", went.body);
            experiences.push((id, recording));
        }
        let backstage = experiences[1].0.clone();
        let crew = [("name", "Crew"), ("slug", "crew"), ("status", "published"), ("opens", "only")];
        let crew = [crew.as_slice(), &[("experience", backstage.as_str())]].concat();
        assert_eq!(creator.form("/studio/demo/passes/new", &crew).await.status, 303);
        Stage { house, experiences, creator }
    }

    /// A browser of each kind of holder, in the order of [`EXPECTED`].
    async fn holders(self: &Stage) -> Vec<Browser> {
        let house = &self.house;
        let mut rival = house.signed_in("rival@example.com").await;
        let space = [("name", "Rival"), ("slug", "rival"), ("accent", "blue")];
        assert_eq!(rival.form("/studio/spaces/new", &space).await.status, 303);
        let mut crew = house.browser();
        crew.get("/demo").await;
        assert_eq!(crew.form("/demo/crew/join", &[]).await.status, 303);
        let ended = house.signed_in("ended@example.com").await;
        let revoked = house.signed_in("revoked@example.com").await;
        let moderator = house.signed_in("moderator@example.com").await;
        let mut all = vec![
            house.browser(),
            house.signed_in("account@example.com").await,
            rival,
            house.guest().await,
            crew,
            ended,
            revoked,
            moderator,
            house.creator().await,
        ];
        for holder in [5, 6] {
            all[holder].get("/demo").await;
            assert_eq!(all[holder].form("/demo/free/join", &[]).await.status, 303);
        }
        house
            .sql(
                "UPDATE grants SET expires_at = granted_at + 1 \
                 WHERE user_id = (SELECT id FROM users WHERE email = 'ended@example.com')",
            )
            .await;
        house
            .sql(
                "UPDATE grants SET revoked_at = granted_at + 1 \
                 WHERE user_id = (SELECT id FROM users WHERE email = 'revoked@example.com')",
            )
            .await;
        house
            .sql(
                "INSERT INTO memberships (team_id, user_id, role, joined_at) SELECT m.team_id, u.id, 'moderator', 1 \
                 FROM memberships m JOIN users c ON c.id = m.user_id, users u \
                 WHERE c.email = 'creator@example.com' AND u.email = 'moderator@example.com'",
            )
            .await;
        all
    }
}

async fn recorded(house: &House, slug: &str, id: &str) -> Recording {
    let state = &house.app.state;
    let space = state.store.find_space("demo").await.unwrap().unwrap().state.id;
    let stream = format!("stream-of-{slug}");
    let path = Path { space, experience: id.parse().unwrap(), stream: stream.parse().unwrap() };
    house.archived(&path).await
}

/// What each way in says to a browser about an experience.
async fn ways(stage: &Stage, browser: &mut Browser, place: usize) -> Vec<(&'static str, bool)> {
    let (slug, (id, recording)) = (EXPERIENCES[place], &stage.experiences[place]);
    let page = browser.get(&format!("/m/demo/{slug}")).await;
    let admission = browser.api(&format!("/api/v1/experiences/{id}/admission")).await;
    assert!([200, 403].contains(&admission.status), "{}", admission.body);
    let token = admission.status == 200 && admission.json()["livekit"]["token"].is_string();
    let mut socket = browser.socket(id, "as=viewer").await;
    let heard = tokio::time::timeout(Duration::from_secs(5), socket.hear("state")).await.unwrap().is_some();
    let film = format!("/m/demo/{slug}/recordings/{}", recording.id);
    let film_page = browser.get(&film).await;
    let film_admission = browser.api(&format!("/api/v1/recordings/{}/admission", recording.id)).await;
    let ticket = match film_admission.status {
        200 => {
            let url = film_admission.json()["hls"]["url"].as_str().unwrap().to_owned();
            url.split('~').nth(1).unwrap().split('/').next().unwrap().to_owned()
        }
        _ => ticket::issue(&stage.house.app.state.seal, &recording.id, None, SystemClock.now()),
    };
    let mut all = vec![
        ("page", page.body.contains("data-gate=\"open\"")),
        ("admission", admission.status == 200),
        ("media token", token),
        ("socket", heard),
        ("page of the recording", film_page.body.contains("<live-player")),
        ("admission to the recording", film_admission.status == 200),
    ];
    for (way, name) in [("playlist", "hls/index.m3u8"), ("segment", "hls/s00000.m4s"), ("file", "video.mp4")] {
        let got = browser.get(&format!("/recordings/{}/~{ticket}/{name}", recording.id)).await;
        all.push((way, got.status == 200));
    }
    let list = browser.get(&format!("/m/demo/{slug}/recordings")).await;
    all.push(("list of recordings", list.body.contains("/poster.jpg")));
    all
}

#[actix_web::test]
async fn every_holder_gets_what_the_rule_says_by_every_way_in() {
    let stage = Stage::open().await;
    let mut holders = stage.holders().await;
    assert_eq!(holders.len(), EXPECTED.len());
    let mut wrong = vec![];
    for ((holder, expected), browser) in EXPECTED.into_iter().zip(&mut holders) {
        for (place, may) in expected.into_iter().enumerate() {
            for (way, opened) in ways(&stage, browser, place).await {
                if opened != may {
                    wrong.push(format!("{holder}, {}, {way}: {opened} instead of {may}", EXPERIENCES[place]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    stage.house.close().await;
}

#[actix_web::test]
async fn what_is_the_team_s_is_refused_to_strangers_and_rivals() {
    let mut stage = Stage::open().await;
    let (id, recording) = &stage.experiences[0];
    let stream = stage.creator.api(&format!("/api/v1/experiences/{id}/publisher-token")).await.json();
    let stream = stream["stream_id"].as_str().unwrap().to_owned();
    let mut strangers = [stage.house.browser(), stage.house.signed_in("rival@example.com").await];
    strangers[0].get("/demo").await;
    for (method, path, asks) in ROUTES {
        if *asks != Team {
            continue;
        }
        let id = match path {
            path if path.contains("/streams/") => &stream,
            path if path.contains("/recordings/") => &recording.id.to_string(),
            _ => id,
        };
        let path = path.replace("{space}", "demo").replace("{experience}", "live").replace("{pass}", "free");
        let path = path.replace("{id}", id).replace("{part}", "features");
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
