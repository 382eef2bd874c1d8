use mp4_atom::{Decode, Moof};
use proptest::prelude::*;

use super::*;
use crate::origin::hls::format::{audio_format, video_format};

/// Of x264: constrained baseline, level 3.1, 1280x720.
const AVCC: &[u8] = &[
    1, 0x42, 0xc0, 0x1f, 0xff, 0xe1, 0, 9, 0x67, 0x42, 0xc0, 0x1f, 0xda, 1, 0x40, 0x16, 0xe9, 1, 0, 4, 0x68, 0xce,
    0x3c, 0x80,
];
/// AAC-LC, 48 kHz, stereo, as ffmpeg writes it.
const ASC: &[u8] = &[0x11, 0x90, 0x56, 0xe5, 0x00];
/// When the first picture was captured, µs.
const WALL_US: i64 = 1_790_000_000_000_000;

fn packager() -> Packager {
    let mut packager = Packager::new(Cut::default(), Resume::default());
    packager.video_format(video_format(Bytes::from_static(AVCC)).unwrap()).unwrap();
    packager.audio_format(audio_format(Bytes::from_static(ASC)).unwrap()).unwrap();
    packager
}

fn picture(dts_us: i64, keyframe: bool) -> Picture {
    Picture { dts_us, cts_us: 0, keyframe, data: Bytes::from_static(b"picture") }
}

fn sound(pts_us: i64) -> Sound {
    Sound { pts_us, data: Bytes::from_static(b"sound") }
}

/// Pictures at 30 a second with FLV's whole milliseconds, and sound beside them, for `frames` pictures.
fn feed(packager: &mut Packager, from_ms: i64, frames: i64, gop: i64) -> Vec<Output> {
    let mut out = vec![];
    let mut heard = 0;
    for frame in 0..frames {
        let ms = frame * 1_000 / 30;
        while heard * 1_024 * 1_000 / 48_000 <= ms {
            out.extend(packager.audio(sound((from_ms + heard * 1_024 * 1_000 / 48_000) * 1_000)).unwrap());
            heard += 1;
        }
        out.extend(packager.video(picture((from_ms + ms) * 1_000, frame % gop == 0)).unwrap());
    }
    out
}

/// A segment as it came out, and the samples in it: dts and duration of each track, in the track's clock.
#[derive(Debug)]
struct Seen {
    opened: Opened,
    parts: Vec<(u64, bool)>,
    closed: u64,
    video: Vec<(u64, u64)>,
    audio: Vec<(u64, u64)>,
}

/// Checks the order of the outputs, and reads their boxes.
fn read(outputs: &[Output]) -> Vec<Seen> {
    let (mut seen, mut open, mut init) = (vec![], None::<Seen>, None);
    for output in outputs {
        match output {
            Output::Init(new) => {
                assert!(open.is_none(), "an init segment comes between segments");
                init = Some(new.number);
            }
            Output::Opened(opened) => {
                assert!(open.is_none() && Some(opened.init) == init);
                open = Some(Seen { opened: *opened, parts: vec![], closed: 0, video: vec![], audio: vec![] });
            }
            Output::Part(part) => {
                let open = open.as_mut().expect("a part belongs to a segment");
                open.parts.push((part.duration, part.independent));
                let moof = Moof::decode(&mut part.data.as_ref()).unwrap();
                for traf in &moof.traf {
                    let mut dts = traf.tfdt.as_ref().unwrap().base_media_decode_time;
                    let track = if traf.tfhd.track_id == 1 { &mut open.video } else { &mut open.audio };
                    for entry in traf.trun[0].samples.iter() {
                        let duration = u64::from(entry.duration.unwrap());
                        track.push((dts, duration));
                        dts += duration;
                    }
                }
            }
            Output::Closed(duration) => {
                let mut whole = open.take().expect("what closes was open");
                whole.closed = *duration;
                seen.push(whole);
            }
        }
    }
    assert!(open.is_none(), "everything is closed at the end");
    seen
}

/// What holds for every stream.
fn check(seen: &[Seen]) {
    for (index, segment) in seen.iter().enumerate() {
        assert_eq!(segment.parts.iter().map(|part| part.0).sum::<u64>(), segment.closed, "parts sum to their segment");
        assert_eq!(segment.opened.msn, index as u64);
        assert!(!segment.parts.is_empty() && segment.parts.iter().all(|part| part.0 > 0));
        if let Some(first) = segment.video.first() {
            assert_eq!(first.0, segment.opened.start);
            assert_eq!(segment.video.iter().map(|sample| sample.1).sum::<u64>(), segment.closed, "durations are exact");
        }
    }
    for pair in seen.windows(2) {
        assert!(pair[1].opened.captured_us > pair[0].opened.captured_us, "times of capture only grow");
        let end = pair[0].opened.start + pair[0].closed;
        if pair[1].opened.discontinuity {
            assert!(pair[1].opened.start >= end);
        } else {
            assert_eq!(pair[1].opened.start, end, "segments follow each other without a gap");
        }
    }
    for track in [|seen: &Seen| seen.video.clone(), |seen: &Seen| seen.audio.clone()] {
        let samples: Vec<_> = seen.iter().flat_map(track).collect();
        assert!(samples.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "samples do not overlap");
    }
}

