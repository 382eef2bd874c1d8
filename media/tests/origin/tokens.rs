use crate::house::{House, first_id, id, until};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn token(private_key: &str, kid: &str, claims: &Value) -> String {
    let pem = String::from_utf8(STANDARD.decode(private_key).unwrap()).unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(body).unwrap()).unwrap();
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": kid});
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encoded(&header), encoded(claims));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[actix_web::test]
async fn signed_playback_needs_a_token_for_this_id_from_a_key_that_is_there() {
    let house = House::open().await;
    let body = json!({"playback_policies": ["signed"], "reconnect_window": 30});
    let stream = house.post("/video/v1/live-streams", body).await;
    let other = house.stream(0).await;
    let _encoder = house.push(&stream, 60);
    house.ear.wait("live_stream.active", 1).await;
    let pid = first_id(&stream);
    let made = house.post("/system/v1/signing-keys", json!({})).await;
    let (kid, private) = (id(&made), made["private_key"].as_str().unwrap().to_owned());
    let exp = house.origin.desk().now_ms() / 1_000 + 600;
    let claims = |sub: &str, aud: &str, exp: i64| json!({"sub": sub, "aud": aud, "exp": exp, "kid": kid});
    let ask = async |token: Option<&str>| {
        let query = token.map(|token| format!("?token={token}")).unwrap_or_default();
        house.play(&format!("/{pid}.m3u8{query}")).await
    };
    let good = token(&private, &kid, &claims(&pid, "v", exp));
    let (status, master) = ask(Some(&good)).await;
    assert_eq!(status, StatusCode::OK, "{master}");
    assert_eq!(ask(None).await.0, StatusCode::FORBIDDEN);
    let first = house.origin.credentials();
    for (why, wrong) in [
        ("another id", token(&private, &kid, &claims(&first_id(&other), "v", exp))),
        ("another audience", token(&private, &kid, &claims(&pid, "t", exp))),
        ("expired", token(&private, &kid, &claims(&pid, "v", exp - 3_600))),
        ("another key under this name", token(&first.private_key, &kid, &claims(&pid, "v", exp))),
        ("a key that is not there", token(&private, "nobody", &json!({"sub": pid, "aud": "v", "exp": exp}))),
        ("cut off", good[..good.len() - 4].to_owned()),
    ] {
        assert_eq!(ask(Some(&wrong)).await.0, StatusCode::FORBIDDEN, "{why}");
    }
    let uri = master.lines().rfind(|line| !line.is_empty() && !line.starts_with('#')).unwrap().to_owned();
    let segment = until("a segment", async || {
        let (status, media) = house.play(&format!("/{uri}")).await;
        assert_eq!(status, StatusCode::OK);
        media.lines().find(|line| line.ends_with(".m4s")).map(str::to_owned)
    })
    .await;
    let folder = uri.rsplit_once('/').unwrap().0;
    assert_eq!(house.play(&format!("/{folder}/{segment}")).await.0, StatusCode::OK);
    let bare: String = folder.split('/').filter(|part| !part.starts_with('~')).collect::<Vec<_>>().join("/");
    assert_eq!(house.play(&format!("/{bare}/{segment}")).await.0, StatusCode::FORBIDDEN, "a segment without a token");
    let (status, _) = house.call(Method::DELETE, &format!("/system/v1/signing-keys/{kid}"), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(ask(Some(&good)).await.0, StatusCode::FORBIDDEN, "the key was taken away");
    house.close().await;
}
