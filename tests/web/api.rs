//! The API's document, and its resources.

use crate::access_table::mounted;
use crate::browser::Browser;
use crate::house::House;
use backstage::api::answers;
use backstage::api::openapi::Api;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use utoipa::OpenApi;

#[test]
fn every_mounted_route_is_in_the_document_and_no_other() {
    let mounted: BTreeSet<_> = mounted().into_iter().filter(|(_, path)| path.starts_with("/api/v1/")).collect();
    let told: BTreeSet<_> =
        answers::routes(&Api::openapi()).into_iter().map(|(method, path)| (method.to_string(), path)).collect();
    assert!(mounted.len() > 20, "{mounted:?}");
    let (secret, gone): (Vec<_>, Vec<_>) = (mounted.difference(&told).collect(), told.difference(&mounted).collect());
    assert!(secret.is_empty(), "not in the document: {secret:?}");
    assert!(gone.is_empty(), "in the document, but not mounted: {gone:?}");
}

#[actix_web::test]
async fn a_method_that_an_address_does_not_take_is_told_those_that_it_does() {
    let house = House::open().await;
    let mut stranger = house.browser();
    for (method, path, allowed) in [
        ("DELETE", "/api/v1/spaces/demo/passes/free", "GET, HEAD, PUT"),
        ("PUT", "/api/v1/spaces/demo/passes", "GET, HEAD, POST"),
        ("GET", "/api/v1/experiences/x/go-live", "POST"),
        ("TRACE", "/api/v1/me", "GET, HEAD"),
    ] {
        let answer = stranger.send(method, path, &[], vec![]).await;
        assert_eq!(
            (answer.code().as_str(), answer.header("allow")),
            ("method_not_allowed", allowed),
            "{method} {path}"
        );
    }
    house.close().await;
}

fn refs<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| match value {
            Value::String(target) if name == "$ref" => found.push(target),
            _ => refs(value, found),
        }),
        Value::Array(items) => items.iter().for_each(|item| refs(item, found)),
        _ => {}
    }
}

#[actix_web::test]
async fn the_document_is_whole() {
    let house = House::open().await;
    let answer = house.browser().get("/api/v1/openapi.json").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    let document = answer.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    let mut targets = vec![];
    refs(&document, &mut targets);
    assert!(targets.len() > 50);
    for target in targets {
        assert!(document.pointer(target.strip_prefix('#').unwrap()).is_some(), "{target}");
    }
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            assert!(names.insert(operation["operationId"].as_str().unwrap()), "{place}: its name is another's");
            assert!(operation["summary"].is_string(), "{place}: no summary");
            for (status, response) in operation["responses"].as_object().unwrap() {
                let kinds: Vec<_> =
                    response["content"].as_object().into_iter().flatten().map(|(kind, _)| kind).collect();
                let expected = match status.as_str() {
                    "204" => vec![],
                    status if status < "400" => vec!["application/json"],
                    _ => vec!["application/problem+json"],
                };
                assert_eq!(kinds, expected, "{place} {status}");
            }
        }
    }
    house.close().await;
}

#[actix_web::test]
async fn everybody_sees_what_is_public_and_whether_they_may_watch() {
    let house = House::open().await;
    let mut stranger = house.browser();
    let space = stranger.get("/api/v1/spaces/demo").await.json();
    assert_eq!((&space["slug"], &space["creator"]["handle"]), (&json!("demo"), &json!("demo")));
    assert_eq!(space["passes"][0]["slug"], "free");
    assert_eq!(space["passes"][0]["internal_name"], Value::Null);
    let list = "/api/v1/spaces/demo/experiences";
    let of = |answer: Value| (answer["experiences"][0]["allowed"].clone(), answer["experiences"][0]["denied"].clone());
    assert_eq!(of(stranger.get(list).await.json()), (json!(false), json!("needs_pass")));
    assert_eq!(of(house.guest().await.get(list).await.json()), (json!(true), Value::Null));
    for path in ["/api/v1/spaces/nope", "/api/v1/spaces/No!/experiences", "/api/v1/spaces/%00"] {
        assert_eq!(stranger.get(path).await.code(), "not_found", "{path}");
    }
    // A space that moved is found at its old address.
    let mut creator = house.creator().await;
    let moved = [("name", "Demo"), ("slug", "stage"), ("accent", "blue")];
    assert_eq!(creator.form("/studio/demo/edit", &moved).await.status, 303);
    assert_eq!(stranger.get("/api/v1/spaces/demo").await.json()["slug"], "stage");
    house.close().await;
}

#[actix_web::test]
async fn people_see_themselves_and_what_they_hold() {
    let house = House::open().await;
    for path in ["/api/v1/me", "/api/v1/me/passes"] {
        assert_eq!(house.browser().get(path).await.code(), "sign_in");
    }
    let mut creator = house.creator().await;
    let me = creator.get("/api/v1/me").await;
    assert_eq!(me.header("cache-control"), "no-store");
    let me = me.json();
    assert_eq!((&me["email"], &me["guest"]), (&json!("creator@example.com"), &json!(false)));
    assert_eq!(me["spaces"], json!([{ "slug": "demo", "name": "Demo Stage", "role": "owner" }]));
    assert_eq!(me["csrf_token"], creator.csrf);

    let mut guest = house.guest().await;
    assert_eq!(guest.get("/api/v1/me").await.json()["guest"], true);
    let held = guest.get("/api/v1/me/passes").await.json();
    let held = &held["passes"][0];
    assert_eq!((&held["pass"]["slug"], &held["state"]), (&json!("free"), &json!("holds")));
    assert_eq!(held["experiences"][0]["url"], "/m/demo/live");
    assert!(held["ends_at"].as_i64() > held["granted_at"].as_i64());
    house.sql("UPDATE grants SET expires_at = granted_at + 1").await;
    let held = guest.get("/api/v1/me/passes").await.json();
    assert_eq!((&held["passes"][0]["state"], &held["passes"][0]["experiences"]), (&json!("expired"), &json!([])));
    house.close().await;
}

