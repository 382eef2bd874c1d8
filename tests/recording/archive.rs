use crate::place::{Place, stream_path};
use crate::planned::{Plan, Planned};
use crate::support::show;
use backstage::adapters::storage::{Prefix, whole};
use backstage::objects::doomed;
use backstage::recording::archive::{ArchiveSettings, FAILURES_MAX};
use backstage::recording::store;
use backstage_actors::ports::Archiving;
use backstage_core::access::RecordingRule;
use backstage_media::bridge::recording::finish::FinishSettings;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// More steps than an archive of this size has.
const STEPS_MAX: usize = 100;

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_recording_becomes_one_film_in_the_archive() {
    let place = Place::new().await;
    show::record(&place.recording());
    let archiver = place.archiver();
    let asked = archiver.archive(&stream_path(), &place.recording()).await.unwrap();
    assert_eq!(asked, Archiving::Going);
    assert!(archiver.percent(&stream_path().stream).is_some());
    let archive = place.archive(&archiver).await.0.unwrap();
    let row = place.row().await;
    assert_eq!(archive, row.archived());
    assert_eq!((row.width, row.height, row.rule), (640, 360, RecordingRule::Experience));
    assert!((row.duration_ms - 2_000 * show::STRETCH_S).abs() < 100, "{}", row.duration_ms);
    assert_eq!(row.started_at.0, show::BEGIN_US / 1_000);
    assert_eq!((row.stretches.len(), row.cuts.len()), (2, 1));
    assert!((row.cuts[0].missing_ms - 1_000 * show::MISSING_S).abs() < 100, "{:?}", row.cuts);
    assert_eq!((row.expires_at, row.deleted_at), (None, None));
    place.is_archived_once().await;
    // Asked again, by anybody and ever so often, it is the same.
    assert_eq!(place.archive(&place.archiver()).await.0.unwrap(), archive);
    place.is_archived_once().await;
}

#[tokio::test]
async fn stopped_at_any_step_of_the_way_into_the_store_it_goes_on() {
    for plan in [Plan::StopsBefore, Plan::StopsAfter] {
        for at in 0..STEPS_MAX {
            let place = Place::new().await;
            show::record_finished(&place.recording()).await;
            let store = Planned::new(place.objects.clone(), plan, at);
            let archiver = place.archiver_with(store.clone(), ArchiveSettings::default());
            let reached = {
                let work = place.archive(&archiver);
                tokio::select! {
                    (done, _) = work => { done.unwrap(); false }
                    () = until("the step is reached", || store.reached.load(Ordering::SeqCst)) => true,
                }
            };
            drop(archiver);
            if !reached {
                assert!(at > 8, "only {at} steps");
                break;
            }
            assert_eq!(place.rows().await, 0, "{plan:?} at {at}: a row for what is not there");
            assert!(place.recording().exists());
            place.archive(&place.archiver()).await.0.unwrap();
            place.is_archived_once().await;
        }
    }
}

#[tokio::test]
async fn a_fault_of_the_store_is_tried_again() {
    for plan in [Plan::Fails, Plan::FailsAfter] {
        for at in 0..STEPS_MAX {
            let place = Place::new().await;
            show::record_finished(&place.recording()).await;
            let store = Planned::new(place.objects.clone(), plan, at);
            let archiver = place.archiver_with(store.clone(), ArchiveSettings::default());
            let (done, tries) = place.archive(&archiver).await;
            done.unwrap();
            let reached = store.reached.load(Ordering::SeqCst);
            assert_eq!(tries, u32::from(reached), "{plan:?} at {at}");
            place.is_archived_once().await;
            if !reached {
                break;
            }
        }
    }
}

/// A program that hangs when it is called the nth time, and is ffmpeg otherwise.
fn hangs_at(folder: &Path, nth: usize) -> PathBuf {
    let program = folder.join(format!("ffmpeg-{nth}"));
    let count = folder.join(format!("count-{nth}"));
    let script = format!(
        "#!/bin/sh\necho >>'{0}'\nif [ $(wc -l <'{0}') -eq {nth} ]; then touch '{0}.hangs'; exec sleep 600; fi\nexec ffmpeg \"$@\"\n",
        count.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
}

#[tokio::test]
async fn stopped_at_any_step_of_the_film_it_goes_on() {
    let mut steps = 0;
    for nth in 1.. {
        let place = Place::new().await;
        show::record(&place.recording());
        let finish = FinishSettings { ffmpeg: hangs_at(&place.root, nth), ..FinishSettings::default() };
        let archiver =
            place.archiver_with(place.objects.clone(), ArchiveSettings { finish, ..ArchiveSettings::default() });
        let hangs = place.root.join(format!("count-{nth}.hangs"));
        let reached = tokio::select! {
            (done, _) = place.archive(&archiver) => { done.unwrap(); false }
            () = until("the step is reached", || hangs.exists()) => true,
        };
        drop(archiver);
        if reached {
            steps += 1;
            assert_eq!(place.rows().await, 0);
            place.archive(&place.archiver()).await.0.unwrap();
        }
        place.is_archived_once().await;
        if !reached {
            break;
        }
    }
    assert!(steps >= 4, "only {steps} steps");
}

#[tokio::test]
async fn told_to_stop_it_stops_in_the_middle_and_begins_nothing_more() {
    let place = Place::new().await;
    show::record_finished(&place.recording()).await;
    let store = Planned::new(place.objects.clone(), Plan::StopsBefore, 3);
    let archiver = place.archiver_with(store.clone(), ArchiveSettings::default());
    tokio::select! {
        _ = place.archive(&archiver) => panic!("it did not stop"),
        () = until("the step is reached", || store.reached.load(Ordering::SeqCst)) => {}
    }
    let began = Instant::now();
    archiver.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5));
    for _ in 0..3 {
        assert_eq!(archiver.archive(&stream_path(), &place.recording()).await.unwrap(), Archiving::Going);
        assert_eq!(archiver.percent(&stream_path().stream), None);
    }
    place.archive(&place.archiver()).await.0.unwrap();
    place.is_archived_once().await;
}

