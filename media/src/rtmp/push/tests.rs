use super::*;
use crate::flv::AudioTag;
use crate::rtmp::StreamKey;
use crate::rtmp::server::{ServerEvent, ServerSession};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

fn target() -> Target {
    Target::parse("rtmp://here/live/s3cret").unwrap()
}

fn tag(length: usize) -> Tag {
    Tag::audio(0, &AudioTag::Frame(vec![0; length].into()))
}

#[test]
fn an_address_is_server_application_and_key() {
    for (address, shown, authority, key) in [
        ("rtmp://a.example/live/key", "rtmp://a.example/live/…", "a.example:1935", "key"),
        ("rtmp://a.example:1936/live/key?x=/1", "rtmp://a.example:1936/live/…", "a.example:1936", "key?x=/1"),
        ("rtmps://a.example:443/app/k/ey", "rtmps://a.example/app/k/…", "a.example:443", "ey"),
        ("rtmp://[::1]/live/key", "rtmp://[::1]/live/…", "[::1]:1935", "key"),
    ] {
        let target = Target::parse(address).unwrap();
        assert_eq!((target.to_string().as_str(), target.authority().as_str()), (shown, authority));
        assert_eq!(target.key().reveal(), key);
    }
    let server = "rtmps://global-live.mux.com:443/app/";
    let target = Target::with_key(server, StreamKey::new("key")).unwrap();
    assert_eq!(target, Target::parse("rtmps://global-live.mux.com/app/key").unwrap());
}

#[test]
fn what_is_no_address_is_said_without_the_key() {
    for address in [
        "",
        "s3cret",
        "http://a.example/live/s3cret",
        "rtmp://a.example/s3cret",
        "rtmp://a.example/live/",
        "rtmp:///live/s3cret",
        "rtmp://me:s3cret@a.example/live/key",
        "rtmp://a.example:99999/live/s3cret",
    ] {
        let error = Target::parse(address).unwrap_err();
        assert!(matches!(error, PushError::Target(_)), "{address}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{address}");
        assert!(!error.is_transient());
    }
    assert!(!format!("{:?} {}", target(), target()).contains("s3cret"));
}

/// A server at the other end of a pipe.
struct Server {
    io: DuplexStream,
    session: ServerSession,
}

impl Server {
    async fn next(&mut self) -> Option<ServerEvent> {
        loop {
            let event = self.session.poll().unwrap();
            if let Some(ServerEvent::PublishRequested { .. }) = event {
                self.session.accept();
            }
            self.io.write_all(&self.session.output()).await.unwrap();
            if event.is_some() {
                return event;
            }
            let mut buffer = [0; 4_096];
            match self.io.read(&mut buffer).await.unwrap() {
                0 => return None,
                count => self.session.input(&buffer[..count]).unwrap(),
            }
        }
    }
}

async fn pushing(options: PushOptions) -> (Push, Server) {
    let (near, far) = tokio::io::duplex(16 * 1024);
    let mut server = Server { io: far, session: ServerSession::new(2) };
    let to = target();
    let accepting = async {
        while !server.session.is_publishing() {
            server.next().await.unwrap();
        }
        // What it says reaches the other end with the next poll.
        server.io.write_all(&server.session.output()).await.unwrap();
    };
    let (push, ()) = tokio::join!(Push::over(near, &to, options), accepting);
    let push = push.unwrap();
    (push, server)
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_is_sent_before_the_end() {
    let (push, mut server) = pushing(PushOptions::default()).await;
    let sending = async {
        for _ in 0..100 {
            push.send(tag(1_000)).await.unwrap();
        }
        push.finish().await.unwrap()
    };
    let receiving = async {
        let mut tags = 0;
        loop {
            match server.next().await.unwrap() {
                ServerEvent::Tag(_) => tags += 1,
                ServerEvent::Finished => break,
                other => panic!("{other:?}"),
            }
        }
        drop(server);
        tags
    };
    let (sent, received) = tokio::join!(sending, receiving);
    assert_eq!((sent.tags, received), (100, 100));
    assert!(sent.bytes > 100_000);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_read_is_given_up() {
    let options = PushOptions { queue_tags_max: 4, ..PushOptions::default() };
    let (mut push, _server) = pushing(options).await;
    let began = tokio::time::Instant::now();
    let mut queued = 0;
    let failed = loop {
        match push.try_send(tag(10_000)) {
            Ok(()) => queued += 1,
            Err(PushError::Full) if queued < 100 => {
                // Full: from here on it is waited.
                match push.send(tag(10_000)).await {
                    Ok(()) => queued += 1,
                    Err(error) => break error,
                }
            }
            Err(error) => break error,
        }
    };
    assert_eq!(failed, PushError::TimedOut("sending"));
    assert!(failed.is_transient());
    assert_eq!(began.elapsed().as_secs(), 10);
    assert!(queued < 20, "{queued}");
    assert_eq!(push.failure().await, PushError::TimedOut("sending"));
    assert_eq!(push.try_send(tag(1)), Err(PushError::TimedOut("sending")));
    assert_eq!(push.finish().await, Err(PushError::TimedOut("sending")));
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_limited_by_bytes_too() {
    let options = PushOptions { queue_bytes_max: 0, ..PushOptions::default() };
    let (push, _server) = pushing(options).await;
    let mut held = 0;
    while push.try_send(tag(1_000_000)).is_ok() {
        held += 1;
    }
    assert_eq!(held, 4, "one message of the largest size");
    assert_eq!(push.try_send(tag(5_000_000)), Err(PushError::TooLarge(5_000_002)));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_it_is_heard() {
    let (mut push, mut server) = pushing(PushOptions::default()).await;
    server.session.refuse("s3cret was reset");
    server.io.write_all(&server.session.output()).await.unwrap();
    let refused = PushError::Refused { code: "NetStream.Publish.Failed".into(), words: "… was reset".into() };
    assert_eq!(push.failure().await, refused);
    assert_eq!(push.send(tag(1)).await, Err(refused));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_is_told() {
    let (mut push, server) = pushing(PushOptions::default()).await;
    drop(server);
    assert_eq!(push.failure().await, PushError::Closed);
    assert_eq!(push.finish().await, Err(PushError::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let (near, _far) = tokio::io::duplex(16 * 1024);
    let failed = Push::over(near, &target(), PushOptions::default()).await.unwrap_err();
    assert_eq!(failed, PushError::TimedOut("connecting"));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error() {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("rtmp://{}/live/s3cret", socket.local_addr().unwrap());
    drop(socket);
    let failed = Push::connect(&Target::parse(&address).unwrap(), PushOptions::default()).await.unwrap_err();
    assert!(matches!(failed, PushError::Connect { .. }), "{failed:?}");
    assert!(!format!("{failed} {failed:?}").contains("s3cret"));
}
