//! Recordings: who may see what of them, tickets, places, and what the team does.

use crate::browser::{Answer, Browser};
use crate::house::House;
use backstage::adapters::storage::Prefix;
use backstage::config::{Secret, StorageKind};
use backstage::recording::{Recording, expiry, store, ticket};
use backstage::session::Session;
use backstage::world::SystemClock;
use backstage_actors::ports::{Clock, Path};
use backstage_core::access::RecordingRule;
use backstage_core::{StreamId, Timestamp};
use std::time::{Duration, Instant};

const LIST: &str = "/m/demo/live/recordings";
const OBJECTS: [&str; 6] =
    ["hls/index.m3u8", "hls/init.mp4", "hls/s00000.m4s", "video.mp4", "poster.jpg", "storyboard.vtt"];

async fn path_of(house: &House, stream: &str) -> Path {
    let store = &house.app.state.store;
    let space = store.find_space("demo").await.unwrap().unwrap().state.id;
    let experience = store.find_experience(&space, "live").await.unwrap().unwrap().state.id;
    Path { space, experience, stream: stream.parse().unwrap() }
}

/// A recording of the demo show, the way it gets there.
async fn archived(house: &House, stream: &str) -> Recording {
    house.archived(&path_of(house, stream).await).await
}

async fn set_rule(house: &House, recording: &Recording, rule: RecordingRule) {
    assert!(store::edit(&house.app.state.db, &recording.id, &recording.title, rule).await.unwrap());
}

fn page(recording: &Recording) -> String {
    format!("{LIST}/{}", recording.id)
}

fn admission(recording: &Recording) -> String {
    format!("/api/v1/recordings/{}/admission", recording.id)
}

fn object(recording: &Recording, ticket: &str, name: &str) -> String {
    format!("/recordings/{}/~{ticket}/{name}", recording.id)
}

async fn put_position(browser: &mut Browser, recording: &Recording, body: &str) -> Answer {
    let csrf = browser.csrf.clone();
    let path = format!("/api/v1/recordings/{}/position", recording.id);
    let headers = [("content-type", "application/json"), ("x-csrf-token", csrf.as_str())];
    browser.send("PUT", &path, &headers, body.as_bytes().to_vec()).await
}

/// A ticket as the page would give one to nobody in particular.
fn nobodys(house: &House, recording: &Recording) -> String {
    ticket::issue(&house.app.state.seal, &recording.id, None, SystemClock.now())
}

/// The ticket in an address.
fn ticket_in(url: &str) -> String {
    url.split('~').nth(1).unwrap().split('/').next().unwrap().to_owned()
}

/// The same ticket, made at another time.
fn made_at(house: &House, recording: &Recording, text: &str, at: Timestamp) -> String {
    let seal = &house.app.state.seal;
    let (id, user) = ticket::read(seal, &recording.id, text).unwrap().holder.unwrap();
    let session = Session {
        id,
        user,
        name: String::new(),
        email: None,
        phone: None,
        handle: None,
        expires_at: at,
        last_seen_at: at,
    };
    ticket::issue(seal, &recording.id, Some(&session), at)
}

async fn own_ticket(browser: &mut Browser, recording: &Recording) -> String {
    let admitted = browser.api(&admission(recording)).await;
    assert_eq!(admitted.status, 200, "{}", admitted.body);
    let json = admitted.json();
    assert!(json["hls"]["url"].as_str().unwrap().ends_with("/hls/index.m3u8"), "{json}");
    ticket_in(json["file"]["url"].as_str().unwrap())
}