#[test]
fn segments_end_at_the_keyframe_and_parts_last_200_ms() {
    let mut packager = packager();
    packager.captured(5_000_000, WALL_US);
    let mut out = feed(&mut packager, 5_000, 91, 30);
    out.extend(packager.finish().unwrap());
    let seen = read(&out);
    check(&seen);
    assert_eq!(seen.len(), 4, "three whole seconds and the last picture");
    for (second, segment) in seen.iter().take(3).enumerate() {
        assert_eq!((segment.closed, segment.opened.start), (90_000, second as u64 * 90_000));
        assert_eq!(segment.parts.iter().map(|part| part.0).collect::<Vec<_>>(), [18_000; 5]);
        assert_eq!(segment.parts.iter().map(|part| part.1).collect::<Vec<_>>(), [true, false, false, false, false]);
        assert_eq!(segment.opened.captured_us, WALL_US + second as i64 * 1_000_000);
        assert!(segment.opened.independent && !segment.opened.discontinuity);
    }
    let audio: Vec<_> = seen.iter().flat_map(|segment| segment.audio.clone()).collect();
    assert_eq!(audio.first(), Some(&(0, 1_024)));
    assert!(audio.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1_024), "sound follows its count of samples");
}

#[test]
fn without_a_keyframe_parts_go_on_and_the_segment_ends_at_10_s() {
    let mut packager = packager();
    let mut out = feed(&mut packager, 0, 400, 1_000);
    out.extend(packager.finish().unwrap());
    let seen = read(&out);
    check(&seen);
    assert_eq!(seen.len(), 2);
    assert_eq!((seen[0].closed, seen[0].parts.len()), (900_000, 50));
    assert!(!seen[1].opened.independent && !seen[1].opened.discontinuity);
    assert!(seen[0].parts.iter().all(|part| (17_900..=18_100).contains(&part.0)));
}

#[test]
fn another_picture_format_begins_a_discontinuity_with_a_new_init_segment() {
    let mut packager = packager();
    let mut out = feed(&mut packager, 0, 45, 30);
    let mut other = AVCC.to_vec();
    other[3] = 0x20;
    other[11] = 0x20;
    out.extend(packager.video_format(video_format(other.into()).unwrap()).unwrap());
    assert!(packager.video(picture(1_500_000, false)).unwrap().is_empty(), "it waits for a keyframe");
    out.extend(feed(&mut packager, 1_533, 31, 30));
    out.extend(packager.finish().unwrap());
    let seen = read(&out);
    check(&seen);
    let marks: Vec<_> = seen.iter().map(|one| (one.opened.init, one.opened.discontinuity)).collect();
    assert_eq!(marks, [(0, false), (0, false), (1, true), (1, false)]);
}

#[test]
fn another_sound_format_is_heard_from_the_next_keyframe_on() {
    let mut packager = packager();
    let mut out = feed(&mut packager, 0, 45, 30);
    out.extend(packager.audio_format(audio_format(Bytes::from_static(&[0x12, 0x10])).unwrap()).unwrap());
    out.extend(feed(&mut packager, 1_500, 31, 30));
    out.extend(packager.finish().unwrap());
    let seen = read(&out);
    check(&seen[..2]);
    assert_eq!(seen.iter().map(|one| one.opened.init).collect::<Vec<_>>(), [0, 0, 1, 1]);
}

#[test]
fn what_was_cut_off_goes_on_behind_a_discontinuity() {
    let resume = Resume { msn: 7, init: 2, end: 630_000, captured_us: WALL_US };
    let mut packager = Packager::new(Cut::default(), resume);
    packager.video_format(video_format(Bytes::from_static(AVCC)).unwrap()).unwrap();
    let mut out = feed(&mut packager, 0, 31, 30);
    out.extend(packager.finish().unwrap());
    let Some(Output::Opened(first)) = out.get(1) else { panic!("no segment: {out:?}") };
    assert_eq!((first.msn, first.init, first.start, first.discontinuity), (7, 2, 630_000, true));
    assert!(first.captured_us >= WALL_US);
    let Some(Output::Init(init)) = out.first() else { panic!("no init segment") };
    assert_eq!((init.number, init.tracks.codecs.as_str()), (2, "avc1.42c01f"));
}

