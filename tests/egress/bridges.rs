//! What an egress promises while Egress does its work.

use backstage_actors::ports::{Bridges, WorkerSeen};
use livekit_protocol::egress_info::Request;
use livekit_protocol::participant_egress_request::Options;
use livekit_protocol::{
    AudioCodec, EgressInfo, ParticipantEgressRequest, RoomCompositeEgressRequest, StreamOutput, StreamProtocol,
};

use crate::place::*;
use crate::stand::{Fault, Stand};

#[actix_web::test]
async fn an_egress_is_started_once_even_when_asked_twice() {
    let stand = Stand::start();
    stand.host_is_there(ROOM, HOST);
    let ours = bridges(&stand);
    begins(&ours).await;
    begins(&ours).await;
    until("an egress", || !stand.going().is_empty()).await;
    begins(&ours).await;
    several_looks(&stand).await;
    assert_eq!((stand.orders().len(), looks(&ours).await), (1, WorkerSeen::Working));
    assert_eq!(ours.list().await.unwrap(), [path().stream]);
}

#[actix_web::test]
async fn the_host_is_sent_to_the_ingest_as_hls_needs_it() {
    let stand = Stand::start();
    stand.host_is_there(ROOM, "viewer:user-2:n");
    stand.host_is_there(ROOM, HOST);
    let ours = bridges(&stand);
    begins(&ours).await;
    until("an egress", || !stand.orders().is_empty()).await;
    let order = stand.orders().remove(0);
    assert_eq!((order.room_name.as_str(), order.identity.as_str(), order.screen_share), (ROOM, HOST, false));
    let [output] = order.stream_outputs.as_slice() else { panic!("{order:?}") };
    assert_eq!(output.protocol(), StreamProtocol::Rtmp);
    assert_eq!(output.urls, [format!("{INGEST}/{}", key_of(&broadcast("one")))]);
    assert!(order.file_outputs.is_empty());
    let Some(Options::Advanced(encoding)) = order.options else { panic!("{order:?}") };
    assert_eq!((encoding.key_frame_interval, encoding.audio_codec()), (2.0, AudioCodec::Aac));
}

#[actix_web::test]
async fn a_file_is_written_where_one_is_named() {
    let stand = Stand::start();
    stand.host_is_there(ROOM, HOST);
    let ours = bridges_with(&stand, Some("{room_name}/{time}".into()));
    begins(&ours).await;
    until("an egress", || !stand.orders().is_empty()).await;
    let [file] = &stand.orders()[0].file_outputs[..] else { panic!("no file") };
    assert_eq!((file.filepath.as_str(), &file.output), ("{room_name}/{time}", &None));
}

#[actix_web::test]
async fn a_new_process_finds_what_the_old_one_began() {
    let stand = Stand::start();
    stand.host_is_there(ROOM, HOST);
    let old = bridges(&stand);
    begins(&old).await;
    until("an egress", || !stand.going().is_empty()).await;
    drop(old);

    let new = bridges(&stand);
    assert_eq!(looks(&new).await, WorkerSeen::Missing, "so that the sweep asks for it again");
    assert_eq!(new.list().await.unwrap(), [path().stream]);
    begins(&new).await;
    several_looks(&stand).await;
    assert_eq!((stand.orders().len(), stand.stops().len(), looks(&new).await), (1, 0, WorkerSeen::Working));
    stops(&new).await;
    assert!(stand.going().is_empty());
}

#[actix_web::test]
async fn a_host_who_is_not_there_yet_is_waited_for() {
    let stand = Stand::start();
    let ours = bridges(&stand);
    begins(&ours).await;
    several_looks(&stand).await;
    assert_eq!((stand.orders().len(), looks(&ours).await), (0, WorkerSeen::Working));
    stand.host_is_there(ROOM, HOST);
    until("an egress", || !stand.going().is_empty()).await;
}

#[actix_web::test]
async fn a_host_who_leaves_and_returns_is_sent_again() {
    let (stand, ours) = sending().await;
    stand.host_leaves(ROOM);
    several_looks(&stand).await;
    assert_eq!((stand.orders().len(), looks(&ours).await), (1, WorkerSeen::Working));
    stand.host_is_there(ROOM, HOST);
    until("a second egress", || !stand.going().is_empty()).await;
    assert_eq!(stand.orders().len(), 2);
}

#[actix_web::test]
async fn an_egress_that_is_listed_late_is_not_started_twice() {
    let stand = Stand::start();
    stand.host_is_there(ROOM, HOST);
    stand.fault(Fault::ListedLate);
    let ours = bridges(&stand);
    begins(&ours).await;
    several_looks(&stand).await;
    assert_eq!((stand.orders().len(), looks(&ours).await), (1, WorkerSeen::Working));
}

#[actix_web::test]
async fn another_live_stream_gets_an_egress_of_its_own_in_place_of_the_old_one() {
    let (stand, ours) = sending().await;
    ours.start(&path(), &broadcast("two")).await.unwrap();
    until("the second egress", || stand.going() == ["EG_2"]).await;
    assert_eq!(stand.stops(), ["EG_1"]);
    assert!(stand.orders()[1].stream_outputs[0].urls[0].ends_with(&key_of(&broadcast("two"))));
}

#[actix_web::test]
async fn a_stop_waits_until_nothing_is_sent() {
    let (stand, ours) = sending().await;
    stops(&ours).await;
    assert!(stand.going().is_empty());
    assert_eq!((stand.stops().len(), looks(&ours).await), (1, WorkerSeen::Missing));
    assert!(ours.list().await.unwrap().is_empty());
    a_while().await;
    assert_eq!(stand.orders().len(), 1, "nobody starts it again");
}

#[actix_web::test]
async fn stop_of_an_ended_one_is_fine() {
    let stand = Stand::start();
    let ours = bridges(&stand);
    stops(&ours).await;
    stand.host_is_there(ROOM, HOST);
    begins(&ours).await;
    until("an egress", || !stand.going().is_empty()).await;
    stand.host_leaves(ROOM);
    stops(&ours).await;
    stops(&ours).await;
    assert_eq!(looks(&ours).await, WorkerSeen::Missing);
}

#[actix_web::test]
async fn egresses_of_others_are_left_alone() {
    let stand = Stand::start();
    stand.host_is_there(ROOM, HOST);
    let sends = |id: &str, room: &str, address: &str| EgressInfo {
        egress_id: id.into(),
        room_name: room.into(),
        status: 1,
        request: Some(Request::Participant(ParticipantEgressRequest {
            identity: HOST.into(),
            stream_outputs: vec![StreamOutput { urls: vec![address.into()], ..StreamOutput::default() }],
            ..ParticipantEgressRequest::default()
        })),
        ..EgressInfo::default()
    };
    stand.add(sends("EG_elsewhere", ROOM, "rtmp://other.example.com/app/{abc...xyz}"));
    stand.add(sends("EG_another_install", "bp.there.stream-1", &format!("{INGEST}/{{abc...xyz}}")));
    stand.add(EgressInfo {
        egress_id: "EG_composite".into(),
        room_name: ROOM.into(),
        status: 1,
        request: Some(Request::RoomComposite(RoomCompositeEgressRequest::default())),
        ..EgressInfo::default()
    });
    let ours = bridges(&stand);
    assert!(ours.list().await.unwrap().is_empty());
    begins(&ours).await;
    until("an egress of ours", || stand.orders().len() == 1).await;
    stops(&ours).await;
    assert_eq!(stand.stops(), ["EG_4"]);
    assert_eq!(stand.going(), ["EG_elsewhere", "EG_another_install", "EG_composite"]);
}
