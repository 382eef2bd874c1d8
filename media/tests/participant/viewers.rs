//! Many viewers at once.

use crate::clips::{small, tone};
use crate::server::Server;
use crate::watch::settings;
use backstage_media::participant::{Programme, Publisher, Viewer};
use std::sync::Arc;
use std::time::{Duration, Instant};

const VIEWERS: usize = 20;

#[tokio::test]
async fn twenty_viewers_count_every_frame() {
    let server = Server::start().await;
    let mut publisher = Publisher::join(&server.publisher("room", "host"), Default::default()).await.unwrap();
    let warm = publisher.publish(Programme::new(Some(small(6)), None)).await.unwrap();
    let viewers: Vec<Viewer> = (0..VIEWERS)
        .map(|n| Viewer::start(settings(), Arc::new(server.subscriber("room", &format!("viewer-{n}")))))
        .collect();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !viewers.iter().all(|viewer| viewer.stats().video.frames > 30) {
        assert!(Instant::now() < deadline, "not all see something");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    publisher.unpublish(&warm).await.unwrap();

    let before: Vec<_> = viewers.iter().map(Viewer::stats).collect();
    let clip = small(6);
    let published = publisher.publish(Programme::once(Some(clip.clone()), Some(tone(6)))).await.unwrap();
    assert!(publisher.played(&published).await);
    // What is on its way arrives.
    let deadline = Instant::now() + Duration::from_secs(5);
    let complete = |stats: &backstage_media::participant::Stats| stats.video.frame_age_ms.is_some_and(|ms| ms > 500);
    while !viewers.iter().all(|viewer| complete(&viewer.stats())) && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for (viewer, before) in viewers.iter().zip(before) {
        let stats = viewer.stats();
        let frames = (stats.video.frames - before.video.frames) as usize;
        // Whoever subscribes after the first keyframe begins with the second or third.
        let missed = clip.frames() - frames;
        assert!(missed.is_multiple_of(30) && missed <= 60, "{missed} of {} missed: {stats:?}", clip.frames());
        assert_eq!((stats.video.broken, stats.video.gaps, stats.unread), (0, 0, 0), "{stats:?}");
        assert!(stats.audio.frames > 150, "{stats:?}");
    }
    for viewer in viewers {
        viewer.stop().await;
    }
}
