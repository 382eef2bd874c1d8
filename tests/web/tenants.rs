//! Two creators, each with a world of their own. Nothing of one is another's: not by any address, not by any query.

use crate::access_table::{Asks, ROUTES};
use crate::browser::{Answer, Browser};
use crate::crawl::{Field, Form};
use crate::house::House;
use crate::lobby::upload_some_at;
use backstage::experience::kinds::{self, Kind};
use backstage::order::customers;
use backstage::order::store::{self as orders, Provider};
use backstage::recording::ticket;
use backstage::sales::{Part, store::Change};
use backstage::user::Contact;
use backstage::world::SystemClock;
use backstage::{alert, pass, poster, price, profile, recording, sales, session, space, team, user};
use backstage_actors::ports::{Clock, Path};
use backstage_core::access::RecordingRule;
use backstage_core::order::Event;
use backstage_core::{ExperienceId, OrderId, PassId, SpaceId, StreamId, TeamId, Timestamp, UserId};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path as File;
use std::time::{Duration, Instant};

struct World {
    /// The address of their space; it begins everything else that is theirs.
    who: &'static str,
    user: UserId,
    team: TeamId,
    space: SpaceId,
    experience: ExperienceId,
    /// Another one, which shows a page of another site.
    embed: ExperienceId,
    stream: StreamId,
    recording: String,
    draft: PassId,
    sessions: Vec<String>,
    /// Bought `{who}-paid`, with a card that is kept.
    buyer: UserId,
    order: OrderId,
    price: String,
    /// Holds a pass of theirs, wants to be told, and has a place in the film.
    fan: UserId,
}

