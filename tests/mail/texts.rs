//! Text messages to a small server of the test that answers as Twilio does.

use backstage::adapters::sms::twilio::TRIES_MAX;
use backstage::adapters::sms::{Twilio, TwilioError, TwilioSettings};
use backstage::config::Secret;
use backstage_core::phone::Phone;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

const SID: &str = "AC0123456789abcdef0123456789abcdef";
const SERVICE: &str = "MG0123456789abcdef0123456789abcdef";
const TOKEN: &str = "hush-0123456789";
const TAKEN: &str = r#"{"sid":"SM0123456789abcdef0123456789abcdef","status":"queued","error_code":null}"#;
/// Twilio's own words repeat the number.
const NO_NUMBER: &str =
    r#"{"code":21211,"message":"The 'To' number +34600123456 is not a valid phone number.","status":400}"#;

/// One request as it stood on the wire: head and body.
struct Request {
    head: String,
    body: String,
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = vec![];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let length = head.to_lowercase().split("content-length: ").nth(1).unwrap_or("0").to_owned();
            let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
            while bytes.len() < end + 4 + length {
                let mut more = [0; 1024];
                let count = stream.read(&mut more).await.unwrap();
                bytes.extend_from_slice(&more[..count]);
            }
            return Some(Request { head, body: String::from_utf8(bytes[end + 4..].to_vec()).unwrap() });
        }
        let mut more = [0; 1024];
        match stream.read(&mut more).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&more[..count]),
        }
    }
}

/// Answers with status and body, one after the other, the last again and again. Status 0: hangs up without an answer.
async fn server(answers: &'static [(u16, &'static str)]) -> (String, mpsc::UnboundedReceiver<Request>) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut asked = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            let Some(request) = read(&mut stream).await else { continue };
            let _ = sender.send(request);
            let (status, body) = answers[asked.min(answers.len() - 1)];
            asked += 1;
            if status > 0 {
                let head =
                    format!("HTTP/1.1 {status} Told\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            }
        }
    });
    (url, requests)
}

fn settings(base_url: &str, from: &str) -> TwilioSettings {
    TwilioSettings {
        account_sid: SID.into(),
        auth_token: Secret::new(TOKEN),
        from: from.into(),
        base_url: base_url.into(),
    }
}

async fn send(base_url: &str, from: &str) -> Result<(), TwilioError> {
    let to = Phone::parse("+34600123456").unwrap();
    Twilio::new(&settings(base_url, from)).unwrap().send(&to, "042042 is your code. ¿Sí & no?").await
}

fn asked(requests: &mut mpsc::UnboundedReceiver<Request>) -> usize {
    std::iter::from_fn(|| requests.try_recv().ok()).count()
}

#[tokio::test]
async fn a_text_is_asked_for_as_twilio_describes_it() {
    let (url, mut requests) = server(&[(201, TAKEN)]).await;
    send(&url, "+15005550006").await.unwrap();
    let request = requests.recv().await.unwrap();
    let head = request.head.to_lowercase();
    assert!(request.head.starts_with(&format!("POST /2010-04-01/Accounts/{SID}/Messages.json HTTP/1.1")));
    // base64 of SID:TOKEN
    assert!(request.head.contains("Basic QUMwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjpodXNoLTAxMjM0NTY3ODk="));
    assert!(head.contains("content-type: application/x-www-form-urlencoded"), "{head}");
    let form: Vec<(String, String)> = url::form_urlencoded::parse(request.body.as_bytes()).into_owned().collect();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let body = pair("Body", "042042 is your code. ¿Sí & no?");
    assert_eq!(form, [pair("To", "+34600123456"), pair("From", "+15005550006"), body.clone()]);

    send(&url, SERVICE).await.unwrap();
    let request = requests.recv().await.unwrap();
    let form: Vec<(String, String)> = url::form_urlencoded::parse(request.body.as_bytes()).into_owned().collect();
    assert_eq!(form, [pair("To", "+34600123456"), pair("MessagingServiceSid", SERVICE), body]);
}

#[tokio::test]
async fn only_what_was_surely_not_taken_is_tried_again() {
    let (url, mut requests) = server(&[(429, r#"{"code":20429}"#), (201, TAKEN)]).await;
    send(&url, SERVICE).await.unwrap();
    assert_eq!(asked(&mut requests), 2);
    let (url, mut requests) = server(&[(429, "")]).await;
    assert_eq!(send(&url, SERVICE).await, Err(TwilioError::SlowDown));
    assert_eq!(asked(&mut requests), TRIES_MAX as usize);
    // A lost answer and trouble there may have sent it.
    for answer in [&[(0, ""), (201, TAKEN)], &[(500, "{}"), (201, TAKEN)], &[(503, "no"), (201, TAKEN)]] {
        let (url, mut requests) = server(answer).await;
        assert!(matches!(send(&url, SERVICE).await, Err(TwilioError::Unclear(_))), "{answer:?}");
        assert_eq!(asked(&mut requests), 1, "{answer:?}");
    }
}

#[tokio::test]
async fn an_answer_that_never_comes_is_waited_for_no_longer_than_its_time_out() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let silent = tokio::spawn(async move {
        let mut held = vec![];
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    let answer = tokio::time::timeout(Duration::from_secs(15), send(&url, SERVICE)).await.expect("no time-out");
    assert!(matches!(answer, Err(TwilioError::Unclear(_))), "{answer:?}");
    silent.abort();
}

#[tokio::test]
async fn refusals_are_final_and_repeat_neither_number_nor_token() {
    let (url, mut requests) = server(&[(400, NO_NUMBER)]).await;
    let refused = send(&url, SERVICE).await.unwrap_err();
    assert_eq!(refused, TwilioError::Refused { status: 400, code: 21211 });
    let (url, mut more) = server(&[(401, r#"{"code":20003,"message":"Authenticate","status":401}"#)]).await;
    let account = send(&url, SERVICE).await.unwrap_err();
    assert_eq!(account, TwilioError::Account { status: 401, code: 20003 });
    // No address is followed elsewhere, with the token along.
    let (url, mut moved) = server(&[(307, "")]).await;
    assert!(matches!(send(&url, SERVICE).await, Err(TwilioError::Refused { status: 307, .. })));
    assert_eq!((asked(&mut requests), asked(&mut more), asked(&mut moved)), (1, 1, 1));
    for error in [refused, account] {
        let said = format!("{error} {error:?}");
        assert!(!said.contains("600123456") && !said.contains(TOKEN), "{said}");
    }
    let client = Twilio::new(&settings("https://api.twilio.com", SERVICE)).unwrap();
    assert!(!format!("{client:?}").contains(TOKEN));
}

#[tokio::test]
async fn a_provider_that_is_away_is_told_after_all_tries() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(send(&format!("http://{closed}"), SERVICE).await, Err(TwilioError::Unreachable));
}

#[tokio::test]
async fn settings_that_cannot_work_are_told_before_anything_is_sent() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    for wrong in [
        settings("http://api.twilio.com", SERVICE),
        settings("https://api.twilio.com", "600 123 456"),
        settings("https://api.twilio.com", "+1 500 555 0006"),
        TwilioSettings { account_sid: "AC../../x".into(), ..settings("https://api.twilio.com", SERVICE) },
    ] {
        assert!(matches!(Twilio::new(&wrong), Err(TwilioError::Settings(_))), "{wrong:?}");
        assert_eq!(wrong.wrong().len(), 1, "{wrong:?}");
    }
}
