use super::*;
use crate::delivery::budget::Budget;
use crate::delivery::{Audience, Choice, DeliveryEvent, Limits, Live};
use crate::effect::{Effect, Lifecycle, TimerName};
use crate::experience::ExperienceEvent;
use crate::invariants;
use crate::machine::Machine;
use crate::recording::{Archive, RecorderEvent};
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
        plan: Box::default(),
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
            tell(ExperienceEvent::StreamFinished { stream: the_stream(), peak: None }),
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

fn recorded() -> StreamEvent {
    let StreamEvent::Open { space, experience, stream, start, grace_ms, .. } = open(Start::GoLive) else {
        unreachable!()
    };
    let setup = Setup { delivery: None, record: true };
    let plan = Box::new(Plan { setup, ..Plan::default() });
    StreamEvent::Open { space, experience, stream, start, grace_ms, plan }
}

fn recording(news: RecorderEvent) -> StreamEvent {
    StreamEvent::Recording { news }
}

#[test]
fn with_a_recording_the_archive_is_waited_for() {
    let (mut stream, _) = Stream::begin(Timestamp(0), recorded()).unwrap();
    let effects = stream.apply(Timestamp(1_000), arrived("a")).unwrap();
    assert!(effects.iter().any(|effect| matches!(effect, Effect::StartRecording { .. })));
    stream.apply(Timestamp(1_100), recording(RecorderEvent::Started)).unwrap();
    let effects = stream.apply(Timestamp(2_000), StreamEvent::End).unwrap();
    assert!(effects.iter().any(|effect| matches!(effect, Effect::StopRecording { .. })));
    assert_eq!(stream.apply(Timestamp(2_100), StreamEvent::RoomClosed), Ok(vec![]));
    assert_eq!(stream.phase.as_str(), "ended");
    // The room is closed for good: the timer only waits on.
    let effects = stream.apply(Timestamp(2_000 + CLOSING_MS), fired(TimerName::Closing)).unwrap();
    assert!(matches!(effects[..], [Effect::SetTimer { name: TimerName::Closing, .. }]));
    let effects = stream.apply(Timestamp(70_000), recording(RecorderEvent::Stopped { media: true })).unwrap();
    assert!(matches!(effects[..], [Effect::Archive { .. }]));
    let archive = Archive { key: "s".into(), duration_ms: 1_000, bytes: 9 };
    let effects = stream.apply(Timestamp(71_000), recording(RecorderEvent::Archived { archive })).unwrap();
    assert!(matches!(stream.phase, Phase::Archived { recording: Recording::Kept, .. }));
    assert_eq!(
        effects,
        vec![Effect::CancelTimer { name: TimerName::Closing }, publish("archived", "recorded", 71_000)]
    );
}

#[test]
fn an_archive_that_is_refused_is_said_and_never_claimed() {
    let (mut stream, _) = Stream::begin(Timestamp(0), recorded()).unwrap();
    let way = [
        arrived("a"),
        recording(RecorderEvent::Started),
        StreamEvent::End,
        recording(RecorderEvent::Stopped { media: true }),
        recording(RecorderEvent::ArchiveRefused),
        StreamEvent::RoomClosed,
    ];
    for (n, event) in (1i64..).zip(way) {
        stream.apply(Timestamp(1_000 * n), event).unwrap();
    }
    assert!(matches!(stream.phase, Phase::Archived { recording: Recording::Failed, .. }));
}

#[test]
fn rows_of_before_there_was_any_delivery_can_be_read() {
    let (stream, _) = after(Start::GoLive, &[(1_000, arrived("a"))]);
    let mut json: serde_json::Value = serde_json::to_value(&stream).unwrap();
    for key in ["delivery", "recorder", "health", "room_closed"] {
        json.as_object_mut().unwrap().remove(key);
    }
    let mut old: Stream = serde_json::from_value(json).unwrap();
    old.apply(Timestamp(2_000), StreamEvent::End).unwrap();
    old.apply(Timestamp(2_100), StreamEvent::RoomClosed).unwrap();
    assert!(matches!(old.phase, Phase::Archived { recording: Recording::NotRecorded, .. }));
}

