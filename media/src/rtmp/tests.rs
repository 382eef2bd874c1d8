//! Both sides against each other, in memory, and against bytes that nobody should send.

use super::amf0::{self, Value, object};
use super::chunk::{ChunkWriter, Message};
use super::client::{ClientConfig, ClientError, ClientEvent, ClientSession};
use super::message::{self, AUDIO, COMMAND, Command, VIDEO};
use super::server::{PREAMBLE_BYTES_MAX, ServerEvent, ServerSession, SessionError};
use super::*;
use crate::flv::{AudioTag, Tag, TagKind, VideoTag};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

fn config() -> ClientConfig {
    ClientConfig { app: "live".into(), tc_url: "rtmp://here/live".into(), key: StreamKey::new("s3cret") }
}

fn request() -> ServerEvent {
    ServerEvent::PublishRequested { app: "live".into(), key: StreamKey::new("s3cret") }
}

/// A client and a server that talk, and all that the client said.
struct Pair {
    client: ClientSession,
    server: ServerSession,
    said: Vec<u8>,
    at_client: Vec<ClientEvent>,
    at_server: Vec<ServerEvent>,
}

impl Pair {
    fn new() -> Pair {
        Pair {
            client: ClientSession::new(config(), 1),
            server: ServerSession::new(2),
            said: vec![],
            at_client: vec![],
            at_server: vec![],
        }
    }

    /// Carries bytes until nobody says more. `decide` is called where somebody wants to publish.
    fn talk(&mut self, decide: impl Fn(&mut ServerSession)) {
        loop {
            let said = self.client.output();
            self.said.extend_from_slice(&said);
            self.server.input(&said).unwrap();
            self.at_server.extend(events(&mut self.server, &decide).unwrap());
            let answer = self.server.output();
            self.client.input(&answer);
            while let Some(event) = self.client.poll().unwrap() {
                self.at_client.push(event);
            }
            if said.is_empty() && answer.is_empty() {
                return;
            }
        }
    }

    fn publishing() -> Pair {
        let mut pair = Pair::new();
        pair.talk(ServerSession::accept);
        assert_eq!(pair.at_client, [ClientEvent::Published]);
        pair
    }
}

fn events(server: &mut ServerSession, decide: impl Fn(&mut ServerSession)) -> Result<Vec<ServerEvent>, SessionError> {
    let mut found = vec![];
    while let Some(event) = server.poll()? {
        if matches!(event, ServerEvent::PublishRequested { .. }) {
            decide(server);
        }
        found.push(event);
    }
    Ok(found)
}

fn tags() -> Vec<Tag> {
    let picture = |length, keyframe| VideoTag::Picture { cts_ms: 0, keyframe, data: vec![5; length].into() };
    let mut metadata = BytesMut::new();
    amf0::encode(&["onMetaData".into(), object([("width", 640.0.into())])], &mut metadata);
    vec![
        Tag { timestamp_ms: 0, kind: TagKind::Meta, body: metadata.freeze() },
        Tag::video(0, &VideoTag::Config(Bytes::from_static(&[1, 2, 3]))),
        Tag::audio(0, &AudioTag::Config(Bytes::from_static(&[0x11, 0x90]))),
        Tag::video(0, &picture(40_000, true)),
        Tag::audio(21, &AudioTag::Frame(vec![6; 300].into())),
        Tag::video(33, &picture(4_091, false)),
        Tag::audio(42, &AudioTag::Frame(vec![7; 300].into())),
        Tag::audio(63, &AudioTag::Frame(vec![8; 300].into())),
        Tag::video(66, &picture(1, false)),
    ]
}

#[test]
fn a_publisher_is_let_in_and_its_tags_arrive() {
    let mut pair = Pair::publishing();
    for tag in tags() {
        pair.client.send_tag(&tag).unwrap();
        pair.talk(ServerSession::accept);
    }
    pair.client.finish();
    pair.talk(ServerSession::accept);
    let mut expected = vec![ServerEvent::Connected { app: "live".into() }, request()];
    expected.extend(tags().into_iter().map(ServerEvent::Tag));
    expected.push(ServerEvent::Finished);
    assert_eq!(pair.at_server, expected);
    assert_eq!(pair.client.send_tag(&tags()[1]), Err(ClientError::NotPublishing));
}

