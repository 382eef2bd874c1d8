//! Every text key that a template or the server uses has a text.

use crate::house::House;
use backstage::locale::{self, Language};
use backstage::ports::Mail as _;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
}

fn keys(text: &str, call: &str) -> Vec<String> {
    let parts = text.split(call).skip(1);
    parts.filter_map(|rest| rest.split('"').next()).filter(|key| key.contains('.')).map(str::to_string).collect()
}

#[test]
fn every_text_that_is_used_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut views, mut sources) = (vec![], vec![]);
    files(&root.join("web/views"), ".html", &mut views);
    files(&root.join("src"), ".rs", &mut sources);
    let mut used = vec![];
    for path in views.iter().chain(&sources) {
        let text = std::fs::read_to_string(path).unwrap();
        for call in ["page.t(\"", "page.t1(\"", "page_t(\"", "locale::text(\"", "locale::text_with(\"", "again(\""] {
            used.extend(keys(&text, call));
        }
        // `errors.add("field", "key")` and `see_other_with(path, "key")`.
        for line in text.lines().filter(|line| line.contains("errors.add(") || line.contains("see_other_with(")) {
            used.extend(
                line.split('"').filter(|part| part.contains('.') && !part.contains(['/', ' '])).map(str::to_string),
            );
        }
    }
    assert!(used.len() > 100, "{}", used.len());
    let missing: Vec<String> = used.into_iter().filter(|key| !locale::has(key)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_language_has_the_same_texts_with_the_same_places_to_fill() {
    let places = |text: &str| {
        let mut found: Vec<String> =
            text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name.to_string()).collect();
        found.sort();
        found
    };
    let english: BTreeMap<&str, &str> = Language::English.all().collect();
    assert!(english.len() > 500, "{}", english.len());
    for language in Language::ALL {
        let other: BTreeMap<&str, &str> = language.all().collect();
        let missing: Vec<_> = english.keys().filter(|key| !other.contains_key(*key)).collect();
        let extra: Vec<_> = other.keys().filter(|key| !english.contains_key(*key)).collect();
        assert!(missing.is_empty() && extra.is_empty(), "{language:?}: missing {missing:?}, extra {extra:?}");
        for (key, text) in &other {
            assert!(!text.trim().is_empty() || key.ends_with(".color"), "{language:?} {key} is empty");
            assert_eq!(places(text), places(english[key]), "{language:?} {key}");
        }
    }
}

#[actix_web::test]
async fn pages_speak_the_browser_s_language_until_another_is_chosen() {
    let house = House::open().await;
    let mut browser = house.browser();
    assert!(browser.get("/sign-in").await.body.contains("<html lang=\"en\""));
    browser.headers.push(("accept-language", "es-AR,es;q=0.9,en;q=0.3".into()));
    let page = browser.get("/sign-in").await;
    let spanish = |key: &str| Language::Spanish.all().find(|(name, _)| *name == key).unwrap().1;
    assert!(
        page.body.contains("<html lang=\"es\"") && page.body.contains(spanish("session.new.lead")),
        "{}",
        page.body
    );
    // What goes wrong is told in it too, and so are the mails.
    let lost = browser.get("/no-such-page").await;
    assert!(lost.status == 404 && lost.body.contains(spanish("error.404.title")), "{}", lost.body);
    browser.form("/sign-in", &[("email", "ana@example.com")]).await;
    let mail = house.mail.kept().into_iter().find(|(_, letter)| letter.to == "ana@example.com").unwrap().1;
    assert_eq!(mail.subject, spanish("mail.code.subject").replace("{code}", &house.code("ana@example.com")));

    let chosen = browser.form("/language", &[("language", "en"), ("next", "/demo?pass=free")]).await;
    assert_eq!((chosen.status, chosen.header("location")), (303, "/demo?pass=free"));
    assert!(browser.get("/demo").await.body.contains("<html lang=\"en\""));
    assert_eq!(browser.form("/language", &[("language", "tlh")]).await.status, 400);
    let away = browser.form("/language", &[("language", "es"), ("next", "//evil.test")]).await;
    assert_eq!(away.header("location"), "/");
    house.close().await;
}
