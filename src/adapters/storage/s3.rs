//! Objects at anything that speaks S3: AWS, Cloudflare R2, MinIO and others. One bucket, path style by default.
//!
//! Time-outs: [`CONNECT_MAX`] to connect, [`ATTEMPT_MAX`] a try, [`CALL_MAX`] for all tries; a body that stalls is given up
//! by the SDK. Tries: [`TRIES_MAX`], with the SDK's backoff, on time-outs, 5xx and throttling; every call may be
//! repeated. Checksums are sent only where S3 demands them, since R2 and others refuse some of the SDK's own.
//! Parts of uploads that were never completed are cleared by the bucket's lifecycle rule; set one of a week.

use super::{
    Body, Key, Listed, Meta, Object, ObjectStore, PAGE_MAX, PUT_BYTES_MAX, Page, Part, Prefix, SIGNED_FOR_MAX, Span,
    StorageError, Upload, check_order, check_part, content_type,
};
use crate::config::Secret;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use backstage_actors::ports::BoxFuture;
use backstage_core::Timestamp;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use std::io;
use std::time::Duration;

/// To connect.
pub const CONNECT_MAX: Duration = Duration::from_secs(5);
/// One try of a call.
pub const ATTEMPT_MAX: Duration = Duration::from_secs(60);
/// All tries of a call.
pub const CALL_MAX: Duration = Duration::from_secs(150);
/// Tries of a call.
pub const TRIES_MAX: u32 = 3;
/// A put gathers so much in memory; what is longer goes in parts of this size. 8 MiB × 10,000 parts hold
/// [`PUT_BYTES_MAX`].
const GATHER_BYTES: usize = 8 << 20;

/// How to reach a bucket.
#[derive(Debug, Clone)]
pub struct S3Settings {
    /// As `https://ACCOUNT.r2.cloudflarestorage.com`; empty: AWS itself in the region.
    pub endpoint: String,
    /// As `eu-central-1`; `auto` at R2.
    pub region: String,
    /// Its name.
    pub bucket: String,
    /// Key id.
    pub access_key_id: String,
    /// Key.
    pub secret_access_key: Secret,
    /// The bucket stands in the path, not in the host's name.
    pub path_style: bool,
}

/// See the module.
pub struct S3Store {
    client: Client,
    bucket: String,
}

