//! The bodies of audio and video tags.

use bytes::{BufMut, Bytes, BytesMut};

const CODEC_AVC: u8 = 7;
const SOUND_AAC: u8 = 10;
/// Enhanced RTMP: this sound format means that a FourCC follows.
const SOUND_ENHANCED: u8 = 9;
const FRAME_KEY: u8 = 1;
const FRAME_INTER: u8 = 2;
const FRAME_COMMAND: u8 = 5;
/// AAC, 44 kHz, 16 bits, stereo: what every AAC tag says, whatever its configuration says (annex E.4.2.1).
const AAC_HEADER: u8 = 0xaf;

/// Why a tag's body could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlvError {
    /// It ends too early.
    #[error("an FLV tag ends too early")]
    Truncated,
    /// Neither H.264 nor AAC. Says which.
    #[error("{0} is not supported: send H.264 video and AAC audio")]
    Codec(String),
    /// Nothing to decode, such as a seek command or colour information: skip it.
    #[error("an FLV tag without media")]
    NoMedia,
    /// Not a packet of the codec.
    #[error("unknown type of packet {0} in an FLV tag")]
    Packet(u8),
}

/// The body of a video tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VideoTag {
    /// An `AVCDecoderConfigurationRecord`: comes before the first picture and whenever the format changes.
    Config(Bytes),
    /// One picture.
    Picture {
        /// How much later it is shown than decoded, milliseconds; 24 bits are written.
        cts_ms: i32,
        /// Whether decoding can begin here.
        keyframe: bool,
        /// NAL units, each after its length, whose size the configuration tells.
        data: Bytes,
    },
    /// No picture follows until the next configuration.
    EndOfSequence,
}

/// The body of an audio tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AudioTag {
    /// The whole `AudioSpecificConfig`, with its extensions.
    Config(Bytes),
    /// One AAC frame without ADTS header.
    Frame(Bytes),
}

impl VideoTag {
    /// Reads a body; the parts are slices of it.
    ///
    /// # Errors
    /// When it is cut, of another codec, or has nothing to decode.
    pub fn parse(body: &Bytes) -> Result<VideoTag, FlvError> {
        let first = byte(body, 0)?;
        if first & 0x80 != 0 {
            return VideoTag::parse_enhanced(body, first);
        }
        let frame = first >> 4;
        if frame == FRAME_COMMAND {
            return Err(FlvError::NoMedia);
        }
        match first & 0x0f {
            CODEC_AVC => {}
            2 => return Err(FlvError::Codec("Sorenson H.263".into())),
            4 | 5 => return Err(FlvError::Codec("VP6".into())),
            12 => return Err(FlvError::Codec("HEVC".into())),
            other => return Err(FlvError::Codec(format!("video codec {other}"))),
        }
        match byte(body, 1)? {
            0 => Ok(VideoTag::Config(rest(body, 5)?)),
            1 => Ok(VideoTag::Picture {
                cts_ms: signed_24(body, 2)?,
                keyframe: frame == FRAME_KEY,
                data: rest(body, 5)?,
            }),
            2 => Ok(VideoTag::EndOfSequence),
            other => Err(FlvError::Packet(other)),
        }
    }

    fn parse_enhanced(body: &Bytes, first: u8) -> Result<VideoTag, FlvError> {
        let frame = first >> 4 & 0x07;
        let packet = first & 0x0f;
        if frame == FRAME_COMMAND {
            return Err(FlvError::NoMedia);
        }
        // Modifiers and several tracks come before the codec: nothing that sends one H.264 track uses them.
        if packet >= 6 {
            return Err(FlvError::Packet(packet));
        }
        need_codec(body, b"avc1")?;
        let keyframe = frame == FRAME_KEY;
        match packet {
            0 => Ok(VideoTag::Config(rest(body, 5)?)),
            1 => Ok(VideoTag::Picture { cts_ms: signed_24(body, 5)?, keyframe, data: rest(body, 8)? }),
            2 => Ok(VideoTag::EndOfSequence),
            3 => Ok(VideoTag::Picture { cts_ms: 0, keyframe, data: rest(body, 5)? }),
            4 => Err(FlvError::NoMedia),
            other => Err(FlvError::Packet(other)),
        }
    }

