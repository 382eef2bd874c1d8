use super::*;
use crate::config::{Config, Sources};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn dir(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("backstage-doctor-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

fn config(env: &[(&str, &str)]) -> Config {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Config::load(&Sources { file: None, env }).unwrap()
}

/// A program that prints one line.
fn program(dir: &Path, line: &str) -> PathBuf {
    let path = dir.join(format!("program-{:x}", rand::random::<u32>()));
    std::fs::write(&path, format!("#!/bin/sh\necho '{line}'\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
async fn a_taken_port_is_a_fault_that_names_the_key() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    let silent = std::thread::spawn(move || drop(other.accept()));
    let found = ports::look(&config(&[("PORT", &port), ("BACKSTAGE__MQTT__PORT", "0")])).await.remove(0);
    assert_eq!(found.verdict, Verdict::Fault);
    assert!(found.sentence.contains("set server.port (PORT) to another port"), "{found:?}");
    silent.join().unwrap();
    let found = ports::look(&config(&[("PORT", "0")])).await.remove(0);
    assert_eq!(found.verdict, Verdict::Fine);
}

#[test]
fn an_unwritable_folder_is_a_fault() {
    // Root may write anywhere, but not into a file.
    let dir = dir("folder");
    let file = dir.join("a file");
    std::fs::write(&file, b"").unwrap();
    let found = folder::look(&file.join("data")).remove(0);
    assert_eq!(found.verdict, Verdict::Fault);
    assert!(found.sentence.contains("BACKSTAGE_DATA"), "{found:?}");
    let new = dir.join("new");
    let found = folder::look(&new);
    assert_eq!((found[0].verdict, found.len()), (Verdict::Fine, 2));
    assert!(!new.exists());
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_full_disk_is_a_fault_and_a_low_one_a_warning() {
    let verdicts = [50_000_000, 500_000_000, 5_000_000_000].map(|bytes| folder::room(bytes).verdict);
    assert_eq!(verdicts, [Verdict::Fault, Verdict::Warning, Verdict::Fine]);
}

#[tokio::test]
async fn an_unreachable_database_is_a_fault() {
    let found = database::look(&config(&[("DATABASE_URL", "postgres://u:hunter2@127.0.0.1:1/none")])).await;
    assert_eq!(found.verdict, Verdict::Fault);
    assert!(found.sentence.contains("DATABASE_URL") && !found.sentence.contains("hunter2"), "{found:?}");
    let dir = dir("database");
    let data = dir.to_str().unwrap();
    assert_eq!(database::look(&config(&[("BACKSTAGE_DATA", data)])).await.verdict, Verdict::Fine);
    std::fs::write(dir.join("backstage.db"), b"this is no database, but long enough to look like one").unwrap();
    assert_eq!(database::look(&config(&[("BACKSTAGE_DATA", data)])).await.verdict, Verdict::Fault);
    std::fs::remove_dir_all(dir).unwrap();
}

#[tokio::test]
async fn an_unreachable_media_server_is_a_fault() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let env = [("LIVEKIT_URL", "ws://127.0.0.1:1"), ("LIVEKIT_API_KEY", "k"), ("LIVEKIT_API_SECRET", "s")];
    let found = livekit::look(&config(&env)).await.remove(0);
    assert_eq!(found.verdict, Verdict::Fault);
    assert!(found.sentence.contains("LIVEKIT_URL"), "{found:?}");
}

#[tokio::test]
async fn an_existing_media_server_must_know_the_key_and_be_new_enough_and_on_time() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let old = "Sun, 06 Nov 1994 08:49:37 GMT";
    let look = async |version, date, knows_key| {
        let url = fake_livekit::serve(fake_livekit::Says { version, date, knows_key });
        let env = [("LIVEKIT_URL", url.as_str()), ("LIVEKIT_API_KEY", "key"), ("LIVEKIT_API_SECRET", "hunter2")];
        let found = livekit::look(&config(&env)).await;
        assert!(!format!("{found:?}").contains("hunter2"));
        found
    };
    let found = look("1.11.0", "", true).await;
    assert_eq!((found.len(), found[0].verdict), (1, Verdict::Fine), "{found:?}");
    assert!(found[0].sentence.contains("LiveKit 1.11.0 answers"), "{found:?}");
    let found = look("1.11.0", "", false).await.remove(0);
    assert!(found.verdict == Verdict::Fault && found.sentence.contains("LIVEKIT_API_SECRET"), "{found:?}");
    let found = look("1.4.2", "", true).await.remove(0);
    assert!(found.verdict == Verdict::Fault && found.sentence.contains("version 1.4.2; at least"), "{found:?}");
    let found = look("1.11.0", old, true).await;
    assert_eq!((found[1].part, found[1].verdict), ("clock", Verdict::Fault), "{found:?}");
}

#[test]
fn a_media_server_program_must_be_there_and_new_enough() {
    let dir = dir("program");
    let own = |line: &str| livekit::own(&program(&dir, line)).verdict;
    assert_eq!(own("livekit-server version 1.11.0"), Verdict::Fine);
    assert_eq!(own("livekit-server version 0.15.2"), Verdict::Fault);
    assert_eq!(own("hello"), Verdict::Warning);
    let missing = livekit::own(Path::new("/no/such/livekit-server"));
    assert_eq!(missing.verdict, Verdict::Fault);
    assert!(missing.sentence.contains("bin/setup"), "{missing:?}");
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn clocks_that_differ_are_told() {
    let verdicts = [-90_000, 8_000, 900].map(|ahead_ms| livekit::clock(ahead_ms).verdict);
    assert_eq!(verdicts, [Verdict::Fault, Verdict::Warning, Verdict::Fine]);
    assert!(livekit::clock(90_000).sentence.contains("90 s behind"));
}

#[tokio::test]
async fn neighbours_that_are_away_are_warnings() {
    let env = [("MQTT_URL", "mqtt://127.0.0.1:1"), ("BACKSTAGE__MAIL__SMTP_URL", "smtp://127.0.0.1:1")];
    let found = neighbours::look(&config(&env)).await;
    assert_eq!(found.iter().map(|finding| finding.verdict).collect::<Vec<_>>(), [Verdict::Warning; 2]);
}

#[test]
fn a_missing_ffmpeg_is_a_warning() {
    assert_eq!(programs::program_ffmpeg(Path::new("/no/such/ffmpeg"), true).verdict, Verdict::Warning);
}

#[test]
fn only_faults_make_the_report_unhealthy() {
    let report = |verdict| Report { findings: vec![Finding { part: "x", verdict, sentence: "y.".into() }] };
    assert!(report(Verdict::Warning).healthy());
    assert!(!report(Verdict::Fault).healthy());
    assert!(report(Verdict::Fault).to_string().contains("FAULT    x"));
    assert!(report(Verdict::Fine).json().contains("\"healthy\":true"));
    let problems = crate::config::Problems(vec!["server.prot is not a known key".into()]);
    assert!(!Report::of_problems(&problems).healthy());
}
