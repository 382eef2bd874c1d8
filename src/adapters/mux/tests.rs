use super::webhook::{Event, Forged, parse, verify};
use super::*;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use backstage_media::origin::credentials::new_signing_pair;
use backstage_media::origin::webhooks::signature;
use backstage_media::origin::{ApiFault, Faults, Origin, Rate, Settings};
use base64::Engine;
use serde_json::{Map, Value, json};
use std::sync::atomic::{AtomicU32, Ordering};

/// An origin and a client of it.
struct House {
    origin: Origin,
    mux: Mux,
    faults: Faults,
    data: std::path::PathBuf,
}

impl House {
    async fn open() -> House {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let data = std::env::temp_dir().join(format!("backstage-mux-{:x}", rand::random::<u64>()));
        let settings = Settings::local(&data);
        let faults = settings.faults.clone();
        let origin = Origin::start(settings).await.unwrap();
        let secrets = origin.credentials();
        let mux = client(origin.base_url(), &secrets.token_id, &secrets.token_secret);
        House { origin, mux, faults, data }
    }

    async fn close(self) {
        self.origin.stop().await;
        std::fs::remove_dir_all(self.data).unwrap();
    }
}

fn client(base_url: &str, id: &str, secret: &str) -> Mux {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let access =
        Access { base_url: base_url.into(), token_id: id.into(), token_secret: Secret::new(secret), rates: None };
    Mux::new(access).unwrap()
}

fn new_stream() -> NewLiveStream {
    let target =
        NewTarget { url: "rtmp://127.0.0.1/app".into(), stream_key: Secret::new("k"), passthrough: "twitch".into() };
    NewLiveStream {
        passthrough: "stream 1".into(),
        policy: Policy::Signed,
        reconnect_window_s: 45,
        targets: vec![target],
    }
}