impl World {
    async fn make(house: &House, who: &'static str) -> (World, Browser) {
        let (state, db) = (&house.app.state, &house.app.state.db);
        let mut browser = house.signed_in(&format!("{who}@example.com")).await;
        let fields = [("name", who), ("slug", who), ("accent", "blue")];
        assert_eq!(browser.form("/studio/spaces/new", &fields).await.status, 303);
        let show = format!("{who}-show");
        let fields = [("title", show.as_str()), ("slug", &show), ("grace_s", "60"), ("access", "pass")];
        assert_eq!(browser.form(&format!("/studio/{who}/experiences/new"), &fields).await.status, 303);
        let space = state.store.find_space(who).await.unwrap().unwrap().state;
        let experience = state.store.find_experience(&space.id, &show).await.unwrap().unwrap().state.id;
        let (embed, url) = (format!("{who}-embed"), format!("https://player.vimeo.com/video/1?of={who}"));
        let fields = [("title", embed.as_str()), ("slug", &embed), ("grace_s", "60"), ("access", "pass")];
        let fields = [fields.as_slice(), &[("kind", "embed"), ("embed_url", &url)]].concat();
        assert_eq!(browser.form(&format!("/studio/{who}/experiences/new"), &fields).await.status, 303);
        let embed = state.store.find_experience(&space.id, &embed).await.unwrap().unwrap().state.id;
        for (slug, status) in [("draft", "draft"), ("week", "published")] {
            let body = json!({ "slug": format!("{who}-{slug}"), "name": format!("{who}-{slug}"), "status": status,
                               "internal_name": format!("secret-of-{who}"), "days": 7 });
            let made = browser.json("POST", &format!("/api/v1/spaces/{who}/passes"), &body.to_string()).await;
            assert_eq!(made.status, 201, "{}", made.body);
        }
        let passes = pass::store::of_space(db, &space.id).await.unwrap();
        let named = |slug: &str| passes.iter().find(|pass| pass.terms.slug.as_str() == slug).unwrap().id.clone();
        assert_eq!(upload_some_at(&mut browser, &format!("/studio/{who}/{show}/poster"), who).await.status, 303);
        let path = Path {
            space: space.id.clone(),
            experience: experience.clone(),
            stream: format!("{who}-filmed").parse().unwrap(),
        };
        let recording = house.archived(&path).await.id;
        let title = format!("secret-of-{who}-film");
        assert!(recording::store::edit(db, &recording, &title, RecordingRule::Team).await.unwrap());
        let lobby = browser.api(&format!("/api/v1/experiences/{experience}/lobby")).await.json();
        let stream: StreamId = lobby["stream_id"].as_str().unwrap().parse().unwrap();
        let me = browser.get("/api/v1/me").await.json();
        let user: UserId = me["id"].as_str().unwrap().parse().unwrap();
        let team = team::store::of_user(db, &user).await.unwrap()[0].0.clone();
        let says = questions_of(who);
        assert!(sales::store::put(db, &space.id, faq(None, &says), &user, SystemClock.now()).await.unwrap());
        let fan: UserId = format!("{who}-fan").parse().unwrap();
        let now = SystemClock.now();
        user::store::add(db, &fan, Some(&format!("fan-of-{who}@example.com")), &format!("{who}-fan"), now)
            .await
            .unwrap();
        let grant = format!("{who}-grant");
        let week = named(&format!("{who}-week"));
        pass::grants::give(db, &grant, &week, &space.id, &fan, (now, Some(now + 86_400_000))).await.unwrap();
        alert::store::want(db, &format!("{who}-alert"), &fan, &experience, None, now).await.unwrap();
        recording::store::set_position(db, &fan, &recording, Some(12_345), now).await.unwrap();
        space::store::give_up(db, "experience", space.id.as_str(), &format!("{who}-old"), experience.as_str(), now)
            .await
            .unwrap();
        let sessions = session::store::of_user(db, &user, now).await.unwrap().into_iter().map(|row| row.id).collect();
        house.sell(&mut browser, who, &format!("{who}-paid")).await;
        let price = house.price(&format!("/{who}/{who}-paid")).await;
        let mut shopper = house.signed_in(&format!("secret-of-{who}-buyer@example.com")).await;
        let order = house.buy(&mut shopper, &format!("/{who}/{who}-paid"), "").await;
        assert_eq!(shopper.get(&format!("/orders/{order}/in")).await.status, 303);
        let buyer = house.purchase(&order).await.user.unwrap();
        let order: OrderId = order.parse().unwrap();
        // The space hears of its experiences a moment later, and so does the stream of its room.
        let began = Instant::now();
        while state.store.space(&space.id).await.unwrap().unwrap().state.experiences.len() < 2
            || !house.rooms.all().contains(&stream)
        {
            assert!(began.elapsed() < Duration::from_secs(10), "the space never heard of them");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let world = World {
            who,
            team,
            experience,
            embed,
            stream,
            recording,
            draft: named(&format!("{who}-draft")),
            sessions,
            buyer,
            order,
            price,
            fan,
            user,
            space: space.id,
        };
        (world, browser)
    }

    /// What nobody else reads anywhere.
    fn secrets(&self) -> Vec<String> {
        let who = self.who;
        let mut all = vec![
            format!("secret-of-{who}"),
            format!("{who}-draft"),
            format!("{who}@example.com"),
            format!("fan-of-{who}"),
            self.draft.to_string(),
            self.team.to_string(),
            self.order.to_string(),
        ];
        all.extend(self.sessions.clone());
        all
    }

    /// Everything that names something of theirs.
    fn marks(&self) -> Vec<String> {
        let ids = [
            self.user.to_string(),
            self.space.to_string(),
            self.experience.to_string(),
            self.embed.to_string(),
            self.stream.to_string(),
            self.recording.clone(),
            self.who.to_string(),
        ];
        self.secrets().into_iter().chain(ids).collect()
    }

    /// A route with their addresses; `space` is whose space it is asked in.
    fn address(&self, route: &str, space: &str) -> Vec<String> {
        let ids = match route {
            _ if route.contains("/streams/") => vec![self.stream.to_string()],
            _ if route.contains("/recordings/") => vec![self.recording.clone()],
            _ if route.contains("/sessions/") => self.sessions.clone(),
            _ if route.contains("/orders/") => vec![self.order.to_string()],
            _ if route.contains("/alerts/") => vec![format!("{}-alert", self.who)],
            _ => vec![self.experience.to_string()],
        };
        let show = format!("{}-show", self.who);
        let passes = [format!("{}-draft", self.who), format!("{}-week", self.who), format!("{}-paid", self.who)];
        let mut all = BTreeSet::new();
        for id in &ids {
            for pass in &passes {
                let path = route.replace("{space}", space).replace("{experience}", &show).replace("{pass}", pass);
                let path = path.replace("{order}", self.order.as_str()).replace("{price}", &self.price);
                all.insert(path.replace("{id}", id).replace("{handle}", self.who).replace("{part}", "headline"));
            }
        }
        all.into_iter().collect()
    }
}

/// The body of a part of their sales page.
fn questions_of(who: &str) -> String {
    json!([{ "question": format!("{who}-question"), "answer": format!("{who}-answer") }]).to_string()
}

fn faq<'a>(was: Option<&'a str>, body: &'a str) -> Change<'a> {
    Change { part: Part::Faq, was, body, keep: &[], doom: &[] }
}

/// A page or a route asked with all that it needs, but by somebody else.
async fn ask(browser: &mut Browser, method: &str, path: &str) -> Answer {
    let csrf = browser.csrf.clone();
    let field = |name: &str, value: &str| Field {
        name: name.into(),
        value: value.into(),
        free: false,
        slug: false,
        hidden: false,
    };
    let fields = vec![
        field("name", "Taken"),
        field("title", "Taken"),
        field("slug", "taken"),
        field("status", "published"),
        field("opens", "all"),
        field("grace_s", "60"),
        field("towards", "front"),
        field("rule", "open"),
        field("alt", "Taken"),
        field("wanted", "on"),
        field("token", "x"),
        field("item", "taken"),
        field("headline", "Taken"),
    ];
    match (method, path.starts_with("/api/")) {
        ("GET", _) => browser.get(path).await,
        (_, true) => {
            let body = match path {
                _ if path.ends_with("/delivery") => json!({ "choice": "webrtc" }),
                _ if path.ends_with("/position") => json!({ "position_s": 0 }),
                _ if path.contains("/passes") => json!({ "slug": "taken", "name": "Taken", "status": "published" }),
                _ => json!({}),
            };
            browser.json(method, path, &body.to_string()).await
        }
        (_, false) => {
            // A part of a sales page comes as a poster does.
            let multipart = path.ends_with("/poster") || path.contains("/edit/");
            let form = Form { page: String::new(), action: path.into(), multipart, fields };
            form.post(browser, &csrf, &[]).await
        }
    }
}

#[actix_web::test]
async fn no_address_shows_or_changes_what_is_another_s() {
    let house = House::open().await;
    let (ada, ada_s) = World::make(&house, "nora").await;
    let (bob, bob_s) = World::make(&house, "bob").await;
    let (worlds, mut browsers) = ([ada, bob], [ada_s, bob_s]);
    let before = [told(&house, &worlds[0]).await, told(&house, &worlds[1]).await];
    let mut asked = 0;
    for (mine, theirs) in [(0, 1), (1, 0)] {
        let (one, other) = (&worlds[mine], &mut browsers[theirs]);
        let (secrets, theirs) = (one.secrets(), worlds[theirs].who);
        // What is there in development only shows all letters to everybody.
        for (method, route, asks) in ROUTES.iter().filter(|(_, route, _)| !route.starts_with("/dev/")) {
            // In the other's space as it is, and as if it stood in one's own.
            for space in [one.who, theirs] {
                // A part of the sales page is everybody's own.
                let things = route.replace("{part}", "").matches('{').count();
                if space == theirs && !(route.contains("{space}") && things > 1) {
                    continue;
                }
                // Where one may go with what is one's own.
                let public = space == one.who && *asks != Asks::Team;
                for path in one.address(route, space) {
                    if path.contains('{') || path.starts_with("/live/") || (public && *method != "GET") {
                        continue;
                    }
                    let answer = ask(other, method, &path).await;
                    asked += 1;
                    // What was asked for comes back in addresses, as in the way to another language.
                    let body = answer.body.replace(&path, "");
                    for secret in &secrets {
                        assert!(!body.contains(secret.as_str()), "{method} {path} tells {secret}: {}", answer.body);
                    }
                    let refused = [403, 404].contains(&answer.status);
                    assert!(refused || public, "{method} {path}: {} {}", answer.status, answer.body);
                }
            }
        }
        for session in &one.sessions {
            let answer = other.form(&format!("/account/sessions/{session}/revoke"), &[]).await;
            assert_eq!(answer.status, 404);
        }
        // Access: what needs a pass, and what is the team's.
        let admission = other.api(&format!("/api/v1/experiences/{}/admission", one.experience)).await;
        assert_eq!(admission.code(), "needs_pass");
        for (method, path) in [
            ("POST", format!("/api/v1/recordings/{}/admission", one.recording)),
            ("PUT", format!("/api/v1/recordings/{}/position", one.recording)),
            ("GET", format!("/m/{}/{}-show/recordings/{}", one.who, one.who, one.recording)),
        ] {
            assert_eq!(ask(other, method, &path).await.status, 404, "{method} {path}");
        }
        let seal = &house.app.state.seal;
        let ticket = ticket::issue(seal, &one.recording, None, SystemClock.now());
        for file in ["hls/index.m3u8", "video.mp4", "poster.jpg"] {
            let answer = other.get(&format!("/recordings/{}/~{ticket}/{file}", one.recording)).await;
            assert!([403, 404].contains(&answer.status), "{file}: {}", answer.status);
        }
    }
    assert!(asked > 150, "{asked}");
    assert_eq!(before, [told(&house, &worlds[0]).await, told(&house, &worlds[1]).await], "something was changed");
    assert_eq!(browsers[0].get("/account").await.status, 200);
    house.close().await;
}

#[actix_web::test]
async fn a_pass_opens_nothing_of_another_s_space() {
    let house = House::open().await;
    let (ada, _) = World::make(&house, "nora").await;
    let (bob, mut browser) = World::make(&house, "bob").await;
    let both = json!([ada.experience, bob.experience]);
    let body = json!({ "slug": "key", "name": "Key", "status": "published", "opens": "only", "experiences": both });
    let made = browser.json("POST", "/api/v1/spaces/bob/passes", &body.to_string()).await.json();
    assert_eq!(made["experiences"], json!([bob.experience]));
    let mut fan = house.browser();
    fan.get("/bob").await;
    assert_eq!(fan.form("/bob/key/join", &[]).await.status, 303);
    fan.get("/bob").await;
    assert_eq!(fan.api(&format!("/api/v1/experiences/{}/admission", bob.experience)).await.code(), "not_live");
    assert_eq!(fan.api(&format!("/api/v1/experiences/{}/admission", ada.experience)).await.code(), "needs_pass");
    for path in ["/api/v1/me", "/api/v1/me/passes"] {
        let answer = fan.get(path).await;
        assert!(!answer.body.contains("nora"), "{path}: {}", answer.body);
    }
    house.close().await;
}

/// Everything that the queries about an owner give, by query.
async fn told(house: &House, world: &World) -> BTreeMap<&'static str, String> {
    let state = &house.app.state;
    let (db, store) = (&state.db, &state.store);
    let now = Timestamp(0);
    let (user, fan, space, experience) = (&world.user, &world.fan, &world.space, &world.experience);
    let mut told = BTreeMap::new();
    macro_rules! told {
        ($($name:literal: $query:expr),* $(,)?) => {
            $(told.insert($name, format!("{:?}", $query.await.unwrap()));)*
        };
    }
    let show = format!("{}-show", world.who);
    told! {
        "alert::wanted": alert::store::wanted(db, fan, experience),
        "alert::count": alert::store::count(db, experience),
        "grants::held": pass::grants::held(db, fan, space),
        "grants::of_user": pass::grants::of_user(db, fan),
        "grants::holders": pass::grants::holders(db, space, experience, now),
        "kinds::of": kinds::store::of(db, &world.embed),
        "pass::of_space": pass::store::of_space(db, space),
        "order::balances": orders::balances(db, Some(space)),
        "customers::customer_of": customers::customer_of(db, &world.buyer, Provider::Sandbox),
        "order::of_space": orders::of_space(db, space, 50, 0),
        "order::of_user": orders::of_user(db, &world.buyer),
        "customers::saved_card": customers::saved_card(db, &world.buyer, Provider::Sandbox),
        "price::of_space": price::store::of_space(db, space),
        "price::shelf": price::store::shelf(db, space),
        "poster::of": poster::store::of(db, experience),
        "poster::of_space": poster::store::of_space(db, space),
        "profile::of_team": profile::store::of_team(db, &world.team),
        "recording::of_experience": recording::store::of_experience(db, experience),
        "recording::rules": recording::store::rules(db, experience),
        "recording::position": recording::store::position(db, fan, &world.recording),
        "recording::positions": recording::store::positions(db, fan, experience),
        "sales::of": sales::store::of(db, space),
        "sales::editors": sales::store::editors(db, space),
        "space::accent": space::store::accent(db, space),
        "pages::find_experience": async { store.find_experience(space, &show).await.map(|found| found.map(|found| found.state)) },
        "pages::space": async { store.space(space).await.map(|found| found.map(|found| found.state)) },
        "pages::experience": async { store.experience(experience).await.map(|found| found.map(|found| found.state)) },
        "pages::experiences_of": async { store.experiences_of(space).await.map(|all| all.into_iter().map(|found| found.state).collect::<Vec<_>>()) },
        "pages::spaces_of": async { store.spaces_of(&world.team).await.map(|all| all.into_iter().map(|found| found.state).collect::<Vec<_>>()) },
        "pages::last_streams_of": async { store.last_streams_of(experience, 20).await.map(|all| all.into_iter().map(|found| found.state).collect::<Vec<_>>()) },
        "team::of_user": team::store::of_user(db, user),
        "team::role": team::store::role(db, &world.team, user),
        "session::of_user": async { session::store::of_user(db, user, now).await.map(|all| all.into_iter().map(|row| row.id).collect::<Vec<_>>()) },
    }
    told
}

