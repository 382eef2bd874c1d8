use super::*;
use crate::origin::model::books::Environment;
use crate::origin::model::live::{DRAIN_MS, StreamKey};
use proptest::prelude::*;

fn stream(window_s: u32) -> LiveStream {
    LiveStream {
        id: "S".into(),
        seq: 1,
        created_ms: 0,
        stream_key: StreamKey("secret".into()),
        passthrough: None,
        meta: None,
        latency_mode: "low".into(),
        reconnect_window_s: window_s,
        max_continuous_s: 43_200,
        playback_ids: vec![PlaybackId { id: "P".into(), policy: Policy::Public }],
        new_asset: AssetSettings { policies: vec![Policy::Signed], ..AssetSettings::default() },
        targets: vec![],
        test: false,
        recent_asset_ids: vec![],
        enabled: true,
        phase: Phase::Offline,
    }
}

fn began(session: u64, asset: &str) -> Event {
    Event::MediaBegan { session, asset: asset.into() }
}

/// An active stream whose asset is `A`.
fn active(window_s: u32) -> LiveStream {
    let mut one = stream(window_s);
    for event in [Event::Connected(1), began(1, "A"), Event::Playable(1)] {
        one.apply(0, event).unwrap();
    }
    one
}

fn say(what: &'static str) -> Effect {
    Effect::Announce(what)
}

#[test]
fn a_show_goes_through_connected_recording_active_disconnected_idle() {
    let mut one = stream(10);
    assert_eq!(one.apply(0, Event::Connected(1)).unwrap(), [say("connected")]);
    assert_eq!(one.status(), "idle");
    assert_eq!(one.apply(1, began(1, "A")).unwrap(), [Effect::BeginAsset("A".into()), say("recording")]);
    assert_eq!(one.apply(2, Event::Playable(1)).unwrap(), [Effect::AssetReady("A".into()), say("active")]);
    assert_eq!((one.status(), one.connected(), one.recording()), ("active", true, true));
    let lost = one.apply(1_000, Event::ConnectionLost(1)).unwrap();
    assert_eq!(lost, [Effect::PauseAsset("A".into()), say("disconnected")]);
    assert_eq!((one.status(), one.connected(), one.recording()), ("active", false, false));
    assert_eq!(one.due_ms(), Some(11_000));
    assert_eq!(one.apply(10_999, Event::Due).unwrap(), []);
    assert_eq!(one.apply(11_000, Event::Due).unwrap(), [Effect::FinishAsset("A".into()), say("idle")]);
    assert_eq!((one.status(), one.recent_asset_ids.clone()), ("idle", vec!["A".to_owned()]));
}

#[test]
fn within_the_window_the_same_asset_goes_on_and_past_it_a_new_one_begins() {
    let mut one = active(10);
    one.apply(1_000, Event::ConnectionLost(1)).unwrap();
    assert_eq!(one.apply(2_000, Event::Connected(2)).unwrap(), [say("connected")]);
    let back = one.apply(2_001, began(2, "B")).unwrap();
    assert_eq!(back, [Effect::ResumeAsset("A".into()), say("recording")]);
    assert_eq!(one.asset().unwrap().0, "A");
    one.apply(3_000, Event::ConnectionLost(2)).unwrap();
    one.apply(13_000, Event::Due).unwrap();
    one.apply(13_001, Event::Connected(3)).unwrap();
    one.apply(13_002, began(3, "B")).unwrap();
    assert_eq!((one.asset().unwrap().0, one.recent_asset_ids.len()), ("B", 2));
}

#[test]
fn without_a_window_a_lost_connection_ends_the_asset() {
    let mut one = active(0);
    let lost = one.apply(5, Event::ConnectionLost(1)).unwrap();
    let expected = [Effect::PauseAsset("A".into()), say("disconnected"), Effect::FinishAsset("A".into()), say("idle")];
    assert_eq!(lost, expected);
    assert_eq!(one.phase, Phase::Offline);
}

