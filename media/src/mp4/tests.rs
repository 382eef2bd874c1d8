use super::*;
use mp4_atom::{Decode, Header, ReadFrom};
use proptest::prelude::*;

/// Of x264: constrained baseline, level 3.1.
const AVCC: &[u8] = &[
    1, 0x42, 0xc0, 0x1f, 0xff, 0xe1, 0, 9, 0x67, 0x42, 0xc0, 0x1f, 0xda, 1, 0x40, 0x16, 0xe9, 1, 0, 4, 0x68, 0xce,
    0x3c, 0x80,
];

fn video() -> VideoFormat {
    VideoFormat { width: 1280, height: 720, avcc: Bytes::from_static(AVCC) }
}

fn opus() -> AudioFormat {
    AudioFormat::Opus { channels: 2, pre_skip: 312 }
}

fn sample(dts: u64, keyframe: bool, data: &'static [u8]) -> Sample {
    Sample { dts, cts: 0, duration: 3_000, keyframe, data: Bytes::from_static(data) }
}

/// Kinds of the boxes and the bytes of each after its header.
fn boxes(mut bytes: &[u8]) -> Vec<(String, usize)> {
    let mut found = vec![];
    while !bytes.is_empty() {
        let header = Header::decode(&mut bytes).unwrap();
        let size = header.size.unwrap();
        found.push((header.kind.to_string(), size));
        bytes = &bytes[size..];
    }
    found
}

fn moof_of(bytes: &Bytes) -> Moof {
    Moof::decode(&mut bytes.as_ref()).unwrap()
}

#[test]
fn an_init_segment_tells_both_formats() {
    let bytes = init_segment(Some(&video()), Some(&opus())).unwrap();
    assert_eq!(boxes(&bytes).into_iter().map(|(kind, _)| kind).collect::<Vec<_>>(), ["ftyp", "moov"]);
    let mut reader = bytes.as_ref();
    Ftyp::read_from(&mut reader).unwrap();
    let moov = Moov::read_from(&mut reader).unwrap();
    let clocks: Vec<_> = moov.trak.iter().map(|trak| (trak.tkhd.track_id, trak.mdia.mdhd.timescale)).collect();
    assert_eq!(clocks, [(1, 90_000), (2, 48_000)]);
    let Codec::Avc1(avc1) = &moov.trak[0].mdia.minf.stbl.stsd.codecs[0] else { panic!("no avc1") };
    assert_eq!((avc1.visual.width, avc1.avcc.avc_profile_indication), (1280, 0x42));
    let Codec::Opus(opus) = &moov.trak[1].mdia.minf.stbl.stsd.codecs[0] else { panic!("no Opus") };
    assert_eq!(opus.dops.pre_skip, 312);
}

#[test]
fn an_aac_configuration_is_kept_whole() {
    let asc = Bytes::from_static(&[0x11, 0x90, 0x56, 0xe5, 0x00]);
    let aac = AudioFormat::Aac { asc: asc.clone(), sample_rate: 48_000, channels: 2 };
    let bytes = init_segment(None, Some(&aac)).unwrap();
    assert!(bytes.windows(asc.len()).any(|window| window == asc));
    assert!(!bytes.windows(4).any(|window| window == b"avc1"));
}

#[test]
fn a_fragment_points_at_its_samples() {
    let pictures = [sample(9_000, true, b"key"), sample(12_000, false, b"delta")];
    let frames = [sample(4_800, true, b"sound")];
    let bytes = fragment(7, &pictures, &frames).unwrap();
    let moof = moof_of(&bytes);
    assert_eq!(moof.mfhd.sequence_number, 7);
    let starts: Vec<_> = moof.traf.iter().map(|traf| traf.tfdt.clone().unwrap().base_media_decode_time).collect();
    assert_eq!(starts, [9_000, 4_800]);
    let at = |traf: usize| moof.traf[traf].trun[0].data_offset.unwrap() as usize;
    assert_eq!(&bytes[at(0)..at(0) + 8], b"keydelta");
    assert_eq!(&bytes[at(1)..], b"sound");
    let flags: Vec<_> = moof.traf[0].trun[0].samples.iter().map(|entry| entry.flags.unwrap()).collect();
    assert_eq!(flags, [FLAGS_SYNC, FLAGS_DEPENDENT]);
}

#[test]
fn a_track_without_samples_is_left_out() {
    let moof = moof_of(&fragment(1, &[], &[sample(0, true, b"sound")]).unwrap());
    assert_eq!(moof.traf.iter().map(|traf| traf.tfhd.track_id).collect::<Vec<_>>(), [2]);
    assert!(matches!(fragment(1, &[], &[]), Err(Mp4Error::Empty)));
    assert!(matches!(init_segment(None, None), Err(Mp4Error::Empty)));
}

#[test]
fn an_empty_sample_does_not_shift_the_others() {
    let bytes = fragment(1, &[sample(0, true, b"")], &[sample(0, true, b"sound")]).unwrap();
    let moof = moof_of(&bytes);
    let at = moof.traf[1].trun[0].data_offset.unwrap() as usize;
    assert_eq!(&bytes[at..], b"sound");
}

#[test]
fn a_broken_decoder_configuration_is_refused() {
    for avcc in [&[][..], &[2, 0, 0], &AVCC[..10]] {
        let format = VideoFormat { avcc: Bytes::copy_from_slice(avcc), ..video() };
        assert!(matches!(init_segment(Some(&format), None), Err(Mp4Error::Format(_))));
    }
}

proptest! {
    #[test]
    fn any_decoder_configuration_is_taken_or_refused(avcc in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = init_segment(Some(&VideoFormat { avcc: avcc.into(), ..video() }), None);
    }

    #[test]
    fn all_bytes_of_all_samples_are_in_the_fragment(sizes in proptest::collection::vec(0_usize..500, 1..40), cts in any::<i32>()) {
        let samples: Vec<_> = sizes.iter().enumerate().map(|(n, size)| Sample {
            dts: n as u64 * 3_000, cts, duration: 3_000, keyframe: n == 0, data: vec![n as u8; *size].into(),
        }).collect();
        let bytes = fragment(1, &samples, &samples).unwrap();
        let found = boxes(&bytes);
        prop_assert_eq!(8 + found[0].1 + 8 + found[1].1, bytes.len());
        prop_assert_eq!(found[1].1, 2 * sizes.iter().sum::<usize>());
    }
}
