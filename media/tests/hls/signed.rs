use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use backstage_media::origin::hls::{Policy, PublicKey, Source, Vod};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::publisher::{Folder, clip, push_all, run};
use crate::server::{NOW_US, Server, beside};

const NOW_S: i64 = NOW_US / 1_000_000;

struct Key {
    id: &'static str,
    private: EncodingKey,
    public: PublicKey,
}

impl Key {
    fn new(id: &'static str) -> Key {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
        // An RSA key of 2048 bits in PKCS#8 is one in PKCS#1 behind 26 bytes.
        let private = EncodingKey::from_rsa_der(&pkcs8.as_ref()[26..]);
        let public = PublicKey::from_rsa_der(pair.public_key().as_ref());
        Key { id, private, public }
    }

    fn sign(&self, claims: Value) -> String {
        self.sign_as(Some(self.id), claims)
    }

    fn sign_as(&self, kid: Option<&str>, claims: Value) -> String {
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::RS256) };
        jsonwebtoken::encode(&header, &claims, &self.private).unwrap()
    }
}

#[actix_web::test]
async fn signed_playback_lets_in_with_the_right_token_only() {
    let (server, folder, key) = (Server::start(), Folder::new(), Key::new("key1"));
    let stranger = Key::new("key1");
    server.shelves.keys.lock().insert("key1".into(), key.public.clone());
    server.shelves.keys.lock().insert("key2".into(), Key::new("key2").public);
    let live = server.live(folder.path());
    push_all(&live, &clip(3)).await;
    for id in ["mine", "other"] {
        server.show(id, Policy::Signed, Source::Live(live.clone()));
    }
    let good = json!({ "sub": "mine", "aud": "v", "exp": NOW_S + 600 });
    let token = key.sign(good.clone());
    let broken = format!("{}x", &token[..token.len() - 3]);
    let mut parts: Vec<&str> = token.split('.').collect();
    let changed = key.sign(json!({ "sub": "mine", "aud": "v", "exp": NOW_S + 9_999 }));
    parts[1] = changed.split('.').nth(1).unwrap();
    let spliced = parts.join(".");
    let hmac = jsonwebtoken::encode(
        &Header { kid: Some("key1".into()), ..Header::new(Algorithm::HS256) },
        &good,
        &EncodingKey::from_secret(b"secret"),
    );
    let refused: Vec<(&str, String)> = vec![
        ("no token", String::new()),
        ("nonsense", "nonsense".into()),
        ("another key of that name", stranger.sign(good.clone())),
        ("another key's name", key.sign_as(Some("key2"), good.clone())),
        ("an unknown key", key.sign_as(Some("nobody"), good.clone())),
        ("no key's name", key.sign_as(None, good.clone())),
        ("another playback id", key.sign(json!({ "sub": "other", "aud": "v", "exp": NOW_S + 600 }))),
        ("a thumbnail's token", key.sign(json!({ "sub": "mine", "aud": "t", "exp": NOW_S + 600 }))),
        ("expired", key.sign(json!({ "sub": "mine", "aud": "v", "exp": NOW_S - 1 }))),
        ("no end", key.sign(json!({ "sub": "mine", "aud": "v" }))),
        ("a broken signature", broken),
        ("changed claims", spliced),
        ("another algorithm", hmac.unwrap()),
    ];
    let path = server.media_path(&format!("mine.m3u8?token={token}")).await;
    assert!(path.contains(&format!("/~{token}/")), "{path}");
    let bare = path.replace(&format!("/~{token}"), "");
    let files = ["media.m3u8", "dvr.m3u8", "init-0.mp4", "0.m4s", "1.0.m4s"];
    for (why, wrong) in &refused {
        assert_eq!(server.status(&format!("mine.m3u8?token={wrong}")).await, 403, "{why}");
        for file in files {
            let query = format!("{}?token={wrong}", beside(&bare, file));
            assert_eq!(server.status(&query).await, 403, "{why}: {file}");
            if !wrong.is_empty() {
                let in_path = beside(&path, file).replace(&token, wrong);
                assert_eq!(server.status(&in_path).await, 403, "{why}: {file} in the path");
            }
        }
    }
    for file in files {
        assert_eq!(server.status(&beside(&bare, file)).await, 403, "{file} without a token");
        let answer = server.get(&beside(&path, file)).await;
        assert_eq!(answer.status(), 200, "{file}");
        assert!(answer.headers()["cache-control"].to_str().unwrap().starts_with("private"), "{file}");
    }
    // The key's name may stand among the claims, as the official SDK writes it.
    let inside = key.sign_as(None, json!({ "sub": "mine", "aud": "v", "exp": NOW_S + 600, "kid": "key1" }));
    assert_eq!(server.status(&format!("mine.m3u8?token={inside}")).await, 200);

    let url = server.url(&format!("mine.m3u8?token={token}"));
    let played =
        actix_web::web::block(move || run("ffmpeg", &["-v", "warning", "-i", &url, "-t", "1", "-f", "null", "-"]));
    assert_eq!(String::from_utf8_lossy(&played.await.unwrap().stderr), "", "a native player carries the token along");

    server.now_us.store((NOW_S + 600) * 1_000_000, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(server.status(&beside(&path, "0.m4s")).await, 403, "its time is over");
    server.now_us.store(NOW_US, std::sync::atomic::Ordering::Relaxed);
    server.shelves.keys.lock().remove("key1");
    assert_eq!(server.status(&beside(&path, "0.m4s")).await, 403, "its key was deleted");
    server.stop().await;
}

#[actix_web::test]
async fn pictures_have_tokens_of_their_own() {
    let (server, folder, key) = (Server::start(), Folder::new(), Key::new("key1"));
    server.shelves.keys.lock().insert("key1".into(), key.public.clone());
    let live = server.live(folder.path());
    push_all(&live, &clip(2)).await;
    live.finish().await.unwrap();
    server.show("mine", Policy::Signed, Source::Vod(Vod::open(folder.path()).unwrap().into()));
    let token = |aud: &str| key.sign(json!({ "sub": "mine", "aud": aud, "exp": NOW_S + 600 }));
    for (file, right) in [("thumbnail.jpg", "t"), ("storyboard.jpg", "s"), ("storyboard.vtt", "s")] {
        assert_eq!(server.status(&format!("mine/{file}")).await, 403, "{file}");
        for aud in ["v", "t", "s"] {
            let status = server.status(&format!("mine/{file}?token={}", token(aud))).await;
            assert_eq!(status, if aud == right { 200 } else { 403 }, "{file} {aud}");
        }
    }
    let board = token("s");
    let text = server.text(&format!("mine/storyboard.vtt?token={board}")).await;
    assert!(text.contains(&format!("storyboard.jpg?token={board}#xywh=284,0,284,160")), "{text}");
    server.stop().await;
}
