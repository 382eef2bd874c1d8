//! HLS while it is on air: what those get who are let in, and what others try.

use super::stage::{EXPERIENCES, Show, Stage};
use super::ways::Way::{self, LiveMediaPlaylist, LivePicture, LivePlaylist, LiveSegment, LiveSegmentByQuery};
use crate::browser::{Answer, Browser};
use backstage::adapters::mux::{Audience, Signer};
use backstage::config::Secret;
use backstage::world::SystemClock;
use backstage_actors::ports::Clock;
use backstage_media::origin::credentials::{Credentials, new_signing_pair};
use serde_json::Map;
use std::time::{Duration, Instant};

/// The side is warm by then, and back after a moment of a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);

/// A show as a player sees it.
#[derive(Clone)]
struct Film {
    playback_id: String,
    broadcast: String,
    segment: String,
}

/// What anybody might come by: where the shows are, but no token for them.
pub struct OnAir {
    films: Vec<Film>,
    ours: Signer,
    /// Has the name of our key, but not the key.
    forger: Signer,
}

impl OnAir {
    /// The host comes on, and the creator chooses HLS.
    pub async fn begin(stage: &Stage) -> OnAir {
        let mut creator = stage.creator.lock().await;
        let data = stage.house.data().join("origin");
        let secrets = tokio::task::spawn_blocking(move || Credentials::open(&data).unwrap()).await.unwrap();
        for (nth, show) in stage.shows.iter().enumerate() {
            stage.house.rooms.publish(&show.stream.parse().unwrap(), format!("track-{nth}").parse().unwrap());
            let stream = format!("/api/v1/streams/{}", show.stream);
            assert_eq!(creator.api(&format!("{stream}/observe")).await.status, 202);
            let chosen = creator.api_with(&format!("{stream}/delivery"), r#"{"choice":"hls"}"#).await;
            assert!(chosen.status < 300, "{}", chosen.body);
        }
        let mut films = vec![];
        for show in &stage.shows {
            let admission = admission(&mut creator, show).await;
            films.push(film(&mut creator, &admission).await);
        }
        let (foreign, _) = new_signing_pair().unwrap();
        let signer = |key: &str| Signer::new(secrets.signing_key.clone(), &Secret::new(key)).unwrap();
        OnAir { films, ours: signer(&secrets.private_key), forger: signer(&foreign) }
    }

    /// Tries to watch without having been let in; what opened, or was refused in another way than it should be.
    pub async fn guess(&self, browser: &mut Browser, place: usize) -> Vec<String> {
        let film = &self.films[place];
        let now_s = SystemClock.now().0 / 1_000;
        let sign =
            |signer: &Signer, film: &Film, aud, exp_s| signer.token(&film.playback_id, aud, exp_s, Map::new()).unwrap();
        // That of the open show anybody gets; that of another one somebody who may watch it.
        let other = &self.films[if EXPERIENCES[place] == "open" { 0 } else { 2 }];
        let tokens = [
            ("no token", String::new()),
            ("the token of another show", sign(&self.ours, other, Audience::Video, now_s + 30)),
            ("a token that ran out", sign(&self.ours, film, Audience::Video, now_s - 1)),
            ("a token for pictures", sign(&self.ours, film, Audience::Thumbnail, now_s + 30)),
            ("a forged token", sign(&self.forger, film, Audience::Video, now_s + 30)),
        ];
        let mut wrong = vec![];
        for (name, token) in &tokens {
            let parts = |file| parts(film, token, file);
            let by_query = |path: String| if token.is_empty() { path } else { format!("{path}?token={token}") };
            let mut tries = vec![
                by_query(LivePlaylist.address(&parts(""))),
                by_query(LiveSegmentByQuery.address(&parts("media.m3u8"))),
                by_query(LiveSegmentByQuery.address(&parts("dvr.m3u8"))),
                by_query(LiveSegmentByQuery.address(&parts(&film.segment))),
            ];
            if !token.is_empty() {
                tries.push(LiveMediaPlaylist.address(&parts("media.m3u8")));
                tries.push(LiveSegment.address(&parts(&film.segment)));
            } else {
                tries.push(LivePicture.address(&parts("")));
            }
            for path in tries {
                let answer = browser.get(&path).await;
                if answer.status != 403 {
                    wrong.push(format!("{name}: {} from {path}", answer.status));
                }
            }
        }
        wrong
    }
}

fn parts<'a>(film: &'a Film, token: &'a str, file: &'a str) -> [(&'a str, &'a str); 5] {
    let (playback_id, broadcast) = (film.playback_id.as_str(), film.broadcast.as_str());
    [
        ("playback_id", playback_id),
        ("broadcast", broadcast),
        ("token", token),
        ("file", file),
        ("image", "thumbnail.jpg"),
    ]
}

