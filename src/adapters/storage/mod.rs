//! Object storage: whole files under keys. Two stores behind one trait, held to one contract suite (`tests/storage`):
//! [`FileStore`] in a folder, the default, and [`S3Store`] for anything that speaks S3 (R2, AWS, ...).
//!
//! Promises of both: an object is there whole or not at all; a `put` that breaks off, by whatever cause, leaves the old
//! object; parts of a multipart upload survive a crash of this process, so an upload may be completed by the next one.
//! Keys do not nest below each other's objects: with an object at `a` there is none at `a/b`.

mod files;
mod key;
mod kind;
mod range;
mod s3;
mod signed;
mod uploads;
mod walk;

pub use files::FileStore;
pub use key::{BadKey, KEY_BYTES_MAX, Key, Prefix};
pub use kind::content_type;
pub use range::Span;
pub use s3::{S3Settings, S3Store};
pub use signed::{BadSignature, Signer};

use backstage_actors::ports::BoxFuture;
use backstage_core::Timestamp;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};
use std::io;
use std::time::Duration;

/// Largest object that [`ObjectStore::put`] takes, bytes: 64 GiB.
pub const PUT_BYTES_MAX: u64 = 64 << 30;
/// Smallest part of a multipart upload, the last one apart, bytes: 5 MiB, as S3 asks.
pub const PART_BYTES_MIN: usize = 5 << 20;
/// Largest part, bytes. S3 would take 5 GiB; a part is held in memory, so ours are small.
pub const PART_BYTES_MAX: usize = 64 << 20;
/// Highest number of a part; the lowest is 1.
pub const PARTS_MAX: u16 = 10_000;
/// Most objects on one page of a listing.
pub const PAGE_MAX: u16 = 1_000;
/// Longest life of a presigned URL: a week, as S3 allows.
pub const SIGNED_FOR_MAX: Duration = Duration::from_secs(7 * 86_400);

/// Bytes as they come. An error in it breaks a `put` off.
pub type Body = BoxStream<'static, io::Result<Bytes>>;

/// What is known of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Bytes of the whole object.
    pub size: u64,
    /// When it was put.
    pub modified: Timestamp,
    /// Changes whenever the object does; without quotes.
    pub etag: String,
    /// By the key's ending: see [`content_type`].
    pub content_type: &'static str,
}

/// An object, or a span of it, to be read.
pub struct Object {
    /// Of the whole object.
    pub meta: Meta,
    /// Offset of the first byte of the body.
    pub first: u64,
    /// Bytes in the body.
    pub length: u64,
    /// The bytes.
    pub body: Body,
}

/// A line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: Key,
    /// Bytes.
    pub size: u64,
    /// When it was put.
    pub modified: Timestamp,
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Objects in the order of their keys' bytes.
    pub objects: Vec<Listed>,
    /// There are more: ask again after this key.
    pub next: Option<Key>,
}

/// An upload in parts. Keep it (it serializes) to go on after a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Where the object will be.
    pub key: Key,
    /// The store's name for it.
    pub id: String,
}

/// A part that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// 1 to [`PARTS_MAX`].
    pub number: u16,
    /// What the store calls its content.
    pub etag: String,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// No object at this key.
    #[error("there is no such object")]
    NotFound,
    /// The upload was completed, aborted or never begun.
    #[error("there is no such upload")]
    NoSuchUpload,
    /// A part's number, size or order is wrong, or it was never taken.
    #[error("the parts are wrong: {0}")]
    BadParts(String),
    /// The span begins behind the object's end.
    #[error("the object has no such bytes")]
    NoSuchBytes,
    /// Over [`PUT_BYTES_MAX`], or a part over [`PART_BYTES_MAX`].
    #[error("this is too large for an object")]
    TooLarge,
    /// The body broke off; nothing of it was kept.
    #[error("the body broke off: {0}")]
    Body(io::Error),
    /// A time-out, a refused connection, a full disk: may go later.
    #[error("not now: {0}")]
    TryAgain(String),
    /// Will never go as it is: no rights, no such bucket, another object in the way.
    #[error("refused: {0}")]
    Final(String),
}

