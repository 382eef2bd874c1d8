//! The program as people start it: what keeps it from starting is said in a sentence on standard error, quickly, with
//! exit code 1, and without a panic or a secret.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a test stands in the world itself")]

#[path = "../support/temp.rs"]
mod temp;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use temp::TempDir;

/// A start that fails says so well within this.
const START_MAX: Duration = Duration::from_secs(30);

/// Starts the server on a folder of its own with these environment variables, and waits for its end.
fn start(folder: &TempDir, env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backstage"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("BACKSTAGE_DATA", folder.path().join("data"))
        .env("PORT", "0")
        // Nothing of ours may be spawned by a start that fails.
        .env("BACKSTAGE__LIVEKIT__EMBEDDED__PROGRAM", "/no/such/livekit-server")
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let process = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let (tell, ended) = mpsc::channel();
    std::thread::spawn(move || tell.send(child.wait_with_output()));
    ended.recv_timeout(START_MAX).map_or_else(
        |_| {
            let _ = kill(process, Signal::SIGKILL);
            panic!("it neither ended nor refused: {:?}", ended.recv());
        },
        Result::unwrap,
    )
}

/// It refused, saying all of `words`.
fn assert_refused(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is missing in: {said}");
    }
    assert!(!said.contains("panicked") && !said.contains("hunter2"), "{said}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    assert_refused(&start(&TempDir::new("start"), &[("PORT", &port)]), &[&port, "PORT"]);
}

#[test]
fn a_data_folder_that_cannot_be_written_is_named() {
    let folder = TempDir::new("start");
    let file = folder.path().join("a_file");
    std::fs::write(&file, "").unwrap();
    let inside = file.join("data");
    assert_refused(&start(&folder, &[("BACKSTAGE_DATA", inside.to_str().unwrap())]), &[inside.to_str().unwrap()]);
}

#[test]
fn every_mistake_in_the_configuration_is_told_at_once() {
    let mistakes = [("BACKSTAGE__STREAMS__GRAZE_MS", "1"), ("BACKSTAGE_ENV", "moon"), ("LIVEKIT_URL", "nonsense")];
    assert_refused(&start(&TempDir::new("start"), &mistakes), &["mistakes", "graze_ms", "moon", "livekit.url"]);
}

#[test]
fn a_media_server_program_that_is_missing_is_named_with_what_to_do() {
    assert_refused(&start(&TempDir::new("start"), &[]), &["/no/such/livekit-server", "bin/setup"]);
}

#[test]
fn a_database_that_cannot_be_reached_is_told_without_its_password() {
    let url = "postgres://backstage:hunter2@127.0.0.1:9/backstage";
    assert_refused(&start(&TempDir::new("start"), &[("DATABASE_URL", url)]), &["database"]);
}
