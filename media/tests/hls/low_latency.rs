use std::time::Duration;

use backstage_media::origin::hls::{Policy, Source};

use crate::publisher::{Folder, clip, push_all, push_until};
use crate::server::{Server, beside};

#[actix_web::test]
async fn a_reload_waits_for_its_part_and_returns_with_it() {
    let (server, folder, tags) = (Server::start(), Folder::new(), clip(6));
    let live = server.live(folder.path());
    server.show("live1", Policy::Public, Source::Live(live.clone()));
    let mut rest = push_until(&live, &tags, 2, 1).await;
    let path = server.media_path("live1.m3u8").await;
    let now = server.text(&path).await;
    assert!(now.contains("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"2.1.m4s\"\n"), "{now}");
    assert!(now.contains("PART-HOLD-BACK=0.60") && now.contains("CAN-BLOCK-RELOAD=YES"), "{now}");

    for (msn, part) in [(2, 1), (2, 2), (2, 3), (2, 4), (3, 0)] {
        let (playlist, hinted) =
            (format!("{path}?_HLS_msn={msn}&_HLS_part={part}"), beside(&path, &format!("{msn}.{part}.m4s")));
        let asked = async { tokio::join!(server.get(&playlist), server.get(&hinted)) };
        tokio::pin!(asked);
        tokio::select! {
            biased;
            _ = &mut asked => panic!("part {part} of {msn} is not there yet"),
            () = tokio::time::sleep(Duration::from_millis(30)) => {}
        }
        rest = push_until(&live, rest, msn, part + 1).await;
        let (playlist, part_data) = tokio::time::timeout(Duration::from_secs(5), asked).await.unwrap();
        assert_eq!((playlist.status().as_u16(), part_data.status().as_u16()), (200, 200), "{msn}.{part}");
        assert_eq!(playlist.headers()["cache-control"], "public, max-age=6");
        assert!(playlist.text().await.unwrap().contains(&format!("URI=\"{msn}.{part}.m4s\"")));
        assert!(!part_data.bytes().await.unwrap().is_empty());
    }

    // A whole segment is waited for as well, and a part behind its last one is the first of the next.
    let (whole, beyond) = (format!("{path}?_HLS_msn=3"), format!("{path}?_HLS_msn=3&_HLS_part=6"));
    let asked = async { tokio::join!(server.text(&whole), server.text(&beyond)) };
    let (texts, _) = tokio::join!(asked, push_until(&live, rest, 4, 1));
    assert!(texts.0.contains("\n3.m4s\n"), "{}", texts.0);
    assert!(texts.1.contains("URI=\"4.0.m4s\""), "{}", texts.1);
    server.stop().await;
}

#[actix_web::test]
async fn wrong_wishes_are_refused() {
    let (server, folder) = (Server::start(), Folder::new());
    let live = server.live(folder.path());
    server.show("live1", Policy::Public, Source::Live(live.clone()));
    push_all(&live, &clip(3)).await;
    let path = server.media_path("live1.m3u8").await;
    let edge = live.progress().edge.msn;
    for query in [
        format!("_HLS_msn={}", edge + 3),
        format!("_HLS_msn={edge}&_HLS_part=99"),
        "_HLS_part=1".to_owned(),
        "_HLS_msn=x".to_owned(),
        "_HLS_msn=-1".to_owned(),
        "_HLS_skip=maybe".to_owned(),
    ] {
        assert_eq!(server.status(&format!("{path}?{query}")).await, 400, "{query}");
    }
    assert_eq!(server.status(&format!("{path}?_HLS_msn=0&_HLS_part=2")).await, 200, "what is over is there at once");
    server.stop().await;
}

#[actix_web::test]
async fn the_end_releases_those_who_wait() {
    let (server, folder) = (Server::start(), Folder::new());
    let live = server.live(folder.path());
    server.show("live1", Policy::Public, Source::Live(live.clone()));
    push_all(&live, &clip(2)).await;
    let path = server.media_path("live1.m3u8").await;
    let waiting = format!("{path}?_HLS_msn={}", live.progress().edge.msn + 1);
    let (text, finished) = tokio::join!(server.text(&waiting), live.finish());
    finished.unwrap();
    assert!(text.ends_with("#EXT-X-ENDLIST\n"), "{text}");
    server.stop().await;
}

#[actix_web::test]
async fn a_delta_update_is_the_playlist_without_what_is_known() {
    let (server, folder) = (Server::start(), Folder::new());
    let live = server.live(folder.path());
    server.show("live1", Policy::Public, Source::Live(live.clone()));
    push_all(&live, &clip(16)).await;
    let path = server.media_path("live1.m3u8").await;
    let (full, delta) = (server.text(&path).await, server.text(&format!("{path}?_HLS_skip=YES")).await);
    m3u8_rs::parse_media_playlist_res(full.as_bytes()).unwrap();
    m3u8_rs::parse_media_playlist_res(delta.as_bytes()).unwrap();
    let skipped: usize =
        delta.lines().find_map(|line| line.strip_prefix("#EXT-X-SKIP:SKIPPED-SEGMENTS=")).unwrap().parse().unwrap();
    assert!((7..=9).contains(&skipped), "six target durations stay: {delta}");
    let uris = |text: &str| text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(uris(&full)[skipped..], uris(&delta)[..]);
    // From the first segment that both list, they are the same.
    let first = format!("{}\n", uris(&delta)[0]);
    let tail = |text: &str| text[text.find(&format!("\n{first}")).unwrap()..].to_owned();
    assert_eq!(tail(&full), tail(&delta));
    let sequence = |text: &str| text.lines().find(|line| line.starts_with("#EXT-X-MEDIA-SEQUENCE")).unwrap().to_owned();
    assert_eq!(sequence(&full), sequence(&delta));
    server.stop().await;
}

#[actix_web::test]
async fn the_window_slides_and_what_left_it_is_gone() {
    let (server, folder) = (Server::start(), Folder::new());
    let clock: backstage_media::origin::hls::WallClock = std::sync::Arc::new(|| crate::server::NOW_US);
    let mut settings = backstage_media::origin::hls::Settings::new(clock);
    settings.dvr = Duration::from_secs(6);
    settings.prune = true;
    let live = std::sync::Arc::new(backstage_media::origin::hls::Live::open(folder.path(), settings).unwrap());
    server.show("live1", Policy::Public, Source::Dvr(live.clone()));
    push_all(&live, &clip(12)).await;
    live.discontinuity().await.unwrap();
    let path = server.media_path("live1.m3u8").await;
    assert!(path.ends_with("/dvr.m3u8"));
    let text = server.text(&path).await;
    assert!(text.contains("#EXT-X-MEDIA-SEQUENCE:6\n"), "{text}");
    assert_eq!(server.status(&beside(&path, "5.m4s")).await, 404);
    assert_eq!(server.status(&beside(&path, "6.m4s")).await, 200);
    assert!(!folder.path().join("5.m4s").exists() && folder.path().join("6.m4s").exists());
    server.stop().await;
}
