//! Lost packets are asked for again. Without that pictures break, which proves that the test would see it.

use crate::clips::video;
use crate::server::Server;
use crate::watch::{Watch, is_picture, settings};
use backstage_media::frame::Kind;
use backstage_media::participant::{Impairment, Programme, Publisher, Stats, SubscriberSettings};

const FRAMES: usize = 180;

/// Receives 6 s over a network that loses media. LiveKit leaves the first request for a packet unanswered, and str0m
/// remembers what is missing for 100 packets only: with some 90 packets a second that is enough on a busy machine too.
async fn received(server: &Server, loss: f64, recovers_loss: bool) -> Stats {
    let room = format!("room-{loss}-{recovers_loss}");
    let publisher = Publisher::join(&server.publisher(&room, "host"), Default::default()).await.unwrap();
    publisher.publish(Programme::new(Some(video("640x360", 6, 30, "500k")), None)).await.unwrap();
    let impairment = Impairment { loss, seed: 7 };
    let settings = SubscriberSettings { impairment, recovers_loss, ..settings() };
    let mut watch = Watch::with(settings, server.subscriber(&room, "bridge"));
    watch.until("a picture", is_picture).await;
    watch.frames(Kind::Video, FRAMES).await;
    watch.subscriber.stats()
}

#[tokio::test]
async fn at_two_percent_loss_no_picture_is_broken() {
    let stats = received(&Server::start().await, 0.02, true).await;
    assert_eq!((stats.video.broken, stats.video.gaps, stats.video.lost), (0, 0, 0), "{stats:?}");
    assert!(stats.video.nacks > 0, "{stats:?}");
}

/// LiveKit answers about every second request, so a packet has two or three chances in time. At 5 % one in some
/// thousands misses them all; without asking it is one in twenty.
#[tokio::test]
async fn at_five_percent_loss_hardly_any_picture_is_broken() {
    let stats = received(&Server::start().await, 0.05, true).await;
    assert!(stats.video.gaps <= 2, "{stats:?}");
    assert!(stats.video.nacks > 0, "{stats:?}");
}

#[tokio::test]
async fn without_asking_again_pictures_break() {
    let stats = received(&Server::start().await, 0.05, false).await;
    assert!(stats.video.gaps > 6 && stats.video.lost > 6, "{stats:?}");
}