/// Asks to be let in, until the show is delivered over HLS, as it is but for a moment on a busy machine.
pub async fn admission(browser: &mut Browser, show: &Show) -> Answer {
    let began = Instant::now();
    loop {
        let answer = Way::Admission.ask(browser, &[("id", &show.id)], "{}").await;
        match answer.status {
            200 if answer.json()["delivery"] == "hls" => return answer,
            403 => return answer,
            200 | 503 => {}
            other => panic!("{other}: {}", answer.body),
        }
        assert!(began.elapsed() < PATIENCE, "not over HLS: {}", answer.body);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What a player does with its admission: playlist, media playlist, segment.
pub async fn ways(browser: &mut Browser, admission: &Answer) -> Vec<(Way, bool)> {
    let all = [LivePlaylist, LiveMediaPlaylist, LiveSegment, LiveSegmentByQuery, LivePicture];
    if admission.status != 200 {
        assert!(!admission.body.contains("m3u8"), "{}", admission.body);
        return all.map(|way| (way, false)).into();
    }
    let film = film(browser, admission).await;
    let token = token_of(admission);
    let mut found = vec![];
    for (way, file) in [
        (LivePlaylist, ""),
        (LiveMediaPlaylist, "media.m3u8"),
        (LiveSegment, film.segment.as_str()),
        (LiveSegmentByQuery, film.segment.as_str()),
        (LivePicture, ""),
    ] {
        let path = way.address(&parts(&film, &token, file));
        let path = if path.contains('~') { path } else { format!("{path}?token={token}") };
        let got = browser.get(&path).await;
        assert!([200, 403].contains(&got.status), "{way:?}: {} {}", got.status, got.body);
        found.push((way, got.status == 200 && !got.body.is_empty()));
    }
    found
}

fn token_of(admission: &Answer) -> String {
    let url = admission.json()["hls"]["url"].as_str().unwrap().to_owned();
    url.split_once("?token=").unwrap().1.to_owned()
}

/// Follows the address of an admission to a segment.
async fn film(browser: &mut Browser, admission: &Answer) -> Film {
    let url = admission.json()["hls"]["url"].as_str().unwrap().to_owned();
    let began = Instant::now();
    loop {
        let variants = browser.get(&url).await;
        let media = last_address(&variants.body);
        let playlist = browser.get(&format!("/hls/{media}")).await;
        let segment = last_address(&playlist.body);
        if let ([playback_id, broadcast, _, "media.m3u8"], true) =
            (media.split('/').collect::<Vec<_>>().as_slice(), segment.ends_with(".m4s"))
        {
            let (playback_id, broadcast) = (playback_id.to_string(), broadcast.to_string());
            return Film { playback_id, broadcast, segment: segment.into() };
        }
        assert!(began.elapsed() < PATIENCE, "no segment: {variants:?} {playlist:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The last line of a playlist that is an address.
fn last_address(playlist: &str) -> &str {
    playlist.lines().rfind(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default()
}