#[test]
fn complete_ends_the_asset_at_once_and_the_encoder_a_minute_later() {
    let mut one = active(60);
    assert_eq!(one.apply(5, Event::Complete).unwrap(), [Effect::FinishAsset("A".into()), say("idle")]);
    assert_eq!(one.apply(6, Event::Complete).unwrap(), []);
    assert_eq!(one.apply(7, began(1, "B")).unwrap(), [], "what comes is not heard");
    let closed = one.apply(5 + DRAIN_MS, Event::Due).unwrap();
    assert_eq!(closed, [Effect::CloseEncoder(1), say("disconnected")]);
    assert_eq!(one.apply(9, Event::Complete), Err(Rejection::NotActive));
    assert_eq!(one.apply(9, Event::ConnectionLost(1)), Err(Rejection::Stale));
}

#[test]
fn an_encoder_that_comes_back_after_complete_begins_a_new_asset() {
    let mut one = active(60);
    one.apply(5, Event::Complete).unwrap();
    assert_eq!(one.apply(6, Event::Connected(2)).unwrap(), [Effect::CloseEncoder(1), say("connected")]);
    assert_eq!(one.apply(7, began(2, "B")).unwrap(), [Effect::BeginAsset("B".into()), say("recording")]);
}

#[test]
fn a_disabled_stream_refuses_encoders_until_it_is_enabled() {
    let mut one = active(60);
    let shut = one.apply(5, Event::Disable).unwrap();
    let expected =
        [Effect::CloseEncoder(1), say("disconnected"), Effect::FinishAsset("A".into()), say("idle"), say("disabled")];
    assert_eq!(shut, expected);
    assert_eq!(one.apply(6, Event::Connected(2)), Err(Rejection::Disabled));
    assert_eq!(one.apply(7, Event::Enable).unwrap(), [say("enabled")]);
    assert!(one.apply(8, Event::Connected(2)).is_ok());
}

#[test]
fn a_second_encoder_takes_over_behind_a_gap() {
    let mut one = active(60);
    let taken = one.apply(5, Event::Connected(2)).unwrap();
    assert_eq!(taken, [Effect::CloseEncoder(1), Effect::PauseAsset("A".into()), say("connected")]);
    assert_eq!(one.apply(6, Event::ConnectionLost(1)), Err(Rejection::Stale));
    assert_eq!(one.apply(7, began(1, "X")), Err(Rejection::Stale));
    one.apply(8, began(2, "X")).unwrap();
    assert!(matches!(&one.phase, Phase::Active { session: 2, asset, .. } if asset == "A"));
}

#[test]
fn a_restart_in_mid_stream_opens_the_window() {
    let mut one = active(30);
    one.apply(1_000, Event::Restarted).unwrap();
    assert!(matches!(one.phase, Phase::Lost { until_ms: 31_000, playable: true, .. }));
    one.apply(2_000, Event::Restarted).unwrap();
    assert_eq!(one.due_ms(), Some(31_000), "a second restart does not lengthen it");
}

#[test]
fn the_longest_session_ends_by_itself() {
    let mut one = active(30);
    one.max_continuous_s = 60;
    let over = one.apply(60_000, Event::Due).unwrap();
    assert_eq!(over, [Effect::CloseEncoder(1), say("disconnected"), Effect::FinishAsset("A".into()), say("idle")]);
}