const PASSES: &str = "/api/v1/spaces/demo/passes";

async fn make(creator: &mut Browser, body: Value) -> crate::browser::Answer {
    creator.json("POST", PASSES, &body.to_string()).await
}

#[actix_web::test]
async fn a_team_sets_its_passes_by_the_rules_of_the_form() {
    let house = House::open().await;
    let live = house.experience().await;
    let mut creator = house.creator().await;
    let week = json!({ "slug": "week", "name": " Week\u{7} pass ", "status": "draft", "opens": "only",
                       "experiences": [live, "somebody-elses"], "days": 7 });
    let made = make(&mut creator, week).await;
    assert_eq!((made.status, made.header("location")), (201, "/api/v1/spaces/demo/passes/week"), "{}", made.body);
    let made = made.json();
    assert_eq!((&made["name"], &made["experiences"]), (&json!("Week pass"), &json!([live])));
    assert_eq!(creator.get("/api/v1/spaces/demo/passes/week").await.json(), made);
    let slugs = |list: Value| {
        list["passes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pass| pass["slug"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(slugs(creator.get(PASSES).await.json()), ["free", "basic", "pro", "week"]);
    // A draft is the team's alone.
    assert_eq!(slugs(house.browser().get("/api/v1/spaces/demo").await.json()), ["free", "basic", "pro"]);
    assert_eq!(house.guest().await.get(PASSES).await.code(), "sign_in");
    let mut rival = house.signed_in("rival@example.com").await;
    assert_eq!(rival.get("/api/v1/spaces/demo/passes/week").await.code(), "not_yours");
    assert_eq!(make(&mut rival, json!({ "slug": "a", "name": "a", "status": "draft" })).await.code(), "not_yours");

    let wrong = make(&mut creator, json!({ "slug": "A!", "name": "", "status": "sold", "days": 0 })).await;
    assert_eq!((wrong.status, wrong.code().as_str()), (422, "invalid"));
    for field in ["slug", "name", "status", "days"] {
        assert!(wrong.json()["errors"][field].is_string(), "{field}: {}", wrong.body);
    }
    let taken = make(&mut creator, json!({ "slug": "week", "name": "x", "status": "draft" })).await;
    assert!(taken.json()["errors"]["slug"].is_string(), "{}", taken.body);
    for unread in ["", "{}", "[]", r#"{"slug":"b","name":"b","status":"draft","surprise":1}"#] {
        assert_eq!(creator.json("POST", PASSES, unread).await.code(), "bad_request", "{unread}");
    }
    assert_eq!(creator.send("POST", PASSES, &[], b"{}".to_vec()).await.code(), "csrf");
    house.close().await;
}

#[actix_web::test]
async fn the_api_reads_postgres_too() {
    let url = crate::support::postgres::new_database().await;
    let house = House::open_with(|config| config.database.url = backstage::config::Secret::new(url)).await;
    let mut creator = house.creator().await;
    let made = make(&mut creator, json!({ "slug": "week", "name": "Week", "status": "published", "days": 7 })).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let mut guest = house.guest().await;
    assert_eq!(guest.form("/demo/week/join", &[]).await.status, 303);
    let held = guest.get("/api/v1/me/passes").await.json();
    assert_eq!(held["passes"].as_array().unwrap().len(), 2, "{held}");
    for path in ["/api/v1/me", "/api/v1/spaces/demo", "/api/v1/spaces/demo/experiences", "/api/v1/spaces/demo/access"] {
        assert_eq!(creator.get(path).await.status, 200, "{path}");
    }
    house.close().await;
}

#[actix_web::test]
async fn what_a_pass_opens_anew_counts_at_once_and_the_matrix_says_it() {
    let house = House::open().await;
    let live = house.experience().await;
    let mut creator = house.creator().await;
    let mut guest = house.guest().await;
    let matrix = "/api/v1/spaces/demo/access";
    let seen = creator.get(matrix).await.json();
    assert_eq!(
        (&seen["experiences"][0]["passes"], &seen["experiences"][0]["anybody"]),
        (&json!(["free", "basic", "pro"]), &json!(false))
    );
    assert_eq!(guest.get(matrix).await.code(), "sign_in");
    let admission = format!("/api/v1/experiences/{live}/admission");
    assert_eq!(guest.api(&admission).await.code(), "not_live");
    let closed = json!({ "slug": "shut", "name": "Free", "status": "published", "opens": "only" }).to_string();
    let path = format!("{PASSES}/free");
    let put = creator.json("PUT", &path, &closed).await;
    assert_eq!((put.status, &put.json()["slug"]), (200, &json!("shut")), "{}", put.body);
    assert_eq!(guest.api(&admission).await.code(), "needs_pass");
    assert_eq!(creator.get(matrix).await.json()["experiences"][0]["passes"], json!(["basic", "pro"]));
    assert_eq!(creator.json("PUT", &path, &closed).await.code(), "not_found");
    house.close().await;
}
