//! `backstage sandbox`, the program.

use crate::shop::client;
use backstage::adapters::stripe::NewCustomer;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

const KEY: &str = "sk_test_of_this_test";

fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_backstage"));
    program.arg("sandbox").env_remove("STRIPE_SECRET_KEY").kill_on_drop(true);
    program
}

#[actix_web::test]
async fn the_sandbox_runs_alone_and_takes_calls() {
    let mut child = program()
        .args(["--port", "0", "--secret-key", KEY])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let line = lines.next_line().await.unwrap().expect("it ended before it was ready");
            if let Some((_, rest)) = line.split_once("ready at ") {
                return rest.split(';').next().unwrap().to_owned();
            }
        }
    });
    let base_url = said.await.expect("it did not get ready");
    let ann = NewCustomer { email: Some("ann@example.com".into()), ..NewCustomer::default() };
    assert!(client(&base_url, KEY).create_customer(&ann, "one").await.unwrap().id.starts_with("cus_"));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id().unwrap() as i32), nix::sys::signal::SIGTERM).unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(10), child.wait()).await.unwrap().unwrap().success());
}

#[actix_web::test]
async fn a_real_key_is_refused_and_not_repeated() {
    let secret = ["sk", "live", "abcdef"].join("_");
    let refused = program().args(["--port", "0", "--secret-key", &secret]).output().await.unwrap();
    assert!(!refused.status.success());
    let words = String::from_utf8_lossy(&refused.stderr);
    assert!(words.contains("begins with sk_test_"), "{words}");
}
