//! Signed playback: each way of asking without the right token.

use backstage::adapters::mux::{Audience, Signer};
use backstage::config::Secret;
use backstage::experience::routes::open;
use backstage::pass;
use backstage_core::access::{Opens, Rule};
use backstage_core::experience::Settings;
use backstage_core::slug::Slug;
use backstage_media::origin::credentials::new_signing_pair;
use serde_json::{Map, json};
use std::time::{Duration, Instant};

use crate::house::{House, look};
use crate::logs;

/// The token in a playlist's address.
fn token_of(url: &str) -> &str {
    url.split_once("?token=").unwrap().1
}

/// The lines of a playlist that are addresses, and the URIs in its tags.
fn addresses(base: &str, playlist: &str) -> Vec<String> {
    let base = url::Url::parse(base).unwrap();
    let lines = playlist.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let tags = playlist.lines().filter(|line| line.starts_with("#EXT-X-MAP") || line.starts_with("#EXT-X-PART:"));
    let uris = tags.filter_map(|line| line.split_once("URI=\"")?.1.split_once('"')).map(|(uri, _)| uri);
    lines.chain(uris).map(|one| base.join(one).unwrap().to_string()).collect()
}

#[actix_web::test]
async fn without_the_right_token_nothing_is_played_and_nothing_leaks() {
    let mut house = House::open(|_| {}).await;
    let show = house.goes_live().await;
    let mut guests = house.audience(2).await;
    house.hears(&show, "delivery_hls").await;
    let good = house.playlist(&mut guests[0]).await;
    let (status, variants) = look(&good).await;
    assert_eq!(status, 200);
    let media = addresses(&good, &variants).remove(0);
    let end = Instant::now() + Duration::from_secs(10);
    let files = loop {
        let (status, text) = look(&media).await;
        assert_eq!(status, 200);
        let files = addresses(&media, &text);
        if files.iter().any(|one| one.ends_with(".m4s")) && files.iter().any(|one| one.contains("init-")) {
            break files;
        }
        assert!(Instant::now() < end, "no segment came: {text}");
    };
    let segment = files.iter().rfind(|one| one.ends_with(".m4s")).unwrap().clone();
    let init = files.iter().find(|one| one.contains("init-")).unwrap().clone();
    assert_eq!(look(&segment).await.0, 200);

    let other = another_experience(&mut house).await;
    let id = good.rsplit_once('/').unwrap().1.split_once(".m3u8").unwrap().0.to_owned();
    let secrets = house.credentials();
    let text = |key: &str| secrets[key].as_str().unwrap().to_owned();
    let ours = Signer::new(text("signing_key"), &Secret::new(text("private_key"))).unwrap();
    let (foreign, _) = new_signing_pair().unwrap();
    let forger = Signer::new(text("signing_key"), &Secret::new(&foreign)).unwrap();
    let stranger = Signer::new("strange", &Secret::new(&foreign)).unwrap();
    let now_s = house.app.state.clock.now().0 / 1_000;
    let sign = |signer: &Signer, sub: &str, aud, exp_s| signer.token(sub, aud, exp_s, Map::new()).unwrap();
    let right = sign(&ours, &id, Audience::Video, now_s + 30);
    let cut = |token: &str| token.rsplit_once('.').unwrap().0.to_owned();
    let unsigned = {
        use base64::Engine;
        let head = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json!({ "alg": "none" }).to_string());
        format!("{head}.{}.", cut(&right).split_once('.').unwrap().1)
    };
    let rows = [
        ("no token", String::new()),
        ("wrong key", sign(&forger, &id, Audience::Video, now_s + 30)),
        ("unknown key", sign(&stranger, &id, Audience::Video, now_s + 30)),
        ("wrong sub", sign(&ours, "somethingelse", Audience::Video, now_s + 30)),
        ("wrong aud", sign(&ours, &id, Audience::Thumbnail, now_s + 30)),
        ("aud of figures", sign(&ours, &id, Audience::LiveStreamFigures, now_s + 30)),
        ("expired", sign(&ours, &id, Audience::Video, now_s - 1)),
        ("no signature", cut(&right)),
        ("no algorithm", unsigned),
        ("another one's signature", format!("{}.{}", cut(&right), other.rsplit_once('.').unwrap().1)),
        ("other experience's token", other.clone()),
        ("nonsense", "nonsense".into()),
    ];
    let ours_in_path = format!("/~{}/", token_of(&good));
    assert!(segment.contains(&ours_in_path), "{segment}");
    let site = format!("http://{}/hls", house.app.address);
    let inside = house.origin();
    assert_eq!(look(&format!("{site}/{id}.m3u8?token={right}")).await.0, 200, "the right one, signed here");
    for (name, token) in &rows {
        let in_path = if token.is_empty() { "/".to_owned() } else { format!("/~{token}/") };
        let there = |address: &str| address.replace(&ours_in_path, &in_path);
        let mut asked = vec![
            format!("{site}/{id}.m3u8?token={token}"),
            format!("{inside}/{id}.m3u8?token={token}"),
            there(&media),
            there(&segment),
            there(&init),
            there(&segment).replace(&site, &inside),
        ];
        if token.is_empty() {
            asked.push(format!("{site}/{id}.m3u8"));
            asked.push(format!("{site}/{id}/thumbnail.jpg"));
        }
        for url in asked {
            let (status, said) = look(&url).await;
            assert_eq!(status, 403, "{name}: {url} was answered with {said:.200}");
            assert!(said.len() < 300 && !said.contains(&id), "{name}: {said}");
        }
    }
    let logged = logs::all();
    assert!(logged.contains("backstage"), "something is logged");
    let key = house.broadcasts(&show).await[0]["stream_key"].as_str().unwrap().to_owned();
    let secret = [text("private_key"), text("token_secret"), text("webhook_secret"), key, token_of(&good).to_owned()];
    for secret in secret.iter().chain(rows.iter().map(|(_, token)| token)).filter(|text| text.len() > 12) {
        let place = logged.find(secret.as_str());
        let line = place.map(|at| logged[..at].rsplit('\n').next().unwrap_or_default().to_owned());
        assert_eq!(line, None, "a secret is in the log");
    }
    house.close().await;
}

/// The token of a viewer of another experience, which is on air too.
async fn another_experience(house: &mut House) -> String {
    let space = house.app.state.store.find_space("demo").await.unwrap().unwrap().state.id;
    let settings = Settings {
        slug: Slug::parse("second").unwrap(),
        title: "The second".into(),
        description: String::new(),
        access: Rule::Pass,
        grace_ms: 60_000,
        starts_at: None,
    };
    // The demo's free pass opens its live show alone: here it opens both.
    let state = &house.app.state;
    let free = pass::store::of_space(&state.db, &space).await.unwrap().remove(0);
    let terms = pass::store::Terms { opens: Opens::All, ..free.terms };
    pass::store::update(&state.db, &free.id, &terms, state.clock.now()).await.unwrap();
    let experience = open(state, &space, settings).await.unwrap().unwrap().as_str().to_owned();
    let show = house.goes_live_at(&experience).await;
    let mut guests = vec![];
    for _ in 0..2 {
        let mut guest = house.guest_of("/m/demo/second", &experience).await;
        guest.watches("webrtc").await;
        guests.push(guest);
    }
    house.hears(&show, "delivery_hls").await;
    let (_, offer) = house.offered_at(&mut guests[0], &experience, json!({})).await;
    token_of(offer["hls"]["url"].as_str().unwrap()).to_owned()
}
