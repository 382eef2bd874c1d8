//! What people with bad intentions type: into every form that a walk over the site finds, into every body that the API's
//! document names, and into every address.

use crate::access_table::ROUTES;
use crate::browser::{Answer, Browser};
use crate::crawl::{self, Form, select};
use crate::house::House;
use crate::lobby::upload_some;
use crate::sales::write_all;
use backstage::ports::Mail as _;
use backstage_actors::ports::Path;
use scraper::Html;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Script and markup, against each place where a text can stand.
const MARKUP: [&str; 22] = [
    "<script>attacked()</script>",
    "\"><img src=x onerror=attacked()>",
    "'\"><svg/onload=attacked()>",
    "</title></textarea></script><script>attacked()</script>",
    "--><script>attacked()</script>",
    "]]><script>attacked()</script>",
    "javascript:attacked()",
    "<a href=\"javascript:attacked()\">x</a>",
    "<iframe srcdoc='<script>attacked()</script>'></iframe>",
    "<style>@import '//evil.test';</style>",
    "<base href=//evil.test>",
    "<meta http-equiv=refresh content=0;url=//evil.test>",
    "<form action=//evil.test><input name=q>",
    "x\" autofocus onfocus=\"attacked()",
    "x' onmouseover='attacked()",
    "\u{2028}<script>attacked()</script>",
    "<ſcript>attacked()</ſcript>",
    "&lt;script&gt;attacked()&lt;/script&gt;",
    "&#60;script&#62;attacked()&#60;/script&#62;",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=attacked()>",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "<!--><img src=x onerror=attacked()>",
];

/// Markdown that wants to be more than text.
const MARKDOWN: [&str; 14] = [
    "[x](javascript:attacked())",
    "[x](JaVaScRiPt&#58;attacked())",
    "[x](<java\tscript:attacked()>)",
    "[x](\u{1}javascript:attacked())",
    "[x](vbscript:attacked())",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](//evil.test)",
    "<javascript:attacked()>",
    "[a]: javascript:attacked()\n[a]",
    "![x](https://evil.test/seen.png)",
    "![x](x\"onerror=\"attacked())",
    "[x](https://e.test \"\\\" onclick=attacked()\")",
    "http://e.test/\"onmouseover=attacked()",
    "`</code><script>attacked()</script>`",
];

/// Ways out of a header, a letter, a calendar entry; ways to another site.
const HEADERS: [&str; 10] = [
    "x\r\nX-Injected: 1",
    "x\nSet-Cookie: injected=1",
    "/\r\nX-Injected: 1",
    "/%0d%0aX-Injected:%201",
    "\u{560a}\u{560d}X-Injected: 1",
    "x\r\nBcc: evil@evil.test",
    "x\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nSUMMARY:injected",
    "//evil.test",
    "/\\evil.test",
    "https://evil.test/",
];

/// Letters that few think of, SQL that some forget, and more than fits.
fn odd() -> Vec<String> {
    let mut all: Vec<String> = [
        "\u{202e}txt.exe",
        "a\u{0}b",
        "\u{feff}",
        "\u{200b}\u{200d}\u{2060}",
        "Z\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}",
        "\u{fffe}\u{ffff}\u{10ffff}",
        "İıſßﬃ",
        "👩‍👩‍👧‍👦🏳️‍🌈",
        "'; DROP TABLE users; --",
        "' OR '1'='1",
        "%00%0a%ff",
        "../../../../etc/passwd",
    ]
    .map(str::to_string)
    .to_vec();
    all.push("𝔘".repeat(60));
    all.extend(["[", "*", "> ", "- ", "`", "![", "<", "&", "_a"].map(|part| part.repeat(4_000 / part.len())));
    all.push("x".repeat(4_001));
    all.push("é".repeat(9_000));
    all.push("x".repeat(100_000));
    all
}

struct Site {
    house: House,
    creator: Browser,
    /// Of the creator's own.
    forms: Vec<Form>,
    known: BTreeMap<&'static str, String>,
}

/// The one page that the site frames.
const FRAMED: &str = "https://player.vimeo.com/video/1";
const STARTS: [&str; 6] = ["/", "/studio", "/demo", "/dev/mail", "/m/demo/live.ics", "/studio/spaces/new"];

