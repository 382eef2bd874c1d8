use crate::browser::{Browser, Socket};
use crate::house::House;
use crate::shop::until;
use backstage::order::tell;
use backstage_core::order::{Event, Task};
use backstage_core::{SpaceId, StreamId, UserId};
use std::time::{Duration, Instant};

/// On air, with a guest inside: the house, the experience, the stream, who is on, the guest and its identity.
struct Show {
    house: House,
    id: String,
    stream: StreamId,
    host: Browser,
    guest: Browser,
    identity: String,
}

/// In a space of its own, where nothing was changed since it was made: whoever must leave leaves for one reason only.
async fn show() -> Show {
    let house = House::open().await;
    let mut creator = house.signed_in("host@example.com").await;
    let space = [("name", "Club"), ("slug", "club"), ("accent", "blue")];
    assert_eq!(creator.form("/studio/spaces/new", &space).await.status, 303);
    let fields = [("title", "Night"), ("slug", "night"), ("grace_s", "60"), ("access", "pass")];
    let made = creator.form("/studio/club/experiences/new", &fields).await;
    assert_eq!(made.status, 303, "{}", made.body);
    let id = house.browser().get("/m/club/night").await.between("data-experience-id=\"", "\"");
    let went = creator.api(&format!("/api/v1/experiences/{id}/go-live")).await.json();
    let stream: StreamId = went["stream_id"].as_str().unwrap().parse().unwrap();
    let mut guest = house.browser();
    guest.get("/m/club/night").await;
    assert_eq!(guest.form("/m/club/night/join", &[]).await.status, 303);
    guest.get("/m/club/night").await;
    let admitted = guest.api(&format!("/api/v1/experiences/{id}/admission")).await;
    assert_eq!(admitted.status, 200, "{}", admitted.body);
    let json = admitted.json();
    assert_eq!((&json["delivery"], &json["hls"]), (&"webrtc".into(), &serde_json::Value::Null));
    assert_eq!(json["livekit"]["url"], "ws://media.test");
    let identity = json["livekit"]["token"].as_str().unwrap().to_string();
    house.doors.inside.lock().insert((stream.clone(), identity.clone()));
    Show { house, id, stream, host: creator, guest, identity }
}

impl Show {
    fn user(&self) -> UserId {
        self.identity.split(':').nth(1).unwrap().parse().unwrap()
    }

    async fn space(&self) -> SpaceId {
        self.house.app.state.store.find_space("club").await.unwrap().unwrap().state.id
    }

    /// Somebody else in the room; their identity there, and their socket.
    async fn comes_in(&self, browser: &mut Browser) -> (String, Socket) {
        let admitted = browser.api(&format!("/api/v1/experiences/{}/admission", self.id)).await;
        assert_eq!(admitted.status, 200, "{}", admitted.body);
        let identity = admitted.json()["livekit"]["token"].as_str().unwrap().to_owned();
        self.house.doors.inside.lock().insert((self.stream.clone(), identity.clone()));
        let mut socket = browser.socket(&self.id, "as=viewer").await;
        assert!(socket.hear("state").await.is_some());
        (identity, socket)
    }

    fn is_inside(&self, identity: &str) -> bool {
        self.house.doors.inside.lock().contains(&(self.stream.clone(), identity.to_owned()))
    }

