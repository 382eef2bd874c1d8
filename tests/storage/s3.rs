//! What is S3's own: its signed URLs, its errors, its absence.

use crate::stand::{key, s3, settings};
use backstage::adapters::storage::{ObjectStore, S3Store, StorageError, whole};
use std::time::Duration;

#[tokio::test]
async fn its_signed_urls_give_and_take_one_object() {
    let stand = s3().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let put = stand.store.presign_put(&key("a.txt"), Duration::from_secs(60)).await.unwrap();
    assert_eq!(http.put(&put).body("0123456789").send().await.unwrap().status(), 200);
    let get = stand.store.presign_get(&key("a.txt"), Duration::from_secs(60)).await.unwrap();
    assert_eq!(http.get(&get).send().await.unwrap().text().await.unwrap(), "0123456789");
    let part = http.get(&get).header("range", "bytes=2-4").send().await.unwrap();
    assert_eq!((part.status().as_u16(), part.text().await.unwrap().as_str()), (206, "234"));
    for wrong in [get.replace("/a.txt", "/b.txt"), get.replace("Expires=60", "Expires=61"), put] {
        assert_eq!(http.get(&wrong).send().await.unwrap().status(), 403, "{wrong}");
    }
}

#[tokio::test]
async fn a_wrong_secret_is_final_and_a_server_that_is_away_is_not() {
    let stand = s3().await;
    let url = stand.store.presign_get(&key("a"), Duration::from_secs(60)).await.unwrap();
    let endpoint = url.split("/bucket/").next().unwrap();
    let wrong = S3Store::new(&settings(endpoint, "another")).put(&key("a"), whole("x")).await;
    assert!(matches!(&wrong, Err(StorageError::Final(why)) if !why.contains("another")), "{wrong:?}");
    let away = S3Store::new(&settings("http://127.0.0.1:9", "secret")).head(&key("a")).await;
    assert!(matches!(away, Err(StorageError::TryAgain(_))), "{away:?}");
}