#[actix_web::test]
async fn each_holder_gets_what_the_rule_of_the_recording_says_and_nothing_else() {
    let house = House::open().await;
    let recording = archived(&house, "s1").await;
    // Status of: page, admission, objects, place.
    let expectations = [
        (RecordingRule::Experience, [(200, 403, 403, 401), (200, 200, 200, 204), (200, 200, 200, 204)]),
        (RecordingRule::Open, [(200, 200, 200, 401), (200, 200, 200, 204), (200, 200, 200, 204)]),
        (RecordingRule::Team, [(404, 404, 404, 401), (404, 404, 404, 404), (200, 200, 200, 204)]),
    ];
    let mut holders = [house.browser(), house.guest().await, house.creator().await];
    holders[0].get("/m/demo/live").await;
    for (rule, expected) in expectations {
        // Everybody's own tickets from a time when everybody could get one.
        set_rule(&house, &recording, RecordingRule::Open).await;
        let mut tickets = vec![];
        for browser in &mut holders {
            tickets.push(own_ticket(browser, &recording).await);
        }
        set_rule(&house, &recording, rule).await;
        for ((browser, ticket), (of_page, of_admission, of_objects, of_place)) in
            holders.iter_mut().zip(&tickets).zip(expected)
        {
            let shown = browser.get(&page(&recording)).await;
            assert_eq!(shown.status, of_page, "{rule:?}: page");
            assert_eq!(shown.body.contains("<live-player"), of_objects == 200, "{rule:?}");
            assert_eq!(browser.api(&admission(&recording)).await.status, of_admission, "{rule:?}: admission");
            for name in OBJECTS {
                let got = browser.get(&object(&recording, ticket, name)).await;
                assert_eq!(got.status, of_objects, "{rule:?}: {name}: {}", got.body);
                assert!(got.header("cache-control").contains("private") || got.status != 200);
                assert!(got.headers.get("set-cookie").is_none());
            }
            let told = put_position(browser, &recording, "{\"position_s\": 12}").await;
            assert_eq!(told.status, of_place, "{rule:?}: {}", told.body);
            let list = browser.get(LIST).await;
            assert_eq!(list.body.contains(&recording.id), of_page == 200, "{rule:?}: list");
            assert_eq!(list.body.contains("/poster.jpg"), of_objects == 200, "{rule:?}: list");
            let linked = browser.get("/m/demo/live").await.body.contains("/m/demo/live/recordings\">");
            assert!(linked, "the slate of the end leads there at least");
        }
    }
    house.close().await;
}

#[actix_web::test]
async fn media_answers_as_players_expect() {
    let house = House::open().await;
    let recording = archived(&house, "s1").await;
    let mut guest = house.guest().await;
    let ticket = own_ticket(&mut guest, &recording).await;
    let playlist = guest.get(&object(&recording, &ticket, "hls/index.m3u8")).await;
    assert_eq!(playlist.header("content-type"), "application/vnd.apple.mpegurl");
    assert!(playlist.body.contains("#EXT-X-PLAYLIST-TYPE:VOD") && playlist.body.contains("URI=\"init.mp4\""));
    assert!(playlist.body.lines().filter(|line| !line.starts_with('#')).all(|line| !line.contains('/')));
    let film = object(&recording, &ticket, "video.mp4");
    let some = guest.send("GET", &film, &[("range", "bytes=4-7")], vec![]).await;
    assert_eq!((some.status, some.body.as_str()), (206, "ftyp"));
    assert_eq!(some.header("content-range"), format!("bytes 4-7/{}", recording.bytes));
    assert_eq!(some.header("content-type"), "video/mp4");
    let past = guest.send("GET", &film, &[("range", "bytes=99999999-")], vec![]).await;
    assert_eq!(past.status, 416);
    let head = guest.send("HEAD", &film, &[], vec![]).await;
    assert_eq!((head.status, head.header("accept-ranges")), (200, "bytes"));
    for nothing in ["hls/s99999.m4s", "film.json", "hls/", "../x", "%2e%2e/x", "archive.json"] {
        assert_eq!(guest.get(&object(&recording, &ticket, nothing)).await.status, 404, "{nothing}");
    }
    // Saving it is for the team.
    let saved = guest.get(&format!("{film}?download=1")).await;
    assert_eq!((saved.status, saved.code().as_str()), (403, "not_yours"));
    let mut creator = house.creator().await;
    let shown = creator.get(&page(&recording)).await;
    let download = shown.between("href=\"/recordings/", "\"");
    let saved = creator.send("HEAD", &format!("/recordings/{download}"), &[], vec![]).await;
    assert_eq!(saved.header("content-disposition"), "attachment; filename=\"demo-live-2026-02-25.mp4\"");
    // What is counted and shown to operators has no ticket in it.
    let metrics = creator.get("/metrics").await.body;
    assert!(metrics.contains("/recordings/{id}/~{ticket}/{object:.*}"), "{metrics}");
    assert!(!metrics.contains(&ticket));
    house.close().await;
}

