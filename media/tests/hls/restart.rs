use std::io::Write;

use backstage_media::origin::hls::{LiveError, Policy, Settings, Source, Vod, VodError};

use crate::publisher::{Folder, clip, push_all, push_until, run};
use crate::server::{NOW_US, Server};

#[actix_web::test]
async fn a_restart_in_mid_stream_is_one_discontinuity_under_the_same_address() {
    let (server, folder, tags) = (Server::start(), Folder::new(), clip(5));
    let live = server.live(folder.path());
    server.show("live1", Policy::Public, Source::Live(live.clone()));
    push_until(&live, &tags, 2, 3).await;
    let before = live.progress();
    let path = server.media_path("live1.m3u8").await;
    // What was given out is on the disk at once; then the process dies without a word, in the middle of a line.
    let journal = folder.path().join("journal.jsonl");
    until(|| std::fs::read_to_string(&journal).unwrap().matches("\"part\"").count() >= 13).await;
    drop(live);
    std::fs::OpenOptions::new().append(true).open(&journal).unwrap().write_all(b"{\"part\":{\"off").unwrap();

    let live = server.live(folder.path());
    server.show("live1", Policy::Public, Source::Live(live.clone()));
    assert_eq!(server.media_path("live1.m3u8").await, path);
    assert_eq!(live.progress().duration, before.duration, "no part was lost");
    assert_eq!(live.progress().edge.msn, 3, "the segment that was open is closed");
    push_all(&live, &tags).await;
    let text = server.text(&path).await;
    assert_eq!(text.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{text}");
    let sequence: Vec<u64> =
        text.lines().filter_map(|line| line.strip_suffix(".m4s")).map(|number| number.parse().unwrap()).collect();
    assert_eq!(sequence, (0..7).collect::<Vec<_>>(), "{text}");
    live.finish().await.unwrap();
    assert!(matches!(live.finish().await, Err(LiveError::Ended)));
    drop(live);

    let vod = Vod::open(folder.path()).unwrap();
    assert!((7_590..7_610).contains(&vod.duration().as_millis()), "2.6 s and 5 s: {:?}", vod.duration());
    server.show("asset1", Policy::Public, Source::Vod(vod.into()));
    let url = server.url("asset1.m3u8");
    let stderr = actix_web::web::block(move || run("ffmpeg", &["-v", "warning", "-i", &url, "-f", "null", "-"]).stderr);
    assert_eq!(String::from_utf8_lossy(&stderr.await.unwrap()), "");
    server.stop().await;
}

#[actix_web::test]
async fn an_encoder_that_comes_back_is_one_discontinuity_and_its_time_is_later() {
    let (server, folder, tags) = (Server::start(), Folder::new(), clip(2));
    let live = server.live(folder.path());
    server.show("live1", Policy::Public, Source::Live(live.clone()));
    push_all(&live, &tags).await;
    live.discontinuity().await.unwrap();
    server.now_us.store(NOW_US + 42_000_000, std::sync::atomic::Ordering::Relaxed);
    push_all(&live, &tags).await;
    let path = server.media_path("live1.m3u8").await;
    let text = server.text(&path).await;
    assert_eq!(text.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{text}");
    assert!(text.contains("#EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:14:02.0"), "{text}");
    server.stop().await;
}

#[actix_web::test]
async fn a_journal_that_is_cut_anywhere_is_opened_and_gone_on_with() {
    let (server, folder, tags) = (Server::start(), Folder::new(), clip(2));
    let live = server.live(folder.path());
    push_all(&live, &tags).await;
    live.discontinuity().await.unwrap();
    drop(live);
    let journal = folder.path().join("journal.jsonl");
    let whole = std::fs::read(&journal).unwrap();
    for cut in (0..whole.len()).step_by(41) {
        std::fs::write(&journal, &whole[..cut]).unwrap();
        let live = server.live(folder.path());
        let found = live.progress().duration;
        live.finish().await.unwrap();
        drop(live);
        match Vod::open(folder.path()) {
            Ok(vod) => assert_eq!(vod.duration(), found, "cut at {cut}"),
            Err(error) => assert!(matches!(error, VodError::Empty) && found.is_zero(), "cut at {cut}: {error}"),
        }
    }
    server.stop().await;
}

#[test]
fn what_is_no_recording_is_told_apart() {
    let folder = Folder::new();
    assert!(matches!(Vod::open(folder.path()), Err(VodError::Unfinished)));
    let settings = || Settings::new(std::sync::Arc::new(|| NOW_US));
    let live = backstage_media::origin::hls::Live::open(folder.path(), settings()).unwrap();
    actix_web::rt::System::new().block_on(live.finish()).unwrap();
    assert!(matches!(Vod::open(folder.path()), Err(VodError::Empty)));
    let again = backstage_media::origin::hls::Live::open(folder.path(), settings());
    assert!(matches!(again, Err(LiveError::Ended)));
    std::fs::write(folder.path().join("journal.jsonl"), "nonsense\n").unwrap();
    assert!(matches!(Vod::open(folder.path()), Err(VodError::Journal(_))));
}

/// Waits until something holds; the test's own limit of time ends it otherwise.
pub async fn until(holds: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("waited for ten seconds in vain");
}