#[actix_web::test]
async fn the_origin_understands_every_call_that_we_make() {
    let House { origin, mux, faults: _, data } = House::open().await;
    let made = mux.create_live_stream(&new_stream()).await.unwrap();
    assert_eq!((made.status, made.reconnect_window), (LiveStatus::Idle, 45.0));
    assert_eq!(made.playback_ids[0].policy, Policy::Signed);
    assert!(made.created_at > 1_700_000_000 && !made.stream_key.is_empty());
    assert_eq!(mux.live_stream(&made.id).await.unwrap(), made);
    assert_eq!(mux.live_streams(1, 100).await.unwrap().len(), 1);
    assert_eq!(mux.live_stream_of("stream 1").await.unwrap(), Some(made.clone()));
    assert_eq!(mux.live_stream_of("stream 2").await.unwrap(), None);
    assert_eq!(mux.set_reconnect_window(&made.id, 9).await.unwrap().reconnect_window, 9.0);
    assert_ne!(mux.reset_stream_key(&made.id).await.unwrap().stream_key, made.stream_key);
    let id = mux.add_playback_id(&made.id, Policy::Public).await.unwrap();
    let owner = mux.owner_of(&id.id).await.unwrap();
    assert_eq!((owner.object.r#type.as_str(), owner.object.id.as_str()), ("live_stream", made.id.as_str()));
    mux.delete_playback_id(&made.id, &id.id).await.unwrap();
    let target = &made.simulcast_targets[0];
    assert_eq!(mux.target(&made.id, &target.id).await.unwrap().status, TargetStatus::Idle);
    mux.delete_target(&made.id, &target.id).await.unwrap();
    assert_eq!(mux.add_target(&made.id, &new_stream().targets[0]).await.unwrap().passthrough.unwrap(), "twitch");
    mux.disable(&made.id).await.unwrap();
    assert_eq!(mux.live_stream(&made.id).await.unwrap().status, LiveStatus::Disabled);
    mux.enable(&made.id).await.unwrap();
    mux.complete(&made.id).await.unwrap();
    assert_eq!(mux.assets(Some(&made.id), 1).await.unwrap(), vec![]);
    let key = mux.create_signing_key().await.unwrap();
    assert!(Signer::new(&key.id, &key.private_key).is_ok());
    assert_eq!(mux.signing_keys().await.unwrap().len(), 2);
    mux.delete_signing_key(&key.id).await.unwrap();
    assert!(!mux.whoami().await.unwrap().environment_id.is_empty());
    mux.delete_live_stream(&made.id).await.unwrap();
    mux.delete_live_stream(&made.id).await.unwrap();
    assert_eq!(mux.live_stream(&made.id).await, Err(MuxError::NotFound));
    assert_eq!(mux.asset("../live-streams?x=").await, Err(MuxError::NotFound));
    assert!(matches!(mux.clip("none", 0.0, 2.0, Policy::Public, "").await, Err(MuxError::Final(_))));
    origin.stop().await;
    std::fs::remove_dir_all(data).unwrap();
}

#[actix_web::test]
async fn what_may_be_repeated_is_and_what_may_not_is_unsure() {
    let house = House::open().await;
    let made = house.mux.create_live_stream(&new_stream()).await.unwrap();
    house.faults.api(ApiFault::Broken, 2);
    assert!(house.mux.live_stream(&made.id).await.is_ok());
    house.faults.api(ApiFault::Broken, 3);
    assert!(matches!(house.mux.live_stream(&made.id).await, Err(MuxError::TryAgain(_))));
    house.faults.api(ApiFault::TooMany(0), 1);
    assert!(house.mux.create_live_stream(&NewLiveStream { passthrough: "b".into(), ..new_stream() }).await.is_ok());
    house.faults.api(ApiFault::BrokenAfterwards, 1);
    let lost = NewLiveStream { passthrough: "lost".into(), ..new_stream() };
    assert!(matches!(house.mux.create_live_stream(&lost).await, Err(MuxError::Unsure(_))));
    assert!(house.mux.live_stream_of("lost").await.unwrap().is_some(), "and then it is looked for");
    house.faults.api(ApiFault::TooMany(3_600), 1);
    assert!(matches!(house.mux.live_stream(&made.id).await, Err(MuxError::TryAgain(_))), "an hour is not waited for");
    let secrets = house.origin.credentials();
    let stranger = client(house.origin.base_url(), &secrets.token_id, "wrong");
    assert!(matches!(stranger.whoami().await, Err(MuxError::TryAgain(_))));
    house.close().await;
}

#[actix_web::test]
async fn nobody_there_is_tried_again_later_and_says_no_secret() {
    let nobody = client("http://127.0.0.1:9", "id", "hunter2");
    let error = nobody.create_live_stream(&new_stream()).await.unwrap_err();
    assert!(matches!(error, MuxError::TryAgain(_)), "{error:?}");
    assert!(!format!("{nobody:?} {error}").contains("hunter2"));
}

#[actix_web::test]
async fn unknown_fields_and_words_are_tolerated_and_only_known_ones_sent() {
    async fn answer(body: web::Bytes, request: HttpRequest) -> HttpResponse {
        let sent: Value = serde_json::from_slice(&body).unwrap();
        assert!(request.headers().contains_key("authorization"));
        assert_eq!(sent["reconnect_window"], 45);
        assert!(sent.get("meta").is_none(), "nothing that may become public");
        HttpResponse::Created().json(json!({"data": {
            "id": "x", "status": "warming", "stream_key": "k", "new": {"a": 1}, "created_at": 5,
            "playback_ids": [{"id": "p", "policy": "secret"}],
        }, "meta": 1}))
    }
    let server = HttpServer::new(|| App::new().default_service(web::to(answer)))
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", 0))
        .unwrap();
    let mux = client(&format!("http://{}/", server.addrs()[0]), "id", "secret");
    let running = server.run();
    let handle = running.handle();
    let (made, ()) = tokio::join!(
        async {
            let made = mux.create_live_stream(&new_stream()).await.unwrap();
            handle.stop(false).await;
            made
        },
        async { running.await.unwrap() }
    );
    assert_eq!((made.status, made.created_at), (LiveStatus::Unknown, 5));
    assert_eq!(made.playback_ids[0].policy, Policy::Unknown);
}

#[actix_web::test]
async fn calls_wait_for_their_turn() {
    let count = std::sync::Arc::new(AtomicU32::new(0));
    let seen = count.clone();
    let server = HttpServer::new(move || {
        let seen = seen.clone();
        App::new().default_service(web::to(move || {
            seen.fetch_add(1, Ordering::Relaxed);
            async { HttpResponse::Ok().json(json!({"data": {"environment_id": "e"}})) }
        }))
    })
    .workers(1)
    .disable_signals()
    .bind(("127.0.0.1", 0))
    .unwrap();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let rate = Rate { per_s: 10.0, burst: 1 };
    let mux = Mux::new(Access {
        base_url: format!("http://{}", server.addrs()[0]),
        token_id: "id".into(),
        token_secret: Secret::new("secret"),
        rates: Some(Rates { post: rate, other: rate }),
    })
    .unwrap();
    let running = server.run();
    let handle = running.handle();
    let began = Instant::now();
    tokio::join!(
        async {
            for _ in 0..4 {
                mux.whoami().await.unwrap();
            }
            handle.stop(false).await;
        },
        async { running.await.unwrap() }
    );
    assert!(began.elapsed() >= Duration::from_millis(290));
    assert_eq!(count.load(Ordering::Relaxed), 4);
}

#[test]
fn a_token_names_its_key_twice_and_ends_in_seconds() {
    let (private, _) = new_signing_pair().unwrap();
    let signer = Signer::new("kid-1", &Secret::new(private)).unwrap();
    let mut claims = Map::new();
    claims.insert("max_resolution".into(), "720p".into());
    claims.insert("sub".into(), "x".into());
    let token = signer.token("pid", Audience::Video, 1_700_000_000, claims).unwrap();
    let parts: Vec<Value> = token
        .split('.')
        .take(2)
        .map(|part| {
            let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap();
            serde_json::from_slice(&bytes).unwrap()
        })
        .collect();
    assert_eq!(parts[0], json!({"alg": "RS256", "typ": "JWT", "kid": "kid-1"}));
    let payload = json!({"sub": "pid", "aud": "v", "exp": 1_700_000_000, "kid": "kid-1", "max_resolution": "720p"});
    assert_eq!(parts[1], payload);
    let url = signer.playback_url("https://stream.mux.com/", "pid", 1).unwrap();
    assert!(url.starts_with("https://stream.mux.com/pid.m3u8?token="));
    for wrong in ["", "not base64!", "aGVsbG8="] {
        assert_eq!(Signer::new("k", &Secret::new(wrong)).unwrap_err(), KeyError::NotPem, "{wrong}");
    }
}

#[test]
fn a_webhook_is_believed_by_its_signature_alone() {
    let (secret, body, now_s) = (Secret::new("s"), br#"{"id":"e"}"#.as_slice(), 1_700_000_000);
    let good = signature("s", now_s, body);
    assert_eq!(verify(&secret, &good, body, now_s + 300), Ok(()));
    assert_eq!(verify(&secret, &good, body, now_s - 300), Ok(()));
    assert_eq!(verify(&secret, &good, body, now_s + 301), Err(Forged::OutOfTime));
    assert_eq!(verify(&secret, &good, b"{}", now_s), Err(Forged::Wrong));
    assert_eq!(verify(&secret, &signature("other", now_s, body), body, now_s), Err(Forged::Wrong));
    let (time, right) = good.split_once(',').unwrap();
    assert_eq!(verify(&secret, &format!("{time},v1=00,{right}"), body, now_s), Ok(()), "any of several");
    for unreadable in ["", "t=1", "v1=00", "t=x,v1=00", "t=,v1="] {
        assert_eq!(verify(&secret, unreadable, body, now_s), Err(Forged::Unreadable), "{unreadable}");
    }
    assert_eq!(verify(&Secret::default(), &signature("", now_s, body), body, now_s), Err(Forged::Unreadable));
}

#[test]
fn webhooks_are_read_and_unknown_ones_kept_as_they_are() {
    let read = |body: Value| parse(body.to_string().as_bytes()).unwrap().event;
    let stream = json!({"id": "s", "status": "active", "connected": true, "created_at": 7});
    let event = read(json!({"id": "e", "type": "video.live_stream.active", "data": stream}));
    assert!(matches!(event, Event::LiveStream { what, stream } if what == "active" && stream.connected == Some(true)));
    let target = json!({"id": "t", "url": "rtmp://h", "status": "errored", "error_severity": "fatal"});
    let event = read(json!({"id": "e", "type": "video.live_stream.simulcast_target.errored", "data": target}));
    assert!(matches!(event, Event::Target { target, .. } if target.error_severity == Some(Severity::Fatal)));
    let asset = json!({"id": "a", "status": "ready"});
    let event = read(json!({"id": "e", "type": "video.asset.live_stream_completed", "data": asset}));
    assert!(matches!(event, Event::Asset { what, .. } if what == "live_stream_completed"));
    for kind in ["video.asset.track.ready", "robots.job.moderate.completed", "video.live_stream.active"] {
        let data = json!({"what": "else"});
        assert_eq!(read(json!({"id": "e", "type": kind, "data": data})), Event::Other(data), "{kind}");
    }
    assert!(parse(b"{}").is_err() && parse(b"").is_err());
}
