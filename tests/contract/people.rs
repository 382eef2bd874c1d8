//! People and what proves them, on both databases.

use crate::bench::Sql;
use backstage::security::seal::Seal;
use backstage::session::codes::{self, Tried};
use backstage::user::Contact;
use backstage::world::Uuids;
use backstage::{session, sms, user};
use backstage_core::{Timestamp, UserId};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn phone(typed: &str) -> Contact {
    Contact::of_form("", Some(typed)).unwrap()
}

fn email(typed: &str) -> Contact {
    Contact::of_form(typed, None).unwrap()
}

async fn sign_in(sql: &Sql, contact: &Contact, guest: Option<&UserId>) -> UserId {
    user::store::sign_in(sql.store.db(), &Uuids, contact, guest, NOW).await.unwrap()
}

pub async fn a_person_is_found_by_what_they_proved_and_a_number_is_nobody_else(sql: &Sql) {
    let (by_phone, by_mail) = (phone("+34600123456"), email("ada@example.com"));
    let ada = sign_in(sql, &by_phone, None).await;
    let bob = sign_in(sql, &by_mail, None).await;
    assert_ne!(ada, bob);
    assert_eq!(sign_in(sql, &phone("0034 600 123 456"), None).await, ada);
    assert_eq!(sign_in(sql, &by_mail, None).await, bob);
    assert_ne!(sign_in(sql, &phone("+34600123457"), None).await, ada);
    // Whoever buys for a contact finds the person of it, or makes one.
    let db = sql.store.db();
    for (contact, fresh, whose) in
        [(&by_phone, "f1", &ada), (&by_mail, "f2", &bob), (&phone("+15005550006"), "f3", &"f3".parse().unwrap())]
    {
        let mut tx = db.begin_write().await.unwrap();
        let found = user::store::of_contact(&mut tx, contact, &fresh.parse().unwrap(), NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(&found, whose);
    }
}

pub async fn a_guest_becomes_one_account_and_never_that_of_another_contact(sql: &Sql) {
    let db = sql.store.db();
    let guest: UserId = "guest".parse().unwrap();
    user::store::add(db, &guest, None, "Guest", NOW).await.unwrap();
    let by_phone = phone("+34600123456");
    assert_eq!(sign_in(sql, &by_phone, Some(&guest)).await, guest);
    // A guest no more, as a stale session might still say.
    let other = sign_in(sql, &email("ada@example.com"), Some(&guest)).await;
    assert_ne!(other, guest);
    assert_eq!(sign_in(sql, &by_phone, None).await, guest);
}

pub async fn a_session_says_by_what_its_person_is_reached(sql: &Sql) {
    let db = sql.store.db();
    for (contact, id) in [(phone("+34600123456"), "s1"), (email("ada@example.com"), "s2")] {
        let user = sign_in(sql, &contact, None).await;
        assert!(!session::store::network_known(db, &contact, "10.0.0.1").await.unwrap());
        let new = session::store::NewSession {
            id,
            user: &user,
            token_hash: id,
            device: "Chrome",
            network: "10.0.0.1",
            now: NOW,
            expires_at: NOW + 1_000,
        };
        session::store::open(db, new).await.unwrap();
        let held = session::store::by_token(db, id, NOW).await.unwrap().unwrap();
        assert_eq!((held.contact(), held.is_guest()), (Some(contact.clone()), false));
        assert!(session::store::network_known(db, &contact, "10.0.0.1").await.unwrap());
    }
}

pub async fn a_code_is_of_one_contact_in_one_browser(sql: &Sql) {
    let (db, seal) = (sql.store.db(), Seal::new("a key of the test, long enough"));
    let (by_phone, by_mail, other) = (phone("+34600123456"), email("ada@example.com"), phone("+34600123457"));
    codes::keep(db, &seal, "c1", &by_phone, "here", "123456", NOW).await.unwrap();
    codes::keep(db, &seal, "c2", &by_mail, "here", "222222", NOW).await.unwrap();
    codes::keep(db, &seal, "c3", &by_phone, "there", "333333", NOW).await.unwrap();
    let tried = async |contact, browser, code| codes::attempt(db, &seal, contact, browser, code, NOW).await.unwrap();
    assert_eq!(tried(&by_mail, "here", "123456").await, Tried::Wrong);
    assert_eq!(tried(&by_phone, "there", "123456").await, Tried::Wrong);
    assert_eq!(tried(&other, "here", "123456").await, Tried::Expired);
    assert_eq!(tried(&by_phone, "here", "123456").await, Tried::Right);
    assert_eq!(tried(&by_phone, "here", "123456").await, Tried::Expired);
    assert!(!codes::is_fresh(db, &by_phone, "here", NOW).await.unwrap());
    assert!(codes::is_fresh(db, &by_phone, "there", NOW).await.unwrap());
}

pub async fn no_more_texts_are_counted_in_an_hour_than_its_cap_however_many_ask_at_once(sql: &Sql) {
    let db = sql.store.db();
    let hour = 60 * 60 * 1_000;
    let asked = futures_util::future::join_all((0..30).map(|_| sms::count(db, 10, NOW))).await;
    assert_eq!(asked.into_iter().filter(|counted| *counted.as_ref().unwrap()).count(), 10);
    assert!(sms::count(db, 10, NOW + hour).await.unwrap());
    assert!(!sms::count(db, 10, NOW).await.unwrap());
    assert!(sms::count(db, 11, NOW).await.unwrap(), "a figure that was raised holds at once");
}
