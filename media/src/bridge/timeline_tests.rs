use super::*;
use proptest::prelude::*;

const FRAME_US: i64 = 33_333;
const EPOCH_US: i64 = 1_700_000_000_000_000;

fn picture(flat: &Flat, captured_us: i64, keyframe: bool) -> Frame {
    let data = if keyframe { flat.keyframe(0) } else { flat.repetition(1) };
    Frame { kind: Kind::Video, captured_us, keyframe, data }
}

fn sound(captured_us: i64) -> Frame {
    Frame { kind: Kind::Audio, captured_us, keyframe: true, data: Bytes::from_static(&[0x78, 1, 2, 3, 4]) }
}

/// A publisher whose frames arrive 80 ms after their capture, and a clock that ticks every 50 ms.
struct Show {
    timeline: Timeline,
    out: Vec<Unit>,
    now_us: i64,
    flat: Flat,
    /// The publisher's clock less ours, per kind.
    clock_us: (i64, i64),
    camera: bool,
    microphone: bool,
    pictures: i64,
}

impl Show {
    fn new() -> Show {
        Show {
            timeline: Timeline::new(TimelineSettings::default()),
            out: vec![],
            now_us: 5_000_000,
            flat: Flat::new(640, 368).unwrap(),
            clock_us: (EPOCH_US, EPOCH_US),
            camera: true,
            microphone: true,
            pictures: 0,
        }
    }

    /// Lets this many milliseconds go by.
    fn run(&mut self, ms: i64) -> &mut Show {
        let end_us = self.now_us + ms * 1_000;
        while self.now_us < end_us {
            self.now_us += 10_000;
            if self.camera && self.now_us / FRAME_US != (self.now_us - 10_000) / FRAME_US {
                let captured_us = self.now_us / FRAME_US * FRAME_US - 80_000 + self.clock_us.0;
                let frame = picture(&self.flat, captured_us, self.pictures % 30 == 0);
                self.pictures += 1;
                self.timeline.push(self.now_us, &frame, &mut self.out);
            }
            if self.microphone && self.now_us % 20_000 == 0 {
                let frame = sound(self.now_us - 80_000 + self.clock_us.1);
                self.timeline.push(self.now_us, &frame, &mut self.out);
            }
            if self.now_us % 50_000 == 0 {
                self.timeline.tick(self.now_us, &mut self.out);
            }
        }
        self
    }

    fn switch_camera(&mut self, on: bool) -> &mut Show {
        self.camera = on;
        self.pictures = 0;
        self
    }

    fn of(&self, kind: Kind) -> impl Iterator<Item = &Unit> {
        self.out.iter().filter(move |unit| unit.kind == kind)
    }

    /// How far apart picture and sound captured at the same moment come out, at the end; microseconds.
    fn skew_us(&self) -> i64 {
        let offset = |kind, clock| {
            let unit = self.of(kind).filter(|unit| unit.filler.is_none()).last().unwrap();
            unit.at_us - (unit.captured_us - clock)
        };
        offset(Kind::Audio, self.clock_us.1) - offset(Kind::Video, self.clock_us.0)
    }
}

/// What holds for every series of units.
fn assert_continuous(out: &[Unit]) -> Result<(), TestCaseError> {
    let (mut picture_us, mut sound_us, mut decodable) = (-1, None, false);
    for unit in out {
        match unit.kind {
            Kind::Video => {
                prop_assert!(unit.at_us > picture_us, "pictures at {picture_us} and {}", unit.at_us);
                picture_us = unit.at_us;
                decodable |= unit.keyframe;
                prop_assert!(decodable && unit.picture.is_some());
            }
            Kind::Audio => {
                prop_assert_eq!(unit.at_us, sound_us.unwrap_or(unit.at_us));
                prop_assert!(unit.at_us >= 0 && unit.duration_us > 0);
                sound_us = Some(unit.at_us + unit.duration_us);
            }
        }
    }
    Ok(())
}

#[test]
fn an_undisturbed_show_comes_out_as_it_went_in() {
    let mut show = Show::new();
    show.run(10_000);
    assert_continuous(&show.out).unwrap();
    assert_eq!(show.timeline.figures(), TimelineFigures { skew_us: show.skew_us(), ..TimelineFigures::default() });
    assert!(show.of(Kind::Video).count() >= 298 && show.of(Kind::Audio).count() >= 497);
    assert!(show.skew_us().abs() <= SOUND_SLACK_US, "{}", show.skew_us());
}

#[test]
fn nothing_comes_out_before_the_first_keyframe() {
    let mut show = Show::new();
    show.pictures = 1;
    show.run(900);
    assert!(show.out.is_empty());
    show.run(300);
    let first = &show.out[0];
    assert!(first.keyframe && first.at_us == 0 && first.kind == Kind::Video);
}