#[test]
fn a_target_tells_each_change_once_and_rests_when_the_stream_does() {
    let mut one = active(30);
    let id = "T".to_owned();
    one.targets.push(Target {
        id: id.clone(),
        url: "rtmp://h/app".into(),
        stream_key: None,
        passthrough: None,
        status: TargetStatus::Idle,
        severity: None,
    });
    let said = |status, severity| Event::TargetSaid { target: "T".into(), status, severity };
    let tell = |word| vec![Effect::AnnounceTarget("T".into(), word)];
    assert_eq!(one.apply(1, said(TargetStatus::Starting, None)).unwrap(), tell("starting"));
    assert_eq!(one.apply(1, said(TargetStatus::Starting, None)).unwrap(), []);
    let errored = said(TargetStatus::Errored, Some(Severity::Normal));
    assert_eq!(one.apply(2, errored).unwrap(), tell("errored"));
    let lost = one.apply(3, Event::ConnectionLost(1)).unwrap();
    assert!(lost.contains(&Effect::AnnounceTarget(id, "idle")));
    assert_eq!(one.apply(4, said(TargetStatus::Broadcasting, None)), Err(Rejection::Stale));
}

fn environment() -> Environment {
    Environment { id: "E".into(), name: "origin".into(), webhooks: true }
}

/// Books with one stream, and a way to draw ids that can be foretold.
fn books_with(one: LiveStream) -> Books {
    let mut books = Books::open(environment(), []);
    books.put_stream(one);
    books
}

