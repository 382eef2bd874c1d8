//! Mail over real SMTP and texts over real HTTP, to small servers of the test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a test stands in the world itself")]

mod texts;

use backstage::adapters::mail::{Mail, Post, SmtpMail, SmtpSettings};
use backstage_actors::ports::ProviderError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Speaks as much SMTP (RFC 5321) as a sender needs; answers RCPT with `answers`, one after the other, the last again and again.
async fn serve(
    stream: TcpStream,
    mails: mpsc::UnboundedSender<String>,
    asked: Arc<AtomicU32>,
    answers: &'static [&'static str],
) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 test\r\n").await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        let answer = match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => "250 test",
            "RCPT" => {
                let count = asked.fetch_add(1, Ordering::SeqCst) as usize;
                answers[count.min(answers.len() - 1)]
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await.unwrap();
                let mut mail = String::new();
                while let Ok(Some(line)) = lines.next_line().await {
                    if line == "." {
                        break;
                    }
                    mail.push_str(&line);
                    mail.push('\n');
                }
                let _ = mails.send(mail);
                "250 taken"
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        if write.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn server(answers: &'static [&'static str]) -> (SmtpMail, mpsc::UnboundedReceiver<String>, Arc<AtomicU32>) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let (sender, mails) = mpsc::unbounded_channel();
    let asked = Arc::new(AtomicU32::new(0));
    let counted = asked.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, sender.clone(), counted.clone(), answers));
        }
    });
    let settings = SmtpSettings { url, from: "Backstage Pass <hello@example.com>".into() };
    (SmtpMail::new(&settings).unwrap(), mails, asked)
}

fn mail(to: &str) -> Mail {
    Mail { to: to.into(), subject: "Your code".into(), text: "It is 042042.".into(), code: None, key: "code-1".into() }
}

#[tokio::test]
async fn a_mail_arrives_with_its_key_as_message_id() {
    let (post, mut mails, _) = server(&["250 ok"]).await;
    post.send(mail("ada@example.com")).await.unwrap();
    let mail = mails.recv().await.unwrap();
    for part in ["Message-ID: <code-1@example.com>", "To: ada@example.com", "Subject: Your code", "It is 042042."] {
        assert!(mail.contains(part), "{part} is missing in\n{mail}");
    }
}

#[tokio::test]
async fn trouble_that_passes_is_tried_again() {
    let (post, mut mails, asked) = server(&["451 later", "250 ok"]).await;
    post.send(mail("ada@example.com")).await.unwrap();
    assert!(mails.recv().await.is_some());
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_refusal_is_final_at_once() {
    let (post, _, asked) = server(&["550 nobody of that name"]).await;
    let answer = post.send(mail("nobody@example.com")).await.unwrap_err();
    assert!(matches!(answer, ProviderError::Final(_)), "{answer}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let answer = post.send(mail("not an address")).await.unwrap_err();
    assert!(matches!(answer, ProviderError::Final(_)), "{answer}");
}

#[tokio::test]
async fn a_mail_server_that_is_away_is_told_after_all_tries() {
    let (_, _, _) = server(&["250 ok"]).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let settings = SmtpSettings { url: format!("smtp://{closed}"), from: "a@example.com".into() };
    let answer = SmtpMail::new(&settings).unwrap().send(mail("ada@example.com")).await.unwrap_err();
    assert!(matches!(answer, ProviderError::TryAgain(_)), "{answer}");
}

#[tokio::test]
async fn wrong_settings_are_told_without_the_password() {
    let settings = SmtpSettings { url: "http://ada:hush@x".into(), from: "a@example.com".into() };
    let Err(error) = SmtpMail::new(&settings) else { panic!("it was taken") };
    assert!(error.contains("smtps://") && !error.contains("hush"), "{error}");
}
