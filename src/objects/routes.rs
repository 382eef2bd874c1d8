//! `/media/{key}?expires&signature`: objects by signed addresses, see [`crate::adapters::storage::Signer`].

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::{StreamExt, future, stream};
use serde::Deserialize;
use std::io;
use std::time::Duration;
use tokio::sync::mpsc;

use super::serve::serve;
use crate::adapters::storage::{Body, Key};
use crate::error::Problem;
use crate::state::State;

/// Largest object taken by one `PUT`, bytes: 5 GiB, as at S3.
const PUT_BYTES_MAX: u64 = 5 << 30;
/// A sender that sends nothing for so long is given up.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Chunks on the way to the store.
const CHUNKS_MAX: usize = 4;

/// What makes the address hold.
#[derive(Deserialize)]
pub struct Signed {
    #[serde(default)]
    expires: String,
    #[serde(default)]
    signature: String,
}

fn opened(state: &State, method: &str, key: &str, signed: &Signed) -> Result<Key, Problem> {
    let refused = || {
        let detail = "This address has expired or was changed. Ask for a new one.";
        Problem::new(StatusCode::FORBIDDEN, "bad_signature", detail)
    };
    let key = Key::parse(key).map_err(|_| refused())?;
    state.signer.check(method, &key, &signed.expires, &signed.signature).map_err(|_| refused())?;
    Ok(key)
}

/// `GET /media/{key}`
pub async fn show(
    state: web::Data<State>,
    req: HttpRequest,
    key: web::Path<String>,
    signed: web::Query<Signed>,
) -> Result<HttpResponse, Problem> {
    let key = opened(&state, "GET", &key, &signed)?;
    serve(&req, &*state.objects, &key, "private, max-age=3600").await
}

/// `PUT /media/{key}`
pub async fn put(
    state: web::Data<State>,
    key: web::Path<String>,
    signed: web::Query<Signed>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let key = opened(&state, "PUT", &key, &signed)?;
    let (sender, receiver) = mpsc::channel(CHUNKS_MAX);
    let body: Body =
        stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) }).boxed();
    let (put, ()) = future::join(state.objects.put(&key, body), pump(payload, sender)).await;
    put?;
    Ok(HttpResponse::Ok().finish())
}

/// A request's body belongs to one thread, a store's body to any.
async fn pump(mut payload: web::Payload, sender: mpsc::Sender<io::Result<web::Bytes>>) {
    let mut size: u64 = 0;
    loop {
        let chunk = match tokio::time::timeout(IDLE_MAX, payload.next()).await {
            Ok(None) => return,
            Ok(Some(Ok(chunk))) => Ok(chunk),
            Ok(Some(Err(error))) => Err(io::Error::other(error.to_string())),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        size += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        let chunk = if size > PUT_BYTES_MAX { Err(io::ErrorKind::FileTooLarge.into()) } else { chunk };
        let over = chunk.is_err();
        if sender.send(chunk).await.is_err() || over {
            return;
        }
    }
}
