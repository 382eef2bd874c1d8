//! What both stores promise.

use crate::stand::{Stand, files, key, s3};
use backstage::adapters::storage::{
    Body, ObjectStore, PART_BYTES_MIN, Part, Prefix, Span, StorageError, Upload, whole,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use std::io;
use std::time::Duration;

/// Each promise is a test of both stores.
macro_rules! contract {
    ($($promise:ident),+ $(,)?) => {
        mod of_files {
            $(#[tokio::test] async fn $promise() { super::$promise(super::files()).await; })+
        }
        mod of_s3 {
            $(#[tokio::test] async fn $promise() { super::$promise(super::s3().await).await; })+
        }
    };
}

contract!(
    what_was_put_is_got_whole,
    a_missing_object_is_said_to_be_missing,
    a_span_is_got_as_http_asks,
    a_put_replaces_in_one_step,
    a_put_that_breaks_off_leaves_the_old_object,
    a_long_body_is_put_whole,
    a_deleted_object_is_gone_and_deleting_again_is_fine,
    a_listing_has_order_prefix_and_pages,
    parts_make_an_object_in_the_order_of_their_numbers,
    parts_are_refused_when_wrong,
    an_upload_is_seen_only_when_complete_and_gone_when_aborted,
    signed_urls_are_made_for_a_while,
);

async fn all(store: &dyn ObjectStore, at: &str) -> Vec<u8> {
    store.get(&key(at), None).await.unwrap().bytes(200 << 20).await.unwrap().to_vec()
}

async fn put(store: &dyn ObjectStore, at: &str, bytes: &[u8]) {
    let size = store.put(&key(at), whole(bytes.to_vec())).await.unwrap();
    assert_eq!(size, bytes.len() as u64);
}

async fn put_parts(store: &dyn ObjectStore, upload: &Upload, sizes: &[(u16, usize)]) -> Vec<Part> {
    let mut parts = vec![];
    for (number, size) in sizes {
        let fill = u8::try_from(*number).unwrap();
        parts.push(store.part(upload, *number, Bytes::from(vec![fill; *size])).await.unwrap());
    }
    parts
}

/// Bytes that differ at each place, in uneven chunks.
fn long(bytes: usize) -> (Vec<u8>, Body) {
    let all: Vec<u8> =
        (0..bytes).map(|at| u8::try_from(at / 251 % 256).unwrap() ^ u8::try_from(at % 256).unwrap()).collect();
    let chunks: Vec<io::Result<Bytes>> = all.chunks(77_777).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    (all, stream::iter(chunks).boxed())
}

async fn what_was_put_is_got_whole(stand: Stand) {
    let store = &*stand.store;
    put(store, "a/b/clip.mp4", b"moving pictures").await;
    put(store, "empty.txt", b"").await;
    assert_eq!(all(store, "a/b/clip.mp4").await, b"moving pictures");
    assert_eq!(all(store, "empty.txt").await, b"");
    let meta = store.head(&key("a/b/clip.mp4")).await.unwrap();
    assert_eq!((meta.size, meta.content_type), (15, "video/mp4"));
    assert!(meta.modified.0 > 1_600_000_000_000, "{meta:?}");
    let object = store.get(&key("a/b/clip.mp4"), None).await.unwrap();
    assert_eq!(object.meta, meta);
    assert_eq!((object.first, object.length), (0, 15));
    assert_eq!(store.head(&key("empty.txt")).await.unwrap().size, 0);
}

async fn a_missing_object_is_said_to_be_missing(stand: Stand) {
    let store = &*stand.store;
    put(store, "a/b", b"x").await;
    // "a" is a folder in either test; the S3 server has no answer of S3's own for that.
    let folder = (stand.name == "files").then_some("a");
    for none in ["x", "x/y/z", "a/c"].into_iter().chain(folder) {
        assert!(matches!(store.get(&key(none), None).await, Err(StorageError::NotFound)), "{none}");
        assert!(matches!(store.head(&key(none)).await, Err(StorageError::NotFound)), "{none}");
    }
}

async fn a_span_is_got_as_http_asks(stand: Stand) {
    let store = &*stand.store;
    put(store, "a", b"0123456789").await;
    for (span, first, bytes) in [
        (Span::Within(6, 8), 6, "678"),
        (Span::Within(0, 0), 0, "0"),
        (Span::Within(8, 100), 8, "89"),
        (Span::From(6), 6, "6789"),
        (Span::Last(3), 7, "789"),
    ] {
        let got = store.get(&key("a"), Some(span)).await.unwrap();
        assert_eq!((got.first, got.length, got.meta.size), (first, bytes.len() as u64, 10), "{span:?}");
        assert_eq!(got.bytes(100).await.unwrap(), bytes, "{span:?}");
    }
    let beyond = store.get(&key("a"), Some(Span::From(10))).await;
    assert!(matches!(beyond, Err(StorageError::NoSuchBytes)));
}

async fn a_put_replaces_in_one_step(stand: Stand) {
    let store = &*stand.store;
    put(store, "a", b"old").await;
    let before = store.head(&key("a")).await.unwrap();
    put(store, "a", b"new").await;
    assert_eq!(all(store, "a").await, b"new");
    assert_ne!(store.head(&key("a")).await.unwrap().etag, before.etag);
    assert_eq!(store.list(&Prefix::default(), None, 10).await.unwrap().objects.len(), 1);
}

async fn a_put_that_breaks_off_leaves_the_old_object(stand: Stand) {
    let store = &*stand.store;
    put(store, "a", b"old").await;
    // Short, and so long that S3 has taken parts already.
    for bytes in [10, 12 << 20] {
        let (_, start) = long(bytes);
        let broken = start.chain(stream::iter([Err(io::Error::other("the sender went away"))])).boxed();
        let put = store.put(&key("a"), broken).await;
        assert!(matches!(&put, Err(StorageError::Body(why)) if why.to_string().contains("went away")), "{put:?}");
        assert_eq!(all(store, "a").await, b"old");
    }
    // Given up by the caller.
    let waiting = long(10).1.chain(stream::pending()).boxed();
    let put = tokio::time::timeout(Duration::from_millis(50), store.put(&key("a"), waiting)).await;
    assert!(put.is_err());
    assert_eq!(all(store, "a").await, b"old");
    assert_eq!(store.list(&Prefix::default(), None, 10).await.unwrap().objects.len(), 1);
}

async fn a_long_body_is_put_whole(stand: Stand) {
    let (bytes, body) = long((17 << 20) + 5);
    assert_eq!(stand.store.put(&key("long.bin"), body).await.unwrap(), bytes.len() as u64);
    assert!(all(&*stand.store, "long.bin").await == bytes);
}

async fn a_deleted_object_is_gone_and_deleting_again_is_fine(stand: Stand) {
    let store = &*stand.store;
    put(store, "a/b/c", b"x").await;
    put(store, "a/d", b"y").await;
    for _ in 0..2 {
        store.delete(&key("a/b/c")).await.unwrap();
    }
    store.delete(&key("never/there")).await.unwrap();
    assert!(matches!(store.head(&key("a/b/c")).await, Err(StorageError::NotFound)));
    assert_eq!(all(store, "a/d").await, b"y");
}

async fn a_listing_has_order_prefix_and_pages(stand: Stand) {
    let store = &*stand.store;
    // Dashes and dots sort before slashes, digits behind.
    let keys = ["a-b", "a.b", "a/1", "a/2/x", "a/2/y", "a/3", "a0", "b/1"];
    for at in keys.iter().rev() {
        put(store, at, at.as_bytes()).await;
    }
    let list = async |prefix: &str| {
        let page = store.list(&Prefix::parse(prefix).unwrap(), None, 100).await.unwrap();
        assert_eq!(page.next, None);
        page.objects.iter().map(|object| object.key.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(list("").await, keys);
    assert_eq!(list("a/").await, ["a/1", "a/2/x", "a/2/y", "a/3"]);
    assert_eq!(list("a/2").await, ["a/2/x", "a/2/y"]);
    assert_eq!(list("a").await, keys[..7]);
    assert_eq!(list("none/").await, [""; 0]);
    let mut after = None;
    let mut seen = vec![];
    loop {
        let page = store.list(&Prefix::default(), after.as_ref(), 3).await.unwrap();
        assert!(page.objects.len() <= 3);
        seen.extend(page.objects.iter().map(|object| (object.key.to_string(), object.size)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, keys.map(|at| (at.to_string(), at.len() as u64)));
    // Two pages that are full to the brim: no third.
    let page = store.list(&Prefix::parse("a/").unwrap(), Some(&key("a/2/x")), 2).await.unwrap();
    assert_eq!((page.objects.len(), page.next), (2, None));
}

async fn parts_make_an_object_in_the_order_of_their_numbers(stand: Stand) {
    let store = &*stand.store;
    let upload = store.begin(&key("r/rec.mp4")).await.unwrap();
    let kept: Upload = serde_json::from_str(&serde_json::to_string(&upload).unwrap()).unwrap();
    let mut parts = put_parts(store, &kept, &[(3, 100), (2, PART_BYTES_MIN), (1, PART_BYTES_MIN)]).await;
    // Part 2 again: the later one counts.
    let again = store.part(&kept, 2, Bytes::from(vec![9; PART_BYTES_MIN + 1])).await.unwrap();
    parts.retain(|part| part.number != 2);
    parts.push(again);
    parts.sort_by_key(|part| part.number);
    store.complete(&kept, &parts).await.unwrap();
    let bytes = all(store, "r/rec.mp4").await;
    assert_eq!(bytes.len(), 2 * PART_BYTES_MIN + 101);
    assert!(bytes[..PART_BYTES_MIN].iter().all(|byte| *byte == 1));
    assert!(bytes[PART_BYTES_MIN..=2 * PART_BYTES_MIN].iter().all(|byte| *byte == 9));
    assert!(bytes[2 * PART_BYTES_MIN + 1..].iter().all(|byte| *byte == 3));
    assert_eq!(store.head(&key("r/rec.mp4")).await.unwrap().content_type, "video/mp4");
    assert!(is_gone(&stand, store.complete(&kept, &parts).await));
}

/// S3 says `NoSuchUpload`; the test server says 403, as it does not remember whose the upload was.
fn is_gone<T>(stand: &Stand, answer: Result<T, StorageError>) -> bool {
    match answer {
        Err(StorageError::NoSuchUpload) => true,
        Err(StorageError::Final(why)) => stand.name == "s3" && why.contains("403 AccessDenied"),
        _ => false,
    }
}

async fn parts_are_refused_when_wrong(stand: Stand) {
    let store = &*stand.store;
    let upload = store.begin(&key("a")).await.unwrap();
    for number in [0, 10_001] {
        let part = store.part(&upload, number, Bytes::from_static(b"x")).await;
        assert!(matches!(part, Err(StorageError::BadParts(_))), "{part:?}");
    }
    let parts = put_parts(store, &upload, &[(1, PART_BYTES_MIN), (2, 10)]).await;
    let backwards: Vec<Part> = parts.iter().rev().cloned().collect();
    for wrong in [&[][..], &backwards[..], &[parts[0].clone(), parts[0].clone()]] {
        assert!(matches!(store.complete(&upload, wrong).await, Err(StorageError::BadParts(_))), "{wrong:?}");
    }
    assert!(matches!(store.head(&key("a")).await, Err(StorageError::NotFound)));
    store.complete(&upload, &parts).await.unwrap();
    let small = store.begin(&key("b")).await.unwrap();
    let parts = put_parts(store, &small, &[(1, 10), (2, 10)]).await;
    assert!(matches!(store.complete(&small, &parts).await, Err(StorageError::BadParts(_))));
    assert!(matches!(store.head(&key("b")).await, Err(StorageError::NotFound)));
}

async fn an_upload_is_seen_only_when_complete_and_gone_when_aborted(stand: Stand) {
    let store = &*stand.store;
    put(store, "a", b"old").await;
    let upload = store.begin(&key("a")).await.unwrap();
    let parts = put_parts(store, &upload, &[(1, 10)]).await;
    assert_eq!(all(store, "a").await, b"old");
    assert_eq!(store.list(&Prefix::default(), None, 10).await.unwrap().objects.len(), 1);
    store.abort(&upload).await.unwrap();
    let again = store.abort(&upload).await;
    assert!(again.is_ok() || is_gone(&stand, again));
    assert!(is_gone(&stand, store.complete(&upload, &parts).await));
    assert!(is_gone(&stand, store.part(&upload, 2, Bytes::from_static(b"x")).await));
    assert_eq!(all(store, "a").await, b"old");
}

async fn signed_urls_are_made_for_a_while(stand: Stand) {
    let at = key("a/b.mp4");
    for lasts in [Duration::ZERO, Duration::from_secs(60), Duration::from_secs(u64::MAX)] {
        let get = stand.store.presign_get(&at, lasts).await.unwrap();
        let put = stand.store.presign_put(&at, lasts).await.unwrap();
        assert!(get.contains("/a/b.mp4?") && put.contains("/a/b.mp4?"), "{get} {put}");
        assert_ne!(get, put, "{}", stand.name);
    }
}
