//! What is published arrives.

use crate::clips::{FPS, small, tone, video};
use crate::server::Server;
use crate::watch::{Watch, is_picture, settings};
use backstage_media::frame::Kind;
use backstage_media::h264::{ParameterSets, is_keyframe};
use backstage_media::participant::{Event, Programme, Publisher, SubscriberSettings};
use std::time::{Duration, Instant};

#[tokio::test]
async fn every_frame_of_a_file_arrives_with_picture_and_sound_in_step() {
    let server = Server::start().await;
    let mut watch = Watch::start(server.subscriber("room", "bridge"));
    watch.until("the connection", |event| *event == Event::Connected).await;
    let mut publisher = Publisher::join(&server.publisher("room", "host:1"), Default::default()).await.unwrap();
    let (video, audio) = (small(4), tone(4));
    let published = publisher.publish(Programme::once(Some(video.clone()), Some(audio.clone()))).await.unwrap();
    watch.until("a picture", is_picture).await;
    assert!(publisher.played(&published).await);
    let sent = publisher.stats();
    assert_eq!((sent.frames as usize, sent.sounds as usize), (video.frames(), audio.packets()));

    // The end of the track comes behind its last frame.
    publisher.unpublish(&published).await.unwrap();
    watch.until("the end of the track", |event| *event == Event::TrackEnded { kind: Kind::Video }).await;
    assert_eq!(watch.told(), ["connected", "started Camera", "320x180", "frames", "ended"]);
    let pictures = watch.all(Kind::Video);
    // Whoever subscribes to what just began waits for a keyframe: this clip has one each second.
    let missed = video.frames() - pictures.len();
    assert!(missed.is_multiple_of(FPS as usize) && missed <= 60, "{missed} of {} missed", video.frames());
    assert!(is_keyframe(&pictures[0].data) && ParameterSets::of(&pictures[0].data).is_some());
    assert!(pictures.iter().all(|frame| frame.keyframe == is_keyframe(&frame.data)));

    let spans: Vec<i64> = pictures.windows(2).map(|two| two[1].captured_us - two[0].captured_us).collect();
    assert!(spans.iter().all(|span| (32_000..35_000).contains(span)), "{spans:?}");
    let mut sounds = watch.all(Kind::Audio);
    // The media server ends a track with a little silence.
    sounds.retain(|sound| !sound.data.starts_with(&[0xf8, 0xff, 0xfe]));
    assert!(sounds.len() >= audio.packets() - 100, "{} of {} packets", sounds.len(), audio.packets());
    // Both ended at the same time, so their last frames were captured at about the same time.
    let (picture, sound) = (pictures.last().unwrap().captured_us, sounds.last().unwrap().captured_us);
    assert!((picture - sound).abs() < 60_000, "{} us apart", picture - sound);
    let stats = watch.subscriber.stats();
    assert_eq!((stats.video.broken, stats.video.lost, stats.unread), (0, 0, 0), "{stats:?}");
    watch.subscriber.stop().await;
    publisher.leave().await.unwrap();
}

#[tokio::test]
async fn whoever_joins_a_running_stream_sees_a_picture_soon() {
    let server = Server::start().await;
    let publisher = Publisher::join(&server.publisher("room", "host"), Default::default()).await.unwrap();
    publisher.publish(Programme::new(Some(small(6)), Some(tone(6)))).await.unwrap();
    let began = Instant::now();
    let mut watch = Watch::start(server.subscriber("room", "bridge"));
    watch.until("a picture", is_picture).await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(watch.told()[..2], ["connected", "started Camera"].map(String::from)[..], "{:?}", watch.told());
    let stats = watch.subscriber.stats();
    assert!(stats.connected && stats.video.present && stats.video.size == Some((320, 180)), "{stats:?}");
    assert!(stats.first_picture_after_ms.is_some_and(|ms| ms < 3_000), "{stats:?}");
}

#[tokio::test]
async fn keyframes_come_as_often_as_asked_for() {
    let server = Server::start().await;
    // Left alone it has one each 5 s; each request leaps to the next.
    let clip = video("320x180", 40, 5 * FPS, "300k");
    let publisher = Publisher::join(&server.publisher("room", "host"), Default::default()).await.unwrap();
    publisher.publish(Programme::new(Some(clip), None)).await.unwrap();
    let mut watch = Watch::start(server.subscriber("room", "bridge"));
    watch.until("a picture", is_picture).await;
    watch.during(Duration::from_secs(10)).await;
    let at: Vec<i64> =
        watch.all(Kind::Video).iter().filter(|frame| frame.keyframe).map(|one| one.captured_us).collect();
    let distances: Vec<i64> = at.windows(2).map(|two| (two[1] - two[0]) / 1_000).collect();
    assert!(distances.len() >= 7, "{distances:?}");
    // The first may be driven by the media server as well.
    assert!(distances.iter().skip(1).all(|ms| (900..=1_350).contains(ms)), "{distances:?}");
    let mut sorted = distances.clone();
    sorted.sort_unstable();
    assert!((950..=1_150).contains(&sorted[sorted.len() / 2]), "{distances:?}");
}

#[tokio::test]
async fn a_slow_reader_gets_whole_groups_of_pictures() {
    let server = Server::start().await;
    let publisher = Publisher::join(&server.publisher("room", "host"), Default::default()).await.unwrap();
    publisher.publish(Programme::new(Some(small(6)), None)).await.unwrap();
    let settings = SubscriberSettings { frames_max: 20, ..settings() };
    let mut watch = Watch::with(settings, server.subscriber("room", "bridge"));
    watch.until("a picture", is_picture).await;
    let deadline = Instant::now() + Duration::from_secs(10);
    while watch.subscriber.stats().unread < 45 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let waited = watch.frames(Kind::Video, 20).await;
    assert!(watch.subscriber.stats().unread >= 45);
    let next = watch.frames(Kind::Video, 1).await.remove(0);
    assert!(next.captured_us - waited[19].captured_us > 1_000_000, "there is a gap");
    assert!(next.keyframe, "behind the gap comes a keyframe");
}
