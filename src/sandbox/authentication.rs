//! Where the holder of a test card answers its 3-D Secure question: a page for people, a call for tests. Whoever has the
//! secret of the intent, or the secret key, may answer.

use super::calls::{self, Call, Caller};
use super::door::{self, Door};
use super::form::Params;
use super::refusal::Refusal;
use super::{payments, setups};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

/// Of the page, which has no other file than itself: a bank's, not ours, so it is plain; light or dark as the reader likes it.
const STYLE: &str = ":root{color-scheme:light dark}\
body{margin:0;min-height:100dvh;display:grid;place-items:center;font:1rem/1.5 system-ui,sans-serif;\
background:light-dark(#f7f5f1,#131118);color:light-dark(#1d1a24,#f4f1ec)}\
main{box-sizing:border-box;width:min(24rem,100vw - 2rem);padding:1.5rem;border:1px solid light-dark(#ddd8d0,#3b3644);\
border-radius:12px;background:light-dark(#fff,#1d1a24)}\
small{color:light-dark(#5d5866,#bab4c2)}h1{margin:.25rem 0 .5rem;font-size:1.5rem;line-height:1.2}p{margin:0 0 1.5rem}\
form{display:flex;gap:.75rem}\
button{flex:1;min-height:48px;border:1px solid light-dark(#5d5866,#8d8796);border-radius:8px;background:none;color:inherit;\
font:inherit;font-weight:600;cursor:pointer}\
button[value=complete]{border-color:transparent;background:#ffc46b;color:#2b1d05}\
button:focus-visible{outline:3px solid light-dark(#2b50d6,#6fc3f5);outline-offset:2px}";

/// `GET /sandbox/authenticate/{id}`: asks.
pub async fn page(request: HttpRequest, id: web::Path<String>, door: web::Data<Door>) -> HttpResponse {
    let params = Params::read(request.query_string().as_bytes()).unwrap_or_default();
    let mut books = door.books.lock();
    let call = Call {
        books: &mut books,
        params,
        caller: Caller::Browser,
        now_s: door.clock.now_s(),
        base: &door.base,
        path: request.path(),
    };
    if !calls::opens(&call, &id) {
        return door::respond(Err(Refusal::missing("intent", &id, "id")).into());
    }
    // Both are letters, digits and underscores: they were compared with our own.
    let secret = call.params.text("client_secret").unwrap_or_default();
    let body = format!(
        r#"<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sandbox: 3-D Secure</title>
<style>{STYLE}</style>
<main><small>Payment sandbox</small><h1>3-D Secure</h1>
<p>Your bank would ask here whether it is you. No money moves.</p>
<form method="post"><input type="hidden" name="client_secret" value="{secret}">
<button name="outcome" value="complete">Complete</button><button name="outcome" value="fail">Fail</button></form></main></html>"#
    );
    HttpResponse::Ok()
        .insert_header(("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"))
        .insert_header(("referrer-policy", "no-referrer"))
        .insert_header(("cache-control", "no-store"))
        .content_type("text/html; charset=utf-8")
        .body(body)
}

/// `POST /sandbox/authenticate/{id}` with `outcome` `complete` or `fail`: answers. A browser is sent back to the shop.
pub async fn answer(
    request: HttpRequest,
    id: web::Path<String>,
    body: web::Bytes,
    door: web::Data<Door>,
) -> HttpResponse {
    let is_page = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    let shown = settle(&request, &id, &body, &door).await;
    match shown {
        Ok((shown, Some(back))) if is_page => {
            HttpResponse::SeeOther().insert_header((header::LOCATION, back_to(back, &id, &shown))).finish()
        }
        Ok((shown, _)) => door::respond(Ok(shown).into()),
        Err(refusal) => door::respond(Err(refusal).into()),
    }
}

async fn settle(request: &HttpRequest, id: &str, body: &[u8], door: &Door) -> Result<(Value, Option<String>), Refusal> {
    let params = Params::read(body)?;
    let agrees = match params.needed("outcome")? {
        "complete" => true,
        "fail" => false,
        _ => return Err(Refusal::invalid("outcome", "outcome is complete or fail.")),
    };
    let caller = door.caller(request).unwrap_or(Caller::Browser);
    door.with(|books| {
        let mut call =
            Call { books, params, caller, now_s: door.clock.now_s(), base: &door.base, path: request.path() };
        if caller == Caller::Browser && !calls::opens(&call, id) {
            return Err(Refusal::missing("intent", id, "id"));
        }
        let setup_back = call.books.setups.get(id).map(|setup| setup.return_url.clone());
        match setup_back {
            Some(back) => Ok((setups::authenticate(&mut call, id, agrees)?, back)),
            None => {
                let back = call.books.intents.get(id).and_then(|intent| intent.return_url.clone());
                Ok((payments::authenticate(&mut call, id, agrees)?, back))
            }
        }
    })
    .await?
}

/// The address to come back to, with what came of it, as Stripe adds it.
fn back_to(return_url: String, id: &str, shown: &Value) -> String {
    let Ok(mut url) = url::Url::parse(&return_url) else { return return_url };
    let object = shown["object"].as_str().unwrap_or("payment_intent");
    let status = if shown["status"] == "succeeded" { "succeeded" } else { "failed" };
    url.query_pairs_mut()
        .append_pair(object, id)
        .append_pair(&format!("{object}_client_secret"), shown["client_secret"].as_str().unwrap_or_default())
        .append_pair("redirect_status", status);
    url.into()
}
