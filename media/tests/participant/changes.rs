//! Mutes, republishing, screen share: what a creator does in the middle of a show.

use crate::clips::{small, tone, video};
use crate::server::Server;
use crate::watch::{Watch, is_picture};
use backstage_media::frame::Kind;
use backstage_media::participant::{Event, Picture, Preference, Programme, Publisher};
use std::time::Duration;

const VIDEO: Kind = Kind::Video;

async fn publisher(server: &Server) -> Publisher {
    Publisher::join(&server.publisher("room", "host"), Default::default()).await.unwrap()
}

#[tokio::test]
async fn mute_unmute_and_another_size_are_told_in_order() {
    let server = Server::start().await;
    let publisher = publisher(&server).await;
    let first = publisher.publish(Programme::new(Some(small(6)), Some(tone(6)))).await.unwrap();
    let mut watch = Watch::start(server.subscriber("room", "bridge"));
    watch.until("a picture", is_picture).await;

    publisher.mute(&first, VIDEO, true).await.unwrap();
    watch.until("the mute", |event| *event == Event::Muted { kind: VIDEO }).await;
    assert!(watch.subscriber.stats().video.muted);
    // The sound goes on meanwhile; frames on their way may still come.
    watch.frames(Kind::Audio, 25).await;
    publisher.mute(&first, VIDEO, false).await.unwrap();
    watch.until("the unmute", |event| *event == Event::Unmuted { kind: VIDEO }).await;
    let picture = watch.frames(VIDEO, 1).await.remove(0);
    assert!(picture.keyframe, "after a mute it goes on with a keyframe");

    publisher.unpublish(&first).await.unwrap();
    watch.until("the end", |event| *event == Event::TrackEnded { kind: VIDEO }).await;
    publisher.publish(Programme::new(Some(video("480x270", 4, 30, "400k")), None)).await.unwrap();
    watch.until("the other size", |event| matches!(event, Event::FormatChanged { width: 480, height: 270, .. })).await;
    watch.until("a picture", is_picture).await;

    let mut told = watch.told();
    // A frame that was on its way when the mute was told.
    told.dedup();
    let expected = [
        "connected",
        "started Camera",
        "320x180",
        "frames",
        "muted",
        "unmuted",
        "frames",
        "ended",
        "started Camera",
        "480x270",
        "frames",
    ];
    let straggler = ["muted", "frames", "unmuted"].map(String::from);
    if let Some(at) = told.windows(3).position(|three| three == straggler) {
        told.remove(at + 1);
    }
    assert_eq!(told, expected);
    let times: Vec<i64> = watch.all(VIDEO).iter().map(|frame| frame.captured_us).collect();
    assert!(times.is_sorted(), "time goes on across the change");
}

#[tokio::test]
async fn black_frames_at_the_end_of_a_track_are_not_shown() {
    let server = Server::start().await;
    let publisher = publisher(&server).await;
    let mut watch = Watch::start(server.subscriber("room", "bridge"));
    for _ in 0..2 {
        let published = publisher.publish(Programme::new(Some(small(6)), None)).await.unwrap();
        watch.frames(VIDEO, 40).await;
        publisher.unpublish(&published).await.unwrap();
        watch.until("the end", |event| *event == Event::TrackEnded { kind: VIDEO }).await;
        watch.during(Duration::from_millis(500)).await;
    }
    let formats = watch.events.iter().filter(|(_, event)| matches!(event, Event::FormatChanged { .. })).count();
    assert_eq!(formats, 1, "the same size again is no change, and black frames are none: {:?}", watch.told());
    assert!(watch.all(VIDEO).iter().all(|frame| frame.data.len() > 100), "a black frame has some 50 bytes");
}

#[tokio::test]
async fn a_shared_screen_takes_over_without_a_hole_and_gives_back() {
    let server = Server::start().await;
    let publisher = publisher(&server).await;
    publisher.publish(Programme::new(Some(small(6)), Some(tone(6)))).await.unwrap();
    let mut watch = Watch::start(server.subscriber("room", "bridge"));
    watch.frames(VIDEO, 30).await;
    let screen = Programme::new(Some(video("480x270", 4, 30, "400k")), None).as_screen();
    let screen = publisher.publish(screen).await.unwrap();
    watch.until("the screen", |event| matches!(event, Event::FormatChanged { width: 480, .. })).await;
    watch.frames(VIDEO, 30).await;
    let times: Vec<i64> = watch.all(VIDEO).iter().map(|frame| frame.captured_us).collect();
    let gap = times.windows(2).map(|two| two[1] - two[0]).max().unwrap_or_default();
    assert!(gap < 250_000, "{gap} us without a picture");

    // The camera on demand, although the screen is still shared.
    let prefer = |picture| Preference { identity_prefix: "host".into(), picture };
    watch.subscriber.prefer(prefer(Picture::CameraFirst));
    watch.until("the camera", |event| matches!(event, Event::FormatChanged { width: 320, .. })).await;
    watch.subscriber.prefer(prefer(Picture::ScreenFirst));
    watch.until("the screen", |event| matches!(event, Event::FormatChanged { width: 480, .. })).await;
    watch.frames(VIDEO, 10).await;

    publisher.unpublish(&screen).await.unwrap();
    watch.until("the camera", |event| matches!(event, Event::FormatChanged { width: 320, .. })).await;
    watch.frames(VIDEO, 10).await;
    let once = |source: &str, size: &str| ["ended".into(), format!("started {source}"), size.into(), "frames".into()];
    let told = watch.told();
    let expected = [
        vec!["connected".into(), "started Camera".into(), "320x180".into(), "frames".into()],
        once("Screen", "480x270").into(),
        once("Camera", "320x180").into(),
        once("Screen", "480x270").into(),
        once("Camera", "320x180").into(),
    ]
    .concat();
    assert_eq!(told, expected);
}