impl Site {
    /// A house where there is something of everything, and every form that a walk finds in it.
    async fn open() -> Site {
        Site::of(House::open().await).await
    }

    async fn of(house: House) -> Site {
        let id = house.experience().await;
        let mut creator = house.creator().await;
        assert_eq!(upload_some(&mut creator, "A stage").await.status, 303);
        let starts_at = (chrono_ms() + 86_400_000).to_string();
        let fields = [("title", "Live"), ("slug", "live"), ("grace_s", "60"), ("access", "pass")];
        let fields = [fields.as_slice(), &[("starts_at", starts_at.as_str())]].concat();
        assert_eq!(creator.form("/studio/demo/live/edit", &fields).await.status, 303);
        let state = &house.app.state;
        let space = state.store.find_space("demo").await.unwrap().unwrap().state.id;
        let path = Path { space, experience: id.parse().unwrap(), stream: "stream-of-live".parse().unwrap() };
        let recording = house.archived(&path).await.id;
        let lobby = creator.api(&format!("/api/v1/experiences/{id}/lobby")).await.json();
        let stream = lobby["stream_id"].as_str().unwrap().to_string();
        let second = [("name", "Second"), ("slug", "second"), ("status", "published"), ("opens", "all")];
        assert_eq!(creator.form("/studio/demo/passes/new", &second).await.status, 303);
        // Orders: two of the creator's own at somebody else's, one of them cancelled, and one of a stranger's at theirs.
        let mut rival = house.signed_in("rival@example.com").await;
        assert_eq!(rival.form("/studio/spaces/new", &[("name", "Rival"), ("slug", "rival")]).await.status, 303);
        for (pass, cancelled) in [("club", false), ("gym", true)] {
            house.sell(&mut rival, "rival", pass).await;
            let order = house.buy(&mut creator, &format!("/rival/{pass}"), "").await;
            creator.get(&format!("/orders/{order}")).await;
            if cancelled {
                assert_eq!(creator.form(&format!("/orders/{order}/cancel"), &[]).await.status, 303);
            }
        }
        house.buy(&mut house.browser(), "/demo/basic", "stranger@example.com").await;
        write_all(&mut creator).await;
        let film = [("title", "Film"), ("slug", "film"), ("grace_s", "60"), ("access", "open"), ("kind", "embed")];
        let film = [film.as_slice(), &[("embed_url", FRAMED)]].concat();
        assert_eq!(creator.form("/studio/demo/experiences/new", &film).await.status, 303);
        // A session to take back, on the page of the account.
        let _elsewhere = house.creator().await;
        let pages = crawl::walk(&mut creator, &STARTS).await;
        let forms = distinct(pages.iter().flat_map(|(page, answer)| crawl::forms(page, &answer.body)));
        let known = [
            ("experience", id),
            ("stream", stream),
            ("recording", recording),
            ("space", "demo".into()),
            ("pass", "free".into()),
        ];
        Site { house, creator, forms, known: known.into() }
    }
}

