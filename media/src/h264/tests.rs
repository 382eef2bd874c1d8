use super::*;
use proptest::prelude::*;

/// Sequence parameter sets as x264 writes them.
const SETS: [(&str, u8, (u16, u16)); 6] = [
    ("6742c016d900a02ff970110000030001000003001e0f162e48", 66, (640, 360)),
    ("6764001facd9405005bb0110000003001000000301e0f1831960", 100, (1280, 720)),
    ("674d4028eca03c0113f2e0220000030002000003003c1e30632c", 77, (1920, 1080)),
    ("6742c00ad902c4ec0440000003004000000783c48992", 66, (176, 144)),
    ("677a000cbcd941419f8dc044000003000400000300783c50a658", 122, (320, 180)),
    ("67f4000c919b282a33c7c5e0220000030002000003003c1e28532c", 244, (322, 182)),
];
const PPS: &str = "68cb83cb20";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn annex_b(nals: &[&[u8]]) -> Vec<u8> {
    nals.iter().flat_map(|nal| [&[0, 0, 0, 1], *nal].concat()).collect()
}

#[test]
fn the_size_is_that_of_the_picture_shown() {
    for (hex, profile, size) in &SETS {
        let sps = Sps::parse(&bytes(hex)).unwrap();
        assert_eq!((sps.profile, (sps.width, sps.height)), (*profile, *size), "{hex}");
    }
}

#[test]
fn units_are_found_behind_long_and_short_start_codes() {
    let data = [&[0xff, 0, 0, 1, 9, 0x10, 0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 0, 0, 0, 0, 1, 0x65, 3][..]].concat();
    let found: Vec<&[u8]> = nals(&data).collect();
    assert_eq!(found, [&[9, 0x10][..], &[0x67, 1], &[0x68, 2], &[0x65, 3]]);
    assert_eq!(nals(&[]).count(), 0);
    assert_eq!(nals(&[0, 0, 1]).count(), 0);
    assert_eq!(nals(&[0, 0, 1, 0, 0, 1, 5]).collect::<Vec<_>>(), [&[5][..]]);
}

#[test]
fn a_sample_has_the_picture_and_not_the_sets() {
    let (sps, pps) = (bytes(SETS[0].0), bytes(PPS));
    let unit = annex_b(&[&[9, 0x10], &sps, &pps, &[6, 1, 2], &[0x65, 7, 8], &[12, 0xff]]);
    assert!(is_keyframe(&unit));
    assert_eq!(&to_length_prefixed(&unit)[..], [0, 0, 0, 3, 6, 1, 2, 0, 0, 0, 3, 0x65, 7, 8]);
    let sets = ParameterSets::of(&unit).unwrap();
    assert_eq!((&sets.sps[..], &sets.pps[0][..]), (&sps[..], &pps[..]));
    let slice = annex_b(&[&[0x41, 1]]);
    assert!(!is_keyframe(&slice) && ParameterSets::of(&slice).is_none());
    assert!(to_length_prefixed(&annex_b(&[&sps, &pps])).is_empty());
}

#[test]
fn the_decoder_record_is_laid_out_as_the_standard_says() {
    let (sps, pps) = (bytes(SETS[0].0), bytes(PPS));
    let record = avcc(&sps, &[&pps]);
    assert_eq!(&record[..8], [1, 0x42, 0xc0, 0x16, 0xff, 0xe1, 0, sps.len() as u8]);
    assert_eq!(&record[8 + sps.len()..], [&[1, 0, pps.len() as u8][..], &pps].concat());
    let high = avcc(&bytes(SETS[1].0), &[&pps]);
    assert_eq!(&high[high.len() - 4..], [0xfd, 0xf8, 0xf8, 0]);
}

#[test]
fn a_stream_is_cut_where_pictures_begin() {
    let (sps, pps) = (bytes(SETS[0].0), bytes(PPS));
    let first = annex_b(&[&[9, 0x10], &sps, &pps, &[0x65, 0x88, 1], &[0x65, 0x48, 2]]);
    let second = annex_b(&[&[0x41, 0x9a, 1], &[0x41, 0x4a, 1]]);
    let third = annex_b(&[&[6, 5], &[0x41, 0x9a, 2]]);
    let stream = [&first[..], &second, &third].concat();
    let found: Vec<&[u8]> = access_units(&stream).map(|range| &stream[range]).collect();
    assert_eq!(found, [&first[..], &second, &third]);
    assert_eq!(access_units(&[1, 2, 3]).count(), 0);
}

#[test]
fn a_codec_is_named_as_browsers_want_it() {
    assert_eq!(Sps::parse(&bytes(SETS[0].0)).unwrap().codec(), "avc1.42c016");
}

#[test]
fn a_broken_set_is_an_error() {
    assert_eq!(Sps::parse(&[]), Err(SpsError::OtherKind));
    assert_eq!(Sps::parse(&bytes(PPS)), Err(SpsError::OtherKind));
    assert_eq!(Sps::parse(&[0x67]), Err(SpsError::Broken));
    assert_eq!(Sps::parse(&bytes(SETS[1].0)[..6]), Err(SpsError::Broken));
}

proptest! {
    #[test]
    fn foreign_bytes_never_panic(data in proptest::collection::vec(any::<u8>(), 0..400)) {
        for nal in nals(&data) {
            prop_assert!(!nal.is_empty());
            let _ = NalKind::of(nal);
        }
        let _ = (access_units(&data).count(), is_keyframe(&data), to_length_prefixed(&data), Sps::parse(&data));
        if let Some(sets) = ParameterSets::of(&data) {
            let _ = (sets.parse(), sets.avcc());
        }
        let _ = avcc(&data, &[&data, &[]]);
    }

    #[test]
    fn a_set_with_changed_bytes_never_panics(
        which in 0..6usize,
        changes in proptest::collection::vec((0..26usize, any::<u8>()), 1..6),
        cut in 0..30usize,
    ) {
        let mut sps = bytes(SETS[which].0);
        for (at, value) in changes {
            if at > 0 && at < sps.len() {
                sps[at] = value;
            }
        }
        if let Ok(read) = Sps::parse(&sps) {
            prop_assert!(read.width > 0 && read.height > 0);
        }
        sps.truncate(cut);
        let _ = Sps::parse(&sps);
    }

    #[test]
    fn what_is_put_behind_start_codes_is_found_again(
        units in proptest::collection::vec(proptest::collection::vec(1..=255u8, 1..40), 1..10),
    ) {
        let slices: Vec<&[u8]> = units.iter().map(Vec::as_slice).collect();
        let stream = annex_b(&slices);
        prop_assert_eq!(nals(&stream).collect::<Vec<_>>(), slices);
    }
}
