//! When the server says no, dies, or falls silent.

use crate::clips::small;
use crate::server::Server;
use crate::watch::{Watch, is_picture, settings};
use backstage_media::frame::Kind;
use backstage_media::participant::{
    Access, EndReason, Event, Lost, Programme, Publisher, SubscriberSettings, TokenError, TokenSource,
};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

async fn end(watch: &mut Watch) -> EndReason {
    match watch.until("the end", |event| matches!(event, Event::Ended { .. })).await {
        Event::Ended { reason } => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_wrong_token_ends_it_with_the_servers_words() {
    let server = Server::start().await;
    let mut watch = Watch::start(server.forged("room", "bridge"));
    match end(&mut watch).await {
        EndReason::Refused { status: 401, reason } => assert!(!reason.is_empty()),
        other => panic!("{other:?}"),
    }
    assert_eq!(watch.events.len(), 1, "it does not try again: {:?}", watch.told());
    assert_eq!(watch.subscriber.next().await, None);

    let error = Publisher::join(&server.forged("room", "host"), Default::default()).await.unwrap_err();
    assert!(matches!(error, Lost::Refused { status: 401, .. }), "{error}");
    let error = Publisher::join(&server.subscriber("room", "host"), Default::default()).await.unwrap_err();
    assert!(error.to_string().contains("must not allow to subscribe"), "{error}");
    let mut watch = Watch::start(server.publisher("room", "bridge"));
    assert!(matches!(end(&mut watch).await, EndReason::Refused { status: 403, .. }));
    let mut watch = Watch::start(Access { url: "gopher://x".into(), token: String::new() });
    assert!(matches!(end(&mut watch).await, EndReason::Address(_)));
}

#[tokio::test]
async fn a_second_join_with_the_same_identity_puts_the_first_out() {
    let server = Server::start().await;
    let mut first = Watch::start(server.subscriber("room", "bridge"));
    first.until("the connection", |event| *event == Event::Connected).await;
    let mut second = Watch::start(server.subscriber("room", "bridge"));
    second.until("the connection", |event| *event == Event::Connected).await;
    assert_eq!(end(&mut first).await, EndReason::PutOut("DUPLICATE_IDENTITY"));
    second.subscriber.stop().await;
}

/// Counts how often it is asked.
struct Counted(Access, AtomicU32);

impl TokenSource for Counted {
    fn access(&self) -> BoxFuture<'_, Result<Access, TokenError>> {
        let asked = self.1.fetch_add(1, Ordering::SeqCst);
        let answer = if asked == 1 { Err(TokenError::NotNow("busy".into())) } else { Ok(self.0.clone()) };
        Box::pin(std::future::ready(answer))
    }
}

#[tokio::test]
async fn after_the_server_was_killed_it_comes_back_with_a_fresh_token() {
    let mut server = Server::start().await;
    let publisher = Publisher::join(&server.publisher("room", "host"), Default::default()).await.unwrap();
    publisher.publish(Programme::new(Some(small(6)), None)).await.unwrap();
    let tokens = Arc::new(Counted(server.subscriber("room", "bridge"), AtomicU32::new(0)));
    let subscriber = backstage_media::participant::Subscriber::start(settings(), tokens.clone());
    let mut watch = Watch { subscriber, events: Vec::new() };
    watch.until("a picture", is_picture).await;

    server.kill().await;
    watch.until("the loss", |event| matches!(event, Event::Reconnecting { attempt: 1, .. })).await;
    assert!(!watch.subscriber.stats().connected);
    server.start_again().await;
    watch.until("the connection", |event| *event == Event::Connected).await;
    assert!(publisher.gone().is_some(), "a publisher does not come back by itself");
    let publisher = Publisher::join(&server.publisher("room", "host"), Default::default()).await.unwrap();
    publisher.publish(Programme::new(Some(small(6)), None)).await.unwrap();
    watch.until("a picture", is_picture).await;

    let mut told = watch.told();
    told.dedup();
    assert_eq!(
        told,
        [
            "connected",
            "started Camera",
            "320x180",
            "frames",
            "ended",
            "reconnecting",
            "connected",
            "started Camera",
            "frames"
        ],
        "the format is the same as before, so it is not told again"
    );
    assert!(tokens.1.load(Ordering::SeqCst) >= 3);
    let stats = watch.subscriber.stats();
    assert!(stats.connected && stats.reconnects == 1, "{stats:?}");
    let times: Vec<i64> = watch.all(Kind::Video).iter().map(|frame| frame.captured_us).collect();
    assert!(times.is_sorted(), "time goes on across connections");
}

#[tokio::test]
async fn a_pulled_cable_is_seen_as_an_ended_track_and_a_server_that_is_not_there_as_a_loss() {
    let server = Server::start().await;
    let publisher = Publisher::join(&server.publisher("room", "host"), Default::default()).await.unwrap();
    let published = publisher.publish(Programme::new(Some(small(6)), None)).await.unwrap();
    let mut watch = Watch::start(server.subscriber("room", "bridge"));
    watch.until("a picture", is_picture).await;
    publisher.cut_network().await.unwrap();
    // Frames stop long before the server says so.
    let mut age = None;
    while age.is_none_or(|ms| ms < 1_000) {
        watch.during(Duration::from_millis(100)).await;
        age = watch.subscriber.stats().video.frame_age_ms;
    }
    assert!(watch.subscriber.stats().video.present);
    assert!(publisher.unpublish(&published).await.is_err());
    drop(publisher);
    watch.until("the end", |event| *event == Event::TrackEnded { kind: Kind::Video }).await;

    let nobody = Access { url: "ws://127.0.0.1:9".into(), token: "t".into() };
    let mut watch = Watch::with(SubscriberSettings { connect_timeout: Duration::from_secs(2), ..settings() }, nobody);
    watch.until("a second try", |event| matches!(event, Event::Reconnecting { attempt: 2, .. })).await;
    watch.subscriber.steering().stop();
    assert_eq!(end(&mut watch).await, EndReason::Stopped);
}
