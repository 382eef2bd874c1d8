//! A LiveKit whose Egress service fails on demand. It keeps what it was asked for, and shows keys as LiveKit does, by their
//! ends. Calls of the room service are answered from [`Stand::host_is_there`], or passed on to a real LiveKit.

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use livekit_api::access_token::{TokenVerifier, VideoGrants};
use livekit_protocol::egress_info::Request;
use livekit_protocol::{self as proto, EgressInfo, EgressStatus, ParticipantEgressRequest};
use parking_lot::Mutex;
use prost::Message;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

pub const KEY: &str = "APIstandin";
pub const SECRET: &str = "a-secret-of-the-stand-in-and-nobody-else";

/// What is wrong with the Egress service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    #[default]
    None,
    /// Every call is answered 500, in words.
    Broken,
    /// Every call takes longer than anybody waits.
    Slow,
    /// No worker answers, as when no `livekit-egress` runs or none has room.
    NoWorker,
    /// LiveKit itself has no Redis.
    NoRedis,
    /// A start is refused in words that repeat the address.
    Refuses,
    /// What is started fails, with the address in its error.
    Fails,
    /// A start works and its answer is lost.
    AnswerLost,
    /// A start works and is listed only a moment later.
    ListedLate,
    /// What is started ends at once, as if somebody stopped it.
    Ends,
}

#[derive(Default)]
struct Told {
    fault: Fault,
    egresses: Vec<EgressInfo>,
    orders: Vec<ParticipantEgressRequest>,
    stops: Vec<String>,
    hosts: BTreeMap<String, Vec<String>>,
    /// Listings that are still without the newest egress.
    late: u32,
    /// Calls that were made.
    calls: u64,
}

#[derive(Clone)]
pub struct Stand {
    pub url: String,
    told: Arc<Mutex<Told>>,
}

#[derive(Clone)]
struct Inside {
    told: Arc<Mutex<Told>>,
    verifier: Arc<TokenVerifier>,
    beyond: Option<String>,
}

type Answer = Result<Vec<u8>, (StatusCode, &'static str, String)>;

impl Stand {
    /// Call it on an arbiter.
    pub fn start() -> Stand {
        Stand::before(None, KEY, SECRET)
    }

    /// In front of a real LiveKit, whose rooms and keys it takes.
    pub fn before(beyond: Option<String>, key: &str, secret: &str) -> Stand {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let told = Arc::new(Mutex::new(Told::default()));
        let verifier = Arc::new(TokenVerifier::with_api_key(key, secret));
        let inside = Inside { told: told.clone(), verifier, beyond };
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::Data::new(inside.clone()))
                .route("/twirp/livekit.Egress/{method}", web::post().to(egress))
                .route("/twirp/livekit.RoomService/{method}", web::post().to(rooms))
        });
        actix_web::rt::spawn(server.workers(1).disable_signals().listen(listener).unwrap().run());
        Stand { url, told }
    }

    pub fn fault(&self, fault: Fault) {
        self.told.lock().fault = fault;
    }

    pub fn host_is_there(&self, room: &str, identity: &str) {
        self.told.lock().hosts.entry(room.into()).or_default().push(identity.into());
    }

    /// Its egress ends, as LiveKit's does when whom it follows leaves.
    pub fn host_leaves(&self, room: &str) {
        let mut told = self.told.lock();
        told.hosts.remove(room);
        let going = told.egresses.iter_mut().filter(|info| info.room_name == room && going(info));
        going.for_each(|info| info.status = EgressStatus::EgressComplete as i32);
    }

    /// What it was asked to start, with the keys.
    pub fn orders(&self) -> Vec<ParticipantEgressRequest> {
        self.told.lock().orders.clone()
    }

    /// Calls to the Egress service so far.
    pub fn calls(&self) -> u64 {
        self.told.lock().calls
    }

    /// Ids that it was asked to stop.
    pub fn stops(&self) -> Vec<String> {
        self.told.lock().stops.clone()
    }

    /// Ids of what is not over.
    pub fn going(&self) -> Vec<String> {
        let told = self.told.lock();
        told.egresses.iter().filter(|info| going(info)).map(|info| info.egress_id.clone()).collect()
    }

    pub fn set_status(&self, id: &str, status: EgressStatus, error: &str) {
        let mut told = self.told.lock();
        let info = told.egresses.iter_mut().find(|info| info.egress_id == id).unwrap();
        (info.status, info.error) = (status as i32, error.into());
    }

    /// Another's egress.
    pub fn add(&self, info: EgressInfo) {
        self.told.lock().egresses.push(info);
    }
}

