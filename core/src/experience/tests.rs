use super::*;
use crate::effect::Effect;
use crate::machine::Machine;
use crate::space::SpaceEvent;
use crate::stream::{Start, StreamEvent};

fn stream(id: &str) -> StreamId {
    StreamId::parse(id).unwrap()
}

fn settings(starts_at: Option<i64>) -> Settings {
    Settings {
        slug: Slug::parse("talk").unwrap(),
        title: "Talk".into(),
        description: String::new(),
        access: Rule::Open,
        grace_ms: 60_000,
        starts_at: starts_at.map(Timestamp),
    }
}

fn begin(starts_at: Option<i64>) -> (Experience, Vec<Effect>) {
    let event = ExperienceEvent::Create {
        id: ExperienceId::parse("e").unwrap(),
        space: SpaceId::parse("sp").unwrap(),
        settings: settings(starts_at),
        stream: stream("s0"),
    };
    let (experience, mut effects) = Experience::begin(Timestamp(100), event).unwrap();
    let added = SpaceEvent::AddExperience { experience: experience.id.clone() };
    assert_eq!(effects.remove(0), Effect::TellSpace { space: experience.space.clone(), event: Box::new(added) });
    (experience, effects)
}

fn told(effects: &[Effect]) -> Vec<(&StreamId, &StreamEvent)> {
    effects
        .iter()
        .map(|effect| match effect {
            Effect::TellStream { stream, event, .. } => (stream, event.as_ref()),
            other => panic!("unexpected {other:?}"),
        })
        .collect()
}

#[test]
fn going_live_opens_a_stream_and_a_second_go_live_is_refused() {
    let (mut experience, effects) = begin(None);
    assert_eq!(effects, vec![]);
    let effects = experience.apply(Timestamp(200), ExperienceEvent::GoLive { stream: stream("s1") }).unwrap();
    assert!(matches!(told(&effects)[..], [(_, StreamEvent::Open { start: Start::GoLive, .. })]));
    let before = experience.clone();
    let again = experience.apply(Timestamp(201), ExperienceEvent::GoLive { stream: stream("s2") });
    assert_eq!(again, Err(ExperienceRejection::AlreadyLive));
    assert_eq!(experience, before);
}

#[test]
fn the_lobby_goes_live_as_the_same_stream() {
    let (mut experience, _) = begin(None);
    experience.apply(Timestamp(200), ExperienceEvent::OpenLobby { stream: stream("s1") }).unwrap();
    let effects = experience.apply(Timestamp(300), ExperienceEvent::GoLive { stream: stream("s2") }).unwrap();
    assert_eq!(told(&effects), [(&stream("s1"), &StreamEvent::GoLive)]);
}

#[test]
fn a_schedule_opens_moves_and_takes_back_one_stream() {
    let (mut experience, effects) = begin(Some(1_000));
    assert!(matches!(told(&effects)[..], [(_, StreamEvent::Open { start: Start::Scheduled { .. }, .. })]));
    let edit = |starts_at| ExperienceEvent::Edit { settings: settings(starts_at), stream: stream("s9") };
    let effects = experience.apply(Timestamp(200), edit(Some(2_000))).unwrap();
    assert_eq!(told(&effects), [(&stream("s0"), &StreamEvent::Reschedule { starts_at: Timestamp(2_000) })]);
    let effects = experience.apply(Timestamp(300), edit(None)).unwrap();
    assert_eq!(told(&effects), [(&stream("s0"), &StreamEvent::Unschedule)]);
}

#[test]
fn news_of_an_old_stream_does_not_touch_the_new_one() {
    let (mut experience, _) = begin(None);
    experience.apply(Timestamp(200), ExperienceEvent::GoLive { stream: stream("s1") }).unwrap();
    experience.apply(Timestamp(300), ExperienceEvent::StreamFinished { stream: stream("s1"), peak: None }).unwrap();
    experience.apply(Timestamp(400), ExperienceEvent::GoLive { stream: stream("s2") }).unwrap();
    let late = experience.apply(Timestamp(500), ExperienceEvent::StreamFinished { stream: stream("s1"), peak: None });
    assert_eq!(late, Err(ExperienceRejection::OtherStream));
    assert_eq!(experience.current.map(|current| current.stream), Some(stream("s2")));
}

#[test]
fn wrong_settings_are_refused_each_with_its_reason() {
    let (mut experience, _) = begin(None);
    let mut edit = |settings| experience.apply(Timestamp(200), ExperienceEvent::Edit { settings, stream: stream("x") });
    let base = || settings(None);
    assert_eq!(edit(Settings { title: " ".into(), ..base() }), Err(ExperienceRejection::BadTitle));
    assert_eq!(edit(Settings { title: "x".repeat(121), ..base() }), Err(ExperienceRejection::BadTitle));
    assert_eq!(edit(Settings { description: "x".repeat(4_001), ..base() }), Err(ExperienceRejection::BadDescription));
    assert_eq!(edit(Settings { grace_ms: 0, ..base() }), Err(ExperienceRejection::BadGrace));
    assert_eq!(edit(Settings { starts_at: Some(Timestamp(1)), ..base() }), Err(ExperienceRejection::BadStart));
}

#[test]
fn what_the_last_streams_drew_is_expected_of_the_next() {
    let (mut experience, _) = begin(None);
    for (n, peak) in [100u32, 200, 0, 300, 50, 400].into_iter().enumerate() {
        let id = stream(&format!("s{n}"));
        experience.apply(Timestamp(200), ExperienceEvent::GoLive { stream: id.clone() }).unwrap();
        experience.apply(Timestamp(300), ExperienceEvent::StreamFinished { stream: id, peak: Some(peak) }).unwrap();
    }
    assert_eq!(experience.peaks, [400, 50, 300, 0, 200]);
    // A stream that never was live says nothing about the audience.
    experience.apply(Timestamp(400), ExperienceEvent::GoLive { stream: stream("x") }).unwrap();
    experience.apply(Timestamp(500), ExperienceEvent::StreamFinished { stream: stream("x"), peak: None }).unwrap();
    let effects = experience.apply(Timestamp(600), ExperienceEvent::GoLive { stream: stream("y") }).unwrap();
    let [(_, StreamEvent::Open { plan, .. })] = told(&effects)[..] else { panic!("{effects:?}") };
    // (400·5 + 50·4 + 300·3 + 0·2 + 200·1) / 15
    assert_eq!(plan.last_peaks, 220);
}
