use crate::house::House;

#[actix_web::test]
async fn a_code_signs_in_and_an_unknown_address_becomes_an_account_with_its_first_right_code() {
    let house = House::open().await;
    let mut browser = house.signed_in("new.person@example.com").await;
    let account = browser.get("/account").await;
    assert!(account.body.contains("New Person") && account.body.contains("new.person@example.com"));
    assert_eq!(browser.get("/studio").await.status, 200);
    assert_eq!(browser.form("/sign-out", &[]).await.header("location"), "/");
    assert_eq!(browser.get("/studio").await.header("location"), "/sign-in?next=%2Fstudio");
    house.close().await;
}

#[actix_web::test]
async fn the_answer_is_the_same_whether_or_not_the_account_exists() {
    let house = House::open().await;
    let mut answers = vec![];
    for email in ["creator@example.com", "nobody.here@example.com"] {
        let mut browser = house.browser();
        browser.get("/sign-in").await;
        let asked = browser.form("/sign-in", &[("email", email)]).await;
        let tried = browser.form("/sign-in/code", &[("email", email), ("code", "000000")]).await;
        let plain = |body: &str, csrf: &str| body.replace(email, "EMAIL").replace(csrf, "CSRF");
        answers.push((
            asked.status,
            plain(&asked.body, &browser.csrf),
            tried.status,
            plain(&tried.body, &browser.csrf),
        ));
    }
    assert_eq!(answers[0], answers[1]);
    house.close().await;
}

#[actix_web::test]
async fn the_sixth_try_is_refused_even_with_the_right_code() {
    let house = House::open().await;
    let mut browser = house.browser();
    browser.get("/sign-in").await;
    let email = "creator@example.com";
    browser.form("/sign-in", &[("email", email)]).await;
    let code = house.code(email);
    let wrong = if code == "123456" { "654321" } else { "123456" };
    for _ in 0..5 {
        assert_eq!(browser.form("/sign-in/code", &[("email", email), ("code", wrong)]).await.status, 422);
    }
    let sixth = browser.form("/sign-in/code", &[("email", email), ("code", &code)]).await;
    assert_eq!(sixth.status, 422);
    assert!(sixth.body.contains("Too many tries"), "{}", sixth.body);
    // The account is not locked: a new code works.
    browser.form("/sign-in", &[("email", email)]).await;
    let code = house.code(email);
    assert_eq!(browser.form("/sign-in/code", &[("email", email), ("code", &code)]).await.status, 303);
    house.close().await;
}

#[actix_web::test]
async fn an_expired_a_used_and_a_replaced_code_are_refused() {
    let house = House::open().await;
    let email = "creator@example.com";
    let mut browser = house.browser();
    browser.get("/sign-in").await;
    browser.form("/sign-in", &[("email", email)]).await;
    let old = house.code(email);
    house.sql("UPDATE sign_in_codes SET expires_at = 1").await;
    let late = browser.form("/sign-in/code", &[("email", email), ("code", &old)]).await;
    assert!(late.status == 422 && late.body.contains("no longer valid"), "{}", late.body);

    browser.form("/sign-in", &[("email", email)]).await;
    let newest = house.code(email);
    if old != newest {
        assert_eq!(browser.form("/sign-in/code", &[("email", email), ("code", &old)]).await.status, 422);
    }
    let cookies = browser.cookies.clone();
    let csrf = browser.csrf.clone();
    assert_eq!(browser.form("/sign-in/code", &[("email", email), ("code", &newest)]).await.status, 303);
    let mut again = house.browser();
    (again.cookies, again.csrf) = (cookies, csrf);
    assert_eq!(again.form("/sign-in/code", &[("email", email), ("code", &newest)]).await.status, 422);
    house.close().await;
}