    /// Waits until they are out; the promise is 5 s.
    async fn is_put_out(&self, identity: &str) {
        let began = Instant::now();
        while self.is_inside(identity) {
            assert!(began.elapsed() < Duration::from_secs(5), "still inside after 5 s");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until nobody is in the room; the promise is 5 s.
    async fn emptied(&self) {
        let began = Instant::now();
        while self.house.doors.inside.lock().iter().any(|(room, _)| *room == self.stream) {
            assert!(began.elapsed() < Duration::from_secs(5), "still inside after 5 s");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[actix_web::test]
async fn admission_says_why_not() {
    let house = House::open().await;
    let id = house.experience().await;
    let path = format!("/api/v1/experiences/{id}/admission");
    assert_eq!(house.browser().api(&path).await.code(), "needs_pass");
    let mut guest = house.guest().await;
    assert_eq!((guest.api(&path).await.status, guest.api(&path).await.code().as_str()), (409, "not_live"));
    let mut creator = house.creator().await;
    creator.api(&format!("/api/v1/experiences/{id}/lobby")).await;
    assert_eq!(guest.api(&path).await.code(), "not_live");
    creator.api(&format!("/api/v1/experiences/{id}/go-live")).await;
    assert_eq!(guest.api(&path).await.status, 200);
    creator.api(&format!("/api/v1/experiences/{id}/end")).await;
    assert_eq!(guest.api(&path).await.code(), "not_live");
    house.close().await;
}

#[actix_web::test]
async fn a_withdrawn_pass_ends_watching_within_five_seconds() {
    let mut show = show().await;
    let mut socket = show.guest.socket(&show.id, "as=viewer").await;
    assert!(socket.hear("state").await.is_some());
    backstage::access::revoke(&show.house.app.state, &show.space().await, &show.user()).await.unwrap();
    let told = socket.hear("access").await.unwrap();
    assert_eq!(told["allowed"], false);
    assert_eq!(socket.closes().await, 4403);
    show.emptied().await;
    assert_eq!(show.guest.api(&format!("/api/v1/experiences/{}/admission", show.id)).await.code(), "pass_revoked");
    assert_eq!(show.guest.socket(&show.id, "as=viewer").await.closes().await, 4403);
    assert_eq!(show.guest.form("/m/club/night/join", &[]).await.status, 403);
    // Who comes back with the old ticket is put out again.
    show.house.doors.inside.lock().insert((show.stream.clone(), show.identity.clone()));
    show.emptied().await;
    show.house.close().await;
}

#[actix_web::test]
async fn a_pass_that_runs_out_ends_watching_too() {
    let mut show = show().await;
    let mut socket = show.guest.socket(&show.id, "as=viewer").await;
    assert!(socket.hear("state").await.is_some());
    show.house.sql("UPDATE grants SET expires_at = granted_at + 1").await;
    assert_eq!(socket.hear("access").await.unwrap()["reason"], "your pass has expired");
    assert_eq!(socket.closes().await, 4403);
    show.emptied().await;
    assert_eq!(show.guest.api(&format!("/api/v1/experiences/{}/admission", show.id)).await.code(), "pass_expired");
    show.house.close().await;
}

#[actix_web::test]
async fn a_revoked_session_is_out_at_once_and_the_other_stays() {
    let house = House::open().await;
    let id = house.experience().await;
    let (mut here, mut there) = (house.creator().await, house.creator().await);
    let went = here.api(&format!("/api/v1/experiences/{id}/go-live")).await.json();
    let stream: StreamId = went["stream_id"].as_str().unwrap().parse().unwrap();
    let admission = format!("/api/v1/experiences/{id}/admission");
    let admitted = there.api(&admission).await.json();
    house.doors.inside.lock().insert((stream.clone(), admitted["livekit"]["token"].as_str().unwrap().into()));
    let mut socket = there.socket(&id, "as=viewer").await;
    assert!(socket.hear("state").await.is_some());

    let list = here.get("/account").await;
    assert_eq!(list.body.matches("/revoke").count(), 1, "{}", list.body);
    let session = list.between("/account/sessions/", "/revoke");
    let mut stranger = house.signed_in("stranger@example.com").await;
    assert_eq!(stranger.form(&format!("/account/sessions/{session}/revoke"), &[]).await.status, 404);
    assert_eq!(here.form(&format!("/account/sessions/{session}/revoke"), &[]).await.status, 303);

    assert_eq!(there.api(&admission).await.code(), "needs_pass");
    assert!(there.get("/studio").await.header("location").starts_with("/sign-in"));
    assert_eq!(socket.hear("access").await.unwrap()["allowed"], false);
    assert_eq!(socket.closes().await, 4403);
    let began = Instant::now();
    while !house.doors.inside.lock().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(5), "still inside after 5 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(here.api(&admission).await.status, 200);
    house.close().await;
}

#[actix_web::test]
async fn a_suspended_space_is_closed_to_viewers() {
    let mut show = show().await;
    let mut socket = show.guest.socket(&show.id, "as=viewer").await;
    assert!(socket.hear("state").await.is_some());
    let space = show.space().await;
    show.house.app.state.stage.space(&space, backstage_core::space::SpaceEvent::Suspend).await.unwrap();
    assert_eq!(socket.hear("access").await.unwrap()["reason"], "this space is closed");
    assert_eq!(socket.closes().await, 4403);
    show.emptied().await;
    let answer = show.guest.api(&format!("/api/v1/experiences/{}/admission", show.id)).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "suspended"));
    assert_eq!(show.guest.get("/m/club/night").await.status, 200);
    show.house.close().await;
}

#[actix_web::test]
async fn who_leaves_the_team_stops_watching_within_five_seconds() {
    let show = show().await;
    let mut mate = show.house.signed_in("mate@example.com").await;
    show.house
        .sql(
            "INSERT INTO memberships (team_id, user_id, role, joined_at) SELECT m.team_id, u.id, 'moderator', 1 \
             FROM memberships m JOIN users c ON c.id = m.user_id, users u \
             WHERE c.email = 'host@example.com' AND u.email = 'mate@example.com'",
        )
        .await;
    let (identity, mut socket) = show.comes_in(&mut mate).await;
    let left = sqlx::query("UPDATE memberships SET left_at = $1 WHERE role = 'moderator'");
    left.bind(show.house.app.state.clock.now().0).execute(&show.house.app.state.db.pool).await.unwrap();
    assert_eq!(socket.closes().await, 4403);
    assert_eq!(mate.api(&format!("/api/v1/experiences/{}/admission", show.id)).await.code(), "needs_pass");
    show.is_put_out(&identity).await;
    assert!(show.is_inside(&show.identity), "the others stay");
    show.house.close().await;
}

#[actix_web::test]
async fn a_month_that_is_given_back_ends_watching_within_five_seconds_though_a_later_one_is_kept() {
    let mut show = show().await;
    show.house.sell(&mut show.host, "club", "vip").await;
    let mut fan = show.house.signed_in("fan@example.com").await;
    let order = show.house.buy(&mut fan, "/club/vip", "").await;
    let held = async || show.house.purchase(&order).await.order;
    let charge = held().await.jobs.iter().find(|job| matches!(job.task, Task::Charge { .. })).unwrap().id;
    let due = Event::Later { job: charge, at: show.house.app.state.clock.now() };
    tell(&show.house.app.state, &order.parse().unwrap(), due).await.unwrap();
    until("the second month", async || held().await.kept_minor() == 1_000).await;
    // Without the first month it was over when it began, long before the watch last looked.
    show.house.days_pass(&order, 40).await;
    let (identity, mut socket) = show.comes_in(&mut fan).await;
    let fields = [("invoice", "0"), ("amount", "5")];
    let gave = show.host.form(&format!("/studio/club/orders/{order}/refund"), &fields).await;
    assert_eq!(gave.status, 303, "{}", gave.body);
    until("the refund", async || held().await.kept_minor() == 500).await;
    let began = Instant::now();
    assert_eq!(socket.closes().await, 4403);
    show.is_put_out(&identity).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    show.house.close().await;
}