fn with_now<T>(ms: i64, act: impl FnOnce(&mut Now<'_>) -> T) -> T {
    let mut count = 0;
    act(&mut Now {
        ms,
        draw: &mut || {
            count += 1;
            format!("id-{ms}-{count}")
        },
    })
}

fn types(books: &Books) -> Vec<String> {
    books.deliveries().map(|one| one.body["type"].as_str().unwrap_or("").replace("video.", "")).collect()
}

#[test]
fn a_show_leaves_an_asset_and_webhooks_in_their_order() {
    let mut books = books_with(stream(10));
    let mut deeds = vec![];
    for (ms, event) in [
        (0, Event::Connected(1)),
        (1, began(1, "A")),
        (2, Event::Playable(1)),
        (3_000, Event::ConnectionLost(1)),
        (13_000, Event::Due),
    ] {
        deeds.extend(with_now(ms, |now| books.stream_event(now, "S", event)).unwrap());
    }
    assert_eq!(deeds, [Deed::FinishAsset("A".into())]);
    with_now(13_001, |now| books.asset_finished(now, "A", 2_999));
    let expected = [
        "live_stream.connected",
        "asset.created",
        "live_stream.recording",
        "asset.ready",
        "live_stream.active",
        "live_stream.disconnected",
        "live_stream.idle",
        "asset.live_stream_completed",
    ];
    assert_eq!(types(&books), expected);
    let asset = books.asset("A").unwrap();
    assert_eq!((asset.live, asset.duration_ms), (false, Some(2_999)));
    assert_eq!(asset.recording_times, [RecordingTime { started_ms: 1, duration_ms: Some(2_999) }]);
    assert_eq!(books.playable(&asset.playback_ids[0].id).unwrap().0, &Playable::Asset("A".into()));
    let active = &books.deliveries().nth(4).unwrap().body["data"];
    assert_eq!(active["connected"], true);
    assert_eq!(active["active_asset_id"], "A");
    assert!(active["created_at"].is_number());
}

#[test]
fn a_recording_without_media_is_errored() {
    let mut books = books_with(stream(0));
    for event in [Event::Connected(1), began(1, "A"), Event::ConnectionLost(1)] {
        with_now(5, |now| books.stream_event(now, "S", event)).unwrap();
    }
    with_now(6, |now| books.asset_finished(now, "A", 0));
    assert!(matches!(books.asset("A").unwrap().status, AssetStatus::Errored(_)));
    assert!(types(&books).contains(&"asset.errored".to_owned()));
}

#[test]
fn webhooks_of_one_object_leave_one_by_one_and_a_poisoned_one_is_passed() {
    let mut books = books_with(stream(10));
    for what in ["a", "b"] {
        with_now(0, |now| books.announce_stream(now, "S", what));
    }
    let (leaving, _) = books.leaving(0, 8, 2);
    assert_eq!(leaving.len(), 1);
    let mut failed = leaving[0].clone();
    failed.due_ms = 1_000;
    failed.attempts.push(Attempt { at_ms: 0, status: 500 });
    books.put_delivery(failed.clone());
    assert_eq!(books.leaving(500, 8, 2), (vec![], Some(1_000)), "the second waits for the first");
    failed.attempts.push(Attempt { at_ms: 1_000, status: 500 });
    books.put_delivery(failed);
    let (leaving, _) = books.leaving(500, 8, 2);
    assert_eq!(leaving[0].body["type"], "video.live_stream.b");
}

#[test]
fn too_many_webhooks_give_up_the_oldest() {
    let mut books = books_with(stream(10));
    for _ in 0..books::DELIVERIES_MAX + 2 {
        with_now(0, |now| books.announce_stream(now, "S", "x"));
    }
    assert_eq!(books.deliveries().count(), books::DELIVERIES_MAX);
}

#[test]
fn after_a_restart_what_was_left_undone_is_asked_for_again() {
    let mut books = books_with(active(30));
    let asset = |id: &str, live: bool, clip: Option<Clip>| Asset {
        id: id.into(),
        seq: 9,
        created_ms: 0,
        live_stream_id: None,
        clip,
        playback_ids: vec![],
        passthrough: None,
        meta: None,
        video_quality: None,
        status: AssetStatus::Preparing,
        live,
        recording_times: vec![],
        duration_ms: None,
        size: None,
    };
    books.put_asset(asset("A", true, None));
    books.put_asset(asset("L", true, None));
    books.put_asset(asset("C", false, Some(Clip { source: "L".into(), start_ms: 0, end_ms: None })));
    let mut deeds = with_now(5, |now| books.restarted(now));
    deeds.sort_by_key(|deed| format!("{deed:?}"));
    assert_eq!(deeds, [Deed::CutClip("C".into()), Deed::FinishAsset("L".into())]);
}

#[test]
fn secrets_are_not_shown_by_debug() {
    let mut one = stream(10);
    one.stream_key = StreamKey("hunter2".into());
    assert!(!format!("{one:?}").contains("hunter2"));
}

fn any_event() -> impl Strategy<Value = Event> {
    let session = 1..4_u64;
    prop_oneof![
        session.clone().prop_map(Event::Connected),
        (session.clone(), "[A-C]").prop_map(|(session, asset)| Event::MediaBegan { session, asset }),
        session.clone().prop_map(Event::Playable),
        session.prop_map(Event::ConnectionLost),
        Just(Event::Due),
        Just(Event::Complete),
        Just(Event::Disable),
        Just(Event::Enable),
        Just(Event::Restarted),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_each_asset_that_began_is_finished_once_or_still_held(
        window_s in 0..3_u32,
        events in prop::collection::vec((0..3_000_i64, any_event()), 0..60),
    ) {
        let mut one = stream(window_s);
        let (mut ms, mut begun, mut finished) = (0, 0_usize, 0_usize);
        for (later_ms, event) in events {
            ms += later_ms;
            let before = one.clone();
            let effects = match one.apply(ms, event) {
                Ok(effects) => effects,
                Err(_) => {
                    prop_assert_eq!(&before, &one, "a refused event changes nothing");
                    continue;
                }
            };
            begun += effects.iter().filter(|effect| matches!(effect, Effect::BeginAsset(_))).count();
            finished += effects.iter().filter(|effect| matches!(effect, Effect::FinishAsset(_))).count();
            prop_assert_eq!(begun, finished + usize::from(one.asset().is_some()));
            prop_assert!(one.enabled || one.quiet());
            let was_over = matches!(&before.phase, Phase::Lost { until_ms, .. } if *until_ms <= ms);
            prop_assert!(!(was_over && matches!(one.phase, Phase::Returning { .. })), "past the window it is too late");
        }
    }
}