impl S3Store {
    /// Makes the client; connects with the first call.
    pub fn new(settings: &S3Settings) -> S3Store {
        let http =
            aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https();
        let credentials =
            Credentials::new(&settings.access_key_id, settings.secret_access_key.expose(), None, None, "configuration");
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_MAX)
            .operation_attempt_timeout(ATTEMPT_MAX)
            .operation_timeout(CALL_MAX)
            .build();
        let mut config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http)
            .credentials_provider(credentials)
            .region(Region::new(settings.region.clone()))
            .force_path_style(settings.path_style)
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(TRIES_MAX))
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        if !settings.endpoint.is_empty() {
            config = config.endpoint_url(settings.endpoint.trim_end_matches('/'));
        }
        S3Store { client: Client::from_conf(config.build()), bucket: settings.bucket.clone() }
    }

    async fn put_whole(&self, key: &Key, bytes: Bytes) -> Result<(), StorageError> {
        let put = self.client.put_object().bucket(&self.bucket).key(key.as_str()).content_type(content_type(key));
        put.body(ByteStream::from(bytes)).send().await.map_err(sort)?;
        Ok(())
    }

    /// Everything of `body` behind `first` in parts. Gives the size.
    async fn put_parts(&self, upload: &Upload, first: Bytes, mut body: Body) -> Result<u64, StorageError> {
        let mut parts = vec![self.send_part(upload, 1, first.clone()).await?];
        let mut size = first.len() as u64;
        for number in 2.. {
            let next = gather(&mut body).await?;
            if next.is_empty() {
                break;
            }
            size += next.len() as u64;
            if size > PUT_BYTES_MAX {
                return Err(StorageError::TooLarge);
            }
            parts.push(self.send_part(upload, number, next).await?);
        }
        self.join(upload, &parts).await?;
        Ok(size)
    }

    async fn create(&self, key: &Key) -> Result<Upload, StorageError> {
        let made = self.client.create_multipart_upload().bucket(&self.bucket).key(key.as_str());
        let made = made.content_type(content_type(key)).send().await.map_err(sort)?;
        let id = made.upload_id.ok_or_else(|| strange("no id for the upload"))?;
        Ok(Upload { key: key.clone(), id })
    }

    async fn send_part(&self, upload: &Upload, number: u16, bytes: Bytes) -> Result<Part, StorageError> {
        check_part(number, &bytes)?;
        let call = self.client.upload_part().bucket(&self.bucket).key(upload.key.as_str()).upload_id(&upload.id);
        let taken = call.part_number(number.into()).body(ByteStream::from(bytes)).send().await.map_err(sort_upload)?;
        Ok(Part { number, etag: taken.e_tag.ok_or_else(|| strange("no name for the part"))? })
    }

    async fn join(&self, upload: &Upload, parts: &[Part]) -> Result<(), StorageError> {
        check_order(parts)?;
        let part = |part: &Part| CompletedPart::builder().part_number(part.number.into()).e_tag(&part.etag).build();
        let all = CompletedMultipartUpload::builder().set_parts(Some(parts.iter().map(part).collect())).build();
        let call = self.client.complete_multipart_upload().bucket(&self.bucket).key(upload.key.as_str());
        call.upload_id(&upload.id).multipart_upload(all).send().await.map_err(sort_upload)?;
        Ok(())
    }

    async fn throw_away(&self, upload: &Upload) -> Result<(), StorageError> {
        let call = self.client.abort_multipart_upload().bucket(&self.bucket).key(upload.key.as_str());
        match call.upload_id(&upload.id).send().await.map_err(sort_upload) {
            Ok(_) | Err(StorageError::NoSuchUpload | StorageError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The next [`GATHER_BYTES`] of a body or a little more; fewer only at its end.
async fn gather(body: &mut Body) -> Result<Bytes, StorageError> {
    let mut gathered = BytesMut::new();
    while gathered.len() < GATHER_BYTES {
        let Some(chunk) = body.next().await else { break };
        gathered.extend_from_slice(&chunk.map_err(StorageError::Body)?);
    }
    Ok(gathered.freeze())
}

fn strange(what: &str) -> StorageError {
    StorageError::TryAgain(format!("object storage answered with {what}"))
}

fn time(at: Option<&DateTime>) -> Timestamp {
    Timestamp(at.and_then(|at| at.to_millis().ok()).unwrap_or_default())
}

fn size(length: Option<i64>) -> u64 {
    length.and_then(|length| u64::try_from(length).ok()).unwrap_or_default()
}

fn etag(given: Option<String>) -> String {
    given.unwrap_or_default().trim_matches('"').to_owned()
}

/// First byte and size of the whole, of `bytes 6-9/20`.
fn content_range(header: &str) -> Option<(u64, u64)> {
    let (span, whole) = header.strip_prefix("bytes ")?.split_once('/')?;
    Some((span.split('-').next()?.parse().ok()?, whole.parse().ok()?))
}

/// The same for calls about an upload, where a 404 without a code speaks of the upload.
fn sort_upload<E>(error: SdkError<E>) -> StorageError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match sort(error) {
        StorageError::NotFound => StorageError::NoSuchUpload,
        other => other,
    }
}

/// An answer or its absence as a storage error. Its words never hold a key.
fn sort<E>(error: SdkError<E>) -> StorageError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let Some(status) = error.raw_response().map(|response| response.status().as_u16()) else {
        let words = match &error {
            SdkError::TimeoutError(_) => "object storage did not answer in time".to_owned(),
            SdkError::ConstructionFailure(_) => return StorageError::Final("the call could not be made".to_owned()),
            _ => format!("object storage cannot be reached ({})", deepest(&error)),
        };
        return StorageError::TryAgain(words);
    };
    let code = error.code().unwrap_or_default().to_owned();
    let words = format!("object storage says {status} {code} {}", error.message().unwrap_or_default());
    let words = words.trim_end().to_owned();
    match (code.as_str(), status) {
        ("NoSuchBucket" | "AccessDenied" | "SignatureDoesNotMatch" | "InvalidAccessKeyId", _) => {
            StorageError::Final(words)
        }
        ("NoSuchUpload", _) => StorageError::NoSuchUpload,
        ("EntityTooSmall" | "InvalidPart" | "InvalidPartOrder" | "MalformedXML", _) => StorageError::BadParts(words),
        ("EntityTooLarge", _) => StorageError::TooLarge,
        ("InvalidRange", _) | (_, 416) => StorageError::NoSuchBytes,
        ("NoSuchKey" | "NotFound", _) | (_, 404) => StorageError::NotFound,
        (_, 408 | 409 | 425 | 429 | 500..=599) => StorageError::TryAgain(words),
        _ => StorageError::Final(words),
    }
}

/// The innermost cause, which says what really happened.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut at = error;
    while let Some(source) = at.source() {
        at = source;
    }
    at.to_string()
}

fn signing(lasts: Duration) -> Result<PresigningConfig, StorageError> {
    let lasts = lasts.clamp(Duration::from_secs(1), SIGNED_FOR_MAX);
    PresigningConfig::expires_in(lasts).map_err(|error| StorageError::Final(error.to_string()))
}