#[actix_web::test]
async fn a_ticket_opens_one_recording_only_and_cannot_be_made_up() {
    let house = House::open().await;
    let (one, other) = (archived(&house, "s1").await, archived(&house, "s2").await);
    let mut guest = house.guest().await;
    let ticket = own_ticket(&mut guest, &one).await;
    let changed = ticket.replacen(char::is_numeric, "9", 1);
    for name in OBJECTS {
        assert_eq!(guest.get(&object(&one, &ticket, name)).await.status, 200);
        for wrong in [object(&other, &ticket, name), object(&one, &changed, name), object(&one, "1.-.-.x", name)] {
            assert_eq!(guest.get(&wrong).await.code(), "bad_ticket", "{wrong}");
        }
        for without in [format!("/recordings/{}/{name}", one.id), format!("/recordings/{}/~/{name}", one.id)] {
            assert_eq!(guest.get(&without).await.status, 404, "{without}");
        }
        // Nobody's ticket opens nothing that asks for a pass, also for those who have one.
        assert_eq!(guest.get(&object(&one, &nobodys(&house, &one), name)).await.code(), "needs_pass");
    }
    house.close().await;
}

#[actix_web::test]
async fn a_copied_address_expires_and_its_own_browser_plays_on() {
    let house = House::open().await;
    let recording = archived(&house, "s1").await;
    let (mut guest, mut stranger, mut creator) = (house.guest().await, house.browser(), house.creator().await);
    let fresh = own_ticket(&mut guest, &recording).await;
    let old = made_at(&house, &recording, &fresh, SystemClock.now() - ticket::LASTS_MS - 1);
    for name in OBJECTS {
        assert_eq!(stranger.get(&object(&recording, &fresh, name)).await.status, 200, "for a minute, as it is");
        assert_eq!(stranger.get(&object(&recording, &old, name)).await.code(), "ticket_expired");
        assert_eq!(creator.get(&object(&recording, &old, name)).await.code(), "ticket_expired");
        assert_eq!(guest.get(&object(&recording, &old, name)).await.status, 200);
    }
    // Signed out, it is nobody's browser.
    guest.get("/account").await;
    assert_eq!(guest.form("/sign-out", &[]).await.status, 303);
    assert_eq!(guest.get(&object(&recording, &old, "video.mp4")).await.code(), "ticket_expired");
    house.close().await;
}

