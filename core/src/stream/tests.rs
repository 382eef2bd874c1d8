use super::*;
use crate::effect::{Effect, Lifecycle, TimerName};
use crate::experience::ExperienceEvent;
use crate::invariants;
use crate::machine::Machine;
use proptest::prelude::*;

fn track(id: &str) -> TrackId {
    TrackId::parse(id).unwrap()
}

fn tracks(ids: &[&str]) -> BTreeSet<TrackId> {
    ids.iter().map(|id| track(id)).collect()
}

fn open(start: Start) -> StreamEvent {
    StreamEvent::Open {
        space: SpaceId::parse("sp").unwrap(),
        experience: ExperienceId::parse("e").unwrap(),
        stream: StreamId::parse("s").unwrap(),
        start,
        grace_ms: 10_000,
    }
}

/// A stream that took these events, each with its time; all must be accepted. Returns the last effects too.
fn after(start: Start, events: &[(i64, StreamEvent)]) -> (Stream, Vec<Effect>) {
    let (mut stream, mut effects) = Stream::begin(Timestamp(0), open(start)).unwrap();
    for (at, event) in events {
        effects = stream.apply(Timestamp(*at), event.clone()).unwrap();
    }
    (stream, effects)
}

fn arrived(id: &str) -> StreamEvent {
    StreamEvent::MediaArrived { track: track(id) }
}

fn lost(id: &str) -> StreamEvent {
    StreamEvent::MediaLost { track: track(id) }
}

fn fired(name: TimerName) -> StreamEvent {
    StreamEvent::TimerFired { name }
}

fn publish(event: &str, cause: &str, at: i64) -> Effect {
    Effect::Publish(Lifecycle {
        space: SpaceId::parse("sp").unwrap(),
        experience: ExperienceId::parse("e").unwrap(),
        stream: Some(StreamId::parse("s").unwrap()),
        event: event.into(),
        cause: cause.into(),
        at: Timestamp(at),
    })
}

fn tell(event: ExperienceEvent) -> Effect {
    Effect::TellExperience {
        space: SpaceId::parse("sp").unwrap(),
        experience: ExperienceId::parse("e").unwrap(),
        event: Box::new(event),
    }
}

fn the_stream() -> StreamId {
    StreamId::parse("s").unwrap()
}

#[test]
fn media_makes_it_live_and_only_media_does() {
    let (stream, _) = after(Start::Lobby, &[(1_000, StreamEvent::GoLive)]);
    assert!(matches!(stream.phase, Phase::Lobby { armed_until: Some(Timestamp(61_000)), .. }));
    let (stream, effects) = after(Start::Lobby, &[(1_000, StreamEvent::GoLive), (2_000, arrived("a"))]);
    assert_eq!(stream.phase, Phase::Live { since: Timestamp(2_000) });
    assert_eq!(
        effects,
        vec![
            Effect::CancelTimer { name: TimerName::ScheduleExpiry },
            Effect::CancelTimer { name: TimerName::LobbyExpiry },
            Effect::CancelTimer { name: TimerName::Arming },
            Effect::SetTimer { name: TimerName::LiveLimit, due_at: Timestamp(2_000 + LIVE_LIMIT_MS) },
            tell(ExperienceEvent::StreamLive { stream: the_stream() }),
            publish("live", "media_arrived", 2_000),
        ]
    );
}

#[test]
fn the_last_track_lost_starts_the_grace_and_media_back_resumes_the_same_stream() {
    let way = [(1_000, arrived("cam")), (1_100, arrived("mic")), (2_000, lost("cam"))];
    let (stream, effects) = after(Start::GoLive, &way);
    assert_eq!((stream.phase.as_str(), effects), ("live", vec![]));

    let way = [(1_000, arrived("cam")), (5_000, lost("cam"))];
    let (mut stream, effects) = after(Start::GoLive, &way);
    assert_eq!(
        effects,
        vec![
            Effect::SetTimer { name: TimerName::Grace, due_at: Timestamp(15_000) },
            publish("reconnecting", "media_lost", 5_000),
        ]
    );
    let effects = stream.apply(Timestamp(9_000), arrived("cam2")).unwrap();
    assert_eq!(stream.phase, Phase::Live { since: Timestamp(1_000) });
    assert_eq!(
        effects,
        vec![Effect::CancelTimer { name: TimerName::Grace }, publish("resumed", "media_arrived", 9_000)]
    );
}

