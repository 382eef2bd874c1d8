//! ffmpeg publishes to us.

use backstage_media::flv::{AudioTag, TagKind, VideoTag};
use backstage_media::rtmp::{EndCause, Limits};

use crate::clip::{Folder, Packet, film, packets, publish, silence};
use crate::house::{House, KEY, WORDS, certificate};

#[tokio::test]
async fn all_that_ffmpeg_sends_arrives_with_exact_times() {
    let folder = Folder::new();
    let file = film(&folder).await;
    let house = House::open(Limits::default()).await;
    let (sent, said) = publish(&file, &house.url("rtmp", KEY)).await;
    assert!(sent, "{said}");
    assert_eq!(house.ended().await, EndCause::Finished);
    let (pictures, sounds) = (packets(&file, "v").await, packets(&file, "a").await);
    assert_eq!(pictures.len(), 75);
    assert!(pictures.iter().any(|packet| packet.cts_ms > 40), "there are B-frames");
    assert!(sounds.len() > 140);
    assert_eq!(house.pictures(), pictures);
    assert_eq!(house.sounds(), sounds);

    let bodies: Vec<_> = house.tags().into_iter().map(|tag| (tag.kind, tag.body)).collect();
    let video: Vec<VideoTag> = bodies
        .iter()
        .filter(|(kind, _)| *kind == TagKind::Video)
        .map(|(_, body)| VideoTag::parse(body).unwrap())
        .collect();
    assert!(matches!(&video[0], VideoTag::Config(avcc) if avcc[0] == 1));
    assert_eq!(video.last(), Some(&VideoTag::EndOfSequence));
    let keyframes = video.iter().filter(|tag| matches!(tag, VideoTag::Picture { keyframe: true, .. })).count();
    assert_eq!(keyframes, 3);
    let first_sound = bodies.iter().find(|(kind, _)| *kind == TagKind::Audio).unwrap();
    assert!(matches!(AudioTag::parse(&first_sound.1).unwrap(), AudioTag::Config(asc) if asc.len() >= 2));
    let metadata = bodies.iter().find(|(kind, _)| *kind == TagKind::Meta).unwrap();
    assert!(metadata.1.starts_with(b"\x02\x00\x0aonMetaData"));
}

#[tokio::test]
async fn twelve_seconds_of_silence_last_twelve_seconds() {
    let folder = Folder::new();
    let file = silence(&folder).await;
    let house = House::open(Limits::default()).await;
    let (sent, said) = publish(&file, &house.url("rtmp", KEY)).await;
    assert!(sent, "{said}");
    assert_eq!(house.ended().await, EndCause::Finished);
    let expected: Vec<Packet> = packets(&file, "a").await;
    let found = house.sounds();
    assert_eq!(found, expected);
    assert!((11_950..12_050).contains(&found.last().unwrap().dts_ms), "{:?}", found.last());
}

#[tokio::test]
async fn ffmpeg_shows_why_its_key_was_refused() {
    let folder = Folder::new();
    let file = silence(&folder).await;
    let house = House::open(Limits::default()).await;
    let (sent, said) = publish(&file, &house.url("rtmp", "wrong")).await;
    assert!(!sent);
    assert!(said.contains(WORDS), "{said}");
    assert!(house.tags().is_empty());
}

#[tokio::test]
async fn ffmpeg_publishes_over_tls() {
    let folder = Folder::new();
    let file = film(&folder).await;
    let house = House::open_with(Limits::default(), Some(certificate().0)).await;
    let (sent, said) = publish(&file, &house.url("rtmps", KEY)).await;
    assert!(sent, "{said}");
    house.ended().await;
    assert_eq!(house.pictures(), packets(&file, "v").await);
    assert_eq!(house.sounds(), packets(&file, "a").await);
}
