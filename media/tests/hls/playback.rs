use backstage_media::origin::hls::{Policy, Source, Vod};
use m3u8_rs::Playlist;
use reqwest::Method;

use crate::publisher::{Folder, clip, encoded, push_all, run};
use crate::server::{Server, beside};

fn parse(text: &str) -> Playlist {
    let (rest, playlist) = m3u8_rs::parse_playlist(text.as_bytes()).unwrap();
    assert!(rest.is_empty(), "left over: {}", String::from_utf8_lossy(rest));
    playlist
}

/// Decodes everything and says nothing.
fn decodes(url: &str, more: &[&str]) {
    let mut args = vec!["-v", "warning", "-xerror", "-i", url];
    args.extend(more);
    args.extend(["-f", "null", "-"]);
    let output = run("ffmpeg", &args);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "ffmpeg has nothing to complain about");
}

/// Of the first programme: ffprobe lists a stream of HLS twice.
fn probe(url: &str, entries: &str, stream: &str) -> String {
    let args =
        ["-v", "error", "-count_frames", "-select_streams", stream, "-show_entries", entries, "-of", "csv=p=0", url];
    String::from_utf8(run("ffprobe", &args).stdout).unwrap().lines().next().unwrap().trim_end_matches(',').to_owned()
}

#[actix_web::test]
async fn ffmpeg_plays_the_broadcast_and_the_recording_without_a_warning() {
    let (server, folder) = (Server::start(), Folder::new());
    let live = server.live(folder.path());
    server.show("live1", Policy::Public, Source::Live(live.clone()));
    assert_eq!(server.status("live1.m3u8").await, 412, "nothing was sent yet");
    push_all(&live, &clip(8)).await;

    let master = server.text("live1.m3u8").await;
    let Playlist::MasterPlaylist(variants) = parse(&master) else { panic!("not a multivariant playlist: {master}") };
    let variant = &variants.variants[0];
    assert_eq!(variant.codecs.as_deref().map(|codecs| &codecs[..7]), Some("avc1.42"));
    assert!(variant.codecs.as_deref().unwrap().ends_with(",mp4a.40.2"));
    assert_eq!(variant.resolution.map(|size| (size.width, size.height)), Some((320, 180)));
    assert!((29.9..=30.1).contains(&variant.frame_rate.unwrap()), "{master}");
    assert!((100_000..2_000_000).contains(&variant.bandwidth), "{master}");

    let url = server.url("live1.m3u8");
    actix_web::web::block(move || decodes(&url, &["-t", "2"])).await.unwrap();

    live.finish().await.unwrap();
    let path = server.media_path("live1.m3u8").await;
    let ended = server.text(&path).await;
    assert!(ended.ends_with("#EXT-X-ENDLIST\n") && !ended.contains("EXT-X-PART"), "{ended}");

    let vod = std::sync::Arc::new(Vod::open(folder.path()).unwrap());
    assert!((7_990..8_010).contains(&vod.duration().as_millis()), "FLV rounds: {:?}", vod.duration());
    server.show("asset1", Policy::Public, Source::Vod(vod));
    let path = server.media_path("asset1.m3u8").await;
    let text = server.text(&path).await;
    let Playlist::MediaPlaylist(media) = parse(&text) else { panic!("not a media playlist: {text}") };
    assert!(media.end_list && media.segments.len() == 8, "{text}");
    assert_eq!((media.target_duration, media.media_sequence, media.discontinuity_sequence), (1, 0, 0));
    let times: Vec<_> = media.segments.iter().map(|segment| segment.program_date_time.unwrap()).collect();
    assert!(times.windows(2).all(|pair| (pair[1] - pair[0]).num_milliseconds() == 1_000), "{text}");

    let url = server.url("asset1.m3u8");
    let frames = actix_web::web::block(move || {
        decodes(&url, &[]);
        (probe(&url, "stream=nb_read_frames", "v:0"), probe(&url, "stream=nb_read_frames", "a:0"))
    })
    .await
    .unwrap();
    assert_eq!(frames.0, "240");
    let sounds: u32 = frames.1.parse().unwrap();
    assert!((370..=378).contains(&sounds), "8 s are 375 frames of sound, and there were {sounds}");
    server.stop().await;
}

#[actix_web::test]
async fn pictures_that_are_shown_in_another_order_play_too() {
    let (server, folder) = (Server::start(), Folder::new());
    let live = server.live(folder.path());
    push_all(&live, &encoded(4, "320x180", &["-profile:v", "main", "-bf", "2", "-b_strategy", "0"])).await;
    live.finish().await.unwrap();
    server.show("asset1", Policy::Public, Source::Vod(Vod::open(folder.path()).unwrap().into()));
    let url = server.url("asset1.m3u8");
    let frames = actix_web::web::block(move || {
        decodes(&url, &[]);
        probe(&url, "stream=nb_read_frames,has_b_frames", "v:0")
    })
    .await
    .unwrap();
    assert_eq!(frames, "2,120");
    server.stop().await;
}

