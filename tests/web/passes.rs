use crate::browser::Browser;
use crate::house::House;
use std::time::{Duration, Instant};

const LIST: &str = "/studio/demo/passes";

/// The id of the demo's second experience.
async fn second_experience(house: &House) -> String {
    let page = house.browser().get("/m/demo/backstage").await;
    page.between("data-experience-id=\"", "\"")
}

async fn make(creator: &mut Browser, name: &str, more: &[(&str, &str)]) {
    let slug = name.to_lowercase();
    let mut fields = vec![("name", name), ("slug", slug.as_str()), ("status", "published"), ("opens", "all")];
    fields.retain(|(field, _)| !more.iter().any(|(other, _)| other == field));
    fields.extend(more);
    let made = creator.form(&format!("{LIST}/new"), &fields).await;
    assert_eq!((made.status, made.header("location")), (303, LIST), "{}", made.body);
}

#[actix_web::test]
async fn a_pass_opens_what_was_toggled_and_no_more() {
    let house = House::open().await;
    let live = house.experience().await;
    let mut creator = house.creator().await;
    let backstage = second_experience(&house).await;
    make(&mut creator, "Crew", &[("opens", "only"), ("experience", &backstage)]).await;

    let mut fan = house.browser();
    let page = fan.get("/demo?pass=crew").await;
    assert!(page.body.contains("action=\"/demo/crew/join\""), "{}", page.body);
    assert_eq!(fan.form("/demo/crew/join", &[]).await.header("location"), "/m/demo/backstage");
    let page = fan.get("/m/demo/backstage").await;
    assert!(page.body.contains("You are in with: Crew") && page.body.contains("data-gate=\"open\""), "{}", page.body);
    assert!(fan.get("/m/demo/live").await.body.contains("data-gate=\"refused\""));
    assert_eq!(fan.api(&format!("/api/v1/experiences/{live}/admission")).await.code(), "needs_pass");
    // Passes add up.
    assert_eq!(fan.form("/m/demo/live/join", &[]).await.header("location"), "/m/demo/live");
    assert_eq!(fan.api(&format!("/api/v1/experiences/{live}/admission")).await.code(), "not_live");
    assert_eq!(fan.api(&format!("/api/v1/experiences/{backstage}/admission")).await.code(), "not_live");
    house.close().await;
}

#[actix_web::test]
async fn free_access_ends_after_its_days_and_cannot_be_taken_again() {
    let house = House::open().await;
    let mut guest = house.guest().await;
    let page = guest.get("/demo").await;
    assert!(page.body.contains("for 7 days") && page.body.contains("until"), "{}", page.body);
    house.sql("UPDATE grants SET expires_at = granted_at + 1").await;
    // The watch finds what ended behind the server's back.
    let began = Instant::now();
    while !guest.get("/demo").await.body.contains("Your time with this pass is over") {
        assert!(began.elapsed() < Duration::from_secs(5), "still in after 5 s");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(guest.form("/demo/free/join", &[]).await.status, 403);
    // What is left to them costs something.
    assert_eq!(guest.form("/m/demo/live/join", &[]).await.header("location"), "/demo/basic");
    // Another pass on offer opens it again.
    let mut creator = house.creator().await;
    make(&mut creator, "Second", &[]).await;
    assert_eq!(guest.form("/m/demo/live/join", &[]).await.header("location"), "/m/demo/live");
    assert!(guest.get("/m/demo/live").await.body.contains("You are in with: Second"));
    house.close().await;
}

#[actix_web::test]
async fn drafts_are_the_teams_alone_and_archived_passes_trap_nobody() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    make(&mut creator, "Later", &[("status", "draft")]).await;
    let mut stranger = house.browser();
    assert_eq!(stranger.get("/demo/later").await.status, 404);
    assert!(!stranger.get("/demo").await.body.contains("Later"));
    assert_eq!(stranger.form("/demo/later/join", &[]).await.status, 404);
    assert!(creator.get("/demo/later").await.body.contains("Only your team sees this"));

    let mut guest = house.guest().await;
    for (name, slug) in [("Free", "free"), ("Basic", "basic"), ("Pro", "pro")] {
        let archived = [("name", name), ("slug", slug), ("status", "archived"), ("opens", "all"), ("days", "7")];
        assert_eq!(creator.form(&format!("{LIST}/{slug}/edit"), &archived).await.status, 303);
    }
    assert_eq!(stranger.get("/demo/free").await.status, 404);
    let page = stranger.get("/demo").await;
    assert!(page.body.contains("Nothing is on offer here"), "{}", page.body);
    assert_eq!(stranger.form("/m/demo/live/join", &[]).await.header("location"), "/demo");
    assert!(guest.get("/m/demo/live").await.body.contains("data-gate=\"open\""));
    house.close().await;
}

#[actix_web::test]
async fn what_a_pass_no_longer_opens_is_closed_to_those_inside() {
    let house = House::open().await;
    let id = house.experience().await;
    let mut guest = house.guest().await;
    let mut socket = guest.socket(&id, "as=viewer").await;
    assert!(socket.hear("state").await.is_some());
    let mut creator = house.creator().await;
    let closed = [("name", "Free"), ("slug", "free"), ("status", "published"), ("opens", "only")];
    assert_eq!(creator.form(&format!("{LIST}/free/edit"), &closed).await.status, 303);
    assert_eq!(socket.hear("access").await.unwrap()["allowed"], false);
    assert_eq!(socket.closes().await, 4403);
    assert_eq!(guest.api(&format!("/api/v1/experiences/{id}/admission")).await.code(), "needs_pass");
    house.close().await;
}

