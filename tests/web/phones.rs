//! People who come by a phone number: signing in, buying, and what keeps strangers from making us send texts.

use crate::browser::{Answer, Browser};
use crate::house::House;
use crate::shop::PAYS;
use backstage::config::{Environment, SmsProvider};
use backstage::order;
use backstage::ports::Mail;
use backstage_core::OrderId;
use backstage_core::order::Event;
use serde_json::json;
use std::time::{Duration, Instant};

const ADA: &str = "+34600123456";

async fn until(what: &str, mut look: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !look().await {
        assert!(began.elapsed() < Duration::from_secs(10), "waited for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// As for the public, with somebody who sends texts.
async fn open_with_texts(hourly_max: u32) -> House {
    House::open_with(|config| {
        config.environment = Environment::Production;
        config.server.public_url = "https://pass.test".into();
        config.sms.provider = SmsProvider::Twilio;
        config.sms.hourly_max = hourly_max;
    })
    .await
}

async fn ask(browser: &mut Browser, phone: &str) -> Answer {
    browser.form("/sign-in", &[("phone", phone)]).await
}

async fn try_code(browser: &mut Browser, phone: &str, code: &str) -> Answer {
    browser.form("/sign-in/code", &[("phone", phone), ("code", code)]).await
}

#[actix_web::test]
async fn a_code_by_text_signs_in_and_the_number_is_theirs_however_it_is_typed() {
    let house = House::open().await;
    let mut browser = house.browser();
    let page = browser.get("/sign-in?next=/demo").await;
    assert!(page.body.contains("/sign-in?by=phone&amp;next=%2Fdemo"), "{}", page.body);
    let page = browser.get("/sign-in?by=phone&next=/demo").await;
    for part in ["type=\"tel\"", "autocomplete=\"tel\"", ">Phone number<", ">Send code<", "/sign-in?next=%2Fdemo"] {
        assert!(page.body.contains(part), "{part} is missing in {}", page.body);
    }
    let asked = browser.form("/sign-in", &[("phone", " 0034 600-123.456"), ("next", "/demo")]).await;
    assert!(asked.status == 200 && asked.body.contains(ADA), "{}", asked.body);
    let sent = house.letters_to(ADA);
    assert!(sent.len() == 1 && sent[0].text.contains(sent[0].code.as_deref().unwrap()), "{sent:?}");
    let code = house.code(ADA);
    let fields = [("phone", ADA), ("code", code.as_str()), ("next", "/demo")];
    assert_eq!(browser.form("/sign-in/code", &fields).await.header("location"), "/demo");
    let account = browser.get("/account").await;
    assert!(account.body.contains(&format!("Signed in as {ADA}")), "{}", account.body);
    // The name, which others see, is not made of it.
    assert!(account.body.contains("value=\"Guest\""));
    let me = browser.get("/api/v1/me").await.json();
    assert_eq!((&me["phone"], &me["email"], &me["guest"]), (&json!(ADA), &json!(null), &json!(false)));
    // Again from another browser: the same person.
    let mut other = house.signed_in_by_phone(ADA).await;
    assert_eq!(other.get("/api/v1/me").await.json()["id"], me["id"]);
    house.close().await;
}

#[actix_web::test]
async fn a_wrong_a_burnt_and_a_foreign_code_let_nobody_in() {
    let house = House::open().await;
    let (mut owner, mut stranger) = (house.browser(), house.browser());
    owner.get("/sign-in?by=phone").await;
    stranger.get("/sign-in?by=phone").await;
    ask(&mut owner, ADA).await;
    let code = house.code(ADA);
    let wrong = if code == "123456" { "654321" } else { "123456" };
    // Another browser has no code, and neither uses nor burns the owner's.
    for _ in 0..6 {
        assert_eq!(try_code(&mut stranger, ADA, &code).await.status, 422);
    }
    // The code of a number is none of an address or of another number.
    assert_eq!(owner.form("/sign-in/code", &[("email", "a@example.com"), ("code", &code)]).await.status, 422);
    assert_eq!(try_code(&mut owner, "+34600123457", &code).await.status, 422);
    for _ in 0..5 {
        assert_eq!(try_code(&mut owner, ADA, wrong).await.status, 422);
    }
    let burnt = try_code(&mut owner, ADA, &code).await;
    assert!(burnt.status == 422 && burnt.body.contains("Too many tries"), "{}", burnt.body);
    // "Send a new code" is the way on.
    assert!(burnt.body.contains("Send a new code"));
    ask(&mut owner, ADA).await;
    let code = house.code(ADA);
    assert_eq!(try_code(&mut owner, ADA, &code).await.status, 303);
    house.close().await;
}

#[actix_web::test]
async fn the_answer_is_the_same_whether_or_not_the_number_has_an_account() {
    let house = House::open().await;
    house.signed_in_by_phone(ADA).await;
    let mut answers = vec![];
    for phone in [ADA, "+34600123457"] {
        let mut browser = house.browser();
        browser.get("/sign-in?by=phone").await;
        let (asked, tried) = (ask(&mut browser, phone).await, try_code(&mut browser, phone, "000000").await);
        let plain = |answer: &Answer| answer.body.replace(phone, "PHONE").replace(&browser.csrf, "CSRF");
        answers.push((asked.status, plain(&asked), tried.status, plain(&tried)));
    }
    assert_eq!(answers[0], answers[1]);
    house.close().await;
}

#[actix_web::test]
async fn what_is_no_number_is_told_at_the_field_and_nothing_is_sent() {
    let house = House::open().await;
    let mut browser = house.browser();
    browser.get("/sign-in?by=phone").await;
    for (phone, says) in [
        ("", "Begin with + and the country code, like +34 600 123 456."),
        ("600 123 456", "Begin with + and the country code"),
        ("+34 600", "Digits are missing"),
        ("+34 600 123 456 7890123", "too many digits"),
        ("+34 <script>600", "Write only digits"),
        ("a@example.com", "Begin with +"),
    ] {
        let answer = ask(&mut browser, phone).await;
        assert!(answer.status == 422 && answer.body.contains(says), "{phone:?}: {}", answer.body);
        assert!(answer.body.contains("id=\"phone\"") && !answer.body.contains("<script>600"), "{phone:?}");
        let tried = try_code(&mut browser, phone, "123456").await;
        assert_eq!(tried.header("location"), "/sign-in", "{phone:?}");
    }
    assert!(house.mail.kept().is_empty());
    house.close().await;
}

#[actix_web::test]
async fn a_stranger_buys_with_a_phone_number_and_is_in_after_the_code() {
    let house = House::open().await;
    let mut buyer = house.browser();
    let page = buyer.get("/demo/pro/checkout?by=phone").await;
    assert!(page.body.contains(">Phone number<"), "{}", page.body);
    let begun = begin(&house, &mut buyer, "0034 600 123 456").await;
    assert_eq!(begun.status, 200, "{}", begun.body);
    let order = pay(&house, &mut buyer, &begun).await;
    assert!(buyer.get("/m/demo/backstage").await.body.contains("data-gate=\"refused\""), "in without a code");
    let page = buyer.get(&format!("/orders/{order}")).await;
    assert!(page.body.contains("One more step") && page.body.contains(ADA), "{}", page.body);
    let first = house.code(ADA);
    // A reload sends no second one; the button does.
    buyer.get(&format!("/orders/{order}")).await;
    assert_eq!(house.letters_to(ADA).len(), 1);
    let next = format!("/orders/{order}/in");
    let again = buyer.form("/sign-in", &[("phone", ADA), ("next", &next)]).await;
    assert!(again.status == 200 && again.body.contains(&format!("name=\"next\" value=\"{next}\"")), "{}", again.body);
    assert_eq!(house.letters_to(ADA).len(), 2);
    let code = house.code(ADA);
    if first != code {
        assert_eq!(try_code(&mut buyer, ADA, &first).await.status, 422);
    }
    let fields = [("phone", ADA), ("code", code.as_str()), ("next", next.as_str())];
    assert_eq!(buyer.form("/sign-in/code", &fields).await.header("location"), next);
    assert_eq!(buyer.get(&next).await.header("location"), "/m/demo/live");
    assert!(buyer.get("/m/demo/backstage").await.body.contains("You are in with: Pro"));
    // The team sees the number; the receipt stands on the order's page, and no text was sent for it.
    let mut creator = house.creator().await;
    assert!(creator.get("/studio/demo/orders").await.body.contains(ADA));
    assert!(creator.get(&format!("/studio/demo/orders/{order}")).await.body.contains(ADA));
    let page = buyer.get(&format!("/orders/{order}")).await;
    assert!(page.body.contains("$29"), "{}", page.body);
    until("the letters", async || house.purchase(&order).await.order.jobs.is_empty()).await;
    assert_eq!(house.letters_to(ADA).len(), 2);
    // The next purchase needs no number.
    let page = buyer.get("/demo/basic/checkout").await;
    assert!(page.body.contains(&format!("For {ADA}")) && !page.body.contains("checkout-phone"), "{}", page.body);
    house.close().await;
}

#[actix_web::test]
async fn a_number_that_was_typed_opens_nothing_and_overwrites_nobody() {
    let house = House::open().await;
    let mut owner = house.signed_in_by_phone(ADA).await;
    let me = owner.get("/api/v1/me").await.json();
    // A stranger pays for the owner's number: the pass is the owner's, the stranger stays out.
    let mut stranger = house.browser();
    let begun = begin(&house, &mut stranger, ADA).await;
    let order = pay(&house, &mut stranger, &begun).await;
    assert_eq!(stranger.get("/api/v1/me").await.status, 401);
    assert!(stranger.get("/m/demo/backstage").await.body.contains("data-gate=\"refused\""));
    assert_eq!(stranger.get(&format!("/orders/{order}/in")).await.header("location"), format!("/orders/{order}"));
    assert!(owner.get("/m/demo/backstage").await.body.contains("You are in with: Pro"));
    assert_eq!(owner.get("/api/v1/me").await.json(), me);
    // A number and an address are two buyers.
    let mut by_mail = house.browser();
    let second = house.buy(&mut by_mail, "/demo/pro", "ada@example.com").await;
    let (first, second) = (house.purchase(&order).await, house.purchase(&second).await);
    assert!(first.user.is_some() && second.user.is_some() && first.user != second.user);
    house.close().await;
}

#[actix_web::test]
async fn a_declined_renewal_is_told_by_a_short_text_and_nothing_else_is() {
    let house = House::open().await;
    let mut creator = house.creator().await;
    house.sell(&mut creator, "demo", "club").await;
    let mut buyer = house.signed_in_by_phone(ADA).await;
    let order = house.buy(&mut buyer, "/demo/club", "").await;
    let id = OrderId::parse(&order).unwrap();
    until("the receipt", async || house.purchase(&order).await.order.jobs.len() == 1).await;
    assert_eq!(house.letters_to(ADA).len(), 1, "more than the code");
    // A month passes, and the card is gone.
    house.sql("UPDATE orders SET customer = NULL").await;
    let renewal = house.purchase(&order).await.order.next_job().unwrap().id;
    let now = house.app.state.clock.now();
    order::tell(&house.app.state, &id, Event::Later { job: renewal, at: now }).await.unwrap();
    until("a text", async || house.letters_to(ADA).len() == 2).await;
    let text = house.letters_to(ADA).remove(0).text;
    assert!(
        text.starts_with("Your card was declined for club") && text.contains(&format!("/orders/{order}")),
        "{text}"
    );
    house.close().await;
}

#[actix_web::test]
async fn what_is_typed_wrongly_at_checkout_is_named_phone() {
    let house = House::open().await;
    let mut buyer = house.browser();
    let answer = begin(&house, &mut buyer, "600 123 456").await;
    assert_eq!((answer.status, answer.code()), (422, "phone".into()));
    assert_eq!(answer.json()["detail"], "Begin with + and the country code, like +34 600 123 456.");
    house.close().await;
}

#[actix_web::test]
async fn a_guests_pass_comes_along_into_an_account_by_phone() {
    let house = House::open().await;
    let id = house.experience().await;
    let mut browser = house.guest().await;
    browser.get("/sign-in?by=phone").await;
    ask(&mut browser, ADA).await;
    let code = house.code(ADA);
    assert_eq!(try_code(&mut browser, ADA, &code).await.status, 303);
    browser.get("/account").await;
    assert_eq!(browser.api(&format!("/api/v1/experiences/{id}/admission")).await.code(), "not_live");
    // Alerts go by mail: without one they are not offered.
    let page = browser.get("/m/demo/live").await;
    assert!(page.body.contains("has only a phone number"), "{}", page.body);
    browser.form("/m/demo/live/notify", &[("wanted", "on")]).await;
    let (alerts,): (i64,) =
        sqlx::query_as("SELECT COUNT(*) FROM alerts").fetch_one(&house.app.state.db.pool).await.unwrap();
    assert_eq!(alerts, 0);
    house.close().await;
}

#[actix_web::test]
async fn texts_are_limited_per_network_whatever_the_number() {
    let house = open_with_texts(1_000).await;
    let mut browser = house.browser();
    browser.get("/sign-in?by=phone").await;
    let mut statuses = vec![];
    for n in 0..12 {
        statuses.push(ask(&mut browser, &format!("+3460012340{n:02}")).await.status);
    }
    assert_eq!(statuses[..10], [200; 10]);
    assert_eq!(statuses[10..], [429; 2]);
    assert_eq!(house.mail.kept().len(), 10);
    // Mail goes on.
    assert_eq!(browser.form("/sign-in", &[("email", "ada@example.com")]).await.status, 200);
    house.close().await;
}

#[actix_web::test]
async fn texts_are_limited_per_number() {
    let house = open_with_texts(1_000).await;
    let mut browser = house.browser();
    browser.get("/sign-in?by=phone").await;
    let mut statuses = vec![];
    for _ in 0..6 {
        statuses.push(ask(&mut browser, ADA).await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429]);
    house.close().await;
}

#[actix_web::test]
async fn no_hour_has_more_texts_than_its_cap_and_mail_is_the_way_around() {
    let house = open_with_texts(3).await;
    let mut browser = house.browser();
    browser.get("/sign-in?by=phone").await;
    let mut answers = vec![];
    for n in 0..5 {
        answers.push(ask(&mut browser, &format!("+3460012340{n}")).await);
    }
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    assert!(answers[4].body.contains("Use your email address instead"), "{}", answers[4].body);
    assert_eq!(house.mail.kept().len(), 3);
    assert_eq!(browser.form("/sign-in", &[("email", "ada@example.com")]).await.status, 200);
    // The hour is over.
    house.sql("UPDATE texts_sent SET hour = hour - 1").await;
    assert_eq!(ask(&mut browser, "+34600123409").await.status, 200);
    house.close().await;
}

#[actix_web::test]
async fn who_paid_when_no_more_texts_go_out_is_told_that_it_is_theirs_and_comes_in_later() {
    let house = House::open_with(|config| config.sms.hourly_max = 1).await;
    house.signed_in_by_phone("+15005550006").await;
    let mut buyer = house.browser();
    let begun = begin(&house, &mut buyer, ADA).await;
    let order = pay(&house, &mut buyer, &begun).await;
    let page = buyer.get(&format!("/orders/{order}")).await;
    assert!(page.status == 200 && page.body.contains("What you bought is yours"), "{}", page.body);
    assert!(house.letters_to(ADA).is_empty());
    house.sql("UPDATE texts_sent SET hour = hour - 1").await;
    let next = format!("/orders/{order}/in");
    assert_eq!(buyer.form("/sign-in", &[("phone", ADA), ("next", &next)]).await.status, 200);
    let code = house.code(ADA);
    let fields = [("phone", ADA), ("code", code.as_str()), ("next", next.as_str())];
    assert_eq!(buyer.form("/sign-in/code", &fields).await.header("location"), next);
    assert_eq!(buyer.get(&next).await.header("location"), "/m/demo/live");
    house.close().await;
}

#[actix_web::test]
async fn without_texts_no_page_offers_a_number_and_a_typed_one_is_told_to_use_mail() {
    let house = House::open_to_the_public().await;
    assert!(house.app.state.sms.is_none());
    let mut browser = house.browser();
    for path in ["/sign-in", "/sign-in?by=phone"] {
        let page = browser.get(path).await;
        assert!(page.body.contains("id=\"email\"") && !page.body.contains("phone number"), "{}", page.body);
    }
    let answer = ask(&mut browser, ADA).await;
    assert_eq!(answer.status, 422);
    assert!(answer.body.contains("sends no text messages") && answer.body.contains("id=\"email\""), "{}", answer.body);
    assert!(house.mail.kept().is_empty());
    house.close().await;

    let house = House::open_with(|config| config.sms.provider = SmsProvider::None).await;
    let mut buyer = house.browser();
    assert!(!buyer.get("/demo/pro/checkout?by=phone").await.body.contains("hone number"));
    let answer = begin(&house, &mut buyer, ADA).await;
    assert_eq!((answer.status, answer.code()), (422, "phone".into()));
    house.close().await;
}

async fn begin(house: &House, buyer: &mut Browser, phone: &str) -> Answer {
    let price = house.price("/demo/pro").await;
    buyer.get("/demo/pro").await;
    let body = json!({ "price": price, "phone": phone });
    buyer.json("POST", "/api/v1/checkouts", &body.to_string()).await
}

async fn pay(house: &House, buyer: &mut Browser, begun: &Answer) -> String {
    let begun = begun.json();
    house.confirm(&begun, PAYS).await.unwrap();
    let order = begun["order"].as_str().unwrap().to_owned();
    assert_eq!(buyer.api(&format!("/api/v1/orders/{order}/look")).await.json()["paid"], true);
    order
}
