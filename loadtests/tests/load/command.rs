//! `load` as people call it.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::folder::Folder;
use crate::server::Server;

async fn load(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_load")).args(arguments).kill_on_drop(true).output().await.unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

fn shipped(name: &str) -> String {
    format!("{}/scenarios/{name}.toml", env!("CARGO_MANIFEST_DIR"))
}

fn scenario(folder: &Folder, seconds: u32, join_ms: u32) -> String {
    let text = format!(
        r#"
name = "brief"
about = "three viewers"
[target]
space = "demo"
experience = "live"
[publisher]
kind = "creator"
email = "creator@example.com"
[[phase]]
name = "all"
seconds = {seconds}
viewers = 3
[limits]
join_ms_p95 = {join_ms}
errors_max = 0
"#
    );
    let path = folder.path().join("brief.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_exit_code_is_the_verdict_the_reports_are_written_and_ctrl_c_ends_the_show() {
    let (server, folder) = (Server::start(&[]).await, Folder::new());
    let out = folder.path().join("reports");
    let words = |path: &Path| path.to_str().unwrap().to_owned();
    for (join_ms, code, word) in [(30_000, 0, "PASSED"), (1, 1, "FAILED")] {
        let path = scenario(&folder, 4, join_ms);
        let output = load(&[&path, "--target", &server.url(), "--out", &words(&out)]).await;
        assert_eq!(output.status.code(), Some(code), "{}\n{}", said(&output), server.log());
        assert!(said(&output).contains(word) && said(&output).contains("1/4 s"), "{}", said(&output));
        let json: serde_json::Value = serde_json::from_slice(&std::fs::read(out.join("brief.json")).unwrap()).unwrap();
        assert_eq!((&json["passed"], &json["complete"]), (&(code == 0).into(), &true.into()));
        assert_eq!(json["join_ms"]["count"], 3);
        let page = std::fs::read_to_string(out.join("brief.html")).unwrap();
        assert_eq!(page.matches("<svg ").count(), 6);
    }
    // Ctrl-C: all go home and the show is ended; the report says that it was early.
    let path = scenario(&folder, 600, 30_000);
    let mut child = Command::new(env!("CARGO_BIN_EXE_load"))
        .args([&path, "--target", &server.url(), "--out", &words(&out)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = tokio::time::timeout(Duration::from_secs(60), lines.next_line()).await.unwrap().unwrap();
    assert!(line.is_some_and(|line| line.contains("1/600 s")));
    kill(Pid::from_raw(child.id().unwrap().try_into().unwrap()), Signal::SIGINT).unwrap();
    let output = tokio::time::timeout(Duration::from_secs(40), child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("FAILED: it was ended early"), "{}", said(&output));
    assert_eq!(server.log().matches("event=\"end\"").count(), 3, "three shows were ended: {}", server.log());
    server.stop().await;
}

#[tokio::test]
async fn a_stranger_is_never_loaded_and_mistakes_are_told() {
    let output = load(&[&shipped("ramp"), "--target", "http://192.0.2.1"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("--i-own-this-target"), "{}", said(&output));

    let folder = Folder::new();
    let path = folder.path().join("wrong.toml");
    std::fs::write(&path, "nam = \"x\"\n").unwrap();
    let output = load(&[path.to_str().unwrap(), "--target", "http://127.0.0.1:9"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("nam is not known") && said(&output).contains("name is missing"),
        "{}",
        said(&output)
    );

    let output = load(&[&shipped("join_storm"), "--target", "http://127.0.0.1:9", "--check"]).await;
    assert_eq!((output.status.code(), said(&output).as_str()), (Some(0), "join_storm: up to 100 viewers, 50 s\n"));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_in_a_sentence() {
    let output = load(&[&shipped("ramp"), "--target", "http://127.0.0.1:9"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("/dev/mail.json: no connection"), "{}", said(&output));
}
