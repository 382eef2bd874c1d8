use backstage_media::origin::hls::{Policy, Source, Vod};

use crate::publisher::{Folder, clip, push_all, run};
use crate::server::Server;

fn size_of(folder: &Folder, jpeg: &[u8]) -> String {
    let file = folder.path().join("probe.jpg");
    std::fs::write(&file, jpeg).unwrap();
    let args = ["-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0", file.to_str().unwrap()];
    String::from_utf8(run("ffprobe", &args).stdout).unwrap().trim().to_owned()
}

#[actix_web::test]
async fn a_broadcast_and_its_recording_have_pictures() {
    let (server, folder) = (Server::start(), Folder::new());
    let live = server.live(folder.path());
    server.show("live1", Policy::Public, Source::Live(live.clone()));
    push_all(&live, &clip(7)).await;
    let newest = server.get("live1/thumbnail.jpg").await;
    assert_eq!((newest.status().as_u16(), newest.headers()["content-type"].to_str().unwrap()), (200, "image/jpeg"));
    assert_eq!(size_of(&folder, &newest.bytes().await.unwrap()), "320,180");
    assert_eq!(server.status("live1/storyboard.jpg").await, 412, "only a recording has a storyboard");

    live.finish().await.unwrap();
    server.show("asset1", Policy::Public, Source::Vod(Vod::open(folder.path()).unwrap().into()));
    let mut pictures = vec![];
    for query in ["time=0&width=160", "time=3.5&width=160", "time=6.96&width=160", "time=9999&width=160"] {
        let answer = server.get(&format!("asset1/thumbnail.jpg?{query}")).await;
        assert_eq!(answer.status(), 200, "{query}");
        let picture = answer.bytes().await.unwrap();
        assert_eq!(size_of(&folder, &picture), "160,90", "{query}");
        pictures.push(picture);
    }
    assert_ne!(pictures[0], pictures[1], "the picture moves");
    let bounded = server.get("asset1/thumbnail.jpg?time=1&width=100&height=100").await.bytes().await.unwrap();
    assert_eq!(size_of(&folder, &bounded), "100,56");

    let board = server.get("asset1/storyboard.jpg").await.bytes().await.unwrap();
    assert_eq!(size_of(&folder, &board), format!("{},{}", 5 * 284, 2 * 160));
    let text = server.text("asset1/storyboard.vtt").await;
    assert!(text.starts_with("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nstoryboard.jpg#xywh=0,0,284,160\n"), "{text}");
    assert!(text.contains("\n00:00:06.000 --> 00:00:07.00"), "{text}");
    assert!(text.ends_with("\nstoryboard.jpg#xywh=284,160,284,160\n"), "{text}");
    // Kept beside the recording: a second time costs nothing.
    assert!(folder.path().join("images/storyboard.jpg").exists());
    server.stop().await;
}