#[test]
fn a_camera_switched_off_is_filled_with_flat_pictures_while_sound_goes_on() {
    let mut show = Show::new();
    show.run(3_000);
    show.timeline.expect_gap(Kind::Video, Cause::Muted);
    show.switch_camera(false).run(5_000).switch_camera(true).run(3_000);
    assert_continuous(&show.out).unwrap();
    let slate: Vec<_> = show.of(Kind::Video).filter(|unit| unit.filler == Some(Cause::Muted)).collect();
    assert!((40..52).contains(&slate.len()), "{}", slate.len());
    assert!(slate[0].keyframe && slate.iter().filter(|unit| unit.keyframe).count() >= 4);
    assert!(slate.iter().all(|unit| unit.picture == show.out[0].picture), "the format does not change");
    assert!(show.of(Kind::Audio).all(|unit| unit.filler.is_none()));
    let back =
        show.of(Kind::Video).skip_while(|unit| unit.filler.is_none()).find(|unit| unit.filler.is_none()).unwrap();
    assert!(back.keyframe);
    let longest = show.of(Kind::Video).zip(show.of(Kind::Video).skip(1)).map(|(a, b)| b.at_us - a.at_us).max().unwrap();
    assert!(longest <= FREEZE_US + SLATE_EVERY_US, "{longest}");
    assert!(show.skew_us().abs() <= SOUND_SLACK_US);
}

#[test]
fn a_short_hold_up_freezes_the_picture_and_nothing_is_lost() {
    let mut show = Show::new();
    show.run(2_000);
    let mut late = vec![];
    for at in 0..15 {
        show.now_us += FRAME_US;
        late.push(picture(&show.flat, show.now_us - 80_000 + EPOCH_US, at == 14));
        show.timeline.tick(show.now_us, &mut show.out);
    }
    for frame in &late {
        show.timeline.push(show.now_us, frame, &mut show.out);
    }
    assert!(show.of(Kind::Video).all(|unit| unit.filler.is_none()));
    assert_eq!(show.timeline.figures().pictures_dropped, 0);
}

#[test]
fn a_muted_microphone_is_silence_without_a_hole() {
    let mut show = Show::new();
    show.run(2_000);
    show.timeline.expect_gap(Kind::Audio, Cause::Muted);
    show.microphone = false;
    show.run(4_000);
    show.microphone = true;
    show.run(2_000);
    assert_continuous(&show.out).unwrap();
    let silence = show.of(Kind::Audio).filter(|unit| unit.filler == Some(Cause::Muted)).count();
    assert!((195..=202).contains(&silence), "{silence}");
    assert!(show.skew_us().abs() <= SOUND_SLACK_US);
}

#[test]
fn clocks_that_jump_are_set_anew_and_stay_in_step() {
    for jump_us in [-3_600_000_000, -700_000, 700_000, 86_400_000_000, 4_000_000] {
        let mut show = Show::new();
        show.run(3_000);
        show.clock_us = (EPOCH_US + jump_us, EPOCH_US + jump_us);
        show.run(3_000);
        assert_continuous(&show.out).unwrap();
        let figures = show.timeline.figures();
        assert_eq!(figures.rebases, 2, "{jump_us}");
        assert!(show.skew_us().abs() <= 40_000, "{jump_us}: {}", show.skew_us());
        assert_eq!(figures.pictures_dropped, 0, "{jump_us}");
        let end_us = show.of(Kind::Video).last().unwrap().at_us;
        assert!((5_800_000..6_100_000).contains(&end_us), "{end_us}");
    }
}

#[test]
fn a_new_publication_with_a_clock_of_its_own_stays_in_step_with_the_old_sound() {
    let mut show = Show::new();
    show.run(3_000);
    show.clock_us.0 += 12_000_000;
    show.switch_camera(false).run(1_500).switch_camera(true).run(3_000);
    assert_continuous(&show.out).unwrap();
    assert!(show.skew_us().abs() <= 40_000, "{}", show.skew_us());
}

#[test]
fn another_size_begins_with_its_own_keyframe() {
    let mut show = Show::new();
    show.run(2_000);
    show.flat = Flat::new(1920, 1080).unwrap();
    show.switch_camera(true).run(1_000);
    let sizes: Vec<_> =
        show.of(Kind::Video).map(|unit| (unit.picture.as_ref().unwrap().format.width, unit.keyframe)).collect();
    let first = sizes.iter().position(|(width, _)| *width == 1920).unwrap();
    assert!(sizes[first].1);
    assert!(sizes[first..].iter().all(|(width, _)| *width == 1920));
}

#[test]
fn blank_pictures_at_the_end_of_a_publication_are_left_out() {
    let mut show = Show::new();
    show.run(2_000);
    show.flat = Flat::new(16, 16).unwrap();
    show.switch_camera(true).run(300);
    assert!(show.of(Kind::Video).all(|unit| unit.picture.as_ref().unwrap().format.width == 640));
}

