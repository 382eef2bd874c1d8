//! The server's side of one connection, without I/O and without a clock.
//!
//! | phase | what comes | goes to |
//! |---|---|---|
//! | `Handshake` | the peer's packets | `Idle` |
//! | `Idle` | `connect` ([`ServerEvent::Connected`]), `createStream`, `publish` ([`ServerEvent::PublishRequested`]) | `Deciding` |
//! | `Deciding` | nothing is read until the caller has called [`ServerSession::accept`] or [`ServerSession::refuse`] | `Publishing`, `Over` |
//! | `Publishing` | tags ([`ServerEvent::Tag`]); `deleteStream` and the like ([`ServerEvent::Finished`]) | `Over` |
//! | `Over` | nothing | |
//!
//! Use: [`ServerSession::input`], then [`ServerSession::poll`] until `None`, then send [`ServerSession::output`].

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::amf0::{Amf0Error, Value, object};
use super::chunk::{ChunkError, ChunkReader, ChunkWriter, MESSAGE_BYTES_MAX, Message};
use super::handshake::{Handshake, NotRtmp};
use super::key::StreamKey;
use super::message::{self, Acknowledger, Command};
use crate::flv::{Tag, TagKind, Timeline};

/// All that a peer may send between handshake and an accepted publish, bytes.
pub const PREAMBLE_BYTES_MAX: usize = 256 * 1024;
/// The largest message before an accepted publish, bytes.
pub const PREAMBLE_MESSAGE_BYTES_MAX: usize = 32 * 1024;
/// The longest name of an application and the longest key, bytes.
pub const NAME_BYTES_MAX: usize = 512;
/// The most that [`ServerSession::input`] takes before it is polled, bytes.
pub const INPUT_BYTES_MAX: usize = 1024 * 1024;
/// The size of the chunks that we send, bytes.
const CHUNK_BYTES: usize = 4_096;
/// The one message stream of a connection.
const STREAM_ID: u32 = 1;
/// Chunk streams of ours.
const CONTROL: u8 = 2;
const COMMANDS: u8 = 3;

/// What happened, in order.
#[derive(Clone, PartialEq)]
pub enum ServerEvent {
    /// The peer named its application.
    Connected {
        /// Such as `live`; a path.
        app: String,
    },
    /// The peer wants to publish: [`ServerSession::accept`] or [`ServerSession::refuse`].
    PublishRequested {
        /// As in `Connected`.
        app: String,
        /// Proves who it is.
        key: StreamKey,
    },
    /// Media or metadata.
    Tag(Tag),
    /// The publisher said that it is done.
    Finished,
}

impl fmt::Debug for ServerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServerEvent::Connected { app } => f.debug_struct("Connected").field("app", app).finish(),
            ServerEvent::PublishRequested { app, .. } => {
                f.debug_struct("PublishRequested").field("app", app).finish_non_exhaustive()
            }
            ServerEvent::Tag(tag) => write!(f, "Tag({:?} {} ms, {} bytes)", tag.kind, tag.timestamp_ms, tag.body.len()),
            ServerEvent::Finished => f.write_str("Finished"),
        }
    }
}

