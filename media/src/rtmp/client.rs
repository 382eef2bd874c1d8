//! The publisher's side of one connection, without I/O and without a clock.
//!
//! | phase | what comes | what is sent | goes to |
//! |---|---|---|---|
//! | `Handshake` | the server's packets | ours, `connect` | `Connecting` |
//! | `Connecting` | `_result` | `releaseStream`, `FCPublish`, `createStream` | `Creating` |
//! | `Creating` | `_result` with a stream | `publish` | `Asking` |
//! | `Asking` | `NetStream.Publish.Start` ([`ClientEvent::Published`]) | | `Publishing` |
//! | `Publishing` | | tags | `Over` by [`ClientSession::finish`] |
//!
//! An error of the server in any phase is [`ClientEvent::Refused`] with its words, and then it is over.
//! Use: [`ClientSession::input`], then [`ClientSession::poll`] until `None`, then send [`ClientSession::output`].

use bytes::{Bytes, BytesMut};

use super::amf0::{Amf0Error, Value, object};
use super::chunk::{ChunkError, ChunkReader, ChunkWriter, MESSAGE_BYTES_MAX, Message};
use super::handshake::{Handshake, NotRtmp};
use super::key::StreamKey;
use super::message::{self, Acknowledger, Command};
use crate::flv::{Tag, TagKind};

/// The largest message that is taken from a server, bytes; it sends no media.
pub const SERVER_MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Of a server's words, characters.
const WORDS_MAX: usize = 200;
/// The size of the chunks that we send, bytes: what servers expect and OBS uses.
const CHUNK_BYTES: usize = 4_096;

const CONTROL: u8 = 2;
const COMMANDS: u8 = 3;
/// Sound and picture have chunk streams of their own.
const AUDIO: u8 = 4;
const VIDEO: u8 = 6;
const PUBLISH: u8 = 8;

const CONNECT_TRANSACTION: f64 = 1.0;
const RELEASE_TRANSACTION: f64 = 2.0;
const FC_PUBLISH_TRANSACTION: f64 = 3.0;
const CREATE_TRANSACTION: f64 = 4.0;
const PUBLISH_TRANSACTION: f64 = 5.0;

/// What happened, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientEvent {
    /// Tags may be sent.
    Published,
    /// The server does not want it, or not any more. It will close the connection.
    Refused {
        /// Such as `NetStream.Publish.BadName`; may be empty.
        code: String,
        /// What the server says, shortened and without the stream key; may be empty.
        words: String,
    },
}

/// What went wrong at this side of the connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The server speaks something else.
    #[error(transparent)]
    NotRtmp(#[from] NotRtmp),
    /// Chunks beyond the limits.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// A command that is none.
    #[error(transparent)]
    Amf0(#[from] Amf0Error),
    /// A tag was given before [`ClientEvent::Published`] or after the end.
    #[error("there is no stream to send to")]
    NotPublishing,
    /// A tag of more than [`MESSAGE_BYTES_MAX`].
    #[error("a tag of {0} bytes is too large")]
    TooLarge(usize),
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    Handshake,
    Connecting,
    Creating,
    Asking,
    Publishing,
    Over,
}

/// Where to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientConfig {
    /// The application, such as `live`.
    pub app: String,
    /// The address without the key, such as `rtmp://example.org/live`.
    pub tc_url: String,
    /// The secret.
    pub key: StreamKey,
}

/// One connection to a server.
#[derive(Debug)]
pub struct ClientSession {
    config: ClientConfig,
    phase: Phase,
    handshake: Handshake,
    raw: BytesMut,
    reader: ChunkReader,
    writer: ChunkWriter,
    out: BytesMut,
    acknowledger: Acknowledger,
    stream_id: u32,
    has_told_window: bool,
}

impl ClientSession {
    /// Begins: there is output at once. `nonce` makes the handshake differ from others; it is no secret.
    pub fn new(config: ClientConfig, nonce: u64) -> ClientSession {
        let mut out = BytesMut::new();
        let handshake = Handshake::client(nonce, &mut out);
        let mut reader = ChunkReader::default();
        reader.limit_messages(SERVER_MESSAGE_BYTES_MAX);
        ClientSession {
            config,
            phase: Phase::Handshake,
            handshake,
            raw: BytesMut::new(),
            reader,
            writer: ChunkWriter::default(),
            out,
            acknowledger: Acknowledger::default(),
            stream_id: 0,
            has_told_window: false,
        }
    }

    /// Takes bytes of the server. [`ClientSession::poll`] reads them.
    pub fn input(&mut self, bytes: &[u8]) {
        self.acknowledger.count(bytes.len());
        match self.phase {
            Phase::Handshake => self.raw.extend_from_slice(bytes),
            Phase::Over => {}
            _ => self.reader.push(bytes),
        }
    }

    /// The next event; `None` when more bytes are needed, and when it is over.
    ///
    /// # Errors
    /// When the server broke the protocol or a limit; the connection is to be closed.
    pub fn poll(&mut self) -> Result<Option<ClientEvent>, ClientError> {
        if self.phase == Phase::Handshake {
            if !self.handshake.step(&mut self.raw, &mut self.out)? {
                return Ok(None);
            }
            self.reader.push(&std::mem::take(&mut self.raw));
            self.connect();
        }
        while self.phase != Phase::Over {
            let Some(message) = self.reader.read()? else { break };
            if let Some(event) = self.handle(&message)? {
                return Ok(Some(event));
            }
        }
        if let Some(due) = self.acknowledger.due() {
            self.send(CONTROL, &due);
        }
        Ok(None)
    }

    /// What is to be sent to the server.
    pub fn output(&mut self) -> Bytes {
        self.out.split().freeze()
    }

