//! The door of the sandbox: keys, limits, idempotency, and what an answer looks like on the wire.

use super::books::Books;
use super::calls::{self, Call, Caller, Verb};
use super::clock::Clock;
use super::faults::Faults;
use super::form::Params;
use super::keep::Kept;
use super::model::Replay;
use super::refusal::Refusal;
use super::wire;
use crate::config::Secret;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine;
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::watch;

/// Longest body, bytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Longest idempotency key, bytes, as at Stripe.
const KEY_BYTES_MAX: usize = 255;

/// What calls share.
pub struct Door {
    pub books: Mutex<Books>,
    pub clock: Clock,
    pub faults: Faults,
    pub secret_key: Secret,
    pub publishable_key: String,
    /// Where browsers reach it, without a slash at its end.
    pub base: String,
    /// Counts changes of the books and of the clock.
    pub changes: watch::Sender<u64>,
    /// How far the file is; none without one.
    pub kept: Option<watch::Receiver<Kept>>,
}

/// A status and a body.
pub struct Answer {
    pub status: u16,
    pub body: Value,
    is_replay: bool,
}

impl From<Result<Value, Refusal>> for Answer {
    fn from(result: Result<Value, Refusal>) -> Answer {
        match result {
            Ok(body) => Answer { status: 200, body, is_replay: false },
            Err(refusal) => Answer { status: refusal.status, body: refusal.body(), is_replay: false },
        }
    }
}

impl Door {
    /// Does something with the books held; comes back when what changed is in the file, if there is one.
    pub async fn with<T>(&self, work: impl FnOnce(&mut Books) -> T) -> Result<T, Refusal> {
        let (done, version) = {
            let mut books = self.books.lock();
            let done = work(&mut books);
            // Counted while the books are held: who sees the count sees the change.
            self.changes.send_modify(|changes| *changes += 1);
            (done, *self.changes.borrow())
        };
        let Some(kept) = &self.kept else { return Ok(done) };
        let mut kept = kept.clone();
        let reached = kept.wait_for(|kept| kept.version >= version).await;
        match reached {
            Ok(kept) if kept.is_written => Ok(done),
            Ok(_) | Err(_) => Err(Refusal::unkept()),
        }
    }

    /// Whose key it is.
    pub fn caller(&self, request: &HttpRequest) -> Result<Caller, Refusal> {
        let header = request.headers().get("authorization").and_then(|header| header.to_str().ok()).unwrap_or_default();
        let key = match header.split_once(' ') {
            Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim().to_owned(),
            Some((scheme, pair)) if scheme.eq_ignore_ascii_case("basic") => {
                let pair = base64::engine::general_purpose::STANDARD.decode(pair.trim()).unwrap_or_default();
                let pair = String::from_utf8(pair).unwrap_or_default();
                pair.split(':').next().unwrap_or_default().to_owned()
            }
            Some(_) | None => return Err(Refusal::key("You did not provide an API key.")),
        };
        let is = |known: &str| !known.is_empty() && bool::from(known.as_bytes().ct_eq(key.as_bytes()));
        if is(self.secret_key.expose()) {
            Ok(Caller::Server)
        } else if is(&self.publishable_key) {
            Ok(Caller::Browser)
        } else {
            Err(Refusal::key("Invalid API Key provided."))
        }
    }

    async fn ask(&self, request: &HttpRequest, body: &[u8]) -> Result<Answer, Refusal> {
        let caller = self.caller(request)?;
        let (verb, text) = match *request.method() {
            Method::GET => (Verb::Get, request.query_string().as_bytes()),
            Method::POST => (Verb::Post, body),
            _ => return Err(Refusal::no_call()),
        };
        let params = Params::read(text)?;
        // It may stand under another site.
        let path = request.path().strip_prefix("/sandbox").unwrap_or(request.path());
        let key = match request.headers().get("idempotency-key").map(|key| key.to_str()) {
            Some(Ok(key)) if verb == Verb::Post && (1..=KEY_BYTES_MAX).contains(&key.len()) => Some(key.to_owned()),
            Some(_) if verb == Verb::Post => return Err(Refusal::invalid("Idempotency-Key", "Not a usable key.")),
            Some(_) | None => None,
        };
        if verb == Verb::Get {
            let mut books = self.books.lock();
            return Ok(self.answer(&mut books, path, verb, caller, params).into());
        }
        self.with(|books| self.once(books, path, caller, params, key)).await?
    }

