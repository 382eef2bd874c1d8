//! Rooms, tokens and the start-up check.

use crate::stand::{Folder, WallClock, now, until};
use backstage::adapters::livekit::{CheckError, Endpoint, LiveKitRooms, Token, Tokens, check};
use backstage_actors::ports::{ProviderError, RoomSeen, Rooms};
use backstage_core::StreamId;
use tokio::net::TcpListener;

/// Joins as a browser would, with the token in the URL; the open socket holds the place.
pub async fn join(token: &Token) -> Result<reqwest::Upgraded, reqwest::StatusCode> {
    let url =
        format!("{}/rtc?protocol=16&auto_subscribe=1&access_token={}", token.url.replacen("ws", "http", 1), token.jwt);
    let request = reqwest::Client::new().get(url).header("connection", "upgrade").header("upgrade", "websocket");
    let answer = request
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .send()
        .await
        .unwrap();
    match answer.status() {
        reqwest::StatusCode::SWITCHING_PROTOCOLS => Ok(answer.upgrade().await.unwrap()),
        refused => Err(refused),
    }
}

#[actix_web::test]
async fn rooms_open_are_listed_and_close_and_every_call_may_be_repeated() {
    let folder = Folder::new();
    let server = folder.start().await.unwrap();
    let rooms = LiveKitRooms::new(server.endpoint(), "a");
    let foreign = LiveKitRooms::new(server.endpoint(), "b");
    let (stream, other): (StreamId, StreamId) = ("s1".parse().unwrap(), "s2".parse().unwrap());

    rooms.close(&stream).await.unwrap();
    assert_eq!(rooms.host_tracks(&stream).await, Ok(None));
    rooms.open(&stream).await.unwrap();
    rooms.open(&stream).await.unwrap();
    foreign.open(&other).await.unwrap();
    assert_eq!(rooms.list().await, Ok(vec![RoomSeen { stream: stream.clone() }]));
    assert_eq!(rooms.host_tracks(&stream).await, Ok(Some([].into())));

    let tokens = Tokens::new(server.endpoint(), "a");
    let host = join(&tokens.host(&stream, &"u1".parse().unwrap(), "Ada", now())).await.unwrap();
    let _first = join(&tokens.viewer(&stream, &"u2".parse().unwrap(), "n1", now())).await.unwrap();
    let _second = join(&tokens.viewer(&stream, &"u2".parse().unwrap(), "n2", now())).await.unwrap();
    let identities = || async {
        let seen = rooms.participants(&stream).await.unwrap().unwrap();
        seen.into_iter().map(|seen| seen.identity).collect::<std::collections::BTreeSet<_>>()
    };
    until("three in the room", || async { identities().await.len() == 3 }).await;
    assert_eq!(rooms.host_tracks(&stream).await, Ok(Some([].into())));

    assert_eq!(rooms.remove(&stream, "viewer:u2:").await, Ok(2));
    until("only the host", || async { identities().await == ["host:u1".to_owned()].into() }).await;

    rooms.close(&stream).await.unwrap();
    assert_eq!(rooms.host_tracks(&stream).await, Ok(None));
    assert_eq!(rooms.list().await, Ok(vec![]));
    assert_eq!(foreign.list().await, Ok(vec![RoomSeen { stream: other }]));
    drop(host);
    server.stop().await;
}

#[actix_web::test]
async fn a_room_outlives_its_people_and_lost_packets_can_be_asked_for() {
    let folder = Folder::new();
    let server = folder.start().await.unwrap();
    let endpoint = server.endpoint().clone();
    LiveKitRooms::new(&endpoint, "a").open(&"s1".parse().unwrap()).await.unwrap();
    let client = livekit_api::services::room::RoomClient::with_api_key(
        &endpoint.http_url(),
        &endpoint.api_key,
        &endpoint.api_secret,
    );
    let room = client.list_rooms(vec!["bp.a.s1".into()]).await.unwrap().remove(0);
    assert!(room.empty_timeout >= 86_400 && room.departure_timeout >= 86_400);
    assert!(room.enabled_codecs.iter().any(|codec| codec.mime.eq_ignore_ascii_case("video/rtx")));
    server.stop().await;
}

#[actix_web::test]
async fn a_stranger_is_not_let_in() {
    let folder = Folder::new();
    let server = folder.start().await.unwrap();
    let (stream, user) = ("s1".parse().unwrap(), "u".parse().unwrap());
    let forged = Endpoint { api_secret: "wrong-wrong-wrong-wrong-wrong-wrong".into(), ..server.endpoint().clone() };
    assert_eq!(join(&Tokens::new(&forged, "a").viewer(&stream, &user, "n", now())).await.err().unwrap(), 401);
    let expired = Tokens::new(server.endpoint(), "a").viewer(&stream, &user, "n", now() - 3_600_000);
    assert_eq!(join(&expired).await.err().unwrap(), 401);
    server.stop().await;
}

#[actix_web::test]
async fn what_is_wrong_with_a_livekit_is_told_in_words() {
    let folder = Folder::new();
    let server = folder.start().await.unwrap();
    let good = server.endpoint().clone();
    let seen = check(&good, "a", &WallClock).await.unwrap();
    assert_eq!(seen.version, "1.11.0");
    assert!(seen.clock_ahead_ms.unwrap().abs() < 5_000);

    let wrong_secret = Endpoint { api_secret: "wrong-wrong-wrong-wrong-wrong-wrong".into(), ..good.clone() };
    let error = check(&wrong_secret, "a", &WallClock).await.unwrap_err();
    assert!(matches!(error, CheckError::WrongSecret { .. }), "{error}");
    let wrong_key = Endpoint { api_key: "nobody".into(), ..good.clone() };
    let error = check(&wrong_key, "a", &WallClock).await.unwrap_err();
    assert!(matches!(error, CheckError::WrongSecret { .. }), "{error}");
    let refused = LiveKitRooms::new(&wrong_secret, "a").list().await.unwrap_err();
    assert!(matches!(refused, ProviderError::TryAgain(_)), "{refused}");
    server.stop().await;

    let error = check(&good, "a", &WallClock).await.unwrap_err();
    assert!(matches!(error, CheckError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("LIVEKIT_URL"), "{error}");
    let away = LiveKitRooms::new(&good, "a").open(&"s".parse().unwrap()).await.unwrap_err();
    assert!(matches!(away, ProviderError::TryAgain(_)), "{away}");
}

#[actix_web::test]
async fn a_silent_livekit_costs_no_more_than_the_time_out() {
    let _folder = Folder::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let endpoint = Endpoint { url, api_key: "k".into(), api_secret: "s".into() };
    let began = std::time::Instant::now();
    let answer = LiveKitRooms::new(&endpoint, "a").list().await.unwrap_err();
    assert!(matches!(answer, ProviderError::TryAgain(_)), "{answer}");
    assert!(began.elapsed() < std::time::Duration::from_secs(4));
}