#[actix_web::test]
async fn passes_keep_the_teams_order_and_one_is_selected_first() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    make(&mut creator, "Second", &[]).await;
    make(&mut creator, "Third", &[]).await;
    let places = |body: &str| {
        let mut all: Vec<(usize, &str)> =
            ["free", "second", "third"].map(|slug| (body.find(&format!("?pass={slug}\"")).unwrap(), slug)).to_vec();
        all.sort_unstable();
        all.into_iter().map(|(_, slug)| slug).collect::<Vec<_>>()
    };
    let mut stranger = house.browser();
    assert_eq!(places(&stranger.get("/demo").await.body), ["free", "second", "third"]);
    for _ in 0..5 {
        assert_eq!(creator.form(&format!("{LIST}/third/move"), &[("towards", "front")]).await.status, 303);
    }
    assert_eq!(places(&stranger.get("/demo").await.body), ["third", "free", "second"]);
    assert!(stranger.get("/demo").await.body.contains("action=\"/demo/free/join\""));
    assert_eq!(creator.form(&format!("{LIST}/second/default"), &[]).await.status, 303);
    assert!(stranger.get("/demo").await.body.contains("action=\"/demo/second/join\""));
    assert!(stranger.get("/demo?pass=gone").await.body.contains("action=\"/demo/second/join\""));
    assert_eq!(creator.form(&format!("{LIST}/third/move"), &[("towards", "up")]).await.status, 400);
    house.close().await;
}

#[actix_web::test]
async fn only_the_team_changes_passes_and_bad_input_is_named() {
    let house = House::open().await;
    let mut stranger = house.signed_in("stranger@example.com").await;
    let fields = [("name", "Mine"), ("slug", "mine"), ("status", "published"), ("opens", "all"), ("towards", "front")];
    assert_eq!(stranger.get(LIST).await.status, 403);
    for path in ["new", "free/edit", "free/default", "free/move"] {
        assert_eq!(stranger.form(&format!("{LIST}/{path}"), &fields).await.status, 403, "{path}");
    }
    let mut creator = house.creator().await;
    assert_eq!(creator.form(&format!("{LIST}/nothing/edit"), &fields).await.status, 404);
    let taken = creator.form(&format!("{LIST}/new"), &[("name", "Free"), ("slug", "free"), ("status", "draft")]).await;
    assert_eq!(taken.status, 422);
    assert!(taken.body.contains("That address is taken"), "{}", taken.body);
    let bad = [("name", "<script>alert(1)</script>"), ("slug", "x!"), ("status", "sold"), ("days", "-1")];
    let bad = creator.form(&format!("{LIST}/new"), &bad).await;
    assert_eq!(bad.status, 422);
    assert!(!bad.body.contains("<script>alert"), "{}", bad.body);
    for id in ["slug-error", "status-error", "days-error"] {
        assert!(bad.body.contains(&format!("id=\"{id}\"")), "{id} in {}", bad.body);
    }
    // A space has a limit of passes.
    for number in 3..50 {
        make(&mut creator, &format!("P{number}"), &[]).await;
    }
    let full = creator.form(&format!("{LIST}/new"), &fields).await;
    assert!(full.status == 422 && full.body.contains("up to 50 passes"), "{}", full.status);
    let page = creator.get(LIST).await;
    assert!(page.body.contains("Who can see what") && page.body.contains("Live from backstage"));
    house.close().await;
}

#[actix_web::test]
async fn the_team_sees_a_page_as_a_holder_does_and_nobody_else_may_ask() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    let open = "data-gate=\"open\"";
    for (view, sees) in [("-", false), ("free", false), ("pro", true), ("nothing", true)] {
        let page = creator.get(&format!("/m/demo/backstage?view={view}")).await;
        assert_eq!(page.body.contains(open), sees, "{view}");
        assert_eq!(page.body.contains("You see this page as"), view != "nothing", "{view}");
    }
    assert!(creator.get("/studio/demo/passes").await.body.contains("/m/demo/backstage?view=pro"));
    // It takes rights away and gives none.
    let mut stranger = house.guest().await;
    let page = stranger.get("/m/demo/backstage?view=pro").await;
    assert!(!page.body.contains(open) && !page.body.contains("You see this page as"));
    house.close().await;
}

#[actix_web::test]
async fn the_old_address_of_a_renamed_pass_leads_to_the_new_one() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    let fields = [("name", "Free"), ("slug", "gratis"), ("status", "published"), ("opens", "all")];
    assert_eq!(creator.form("/studio/demo/passes/free/edit", &fields).await.status, 303);
    let mut guest = house.browser();
    assert_eq!(guest.get("/demo/free").await.header("location"), "/demo/gratis");
    guest.get("/demo/gratis").await;
    let joined = guest.form("/demo/free/join", &[]).await;
    assert_eq!(joined.header("location"), "/m/demo/live", "{}", joined.body);
    let pro = [("name", "Pro"), ("slug", "all-access"), ("status", "published"), ("opens", "all")];
    assert_eq!(creator.form("/studio/demo/passes/pro/edit", &pro).await.status, 303);
    assert_eq!(house.browser().get("/demo/pro/checkout").await.status, 200);
    // Another pass may take the address; then it is that one's.
    let other = [("name", "Other"), ("slug", "free"), ("status", "published"), ("opens", "all")];
    assert_eq!(creator.form("/studio/demo/passes/new", &other).await.status, 303);
    assert!(guest.get("/demo/free").await.body.contains("Other"));
    assert_eq!(guest.get("/demo/nothing").await.status, 404);
    house.close().await;
}
