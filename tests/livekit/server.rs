//! The supervised process: kept alive, adopted, ended.

use crate::stand::{Folder, WallClock, is_running, now, until};
use backstage::adapters::livekit::{LiveKitServer, LiveKitSettings, LiveKitStatus, ServerError, Tokens, check};
use backstage_actors::fakes::Silent;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

fn pid(server: &LiveKitServer) -> i32 {
    match server.status() {
        LiveKitStatus::Running { pid, .. } => pid,
        other => panic!("{other:?}"),
    }
}

#[actix_web::test]
async fn a_killed_server_comes_back_with_the_same_url_and_keys() {
    let folder = Folder::new();
    let server = folder.start().await.unwrap();
    let (first, endpoint) = (pid(&server), server.endpoint().clone());
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    server.call_after_restart(move || {
        counted.fetch_add(1, Ordering::SeqCst);
    });

    kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
    until("the restart", || async { server.restarts() == 1 }).await;

    assert_ne!(pid(&server), first);
    assert_eq!(server.endpoint(), &endpoint);
    assert_eq!(check(&endpoint, "t", &WallClock).await.unwrap().version, "1.11.0");
    until("the callback", || async { calls.load(Ordering::SeqCst) == 1 }).await;
    let second = pid(&server);
    server.stop().await;
    assert!(!is_running(second));
}

#[actix_web::test]
async fn after_a_crash_of_ours_the_running_server_is_adopted_and_later_ended() {
    let folder = Folder::new();
    let server = folder.start().await.unwrap();
    let (first, endpoint) = (pid(&server), server.endpoint().clone());
    server.abandon().await;
    assert!(is_running(first));

    let server = folder.start().await.unwrap();
    assert_eq!(server.status(), LiveKitStatus::Running { pid: first, adopted: true });
    assert_eq!(server.endpoint(), &endpoint);

    // An adopted one that dies is replaced as well.
    kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
    until("the restart", || async { server.restarts() == 1 }).await;
    let second = pid(&server);
    server.abandon().await;
    let server = folder.start().await.unwrap();
    assert_eq!(pid(&server), second);
    server.stop().await;
    assert!(!is_running(second));
}

#[actix_web::test]
async fn a_server_with_another_configuration_is_ended_and_not_adopted() {
    let folder = Folder::new();
    let server = folder.start().await.unwrap();
    let (first, endpoint) = (pid(&server), server.endpoint().clone());
    server.abandon().await;

    let server = LiveKitServer::start(folder.settings_for("http://127.0.0.1:10/webhooks/livekit"), Arc::new(Silent))
        .await
        .unwrap();
    assert!(!is_running(first));
    assert_ne!(pid(&server), first);
    assert_eq!(server.endpoint(), &endpoint, "ports and keys are kept");
    server.stop().await;
}

#[actix_web::test]
async fn a_taken_port_makes_it_choose_others() {
    let folder = Folder::new();
    let server = folder.start().await.unwrap();
    let endpoint = server.endpoint().clone();
    server.stop().await;

    let taken = std::net::TcpListener::bind(endpoint.url.strip_prefix("ws://").unwrap()).unwrap();
    let server = folder.start().await.unwrap();
    assert_ne!(server.endpoint().url, endpoint.url);
    assert_eq!(server.endpoint().api_secret, endpoint.api_secret);
    drop(taken);
    server.stop().await;
}

#[actix_web::test]
async fn a_second_server_on_the_same_folder_is_refused() {
    let folder = Folder::new();
    let server = folder.start().await.unwrap();
    assert!(matches!(folder.start().await, Err(ServerError::InUse(_))));
    server.stop().await;
}

#[actix_web::test]
async fn keys_are_for_our_eyes_only_and_only_media_over_tcp_listens_beyond_loopback() {
    let folder = Folder::new();
    let server = folder.start().await.unwrap();
    for file in ["keys.json", "livekit.yaml", "livekit.pid", "livekit.log"] {
        let mode = std::fs::metadata(folder.0.join("livekit").join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let inodes: Vec<String> = std::fs::read_dir(format!("/proc/{}/fd", pid(&server)))
        .unwrap()
        .filter_map(|file| std::fs::read_link(file.ok()?.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let keys = std::fs::read_to_string(folder.0.join("livekit/keys.json")).unwrap();
    let media = serde_json::from_str::<serde_json::Value>(&keys).unwrap()["ports"]["tcp"].as_u64().unwrap();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        for line in std::fs::read_to_string(format!("/proc/net/{table}")).unwrap().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let listens = fields[3] == "0A" || table.starts_with("udp");
            if listens && inodes.iter().any(|inode| inode == fields[9]) {
                let everywhere = table.starts_with("tcp") && fields[1].ends_with(&format!(":{media:04X}"));
                assert!(everywhere || fields[1].starts_with("0100007F:"), "{table}: {}", fields[1]);
            }
        }
    }
    server.stop().await;
}

#[actix_web::test]
async fn a_missing_program_is_told_in_words() {
    let folder = Folder::new();
    let settings = LiveKitSettings { binary: "/nowhere/livekit-server".into(), ..folder.settings() };
    let Err(error) = LiveKitServer::start(settings, Arc::new(Silent)).await else { panic!("it started") };
    assert!(error.to_string().contains("BACKSTAGE_LIVEKIT_BIN"), "{error}");
}

#[actix_web::test]
async fn a_process_that_outlived_a_lost_record_is_ended_before_a_new_one_starts() {
    let folder = Folder::new();
    let server = folder.start().await.unwrap();
    let first = pid(&server);
    server.abandon().await;
    // As if we had died between its start and its record.
    std::fs::remove_file(folder.0.join("livekit/livekit.pid")).unwrap();

    let server = folder.start().await.unwrap();
    assert!(!is_running(first));
    server.stop().await;
}

#[actix_web::test]
async fn it_ends_at_once_although_somebody_is_connected() {
    let folder = Folder::new();
    let server = folder.start().await.unwrap();
    let (first, tokens) = (pid(&server), Tokens::new(server.endpoint(), "a"));
    let token = tokens.host(&"s1".parse().unwrap(), &"u".parse().unwrap(), "Ada", now());
    let _held = crate::rooms::join(&token).await.unwrap();
    let began = std::time::Instant::now();
    server.stop().await;
    assert!(!is_running(first));
    assert!(began.elapsed() < std::time::Duration::from_secs(5));
}

#[actix_web::test]
async fn a_process_that_cannot_be_asked_to_end_is_killed() {
    let folder = Folder::new();
    let server = folder.start().await.unwrap();
    let first = pid(&server);
    kill(Pid::from_raw(first), Signal::SIGSTOP).unwrap();
    server.stop().await;
    assert!(!is_running(first));
}