#[test]
fn a_refused_publisher_hears_why_and_no_key_is_repeated() {
    let mut pair = Pair::new();
    pair.talk(|server| server.refuse("no stream has the key s3cret"));
    let words = "no stream has the key …".to_owned();
    let refused = ClientEvent::Refused { code: "NetStream.Publish.Denied".into(), words };
    assert_eq!(pair.at_client, [refused]);
    assert_eq!(pair.client.send_tag(&tags()[1]), Err(ClientError::NotPublishing));
}

#[test]
fn a_publisher_may_be_ended_and_hears_why() {
    let mut pair = Pair::publishing();
    pair.server.refuse("the stream was disabled");
    pair.talk(|_| {});
    let refused =
        ClientEvent::Refused { code: "NetStream.Publish.Failed".into(), words: "the stream was disabled".into() };
    assert_eq!(pair.at_client, [ClientEvent::Published, refused]);
}

#[test]
fn an_error_without_a_status_is_a_refusal_too() {
    // As rml_rtmp and some services say no.
    let error = Command {
        name: "_error".into(),
        transaction: 0.0,
        arguments: vec![Value::Null, object([("code", "X".into()), ("description", "go\n away".into())])],
    };
    let mut pair = Pair::publishing();
    let mut out = BytesMut::new();
    // A writer of its own may begin anew: with a full header, and in chunks of the size that was said.
    ChunkWriter::default().write(&mut out, 9, &error.message(0));
    pair.client.input(&out);
    let refused = ClientEvent::Refused { code: "X".into(), words: "go away".into() };
    assert_eq!(pair.client.poll(), Ok(Some(refused)));
    assert_eq!(pair.client.poll(), Ok(None));
}

#[test]
fn keys_are_not_shown() {
    let key = "s3cret";
    let session = ClientSession::new(config(), 1);
    assert!(!format!("{:?} {:?}", request(), config()).contains(key));
    assert!(!format!("{:?}", session).contains(key));
}

#[test]
fn time_goes_on_after_49_days() {
    let mut pair = Pair::publishing();
    pair.at_server.clear();
    let start = u64::from(u32::MAX) - 100;
    let sent: Vec<Tag> =
        (0..20).map(|count| Tag::audio(start + count * 21, &AudioTag::Frame(vec![0; 4].into()))).collect();
    for tag in &sent {
        pair.client.send_tag(tag).unwrap();
    }
    pair.talk(|_| {});
    assert_eq!(pair.at_server, sent.into_iter().map(ServerEvent::Tag).collect::<Vec<_>>());
}

/// The chunks of one message, to be mixed with others.
fn chunks(stream: u8, message: &Message) -> Vec<Vec<u8>> {
    let time = message.timestamp_ms.to_be_bytes();
    let length = (message.payload.len() as u32).to_be_bytes();
    let id = message.stream_id.to_le_bytes();
    let head = [&[stream][..], &time[1..], &length[1..], &[message.kind], &id].concat();
    let size = 4_096;
    let next = [3 << 6 | stream];
    let pieces = message.payload.chunks(size).enumerate();
    pieces.map(|(at, piece)| [if at == 0 { &head[..] } else { &next[..] }, piece].concat()).collect()
}

#[test]
fn interleaved_sound_and_picture_arrive_whole() {
    let mut pair = Pair::publishing();
    pair.at_server.clear();
    let video = Message { kind: VIDEO, stream_id: 1, timestamp_ms: 40, payload: vec![0x17; 30_000].into() };
    let audio = Message { kind: AUDIO, stream_id: 1, timestamp_ms: 44, payload: vec![0xaf; 9_000].into() };
    let (pictures, mut sounds) = (chunks(20, &video), chunks(21, &audio).into_iter());
    for chunk in pictures {
        pair.server.input(&chunk).unwrap();
        pair.server.input(&sounds.next().unwrap_or_default()).unwrap();
        pair.at_server.extend(events(&mut pair.server, |_| {}).unwrap());
    }
    let expected = [
        Tag { timestamp_ms: 44, kind: TagKind::Audio, body: audio.payload },
        Tag { timestamp_ms: 40, kind: TagKind::Video, body: video.payload },
    ];
    assert_eq!(pair.at_server, expected.map(ServerEvent::Tag));
}

