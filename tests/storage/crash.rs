//! `kill -9` in the middle: this test binary starts itself again as the process that dies.

use crate::stand::{file_store, key};
use crate::temp::TempDir;
use backstage::adapters::storage::{Key, ObjectStore, whole};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Names the folder for the process that dies; not set in an ordinary run.
const FOLDER: &str = "STORAGE_CRASH_FOLDER";

fn object() -> Key {
    key("r/object.bin")
}

#[tokio::test]
async fn the_process_that_dies() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let store = file_store(Path::new(&folder));
    let mut round = 0_u8;
    loop {
        // Each object is made of one byte, so a mixture would be seen.
        let chunks = stream::iter((0..64).map(move |_| Ok(Bytes::from(vec![round; 16 << 10]))));
        store.put(&object(), chunks.boxed()).await.unwrap();
        round = round.wrapping_add(1);
    }
}

fn start(folder: &Path) -> Child {
    let own = std::env::current_exe().unwrap();
    let args = ["crash::the_process_that_dies", "--exact", "--nocapture"];
    Command::new(own).args(args).env(FOLDER, folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[tokio::test]
async fn killed_in_the_middle_of_a_put_the_old_object_or_the_new_one_is_there() {
    let folder = TempDir::new("storage-crash");
    file_store(folder.path()).put(&object(), whole(vec![0; 1 << 20])).await.unwrap();
    let mut drafts_left = 0;
    for round in 0..12 {
        let before = std::fs::metadata(folder.path().join("r/object.bin")).unwrap().modified().unwrap();
        let mut child = start(folder.path());
        // It has come to its work; then at a place of chance within a put.
        let began = Instant::now();
        while std::fs::metadata(folder.path().join("r/object.bin")).unwrap().modified().unwrap() == before {
            assert!(began.elapsed() < Duration::from_secs(30), "it does not put anything");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_micros(700 * round)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let bytes = file_store(folder.path()).get(&object(), None).await.unwrap().bytes(2 << 20).await.unwrap();
        assert_eq!(bytes.len(), 1 << 20);
        assert!(bytes.iter().all(|byte| *byte == bytes[0]), "two objects are mixed");
        drafts_left = std::fs::read_dir(folder.path().join(".new")).unwrap().count();
    }
    println!("{drafts_left} of 12 kills came in the middle of a put");
}