/// Names of the queries in the source that take an owner: `file::function`, for `src/{file}/store.rs` and its like.
fn queries() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![File::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            let folder = path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
            let noun = if stem == "store" { folder } else { stem.clone() };
            for (at, _) in text.match_indices("pub async fn ") {
                let rest = &text[at + "pub async fn ".len()..];
                let name = rest.split('(').next().unwrap();
                let taken = &rest[..rest.find('{').unwrap_or(rest.len())];
                let arguments = taken.split("->").next().unwrap();
                let asks_rows = arguments.contains("db: &Db") || (stem == "pages" && arguments.contains("&self"));
                let owner =
                    ["&SpaceId", "&TeamId", "&UserId", "&ExperienceId"].iter().any(|kind| arguments.contains(kind));
                if asks_rows && owner {
                    found.insert(format!("{noun}::{name}"));
                }
            }
        }
    }
    found
}

#[actix_web::test]
async fn no_query_gives_or_changes_rows_of_another_owner() {
    let house = House::open().await;
    // Names that no id in hexadecimal can contain.
    let worlds = [World::make(&house, "nora").await.0, World::make(&house, "bob").await.0];
    let both = [told(&house, &worlds[0]).await, told(&house, &worlds[1]).await];
    for (mine, other) in [(0, 1), (1, 0)] {
        for (query, rows) in &both[mine] {
            for mark in worlds[other].marks() {
                assert!(!rows.contains(&mark), "{query} of {} gives {mark}: {rows}", worlds[mine].who);
            }
            let empty = ["None", "[]", "{}", "0", "false"].contains(&rows.as_str());
            assert!(!empty, "{query} gives nothing, so nothing is shown: {rows}");
        }
    }
    // One's owner with the other's thing.
    let [ada, bob] = &worlds;
    let (db, store, now) = (&house.app.state.db, &house.app.state.store, SystemClock.now());
    assert!(!alert::store::wanted(db, &ada.fan, &bob.experience).await.unwrap());
    assert!(pass::grants::held(db, &ada.fan, &bob.space).await.unwrap().is_empty());
    assert_eq!(
        pass::grants::holders(db, &ada.space, &bob.experience, now).await.unwrap(),
        2,
        "a pass opens by its own space"
    );
    assert_eq!(recording::store::position(db, &ada.fan, &bob.recording).await.unwrap(), None);
    assert!(recording::store::positions(db, &ada.fan, &bob.experience).await.unwrap().is_empty());
    assert!(store.find_experience(&ada.space, "bob-show").await.unwrap().is_none());
    let (was, taken) = (questions_of("bob"), questions_of("taken"));
    let put = sales::store::put(db, &ada.space, faq(Some(&was), &taken), &bob.user, now).await.unwrap();
    assert!(!put, "written over what stood in another's space");
    assert_eq!(team::store::role(db, &ada.team, &bob.user).await.unwrap(), None);
    assert!(!session::store::revoke(db, &ada.sessions[0], &bob.user, now).await.unwrap());
    let customer = customers::customer_of(db, &bob.buyer, Provider::Sandbox).await.unwrap().unwrap();
    // Each change of bob's leaves ada's as it was.
    let mut changed: BTreeSet<&str> = BTreeSet::new();
    macro_rules! change {
        ($($name:literal: $query:expr),* $(,)?) => {
            $(assert!($query.await.is_ok(), $name); changed.insert($name);)*
        };
    }
    change! {
        "customers::adopt_customer": customers::adopt_customer(db, &bob.fan, Provider::Sandbox, "cus_another"),
        "customers::set_card": customers::set_card(db, &bob.buyer, (Provider::Sandbox, "cus_another"), "pm", "Another"),
        "order::tell": orders::tell(db, &bob.order, Event::End, &"another".parse().unwrap(), now),
        "till::remember": house.till().remember(db, &bob.buyer, &customer, None),
        "space::set_accent": space::store::set_accent(db, &bob.space, "rose"),
        "alert::forget": alert::store::forget(db, &bob.fan, &bob.experience),
        "alert::want": alert::store::want(db, "again", &bob.fan, &bob.experience, None, now),
        "grants::revoke": pass::grants::revoke(db, &bob.space, &bob.fan, now),
        "grants::give": pass::grants::give(db, "again", &bob.draft, &bob.space, &bob.fan, (now, None)),
        "kinds::put": kinds::store::put(db, &bob.embed, &Kind::Live),
        "sales::put": sales::store::put(db, &bob.space, faq(Some(&was), &taken), &bob.user, now),
        "sales::sign": sales::store::sign(db, &bob.space, &[Part::Headline, Part::Faq], &bob.fan, now),
        "poster::describe": poster::store::describe(db, &bob.experience, "Another"),
        "poster::put": poster::store::put(db, &bob.experience, "another", &[], "Another", now),
        "poster::remove": poster::store::remove(db, &bob.experience, now),
        "recording::set_position": recording::store::set_position(db, &bob.fan, &bob.recording, None, now),
        "user::rename": user::store::rename(db, &bob.user, "Another"),
        "user::add": user::store::add(db, &"another".parse().unwrap(), None, "Another", now),
        "user::sign_in": user::store::sign_in(db, house.app.state.ids.as_ref(), &Contact::Email("x@example.com".into()), Some(&bob.fan), now),
        "profile::ensure": profile::store::ensure(db, &bob.fan, "nora", now),
        "profile::claim": profile::store::claim(db, &bob.fan, "nora", now),
        "team::found": team::store::found(db, &"another".parse().unwrap(), "Another", &bob.fan, now),
        "session::revoke": session::store::revoke(db, &bob.sessions[0], &bob.user, now),
    }
    assert_eq!(both[0], told(&house, ada).await);
    assert_ne!(both[1], told(&house, bob).await);
    // A query that is new says here what it gives or changes.
    let known: BTreeSet<String> = both[0].keys().copied().chain(changed).map(str::to_string).collect();
    let found = queries();
    let (new, gone): (Vec<_>, Vec<_>) = (found.difference(&known).collect(), known.difference(&found).collect());
    assert!(new.is_empty(), "whose rows do these give or change? {new:?}");
    assert!(gone.is_empty(), "no longer there: {gone:?}");
    house.close().await;
}