#[actix_web::test]
async fn access_that_ends_stops_the_film() {
    let house = House::open().await;
    let recording = archived(&house, "s1").await;
    let mut guest = house.guest().await;
    let fresh = own_ticket(&mut guest, &recording).await;
    let old = made_at(&house, &recording, &fresh, SystemClock.now() - 3_600_000);
    let user = ticket::read(&house.app.state.seal, &recording.id, &fresh).unwrap().holder.unwrap().1;
    assert_eq!(guest.get(&object(&recording, &old, "hls/s00000.m4s")).await.status, 200);
    // As another node would: straight in the store.
    let now = SystemClock.now();
    backstage::pass::grants::revoke(&house.app.state.db, &recording.space, &user, now).await.unwrap();
    let began = Instant::now();
    while guest.get(&object(&recording, &fresh, "hls/s00000.m4s")).await.status == 200 {
        assert!(began.elapsed() < Duration::from_secs(5), "it plays on after 5 s");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for ticket in [&fresh, &old] {
        for name in OBJECTS {
            assert_eq!(guest.get(&object(&recording, ticket, name)).await.code(), "pass_revoked");
        }
    }
    assert_eq!(guest.api(&admission(&recording)).await.code(), "pass_revoked");
    assert_eq!(put_position(&mut guest, &recording, "{\"position_s\": 1}").await.code(), "pass_revoked");
    let shown = guest.get(&page(&recording)).await;
    assert!(shown.status == 200 && !shown.body.contains("~"), "{}", shown.body);
    // Open to everybody, it plays for them too; taken back, it stops at once, whatever the age of the ticket.
    set_rule(&house, &recording, RecordingRule::Open).await;
    let nobodys = nobodys(&house, &recording);
    let mut stranger = house.browser();
    assert_eq!(guest.get(&object(&recording, &fresh, "video.mp4")).await.status, 200);
    assert_eq!(stranger.get(&object(&recording, &nobodys, "video.mp4")).await.status, 200);
    set_rule(&house, &recording, RecordingRule::Team).await;
    assert_eq!(stranger.get(&object(&recording, &nobodys, "video.mp4")).await.status, 404);
    house.close().await;
}

#[actix_web::test]
async fn the_team_edits_and_deletes_and_nobody_else_does() {
    let house = House::open().await;
    let recording = archived(&house, "s1").await;
    let tools = format!("/studio/demo/live/recordings/{}", recording.id);
    let mut creator = house.creator().await;
    let shown = creator.get(&page(&recording)).await;
    assert!(shown.body.contains("Live from backstage") && shown.body.contains("5 seconds missing before it"));
    assert_eq!(shown.body.matches("class=\"chapter\"").count(), 2, "{}", shown.body);
    for (title, rule) in [("", "open"), (&"x".repeat(121), "open"), ("Fine", "everybody"), ("Fine", "")] {
        let again = creator.form(&format!("{tools}/edit"), &[("title", title), ("rule", rule)]).await;
        assert_eq!(again.status, 422, "{title} {rule}");
        assert!(again.body.contains("field__error") && again.body.contains(title));
    }
    let saved = creator.form(&format!("{tools}/edit"), &[("title", " First \n night "), ("rule", "team")]).await;
    assert_eq!((saved.status, saved.header("location")), (303, page(&recording).as_str()));
    let list = creator.get(LIST).await;
    assert!(list.body.contains("First night") && list.body.contains("Only your team"), "{}", list.body);

    let mut guest = house.guest().await;
    let mut other = house.signed_in("other@example.com").await;
    for verb in ["edit", "delete"] {
        let fields = [("title", "Mine"), ("rule", "open")];
        let answer = guest.form(&format!("{tools}/{verb}"), &fields).await;
        assert!(answer.header("location").starts_with("/sign-in"), "{answer:?}");
        assert_eq!(other.form(&format!("{tools}/{verb}"), &fields).await.status, 403);
        assert_eq!(creator.form(&format!("/studio/demo/live/recordings/none/{verb}"), &fields).await.status, 404);
    }
    let ticket = own_ticket(&mut creator, &recording).await;
    assert_eq!(creator.form(&format!("{tools}/delete"), &[]).await.header("location"), LIST);
    let empty = creator.get(LIST).await;
    assert!(empty.body.contains("No recordings yet") && empty.body.contains("Recording deleted."), "{}", empty.body);
    for path in [page(&recording), object(&recording, &ticket, "video.mp4")] {
        assert_eq!(creator.get(&path).await.status, 404, "{path}");
    }
    assert_eq!(creator.api(&admission(&recording)).await.status, 404);
    assert_eq!(put_position(&mut creator, &recording, "{\"position_s\": 1}").await.status, 404);
    let prefix = Prefix::parse("recordings/").unwrap();
    assert!(house.app.state.objects.list(&prefix, None, 9).await.unwrap().objects.is_empty());
    let audited: Vec<String> = sqlx::query_scalar("SELECT subject FROM audit WHERE action = 'recording_deleted'")
        .fetch_all(&house.app.state.db.pool)
        .await
        .unwrap();
    assert_eq!(audited, [recording.id]);
    house.close().await;
}

#[actix_web::test]
async fn a_place_follows_its_person_to_another_device() {
    let house = House::open().await;
    let recording = archived(&house, "s1").await;
    house.sql("UPDATE recordings SET duration_ms = 3600000").await;
    let (mut desk, mut phone) = (house.creator().await, house.creator().await);
    assert_eq!(put_position(&mut desk, &recording, "{\"position_s\": 723.9, \"duration_s\": 3600}").await.status, 204);
    let list = phone.get(LIST).await;
    assert!(list.body.contains("Resume at 12:03") && list.body.contains("value=\"20\""), "{}", list.body);
    assert!(phone.get(&page(&recording)).await.body.contains("data-place-s=\"723\""));
    assert_eq!(phone.api(&admission(&recording)).await.json()["position_s"], 723.9);
    assert!(!house.guest().await.get(LIST).await.body.contains("Resume"));
    for bad in [
        "",
        "{}",
        "[]",
        "{\"position_s\": -1}",
        "{\"position_s\": 3602}",
        "{\"position_s\": \"12\"}",
        "{\"position_s\": 1e999}",
    ] {
        assert_eq!(put_position(&mut phone, &recording, bad).await.code(), "bad_request", "{bad}");
    }
    // The end is the start of the next time. Browsers say their last word by POST.
    let csrf = phone.csrf.clone();
    let path = format!("/api/v1/recordings/{}/position", recording.id);
    let headers = [("content-type", "application/json"), ("x-csrf-token", csrf.as_str())];
    assert_eq!(phone.send("POST", &path, &headers, b"{\"position_s\": 3599}".to_vec()).await.status, 204);
    assert!(!desk.get(LIST).await.body.contains("Resume"));
    let forged =
        phone.send("PUT", &path, &[("content-type", "application/json")], b"{\"position_s\": 1}".to_vec()).await;
    assert_eq!(forged.code(), "csrf");
    house.close().await;
}

#[actix_web::test]
async fn who_joins_at_a_recording_comes_back_to_it() {
    let house = House::open().await;
    let recording = archived(&house, "s1").await;
    let mut guest = house.browser();
    assert!(guest.get(&page(&recording)).await.body.contains("You need a pass to watch this"));
    let joined = guest.form("/m/demo/live/join", &[("recording", &recording.id)]).await;
    assert_eq!((joined.status, joined.header("location")), (303, page(&recording).as_str()));
    assert!(guest.get(&page(&recording)).await.body.contains("<live-player"));
    for elsewhere in ["../../..", "//evil.test", "x?y", "x%2Fy"] {
        let joined = guest.form("/m/demo/live/join", &[("recording", elsewhere)]).await;
        assert_eq!(joined.header("location"), "/m/demo/live", "{elsewhere}");
    }
    house.close().await;
}

#[actix_web::test]
async fn recordings_on_their_way_and_those_that_failed_are_told() {
    let house = House::open().await;
    let id = house.experience().await;
    let mut creator = house.creator().await;
    let empty = creator.get(LIST).await;
    assert!(empty.body.contains("Go live, and the show can be watched again"), "{}", empty.body);
    let mut guest = house.guest().await;
    assert!(guest.get(LIST).await.body.contains("After a show ends"));
    let went = creator.api(&format!("/api/v1/experiences/{id}/go-live")).await.json();
    let stream: StreamId = went["stream_id"].as_str().unwrap().parse().unwrap();
    let held = house.app.state.store.stream(&stream).await.unwrap().unwrap();
    for (recorder, of_team, of_guest) in
        [("archiving", "A recording is on its way", true), ("failed", "could not be finished", false)]
    {
        let mut state = serde_json::to_value(&held.state).unwrap();
        state["phase"] = serde_json::json!({"phase": "ended", "live_since": 1_772_000_000_000_i64, "at": 1_772_000_600_000_i64, "cause": "creator"});
        state["recorder"] = serde_json::json!({ "recorder": recorder });
        sqlx::query("UPDATE aggregates SET state = $1, phase = 'ended' WHERE id = $2")
            .bind(state.to_string())
            .bind(stream.as_str())
            .execute(&house.app.state.db.pool)
            .await
            .unwrap();
        assert!(creator.get(LIST).await.body.contains(of_team), "{recorder}");
        assert_eq!(guest.get(LIST).await.body.contains(of_team), of_guest, "{recorder}");
    }
    house.close().await;
}

#[actix_web::test]
async fn a_recording_goes_when_its_time_is_over() {
    let house = House::open_with(|config| config.recording.keep_days = 1).await;
    let recording = archived(&house, "s1").await;
    let mut creator = house.creator().await;
    assert!(creator.get(&page(&recording)).await.body.contains("It is deleted by itself on"));
    assert_eq!(expiry::look(&house.app.state).await.unwrap(), 0);
    house.sql("UPDATE recordings SET expires_at = 5").await;
    assert_eq!(expiry::look(&house.app.state).await.unwrap(), 1);
    assert_eq!(creator.get(&page(&recording)).await.status, 404);
    let prefix = Prefix::parse(&recording.folder).unwrap();
    assert!(house.app.state.objects.list(&prefix, None, 9).await.unwrap().objects.is_empty());
    house.close().await;
}

#[actix_web::test]
async fn segments_come_from_the_bucket_and_everything_else_from_here() {
    let house = House::open_with(|config| {
        config.storage.kind = StorageKind::S3;
        config.storage.s3.endpoint = "https://bucket.test".into();
        config.storage.s3.region = "auto".into();
        config.storage.s3.bucket = "shows".into();
        config.storage.s3.access_key_id = "id".into();
        config.storage.s3.secret_access_key = Secret::new("secret");
    })
    .await;
    let path = path_of(&house, "s1").await;
    let recording = Recording {
        id: "r1".into(),
        stream: path.stream,
        experience: path.experience,
        space: path.space,
        title: "Kept elsewhere".into(),
        started_at: Timestamp(0),
        duration_ms: 60_000,
        bytes: 1,
        width: 16,
        height: 9,
        folder: "recordings/s1/x/".into(),
        stretches: vec![],
        cuts: vec![],
        rule: RecordingRule::Experience,
        created_at: Timestamp(0),
        expires_at: None,
        deleted_at: None,
    };
    let (db, folder) = (&house.app.state.db, Prefix::parse(&recording.folder).unwrap());
    let mut tx = db.begin_write().await.unwrap();
    backstage::objects::doomed::doom_folder(&mut tx, &folder, Timestamp(i64::MAX)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store::add(db, &recording, &folder).await.unwrap(), store::Added::Yes);
    let mut guest = house.guest().await;
    let ticket = own_ticket(&mut guest, &recording).await;
    for name in ["hls/init.mp4", "hls/s00001.m4s"] {
        let sent = guest.get(&object(&recording, &ticket, name)).await;
        let location = sent.header("location");
        assert_eq!((sent.status, sent.header("cache-control")), (302, "no-store"));
        assert!(location.starts_with(&format!("https://bucket.test/shows/recordings/s1/x/{name}?")), "{location}");
        assert!(location.contains("X-Amz-Expires=60") && location.contains("X-Amz-Signature="), "{location}");
        let refused = house.browser().get(&object(&recording, &nobodys(&house, &recording), name)).await;
        assert_eq!(refused.code(), "needs_pass");
    }
    let policy = guest.get(&page(&recording)).await.header("content-security-policy").to_owned();
    assert!(policy.contains("https://bucket.test"), "{policy}");
    house.close().await;
}