    /// Answers a write; the same again if it was answered before.
    fn once(
        &self,
        books: &mut Books,
        path: &str,
        caller: Caller,
        params: Params,
        key: Option<String>,
    ) -> Result<Answer, Refusal> {
        let Some(key) = key else { return Ok(self.answer(books, path, Verb::Post, caller, params).into()) };
        let now_s = self.clock.now_s();
        // A browser does not get at the server's answers.
        let name = format!("{caller:?}:{key}");
        // Only a digest is kept: parameters hold card numbers.
        let asked = Sha256::digest(json!([path, params.all()]).to_string());
        let asked = base64::engine::general_purpose::STANDARD.encode(asked);
        if let Some(replay) = books.replay(&name, now_s) {
            if replay.asked != asked {
                return Err(Refusal::reused());
            }
            return Ok(Answer { status: replay.status, body: replay.body.clone(), is_replay: true });
        }
        books.idempotency_key = Some(key);
        let answer: Answer = self.answer(books, path, Verb::Post, caller, params).into();
        books.idempotency_key = None;
        // What was refused before anything was done may be asked again in other words, as at Stripe.
        if matches!(answer.status, 200 | 402) {
            let (status, body) = (answer.status, answer.body.clone());
            books.keep_replay(name, Replay { at: now_s, asked, status, body });
        }
        Ok(answer)
    }

    fn answer(
        &self,
        books: &mut Books,
        path: &str,
        verb: Verb,
        caller: Caller,
        params: Params,
    ) -> Result<Value, Refusal> {
        let mut call = Call { books, params, caller, now_s: self.clock.now_s(), base: &self.base, path };
        calls::answer(&mut call, verb)
    }
}

/// Everything under `/v1/`.
pub async fn answer(
    request: HttpRequest,
    body: Result<web::Bytes, actix_web::Error>,
    door: web::Data<Door>,
) -> HttpResponse {
    if request.method() == Method::OPTIONS {
        return crossing(HttpResponse::NoContent()).finish();
    }
    let answer = match body {
        Ok(_) if door.faults.refuses() => Err(Refusal::trouble()),
        Ok(body) => door.ask(&request, &body).await,
        Err(_) => Err(Refusal::too_long()),
    };
    let mut answer = answer.unwrap_or_else(|refusal| Err(refusal).into());
    if door.caller(&request) == Ok(Caller::Browser) {
        wire::for_browser(&mut answer.body);
    }
    if request.method() == Method::POST && answer.status < 500 && door.faults.loses_answer() {
        let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        return HttpResponse::Ok().streaming(futures_util::stream::iter([Err::<web::Bytes, _>(broken)]));
    }
    respond(answer)
}

/// An answer on the wire.
pub fn respond(answer: Answer) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = crossing(HttpResponse::build(status));
    response.insert_header(("stripe-version", super::API_VERSION));
    response.insert_header(("cache-control", "no-store"));
    if answer.is_replay {
        response.insert_header(("idempotent-replayed", "true"));
    }
    response.json(answer.body)
}

/// Pages of another address may ask: the key in the header says who they are, and no cookie does.
fn crossing(mut response: actix_web::HttpResponseBuilder) -> actix_web::HttpResponseBuilder {
    response.insert_header(("access-control-allow-origin", "*"));
    response.insert_header(("access-control-allow-methods", "GET, POST"));
    response.insert_header(("access-control-allow-headers", "authorization, content-type, idempotency-key"));
    response
}
