//! Deadlines and limits of one connection, over a pipe and under a paused clock.

use super::*;
use crate::flv::{AudioTag, TagKind};
use crate::rtmp::client::{ClientConfig, ClientEvent, ClientSession};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

#[derive(Default)]
struct Seen {
    tags: Vec<Tag>,
    ended: Vec<EndCause>,
}

/// Lets `good` in and keeps what it sends.
#[derive(Default, Clone)]
struct Everything {
    seen: Arc<Mutex<Seen>>,
    /// How long each tag takes.
    slowness: Duration,
    tags_max: Option<usize>,
}

impl Publishers for Everything {
    fn authorise<'a>(&'a self, request: &'a PublishRequest) -> BoxFuture<'a, Result<Box<dyn Sink>, Refusal>> {
        Box::pin(async move {
            match request.key.reveal() {
                "good" => Ok(Box::new(self.clone()) as Box<dyn Sink>),
                "slow" => std::future::pending().await,
                _ => Err(Refusal::new("no such key")),
            }
        })
    }
}

impl Sink for Everything {
    fn tag(&mut self, tag: Tag) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async move {
            tokio::time::sleep(self.slowness).await;
            let mut seen = self.seen.lock();
            if self.tags_max == Some(seen.tags.len()) {
                return Err(Refusal::new("that is enough"));
            }
            seen.tags.push(tag);
            Ok(())
        })
    }

    fn ended(self: Box<Self>, cause: EndCause) -> BoxFuture<'static, ()> {
        Box::pin(async move { self.seen.lock().ended.push(cause) })
    }
}

/// The publisher's end.
struct Publisher {
    io: DuplexStream,
    session: ClientSession,
}

impl Publisher {
    async fn exchange(&mut self) -> Option<ClientEvent> {
        loop {
            let event = self.session.poll().unwrap();
            if self.io.write_all(&self.session.output()).await.is_err() {
                return None;
            }
            if event.is_some() {
                return event;
            }
            let mut buffer = [0; 4_096];
            match self.io.read(&mut buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.session.input(&buffer[..count]),
            }
        }
    }

    async fn send(&mut self, timestamp_ms: u64, length: usize) {
        let tag = Tag::audio(timestamp_ms, &AudioTag::Frame(vec![0; length].into()));
        self.session.send_tag(&tag).unwrap();
        let _ = self.io.write_all(&self.session.output()).await;
    }
}

/// Serves one connection while `publish` acts; how it ended, and after how long.
async fn serving<F: Future<Output = ()>>(
    publishers: &Everything,
    limits: Limits,
    key: &str,
    publish: impl FnOnce(Publisher) -> F,
) -> (EndCause, Duration) {
    let (near, far) = tokio::io::duplex(16 * 1024);
    let config = ClientConfig { app: "live".into(), tc_url: "rtmp://here/live".into(), key: StreamKey::new(key) };
    let publisher = Publisher { io: far, session: ClientSession::new(config, 1) };
    let (_stop, stopped) = watch::channel(false);
    let began = Instant::now();
    let served = async {
        let cause = serve(near, "127.0.0.1".parse().unwrap(), publishers, &limits, stopped).await;
        (cause, began.elapsed())
    };
    tokio::join!(served, publish(publisher)).0
}

