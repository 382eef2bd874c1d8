//! What Egress can do to a stream, and what is said of it.

use backstage_actors::ports::{Bridges, ProviderError, WorkerSeen};
use livekit_protocol::EgressStatus;
use std::time::{Duration, Instant};

use crate::logs;
use crate::place::*;
use crate::stand::{Fault, Stand};

#[actix_web::test]
async fn one_that_failed_is_missed_and_started_anew_when_asked_again() {
    for status in [EgressStatus::EgressFailed, EgressStatus::EgressAborted, EgressStatus::EgressLimitReached] {
        let stand = Stand::start();
        stand.host_is_there(ROOM, HOST);
        let ours = bridges(&stand);
        begins(&ours).await;
        until("an egress", || !stand.going().is_empty()).await;
        stand.set_status("EG_1", status, "the pipeline froze");
        until_missing(&ours).await;
        assert_eq!(stand.orders().len(), 1, "the stream decides when it is tried again");
        assert!(logs::all().contains("the egress failed: the pipeline froze"));

        stops(&ours).await;
        begins(&ours).await;
        until("a second egress", || stand.going() == ["EG_2"]).await;
        assert_eq!(looks(&ours).await, WorkerSeen::Working);
    }
}

#[actix_web::test]
async fn one_that_failed_because_the_host_had_gone_is_started_when_the_host_is_back() {
    let (stand, ours) = sending().await;
    stand.host_leaves(ROOM);
    stand.set_status("EG_1", EgressStatus::EgressFailed, "participant not found");
    several_looks(&stand).await;
    assert_eq!(looks(&ours).await, WorkerSeen::Working);
    stand.host_is_there(ROOM, HOST);
    until("a second egress", || stand.going() == ["EG_2"]).await;
}

#[actix_web::test]
async fn one_that_ends_again_and_again_is_given_up() {
    let stand = Stand::start();
    stand.host_is_there(ROOM, HOST);
    stand.fault(Fault::Ends);
    let ours = bridges(&stand);
    begins(&ours).await;
    until_missing(&ours).await;
    assert_eq!(stand.orders().len(), 4);
}

#[actix_web::test]
async fn without_an_egress_service_the_error_says_so_and_what_to_do() {
    for (fault, says) in [
        (Fault::NoWorker, "no Egress service answers at LiveKit: start livekit-egress with LiveKit's Redis"),
        (
            Fault::NoRedis,
            "LiveKit has no Egress: it runs without Redis. Give LiveKit and livekit-egress the same Redis",
        ),
    ] {
        let stand = Stand::start();
        stand.host_is_there(ROOM, HOST);
        stand.fault(fault);
        let ours = bridges(&stand);
        begins(&ours).await;
        until_missing(&ours).await;
        let all = logs::all();
        assert!(all.lines().any(|line| line.contains("ERROR") && line.contains(says)), "{}", logs::last(10));
        assert!(all.contains("viewers stay on WebRTC"));
        stops(&ours).await;
        assert!(ours.list().await.unwrap().is_empty());
        stand.fault(Fault::None);
        begins(&ours).await;
        until("an egress", || !stand.going().is_empty()).await;
    }
}

#[actix_web::test]
async fn an_answer_that_is_lost_starts_no_second_egress() {
    let stand = Stand::start();
    stand.host_is_there(ROOM, HOST);
    stand.fault(Fault::AnswerLost);
    let ours = bridges(&stand);
    begins(&ours).await;
    until("an egress", || !stand.going().is_empty()).await;
    several_looks(&stand).await;
    assert_eq!((stand.orders().len(), looks(&ours).await), (1, WorkerSeen::Working));
}

#[actix_web::test]
async fn a_livekit_that_is_broken_or_slow_holds_nobody_up_and_is_asked_again() {
    let stand = Stand::start();
    stand.host_is_there(ROOM, HOST);
    for fault in [Fault::Broken, Fault::Slow] {
        stand.fault(fault);
        let ours = bridges(&stand);
        let began = Instant::now();
        begins(&ours).await;
        assert_eq!(looks(&ours).await, WorkerSeen::Working);
        assert!(began.elapsed() < Duration::from_millis(500), "the stream's other wishes wait");
        let refused = ours.stop(&path().stream).await.unwrap_err();
        assert!(matches!(&refused, ProviderError::TryAgain(words) if words.contains("LiveKit")), "{refused}");
        assert!(began.elapsed() < Duration::from_secs(5));
        begins(&ours).await;
        a_while().await;
        stand.fault(Fault::None);
        until("an egress", || !stand.going().is_empty()).await;
        stops(&ours).await;
    }
}

#[actix_web::test]
async fn an_egress_whose_worker_was_killed_is_neither_waited_for_nor_taken_for_alive() {
    let (stand, ours) = sending().await;
    // LiveKit goes on to list it as active.
    stand.fault(Fault::NoWorker);
    stops(&ours).await;
    assert!(ours.list().await.unwrap().is_empty());
    stand.fault(Fault::None);
    begins(&ours).await;
    until("a second egress", || stand.orders().len() == 2).await;
    assert_eq!(stand.going(), ["EG_1", "EG_2"]);
}

#[actix_web::test]
async fn the_stream_key_is_in_no_log_and_no_error() {
    let stand = Stand::start();
    stand.host_is_there(ROOM, HOST);
    for fault in [Fault::Refuses, Fault::Fails, Fault::Ends] {
        stand.fault(fault);
        let ours = bridges(&stand);
        begins(&ours).await;
        until_missing(&ours).await;
        stops(&ours).await;
    }
    assert!(stand.orders().iter().all(|order| order.stream_outputs[0].urls[0].contains(SECRET_PART)));
    let all = logs::all();
    assert!(
        all.contains("invalid url (address)") && all.contains("could not connect to (address)"),
        "{}",
        logs::last(20)
    );
    assert!(!all.contains(SECRET_PART));
}
