//! We publish: to ourselves, over TLS, and to nginx-rtmp.

use std::time::{Duration, Instant};

use backstage_media::flv::{FlvReader, Tag};
use backstage_media::rtmp::{EndCause, Limits, Push, PushError, PushOptions, Target};

use crate::clip::{Folder, film, packets};
use crate::house::{House, KEY, WORDS, certificate};
use crate::nginx::Nginx;

async fn tags(file: &str) -> Vec<Tag> {
    let mut reader = FlvReader::new(tokio::fs::File::open(file).await.unwrap());
    let mut tags = vec![];
    while let Some(tag) = reader.next().await.unwrap() {
        tags.push(tag);
    }
    tags
}

async fn push(tags: &[Tag], address: &str, options: PushOptions) -> Result<u64, PushError> {
    let push = Push::connect(&Target::parse(address)?, options).await?;
    for tag in tags {
        push.send(tag.clone()).await?;
    }
    push.finish().await.map(|sent| sent.tags)
}

#[tokio::test]
async fn what_we_push_arrives_as_it_was() {
    let folder = Folder::new();
    let tags = tags(&film(&folder).await).await;
    let house = House::open(Limits::default()).await;
    let sent = push(&tags, &house.url("rtmp", KEY), PushOptions::default()).await.unwrap();
    assert_eq!(house.ended().await, EndCause::Finished);
    assert_eq!(house.tags(), tags);
    assert_eq!(sent, tags.len() as u64);
}

#[tokio::test]
async fn what_we_push_over_tls_arrives_as_it_was() {
    let folder = Folder::new();
    let tags = tags(&film(&folder).await).await;
    let (server, client) = certificate();
    let house = House::open_with(Limits::default(), Some(server)).await;
    let options = PushOptions { tls: Some(client), ..PushOptions::default() };
    push(&tags, &house.url("rtmps", KEY), options).await.unwrap();
    assert_eq!(house.ended().await, EndCause::Finished);
    assert_eq!(house.tags(), tags);
}

#[tokio::test]
async fn a_certificate_of_nobody_we_trust_is_refused() {
    let house = House::open_with(Limits::default(), Some(certificate().0)).await;
    let failed = push(&[], &house.url("rtmps", KEY), PushOptions::default()).await.unwrap_err();
    assert!(matches!(failed, PushError::Tls { .. }), "{failed:?}");
    assert!(!failed.is_transient());
}

#[tokio::test]
async fn a_refused_push_has_the_words_of_the_server() {
    let house = House::open(Limits::default()).await;
    let failed = push(&[], &house.url("rtmp", "wrong"), PushOptions::default()).await.unwrap_err();
    assert!(matches!(&failed, PushError::Refused { words, .. } if words == WORDS), "{failed:?}");
}

#[tokio::test]
async fn nginx_records_all_that_we_push() {
    let folder = Folder::new();
    let file = film(&folder).await;
    let nginx = Nginx::start(&folder).await;
    let address = format!("rtmp://127.0.0.1:{}/live/{KEY}", nginx.port);
    push(&tags(&file).await, &address, PushOptions::default()).await.unwrap();
    let (pictures, sounds) = (packets(&file, "v").await, packets(&file, "a").await);
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        // It is written once nginx has noticed the end.
        let recorded = nginx.recorded();
        let found = match &recorded {
            Some(recorded) => (packets(recorded, "v").await, packets(recorded, "a").await),
            None => Default::default(),
        };
        if found == (pictures.clone(), sounds.clone()) {
            break;
        }
        let counts = (found.0.len(), found.1.len());
        assert!(Instant::now() < until, "{counts:?} of {:?}", (pictures.len(), sounds.len()));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn nginx_says_no_to_an_application_that_it_does_not_have() {
    let folder = Folder::new();
    let nginx = Nginx::start(&folder).await;
    let address = format!("rtmp://127.0.0.1:{}/none/{KEY}", nginx.port);
    let failed = push(&[], &address, PushOptions::default()).await.unwrap_err();
    // It closes without a word.
    assert!(matches!(failed, PushError::Closed | PushError::Refused { .. }), "{failed:?}");
}
