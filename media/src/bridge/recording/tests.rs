use super::*;
use std::sync::Arc;

use super::journal::gaps;
use crate::bridge::opus;
use crate::bridge::unit::Picture;
use crate::h264::{Flat, to_length_prefixed};
use bytes::Bytes;
use proptest::prelude::*;

const BEGIN_US: i64 = 1_700_000_000_000_000;

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let path = std::env::temp_dir().join(format!("backstage-recording-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Units of a show in this size, from and until these milliseconds.
fn show(size: (u16, u16), from_ms: i64, until_ms: i64, filler: [Option<Cause>; 2]) -> Vec<Unit> {
    let flat = Flat::new(size.0, size.1).unwrap();
    let picture = Arc::new(Picture::of(flat.sets().clone()).unwrap());
    let mut units = vec![];
    for ms in (from_ms..until_ms).step_by(20) {
        let at_us = ms * 1_000;
        let captured_us = BEGIN_US + at_us;
        if ms % 40 == 0 {
            let nth = (ms - from_ms) / 40;
            let keyframe = nth % 25 == 0;
            let data = if keyframe { flat.keyframe(nth as u32 / 25) } else { flat.repetition(nth as u32 % 25) };
            units.push(Unit {
                kind: Kind::Video,
                at_us,
                duration_us: 0,
                captured_us,
                keyframe,
                filler: filler[0],
                data: to_length_prefixed(&data),
                picture: Some(picture.clone()),
            });
        }
        units.push(Unit {
            kind: Kind::Audio,
            at_us,
            duration_us: 20_000,
            captured_us,
            keyframe: true,
            filler: filler[1],
            data: Bytes::from_static(opus::SILENCE),
            picture: None,
        });
    }
    units
}

const NONE: [Option<Cause>; 2] = [None, None];

#[test]
fn a_show_without_a_break_is_one_part() {
    let folder = Folder::new();
    let mut recorder = Recorder::open(&folder.0).unwrap();
    recorder.write(show((320, 180), 0, 5_000, NONE)).unwrap();
    let figures = recorder.close().unwrap();
    assert_eq!((figures.parts, figures.recording), (1, false));
    assert!((4_980_000..=5_020_000).contains(&figures.duration_us), "{}", figures.duration_us);
    let parts = parts(&folder.0).unwrap();
    assert_eq!((parts.len(), parts[0].captured_us, parts[0].cause), (1, BEGIN_US, None));
    assert_eq!(std::fs::metadata(folder.0.join(part_file(1))).unwrap().len(), figures.bytes);
}

#[test]
fn another_format_is_another_part() {
    let folder = Folder::new();
    let mut recorder = Recorder::open(&folder.0).unwrap();
    recorder.write(show((320, 180), 0, 2_000, NONE)).unwrap();
    recorder.write(show((640, 360), 2_000, 4_000, NONE)).unwrap();
    recorder.close().unwrap();
    let parts = parts(&folder.0).unwrap();
    let sizes: Vec<_> = parts.iter().map(|part| (part.width, part.height, part.cause)).collect();
    assert_eq!(sizes, [(320, 180, Some(Cause::Format)), (640, 360, None)]);
    assert_eq!(gaps(&parts)[0].duration_us, 0);
    for part in &parts {
        assert!((1_950_000..=2_040_000).contains(&part.duration_us.unwrap()), "{part:?}");
    }
}

#[test]
fn a_muted_camera_is_recorded_as_flat_pictures_and_noted() {
    let folder = Folder::new();
    let mut recorder = Recorder::open(&folder.0).unwrap();
    recorder.write(show((320, 180), 0, 2_000, NONE)).unwrap();
    recorder.write(show((320, 180), 2_000, 5_000, [Some(Cause::Muted), None])).unwrap();
    recorder.write(show((320, 180), 5_000, 6_000, NONE)).unwrap();
    recorder.close().unwrap();
    let parts = parts(&folder.0).unwrap();
    assert_eq!(parts.len(), 1);
    assert_eq!(parts[0].filled, [(journal::Filled::Video, 2_000_000, 3_000_000, Cause::Muted)]);
}

#[test]
fn time_in_which_nothing_is_received_is_not_recorded() {
    let folder = Folder::new();
    let mut recorder = Recorder::open(&folder.0).unwrap();
    recorder.write(show((320, 180), 0, 2_000, NONE)).unwrap();
    recorder.write(show((320, 180), 2_000, 12_000, [Some(Cause::Reconnecting), Some(Cause::Reconnecting)])).unwrap();
    recorder.write(show((320, 180), 12_000, 14_000, NONE)).unwrap();
    recorder.close().unwrap();
    let parts = parts(&folder.0).unwrap();
    assert_eq!(parts.len(), 2);
    let gap = gaps(&parts)[0];
    assert_eq!(gap.cause, Cause::Reconnecting);
    assert!((9_900_000..=10_050_000).contains(&gap.duration_us), "{gap:?}");
    let total_us: i64 = parts.iter().filter_map(|part| part.duration_us).sum();
    assert!((3_900_000..=4_100_000).contains(&total_us), "{total_us}");
}

#[test]
fn a_camera_that_comes_a_moment_after_the_sound_does_not_begin_with_flat_pictures() {
    let gap = Some(Cause::NoTrack);
    // Flat pictures begin with a keyframe of theirs as well: that of 13 s.
    for (camera_ms, parts_max, dark_ms) in [(12_600, 2, 0), (16_000, 3, 3_000)] {
        let folder = Folder::new();
        let mut recorder = Recorder::open(&folder.0).unwrap();
        recorder.write(show((320, 180), 0, 2_000, NONE)).unwrap();
        recorder.write(show((320, 180), 2_000, 12_000, [gap, gap])).unwrap();
        recorder.write(show((320, 180), 12_000, camera_ms, [gap, None])).unwrap();
        recorder.write(show((640, 360), camera_ms, camera_ms + 2_000, NONE)).unwrap();
        recorder.close().unwrap();
        let parts = parts(&folder.0).unwrap();
        assert_eq!(parts.len(), parts_max, "{parts:?}");
        let total_ms = parts.iter().filter_map(|part| part.duration_us).sum::<i64>() / 1_000;
        assert!((total_ms - 4_000 - dark_ms).abs() < 150, "{total_ms}");
    }
}

#[test]
fn a_folder_has_one_recorder_at_a_time() {
    let folder = Folder::new();
    let recorder = Recorder::open(&folder.0).unwrap();
    assert!(matches!(Recorder::open(&folder.0), Err(RecordingError::Busy)));
    assert!(matches!(parts(&folder.0), Err(RecordingError::Busy)));
    drop(recorder);
    Recorder::open(&folder.0).unwrap();
}

#[test]
fn a_torn_tail_is_cut_off_and_the_show_goes_on_in_a_part_of_its_own() {
    let folder = Folder::new();
    let mut recorder = Recorder::open(&folder.0).unwrap();
    recorder.write(show((320, 180), 0, 5_500, NONE)).unwrap();
    drop(recorder);
    // The process died while it wrote.
    let path = folder.0.join(part_file(1));
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 100]).unwrap();
    let journal = folder.0.join(journal::JOURNAL_FILE);
    let mut text = std::fs::read(&journal).unwrap();
    text.extend_from_slice(b"{\"event\":\"ended\",\"pa");
    std::fs::write(&journal, text).unwrap();

    let mut recorder = Recorder::open(&folder.0).unwrap();
    recorder.write(show((320, 180), 9_000, 11_000, NONE)).unwrap();
    recorder.close().unwrap();
    let parts = parts(&folder.0).unwrap();
    assert_eq!(parts.iter().map(|part| part.cause).collect::<Vec<_>>(), [Some(Cause::Crashed), None]);
    let kept_us = parts[0].duration_us.unwrap();
    assert!((3_500_000..=5_100_000).contains(&kept_us), "{kept_us}");
    assert_eq!(gaps(&parts)[0].duration_us, 9_000_000 - kept_us);
}

