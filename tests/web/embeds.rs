//! Pages of others in a frame: allowed hosts only, behind the same access as everything, and without a stage.

use crate::house::House;
use std::time::{Duration, Instant};

const PLAYER: &str = "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ";

fn fields<'a>(url: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let fields = [("title", "A film"), ("slug", "film"), ("grace_s", "60"), ("kind", "embed"), ("embed_url", url)];
    [&fields, more].concat()
}

#[actix_web::test]
async fn what_is_embedded_obeys_access_and_only_its_page_may_frame_its_host() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    house.free_opens_all(&mut creator).await;
    let made = creator.form("/studio/demo/experiences/new", &fields("https://youtu.be/dQw4w9WgXcQ", &[])).await;
    assert_eq!((made.status, made.header("location")), (303, "/m/demo/film"), "{}", made.body);

    let mut stranger = house.browser();
    let closed = stranger.get("/m/demo/film").await;
    assert!(closed.body.contains("data-gate=\"refused\"") && !closed.body.contains("youtube"), "{}", closed.body);
    assert!(!closed.header("content-security-policy").contains("frame-src"));
    assert!(stranger.get("/demo").await.body.contains("A film"));
    assert_eq!(stranger.form("/m/demo/film/join", &[]).await.header("location"), "/m/demo/film");
    let open = stranger.get("/m/demo/film").await;
    let frame = open.between("<iframe ", ">");
    assert!(frame.contains(&format!("src=\"{PLAYER}\"")) && frame.contains("title=\"A film\""), "{frame}");
    assert!(frame.contains("sandbox=\"allow-scripts") && !frame.contains("allow-top-navigation"), "{frame}");
    let policy = open.header("content-security-policy");
    assert!(policy.ends_with("; frame-src https://www.youtube-nocookie.com"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("script-src 'self';"), "{policy}");
    assert!(open.header("permissions-policy").contains("fullscreen=(self \"https://www.youtube-nocookie.com\")"));
    for path in ["/demo", "/m/demo/live", "/m/demo/film/recordings"] {
        assert!(!stranger.get(path).await.header("content-security-policy").contains("frame-src"), "{path}");
    }
    house.close().await;
}

#[actix_web::test]
async fn it_has_no_lobby_and_no_studio() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    let soon = (chrono::Utc::now().timestamp_millis() + 3_600_000).to_string();
    let made = creator.form("/studio/demo/experiences/new", &fields(PLAYER, &[("starts_at", &soon)])).await;
    assert_eq!(made.status, 303, "{}", made.body);
    let id = creator.get("/m/demo/film").await.between("data-experience-id=\"", "\"");
    for path in ["lobby", "go-live"] {
        let answer = creator.api(&format!("/api/v1/experiences/{id}/{path}")).await;
        assert_eq!((answer.status, answer.code().as_str()), (409, "no_stage"), "{path}");
    }
    assert_eq!(creator.api(&format!("/api/v1/experiences/{id}/publisher-token")).await.status, 409);
    assert_eq!(creator.api(&format!("/api/v1/experiences/{id}/admission")).await.code(), "not_live");
    assert_eq!(creator.get("/studio/demo/film").await.header("location"), "/studio/demo/film/edit");
    let studio = creator.get("/studio").await;
    assert!(studio.body.contains("href=\"/m/demo/film\"") && studio.body.contains("Page of another site"));
    assert!(!studio.body.contains("href=\"/studio/demo/film\""));
    // Nothing is announced, whatever the form said.
    assert_eq!(creator.get("/m/demo/film.ics").await.status, 404);
    house.close().await;
}

#[actix_web::test]
async fn only_allowed_addresses_go_in_and_a_kind_can_be_changed_when_nothing_is_on() {
    let house = House::open_with(|config| config.embeds.hosts = vec!["films.test".into()]).await;
    let mut creator = house.creator().await;
    for (url, words) in [
        (PLAYER, "That site cannot be shown here."),
        ("http://films.test/1", "begins with https://"),
        ("javascript:alert(1)", "begins with https://"),
        ("", "begins with https://"),
        ("https://films.test.evil.test/", "That site cannot be shown here."),
    ] {
        let answer = creator.form("/studio/demo/experiences/new", &fields(url, &[])).await;
        assert!(answer.status == 422 && answer.body.contains(words), "{url}: {}", answer.status);
        assert!(answer.body.contains("id=\"embed_url-error\"") && answer.body.contains("value=\"A film\""), "{url}");
    }
    let wrong = [("title", "A film"), ("slug", "film"), ("kind", "cinema")];
    assert_eq!(creator.form("/studio/demo/experiences/new", &wrong).await.status, 422);

    let edit = "/studio/demo/live/edit";
    let show = |kind, url| [("title", "Show"), ("slug", "live"), ("grace_s", "60"), ("kind", kind), ("embed_url", url)];
    let id = house.experience().await;
    creator.api(&format!("/api/v1/experiences/{id}/lobby")).await;
    let busy = creator.form(edit, &show("embed", "https://films.test/1")).await;
    assert!(busy.status == 422 && busy.body.contains("A stream is open here."), "{}", busy.body);
    creator.api(&format!("/api/v1/experiences/{id}/end")).await;
    // The experience hears a moment later that its stream is over.
    let began = Instant::now();
    while creator.form(edit, &show("embed", "https://films.test/1?a=\"><b>")).await.status != 303 {
        assert!(began.elapsed() < Duration::from_secs(5), "the stream is still open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let page = creator.get("/m/demo/live").await;
    assert!(page.body.contains("<iframe src=\"https://films.test/1?a=%22%3E%3Cb%3E\""), "{}", page.body);
    // A form that does not say keeps what it is.
    assert_eq!(creator.form(edit, &[("title", "Other"), ("slug", "live")]).await.status, 303);
    assert!(creator.get("/m/demo/live").await.body.contains("<iframe"));
    assert!(creator.get(edit).await.body.contains("value=\"https://films.test/1?a=%22%3E%3Cb%3E\""));
    assert_eq!(creator.form(edit, &show("live", "")).await.status, 303);
    assert!(creator.get("/m/demo/live").await.body.contains("<live-player"));
    house.close().await;
}

#[actix_web::test]
async fn a_host_that_is_no_longer_allowed_is_not_framed() {
    let house = House::open_with(|config| config.embeds.hosts = vec!["films.test".into()]).await;
    let mut creator = house.creator().await;
    let made = creator.form("/studio/demo/experiences/new", &fields("https://films.test/1", &[])).await;
    assert_eq!(made.status, 303);
    house.sql("UPDATE experience_kinds SET body = '{\"url\":\"https://gone.test/1\"}'").await;
    let page = creator.get("/m/demo/film").await;
    assert!(page.body.contains("This cannot be shown") && !page.body.contains("<iframe"), "{}", page.body);
    assert!(!page.header("content-security-policy").contains("frame-src"));
    house.close().await;
}