#[test]
fn the_grace_over_ends_it_once() {
    let way = [(1_000, arrived("cam")), (5_000, lost("cam")), (15_000, fired(TimerName::Grace))];
    let (mut stream, effects) = after(Start::GoLive, &way);
    let cause = EndCause::GraceOver;
    assert_eq!(stream.phase, Phase::Ended { live_since: Timestamp(1_000), at: Timestamp(15_000), cause });
    assert_eq!(
        effects,
        vec![
            Effect::CancelTimer { name: TimerName::Grace },
            Effect::CancelTimer { name: TimerName::LiveLimit },
            Effect::SetTimer { name: TimerName::Closing, due_at: Timestamp(15_000 + CLOSING_MS) },
            tell(ExperienceEvent::StreamFinished { stream: the_stream() }),
            stream.close_room_effect(),
            publish("ended", "grace_over", 15_000),
        ]
    );
    assert_eq!(stream.apply(Timestamp(16_000), fired(TimerName::Grace)), Err(StreamRejection::StaleTimer));
    assert_eq!(stream.apply(Timestamp(16_000), arrived("late")), Err(StreamRejection::Over));
}

impl Stream {
    fn close_room_effect(&self) -> Effect {
        Effect::CloseRoom { space: self.space.clone(), experience: self.experience.clone(), stream: self.id.clone() }
    }
}

#[test]
fn a_grace_timer_of_an_earlier_drop_does_nothing() {
    let way = [(1_000, arrived("a")), (5_000, lost("a")), (9_000, arrived("b")), (14_000, lost("b"))];
    let (mut stream, _) = after(Start::GoLive, &way);
    assert_eq!(stream.apply(Timestamp(15_000), fired(TimerName::Grace)), Err(StreamRejection::StaleTimer));
    stream.apply(Timestamp(24_000), fired(TimerName::Grace)).unwrap();
    assert_eq!(stream.phase.as_str(), "ended");
}

#[test]
fn crossed_messages_do_not_bring_a_lost_track_back() {
    let (stream, effects) = after(Start::GoLive, &[(1_000, lost("a")), (1_001, arrived("a"))]);
    assert_eq!((stream.phase.as_str(), effects), ("lobby", vec![]));
}

#[test]
fn the_sweep_finds_what_webhooks_lost_but_does_not_undo_what_came_after_it_looked() {
    let seen = |ids: &[&str], asked_at| StreamEvent::MediaObserved {
        tracks: tracks(ids),
        room: true,
        asked_at: Timestamp(asked_at),
    };
    let (mut stream, _) = after(Start::GoLive, &[(1_000, seen(&["a"], 990))]);
    assert_eq!(stream.phase.as_str(), "live");
    assert_eq!(stream.apply(Timestamp(1_100), seen(&[], 995)), Ok(vec![]));
    stream.apply(Timestamp(1_200), seen(&[], 1_150)).unwrap();
    assert_eq!(stream.phase.as_str(), "reconnecting");
}

#[test]
fn a_room_that_vanished_is_opened_again_and_viewers_get_the_slate() {
    let gone = StreamEvent::MediaObserved { tracks: tracks(&[]), room: false, asked_at: Timestamp(3_000) };
    let (stream, effects) = after(Start::GoLive, &[(1_000, arrived("a")), (3_001, gone)]);
    assert_eq!(stream.phase.as_str(), "reconnecting");
    assert!(effects.iter().any(|effect| matches!(effect, Effect::OpenRoom { .. })));
}

#[test]
fn go_live_without_media_goes_back_to_the_lobby() {
    let (stream, effects) = after(Start::GoLive, &[(ARMING_MS, fired(TimerName::Arming))]);
    assert!(matches!(stream.phase, Phase::Lobby { armed_until: None, .. }));
    assert_eq!(
        effects,
        vec![
            tell(ExperienceEvent::StreamDisarmed { stream: the_stream() }),
            publish("disarmed", "no_media", ARMING_MS)
        ]
    );
}