fn going(info: &EgressInfo) -> bool {
    info.status < EgressStatus::EgressComplete as i32
}

fn grants(request: &HttpRequest, inside: &Inside) -> Option<VideoGrants> {
    let token = request.headers().get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")?.to_owned();
    Some(inside.verifier.verify(&token).ok()?.video)
}

async fn egress(
    request: HttpRequest,
    method: web::Path<String>,
    body: web::Bytes,
    inside: web::Data<Inside>,
) -> HttpResponse {
    assert_eq!(request.headers().get(CONTENT_TYPE).unwrap(), "application/protobuf");
    if !grants(&request, &inside).is_some_and(|grants| grants.room_record) {
        return twirp(Err((StatusCode::UNAUTHORIZED, "unauthenticated", "permissions denied".into())));
    }
    let fault = {
        let mut told = inside.told.lock();
        told.calls += 1;
        told.fault
    };
    let method = method.into_inner();
    match fault {
        Fault::Broken => return HttpResponse::InternalServerError().body("out of order"),
        Fault::Slow => tokio::time::sleep(Duration::from_secs(20)).await,
        Fault::NoRedis => {
            let words = "twirp error unknown: egress not connected (redis required)";
            return twirp(Err((StatusCode::INTERNAL_SERVER_ERROR, "internal", words.into())));
        }
        Fault::NoWorker if method != "ListEgress" => {
            return twirp(Err((StatusCode::SERVICE_UNAVAILABLE, "unavailable", "no response from servers".into())));
        }
        _ => {}
    }
    let mut told = inside.told.lock();
    let answer = match method.as_str() {
        "ListEgress" => list(&mut told, proto::ListEgressRequest::decode(body).unwrap()),
        "StartParticipantEgress" => start(&mut told, ParticipantEgressRequest::decode(body).unwrap()),
        "StopEgress" => stop(&mut told, &proto::StopEgressRequest::decode(body).unwrap().egress_id),
        other => panic!("nobody should call {other}"),
    };
    if fault == Fault::AnswerLost && method == "StartParticipantEgress" {
        told.fault = Fault::None;
        return HttpResponse::BadGateway().body("lost");
    }
    twirp(answer)
}

fn list(told: &mut Told, asked: proto::ListEgressRequest) -> Answer {
    let shown = told.egresses.len() - usize::from(told.late > 0);
    told.late = told.late.saturating_sub(1);
    let fits = |info: &&EgressInfo| {
        (asked.room_name.is_empty() || info.room_name == asked.room_name)
            && (asked.egress_id.is_empty() || info.egress_id == asked.egress_id)
            && (!asked.active || going(info))
    };
    let items = told.egresses[..shown].iter().filter(fits).cloned().collect();
    // What starts has begun by the next look; what ends has ended.
    for info in &mut told.egresses {
        match info.status() {
            EgressStatus::EgressStarting => info.set_status(EgressStatus::EgressActive),
            EgressStatus::EgressEnding => info.set_status(EgressStatus::EgressComplete),
            _ => {}
        }
    }
    Ok(proto::ListEgressResponse { items, next_page_token: None }.encode_to_vec())
}