#[test]
fn a_jump_of_the_stamps_begins_a_discontinuity() {
    for jump_ms in [-60_000, 60_000] {
        let mut packager = packager();
        let mut out = feed(&mut packager, 100_000, 40, 30);
        out.extend(feed(&mut packager, 100_000 + jump_ms, 31, 30));
        out.extend(packager.finish().unwrap());
        let seen = read(&out);
        assert_eq!(seen.iter().filter(|one| one.opened.discontinuity).count(), 1, "{jump_ms}");
    }
}

#[test]
fn sound_alone_is_packaged_too() {
    let mut packager = Packager::new(Cut::default(), Resume::default());
    packager.audio_format(audio_format(Bytes::from_static(ASC)).unwrap()).unwrap();
    let mut out = vec![];
    for frame in 0..200 {
        out.extend(packager.audio(sound(frame * 1_024 * 1_000 / 48 / 1_000 * 1_000)).unwrap());
    }
    out.extend(packager.finish().unwrap());
    let seen = read(&out);
    check(&seen);
    assert!(seen.len() >= 4);
    assert_eq!(seen.iter().map(|segment| segment.audio.len()).sum::<usize>(), 200);
    let Some(Output::Init(init)) = out.first() else { panic!("no init segment") };
    assert_eq!((init.tracks.codecs.as_str(), init.tracks.resolution), ("mp4a.40.2", None));
}

#[test]
fn sound_that_drifts_is_set_right_beyond_50_ms() {
    let mut clock = sound::SoundClock::new(48_000, 1_024);
    assert_eq!(clock.place(-5, 0), None, "before the beginning");
    assert_eq!(clock.place(0, 0), Some(0));
    assert_eq!(clock.place(1_000, 0), Some(1_024), "rounded stamps do not matter");
    assert_eq!(clock.place(2_048 + 2_400, 0), Some(2_048));
    assert_eq!(clock.place(3_072 + 2_401, 0), Some(5_473), "a gap");
    assert_eq!(clock.place(6_497 - 2_401, 0), None, "too late to be heard");
    assert_eq!(clock.place(6_497, 0), Some(6_497));
}

#[test]
fn nothing_comes_before_a_keyframe_or_without_a_format() {
    let mut packager = Packager::new(Cut::default(), Resume::default());
    assert!(packager.video(picture(0, true)).unwrap().is_empty());
    packager.video_format(video_format(Bytes::from_static(AVCC)).unwrap()).unwrap();
    assert!(packager.video(picture(0, false)).unwrap().is_empty());
    assert!(packager.finish().unwrap().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Pictures of any pace and any order of keyframes, sound that jitters and stalls, breaks between.
    #[test]
    fn any_stream_is_cut_without_gap_or_overlap(
        start_ms in 0_i64..10_000_000,
        pictures in proptest::collection::vec((0_i64..120, 0_u8..20, 0_i64..40, 0_i64..90), 2..400),
        breaks in proptest::collection::vec(0_usize..400, 0..4),
    ) {
        let mut packager = packager();
        packager.captured(start_ms * 1_000, WALL_US);
        let (mut at_ms, mut sound_ms, mut fed) = (start_ms, start_ms, 0);
        let mut out = vec![];
        for (index, (step, key, sound_step, cts_ms)) in pictures.iter().enumerate() {
            if breaks.contains(&index) {
                out.extend(packager.discontinuity().unwrap());
                packager.video_format(video_format(Bytes::from_static(AVCC)).unwrap()).unwrap();
                packager.audio_format(audio_format(Bytes::from_static(ASC)).unwrap()).unwrap();
                packager.captured(at_ms * 1_000, WALL_US + (at_ms - start_ms) * 1_000);
            }
            out.extend(packager.audio(sound(sound_ms * 1_000)).unwrap());
            let cts_us = i32::try_from(cts_ms * 1_000).unwrap();
            out.extend(packager.video(Picture { cts_us, ..picture(at_ms * 1_000, *key == 0) }).unwrap());
            fed += 1;
            at_ms += step;
            sound_ms += sound_step;
        }
        out.extend(packager.finish().unwrap());
        let seen = read(&out);
        check(&seen);
        prop_assert!(seen.iter().map(|segment| segment.video.len()).sum::<usize>() <= fed);
        for segment in &seen {
            prop_assert!(segment.closed <= 900_000 + 120 * 90);
        }
    }

    #[test]
    fn any_stamps_are_survived(stamps in proptest::collection::vec((any::<i64>(), any::<i32>(), any::<bool>()), 1..60)) {
        let mut packager = packager();
        packager.captured(0, WALL_US);
        for (us, cts_us, keyframe) in stamps {
            packager.video(Picture { cts_us, ..picture(us, keyframe) }).unwrap();
            packager.audio(sound(us)).unwrap();
        }
        packager.finish().unwrap();
    }
}