#[test]
fn a_part_without_a_whole_fragment_is_no_part() {
    let folder = Folder::new();
    let mut recorder = Recorder::open(&folder.0).unwrap();
    recorder.write(show((320, 180), 0, 300, NONE)).unwrap();
    drop(recorder);
    assert!(parts(&folder.0).unwrap().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_file_cut_anywhere_keeps_its_whole_fragments(cut in 0usize..30_000, noise in proptest::collection::vec(0u8.., 0..40)) {
        let folder = Folder::new();
        let mut recorder = Recorder::open(&folder.0).unwrap();
        recorder.write(show((64, 64), 0, 4_500, NONE)).unwrap();
        drop(recorder);
        let path = folder.0.join(part_file(1));
        let mut bytes = std::fs::read(&path).unwrap();
        let cut = cut % bytes.len();
        bytes.truncate(cut);
        bytes.extend_from_slice(&noise);
        std::fs::write(&path, &bytes).unwrap();
        let left = salvage::salvage(&path, &[VIDEO_CLOCK_HZ, OPUS_CLOCK_HZ]).unwrap();
        prop_assert!(left.bytes as usize <= bytes.len());
        prop_assert_eq!(std::fs::metadata(&path).unwrap().len(), left.bytes);
        let again = salvage::salvage(&path, &[VIDEO_CLOCK_HZ, OPUS_CLOCK_HZ]).unwrap();
        prop_assert_eq!((again.bytes, again.duration_us, again.torn_bytes), (left.bytes, left.duration_us, 0));
    }
}
