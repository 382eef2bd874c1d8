use crate::house::House;
use std::sync::atomic::Ordering;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[actix_web::test]
async fn a_form_without_its_token_or_from_elsewhere_is_refused() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    let csrf = creator.csrf.clone();
    let body = |csrf: &str| format!("csrf={csrf}&name=Mallory").into_bytes();
    for forged in ["", "x", &csrf[1..], &house.guest().await.csrf] {
        assert_eq!(creator.send("POST", "/account", &[FORM], body(forged)).await.status, 403, "{forged}");
    }
    for origin in ["https://evil.test", "null", "http://127.0.0.1:1"] {
        let answer = creator.send("POST", "/account", &[FORM, ("origin", origin)], body(&csrf)).await;
        assert_eq!(answer.status, 403, "{origin}");
        assert!(answer.body.contains("did not come from our page"), "{}", answer.body);
    }
    let own = format!("http://{}", house.app.address);
    assert_eq!(creator.send("POST", "/account", &[FORM, ("origin", &own)], body(&csrf)).await.status, 303);
    assert!(creator.get("/account").await.body.contains("Mallory"));
    house.close().await;
}

#[actix_web::test]
async fn the_api_and_the_socket_want_our_origin_and_token_too() {
    let house = House::open().await;
    let id = house.experience().await;
    let mut creator = house.creator().await;
    let path = format!("/api/v1/experiences/{id}/lobby");
    assert_eq!(creator.send("POST", &path, &[], vec![]).await.code(), "csrf");
    assert_eq!(creator.send("POST", &path, &[("x-csrf-token", "forged")], vec![]).await.code(), "csrf");
    let csrf = creator.csrf.clone();
    let foreign = [("x-csrf-token", csrf.as_str()), ("origin", "https://evil.test")];
    assert_eq!(creator.send("POST", &path, &foreign, vec![]).await.code(), "csrf");
    assert_eq!(creator.try_socket(&id, "as=host", Some("https://evil.test")).await.err(), Some(403));
    assert_eq!(house.browser().send("POST", &path, &[], vec![]).await.code(), "sign_in");
    assert_eq!(creator.api(&path).await.status, 200);
    house.close().await;
}

#[actix_web::test]
async fn too_much_is_refused_with_the_right_status() {
    let house = House::open().await;
    let id = house.experience().await;
    let mut creator = house.creator().await;
    let csrf = creator.csrf.clone();
    let huge = "x".repeat(1_000_000);
    assert_eq!(creator.form("/studio/spaces/new", &[("name", &huge)]).await.status, 413);
    assert_eq!(creator.form("/account", &[("name", &huge)]).await.status, 413);
    assert_eq!(house.browser().send("POST", "/sign-in", &[FORM], huge.clone().into_bytes()).await.status, 413);
    let json = format!("{{\"x\":\"{huge}\"}}").into_bytes();
    let path = format!("/api/v1/experiences/{id}/admission");
    assert_eq!(creator.send("POST", &path, &[("x-csrf-token", &csrf)], json).await.code(), "too_large");
    let uplink = "/api/v1/preflight/uplink";
    let measured = creator.send("POST", uplink, &[("x-csrf-token", &csrf)], vec![0; 1 << 20]).await;
    assert_eq!(measured.json()["bytes"], 1 << 20);
    assert_eq!(
        creator.send("POST", uplink, &[("x-csrf-token", &csrf)], vec![0; (1 << 20) + 1]).await.code(),
        "too_large"
    );
    assert_eq!(creator.get(&format!("/{}", "a".repeat(2_000))).await.status, 414);
    assert_eq!(creator.get(&format!("/?{}", "a".repeat(2_000))).await.status, 414);
    house.close().await;
}

