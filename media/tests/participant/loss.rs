//! Lost packets are asked for again. Without that pictures break, which proves that the test would see it.

use crate::clips::video;
use crate::server::Server;
use crate::watch::{Watch, is_picture, settings};
use backstage_media::frame::Kind;
use backstage_media::participant::{Impairment, Programme, Publisher, Stats, SubscriberSettings};

const FRAMES: usize = 360;
/// Packets that the subscriber without recovery must miss, so that the comparison says something.
const MISSED_MIN: u64 = 8;

/// Two subscribers of one publisher lose the same share of its packets for 12 s; only the first asks for them again.
///
/// LiveKit leaves a request unanswered that comes within a round trip (70 ms at first) of the packet, and str0m remembers
/// what is missing for 100 packets only. So on a machine too busy to answer in time a packet may still be lost now and
/// then, and what is compared is how many of those lost come back.
async fn received(loss: f64) -> [Stats; 2] {
    let server = Server::start().await;
    let publisher = Publisher::join(&server.publisher("room", "host"), Default::default()).await.unwrap();
    publisher.publish(Programme::new(Some(video("640x360", 6, 30, "500k")), None)).await.unwrap();
    let watching = [true, false].map(|recovers_loss| {
        let settings = SubscriberSettings { impairment: Impairment { loss, seed: 7 }, recovers_loss, ..settings() };
        let token = server.subscriber("room", if recovers_loss { "asks" } else { "does_not_ask" });
        async move {
            let mut watch = Watch::with(settings, token);
            watch.until("a picture", is_picture).await;
            watch.frames(Kind::Video, FRAMES).await;
            watch.subscriber.stats()
        }
    });
    let [asks, does_not] = watching;
    let (asks, does_not) = tokio::join!(asks, does_not);
    [asks, does_not]
}

fn assert_recovered(stats: [Stats; 2]) {
    let [asks, does_not] = stats.clone().map(|stats| stats.video);
    assert!(does_not.lost >= MISSED_MIN && does_not.gaps > 0, "without asking, pictures break: {stats:?}");
    assert!(asks.nacks > 0 && asks.lost * 4 <= does_not.lost, "asking brings them back: {stats:?}");
}

#[tokio::test]
async fn at_two_percent_loss_what_is_lost_comes_back() {
    assert_recovered(received(0.02).await);
}

#[tokio::test]
async fn at_five_percent_loss_what_is_lost_comes_back() {
    assert_recovered(received(0.05).await);
}