#[actix_web::test]
async fn a_stranger_can_neither_use_nor_burn_nor_replace_the_owners_code() {
    let house = House::open().await;
    let email = "creator@example.com";
    let (mut owner, mut stranger) = (house.browser(), house.browser());
    owner.get("/sign-in").await;
    stranger.get("/sign-in").await;
    owner.form("/sign-in", &[("email", email)]).await;
    let code = house.code(email);
    assert_eq!(stranger.form("/sign-in/code", &[("email", email), ("code", &code)]).await.status, 422);
    for _ in 0..8 {
        stranger.form("/sign-in", &[("email", email)]).await;
        stranger.form("/sign-in/code", &[("email", email), ("code", "000001")]).await;
    }
    assert_eq!(owner.form("/sign-in/code", &[("email", email), ("code", &code)]).await.status, 303);
    house.close().await;
}

#[actix_web::test]
async fn codes_are_limited_per_address_and_a_signed_in_session_does_not_care() {
    let house = House::open_to_the_public().await;
    let mut inside = house.signed_in("owner@example.com").await;
    let mut browser = house.browser();
    browser.get("/sign-in").await;
    let mut statuses = vec![];
    for _ in 0..5 {
        statuses.push(browser.form("/sign-in", &[("email", "owner@example.com")]).await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 200, 429]);
    let refused = browser.form("/sign-in", &[("email", "owner@example.com")]).await;
    assert!(refused.body.contains("Too many codes"), "{}", refused.body);
    assert_eq!(browser.form("/sign-in", &[("email", "other@example.com")]).await.status, 200);
    assert_eq!(inside.get("/studio").await.status, 200);
    house.close().await;
}

#[actix_web::test]
async fn malformed_addresses_and_codes_are_told_at_the_field() {
    let house = House::open().await;
    let mut browser = house.browser();
    browser.get("/sign-in").await;
    for email in ["", "ada", "ada@", "@x.y", "a b@x.y", "a@x.y\r\nBcc: z@x.y", "<script>@x.y"] {
        let answer = browser.form("/sign-in", &[("email", email)]).await;
        assert_eq!(answer.status, 422, "{email:?}");
        assert!(answer.body.contains("does not look like an email"), "{email:?}");
        assert!(!answer.body.contains("<script>@"), "{email:?}");
    }
    for code in ["", "12345", "abcdef", "1234567", "１２３４５６"] {
        let answer = browser.form("/sign-in/code", &[("email", "a@example.com"), ("code", code)]).await;
        assert_eq!(answer.status, 422, "{code:?}");
    }
    assert_eq!(browser.form("/sign-in/code", &[]).await.header("location"), "/sign-in");
    house.close().await;
}

#[actix_web::test]
async fn only_local_places_are_gone_to_after_signing_in() {
    let house = House::open().await;
    for (next, expected) in [
        ("/m/demo/live", "/m/demo/live"),
        ("//evil.test", "/studio"),
        ("https://evil.test", "/studio"),
        ("/\\evil.test", "/studio"),
        ("javascript:alert(1)", "/studio"),
    ] {
        let mut browser = house.browser();
        browser.get("/sign-in").await;
        browser.form("/sign-in", &[("email", "creator@example.com"), ("next", next)]).await;
        let code = house.code("creator@example.com");
        let fields = [("email", "creator@example.com"), ("code", code.as_str()), ("next", next)];
        assert_eq!(browser.form("/sign-in/code", &fields).await.header("location"), expected, "{next}");
    }
    house.close().await;
}

#[actix_web::test]
async fn a_guests_pass_comes_along_into_the_account() {
    let house = House::open().await;
    let id = house.experience().await;
    let mut browser = house.guest().await;
    let admission = format!("/api/v1/experiences/{id}/admission");
    assert_eq!(browser.api(&admission).await.code(), "not_live");
    browser.get("/sign-in").await;
    browser.form("/sign-in", &[("email", "fan@example.com")]).await;
    let code = house.code("fan@example.com");
    assert_eq!(browser.form("/sign-in/code", &[("email", "fan@example.com"), ("code", &code)]).await.status, 303);
    browser.get("/account").await;
    assert_eq!(browser.api(&admission).await.code(), "not_live");
    house.close().await;
}
