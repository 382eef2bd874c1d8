//! The bridge with real ffmpeg, real RTMP and a real disk: frames in real time in, files out, looked at by strangers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a test stands in the world itself")]

mod clip;
mod listener;
mod livekit;
mod probe;
mod publisher;
#[path = "../participant/server.rs"]
#[allow(dead_code, reason = "shared with the participant's tests")]
mod server;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use backstage_media::bridge::recording::film::{FILM_FILE, FILM_FOLDER, Film};
use backstage_media::bridge::recording::finish::{FinishSettings, finish};
use backstage_media::bridge::recording::{self, journal};
use backstage_media::bridge::{
    Bridge, BridgeSettings, BridgeState, BridgeStatus, Cause, DestinationSettings, DestinationState, Picture,
    SizeChange,
};
use backstage_media::frame::Kind;
use backstage_media::h264::{Flat, ParameterSets};
use clip::{Clip, Folder};
use listener::{Server, Session};
use publisher::{Publisher, Scene};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// How long a condition is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// Viewers notice more than this, milliseconds.
const SKEW_MS_MAX: f64 = 40.0;

/// A bridge that is fed in real time.
struct Show {
    bridge: Bridge,
    _publisher: JoinSet<()>,
}

impl Show {
    fn start(settings: BridgeSettings, publisher: Publisher) -> Show {
        let (to, from) = mpsc::channel(64);
        let mut task = JoinSet::new();
        task.spawn(publisher.run(to));
        Show { bridge: Bridge::start(settings, from), _publisher: task }
    }

    async fn until(&self, what: &str, is_so: impl Fn(&BridgeStatus) -> bool) -> BridgeStatus {
        until(&self.bridge, what, is_so).await
    }

    /// Waits for the publisher's end.
    async fn end(mut self) -> BridgeStatus {
        tokio::time::timeout(PATIENCE, self.bridge.ended()).await.expect("the show has an end");
        self.bridge.status()
    }
}