/// A whole conversation as a client says it.
fn conversation() -> Vec<u8> {
    let mut pair = Pair::publishing();
    for tag in tags() {
        pair.client.send_tag(&tag).unwrap();
    }
    pair.client.finish();
    pair.talk(|_| {});
    pair.said
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn however_bytes_are_cut_the_events_are_the_same(cuts in prop::collection::vec(1..3_000_usize, 1..30)) {
        let mut said = Bytes::from(conversation());
        let mut whole = ServerSession::new(2);
        whole.input(&said).unwrap();
        let expected = events(&mut whole, ServerSession::accept).unwrap();
        prop_assert_eq!(expected.len(), 2 + tags().len() + 1);
        let mut server = ServerSession::new(2);
        let mut found = vec![];
        for cut in cuts.iter().cycle() {
            if said.is_empty() {
                break;
            }
            server.input(&said.split_to((*cut).min(said.len()))).unwrap();
            found.extend(events(&mut server, ServerSession::accept).unwrap());
        }
        prop_assert_eq!(found, expected);
        prop_assert_eq!(server.output(), whole.output());
    }

    #[test]
    fn foreign_values_are_an_error_at_most(bytes: Vec<u8>) {
        let _ = amf0::decode(&bytes);
        let _ = amf0::leading_string(&bytes);
    }
}

/// Feeds all, as far as the session takes it.
fn feed(mut server: ServerSession, bytes: &[u8]) -> Result<usize, SessionError> {
    let mut count = 0;
    for piece in bytes.chunks(1_000) {
        server.input(piece)?;
        count += events(&mut server, ServerSession::accept)?.len();
    }
    Ok(count)
}

/// The same bytes in each run, so that a failure comes again: noise, and a good conversation with a few bytes changed.
#[test]
fn broken_conversations_end_in_an_error_at_most() {
    let good = conversation();
    let mut random = StdRng::seed_from_u64(7);
    let mut errors = 0;
    for round in 0..3_000 {
        let mut bytes = good.clone();
        for _ in 0..random.random_range(1..8) {
            let at = random.random_range(3_073..bytes.len());
            match round % 3 {
                0 => bytes[at] = random.random(),
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, random.random()),
            }
        }
        errors += usize::from(feed(ServerSession::new(2), &bytes).is_err());
        let mut client = ClientSession::new(config(), 1);
        client.input(&bytes);
        while let Ok(Some(_)) = client.poll() {}
    }
    assert!(errors > 100, "only {errors} were noticed");
    for _ in 0..500 {
        let mut noise = good[..3_073].to_vec();
        noise.extend((0..random.random_range(0..3_000)).map(|_| random.random::<u8>()));
        let _ = feed(ServerSession::new(2), &noise);
    }
}

#[test]
fn something_else_than_rtmp_is_told_by_its_first_byte() {
    let mut server = ServerSession::new(2);
    server.input(b"GET / HTTP/1.1\r\n").unwrap();
    assert!(matches!(server.poll(), Err(SessionError::NotRtmp(_))));
    let mut client = ClientSession::new(config(), 1);
    client.input(b"HTTP/1.1 400 Bad Request");
    assert!(matches!(client.poll(), Err(ClientError::NotRtmp(_))));
}

/// A server after the handshake, and a way to send it messages.
struct Door {
    server: ServerSession,
    writer: ChunkWriter,
}

impl Door {
    fn open() -> Door {
        let mut server = ServerSession::new(2);
        server.input(&conversation()[..3_073]).unwrap();
        assert_eq!(server.poll(), Ok(None));
        assert!(server.is_open());
        Door { server, writer: ChunkWriter::default() }
    }

    fn send(&mut self, message: &Message) -> Result<Vec<ServerEvent>, SessionError> {
        let mut out = BytesMut::new();
        self.writer.write(&mut out, 3, message);
        self.server.input(&out)?;
        events(&mut self.server, |_| {})
    }

    fn call(&mut self, name: &str, arguments: Vec<Value>) -> Result<Vec<ServerEvent>, SessionError> {
        self.send(&Command { name: name.into(), transaction: 1.0, arguments }.message(0))
    }
}