fn start(told: &mut Told, order: ParticipantEgressRequest) -> Answer {
    let address = order.stream_outputs[0].urls[0].clone();
    if told.fault == Fault::Refuses {
        return Err((StatusCode::BAD_REQUEST, "invalid_argument", format!("invalid url {address}")));
    }
    told.orders.push(order.clone());
    let mut shown = order;
    for address in shown.stream_outputs.iter_mut().flat_map(|output| &mut output.urls) {
        *address = veiled(address);
    }
    let mut info = EgressInfo {
        egress_id: format!("EG_{}", told.egresses.len() + 1),
        room_name: shown.room_name.clone(),
        stream_results: vec![proto::StreamInfo { url: veiled(&address), ..proto::StreamInfo::default() }],
        request: Some(Request::Participant(shown)),
        ..EgressInfo::default()
    };
    match told.fault {
        Fault::Fails => {
            info.set_status(EgressStatus::EgressFailed);
            info.error = format!("could not connect to {address}");
        }
        Fault::Ends => info.set_status(EgressStatus::EgressComplete),
        Fault::ListedLate => told.late = 3,
        _ => {}
    }
    let answer = EgressInfo { status: EgressStatus::EgressStarting as i32, error: String::new(), ..info.clone() };
    told.egresses.push(info);
    Ok(answer.encode_to_vec())
}

fn stop(told: &mut Told, id: &str) -> Answer {
    told.stops.push(id.into());
    let Some(info) = told.egresses.iter_mut().find(|info| info.egress_id == id) else {
        return Err((StatusCode::NOT_FOUND, "not_found", "egress does not exist".into()));
    };
    if !going(info) {
        let words = format!("egress with status {} cannot be stopped", info.status().as_str_name());
        return Err((StatusCode::PRECONDITION_FAILED, "failed_precondition", words));
    }
    info.set_status(EgressStatus::EgressEnding);
    Ok(info.encode_to_vec())
}

fn veiled(address: &str) -> String {
    let (at, key) = address.rsplit_once('/').unwrap();
    format!("{at}/{{{}...{}}}", &key[..3], &key[key.len() - 3..])
}

fn twirp(answer: Answer) -> HttpResponse {
    match answer {
        Ok(body) => HttpResponse::Ok().content_type("application/protobuf").body(body),
        Err((status, code, msg)) => HttpResponse::build(status).json(serde_json::json!({ "code": code, "msg": msg })),
    }
}

async fn rooms(
    request: HttpRequest,
    method: web::Path<String>,
    body: web::Bytes,
    inside: web::Data<Inside>,
) -> HttpResponse {
    if let Some(beyond) = &inside.beyond {
        let mut passed = reqwest::Client::new().post(format!("{beyond}{}", request.path())).body(body);
        for name in ["authorization", "content-type"] {
            passed = passed.header(name, request.headers().get(name).unwrap().to_str().unwrap());
        }
        let answer = passed.send().await.unwrap();
        let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
        let mut response = HttpResponse::build(status);
        return response.content_type(kind.unwrap_or_default()).body(answer.bytes().await.unwrap());
    }
    let granted = grants(&request, &inside).unwrap();
    let told = inside.told.lock();
    twirp(match method.as_str() {
        "ListParticipants" => {
            let room = proto::ListParticipantsRequest::decode(body).unwrap().room;
            assert!(granted.room_admin && granted.room == room);
            let participants = told.hosts.get(&room).into_iter().flatten().map(|identity| proto::ParticipantInfo {
                identity: identity.clone(),
                state: proto::participant_info::State::Active as i32,
                tracks: vec![proto::TrackInfo { sid: "TR_1".into(), ..proto::TrackInfo::default() }],
                ..proto::ParticipantInfo::default()
            });
            Ok(proto::ListParticipantsResponse { participants: participants.collect() }.encode_to_vec())
        }
        "ListRooms" => Ok(proto::ListRoomsResponse::default().encode_to_vec()),
        other => panic!("nobody should call {other}"),
    })
}
