use super::*;
use bytes::BytesMut;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;

fn body(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

fn picture(cts_ms: i32, keyframe: bool) -> VideoTag {
    VideoTag::Picture { cts_ms, keyframe, data: body(&[0, 0, 0, 1, 9]) }
}

#[test]
fn bodies_are_those_of_the_specification() {
    assert_eq!(VideoTag::Config(body(&[1, 2])).write(), &[0x17, 0, 0, 0, 0, 1, 2][..]);
    assert_eq!(picture(-2, false).write(), &[0x27, 1, 0xff, 0xff, 0xfe, 0, 0, 0, 1, 9][..]);
    assert_eq!(picture(258, true).write(), &[0x17, 1, 0, 1, 2, 0, 0, 0, 1, 9][..]);
    assert_eq!(VideoTag::EndOfSequence.write(), &[0x17, 2, 0, 0, 0][..]);
    assert_eq!(AudioTag::Config(body(&[0x11, 0x90])).write(), &[0xaf, 0, 0x11, 0x90][..]);
    assert_eq!(AudioTag::Frame(body(&[7])).write(), &[0xaf, 1, 7][..]);
}

#[test]
fn what_is_written_is_read() {
    for tag in [VideoTag::Config(body(&[1, 2])), picture(-2, false), picture(8_388_607, true), VideoTag::EndOfSequence]
    {
        assert_eq!(VideoTag::parse(&tag.write()), Ok(tag));
    }
    for tag in [AudioTag::Config(body(&[0x11, 0x90, 0x56, 0xe5, 0])), AudioTag::Frame(body(&[]))] {
        assert_eq!(AudioTag::parse(&tag.write()), Ok(tag));
    }
}

#[test]
fn the_enhanced_form_of_the_same_codecs_is_read() {
    let enhanced = |first: u8, rest: &[u8]| VideoTag::parse(&body(&[&[first], &b"avc1"[..], rest].concat()));
    assert_eq!(enhanced(0x90, &[1, 2]), Ok(VideoTag::Config(body(&[1, 2]))));
    assert_eq!(enhanced(0x91, &[0, 0, 5, 0, 0, 0, 1, 9]), Ok(picture(5, true)));
    assert_eq!(enhanced(0xa3, &[0, 0, 0, 1, 9]), Ok(picture(0, false)));
    assert_eq!(enhanced(0x92, &[]), Ok(VideoTag::EndOfSequence));
    assert_eq!(enhanced(0x94, &[1]), Err(FlvError::NoMedia));
    assert_eq!(AudioTag::parse(&body(b"\x91mp4a\x07")), Ok(AudioTag::Frame(body(&[7]))));
}

#[test]
fn other_codecs_are_refused_by_name() {
    let video = |bytes: &[u8]| VideoTag::parse(&body(bytes)).unwrap_err().to_string();
    assert_eq!(video(b"\x90hvc1"), "HEVC is not supported: send H.264 video and AAC audio");
    assert_eq!(video(b"\x90av01"), "AV1 is not supported: send H.264 video and AAC audio");
    assert_eq!(video(b"\x90x\n\"\x00"), r#"codec x\n\"\x00 is not supported: send H.264 video and AAC audio"#);
    assert_eq!(video(&[0x1c, 0]), "HEVC is not supported: send H.264 video and AAC audio");
    let audio = |bytes: &[u8]| AudioTag::parse(&body(bytes)).unwrap_err().to_string();
    assert_eq!(audio(b"\x90Opus"), "Opus is not supported: send H.264 video and AAC audio");
    assert_eq!(audio(&[0x2f, 0]), "MP3 is not supported: send H.264 video and AAC audio");
}

#[test]
fn a_cut_body_is_an_error() {
    let whole = picture(1, true).write();
    for end in 0..5 {
        assert_eq!(VideoTag::parse(&whole.slice(..end)), Err(FlvError::Truncated));
    }
    assert_eq!(AudioTag::parse(&body(&[])), Err(FlvError::Truncated));
    assert_eq!(AudioTag::parse(&body(&[0xaf])), Err(FlvError::Truncated));
    assert_eq!(VideoTag::parse(&body(&[0x57, 0])), Err(FlvError::NoMedia));
}

#[test]
fn time_goes_on_where_32_bits_begin_again() {
    let mut timeline = Timeline::default();
    assert_eq!(timeline.unwrap(u32::MAX - 10), 4_294_967_285);
    assert_eq!(timeline.unwrap(u32::MAX), 4_294_967_295);
    assert_eq!(timeline.unwrap(20), 4_294_967_316);
    assert_eq!(timeline.unwrap(u32::MAX - 3), 4_294_967_292, "a step back across the edge");
    assert_eq!(timeline.peek(5), 4_294_967_301);
    for days in 0..200_u64 {
        let time = 4_294_967_316 + days * 86_400_000;
        assert_eq!(timeline.unwrap(time as u32), time);
    }
}

#[test]
fn a_start_below_zero_is_zero_and_a_long_way_forward_is_one() {
    let mut timeline = Timeline::default();
    assert_eq!(timeline.unwrap(0), 0);
    assert_eq!(timeline.unwrap(u32::MAX - 20), 0);
    assert_eq!(timeline.unwrap(23), 23);
    assert_eq!(timeline.unwrap(3_000_000_000), 3_000_000_000);
    assert_eq!(timeline.unwrap(3_000_000_040), 3_000_000_040);
}

fn tags() -> Vec<Tag> {
    vec![
        Tag { timestamp_ms: 0, kind: TagKind::Meta, body: body(&[2, 0, 1, b'x']) },
        Tag::video(u64::from(u32::MAX) - 90_000, &VideoTag::Config(body(&[1]))),
        Tag::video(u64::from(u32::MAX), &picture(0, true)),
        Tag::audio(u64::from(u32::MAX) + 21, &AudioTag::Frame(body(&[3; 500]))),
    ]
}

fn stream(tags: &[Tag]) -> BytesMut {
    let mut out = BytesMut::new();
    write_header(&mut out, true, true);
    for tag in tags {
        write_tag(&mut out, tag);
    }
    out
}

async fn read(bytes: &[u8]) -> Result<Vec<Tag>, FlvReadError> {
    let (mut sender, receiver) = tokio::io::duplex(7);
    let writing = async {
        sender.write_all(bytes).await.unwrap();
        drop(sender);
    };
    let reading = async {
        let mut reader = FlvReader::new(receiver);
        let mut found = Vec::new();
        while let Some(tag) = reader.next().await? {
            found.push(tag);
        }
        Ok(found)
    };
    // A reader that gives up lets the writer fail.
    tokio::select! {
        biased;
        read = reading => read,
        () = async { writing.await; std::future::pending().await } => unreachable!(),
    }
}

#[tokio::test]
async fn a_stream_is_read_as_it_was_written() {
    assert_eq!(read(&stream(&tags())).await.unwrap(), tags());
    assert_eq!(read(&stream(&[])).await.unwrap(), []);
}

#[tokio::test]
async fn a_stream_that_is_none_or_ends_too_early_is_an_error() {
    assert!(matches!(read(b"not flv").await, Err(FlvReadError::NotFlv)));
    assert!(matches!(read(b"").await, Err(FlvReadError::Truncated)));
    let whole = stream(&tags());
    assert!(matches!(read(&whole[..whole.len() - 20]).await, Err(FlvReadError::Truncated)));
    let mut huge = stream(&[]).to_vec();
    huge.extend_from_slice(&[9, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0]);
    assert!(matches!(read(&huge).await, Err(FlvReadError::TooLarge(0xff_ffff))));
}

proptest! {
    #[test]
    fn foreign_bytes_are_an_error_at_most(bytes: Vec<u8>) {
        let bytes = Bytes::from(bytes);
        let _ = VideoTag::parse(&bytes);
        let _ = AudioTag::parse(&bytes);
    }

    #[test]
    fn any_order_of_stamps_is_taken(stamps: Vec<u32>) {
        let mut timeline = Timeline::default();
        for stamp in stamps {
            let time = timeline.unwrap(stamp);
            prop_assert!(time as u32 == stamp || time == 0);
        }
    }
}