#[test]
fn what_comes_at_the_wrong_time_ends_the_connection() {
    let live = || vec![object([("app", "/live/".into())])];
    let publish = || vec![Value::Null, "key".into(), "live".into()];
    let wrong = |outcome: Result<Vec<ServerEvent>, SessionError>| {
        assert!(matches!(outcome, Err(SessionError::OutOfOrder(_))), "{outcome:?}");
    };
    let media = Message { kind: VIDEO, stream_id: 1, timestamp_ms: 0, payload: vec![0x17].into() };
    wrong(Door::open().send(&media));
    wrong(Door::open().call("publish", publish()));
    wrong(Door::open().call("connect", vec![]));
    wrong(Door::open().call("connect", vec![object([("app", "a".repeat(600).as_str().into())])]));
    let mut door = Door::open();
    assert_eq!(door.call("connect", live()).unwrap(), [ServerEvent::Connected { app: "live".into() }]);
    wrong(door.call("connect", live()));
    let mut door = Door::open();
    door.call("connect", live()).unwrap();
    wrong(door.call("publish", publish()));
    let mut door = Door::open();
    door.call("connect", live()).unwrap();
    door.call("createStream", vec![Value::Null]).unwrap();
    wrong(door.call("play", publish()));
}

#[test]
fn nothing_is_read_while_it_is_decided() {
    let mut door = Door::open();
    door.call("connect", vec![object([("app", "live".into())])]).unwrap();
    door.call("createStream", vec![Value::Null]).unwrap();
    assert_eq!(door.call("publish", vec![Value::Null, "key".into()]).unwrap().len(), 1);
    let media = Message { kind: VIDEO, stream_id: 1, timestamp_ms: 5, payload: vec![0x17].into() };
    assert_eq!(door.send(&media).unwrap(), []);
    door.server.accept();
    let tag = Tag { timestamp_ms: 5, kind: TagKind::Video, body: vec![0x17].into() };
    assert_eq!(door.server.poll(), Ok(Some(ServerEvent::Tag(tag))));
}

#[test]
fn a_flood_before_publishing_ends_the_connection() {
    let mut door = Door::open();
    let filler = Message { kind: COMMAND, stream_id: 0, timestamp_ms: 0, payload: vec![5; 1_000].into() };
    let sent = (1..1_000).find(|_| door.send(&filler).is_err()).unwrap();
    assert!((200..=PREAMBLE_BYTES_MAX / 1_000).contains(&sent), "{sent}");
    let mut door = Door::open();
    let large = Message { kind: COMMAND, stream_id: 0, timestamp_ms: 0, payload: vec![5; 40_000].into() };
    assert!(matches!(door.send(&large), Err(SessionError::Chunk(_))));
}

#[test]
fn pings_are_answered_and_bytes_acknowledged() {
    let mut door = Door::open();
    door.server.output();
    door.send(&message::user_control(message::PING, 77)).unwrap();
    let mut expected = BytesMut::new();
    ChunkWriter::default().write(&mut expected, 2, &message::user_control(message::PONG, 77));
    assert_eq!(door.server.output(), expected);
    // No more often than every 64 KiB, whatever the peer wants.
    door.send(&message::control(message::WINDOW_SIZE, 1)).unwrap();
    let filler = Message { kind: COMMAND, stream_id: 0, timestamp_ms: 0, payload: vec![5; 1_000].into() };
    let until = (1..200).find(|_| {
        door.send(&filler).unwrap();
        !door.server.output().is_empty()
    });
    assert!((55..70).contains(&until.unwrap()), "{until:?}");
}

#[test]
fn values_are_read_as_they_were_written_and_have_limits() {
    let values = [
        Value::Number(-0.5),
        Value::Boolean(true),
        "text".into(),
        "x".repeat(65_536).as_str().into(),
        object([("a", Value::Null), ("b", Value::Undefined)]),
        Value::EcmaArray(vec![("width".into(), 640.0.into())]),
        Value::Array(vec![Value::Date(5.0), Value::Array(vec![])]),
    ];
    let mut out = BytesMut::new();
    amf0::encode(&values, &mut out);
    assert_eq!(amf0::decode(&out).unwrap(), values);
    let deep: Vec<u8> = [10, 0, 0, 0, 1].repeat(20);
    assert_eq!(amf0::decode(&deep), Err(amf0::Amf0Error::TooLarge));
    assert_eq!(amf0::decode(&[5; 1_025]), Err(amf0::Amf0Error::TooLarge));
    assert_eq!(amf0::decode(&[10, 0xff, 0xff, 0xff, 0xff]), Err(amf0::Amf0Error::TooLarge));
    assert_eq!(amf0::decode(&[12, 0, 1, 0, 1]), Err(amf0::Amf0Error::TooLarge));
    assert_eq!(amf0::decode(&[7]), Err(amf0::Amf0Error::Kind(7)));
    assert_eq!(amf0::decode(&[3, 0, 1]), Err(amf0::Amf0Error::Truncated));
}
