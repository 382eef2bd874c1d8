//! Errors and panics reach a Sentry, as a listener on this machine sees them.

use backstage::telemetry::logs::{LogSettings, start};
use backstage::telemetry::reports::{ReportSettings, Reports};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

/// Reads one HTTP request, answers it, gives its head and body.
fn receive(mut stream: TcpStream) -> Option<(String, String)> {
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut chunk).ok()?;
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            })?;
            if body.len() >= length {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").ok()?;
                return Some((head.to_owned(), body.to_owned()));
            }
        }
        if count == 0 {
            return None;
        }
    }
}

#[test]
fn an_error_and_a_panic_arrive_as_envelopes_without_anything_personal() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let dsn = format!("http://publickey@{}/42", listener.local_addr().unwrap());
    let (sender, received) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Some(request) = receive(stream) {
                let _ = sender.send(request);
            }
        }
    });
    start(&LogSettings { json: true, filter: "info".into() }).unwrap();
    let settings = ReportSettings { dsn, environment: "test".into(), release: "1.2.3".into() };
    let reports = Reports::start(&settings).unwrap();

    tracing::info!(stream = "s-1", "before it");
    tracing::error!(stream = "s-1", "the sky fell");
    let _ = std::thread::spawn(|| panic!("a planted panic")).join();
    reports.flush(Duration::from_secs(5));

    let first = received.recv_timeout(Duration::from_secs(10)).expect("an envelope");
    let second = received.recv_timeout(Duration::from_secs(10)).expect("a second envelope");
    for (head, body) in [&first, &second] {
        assert!(head.starts_with("POST /api/42/envelope/"), "{head}");
        assert!(head.to_lowercase().contains("publickey"), "{head}");
        assert!(body.contains("backstage@1.2.3") && body.contains("\"environment\":\"test\""));
        assert!(!body.contains("\"user\":{"));
    }
    let bodies = [first.1, second.1].concat();
    assert!(bodies.contains("the sky fell") && bodies.contains("s-1"));
    assert!(bodies.contains("a planted panic"));
    assert!(received.recv_timeout(Duration::from_millis(200)).is_err(), "only errors are reported");
}

#[test]
fn a_wrong_dsn_is_told_in_words() {
    let settings = ReportSettings { dsn: "nonsense".into(), environment: "test".into(), release: "1".into() };
    let Err(error) = Reports::start(&settings) else { panic!("it started") };
    assert!(error.contains("SENTRY_DSN"), "{error}");
}