impl ObjectStore for S3Store {
    fn put<'a>(&'a self, key: &'a Key, mut body: Body) -> BoxFuture<'a, Result<u64, StorageError>> {
        Box::pin(async move {
            let first = gather(&mut body).await?;
            if first.len() < GATHER_BYTES {
                self.put_whole(key, first.clone()).await?;
                return Ok(first.len() as u64);
            }
            let upload = self.create(key).await?;
            let put = self.put_parts(&upload, first, body).await;
            if put.is_err()
                && let Err(error) = self.throw_away(&upload).await
            {
                tracing::warn!(%key, %error, "parts of a broken put stay in object storage");
            }
            put
        })
    }

    fn begin<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Upload, StorageError>> {
        Box::pin(self.create(key))
    }

    fn part<'a>(&'a self, upload: &'a Upload, number: u16, bytes: Bytes) -> BoxFuture<'a, Result<Part, StorageError>> {
        Box::pin(self.send_part(upload, number, bytes))
    }

    fn complete<'a>(&'a self, upload: &'a Upload, parts: &'a [Part]) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(self.join(upload, parts))
    }

    fn abort<'a>(&'a self, upload: &'a Upload) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(self.throw_away(upload))
    }

    fn get<'a>(&'a self, key: &'a Key, span: Option<Span>) -> BoxFuture<'a, Result<Object, StorageError>> {
        Box::pin(async move {
            let call = self.client.get_object().bucket(&self.bucket).key(key.as_str());
            let got = call.set_range(span.map(Span::header)).send().await.map_err(sort)?;
            let length = size(got.content_length);
            let (first, whole) = got.content_range.as_deref().and_then(content_range).unwrap_or((0, length));
            let meta = Meta {
                size: whole,
                modified: time(got.last_modified.as_ref()),
                etag: etag(got.e_tag),
                content_type: content_type(key),
            };
            let body = futures_util::stream::unfold(got.body, |mut body| async move {
                let chunk = body.next().await?.map_err(io::Error::other);
                Some((chunk, body))
            });
            Ok(Object { meta, first, length, body: body.boxed() })
        })
    }

    fn head<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Meta, StorageError>> {
        Box::pin(async move {
            let got = self.client.head_object().bucket(&self.bucket).key(key.as_str()).send().await.map_err(sort)?;
            Ok(Meta {
                size: size(got.content_length),
                modified: time(got.last_modified.as_ref()),
                etag: etag(got.e_tag),
                content_type: content_type(key),
            })
        })
    }

    fn delete<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            match self.client.delete_object().bucket(&self.bucket).key(key.as_str()).send().await.map_err(sort) {
                Ok(_) | Err(StorageError::NotFound) => Ok(()),
                Err(error) => Err(error),
            }
        })
    }

    fn list<'a>(
        &'a self,
        prefix: &'a Prefix,
        after: Option<&'a Key>,
        limit: u16,
    ) -> BoxFuture<'a, Result<Page, StorageError>> {
        Box::pin(async move {
            let call = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix.as_str());
            let call = call.set_start_after(after.map(Key::to_string)).max_keys(limit.clamp(1, PAGE_MAX).into());
            let got = call.send().await.map_err(sort)?;
            let more = got.is_truncated.unwrap_or_default();
            let listed = |object: aws_sdk_s3::types::Object| {
                let modified = time(object.last_modified.as_ref());
                Some(Listed { key: Key::parse(object.key.as_deref()?).ok()?, size: size(object.size), modified })
            };
            // Keys that are none of ours are left out.
            let objects: Vec<Listed> = got.contents.unwrap_or_default().into_iter().filter_map(listed).collect();
            let next = objects.last().filter(|_| more).map(|last| last.key.clone());
            if more && next.is_none() {
                return Err(StorageError::Final(
                    "the bucket is full of objects of others: use one of its own".to_owned(),
                ));
            }
            Ok(Page { objects, next })
        })
    }

    fn presign_get<'a>(&'a self, key: &'a Key, lasts: Duration) -> BoxFuture<'a, Result<String, StorageError>> {
        Box::pin(async move {
            let call = self.client.get_object().bucket(&self.bucket).key(key.as_str());
            Ok(call.presigned(signing(lasts)?).await.map_err(sort)?.uri().to_owned())
        })
    }

    fn presign_put<'a>(&'a self, key: &'a Key, lasts: Duration) -> BoxFuture<'a, Result<String, StorageError>> {
        Box::pin(async move {
            let call = self.client.put_object().bucket(&self.bucket).key(key.as_str());
            Ok(call.presigned(signing(lasts)?).await.map_err(sort)?.uri().to_owned())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_tells_where_and_of_how_much() {
        assert_eq!(content_range("bytes 6-9/20"), Some((6, 20)));
        assert_eq!(content_range("bytes */20"), None);
        assert_eq!(content_range(""), None);
    }

    #[test]
    fn settings_show_no_secret() {
        let settings = S3Settings {
            endpoint: String::new(),
            region: "auto".into(),
            bucket: "b".into(),
            access_key_id: "id".into(),
            secret_access_key: Secret::new("hidden words"),
            path_style: true,
        };
        assert!(!format!("{settings:?}").contains("hidden"));
    }
}
