//! The whole way: a publisher, a real livekit-server, the bridge, RTMP and a film.

use std::sync::Arc;
use std::time::Duration;

use backstage_media::bridge::recording::film::{FILM_FILE, FILM_FOLDER};
use backstage_media::bridge::recording::finish::{FinishSettings, finish};
use backstage_media::bridge::{Bridge, BridgeState, DestinationSettings, SizeChange};
use backstage_media::frame::Kind;
use backstage_media::participant::{
    AudioClip, Picture, Preference, Programme, Publisher, PublisherSettings, Subscriber, SubscriberSettings, VideoClip,
};

use crate::clip::{Clip, Folder};
use crate::{assert_continuous, assert_in_step, probe, recording_into, until};

async fn programme(folder: &Folder, size: &str) -> Programme {
    Clip::make(&folder.0, size, 40);
    let video = VideoClip::read(&folder.0.join(format!("{size}.h264")), 30.0).await.unwrap();
    let audio = AudioClip::read(&folder.0.join(format!("{size}.ogg"))).await.unwrap();
    // Every frame in its place: what flashes goes on to beep at the same moment.
    Programme::once(Some(video), Some(audio))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_who_mutes_and_loses_the_network_is_bridged_and_recorded_without_a_break() {
    let folder = Folder::new();
    let (media, rtmp) = (crate::server::Server::start().await, crate::listener::Server::start().await);
    let publisher = Publisher::join(&media.publisher("room", "host-1"), PublisherSettings::default()).await.unwrap();
    let published = publisher.publish(programme(&folder, "640x360").await).await.unwrap();
    let preference = Preference { identity_prefix: "host".into(), picture: Picture::default() };
    let subscriber =
        Subscriber::start(SubscriberSettings::new(preference), Arc::new(media.subscriber("room", "bridge")));
    let bridge = Bridge::start(recording_into(&folder), subscriber);
    bridge.add(DestinationSettings::new("origin", rtmp.target("origin"), SizeChange::Announce)).await.unwrap();
    until(&bridge, "live", |status| status.state == BridgeState::Live && status.health.fps > 25.0).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    publisher.mute(&published, Kind::Video, true).await.unwrap();
    until(&bridge, "flat pictures", |status| status.slate_us > 1_500_000).await;
    publisher.mute(&published, Kind::Video, false).await.unwrap();
    until(&bridge, "pictures again", |status| status.health.no_video_ms == 0).await;
    tokio::time::sleep(Duration::from_secs(4)).await;

    // The creator's machine is gone, and comes back with another camera.
    drop(publisher);
    until(&bridge, "a gap", |status| status.state == BridgeState::Gap).await;
    let publisher = Publisher::join(&media.publisher("room", "host-2"), PublisherSettings::default()).await.unwrap();
    publisher.publish(programme(&folder, "320x180").await).await.unwrap();
    until(&bridge, "the other camera", |status| status.health.width == 320 && status.state == BridgeState::Live).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let status = bridge.stop().await;
    eprintln!("{status:?}");

    let sessions = rtmp.sessions();
    assert_eq!(sessions.len(), 1);
    assert_continuous(&sessions[0]);
    let flv = folder.0.join("got.flv");
    sessions[0].write(&flv);
    assert_in_step(&flv, 4);
    let recording = folder.0.join("recording");
    let film = finish(&recording, &FinishSettings::default(), |_| {}).await.unwrap();
    assert!(film.transcoded && film.stretches.len() >= 2, "{film:?}");
    let path = recording.join(FILM_FOLDER).join(FILM_FILE);
    assert_eq!(probe::complaints(&path), "");
    assert!((probe::duration_s(&path) - film.duration_ms as f64 / 1_000.0).abs() < 0.2);
    assert_in_step(&path, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minute_of_footage_with_another_camera_a_mute_and_a_long_cut_is_one_film() {
    let folder = Folder::new();
    let media = crate::server::Server::start().await;
    let clips = ["768x576", "512x384"].map(|size| {
        Clip::footage(&folder.0, size, 70);
        size
    });
    let read = async |size: &str| {
        let video = VideoClip::read(&folder.0.join(format!("{size}.h264")), 30.0).await.unwrap();
        let audio = AudioClip::read(&folder.0.join(format!("{size}.ogg"))).await.unwrap();
        Programme::once(Some(video), Some(audio))
    };
    let publisher = Publisher::join(&media.publisher("room", "host-1"), PublisherSettings::default()).await.unwrap();
    let street = publisher.publish(read(clips[0]).await).await.unwrap();
    let preference = Preference { identity_prefix: "host".into(), picture: Picture::default() };
    let access = Arc::new(media.subscriber("room", "bridge"));
    let subscriber = Subscriber::start(SubscriberSettings::new(preference), access);
    let bridge = Bridge::start(recording_into(&folder), subscriber);
    until(&bridge, "live", |status| status.state == BridgeState::Live).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    publisher.mute(&street, Kind::Video, true).await.unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    publisher.mute(&street, Kind::Video, false).await.unwrap();
    tokio::time::sleep(Duration::from_secs(16)).await;
    // Another camera, in the same connection.
    publisher.unpublish(&street).await.unwrap();
    let other = publisher.publish(read(clips[1]).await).await.unwrap();
    until(&bridge, "the other camera", |status| status.health.width == 512).await;
    tokio::time::sleep(Duration::from_secs(12)).await;
    publisher.unpublish(&other).await.unwrap();
    drop(publisher);
    until(&bridge, "a gap", |status| status.state == BridgeState::Gap).await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    let publisher = Publisher::join(&media.publisher("room", "host-1"), PublisherSettings::default()).await.unwrap();
    publisher.publish(read(clips[0]).await).await.unwrap();
    until(&bridge, "back", |status| status.health.width == 768 && status.state == BridgeState::Live).await;
    tokio::time::sleep(Duration::from_secs(12)).await;
    let status = bridge.stop().await;
    eprintln!("{status:?}");

    let recording = folder.0.join("recording");
    let film = finish(&recording, &FinishSettings::default(), |_| {}).await.unwrap();
    eprintln!("{film:?}");
    let path = recording.join(FILM_FOLDER).join(FILM_FILE);
    assert!(film.duration_ms > 60_000, "{film:?}");
    assert_eq!(film.cuts.iter().filter(|cut| cut.missing_ms > 12_000).count(), 1, "{film:?}");
    assert_eq!((film.width, film.height), (768, 576));
    assert_eq!(probe::complaints(&path), "");
    assert!((probe::duration_s(&path) - film.duration_ms as f64 / 1_000.0).abs() < 0.2);
    assert_in_step(&path, 20);
}