fn chrono_ms() -> i64 {
    i64::try_from(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap()
}

/// One form of each address.
fn distinct(forms: impl Iterator<Item = Form>) -> Vec<Form> {
    let mut seen = BTreeSet::new();
    forms.filter(|form| seen.insert(form.action.clone())).collect()
}

/// Nothing in an answer is the attacker's.
fn harmless(place: &str, answer: &Answer) {
    assert!(answer.status < 500, "{place}: {} {}", answer.status, answer.body);
    assert!(!answer.headers.contains_key("x-injected"), "{place}: {:?}", answer.headers);
    for cookie in answer.headers.get_all("set-cookie") {
        assert!(cookie.to_str().unwrap().starts_with("bp_"), "{place}: {cookie:?}");
    }
    let location = answer.header("location");
    let local =
        location.is_empty() || (location.starts_with('/') && !location.starts_with("//") && !location.contains('\\'));
    assert!(local, "{place}: leads to {location}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{place}");
    match answer.header("content-type").split(';').next().unwrap() {
        "text/html" => harmless_page(place, &answer.body),
        "text/calendar" => {
            let entries = answer.body.lines().filter(|line| *line == "BEGIN:VEVENT").count();
            let forged =
                answer.body.lines().any(|line| line.starts_with("SUMMARY:injected") || line.starts_with("X-Inj"));
            assert!(entries <= 1 && !forged, "{place}: {}", answer.body);
        }
        // Written anew from what was uploaded.
        "image/jpeg" if place.starts_with("/posters/") => {}
        "" | "application/json" | "application/problem+json" | "application/vnd.apple.mpegurl" | "video/mp4" => {}
        kind => panic!("{place}: {kind}"),
    }
}

/// No script, handler, frame, style or address beyond the site's own, and the page that it frames.
fn harmless_page(place: &str, body: &str) {
    let html = Html::parse_document(body);
    for element in select(&html, "*") {
        let element = element.value();
        match element.name() {
            "script" => {
                let ours = element.attr("src").is_some_and(|src| src.starts_with("/assets/"));
                let data = element.attr("type") == Some("application/json");
                assert!(ours || data, "{place}: {element:?}");
            }
            "iframe" => {
                let framed = element.attr("src") == Some(FRAMED);
                let kept_in = element.attr("sandbox").is_some_and(|may| !may.contains("top-navigation"));
                assert!(framed && kept_in, "{place}: {element:?}");
            }
            "object" | "embed" | "base" | "style" | "math" | "frame" | "applet" | "foreignobject" | "mglyph" => {
                panic!("{place}: {element:?}")
            }
            "meta" => assert!(element.attr("http-equiv").is_none(), "{place}: {element:?}"),
            _ => {}
        }
        for (name, value) in element.attrs() {
            assert!(!name.starts_with("on") && name != "style" && name != "srcdoc", "{place}: {element:?}");
            let plain: String = value.chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect();
            let plain = plain.to_lowercase();
            match name {
                "href" if element.name() == "a" => {
                    // As a browser reads it.
                    let to = url::Url::parse("http://here.test/").unwrap().join(value);
                    let web = to.as_ref().is_ok_and(|to| ["http", "https", "mailto"].contains(&to.scheme()));
                    let here = to.as_ref().is_ok_and(|to| to.host_str() == Some("here.test"));
                    let told = element.attr("rel").is_some_and(|rel| rel.contains("noopener"));
                    assert!(web && (here || told), "{place}: {element:?}");
                }
                "src" if element.name() == "iframe" => {}
                "action" | "formaction" | "src" | "srcset" | "poster" | "data-src" => {
                    assert!(plain.starts_with('/') && !plain.starts_with("//"), "{place}: {element:?}");
                }
                "href" | "xlink:href" => {
                    let own = plain.starts_with("/assets/") || plain.starts_with("data:image/svg+xml,%3csvg");
                    let self_named = element.attr("rel") == Some("canonical") && plain.starts_with("http://127.0.0.1:");
                    assert!(own || self_named, "{place}: {element:?}");
                }
                _ => {}
            }
        }
    }
}

/// Everybody's view of what there is now.
async fn look(what: &str, pages: &[String], browsers: &mut [Browser]) {
    for browser in browsers {
        for page in pages {
            let answer = browser.get(page).await;
            harmless(&format!("{page} after {what}"), &answer);
        }
    }
}

/// Fields that take nearly every text, by trying; the others are attacked one by one.
async fn takes(form: &Form, browser: &mut Browser, number: &mut u32) -> BTreeSet<String> {
    let typed = form.fields.iter().filter(|field| field.free && !field.slug && !field.hidden);
    let names: BTreeSet<&str> = typed.map(|field| field.name.as_str()).collect();
    // Some are taken with another one only, as a question with its answer.
    let alone = names.iter().map(|name| vec![*name]);
    let pairs = names.iter().flat_map(|one| names.range(*one..).skip(1).map(|other| vec![*one, *other]));
    let mut open = BTreeSet::new();
    for tried in alone.chain(pairs) {
        if tried.iter().all(|name| open.contains(*name)) {
            continue;
        }
        let slug = unique(form, number);
        let csrf = browser.csrf.clone();
        let slug = slug.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let instead: Vec<_> = slug.chain(tried.iter().map(|name| (*name, "Some (plain) text"))).collect();
        if form.post(browser, &csrf, &instead).await.status == 303 {
            open.extend(tried.into_iter().map(str::to_string));
        }
    }
    open
}

/// A new address part for a form that makes something: one that edits keeps its own.
fn unique(form: &Form, number: &mut u32) -> Vec<(String, String)> {
    *number += 1;
    let makes = form.fields.iter().filter(|field| field.slug && (field.value.is_empty() || field.value == "plain"));
    makes.map(|field| (field.name.clone(), format!("made-{number}"))).collect()
}

#[actix_web::test]
async fn nothing_that_is_typed_into_any_form_becomes_more_than_text() {
    let mut site = Site::open().await;
    let base = crawl::walk(&mut site.creator, &STARTS).await.into_keys();
    // Films are looked at once, at the end.
    let base: Vec<String> = base.filter(|page| !page.contains(".mp4")).collect();
    assert!(base.len() > 15, "{base:?}");
    let forms: Vec<Form> = site.forms.iter().filter(|form| form.sends_text()).cloned().collect();
    assert!(forms.len() >= 9, "{forms:#?}");
    let mut number = 0;
    let mut open = vec![];
    for form in &forms {
        open.push(takes(form, &mut site.creator, &mut number).await);
    }
    assert!(open.iter().map(BTreeSet::len).sum::<usize>() >= 22, "{open:?}");
    for (part, field) in [("features", "text"), ("faq", "answer"), ("cover", "alt"), ("gallery", "picture_alt")] {
        let at = forms.iter().position(|form| form.action.contains(&format!("/edit/{part}"))).unwrap();
        assert!(open[at].contains(field), "{part} takes no {field}: {open:?}");
    }
    let mut viewers = [site.house.browser(), site.house.creator().await];
    let all = MARKUP.into_iter().chain(MARKDOWN).chain(HEADERS).map(str::to_string).chain(odd());
    let mut tried = 0;
    for payload in all {
        let shown: String = payload.chars().take(40).collect();
        let began = Instant::now();
        for (form, open) in forms.iter().zip(&open) {
            let slug = unique(form, &mut number);
            let slug = slug.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let together = open.iter().map(|name| (name.as_str(), payload.as_str()));
            let together: Vec<(&str, &str)> = slug.chain(together).collect();
            let alone = form.fields.iter().filter(|field| field.free && !open.contains(&field.name));
            let alone = alone.map(|field| vec![(field.name.as_str(), payload.as_str())]);
            // Each field by itself too when it is long, since one that is refused hides the others.
            let each = open.iter().filter(|_| payload.len() > 60).map(|name| vec![(name.as_str(), payload.as_str())]);
            for instead in [together].into_iter().chain(alone).chain(each) {
                let csrf = site.creator.csrf.clone();
                let answer = form.post(&mut site.creator, &csrf, &instead).await;
                assert_ne!(answer.status, 429, "the limits hide the forms");
                harmless(&format!("{} with {shown:?}", form.action), &answer);
                tried += 1;
            }
        }
        look(&shown, &base, &mut viewers).await;
        assert!(began.elapsed() < Duration::from_secs(20), "{shown:?} took {:?}", began.elapsed());
    }
    assert!(tried > 1_000, "{tried}");
    // What was made on the way has pages of its own.
    for viewer in &mut viewers {
        let pages = crawl::walk(viewer, &STARTS).await;
        pages.iter().for_each(|(page, answer)| harmless(page, answer));
    }
    for (_, letter) in site.house.mail.kept() {
        assert!(!letter.subject.contains(['\r', '\n']) && !letter.to.contains("evil"), "{}", letter.subject);
    }
    site.house.close().await;
}

#[actix_web::test]
async fn odd_letters_are_text_on_postgres_too() {
    let url = crate::support::postgres::new_database().await;
    let house = House::open_with(|config| config.database.url = backstage::config::Secret::new(url)).await;
    let mut site = Site::of(house).await;
    let mut number = 0;
    for payload in odd().into_iter().filter(|payload| payload.len() < 300) {
        for form in site.forms.iter().filter(|form| form.sends_text()) {
            let slug = unique(form, &mut number);
            for field in form.fields.iter().filter(|field| field.free) {
                let slug = slug.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                let instead: Vec<_> = [(field.name.as_str(), payload.as_str())].into_iter().chain(slug).collect();
                let csrf = site.creator.csrf.clone();
                let answer = form.post(&mut site.creator, &csrf, &instead).await;
                assert!(answer.status < 500, "{} {}: {}", form.action, field.name, answer.body);
            }
        }
        let query: String = url::form_urlencoded::byte_serialize(payload.as_bytes()).collect();
        for (method, route, _) in
            ROUTES.iter().filter(|(_, route, _)| route.contains('{') && !route.starts_with("/live"))
        {
            let parts = route.split('/').map(|part| if part.contains('{') { query.as_str() } else { part });
            let path = parts.collect::<Vec<_>>().join("/");
            let answer = match (*method, path.starts_with("/api/")) {
                ("GET", _) => site.creator.get(&path).await,
                (_, true) => site.creator.json(method, &path, "{}").await,
                (_, false) => site.creator.form(&path, &[("towards", "front")]).await,
            };
            assert!(answer.status < 500, "{method} {path}: {}", answer.body);
        }
    }
    site.house.close().await;
}

#[actix_web::test]
async fn strangers_type_into_the_way_in() {
    let house = House::open().await;
    let (mut tried, mut codes) = (0, 0);
    for payload in MARKUP.into_iter().chain(MARKDOWN).chain(HEADERS).map(str::to_string).chain(odd()) {
        let mut browser = house.browser();
        let pages = crawl::walk(&mut browser, &["/sign-in?next=/demo", "/demo", "/m/demo/live"]).await;
        let mut forms = distinct(pages.iter().flat_map(|(page, answer)| crawl::forms(page, &answer.body)));
        while let Some(form) = forms.pop() {
            for field in form.fields.iter().filter(|field| field.free) {
                // Joining opens a session, and with it the forms get another token.
                browser.get(&form.page).await;
                let csrf = browser.csrf.clone();
                let answer = form.post(&mut browser, &csrf, &[(&field.name, &payload)]).await;
                harmless(&format!("{} {} with {payload:.40?}", form.action, field.name), &answer);
                tried += 1;
                let next =
                    crawl::forms("/sign-in", &answer.body).into_iter().find(|next| next.action == "/sign-in/code");
                if let Some(next) = next.filter(|_| form.action == "/sign-in") {
                    codes += 1;
                    forms.push(next);
                }
            }
        }
        let query: String = url::form_urlencoded::byte_serialize(payload.as_bytes()).collect();
        if query.len() < 1_000 {
            for path in ["/sign-in?next=", "/demo?pass=", "/alerts/x/off?token=", "/@", "/demo/", "/m/demo/"] {
                harmless(path, &browser.get(&format!("{path}{query}")).await);
            }
        }
    }
    assert!(tried > 200 && codes > 40, "{tried} {codes}");
    house.close().await;
}

#[actix_web::test]
async fn every_form_there_is_was_found_and_none_works_without_its_token() {
    let mut site = Site::open().await;
    let mut found: Vec<Form> = site.forms.clone();
    let mut stranger = site.house.browser();
    let pages = crawl::walk(&mut stranger, &["/sign-in", "/demo", "/m/demo/live"]).await;
    found.extend(pages.iter().flat_map(|(page, answer)| crawl::forms(page, &answer.body)));
    let asked = stranger.form("/sign-in", &[("email", "someone@example.com")]).await;
    found.extend(crawl::forms("/sign-in", &asked.body));
    let found = distinct(found.into_iter());
    // Each page route that takes a form was found by a walk; those that were not say why.
    // The second is posted by a button of a form that asks: tests/web/buying.rs.
    let by_letter = ["/alerts/{id}/off", "/{space}/{pass}/buy"];
    for (method, route, _) in
        ROUTES.iter().filter(|(method, route, _)| *method == "POST" && !route.starts_with("/api/"))
    {
        let met = found.iter().any(|form| fits(route, &form.action));
        assert!(met || by_letter.contains(route), "{method} {route}: no walk finds its form");
    }
    for form in &found {
        for csrf in ["", "x", &"a".repeat(64)] {
            let answer = form.post(&mut site.creator, csrf, &[]).await;
            assert_eq!(answer.status, 403, "{} with {csrf:?}: {}", form.action, answer.body);
        }
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let bare = site.creator.send("POST", &form.action, &[kind], b"name=x".to_vec()).await;
        assert!([403, 415].contains(&bare.status), "{}: {}", form.action, bare.status);
        let csrf = site.creator.csrf.clone();
        let body = format!("csrf={csrf}").into_bytes();
        let foreign = [kind, ("origin", "https://evil.test")];
        assert_eq!(site.creator.send("POST", &form.action, &foreign, body).await.status, 403, "{}", form.action);
    }
    // The API wants it as a header.
    for (method, route, _) in ROUTES.iter().filter(|(method, route, _)| *method != "GET" && route.starts_with("/api/"))
    {
        let path = there(route, &site.known);
        for headers in [vec![], vec![("x-csrf-token", "x")]] {
            assert_eq!(
                site.creator.send(method, &path, &headers, b"{}".to_vec()).await.code(),
                "csrf",
                "{method} {path}"
            );
        }
    }
    // And nothing of it happened.
    assert_eq!(site.creator.get("/account").await.status, 200);
    site.house.close().await;
}

/// A route's pattern and an address.
fn fits(route: &str, action: &str) -> bool {
    let action = action.split('?').next().unwrap_or_default();
    let (route, action): (Vec<_>, Vec<_>) = (route.split('/').collect(), action.split('/').collect());
    route.len() == action.len() && route.iter().zip(action).all(|(part, given)| part.contains('{') || *part == given)
}

/// A route with addresses that lead somewhere.
fn there(route: &str, known: &BTreeMap<&'static str, String>) -> String {
    let id = match route {
        _ if route.contains("/streams/") => "stream",
        _ if route.contains("/recordings/") => "recording",
        _ => "experience",
    };
    let path = route.replace("{id}", &known[id]).replace("{space}", "demo").replace("{pass}", &known["pass"]);
    path.replace("{experience}", "live")
}

/// A value that a schema takes; texts that are free are the payload.
fn sample(schema: &Value, payload: &str, number: u32) -> Value {
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds[0].as_str().unwrap_or_default(),
        kind => kind.as_str().unwrap_or_default(),
    };
    match kind {
        "string" => match schema["pattern"].as_str() {
            Some(pattern) if pattern.starts_with("^(") => {
                json!(pattern.trim_start_matches("^(").split(['|', ')']).next().unwrap())
            }
            Some(_) => json!(format!("api-{number}")),
            None if schema["enum"].is_array() => schema["enum"][0].clone(),
            None => json!(payload),
        },
        "integer" | "number" => json!(1),
        "array" => json!([payload]),
        "boolean" => json!(true),
        _ => Value::Null,
    }
}