/// Somewhere to keep whole files. Every call has its own time-out or ends with its body; all may be repeated.
pub trait ObjectStore: Send + Sync + 'static {
    /// Puts an object of any length up to [`PUT_BYTES_MAX`]; one that is there is replaced in one step. Gives its size.
    fn put<'a>(&'a self, key: &'a Key, body: Body) -> BoxFuture<'a, Result<u64, StorageError>>;
    /// Begins an upload in parts. Nothing is seen at the key before it is completed.
    fn begin<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Upload, StorageError>>;
    /// Takes one part; it is durable when this returns. The same number again replaces it. Parts may come in any order.
    fn part<'a>(&'a self, upload: &'a Upload, number: u16, bytes: Bytes) -> BoxFuture<'a, Result<Part, StorageError>>;
    /// Makes the object of parts in rising order, each but the last of at least [`PART_BYTES_MIN`].
    fn complete<'a>(&'a self, upload: &'a Upload, parts: &'a [Part]) -> BoxFuture<'a, Result<(), StorageError>>;
    /// Throws an upload's parts away; one that is gone is fine.
    fn abort<'a>(&'a self, upload: &'a Upload) -> BoxFuture<'a, Result<(), StorageError>>;
    /// Opens an object, or a span of it.
    fn get<'a>(&'a self, key: &'a Key, span: Option<Span>) -> BoxFuture<'a, Result<Object, StorageError>>;
    /// What is known of an object.
    fn head<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Meta, StorageError>>;
    /// Removes an object; none there is fine.
    fn delete<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<(), StorageError>>;
    /// Objects whose keys begin with `prefix`, after a key, at most `limit` (1 to [`PAGE_MAX`]).
    fn list<'a>(
        &'a self,
        prefix: &'a Prefix,
        after: Option<&'a Key>,
        limit: u16,
    ) -> BoxFuture<'a, Result<Page, StorageError>>;
    /// A URL that gives the object to anybody for a while, at most [`SIGNED_FOR_MAX`]. It answers Range requests.
    fn presign_get<'a>(&'a self, key: &'a Key, lasts: Duration) -> BoxFuture<'a, Result<String, StorageError>>;
    /// A URL that takes one object by `PUT` for a while.
    fn presign_put<'a>(&'a self, key: &'a Key, lasts: Duration) -> BoxFuture<'a, Result<String, StorageError>>;
}

impl Object {
    /// All of the body, for small objects: an error above `bytes_max`.
    pub async fn bytes(self, bytes_max: usize) -> Result<Bytes, StorageError> {
        let mut whole = bytes::BytesMut::new();
        let mut body = self.body;
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(StorageError::Body)?;
            if whole.len() + chunk.len() > bytes_max {
                return Err(StorageError::TooLarge);
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }
}

/// A body of bytes that are there already.
pub fn whole(bytes: impl Into<Bytes>) -> Body {
    let bytes = bytes.into();
    futures_util::stream::once(std::future::ready(Ok(bytes))).boxed()
}

/// Whether parts may be completed: at least one, numbers in range and rising.
fn check_order(parts: &[Part]) -> Result<(), StorageError> {
    let bad = |why: &str| Err(StorageError::BadParts(why.to_owned()));
    if parts.is_empty() {
        return bad("there are none");
    }
    if !parts.iter().all(|part| (1..=PARTS_MAX).contains(&part.number)) {
        return bad("a number is not between 1 and 10,000");
    }
    if !parts.is_sorted_by(|a, b| a.number < b.number) {
        return bad("their numbers do not rise");
    }
    Ok(())
}

/// Whether a part may be taken.
fn check_part(number: u16, bytes: &Bytes) -> Result<(), StorageError> {
    if !(1..=PARTS_MAX).contains(&number) {
        return Err(StorageError::BadParts("a number is not between 1 and 10,000".to_owned()));
    }
    if bytes.len() > PART_BYTES_MAX {
        return Err(StorageError::TooLarge);
    }
    Ok(())
}
