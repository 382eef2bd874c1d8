//! Fragmented MP4 (ISO/IEC 14496-12) with one video and one audio track at most: an init segment that tells the formats,
//! then fragments of samples. HLS segments, recordings and the hand-over to ffmpeg are all made of it.
//!
//! Track 1 is video (H.264, a clock of 90 kHz), track 2 is audio (AAC or Opus, a clock of its sample rate). Pure.

use bytes::{BufMut, Bytes, BytesMut};
use mp4_atom::esds::{DecoderConfig, DecoderSpecific, EsDescriptor, SLConfig};
use mp4_atom::{
    Atom, Audio, Avc1, Avcc, Codec, Dinf, Dops, Dref, Encode, Esds, FourCC, Ftyp, Hdlr, Mdhd, Mdia, Mfhd, Minf, Moof,
    Moov, Mp4a, Mvex, Mvhd, Opus, Smhd, Stbl, Stco, Stsd, Tfdt, Tfhd, Tkhd, Traf, Trak, Trex, Trun, TrunEntry, Url,
    Visual, Vmhd,
};

#[cfg(test)]
mod tests;

/// Ticks a second of the video track.
pub const VIDEO_CLOCK_HZ: u32 = 90_000;
/// Ticks a second of an Opus track (RFC 7845: always).
pub const OPUS_CLOCK_HZ: u32 = 48_000;
/// The most bytes of samples in one fragment.
pub const FRAGMENT_BYTES_MAX: usize = 64 * 1024 * 1024;

const VIDEO_TRACK: u32 = 1;
const AUDIO_TRACK: u32 = 2;
/// `sample_depends_on` = 2: needs no other sample.
const FLAGS_SYNC: u32 = 0x0200_0000;
/// `sample_depends_on` = 1, `sample_is_non_sync_sample` = 1.
const FLAGS_DEPENDENT: u32 = 0x0101_0000;
const OBJECT_TYPE_AAC: u8 = 0x40;
const STREAM_TYPE_AUDIO: u8 = 0x05;

/// What the video track holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoFormat {
    /// Of the picture after cropping, pixels.
    pub width: u16,
    /// Of the picture after cropping, pixels.
    pub height: u16,
    /// An `AVCDecoderConfigurationRecord` (ISO/IEC 14496-15 §5.3.3.1).
    pub avcc: Bytes,
}

/// What the audio track holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AudioFormat {
    /// AAC without ADTS headers.
    Aac {
        /// The whole `AudioSpecificConfig` (ISO/IEC 14496-3), with extensions if it has any.
        asc: Bytes,
        /// Hz; the box has 16 bits for it, so above 65,535 it is written as 0 and players read it from `asc`.
        sample_rate: u32,
        /// 1 or more.
        channels: u8,
    },
    /// Opus packets as RTP carries them; 48 kHz.
    Opus {
        /// 1 or 2.
        channels: u8,
        /// Samples at 48 kHz that a decoder throws away at the start.
        pre_skip: u16,
    },
}

impl AudioFormat {
    /// Ticks a second of the track.
    pub fn clock_hz(&self) -> u32 {
        match self {
            AudioFormat::Aac { sample_rate, .. } => *sample_rate,
            AudioFormat::Opus { .. } => OPUS_CLOCK_HZ,
        }
    }
}

/// One picture or one audio frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// When it is decoded, ticks of the track's clock since the start of the timeline.
    pub dts: u64,
    /// How much later it is shown than decoded, ticks.
    pub cts: i32,
    /// Ticks until the next one.
    pub duration: u32,
    /// Whether decoding can begin here; always so for audio.
    pub keyframe: bool,
    /// H.264: NAL units, each after its length; audio: one raw frame.
    pub data: Bytes,
}