fn seconds(range: std::ops::Range<u64>, took: Duration) {
    assert!(range.contains(&took.as_secs()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_publisher_is_served_until_it_finishes() {
    let publishers = Everything::default();
    let (cause, _) = serving(&publishers, Limits::default(), "good", |mut publisher| async move {
        assert_eq!(publisher.exchange().await, Some(ClientEvent::Published));
        publisher.send(5, 3).await;
        publisher.session.finish();
        publisher.exchange().await;
    })
    .await;
    assert_eq!(cause, EndCause::Finished);
    let seen = publishers.seen.lock();
    assert_eq!(seen.tags, [Tag { timestamp_ms: 5, kind: TagKind::Audio, body: vec![0xaf, 1, 0, 0, 0].into() }]);
    assert_eq!(seen.ended, [EndCause::Finished]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_publisher_hears_the_words() {
    let publishers = Everything::default();
    let (cause, _) = serving(&publishers, Limits::default(), "bad", |mut publisher| async move {
        let Some(ClientEvent::Refused { words, .. }) = publisher.exchange().await else { panic!("not refused") };
        assert_eq!(words, "no such key");
        assert_eq!(publisher.io.read(&mut [0; 10]).await.unwrap(), 0, "closed");
    })
    .await;
    assert_eq!(cause, EndCause::Refused("no such key".into()));
    assert!(publishers.seen.lock().ended.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_end_within_the_handshake_ends_the_connection_at_once() {
    for length in [0, 1, 700, 1_537, 2_000] {
        let (cause, took) = serving(&Everything::default(), Limits::default(), "good", |mut publisher| async move {
            let hello = publisher.session.output();
            let hello = [&hello[..], &[0; 1_000]].concat();
            publisher.io.write_all(&hello[..length]).await.unwrap();
        })
        .await;
        assert_eq!((cause, took), (EndCause::Disconnected, Duration::ZERO), "{length}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_byte_at_a_time_does_not_hold_a_connection() {
    let (cause, took) = serving(&Everything::default(), Limits::default(), "good", |mut publisher| async move {
        for byte in publisher.session.output() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if publisher.io.write_all(&[byte]).await.is_err() {
                return;
            }
        }
        panic!("held");
    })
    .await;
    assert_eq!(cause, EndCause::LateHandshake);
    seconds(5..7, took);
}

#[tokio::test(start_paused = true)]
async fn pings_instead_of_a_publish_do_not_hold_a_connection() {
    let (cause, took) = serving(&Everything::default(), Limits::default(), "slow", |mut publisher| async move {
        // The key is never decided on, so the publisher hears of nothing but its end.
        publisher.exchange().await;
    })
    .await;
    assert_eq!(cause, EndCause::LatePublish);
    seconds(10..12, took);
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_5_s_survives_and_one_of_11_s_ends() {
    let publishers = Everything::default();
    let (cause, took) = serving(&publishers, Limits::default(), "good", |mut publisher| async move {
        publisher.exchange().await;
        for second in [0, 5, 14] {
            publisher.send(second, 1).await;
            tokio::time::sleep(Duration::from_secs(if second == 0 { 5 } else { 9 })).await;
        }
        publisher.exchange().await;
    })
    .await;
    assert_eq!(cause, EndCause::Idle);
    // The last tag came after 14 s.
    seconds(24..26, took);
    assert_eq!(publishers.seen.lock().tags.len(), 3);
    assert_eq!(publishers.seen.lock().ended, [EndCause::Idle]);
}

#[tokio::test(start_paused = true)]
async fn a_flood_ends_the_connection() {
    let publishers = Everything::default();
    let limits = Limits { bitrate_bps_max: 8_000_000, ..Limits::default() };
    let (cause, _) = serving(&publishers, limits, "good", |mut publisher| async move {
        publisher.exchange().await;
        for _ in 0..100 {
            publisher.send(0, 1_000_000).await;
        }
    })
    .await;
    assert_eq!(cause, EndCause::TooFast);
    // 10 s at 1 MB/s may come at once.
    assert!((9..=10).contains(&publishers.seen.lock().tags.len()));
}

#[tokio::test(start_paused = true)]
async fn a_slow_sink_slows_the_publisher_and_loses_nothing() {
    let publishers = Everything { slowness: Duration::from_secs(1), ..Everything::default() };
    let (cause, took) = serving(&publishers, Limits::default(), "good", |mut publisher| async move {
        publisher.exchange().await;
        for at in 0..20 {
            publisher.send(at, 8_000).await;
        }
        publisher.session.finish();
        publisher.exchange().await;
    })
    .await;
    assert_eq!(cause, EndCause::Finished);
    seconds(20..22, took);
    assert_eq!(publishers.seen.lock().tags.len(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_hangs_ends_the_connection() {
    let publishers = Everything { slowness: Duration::from_secs(60), ..Everything::default() };
    let (cause, took) = serving(&publishers, Limits::default(), "good", |mut publisher| async move {
        publisher.exchange().await;
        publisher.send(0, 1).await;
        publisher.exchange().await;
    })
    .await;
    assert_eq!(cause, EndCause::SinkStalled);
    seconds(10..12, took);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_has_enough_says_so() {
    let publishers = Everything { tags_max: Some(2), ..Everything::default() };
    let (cause, _) = serving(&publishers, Limits::default(), "good", |mut publisher| async move {
        publisher.exchange().await;
        for at in 0..3 {
            publisher.send(at, 1).await;
        }
        let Some(ClientEvent::Refused { words, .. }) = publisher.exchange().await else { panic!("not refused") };
        assert_eq!(words, "that is enough");
    })
    .await;
    assert_eq!(cause, EndCause::Refused("that is enough".into()));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_ends_the_connection() {
    let (cause, took) = serving(&Everything::default(), Limits::default(), "good", |mut publisher| async move {
        let hello = publisher.session.output();
        publisher.io.write_all(&hello).await.unwrap();
        publisher.io.write_all(&hello[1..]).await.unwrap();
        // Pings until the answers fill the pipe.
        let mut pings = bytes::BytesMut::new();
        let mut writer = crate::rtmp::chunk::ChunkWriter::default();
        for number in 0..6_000 {
            let ping = crate::rtmp::message::user_control(crate::rtmp::message::PING, number);
            writer.write(&mut pings, 2, &ping);
        }
        let _ = publisher.io.write_all(&pings).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
    assert_eq!(cause, EndCause::WriteTimedOut);
    seconds(5..7, took);
}

#[tokio::test(start_paused = true)]
async fn stopping_tells_publishers_and_sinks() {
    let publishers = Everything::default();
    let (near, far) = tokio::io::duplex(16 * 1024);
    let config = ClientConfig { app: "live".into(), tc_url: "rtmp://here/live".into(), key: StreamKey::new("good") };
    let mut publisher = Publisher { io: far, session: ClientSession::new(config, 1) };
    let (stop, stopped) = watch::channel(false);
    let limits = Limits::default();
    let served = serve(near, "127.0.0.1".parse().unwrap(), &publishers, &limits, stopped);
    let publish = async {
        assert_eq!(publisher.exchange().await, Some(ClientEvent::Published));
        stop.send_replace(true);
        let Some(ClientEvent::Refused { words, .. }) = publisher.exchange().await else { panic!("not told") };
        assert_eq!(words, "the server stops");
        drop(publisher);
    };
    let (cause, ()) = tokio::join!(served, publish);
    assert_eq!(cause, EndCause::Stopped);
    assert_eq!(publishers.seen.lock().ended, [EndCause::Stopped]);
}

#[test]
fn a_request_does_not_show_its_key() {
    let from = "127.0.0.1".parse().unwrap();
    let request = PublishRequest { app: "live".into(), key: StreamKey::new("s3cret"), from };
    assert!(!format!("{request:?}").contains("s3cret"));
}