async fn until(bridge: &Bridge, what: &str, is_so: impl Fn(&BridgeStatus) -> bool) -> BridgeStatus {
    let wait = async {
        loop {
            let status = bridge.status();
            if is_so(&status) {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    match tokio::time::timeout(PATIENCE, wait).await {
        Ok(status) => status,
        Err(_) => panic!("{what}: {:?}", bridge.status()),
    }
}

fn recording_into(folder: &Folder) -> BridgeSettings {
    BridgeSettings { recording: Some(folder.0.join("recording")), ..BridgeSettings::default() }
}

fn state_of(status: &BridgeStatus, id: &str) -> DestinationState {
    status.destinations.iter().find(|destination| destination.id == id).unwrap().state
}

/// Pictures rise and never stand still for long, sound has no hole.
fn assert_continuous(session: &Session) {
    let (pictures, sounds) = (session.pictures_ms(), session.sounds_ms());
    let steps = |times: &[u64]| times.windows(2).map(|pair| pair[1] as i64 - pair[0] as i64).collect::<Vec<_>>();
    let still = steps(&pictures);
    assert!(still.iter().all(|step| (1..=700).contains(step)), "pictures: {still:?}");
    let holes = steps(&sounds);
    assert!(holes.iter().all(|step| (10..=33).contains(step)), "sound: {holes:?}");
    let (last_picture, last_sound) = (*pictures.last().unwrap() as i64, *sounds.last().unwrap() as i64);
    assert!((last_picture - last_sound).abs() < 700, "{last_picture} {last_sound}");
}

fn assert_in_step(path: &Path, events_min: usize) {
    let skews = probe::skews_ms(path);
    assert!(
        skews.len() >= events_min,
        "{skews:?} flashes {:?} beeps {:?}",
        probe::flashes_s(path),
        probe::beeps_s(path)
    );
    assert!(skews.iter().all(|skew| skew.abs() <= SKEW_MS_MAX), "{skews:?}");
    eprintln!("skew of {}: {skews:.1?} ms", path.display());
}

#[test]
fn flat_pictures_decode_in_the_format_of_a_stream_and_in_one_of_their_own() {
    let folder = Folder::new();
    let clip = Clip::make(&folder.0, "640x360", 1);
    let sets = ParameterSets::of(&clip.pictures[0].2).unwrap();
    for (name, flat, size) in [
        ("same.h264", Flat::in_format_of(&sets).unwrap(), "640,360"),
        ("own.h264", Flat::new(322, 182).unwrap(), "322,182"),
    ] {
        let mut stream: Vec<u8> = vec![];
        if name == "same.h264" {
            clip.pictures.iter().take(10).for_each(|(.., data)| stream.extend_from_slice(data));
        }
        for key in 0..3 {
            stream.extend_from_slice(&flat.keyframe(key));
            (1..=20).for_each(|nth| stream.extend_from_slice(&flat.repetition(nth)));
        }
        let path = folder.0.join(name);
        std::fs::write(&path, stream).unwrap();
        assert_eq!(probe::complaints(&path), "", "{name}");
        let bright = probe::brightness(&path);
        assert_eq!(bright.len(), if name == "same.h264" { 73 } else { 63 });
        assert!(bright.iter().rev().take(63).all(|(_, value)| (35.0..55.0).contains(value)), "{bright:?}");
        assert!(probe::formats(&path).contains(size), "{}", probe::formats(&path));
        assert!(Picture::of(flat.sets().clone()).is_ok());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_show_with_everything_in_it_arrives_continuously_and_becomes_one_film() {
    let folder = Folder::new();
    let clips = vec![Clip::make(&folder.0, "640x360", 22), Clip::make(&folder.0, "320x180", 22)];
    let plan = vec![
        (4_500, Scene::Without(&[Kind::Video], Cause::Muted)),
        (6_500, Scene::Show(0)),
        (9_000, Scene::Without(&[Kind::Audio], Cause::Muted)),
        (10_500, Scene::Show(0)),
        (11_500, Scene::Clock(-90_000_000)),
        (14_500, Scene::Show(1)),
        (19_000, Scene::Show(0)),
    ];
    let server = Server::start().await;
    let show = Show::start(recording_into(&folder), Publisher { clips, plan, end_ms: 21_500 });
    let announce = DestinationSettings::new("origin", server.target("origin"), SizeChange::Announce);
    show.bridge.add(announce).await.unwrap();
    show.until("it is live", |status| {
        state_of(status, "origin") == DestinationState::Live && status.state == BridgeState::Live
    })
    .await;
    let status = show.end().await;
    eprintln!("{status:?}");
    assert_eq!(state_of(&status, "origin"), DestinationState::Ended);
    assert_eq!(status.destinations[0].last_error, None);

    let sessions = server.sessions();
    assert_eq!(sessions.len(), 1);
    assert_continuous(&sessions[0]);
    assert_eq!(sessions[0].formats(), 3, "the muted camera changed nothing");
    let flv = folder.0.join("got.flv");
    sessions[0].write(&flv);
    assert_in_step(&flv, 6);

    let recording = folder.0.join("recording");
    let parts = recording::parts(&recording).unwrap();
    assert_eq!(parts.len(), 3, "{parts:?}");
    let mut steps = vec![];
    let film = finish(&recording, &FinishSettings::default(), |progress| steps.push(progress.step)).await.unwrap();
    let path = recording.join(FILM_FOLDER).join(FILM_FILE);
    assert!(film.transcoded && (film.width, film.height) == (640, 360), "{film:?}");
    assert!((20_500..22_000).contains(&film.duration_ms), "{film:?}");
    assert!((probe::duration_s(&path) - film.duration_ms as f64 / 1_000.0).abs() < 0.2);
    assert_eq!(probe::complaints(&path), "");
    assert_in_step(&path, 6);
    // Once more costs nothing and says the same.
    steps.clear();
    assert_eq!(
        finish(&recording, &FinishSettings::default(), |progress| steps.push(progress.step)).await.unwrap(),
        film
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_recording_alone_no_other_process_is_needed_and_the_film_is_joined_without_coding() {
    let folder = Folder::new();
    let clips = vec![Clip::make(&folder.0, "640x360", 14)];
    let plan = vec![(4_300, Scene::Without(&[Kind::Video, Kind::Audio], Cause::Reconnecting)), (8_100, Scene::Show(0))];
    let settings = BridgeSettings { ffmpeg: "/nowhere/ffmpeg".into(), ..recording_into(&folder) };
    let show = Show::start(settings, Publisher { clips, plan, end_ms: 13_000 });
    let status = show.until("a gap", |status| status.state == BridgeState::Gap).await;
    assert!(status.recording.unwrap().running);
    let status = show.end().await;
    let recorded = status.recording.unwrap();
    assert_eq!((recorded.parts, recorded.last_error), (2, None));

    let recording = folder.0.join("recording");
    let film = finish(&recording, &FinishSettings::default(), |_| {}).await.unwrap();
    assert!(!film.transcoded);
    assert_eq!(film.cuts.len(), 1);
    assert_eq!(film.cuts[0].cause, Cause::Reconnecting);
    assert!((2_800..4_500).contains(&film.cuts[0].missing_ms), "{film:?}");
    assert!((8_500..10_500).contains(&film.duration_ms), "{film:?}");
    let out = recording.join(FILM_FOLDER);
    let path = out.join(FILM_FILE);
    assert_eq!(probe::complaints(&path), "");
    assert_eq!(probe::formats(&path), "h264,640,360 aac,48000,2");
    assert!((probe::duration_s(&path) - film.duration_ms as f64 / 1_000.0).abs() < 0.2);
    assert_in_step(&path, 4);
    let times = probe::times_s(&path, "v");
    assert!(times.windows(2).all(|pair| pair[1] > pair[0] && pair[1] - pair[0] < 0.8));
    // The index stands before the media.
    let head = std::fs::read(&path).unwrap();
    let place = |name: &[u8]| head.windows(4).position(|bytes| bytes == name).unwrap();
    assert!(place(b"moov") < place(b"mdat"));
    assert_eq!(probe::complaints(&out.join("hls/index.m3u8")), "");
    assert!(probe::formats(&out.join("poster.jpg")).contains("640,360"));
    assert!(probe::formats(&out.join("storyboard.jpg")).contains("1600,90"));
    let vtt = std::fs::read_to_string(out.join("storyboard.vtt")).unwrap();
    assert!(vtt.starts_with("WEBVTT") && vtt.contains("storyboard.jpg#xywh=160,0,160,90"), "{vtt}");
    assert_eq!(Film::of(&recording).unwrap().unwrap(), film);
    // A step whose result got lost is done again, the others are not.
    std::fs::remove_file(out.join("film.json")).unwrap();
    std::fs::remove_file(out.join("poster.jpg")).unwrap();
    let mut steps = vec![];
    let again = finish(&recording, &FinishSettings::default(), |progress| steps.push(progress.step)).await.unwrap();
    assert_eq!(again, film);
    assert!(steps.iter().all(|step| *step == "make the poster"), "{steps:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_encoder_is_replaced_within_the_connection() {
    let folder = Folder::new();
    let clips = vec![Clip::make(&folder.0, "640x360", 13)];
    let server = Server::start().await;
    let show = Show::start(BridgeSettings::default(), Publisher { clips, plan: vec![], end_ms: 12_000 });
    show.bridge.add(DestinationSettings::new("one", server.target("one"), SizeChange::Reconnect)).await.unwrap();
    for nth in 1..=2 {
        let status = show.until("a child", |status| status.destinations[0].encoder_pid.is_some()).await;
        let pid = status.destinations[0].encoder_pid.unwrap().to_string();
        assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
        show.until("another child", |status| status.destinations[0].encoder_restarts == nth).await;
    }
    let status = show.end().await;
    assert_eq!(status.destinations[0].reconnects, 0);
    assert!(status.destinations[0].last_error.as_ref().unwrap().contains("ffmpeg ended"));
    let sessions = server.sessions();
    assert_eq!(sessions.len(), 1);
    assert_continuous(&sessions[0]);
    let flv = folder.0.join("got.flv");
    sessions[0].write(&flv);
    assert_in_step(&flv, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn destinations_fail_and_come_back_each_for_itself() {
    let folder = Folder::new();
    let clips = vec![Clip::make(&folder.0, "320x180", 12), Clip::make(&folder.0, "640x360", 12)];
    let (server, flaky) = (Server::start().await, Server::start().await);
    let plan = vec![(6_000, Scene::Show(1))];
    let show = Show::start(BridgeSettings::default(), Publisher { clips, plan, end_ms: 11_000 });
    let nobody = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        backstage_media::rtmp::Target::parse(&format!("rtmp://{address}/live/a-secret")).unwrap()
    };
    for (id, target) in [
        ("good", server.target("good")),
        ("refused", server.target("no-secret")),
        ("flaky", flaky.target("flaky")),
        ("nobody", nobody),
    ] {
        show.bridge.add(DestinationSettings::new(id, target, SizeChange::Reconnect)).await.unwrap();
    }
    let twice = DestinationSettings::new("good", server.target("good"), SizeChange::Reconnect);
    assert!(show.bridge.add(twice).await.is_err());
    let status = show.until("refused", |status| state_of(status, "refused") == DestinationState::Failed).await;
    let words = format!("{status:?}");
    assert!(words.contains("this key is not known") && !words.contains("secret"), "{words}");
    show.until("flaky again", |status| {
        status
            .destinations
            .iter()
            .any(|one| one.id == "flaky" && one.reconnects == 1 && one.state == DestinationState::Live)
    })
    .await;
    let status = show.until("nobody waits", |status| state_of(status, "nobody") == DestinationState::Retrying).await;
    assert_eq!(state_of(&status, "good"), DestinationState::Live);
    show.bridge.remove("nobody").await;
    let status = show.end().await;
    assert_eq!(status.destinations.len(), 3);
    // One connection for each size, without a failure.
    let sessions = server.sessions();
    assert_eq!(sessions.len(), 2);
    for session in &sessions {
        assert_continuous(session);
        assert_eq!((session.formats(), session.pictures_ms()[0]), (1, 0));
    }
    assert_continuous(flaky.sessions().last().unwrap());
    let good = status.destinations.iter().find(|one| one.id == "good").unwrap();
    assert_eq!((good.state, &good.last_error), (DestinationState::Ended, &None));
}

/// Not a test of its own: what the next one starts and kills. Its working folder is where it records.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by a_recording_survives_the_death_of_its_writer"]
async fn writer_to_be_killed() {
    let folder = std::env::current_dir().unwrap();
    let clip = Clip::make(&folder, "640x360", 30);
    std::fs::write(folder.join("begun"), "").unwrap();
    let settings = BridgeSettings { recording: Some(folder.join("recording")), ..BridgeSettings::default() };
    Show::start(settings, Publisher { clips: vec![clip], plan: vec![], end_ms: 29_000 }).end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_survives_the_death_of_its_writer() {
    let folder = Folder::new();
    let recording = folder.0.join("recording");
    let mut kept_ms = vec![];
    for run in 1..=2usize {
        let _ = std::fs::remove_file(folder.0.join("begun"));
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer_to_be_killed", "--ignored"])
            .current_dir(&folder.0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = tokio::time::timeout(PATIENCE, async {
            let written = || journal::Journal::parts_in(&recording).is_ok_and(|parts| parts.len() == run);
            while !folder.0.join("begun").exists() || !written() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        begun.await.expect("the child records");
        // The part was begun with its first picture, a moment ago.
        let shown = std::time::Instant::now();
        tokio::time::sleep(Duration::from_millis(5_300)).await;
        child.kill().unwrap();
        let lived_ms = shown.elapsed().as_millis() as i64;
        child.wait().unwrap();
        let parts = recording::parts(&recording).unwrap();
        assert_eq!((parts.len(), parts[run - 1].cause), (run, Some(Cause::Crashed)));
        let recorded_ms = parts[run - 1].duration_us.unwrap() / 1_000;
        assert!(lived_ms - recorded_ms <= 2_000, "{lived_ms} ms shown, {recorded_ms} ms kept");
        eprintln!("{lived_ms} ms shown, {recorded_ms} ms kept");
        kept_ms.push(recorded_ms);
    }
    let film = finish(&recording, &FinishSettings::default(), |_| {}).await.unwrap();
    let path = recording.join(FILM_FOLDER).join(FILM_FILE);
    assert!((film.duration_ms - kept_ms.iter().sum::<i64>()).abs() < 50, "{film:?}");
    assert_eq!(film.stretches.len(), 2);
    assert_eq!(probe::complaints(&path), "");
    assert!((probe::duration_s(&path) - film.duration_ms as f64 / 1_000.0).abs() < 0.2);
    assert_in_step(&path, 4);
}