#[actix_web::test]
async fn nothing_that_is_sent_to_the_api_becomes_more_than_text() {
    let mut site = Site::open().await;
    let document = site.creator.get("/api/v1/openapi.json").await.json();
    let resolved = |schema: &Value| match schema["$ref"].as_str() {
        Some(target) => document.pointer(target.strip_prefix('#').unwrap()).unwrap().clone(),
        None => schema.clone(),
    };
    let mut bodies: Vec<(String, String, Map<String, Value>)> = vec![];
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let schema = resolved(&operation["requestBody"]["content"]["application/json"]["schema"]);
            if let Some(properties) = schema["properties"].as_object() {
                let properties = properties.iter().map(|(name, schema)| (name.clone(), resolved(schema)));
                bodies.push((method.to_uppercase(), there(path, &site.known), properties.collect()));
            }
        }
    }
    assert!(bodies.len() >= 6, "{bodies:?}");
    let pages = crawl::walk(&mut site.creator, &STARTS).await.into_keys();
    let pages: Vec<String> = pages.filter(|page| !page.contains(".mp4")).collect();
    let mut viewers = [site.house.browser(), site.house.creator().await];
    let (mut number, mut taken) = (0, 0);
    for payload in MARKUP.into_iter().chain(MARKDOWN).chain(HEADERS).map(str::to_string).chain(odd()) {
        for (method, path, properties) in &bodies {
            number += 1;
            let whole: Map<String, Value> =
                properties.iter().map(|(name, schema)| (name.clone(), sample(schema, &payload, number))).collect();
            let mut tries = vec![whole.clone()];
            for name in properties.keys() {
                tries.push(whole.clone().into_iter().chain([(name.clone(), json!(payload))]).collect());
            }
            for body in tries {
                // One that was given another address is found there no more, so it is put back to the one that is known.
                let mut body = body;
                if method == "PUT" && body.contains_key("slug") && body["slug"] != json!(payload) {
                    body.insert("slug".into(), json!(site.known["pass"]));
                }
                let answer = site.creator.json(method, path, &Value::Object(body).to_string()).await;
                harmless(&format!("{method} {path} with {payload:.40?}"), &answer);
                taken += u32::from(answer.status < 300);
            }
        }
        look(&payload, &pages, &mut viewers).await;
    }
    assert!(taken > 100, "{taken}");
    let deep = "[".repeat(20_000);
    for body in [deep.as_str(), "{\"slug\":1e999}", "\"\\ud800\"", "\u{feff}{}", "{\"a\":1,\"a\":2}", "NaN", "\u{0}"] {
        for (method, path, _) in &bodies {
            let answer = site.creator.json(method, path, body).await;
            harmless(&format!("{method} {path} with {body:.20?}"), &answer);
        }
    }
    site.house.close().await;
}

