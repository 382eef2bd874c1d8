//! Forms with a file (`multipart/form-data`). The shell lets them through unread, on the addresses named here only; [`read`]
//! takes the token out of them before it takes anything else.

use actix_multipart::{Field, Multipart};
use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, web};
use bytes::BytesMut;
use futures_util::StreamExt;
use std::collections::BTreeMap;
use std::time::Duration;

use super::csrf;
use crate::error::Problem;
use crate::state::State;

/// Largest file, bytes: 10 MB.
pub const FILE_BYTES_MAX: usize = 10_000_000;
/// Longest text in such a form, bytes: 4,000 characters of any script.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Fields of a form: twenty questions with their answers, and what goes along.
const FIELDS_MAX: usize = 48;
/// A form that takes longer to arrive is given up (408).
const ARRIVES_MAX: Duration = Duration::from_secs(120);
/// Of a file that is too large, so much more is read and thrown away, so that the browser shows our answer, bytes.
const THROWN_AWAY_MAX: usize = 64 << 20;

/// Whether the handler at this address reads its form itself.
pub fn is_one(req: &ServiceRequest) -> bool {
    let mut parts = req.path().split('/').skip(1);
    let takes_files = match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("studio"), Some(_), Some(_), Some("poster"), None) => true,
        // A part of a sales page.
        (Some("studio"), Some(_), Some("edit"), Some(_), None) => true,
        _ => false,
    };
    takes_files && is_multipart(req.headers())
}

fn is_multipart(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.to_ascii_lowercase().starts_with("multipart/form-data")
}

/// What such a form brought.
#[derive(Default)]
pub struct Sent {
    /// Texts by field.
    pub texts: BTreeMap<String, String>,
    /// Texts with their fields as they came, also those that share a name.
    pub list: Vec<(String, String)>,
    /// The file; `None` if none was chosen, `Err` if it is over [`FILE_BYTES_MAX`].
    pub file: Option<Result<web::Bytes, TooLarge>>,
}

/// Over [`FILE_BYTES_MAX`].
pub struct TooLarge;

/// Reads a form. Its first field must be `csrf`; forged ones are not read any further.
pub async fn read(state: &State, req: &HttpRequest, payload: web::Payload) -> Result<Sent, Problem> {
    if !is_multipart(req.headers()) {
        return Err(Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let form = Multipart::new(req.headers(), payload);
    match tokio::time::timeout(ARRIVES_MAX, fields(state, req.headers(), form)).await {
        Ok(sent) => sent,
        Err(_) => Err(Problem::of_status(StatusCode::REQUEST_TIMEOUT)),
    }
}

async fn fields(state: &State, headers: &HeaderMap, mut form: Multipart) -> Result<Sent, Problem> {
    let broken = || Problem::bad_request("The form could not be read. Go back and try again.");
    let mut sent = Sent::default();
    let mut count = 0;
    while let Some(field) = form.next().await {
        let mut field = field.map_err(|_| broken())?;
        count += 1;
        let name = field.name().unwrap_or_default().to_owned();
        if count == 1 {
            let token = text(&mut field).await?;
            if name != "csrf" || !csrf::fits(&state.seal, &state.jar, headers, &token) {
                return Err(Problem::forged());
            }
        } else if count > FIELDS_MAX {
            return Err(broken());
        } else if field.content_disposition().is_some_and(|about| about.get_filename().is_some()) {
            sent.file = file(&mut field).await?;
        } else {
            let text = text(&mut field).await?;
            sent.list.push((name.clone(), text.clone()));
            sent.texts.insert(name, text);
        }
    }
    if count == 0 { Err(Problem::forged()) } else { Ok(sent) }
}

async fn text(field: &mut Field) -> Result<String, Problem> {
    let (bytes, whole) = take(field, TEXT_BYTES_MAX, TEXT_BYTES_MAX).await?;
    if !whole {
        return Err(Problem::too_large());
    }
    String::from_utf8(bytes.to_vec()).map_err(|_| Problem::bad_request("The form holds text that is no text."))
}

async fn file(field: &mut Field) -> Result<Option<Result<web::Bytes, TooLarge>>, Problem> {
    let (bytes, whole) = take(field, FILE_BYTES_MAX, THROWN_AWAY_MAX).await?;
    // A browser sends an empty file when none was chosen.
    Ok(match (whole, bytes.is_empty()) {
        (false, _) => Some(Err(TooLarge)),
        (true, true) => None,
        (true, false) => Some(Ok(bytes)),
    })
}

/// Up to `max` bytes, and whether that was all; reads on up to `read_max`.
async fn take(field: &mut Field, max: usize, read_max: usize) -> Result<(web::Bytes, bool), Problem> {
    let (mut kept, mut size) = (BytesMut::new(), 0);
    while let Some(chunk) = field.next().await {
        let chunk = chunk.map_err(|_| Problem::bad_request("The upload broke off. Try again."))?;
        size += chunk.len();
        if size <= max {
            kept.extend_from_slice(&chunk);
        } else if size > read_max {
            return Err(Problem::too_large());
        }
    }
    Ok((kept.freeze(), size <= max))
}