/// What a peer did that ends the connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// It speaks something else.
    #[error(transparent)]
    NotRtmp(#[from] NotRtmp),
    /// Chunks beyond the limits.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// A command that is none.
    #[error(transparent)]
    Amf0(#[from] Amf0Error),
    /// More than [`PREAMBLE_BYTES_MAX`] without an accepted publish, or more than [`INPUT_BYTES_MAX`] at a time.
    #[error("too much was sent before publishing")]
    TooMuch,
    /// Something at the wrong time.
    #[error("{0}")]
    OutOfOrder(&'static str),
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    Handshake,
    Idle,
    Deciding,
    Publishing,
    Over,
}

/// One connection of a publisher.
#[derive(Debug)]
pub struct ServerSession {
    phase: Phase,
    handshake: Handshake,
    /// Until the handshake is done; afterwards all goes to the reader.
    raw: BytesMut,
    reader: ChunkReader,
    writer: ChunkWriter,
    out: BytesMut,
    acknowledger: Acknowledger,
    preamble: usize,
    app: Option<String>,
    has_stream: bool,
    timeline: Timeline,
}

impl ServerSession {
    /// A connection that was just made. `nonce` makes the handshake differ from others; it is no secret.
    pub fn new(nonce: u64) -> ServerSession {
        let mut reader = ChunkReader::default();
        reader.limit_messages(PREAMBLE_MESSAGE_BYTES_MAX);
        ServerSession {
            phase: Phase::Handshake,
            handshake: Handshake::server(nonce),
            raw: BytesMut::new(),
            reader,
            writer: ChunkWriter::default(),
            out: BytesMut::new(),
            acknowledger: Acknowledger::default(),
            preamble: 0,
            app: None,
            has_stream: false,
            timeline: Timeline::default(),
        }
    }

    /// Takes bytes of the peer. [`ServerSession::poll`] reads them.
    ///
    /// # Errors
    /// When they are too many; the connection is to be closed.
    pub fn input(&mut self, bytes: &[u8]) -> Result<(), SessionError> {
        if self.phase == Phase::Over {
            return Ok(());
        }
        if self.phase != Phase::Publishing {
            self.preamble += bytes.len();
            if self.preamble > PREAMBLE_BYTES_MAX {
                return Err(SessionError::TooMuch);
            }
        }
        if self.reader.waiting() + bytes.len() > INPUT_BYTES_MAX {
            return Err(SessionError::TooMuch);
        }
        self.acknowledger.count(bytes.len());
        match self.phase {
            Phase::Handshake => self.raw.extend_from_slice(bytes),
            _ => self.reader.push(bytes),
        }
        Ok(())
    }

    /// The next event; `None` when more bytes are needed, while the caller decides, and when it is over.
    ///
    /// # Errors
    /// When the peer broke the protocol or a limit; the connection is to be closed.
    pub fn poll(&mut self) -> Result<Option<ServerEvent>, SessionError> {
        if self.phase == Phase::Handshake {
            if !self.handshake.step(&mut self.raw, &mut self.out)? {
                return Ok(None);
            }
            self.phase = Phase::Idle;
            self.reader.push(&std::mem::take(&mut self.raw));
        }
        while matches!(self.phase, Phase::Idle | Phase::Publishing) {
            let Some(message) = self.reader.read()? else { break };
            if let Some(event) = self.handle(message)? {
                return Ok(Some(event));
            }
        }
        if let Some(due) = self.acknowledger.due() {
            self.send(CONTROL, &due);
        }
        Ok(None)
    }

    /// What is to be sent to the peer.
    pub fn output(&mut self) -> Bytes {
        self.out.split().freeze()
    }

    /// Whether the handshake is done.
    pub fn is_open(&self) -> bool {
        self.phase != Phase::Handshake
    }

    /// Whether a publish was accepted and has not ended.
    pub fn is_publishing(&self) -> bool {
        self.phase == Phase::Publishing
    }

    /// The publisher may begin. Does nothing unless it has asked.
    pub fn accept(&mut self) {
        if self.phase != Phase::Deciding {
            return;
        }
        self.phase = Phase::Publishing;
        self.reader.limit_messages(MESSAGE_BYTES_MAX);
        self.send(CONTROL, &message::user_control(message::STREAM_BEGIN, STREAM_ID));
        self.status("status", "NetStream.Publish.Start", "Publishing");
    }

    /// The publisher may not begin, and is told why in words that it may show. Close the connection once
    /// [`ServerSession::output`] is sent. Also ends a publish that was accepted.
    pub fn refuse(&mut self, words: &str) {
        let code = match self.phase {
            Phase::Deciding => "NetStream.Publish.Denied",
            Phase::Publishing => "NetStream.Publish.Failed",
            Phase::Handshake | Phase::Idle | Phase::Over => return,
        };
        self.phase = Phase::Over;
        self.status("error", code, words);
    }

    fn handle(&mut self, message: Message) -> Result<Option<ServerEvent>, SessionError> {
        match message.kind {
            message::COMMAND | message::COMMAND_AMF3 => self.command(&Command::parse(&message)?),
            message::AUDIO => self.media(TagKind::Audio, message),
            message::VIDEO => self.media(TagKind::Video, message),
            message::DATA | message::DATA_AMF3 => Ok(self.metadata(&message)),
            message::WINDOW_SIZE => {
                if let Some(bytes) = message::number(&message.payload) {
                    self.acknowledger.set_window(bytes);
                }
                Ok(None)
            }
            message::USER_CONTROL => {
                if let Some(pong) = message::pong(&message.payload) {
                    self.send(CONTROL, &pong);
                }
                Ok(None)
            }
            message::AGGREGATE => Err(SessionError::OutOfOrder("aggregate messages are not supported")),
            // Acknowledgements, bandwidth, shared objects: nothing to do.
            _ => Ok(None),
        }
    }

    fn media(&mut self, kind: TagKind, message: Message) -> Result<Option<ServerEvent>, SessionError> {
        if self.phase != Phase::Publishing {
            return Err(SessionError::OutOfOrder("media came before it was asked for"));
        }
        // Some publishers mark time with empty messages.
        if message.payload.is_empty() {
            return Ok(None);
        }
        let timestamp_ms = self.timeline.unwrap(message.timestamp_ms);
        Ok(Some(ServerEvent::Tag(Tag { timestamp_ms, kind, body: message.payload })))
    }

    fn metadata(&mut self, message: &Message) -> Option<ServerEvent> {
        if self.phase != Phase::Publishing {
            return None;
        }
        let body = message::metadata(message)?;
        let timestamp_ms = self.timeline.peek(message.timestamp_ms);
        Some(ServerEvent::Tag(Tag { timestamp_ms, kind: TagKind::Meta, body }))
    }

    fn command(&mut self, command: &Command) -> Result<Option<ServerEvent>, SessionError> {
        match command.name.as_str() {
            "connect" => self.connect(command).map(Some),
            "createStream" => {
                self.has_stream = true;
                self.answer(command, vec![Value::Null, f64::from(STREAM_ID).into()]);
                Ok(None)
            }
            // Older encoders wait for the answer.
            "releaseStream" | "FCPublish" => {
                self.answer(command, vec![Value::Null, Value::Undefined]);
                Ok(None)
            }
            "publish" => self.publish(command).map(Some),
            "FCUnpublish" | "closeStream" | "deleteStream" if self.phase == Phase::Publishing => {
                self.phase = Phase::Over;
                Ok(Some(ServerEvent::Finished))
            }
            "play" | "play2" => Err(SessionError::OutOfOrder("only publishing is supported")),
            _ => Ok(None),
        }
    }

    fn connect(&mut self, command: &Command) -> Result<ServerEvent, SessionError> {
        if self.app.is_some() {
            return Err(SessionError::OutOfOrder("connect came twice"));
        }
        let app = command.arguments.first().and_then(|info| info.get("app")).and_then(Value::as_str);
        let app = app.ok_or(SessionError::OutOfOrder("connect names no application"))?;
        let app = name(app)?.trim_matches('/').to_owned();
        self.app = Some(app.clone());
        self.send(CONTROL, &message::control(message::WINDOW_SIZE, message::WINDOW_BYTES));
        self.send(CONTROL, &message::peer_bandwidth(message::WINDOW_BYTES));
        self.writer.set_chunk_size(&mut self.out, CHUNK_BYTES);
        let properties = object([("fmsVer", "FMS/3,0,1,123".into()), ("capabilities", 31.0.into())]);
        let information = object([
            ("level", "status".into()),
            ("code", "NetConnection.Connect.Success".into()),
            ("description", "Connected".into()),
            ("objectEncoding", 0.0.into()),
        ]);
        self.answer(command, vec![properties, information]);
        Ok(ServerEvent::Connected { app })
    }

    fn publish(&mut self, command: &Command) -> Result<ServerEvent, SessionError> {
        let Some(app) = self.app.clone() else { return Err(SessionError::OutOfOrder("publish came before connect")) };
        if !self.has_stream || self.phase != Phase::Idle {
            return Err(SessionError::OutOfOrder("publish came at the wrong time"));
        }
        let key = command.text(1).ok_or(SessionError::OutOfOrder("publish has no stream key"))?;
        let key = StreamKey::new(name(key)?);
        self.phase = Phase::Deciding;
        Ok(ServerEvent::PublishRequested { app, key })
    }

    fn answer(&mut self, command: &Command, arguments: Vec<Value>) {
        let answer = Command { name: "_result".into(), transaction: command.transaction, arguments };
        self.send(COMMANDS, &answer.message(0));
    }

    fn status(&mut self, level: &str, code: &str, description: &str) {
        let information = object([("level", level.into()), ("code", code.into()), ("description", description.into())]);
        let status = Command { name: "onStatus".into(), transaction: 0.0, arguments: vec![Value::Null, information] };
        self.send(COMMANDS, &status.message(STREAM_ID));
    }

    fn send(&mut self, chunk_stream: u8, message: &Message) {
        self.writer.write(&mut self.out, chunk_stream, message);
    }
}

fn name(text: &str) -> Result<&str, SessionError> {
    if text.len() > NAME_BYTES_MAX {
        return Err(SessionError::OutOfOrder("a name is too long"));
    }
    Ok(text)
}
