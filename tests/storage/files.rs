//! What is the store of files' own.

use crate::stand::{file_store, files, key};
use backstage::adapters::storage::{StorageError, whole};
use std::fs::{File, FileTimes};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

#[tokio::test]
async fn objects_are_plain_files_that_only_their_owner_reads() {
    let stand = files();
    stand.store.put(&key("a/b.txt"), whole("x")).await.unwrap();
    let file = stand.folder.path().join("a/b.txt");
    assert_eq!(std::fs::read(&file).unwrap(), b"x");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(stand.folder.path().join("a")).unwrap().permissions().mode() & 0o777, 0o700);
    stand.store.delete(&key("a/b.txt")).await.unwrap();
    assert!(!stand.folder.path().join("a").exists(), "an empty folder stays");
    assert!(stand.folder.path().exists());
}

#[tokio::test]
async fn a_key_below_another_object_is_refused() {
    let stand = files();
    stand.store.put(&key("a/b"), whole("x")).await.unwrap();
    for wrong in ["a", "a/b/c"] {
        let put = stand.store.put(&key(wrong), whole("y")).await;
        assert!(matches!(put, Err(StorageError::Final(_))), "{put:?}");
    }
    assert_eq!(std::fs::read_dir(stand.folder.path().join(".new")).unwrap().count(), 0, "drafts stay");
}

#[tokio::test]
async fn a_start_clears_away_old_leftovers_only() {
    let stand = files();
    let upload = stand.store.begin(&key("a")).await.unwrap();
    let old_upload = stand.store.begin(&key("b")).await.unwrap();
    let drafts = stand.folder.path().join(".new");
    let uploads = stand.folder.path().join(".uploads");
    std::fs::write(drafts.join("young"), b"x").unwrap();
    std::fs::write(drafts.join("old"), b"x").unwrap();
    let long_ago = FileTimes::new().set_modified(SystemTime::now() - Duration::from_secs(8 * 86_400));
    File::options().write(true).open(drafts.join("old")).unwrap().set_times(long_ago).unwrap();
    File::open(uploads.join(&old_upload.id)).unwrap().set_times(long_ago).unwrap();
    let _again = file_store(stand.folder.path());
    assert!(drafts.join("young").exists() && !drafts.join("old").exists());
    assert!(uploads.join(&upload.id).exists() && !uploads.join(&old_upload.id).exists());
}

#[tokio::test]
async fn an_upload_of_others_is_no_upload() {
    let stand = files();
    let mut upload = stand.store.begin(&key("a")).await.unwrap();
    upload.key = key("b");
    assert!(matches!(stand.store.complete(&upload, &[]).await, Err(StorageError::NoSuchUpload)));
    for id in ["", "../..", "..%2f", "/etc"] {
        upload.id = id.into();
        assert!(matches!(stand.store.part(&upload, 1, "x".into()).await, Err(StorageError::NoSuchUpload)), "{id}");
        stand.store.abort(&upload).await.unwrap();
    }
}

#[tokio::test]
async fn puts_and_deletes_in_one_folder_do_not_trip_over_each_other() {
    let stand = files();
    let work = (0..40).map(|n| {
        let store = stand.store.clone();
        async move {
            for _ in 0..5 {
                let at = key(&format!("x/y/{n}"));
                store.put(&at, whole("1")).await.unwrap();
                store.delete(&at).await.unwrap();
            }
        }
    });
    futures_util::future::join_all(work).await;
    assert!(!stand.folder.path().join("x").exists());
}