    /// How much [`ClientSession::output`] would give, bytes.
    pub fn pending(&self) -> usize {
        self.out.len()
    }

    /// Writes a tag to the output.
    ///
    /// # Errors
    /// When nothing is being published or the tag is too large; then nothing is written.
    pub fn send_tag(&mut self, tag: &Tag) -> Result<(), ClientError> {
        if self.phase != Phase::Publishing {
            return Err(ClientError::NotPublishing);
        }
        if tag.body.len() > MESSAGE_BYTES_MAX {
            return Err(ClientError::TooLarge(tag.body.len()));
        }
        let chunk_stream = match tag.kind {
            TagKind::Audio | TagKind::Meta => AUDIO,
            TagKind::Video => VIDEO,
        };
        let message = message::of_tag(tag, self.stream_id);
        self.send(chunk_stream, &message);
        Ok(())
    }

    /// Says goodbye: afterwards the output is sent and the connection closed.
    pub fn finish(&mut self) {
        if self.phase == Phase::Publishing {
            let key = self.config.key.reveal().into();
            self.call("FCUnpublish", 6.0, vec![Value::Null, key]);
            self.call("deleteStream", 7.0, vec![Value::Null, f64::from(self.stream_id).into()]);
        }
        self.phase = Phase::Over;
    }

    fn connect(&mut self) {
        self.phase = Phase::Connecting;
        self.writer.set_chunk_size(&mut self.out, CHUNK_BYTES);
        let information = object([
            ("app", self.config.app.as_str().into()),
            ("type", "nonprivate".into()),
            ("flashVer", "FMLE/3.0 (compatible; Backstage)".into()),
            ("tcUrl", self.config.tc_url.as_str().into()),
        ]);
        self.call("connect", CONNECT_TRANSACTION, vec![information]);
    }

    fn handle(&mut self, message: &Message) -> Result<Option<ClientEvent>, ClientError> {
        match message.kind {
            message::COMMAND | message::COMMAND_AMF3 => return Ok(self.command(&Command::parse(message)?)),
            message::WINDOW_SIZE => {
                if let Some(bytes) = message::number(&message.payload) {
                    self.acknowledger.set_window(bytes);
                }
            }
            message::PEER_BANDWIDTH => {
                if let Some(bytes) = message::number(&message.payload)
                    && !std::mem::replace(&mut self.has_told_window, true)
                {
                    self.send(CONTROL, &message::control(message::WINDOW_SIZE, bytes));
                }
            }
            message::USER_CONTROL => {
                if let Some(pong) = message::pong(&message.payload) {
                    self.send(CONTROL, &pong);
                }
            }
            // Acknowledgements and data: nothing to do.
            _ => {}
        }
        Ok(None)
    }

    fn command(&mut self, command: &Command) -> Option<ClientEvent> {
        match command.name.as_str() {
            "_result" => {
                self.result(command);
                None
            }
            // Servers that do not know these two may say so.
            "_error" if matches!(command.transaction, RELEASE_TRANSACTION | FC_PUBLISH_TRANSACTION) => None,
            "_error" => Some(self.refused(command)),
            "onStatus" => self.status(command),
            "close" => Some(self.refused(command)),
            _ => None,
        }
    }

    fn result(&mut self, command: &Command) {
        let key = || Value::from(self.config.key.reveal());
        if self.phase == Phase::Connecting && command.transaction == CONNECT_TRANSACTION {
            self.phase = Phase::Creating;
            let (release, publish) = (key(), key());
            self.call("releaseStream", RELEASE_TRANSACTION, vec![Value::Null, release]);
            self.call("FCPublish", FC_PUBLISH_TRANSACTION, vec![Value::Null, publish]);
            self.call("createStream", CREATE_TRANSACTION, vec![Value::Null]);
        } else if self.phase == Phase::Creating && command.transaction == CREATE_TRANSACTION {
            self.phase = Phase::Asking;
            // A number beyond 32 bits or none becomes the nearest that there is.
            self.stream_id = command.arguments.get(1).and_then(Value::as_number).unwrap_or(1.0) as u32;
            let publish = Command {
                name: "publish".into(),
                transaction: PUBLISH_TRANSACTION,
                arguments: vec![Value::Null, key(), "live".into()],
            };
            let message = publish.message(self.stream_id);
            self.send(PUBLISH, &message);
        }
    }

    fn status(&mut self, command: &Command) -> Option<ClientEvent> {
        let information = command.arguments.iter().find(|value| value.get("level").is_some())?;
        if information.get("level").and_then(Value::as_str) == Some("error") {
            return Some(self.refused(command));
        }
        let code = information.get("code").and_then(Value::as_str);
        if self.phase == Phase::Asking && code == Some("NetStream.Publish.Start") {
            self.phase = Phase::Publishing;
            return Some(ClientEvent::Published);
        }
        None
    }

    fn refused(&mut self, command: &Command) -> ClientEvent {
        self.phase = Phase::Over;
        let told = |name: &str| {
            let found = command.arguments.iter().find_map(|value| value.get(name)).and_then(Value::as_str);
            let clean = self.config.key.redact(found.unwrap_or_default());
            clean.chars().filter(|letter| !letter.is_control()).take(WORDS_MAX).collect::<String>()
        };
        ClientEvent::Refused { code: told("code"), words: told("description") }
    }

    fn call(&mut self, name: &str, transaction: f64, arguments: Vec<Value>) {
        let command = Command { name: name.into(), transaction, arguments };
        self.send(COMMANDS, &command.message(0));
    }

    fn send(&mut self, chunk_stream: u8, message: &Message) {
        self.writer.write(&mut self.out, chunk_stream, message);
    }
}