#[tokio::test]
async fn stopped_between_the_row_and_the_end_of_the_folder_it_only_clears_up() {
    let place = Place::new().await;
    show::record_finished(&place.recording()).await;
    let archive = place.archive(&place.archiver()).await.0.unwrap();
    // As if the folder had not gone, or only some of it.
    show::record_finished(&place.recording()).await;
    std::fs::remove_file(place.recording().join("part-00001.mp4")).unwrap();
    assert_eq!(place.archive(&place.archiver()).await.0.unwrap(), archive);
    place.is_archived_once().await;
}

#[tokio::test]
async fn after_a_long_sleep_it_does_not_trust_what_may_be_deleted_at_any_moment() {
    let place = Place::new().await;
    show::record_finished(&place.recording()).await;
    let store = Planned::new(place.objects.clone(), Plan::StopsBefore, 6);
    let archiver = place.archiver_with(store.clone(), ArchiveSettings::default());
    tokio::select! {
        _ = place.archive(&archiver) => panic!("it did not stop"),
        () = until("the step is reached", || store.reached.load(Ordering::SeqCst)) => {}
    }
    drop(archiver);
    let before = place.keys().await;
    assert!(!before.is_empty());
    place.clock.0.fetch_add(doomed::KEEP_WITHIN_MS - 60_000, Ordering::Relaxed);
    place.archive(&place.archiver()).await.0.unwrap();
    let row = place.row().await;
    assert!(before.iter().all(|key| !key.as_str().starts_with(&row.folder)));
    place.is_archived_once().await;
}

#[tokio::test]
async fn a_film_that_cannot_be_made_is_given_up_and_its_folder_stays() {
    let place = Place::new().await;
    show::record(&place.recording());
    let finish = FinishSettings { ffmpeg: "/bin/false".into(), ..FinishSettings::default() };
    let archiver = place
        .archiver_with(place.objects.clone(), ArchiveSettings { finish, rest_ms: 0, ..ArchiveSettings::default() });
    let (refused, tries) = place.archive(&archiver).await;
    assert!(refused.unwrap_err().contains("ffmpeg failed to join the parts"));
    assert_eq!(tries, FAILURES_MAX - 1);
    assert!(place.recording().join("part-00001.mp4").exists());
    assert_eq!((place.rows().await, place.keys().await.len()), (0, 0));
    // Whoever repairs it asks again.
    place.archive(&place.archiver()).await.0.unwrap();
    place.is_archived_once().await;
}

#[tokio::test]
async fn without_anything_recorded_it_is_refused() {
    let place = Place::new().await;
    assert!(place.archive(&place.archiver()).await.0.unwrap_err().contains("gone"));
    std::fs::create_dir_all(place.recording()).unwrap();
    assert!(place.archive(&place.archiver()).await.0.unwrap_err().contains("nothing was recorded"));
    assert!(place.recording().exists());
}

#[tokio::test]
async fn a_deleted_recording_is_gone_with_its_objects_and_never_comes_back() {
    let place = Place::new().await;
    show::record_finished(&place.recording()).await;
    let settings = ArchiveSettings { keep_days: 3, ..ArchiveSettings::default() };
    let archive = place.archive(&place.archiver_with(place.objects.clone(), settings)).await.0.unwrap();
    let row = place.row().await;
    assert_eq!(row.expires_at, Some(row.created_at + 3 * 86_400_000));
    let now = row.created_at + 3 * 86_400_000;
    assert!(store::expired(&place.db, now - 1, 10).await.unwrap().is_empty());
    assert_eq!(store::expired(&place.db, now, 10).await.unwrap(), std::slice::from_ref(&row));
    let other = place.objects.put(&"posters/other.jpg".parse().unwrap(), whole("x")).await.unwrap();
    assert_eq!(other, 1);
    store::delete(&place.db, &row, now).await.unwrap();
    doomed::delete_due(&place.db, &*place.objects, now).await.unwrap();
    assert_eq!(place.keys().await.len(), 1, "only what is not of it");
    assert!(store::find(&place.db, &row.id).await.unwrap().is_none());
    assert!(store::expired(&place.db, now, 10).await.unwrap().is_empty());
    assert_eq!(place.archive(&place.archiver()).await.0.unwrap(), archive);
    assert_eq!(place.rows().await, 1);
    let left = place.objects.list(&Prefix::parse(&row.folder).unwrap(), None, 10).await.unwrap();
    assert!(left.objects.is_empty());
}