#[actix_web::test]
async fn malformed_requests_are_told_so() {
    let house = House::open().await;
    let id = house.experience().await;
    let mut creator = house.creator().await;
    let csrf = creator.csrf.clone();
    let path = format!("/api/v1/experiences/{id}/admission");
    for body in ["{", "nonsense", "{\"a\":", "\u{0}"] {
        let answer = creator.send("POST", &path, &[("x-csrf-token", &csrf)], body.as_bytes().to_vec()).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{body:?}");
    }
    let multipart = [("content-type", "multipart/form-data; boundary=x")];
    assert_eq!(creator.send("POST", "/account", &multipart, b"--x--".to_vec()).await.status, 415);
    let broken = format!("csrf={csrf}&name=%ff%fe%").into_bytes();
    assert!(creator.send("POST", "/account", &[FORM], broken).await.status < 500);
    let twice = format!("csrf={csrf}&name=a&name=b").into_bytes();
    assert_eq!(creator.send("POST", "/account", &[FORM], twice).await.status, 400);
    for path in [
        "/%00",
        "/%ff",
        "/@%00",
        "/m/%2e%2e/x",
        "/studio/a%2fb",
        "/live/x",
        "/assets/..%2f..%2fCargo.toml",
        "/sign-in?next=%ff",
    ] {
        let answer = creator.get(path).await;
        assert!((200..500).contains(&answer.status), "{path}: {}", answer.status);
    }
    assert_eq!(creator.send("DELETE", "/studio", &[FORM], format!("csrf={csrf}").into_bytes()).await.status, 405);
    assert_eq!(creator.send("PUT", &path, &[("x-csrf-token", &csrf)], vec![]).await.code(), "method_not_allowed");
    house.close().await;
}

#[actix_web::test]
async fn unknown_ids_are_not_found_everywhere() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    let long = "a".repeat(200);
    for id in ["nope", "01a20a9f-0d3e-7176-851b-543a14ffb7c7", "..", "%00", "' OR 1=1 --", long.as_str()] {
        let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
        for what in ["admission", "lobby", "go-live", "publisher-token", "end"] {
            let answer = creator.api(&format!("/api/v1/experiences/{id}/{what}")).await;
            assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{id} {what}");
        }
        assert_eq!(creator.api(&format!("/api/v1/streams/{id}/observe")).await.code(), "not_found");
        assert_eq!(creator.get(&format!("/api/v1/streams/{id}/timeline")).await.code(), "not_found");
        assert_eq!(creator.form(&format!("/account/sessions/{id}/revoke"), &[]).await.status, 404);
        assert_eq!(creator.socket(&id, "").await.closes().await, 4404, "{id}");
    }
    for path in [
        "/nope",
        "/@nope",
        "/m/nope",
        "/m/demo/nope",
        "/m/demo/nope.ics",
        "/studio/nope/edit",
        "/studio/demo/nope",
        "/api/v1/nope",
    ] {
        assert_eq!(creator.get(path).await.status, 404, "{path}");
    }
    assert!(creator.get("/nope").await.body.contains("Nothing here"));
    house.close().await;
}

#[actix_web::test]
async fn every_page_carries_the_headers_and_nothing_inline() {
    let house = House::open_to_the_public().await;
    let mut browser = house.browser();
    let page = browser.get("/").await;
    for (name, part) in [
        ("content-security-policy", "connect-src 'self' ws://media.test http://media.test;"),
        ("content-security-policy", "frame-ancestors 'none'"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "strict-origin"),
        ("permissions-policy", "camera=(self)"),
        ("strict-transport-security", "max-age="),
        ("cache-control", "no-store"),
    ] {
        assert!(page.header(name).contains(part), "{name}: {}", page.header(name));
    }
    assert!(!page.header("content-security-policy").contains("unsafe"));
    assert!(!page.body.contains("<script>") && !page.body.contains(" style=") && !page.body.contains(" onclick="));
    assert!(
        page.header("set-cookie").starts_with("__Host-bp_visitor=") && page.header("set-cookie").contains("Secure")
    );
    for path in ["/dev/mail", "/dev/mail.json", "/dev/components", "/demo"] {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
    house.close().await;
}

#[actix_web::test]
async fn a_panic_tells_no_details_and_the_server_goes_on() {
    let house = House::open().await;
    let id = house.experience().await;
    let mut creator = house.creator().await;
    creator.api(&format!("/api/v1/experiences/{id}/go-live")).await;
    house.doors.panics.store(true, Ordering::Relaxed);
    let path = format!("/api/v1/experiences/{id}/admission");
    let answer = loop {
        // The stream takes a moment to be armed; then the door is asked.
        let answer = creator.api(&path).await;
        if answer.status != 409 {
            break answer;
        }
    };
    assert_eq!((answer.status, answer.code().as_str()), (500, "internal"));
    assert!(!answer.body.contains("secret detail"), "{}", answer.body);
    house.doors.panics.store(false, Ordering::Relaxed);
    assert_eq!(creator.api(&path).await.status, 200);
    house.close().await;
}
