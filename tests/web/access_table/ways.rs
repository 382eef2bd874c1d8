//! The ways in, each by the route that it asks.

use super::holders::Holder;
use super::playback;
use super::stage::{EXPERIENCES, Show, Stage};
use crate::browser::{Answer, Browser};
use backstage::recording::ticket;
use backstage::world::SystemClock;
use backstage_actors::ports::Clock;
use std::time::Duration;

/// A way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Page,
    Admission,
    MediaToken,
    Socket,
    /// What those see who host; no pass leads there.
    SocketAsHost,
    LivePlaylist,
    LiveMediaPlaylist,
    LiveSegment,
    /// The token in the query, as a player may send it too.
    LiveSegmentByQuery,
    /// Of the show that is on; nobody is given a token for it.
    LivePicture,
    Recordings,
    Recording,
    RecordingAdmission,
    RecordingPlaylist,
    RecordingSegment,
    RecordingFile,
    RecordingPoster,
    Place,
    LastPlace,
}
use Way::*;

impl Way {
    pub const ALL: [Way; 19] = [
        Page,
        Admission,
        MediaToken,
        Socket,
        SocketAsHost,
        LivePlaylist,
        LiveMediaPlaylist,
        LiveSegment,
        LiveSegmentByQuery,
        LivePicture,
        Recordings,
        Recording,
        RecordingAdmission,
        RecordingPlaylist,
        RecordingSegment,
        RecordingFile,
        RecordingPoster,
        Place,
        LastPlace,
    ];

    /// Method and address, as in the tables of routes: what is asked is made of this.
    pub fn route(self) -> (&'static str, &'static str) {
        match self {
            Page => ("GET", "/m/{space}/{experience}"),
            Admission | MediaToken => ("POST", "/api/v1/experiences/{id}/admission"),
            Socket | SocketAsHost => ("GET", "/live/{id}"),
            LivePlaylist => ("GET", "/hls/{playback_id}.m3u8"),
            LiveMediaPlaylist | LiveSegment => ("GET", "/hls/{playback_id}/{broadcast}/~{token}/{file}"),
            LiveSegmentByQuery => ("GET", "/hls/{playback_id}/{broadcast}/{file}"),
            LivePicture => ("GET", "/hls/{playback_id}/{image}"),
            Recordings => ("GET", "/m/{space}/{experience}/recordings"),
            Recording => ("GET", "/m/{space}/{experience}/recordings/{id}"),
            RecordingAdmission => ("POST", "/api/v1/recordings/{id}/admission"),
            RecordingPlaylist | RecordingSegment | RecordingFile | RecordingPoster => {
                ("GET", "/recordings/{id}/~{ticket}/{object:.*}")
            }
            Place => ("PUT", "/api/v1/recordings/{id}/position"),
            LastPlace => ("POST", "/api/v1/recordings/{id}/position"),
        }
    }

    /// Whether it must open to somebody who may watch or not.
    pub fn opens(self, holder: Holder, may: bool) -> bool {
        match self {
            LivePicture => false,
            SocketAsHost => holder == Holder::Owner,
            Place | LastPlace => may && holder.has_session(),
            Page | Admission | MediaToken | Socket | LivePlaylist | LiveMediaPlaylist | LiveSegment
            | LiveSegmentByQuery | Recordings | Recording | RecordingAdmission | RecordingPlaylist
            | RecordingSegment | RecordingFile | RecordingPoster => may,
        }
    }

    /// Its address with these parts.
    pub fn address(self, parts: &[(&str, &str)]) -> String {
        let fill = |path: String, (name, value): &(&str, &str)| path.replace(&format!("{{{name}}}"), value);
        let path = parts.iter().fold(self.route().1.to_owned(), fill);
        assert!(!path.contains('{'), "{self:?}: {path}");
        path
    }

    /// Asks; a body goes with what takes one.
    pub async fn ask(self, browser: &mut Browser, parts: &[(&str, &str)], body: &str) -> Answer {
        let path = self.address(parts);
        match self.route().0 {
            "GET" => browser.get(&path).await,
            method => browser.json(method, &path, body).await,
        }
    }
}

/// What every way into a place says to a browser, in the order of [`Way::ALL`].
pub async fn all(stage: &Stage, browser: &mut Browser, place: usize) -> Vec<(Way, bool)> {
    let (slug, show) = (EXPERIENCES[place], &stage.shows[place]);
    let mut found = vec![];
    let page = Page.ask(browser, &[("space", "demo"), ("experience", slug)], "").await;
    found.push((Page, page.body.contains("data-gate=\"open\"")));
    let admission = playback::admission(browser, show).await;
    found.push((Admission, admission.status == 200));
    // As a player asks for which HLS does not play.
    let instead = MediaToken.ask(browser, &[("id", &show.id)], r#"{"failed":"hls"}"#).await;
    assert_eq!(instead.status, admission.status, "{}", instead.body);
    found.push((MediaToken, instead.body.contains("\"token\":\"viewer:")));
    for (way, seat) in [(Socket, "as=viewer"), (SocketAsHost, "as=host")] {
        let id = way.address(&[("id", &show.id)]).replace("/live/", "");
        let mut socket = browser.socket(&id, seat).await;
        let heard = tokio::time::timeout(Duration::from_secs(5), socket.hear("state")).await.unwrap();
        found.push((way, heard.is_some()));
    }
    found.extend(playback::ways(browser, &admission).await);
    found.extend(recorded(stage, browser, slug, show).await);
    found
}

async fn recorded(stage: &Stage, browser: &mut Browser, slug: &str, show: &Show) -> Vec<(Way, bool)> {
    let id = show.recording.id.as_str();
    let here = [("space", "demo"), ("experience", slug), ("id", id)];
    let list = Recordings.ask(browser, &here, "").await;
    let page = Recording.ask(browser, &here, "").await;
    let admission = RecordingAdmission.ask(browser, &here, "{}").await;
    let ticket = match admission.status {
        200 => {
            let url = admission.json()["hls"]["url"].as_str().unwrap().to_owned();
            url.split('~').nth(1).unwrap().split('/').next().unwrap().to_owned()
        }
        _ => ticket::issue(&stage.house.app.state.seal, id, None, SystemClock.now()),
    };
    let mut found = vec![
        (Recordings, list.body.contains("/poster.jpg")),
        (Recording, page.body.contains("<live-player")),
        (RecordingAdmission, admission.status == 200),
    ];
    for (way, object) in [
        (RecordingPlaylist, "hls/index.m3u8"),
        (RecordingSegment, "hls/s00000.m4s"),
        (RecordingFile, "video.mp4"),
        (RecordingPoster, "poster.jpg"),
    ] {
        let got = way.ask(browser, &[("id", id), ("ticket", &ticket), ("object:.*", object)], "").await;
        found.push((way, got.status == 200));
    }
    for way in [Place, LastPlace] {
        let told = way.ask(browser, &[("id", id)], r#"{"position_s":1}"#).await;
        found.push((way, told.status == 204));
    }
    found
}
