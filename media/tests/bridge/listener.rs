//! An RTMP server that keeps what is published to it, each connection in an FLV file of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use backstage_media::flv::{AudioTag, Tag, TagKind, VideoTag, write_header, write_tag};
use backstage_media::rtmp::{EndCause, Limits, Listener, PublishRequest, Publishers, Refusal, Sink, Target};
use bytes::BytesMut;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::task::JoinSet;

/// What came over one connection.
#[derive(Debug, Default, Clone)]
pub struct Session {
    pub tags: Vec<Tag>,
    pub ended: bool,
}

impl Session {
    fn of(&self, kind: TagKind) -> impl Iterator<Item = &Tag> {
        self.tags.iter().filter(move |tag| tag.kind == kind)
    }

    /// Times of pictures, milliseconds.
    pub fn pictures_ms(&self) -> Vec<u64> {
        let is_picture = |tag: &&Tag| matches!(VideoTag::parse(&tag.body), Ok(VideoTag::Picture { .. }));
        self.of(TagKind::Video).filter(is_picture).map(|tag| tag.timestamp_ms).collect()
    }

    /// Times of AAC frames, milliseconds.
    pub fn sounds_ms(&self) -> Vec<u64> {
        let is_frame = |tag: &&Tag| matches!(AudioTag::parse(&tag.body), Ok(AudioTag::Frame(_)));
        self.of(TagKind::Audio).filter(is_frame).map(|tag| tag.timestamp_ms).collect()
    }

    pub fn formats(&self) -> usize {
        self.of(TagKind::Video).filter(|tag| matches!(VideoTag::parse(&tag.body), Ok(VideoTag::Config(_)))).count()
    }

    pub fn write(&self, path: &PathBuf) {
        let mut out = BytesMut::new();
        write_header(&mut out, true, true);
        self.tags.iter().for_each(|tag| write_tag(&mut out, tag));
        std::fs::write(path, &out).unwrap();
    }
}

/// Keys that begin with `no` are refused. The first connection of a key that begins with `flaky` is refused after 60
/// tags.
#[derive(Default)]
struct Door {
    sessions: Mutex<Vec<Session>>,
    connections: AtomicU64,
}

struct Tape {
    door: Arc<Door>,
    nth: usize,
    tags_max: usize,
}

impl Sink for Tape {
    fn tag(&mut self, tag: Tag) -> BoxFuture<'_, Result<(), Refusal>> {
        let mut sessions = self.door.sessions.lock();
        let tags = &mut sessions[self.nth].tags;
        tags.push(tag);
        let full = tags.len() >= self.tags_max;
        async move { if full { Err(Refusal::new("that is enough")) } else { Ok(()) } }.boxed()
    }

    fn ended(self: Box<Self>, _: EndCause) -> BoxFuture<'static, ()> {
        self.door.sessions.lock()[self.nth].ended = true;
        async {}.boxed()
    }
}

struct Doors(Arc<Door>);

impl Publishers for Doors {
    fn authorise<'a>(&'a self, request: &'a PublishRequest) -> BoxFuture<'a, Result<Box<dyn Sink>, Refusal>> {
        let key = request.key.reveal().to_owned();
        let door = self.0.clone();
        async move {
            if key.starts_with("no") {
                return Err(Refusal::new("this key is not known"));
            }
            let nth = door.connections.fetch_add(1, Ordering::SeqCst) as usize;
            door.sessions.lock().push(Session::default());
            let tags_max = if key.starts_with("flaky") && nth == 0 { 60 } else { usize::MAX };
            Ok(Box::new(Tape { door, nth, tags_max }) as Box<dyn Sink>)
        }
        .boxed()
    }
}

pub struct Server {
    door: Arc<Door>,
    address: SocketAddr,
    _task: JoinSet<()>,
}

impl Server {
    pub async fn start() -> Server {
        let door = Arc::new(Door::default());
        let publishers = Arc::new(Doors(door.clone()));
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), publishers, Limits::default()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut task = JoinSet::new();
        task.spawn(listener.run(std::future::pending()));
        Server { door, address, _task: task }
    }

    pub fn target(&self, key: &str) -> Target {
        Target::parse(&format!("rtmp://{}/live/{key}", self.address)).unwrap()
    }

    pub fn sessions(&self) -> Vec<Session> {
        self.door.sessions.lock().clone()
    }
}