#[test]
fn nobody_else_says_what_the_stream_says_itself() {
    let (mut stream, _) = after(Start::GoLive, &[(1_000, arrived("a"))]);
    let news = DeliveryEvent::Finished;
    assert_eq!(stream.apply(Timestamp(2_000), StreamEvent::Delivery { news }), Err(StreamRejection::NotForYou));
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
        any_setup().prop_map(|setup| StreamEvent::Planned { setup }),
        any_delivery().prop_map(|news| StreamEvent::Delivery { news }),
        any_recording().prop_map(|news| StreamEvent::Recording { news }),
    ]
}

fn any_setup() -> impl Strategy<Value = Setup> {
    (any::<bool>(), any::<bool>()).prop_map(|(hls, record)| Setup { delivery: hls.then(few), record })
}

/// Figures small enough for random events to cross them.
fn few() -> Limits {
    let budget = Budget { stream_max_minor: 50, per_1000_viewer_minutes_minor: 500, per_1000_stream_minutes_minor: 10 };
    Limits { webrtc_viewers_max: 3, cooldown_ms: 10_000, cohort_percent: 40, budget, ..Limits::default() }
}

fn any_live() -> impl Strategy<Value = Live> {
    let id = prop::sample::select(vec!["b1", "b2"]);
    id.prop_map(|id| Live { id: id.parse().unwrap(), playback: format!("p{id}") })
}

fn any_delivery() -> impl Strategy<Value = DeliveryEvent> {
    let at = || (0i64..200_000).prop_map(Timestamp);
    prop_oneof![
        4 => (0u32..6, 0u32..6, 0u32..3, 0u32..6).prop_map(|(webrtc, hls, slate, waiting)| {
            let audience = Audience { webrtc, hls, slate, waiting, ..Audience::default() };
            DeliveryEvent::ViewersCounted { audience }
        }),
        1 => (0u32..2).prop_map(|count| DeliveryEvent::TargetsChanged { count }),
        1 => prop::sample::select(vec![Choice::Auto, Choice::Webrtc, Choice::Hls])
            .prop_map(|choice| DeliveryEvent::Overridden { choice }),
        2 => any_live().prop_map(|live| DeliveryEvent::BroadcastCreated { live }),
        1 => Just(DeliveryEvent::BroadcastRefused),
        1 => any_live().prop_map(|live| DeliveryEvent::BroadcastLost { id: live.id }),
        1 => any_live().prop_map(|live| DeliveryEvent::BroadcastCompleted { id: live.id }),
        3 => Just(DeliveryEvent::BridgeStarted),
        1 => Just(DeliveryEvent::BridgeRefused),
        1 => at().prop_map(|asked_at| DeliveryEvent::BridgeFailed { asked_at }),
        1 => at().prop_map(|asked_at| DeliveryEvent::BridgeOrphaned { asked_at }),
        2 => Just(DeliveryEvent::BridgeStopped),
        3 => at().prop_map(|asked_at| DeliveryEvent::PlaylistAdvanced { asked_at }),
        1 => at().prop_map(|asked_at| DeliveryEvent::PlaylistStalled { asked_at }),
        1 => Just(DeliveryEvent::CohortMoved),
    ]
}

fn any_recording() -> impl Strategy<Value = RecorderEvent> {
    let archive = Archive { key: "k".into(), duration_ms: 1, bytes: 1 };
    prop_oneof![
        Just(RecorderEvent::Started),
        Just(RecorderEvent::StartRefused),
        (0i64..100_000).prop_map(|at| RecorderEvent::Lost { asked_at: Timestamp(at) }),
        any::<bool>().prop_map(|media| RecorderEvent::Stopped { media }),
        Just(RecorderEvent::Archived { archive }),
        Just(RecorderEvent::ArchiveRefused),
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
        setup in any_setup(),
        events in prop::collection::vec((any_event(), prop_oneof![0i64..20_000, Just(SCHEDULE_EXPIRY_MS), Just(LIVE_LIMIT_MS)]), 0..60)
    ) {
        let StreamEvent::Open { space, experience, stream, start, grace_ms, .. } = open(start) else { unreachable!() };
        let plan = Box::new(Plan { setup, last_peaks: 2, targets: 0 });
        let opened = StreamEvent::Open { space, experience, stream, start, grace_ms, plan };
        let (mut stream, effects) = Stream::begin(Timestamp(0), opened).unwrap();
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
                Ok(effects) => {
                    follow(&effects, &mut timers);
                    prop_assert_eq!(invariants::completed_after_stop(&stream, &effects), None);
                    let json = serde_json::to_string(&stream).unwrap();
                    prop_assert_eq!(&serde_json::from_str::<Stream>(&json).unwrap(), &stream);
                }
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