#[actix_web::test]
async fn another_picture_size_in_mid_stream_brings_its_own_init_segment() {
    let (server, folder) = (Server::start(), Folder::new());
    let live = server.live(folder.path());
    push_all(&live, &clip(2)).await;
    push_all(&live, &encoded(2, "192x108", &["-profile:v", "baseline"])).await;
    live.finish().await.unwrap();
    server.show("asset1", Policy::Public, Source::Vod(Vod::open(folder.path()).unwrap().into()));
    let path = server.media_path("asset1.m3u8").await;
    let text = server.text(&path).await;
    assert_eq!(text.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{text}");
    assert_eq!(text.matches("#EXT-X-MAP:").count(), 2, "{text}");
    let url = server.url("asset1.m3u8");
    let frames = actix_web::web::block(move || probe(&url, "stream=nb_read_frames", "v:0")).await.unwrap();
    assert_eq!(frames, "120");
    server.stop().await;
}

#[actix_web::test]
async fn media_comes_whole_or_in_ranges_and_may_be_kept() {
    let (server, folder) = (Server::start(), Folder::new());
    let live = server.live(folder.path());
    server.show("live1", Policy::Public, Source::Live(live.clone()));
    push_all(&live, &clip(3)).await;
    let path = server.media_path("live1.m3u8").await;
    let segment = beside(&path, "0.m4s");
    let whole = server.get(&segment).await;
    let header =
        |answer: &reqwest::Response, name: &str| answer.headers().get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(header(&whole, "content-type"), "video/mp4");
    assert_eq!(header(&whole, "cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(header(&whole, "access-control-allow-origin"), "*");
    let etag = header(&whole, "etag");
    let bytes = whole.bytes().await.unwrap();

    let mut parts = vec![];
    for part in 0..5 {
        parts.extend_from_slice(&server.get(&beside(&path, &format!("0.{part}.m4s"))).await.bytes().await.unwrap());
    }
    assert_eq!(bytes, parts, "a segment is its parts");

    let ask = |range: &str| server.client.get(server.url(&segment)).header("range", range).send();
    let length = bytes.len();
    for (range, from, to) in [
        ("bytes=0-9", 0, 10),
        ("bytes=10-", 10, length),
        ("bytes=-5", length - 5, length),
        ("bytes=5-99999999", 5, length),
    ] {
        let answer = ask(range).await.unwrap();
        assert_eq!(answer.status(), 206, "{range}");
        assert_eq!(header(&answer, "content-range"), format!("bytes {from}-{}/{length}", to - 1));
        assert_eq!(answer.bytes().await.unwrap(), bytes.slice(from..to), "{range}");
    }
    let beyond = ask("bytes=99999999-").await.unwrap();
    assert_eq!((beyond.status().as_u16(), header(&beyond, "content-range")), (416, format!("bytes */{length}")));
    for range in ["bytes=9-2", "bytes=a-b", "lines=1-2", "bytes=0-1,4-5"] {
        let answer = ask(range).await.unwrap();
        assert!(matches!(answer.status().as_u16(), 200 | 416), "{range}: {}", answer.status());
    }
    let request = |method: Method| server.client.request(method, server.url(&segment));
    let known = request(Method::GET).header("if-none-match", &etag).send().await.unwrap();
    assert_eq!((known.status().as_u16(), known.bytes().await.unwrap().len()), (304, 0));
    let head = request(Method::HEAD).send().await.unwrap();
    assert_eq!((head.status().as_u16(), header(&head, "content-length")), (200, length.to_string()));
    let preflight = request(Method::OPTIONS).header("origin", "https://example.com").send().await.unwrap();
    assert_eq!(preflight.status(), 204);
    assert!(header(&preflight, "access-control-allow-headers").contains("range"));
    assert_eq!(request(Method::POST).send().await.unwrap().status(), 405);
    server.stop().await;
}

#[actix_web::test]
async fn what_is_not_there_is_refused_in_short_words() {
    let (server, folder) = (Server::start(), Folder::new());
    let live = server.live(folder.path());
    server.show("live1", Policy::Public, Source::Live(live.clone()));
    server.show("idle1", Policy::Public, Source::Idle);
    push_all(&live, &clip(2)).await;
    assert_eq!(server.status("idle1.m3u8").await, 412);
    assert_eq!(server.status("idle1/thumbnail.jpg").await, 412);
    let missing = server.get("nobody.m3u8").await;
    assert_eq!(
        (missing.status().as_u16(), missing.text().await.unwrap()),
        (404, r#"{"error":{"messages":["not found"],"type":"not_found"}}"#.to_owned())
    );
    let path = server.media_path("live1.m3u8").await;
    for name in
        ["99.m4s", "0.77.m4s", "init-9.mp4", "00.m4s", "0.00.m4s", "x.m4s", "journal.m4s", "18446744073709551616.m4s"]
    {
        assert_eq!(server.status(&beside(&path, name)).await, 404, "{name}");
    }
    for name in ["journal.jsonl", "..%2fjournal.jsonl", "%2e%2e/0.m4s", "0.m4s/../../journal.jsonl"] {
        assert_eq!(server.status(&beside(&path, name)).await, 404, "{name}");
    }
    assert_eq!(server.status("live1/0ther/media.m3u8").await, 404, "another broadcast's address");
    assert_eq!(server.status("live1/thumbnail.jpg?width=9999").await, 400);
    assert_eq!(server.status("live1/thumbnail.jpg?time=-1").await, 400);
    assert_eq!(server.status("live1/thumbnail.jpg?time=NaN").await, 400);
    server.stop().await;
}
