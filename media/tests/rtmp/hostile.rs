//! Peers that mean no good, over real sockets and with short deadlines.

use std::time::{Duration, Instant};

use backstage_media::flv::{AudioTag, Tag};
use backstage_media::rtmp::{EndCause, Limits, Push, PushOptions, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::house::{House, KEY};

fn short() -> Limits {
    Limits {
        handshake: Duration::from_millis(300),
        publish: Duration::from_millis(600),
        idle: Duration::from_millis(600),
        ..Limits::default()
    }
}

/// Reads until the other side closes.
async fn closed(stream: &mut TcpStream) {
    let reading = async { while stream.read(&mut [0; 4_096]).await.is_ok_and(|count| count > 0) {} };
    tokio::time::timeout(Duration::from_secs(10), reading).await.expect("the connection is held");
}

#[tokio::test]
async fn who_says_nothing_or_little_is_closed() {
    let house = House::open(short()).await;
    for hello in [0, 1, 1_537, 3_073] {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        stream.write_all(&[3; 3_073][..hello]).await.unwrap();
        closed(&mut stream).await;
    }
}

#[tokio::test]
async fn who_leaves_within_the_handshake_is_let_go_at_once() {
    let house = House::open(Limits::default()).await;
    let began = Instant::now();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        stream.write_all(&[3; 700]).await.unwrap();
        stream.shutdown().await.unwrap();
        closed(&mut stream).await;
    }
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_flood_is_cut_off() {
    let house = House::open(Limits::default()).await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    // A handshake, then chunks of a message that never ends: each on a stream of its own.
    let mut flood = vec![3; 3_073];
    for _ in 0..20_000 {
        flood.extend_from_slice(&[3, 0, 0, 0, 0, 0x70, 0, 20, 0, 0, 0, 0]);
        flood.extend_from_slice(&[0; 128]);
    }
    // Written as far as it is taken.
    let _ = stream.write_all(&flood).await;
    closed(&mut stream).await;
}

#[tokio::test]
async fn a_publisher_who_sends_too_much_is_told_and_closed() {
    let limits = Limits { bitrate_bps_max: 800_000, burst: Duration::from_secs(1), ..Limits::default() };
    let house = House::open(limits).await;
    let target = Target::parse(&house.url("rtmp", KEY)).unwrap();
    let mut push = Push::connect(&target, PushOptions::default()).await.unwrap();
    let tag = Tag::audio(0, &AudioTag::Frame(vec![0; 10_000].into()));
    while push.send(tag.clone()).await.is_ok() {}
    assert_eq!(house.ended().await, EndCause::TooFast);
    push.failure().await;
    assert!(house.tags().len() < 20);
}

#[tokio::test]
async fn a_publisher_who_falls_silent_is_closed() {
    let house = House::open(short()).await;
    let target = Target::parse(&house.url("rtmp", KEY)).unwrap();
    let mut push = Push::connect(&target, PushOptions::default()).await.unwrap();
    assert_eq!(house.ended().await, EndCause::Idle);
    let failed = push.failure().await.to_string();
    assert!(failed.contains("nothing was sent for too long"), "{failed}");
}

#[tokio::test]
async fn one_address_has_a_limit_of_connections_and_they_are_given_back() {
    let house = House::open(Limits { connections_per_address_max: 2, ..Limits::default() }).await;
    let target = Target::parse(&house.url("rtmp", KEY)).unwrap();
    let first = Push::connect(&target, PushOptions::default()).await.unwrap();
    let _second = Push::connect(&target, PushOptions::default()).await.unwrap();
    closed(&mut TcpStream::connect(house.address).await.unwrap()).await;
    first.finish().await.unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    while Push::connect(&target, PushOptions::default()).await.is_err() {
        assert!(Instant::now() < until, "the place was not given back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