    /// The body, in the form that every server understands.
    pub fn write(&self) -> Bytes {
        match self {
            VideoTag::Config(avcc) => avc(FRAME_KEY, 0, 0, avcc),
            VideoTag::Picture { cts_ms, keyframe, data } => {
                avc(if *keyframe { FRAME_KEY } else { FRAME_INTER }, 1, *cts_ms, data)
            }
            VideoTag::EndOfSequence => avc(FRAME_KEY, 2, 0, &[]),
        }
    }
}

impl AudioTag {
    /// Reads a body; the parts are slices of it.
    ///
    /// # Errors
    /// When it is cut, of another codec, or has nothing to decode.
    pub fn parse(body: &Bytes) -> Result<AudioTag, FlvError> {
        let first = byte(body, 0)?;
        let (packet, data) = match first >> 4 {
            SOUND_AAC => (byte(body, 1)?, rest(body, 2)?),
            SOUND_ENHANCED => match first & 0x0f {
                packet @ (0 | 1) => {
                    need_codec(body, b"mp4a")?;
                    (packet, rest(body, 5)?)
                }
                2 | 4 => return Err(FlvError::NoMedia),
                other => return Err(FlvError::Packet(other)),
            },
            2 | 14 => return Err(FlvError::Codec("MP3".into())),
            11 => return Err(FlvError::Codec("Speex".into())),
            other => return Err(FlvError::Codec(format!("audio codec {other}"))),
        };
        match packet {
            0 => Ok(AudioTag::Config(data)),
            1 => Ok(AudioTag::Frame(data)),
            other => Err(FlvError::Packet(other)),
        }
    }

    /// The body, in the form that every server understands.
    pub fn write(&self) -> Bytes {
        let (packet, data) = match self {
            AudioTag::Config(asc) => (0, asc),
            AudioTag::Frame(data) => (1, data),
        };
        let mut out = BytesMut::with_capacity(2 + data.len());
        out.put_slice(&[AAC_HEADER, packet]);
        out.put_slice(data);
        out.freeze()
    }
}

fn avc(frame: u8, packet: u8, cts_ms: i32, data: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(5 + data.len());
    out.put_slice(&[frame << 4 | CODEC_AVC, packet]);
    out.put_slice(&cts_ms.to_be_bytes()[1..]);
    out.put_slice(data);
    out.freeze()
}

/// Enhanced RTMP names the codec by a FourCC in the second byte and on.
fn need_codec(body: &[u8], known: &[u8; 4]) -> Result<(), FlvError> {
    let code = body.get(1..5).ok_or(FlvError::Truncated)?;
    if code == known {
        return Ok(());
    }
    Err(FlvError::Codec(match code {
        b"hvc1" | b"hev1" => "HEVC".into(),
        b"av01" => "AV1".into(),
        b"vp09" => "VP9".into(),
        b"vp08" => "VP8".into(),
        b"Opus" => "Opus".into(),
        b"fLaC" => "FLAC".into(),
        b".mp3" => "MP3".into(),
        b"ac-3" | b"ec-3" => "AC-3".into(),
        other => format!("codec {}", other.escape_ascii()),
    }))
}

fn byte(body: &[u8], at: usize) -> Result<u8, FlvError> {
    body.get(at).copied().ok_or(FlvError::Truncated)
}

fn rest(body: &Bytes, from: usize) -> Result<Bytes, FlvError> {
    if body.len() < from {
        return Err(FlvError::Truncated);
    }
    Ok(body.slice(from..))
}

fn signed_24(body: &[u8], at: usize) -> Result<i32, FlvError> {
    let &[high, middle, low] = body.get(at..).and_then(<[u8]>::first_chunk).ok_or(FlvError::Truncated)?;
    Ok(i32::from_be_bytes([high, middle, low, 0]) >> 8)
}
