use super::*;

fn running() -> Recorder {
    let mut recorder = Recorder::planned(true);
    assert_eq!(recorder.went_live(), Some(Wish::Start));
    assert_eq!(recorder.apply(Timestamp(5), RecorderEvent::Started), None);
    recorder
}

fn archive() -> Archive {
    Archive { key: "s".into(), duration_ms: 60_000, bytes: 1 }
}

#[test]
fn a_recording_is_kept_only_once_the_archive_says_so() {
    let mut recorder = running();
    assert_eq!(recorder.apply(Timestamp(6), RecorderEvent::Archived { archive: archive() }), None);
    assert_eq!(recorder, Recorder::Running { since: Timestamp(5) });
    assert_eq!(recorder.finished(), Some(Wish::Stop));
    assert!(!recorder.is_settled());
    assert_eq!(recorder.apply(Timestamp(7), RecorderEvent::Stopped { media: true }), Some(Wish::Archive));
    assert!(!recorder.is_settled());
    recorder.apply(Timestamp(8), RecorderEvent::Archived { archive: archive() });
    assert_eq!(recorder, Recorder::Kept { archive: archive() });
}

#[test]
fn a_lost_recorder_is_started_again_and_an_old_look_does_not_count() {
    let mut recorder = running();
    assert_eq!(recorder.apply(Timestamp(9), RecorderEvent::Lost { asked_at: Timestamp(4) }), None);
    assert_eq!(recorder.apply(Timestamp(9), RecorderEvent::Lost { asked_at: Timestamp(8) }), Some(Wish::Start));
    // It cannot: what is there is archived all the same.
    recorder.apply(Timestamp(10), RecorderEvent::StartRefused);
    assert_eq!(recorder, Recorder::Broken { since: Timestamp(5) });
    assert_eq!(recorder.finished(), Some(Wish::Stop));
}

#[test]
fn each_end_without_a_recording_has_its_reason() {
    let mut never = Recorder::planned(true);
    assert_eq!(never.finished(), None);
    assert_eq!(never, Recorder::Off { reason: OffReason::NeverLive });

    let mut refused = Recorder::planned(true);
    refused.went_live();
    refused.apply(Timestamp(1), RecorderEvent::StartRefused);
    assert_eq!((refused.finished(), refused), (None, Recorder::Refused));

    let mut empty = running();
    empty.finished();
    empty.apply(Timestamp(7), RecorderEvent::Stopped { media: false });
    assert_eq!(empty, Recorder::Empty);

    let mut failed = running();
    failed.finished();
    failed.apply(Timestamp(7), RecorderEvent::Stopped { media: true });
    failed.apply(Timestamp(8), RecorderEvent::ArchiveRefused);
    assert_eq!(failed, Recorder::Failed);
    for recorder in [Recorder::Refused, empty, failed] {
        assert!(recorder.is_settled());
    }
}

#[test]
fn what_has_begun_is_not_planned_anew() {
    let mut recorder = running();
    recorder.plan(false);
    assert!(recorder.is_running());
    let mut planned = Recorder::planned(false);
    planned.plan(true);
    assert_eq!(planned, Recorder::Planned);
}
