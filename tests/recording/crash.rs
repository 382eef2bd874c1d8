//! `kill -9` on the way: this test binary starts itself again as the process that dies.

use crate::place::Place;
use crate::support::show;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Names the folder for the process that dies; not set in an ordinary run.
const FOLDER: &str = "RECORDING_CRASH_FOLDER";

#[tokio::test]
async fn the_process_that_dies() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let place = Place::at(folder.into()).await;
    place.archive(&place.archiver()).await.0.unwrap();
}

fn start(place: &Place) -> Child {
    let own = std::env::current_exe().unwrap();
    let args = ["crash::the_process_that_dies", "--exact"];
    let mut command = Command::new(own);
    command.args(args).env(FOLDER, &place.root).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

#[tokio::test]
async fn killed_at_any_moment_there_is_one_recording_in_the_end() {
    let mut kills = 0;
    for step_ms in [60, 140, 260] {
        let place = Place::new().await;
        show::record(&place.recording());
        for round in 1..=8 {
            let mut child = start(&place);
            // A place of chance: each time a little further on.
            tokio::time::sleep(Duration::from_millis(step_ms * round)).await;
            kills += u32::from(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(place.rows().await <= 1);
        }
        place.archive(&place.archiver()).await.0.unwrap();
        place.is_archived_once().await;
    }
    println!("{kills} of 24 kills came before the end");
}