#[test]
fn schedules_and_lobbies_that_nobody_came_to_expire() {
    let start = Start::Scheduled { starts_at: Timestamp(1_000) };
    let (stream, _) = after(start, &[(1_000 + SCHEDULE_EXPIRY_MS, fired(TimerName::ScheduleExpiry))]);
    assert!(matches!(stream.phase, Phase::Cancelled { cause: CancelCause::ScheduleExpired, .. }));
    let (stream, effects) = after(Start::Lobby, &[(LOBBY_EXPIRY_MS, fired(TimerName::LobbyExpiry))]);
    assert!(matches!(stream.phase, Phase::Cancelled { cause: CancelCause::LobbyExpired, .. }));
    assert!(effects.contains(&stream.close_room_effect()));
}

#[test]
fn the_room_closed_archives_it_with_a_reason_why_there_is_no_recording() {
    let way = [(1_000, arrived("a")), (2_000, StreamEvent::End), (2_100, StreamEvent::RoomClosed)];
    let (stream, effects) = after(Start::GoLive, &way);
    assert!(matches!(stream.phase, Phase::Archived { recording: Recording::NotRecorded, .. }));
    assert_eq!(
        effects,
        vec![Effect::CancelTimer { name: TimerName::Closing }, publish("archived", "not_recorded", 2_100)]
    );
}

fn any_event() -> impl Strategy<Value = StreamEvent> {
    let any_track = || prop::sample::select(vec!["a", "b", "c"]).prop_map(track);
    prop_oneof![
        Just(open(Start::Lobby)),
        (0i64..100_000).prop_map(|at| StreamEvent::Reschedule { starts_at: Timestamp(at) }),
        Just(StreamEvent::Unschedule),
        Just(StreamEvent::OpenLobby),
        Just(StreamEvent::GoLive),
        Just(StreamEvent::End),
        any_track().prop_map(|track| StreamEvent::MediaArrived { track }),
        any_track().prop_map(|track| StreamEvent::MediaLost { track }),
        (prop::collection::btree_set(any_track(), 0..3), any::<bool>(), 0i64..100_000)
            .prop_map(|(tracks, room, at)| StreamEvent::MediaObserved { tracks, room, asked_at: Timestamp(at) }),
        prop::sample::select(TimerName::ALL.to_vec()).prop_map(|name| StreamEvent::TimerFired { name }),
        Just(StreamEvent::RoomClosed),
    ]
}

fn any_start() -> impl Strategy<Value = Start> {
    prop_oneof![Just(Start::Scheduled { starts_at: Timestamp(50_000) }), Just(Start::Lobby), Just(Start::GoLive)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn whatever_comes_phases_go_forward_timers_stand_and_refusals_change_nothing(
        start in any_start(),
        events in prop::collection::vec((any_event(), prop_oneof![0i64..20_000, Just(SCHEDULE_EXPIRY_MS), Just(LIVE_LIMIT_MS)]), 0..60)
    ) {
        let (mut stream, effects) = Stream::begin(Timestamp(0), open(start)).unwrap();
        let mut timers = std::collections::BTreeSet::new();
        let follow = |effects: &[Effect], timers: &mut std::collections::BTreeSet<TimerName>| {
            for effect in effects {
                match effect {
                    Effect::SetTimer { name, .. } => { timers.insert(*name); }
                    Effect::CancelTimer { name } => { timers.remove(name); }
                    _ => {}
                }
            }
        };
        follow(&effects, &mut timers);
        let mut now = 0;
        for (event, wait_ms) in events {
            now += wait_ms;
            let before = stream.clone();
            if let StreamEvent::TimerFired { name } = event { timers.remove(&name); }
            match stream.apply(Timestamp(now), event.clone()) {
                Ok(effects) => follow(&effects, &mut timers),
                Err(_) => {
                    prop_assert_eq!(&stream, &before);
                    // A timer that fires early is set again by its owner; here it simply had not been due.
                    if let StreamEvent::TimerFired { name } = event { timers.insert(name); }
                }
            }
            prop_assert_eq!(invariants::phase_not_back(&before.phase, &stream.phase), None);
            let held: Vec<TimerName> = timers.iter().copied().collect();
            prop_assert_eq!(invariants::has_timer(&stream, &held), None);
            prop_assert!(stream.gone.len() <= GONE_TRACKS_MAX && stream.tracks.len() <= TRACKS_MAX);
        }
    }
}