#[test]
fn a_show_of_sound_alone_has_flat_pictures_from_its_begin() {
    let mut show = Show::new();
    show.camera = false;
    show.run(6_000);
    assert_continuous(&show.out).unwrap();
    let first = show.of(Kind::Video).next().unwrap();
    assert!(first.keyframe && first.at_us == 0 && first.filler == Some(Cause::NoTrack));
    assert_eq!(first.picture.as_ref().unwrap().format.width, 1280);
    show.switch_camera(true).run(2_000);
    assert_continuous(&show.out).unwrap();
    assert!(show.skew_us().abs() <= SOUND_SLACK_US);
}

#[test]
fn nothing_at_all_for_long_lets_the_timeline_stand_still() {
    let mut show = Show::new();
    show.timeline = Timeline::new(TimelineSettings { filler_max_us: 10_000_000, ..TimelineSettings::default() });
    show.run(2_000);
    show.microphone = false;
    show.switch_camera(false).run(60_000);
    let end_us = show.of(Kind::Video).last().unwrap().at_us;
    assert!((11_000_000..13_000_000).contains(&end_us), "{end_us}");
    show.microphone = true;
    show.switch_camera(true).run(2_000);
    assert_continuous(&show.out).unwrap();
    let end_us = show.of(Kind::Video).last().unwrap().at_us;
    assert!((13_000_000..15_500_000).contains(&end_us), "{end_us}");
    assert!(show.skew_us().abs() <= 40_000, "{}", show.skew_us());
}

#[test]
fn broken_frames_are_left_out() {
    let mut show = Show::new();
    show.run(1_000);
    let count = show.out.len();
    let silence = opus::SILENCE;
    let cases = [
        (Kind::Video, EPOCH_US, &[][..]),
        (Kind::Video, EPOCH_US, &[0, 0, 1]),
        (Kind::Video, EPOCH_US, &[0, 0, 0, 1, 0x67, 66]),
        (Kind::Audio, EPOCH_US, &[]),
        (Kind::Audio, EPOCH_US, &[0xff, 0xff]),
        (Kind::Audio, i64::MAX, silence),
        (Kind::Audio, -1, silence),
    ];
    for (kind, captured_us, data) in cases {
        {
            let frame = Frame { kind, captured_us, keyframe: true, data: Bytes::copy_from_slice(data) };
            show.timeline.push(show.now_us, &frame, &mut show.out);
        }
    }
    assert_eq!(show.out.len(), count);
}

#[derive(Debug, Clone)]
enum Act {
    Run(i64),
    Camera(bool),
    Microphone(bool),
    ClockVideo(i64),
    ClockBoth(i64),
    Size(u16),
    Sleep(i64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (10i64..3_000).prop_map(Act::Run),
        2 => any::<bool>().prop_map(Act::Camera),
        2 => any::<bool>().prop_map(Act::Microphone),
        1 => (-5_000_000i64..5_000_000).prop_map(Act::ClockVideo),
        1 => (-5_000_000i64..5_000_000).prop_map(Act::ClockBoth),
        1 => (1u16..10).prop_map(Act::Size),
        1 => (1i64..1_000).prop_map(Act::Sleep),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whatever_happens_the_timeline_is_continuous(acts in proptest::collection::vec(act(), 1..14)) {
        let mut show = Show::new();
        let begin_us = show.now_us;
        for act in acts {
            match act {
                Act::Run(ms) => { show.run(ms); }
                Act::Camera(on) => { show.switch_camera(on); }
                Act::Microphone(on) => show.microphone = on,
                Act::ClockVideo(us) => show.clock_us.0 += us,
                Act::ClockBoth(us) => { show.clock_us.0 += us; show.clock_us.1 += us; }
                Act::Size(units) => { show.flat = Flat::new(units * 64, units * 64).unwrap(); show.pictures = 0; }
                Act::Sleep(ms) => show.now_us += ms * 20_000,
            }
            assert_continuous(&show.out)?;
        }
        show.microphone = true;
        show.switch_camera(true).run(4_000);
        assert_continuous(&show.out)?;
        let ends: Vec<_> = [Kind::Video, Kind::Audio].map(|kind| show.of(kind).last().unwrap().at_us).to_vec();
        for end_us in &ends {
            prop_assert!(*end_us <= show.now_us - begin_us + AHEAD_US);
        }
        prop_assert!((ends[0] - ends[1]).abs() < AHEAD_US + SLATE_AFTER_US, "{ends:?}");
        let last = show.of(Kind::Video).last().unwrap();
        prop_assert!(last.filler.is_none(), "the picture is back");
    }

    #[test]
    fn any_frames_at_any_time_never_panic(frames in proptest::collection::vec((any::<bool>(), any::<i64>(), 0i64..10_000_000, any::<bool>()), 0..60)) {
        let flat = Flat::new(64, 64).unwrap();
        let mut timeline = Timeline::new(TimelineSettings::default());
        let (mut now_us, mut out) = (0, vec![]);
        for (video, captured_us, passed_us, keyframe) in frames {
            now_us += passed_us;
            let frame = if video { picture(&flat, captured_us, keyframe) } else { sound(captured_us) };
            timeline.push(now_us, &frame, &mut out);
            timeline.tick(now_us, &mut out);
        }
        assert_continuous(&out)?;
    }
}