/// Why no MP4 could be written.
#[derive(Debug, thiserror::Error)]
pub enum Mp4Error {
    /// Neither video nor audio was given.
    #[error("there is nothing to write")]
    Empty,
    /// More than [`FRAGMENT_BYTES_MAX`].
    #[error("a fragment of {0} bytes is too large")]
    TooLarge(usize),
    /// A format that cannot be told, such as a broken decoder configuration.
    #[error("not a format that MP4 can tell: {0}")]
    Format(#[from] mp4_atom::Error),
}

/// `ftyp` and `moov`: what a player needs before the first fragment of these formats.
pub fn init_segment(video: Option<&VideoFormat>, audio: Option<&AudioFormat>) -> Result<Bytes, Mp4Error> {
    let mut trak = vec![];
    if let Some(video) = video {
        trak.push(video_track(video)?);
    }
    if let Some(audio) = audio {
        trak.push(audio_track(audio));
    }
    let Some(last) = trak.last() else { return Err(Mp4Error::Empty) };
    let trex =
        |track: &Trak| Trex { track_id: track.tkhd.track_id, default_sample_description_index: 1, ..Trex::default() };
    let moov = Moov {
        mvhd: Mvhd {
            timescale: 1_000,
            rate: 1.into(),
            volume: 1.into(),
            next_track_id: last.tkhd.track_id + 1,
            ..Mvhd::default()
        },
        mvex: Some(Mvex { mehd: None, trex: trak.iter().map(trex).collect() }),
        trak,
        ..Moov::default()
    };
    let brands: [&[u8; 4]; 4] = [b"iso6", b"cmfc", b"isom", b"mp41"];
    let ftyp = Ftyp {
        major_brand: FourCC::new(b"iso6"),
        minor_version: 0,
        compatible_brands: brands.map(FourCC::new).to_vec(),
    };
    let mut out = Vec::with_capacity(1_024);
    ftyp.encode(&mut out)?;
    moov.encode(&mut out)?;
    Ok(out.into())
}

fn video_track(format: &VideoFormat) -> Result<Trak, Mp4Error> {
    let avcc = Avcc::decode_body(&mut format.avcc.as_ref())?;
    let visual = Visual { data_reference_index: 1, width: format.width, height: format.height, ..Visual::default() };
    let mut trak = track(VIDEO_TRACK, VIDEO_CLOCK_HZ, b"vide", Avc1 { visual, avcc, ..Avc1::default() }.into());
    trak.tkhd.width = format.width.into();
    trak.tkhd.height = format.height.into();
    trak.mdia.minf.vmhd = Some(Vmhd::default());
    Ok(trak)
}

fn audio_track(format: &AudioFormat) -> Trak {
    let codec = match format {
        AudioFormat::Aac { asc, sample_rate, channels } => aac(asc, *sample_rate, *channels).into(),
        AudioFormat::Opus { channels, pre_skip } => Opus {
            audio: audio_entry(*channels, OPUS_CLOCK_HZ),
            dops: Dops {
                output_channel_count: *channels,
                pre_skip: *pre_skip,
                input_sample_rate: OPUS_CLOCK_HZ,
                output_gain: 0,
                channel_mapping: None,
            },
            btrt: None,
        }
        .into(),
    };
    let mut trak = track(AUDIO_TRACK, format.clock_hz(), b"soun", codec);
    trak.tkhd.volume = 1.into();
    trak.tkhd.alternate_group = 1;
    trak.mdia.minf.smhd = Some(Smhd::default());
    trak
}

fn aac(asc: &Bytes, sample_rate: u32, channels: u8) -> Mp4a {
    let config = DecoderConfig {
        object_type_indication: OBJECT_TYPE_AAC,
        stream_type: STREAM_TYPE_AUDIO,
        dec_specific: Some(DecoderSpecific { raw: asc.to_vec(), ..DecoderSpecific::default() }),
        ..DecoderConfig::default()
    };
    let es_desc = EsDescriptor {
        es_id: AUDIO_TRACK as u16,
        dec_config: config,
        sl_config: SLConfig::default(),
        ..EsDescriptor::default()
    };
    Mp4a { audio: audio_entry(channels, sample_rate), esds: Esds { es_desc }, btrt: None, taic: None }
}

fn audio_entry(channels: u8, sample_rate: u32) -> Audio {
    let rate = u16::try_from(sample_rate).unwrap_or(0);
    Audio { data_reference_index: 1, channel_count: channels.into(), sample_size: 16, sample_rate: rate.into() }
}

fn track(id: u32, timescale: u32, handler: &[u8; 4], codec: Codec) -> Trak {
    let data_is_here = Dinf { dref: Dref { entries: vec![Url::default().into()] } };
    let stbl = Stbl { stsd: Stsd { codecs: vec![codec] }, stco: Some(Stco::default()), ..Stbl::default() };
    Trak {
        tkhd: Tkhd { track_id: id, enabled: true, in_movie: true, ..Tkhd::default() },
        mdia: Mdia {
            mdhd: Mdhd { timescale, language: "und".into(), ..Mdhd::default() },
            hdlr: Hdlr { handler: FourCC::new(handler), name: String::new() },
            minf: Minf { dinf: data_is_here, stbl, ..Minf::default() },
        },
        ..Trak::default()
    }
}

/// `moof` and `mdat`: these samples, in the order of decoding. An empty slice leaves its track out.
///
/// `sequence` counts the fragments of a file from 1. Errors: both slices are empty, or too many bytes.
pub fn fragment(sequence: u32, video: &[Sample], audio: &[Sample]) -> Result<Bytes, Mp4Error> {
    if video.is_empty() && audio.is_empty() {
        return Err(Mp4Error::Empty);
    }
    let size = |samples: &[Sample]| samples.iter().map(|sample| sample.data.len()).sum::<usize>();
    let data = size(video) + size(audio);
    if data > FRAGMENT_BYTES_MAX {
        return Err(Mp4Error::TooLarge(data));
    }
    let mut moof = Moof { mfhd: Mfhd { sequence_number: sequence }, traf: vec![] };
    for (track, samples) in [(VIDEO_TRACK, video), (AUDIO_TRACK, audio)] {
        if let Some(first) = samples.first() {
            moof.traf.push(run(track, first.dts, samples));
        }
    }
    // Offsets count from the start of `moof`, whose size is known once it has been written.
    let mut head = Vec::with_capacity(128 + 16 * (video.len() + audio.len()));
    moof.encode(&mut head)?;
    let mut offset = head.len() + 8;
    let sizes = [video, audio].into_iter().filter(|samples| !samples.is_empty()).map(size);
    for (traf, size) in moof.traf.iter_mut().zip(sizes) {
        for trun in &mut traf.trun {
            trun.data_offset = Some(i32::try_from(offset).map_err(|_| Mp4Error::TooLarge(data))?);
        }
        offset += size;
    }
    head.clear();
    moof.encode(&mut head)?;
    let mut out = BytesMut::with_capacity(head.len() + 8 + data);
    out.put_slice(&head);
    out.put_u32(u32::try_from(data + 8).map_err(|_| Mp4Error::TooLarge(data))?);
    out.put_slice(b"mdat");
    for sample in video.iter().chain(audio) {
        out.put_slice(&sample.data);
    }
    Ok(out.freeze())
}

fn run(track_id: u32, base_media_decode_time: u64, samples: &[Sample]) -> Traf {
    let video = track_id == VIDEO_TRACK;
    let entry = |sample: &Sample| TrunEntry {
        duration: Some(sample.duration),
        // At most FRAGMENT_BYTES_MAX.
        size: Some(sample.data.len() as u32),
        flags: video.then_some(if sample.keyframe { FLAGS_SYNC } else { FLAGS_DEPENDENT }),
        cts: video.then_some(sample.cts.into()),
    };
    Traf {
        tfhd: Tfhd {
            track_id,
            default_sample_flags: (!video).then_some(FLAGS_SYNC),
            default_base_is_moof: true,
            ..Tfhd::default()
        },
        tfdt: Some(Tfdt { base_media_decode_time }),
        trun: vec![Trun { data_offset: Some(0), samples: samples.iter().map(entry).collect::<Vec<_>>().into() }],
        ..Traf::default()
    }
}