/// Sends an address as it stands: clients tidy theirs up.
async fn raw(house: &House, path: &str) -> String {
    let mut stream = TcpStream::connect(house.app.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", house.app.address);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "{path}: no end");
    String::from_utf8_lossy(&answer).into_owned()
}

#[actix_web::test]
async fn no_address_leads_out_of_what_is_served() {
    let house = House::open().await;
    let ways = [
        "..%2f..%2f..%2f..%2fetc%2fpasswd",
        "../../../../etc/passwd",
        "..%5c..%5c..%5cetc%5cpasswd",
        "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "%252e%252e%252fetc%252fpasswd",
        "....//....//etc/passwd",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "..;/..;/etc/passwd",
        "%c0%ae%c0%ae/etc/passwd",
        "%00/etc/passwd",
        "..%2fbackstage.db",
        "..%2f..%2fbackstage.db%00.jpg",
        "..%2fserver.key",
        "CON",
        "~root",
        "%e2%80%a5%2fetc%2fpasswd",
        "%0d%0aX-Injected:%201",
        "..",
        ".",
    ];
    let mut asked = 0;
    for (method, route, _) in ROUTES {
        if *method != "GET" || !route.contains('{') {
            continue;
        }
        for way in ways {
            // In each part by itself, the others lead somewhere.
            let parts: Vec<&str> = route.split('/').collect();
            for place in (0..parts.len()).filter(|place| parts[*place].contains('{')) {
                let fill = |(at, part): (usize, &&str)| match (at == place, part.contains('{')) {
                    (true, _) => way.to_string(),
                    (false, true) => {
                        let part = part.replace("{space}", "demo").replace("{experience}", "live");
                        part.replace("{pass}", "free").replace("{part}", "faq")
                    }
                    (false, false) => part.to_string(),
                };
                let path = parts.iter().enumerate().map(fill).collect::<Vec<_>>().join("/").replace(['{', '}'], "");
                let answer = raw(&house, &path).await;
                let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer.as_str(), ""));
                let status: u16 = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
                assert!((200..500).contains(&status), "{path}: {head}");
                assert!(!head.to_lowercase().contains("\r\nx-injected"), "{path}: {head}");
                for secret in ["root:x:", "SQLite format", "[workspace]", "PRIVATE KEY"] {
                    assert!(!body.contains(secret), "{path} gives {secret}");
                }
                asked += 1;
            }
        }
    }
    assert!(asked > 500, "{asked}");
    house.close().await;
}
