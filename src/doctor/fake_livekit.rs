//! A media server's answers, as far as the doctor asks: health, key check, and the version in the answer to a join.

use livekit_protocol as proto;
use prost::Message;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

/// What it says.
#[derive(Clone)]
pub struct Says {
    pub version: &'static str,
    pub date: &'static str,
    pub knows_key: bool,
}

/// Serves until the test ends; gives its address.
pub fn serve(says: Says) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let says = says.clone();
            std::thread::spawn(move || answer(stream.unwrap(), &says));
        }
    });
    url
}

fn answer(mut stream: TcpStream, says: &Says) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let head: Vec<String> = reader.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
    let Some(request) = head.first() else { return };
    let length = head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse::<u64>().ok());
    std::io::copy(&mut reader.take(length.unwrap_or(0)), &mut std::io::sink()).unwrap();
    let date = says.date;
    if request.contains(" /rtc") {
        let join = proto::JoinResponse {
            server_info: Some(proto::ServerInfo { version: says.version.into(), ..Default::default() }),
            ..Default::default()
        };
        let message = Some(proto::signal_response::Message::Join(join));
        let body = proto::SignalResponse { message }.encode_to_vec();
        let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&[0x82, u8::try_from(body.len()).unwrap()]).unwrap();
        stream.write_all(&body).unwrap();
        // The other side hangs up when it has read it.
        let _ = stream.read(&mut [0; 64]);
    } else if request.contains(" /twirp/") && !says.knows_key {
        let body = r#"{"code":"unauthenticated","msg":"invalid token"}"#;
        let head =
            format!("HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: {}", body.len());
        write!(stream, "{head}\r\nconnection: close\r\n\r\n{body}").unwrap();
    } else if request.contains(" /twirp/") {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/protobuf\r\ncontent-length: 0\r\nconnection: close";
        write!(stream, "{head}\r\n\r\n").unwrap();
    } else {
        write!(stream, "HTTP/1.1 200 OK\r\ndate: {date}\r\ncontent-length: 2\r\nconnection: close\r\n\r\nOK").unwrap();
    }
}
