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
        r#"<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sandbox: 3-D Secure</title>
<style>body{{font:1rem system-ui;margin:3rem auto;max-width:24rem;padding:0 1rem}}button{{font:inherit;padding:.6rem 1rem;margin-right:.5rem}}</style>
<h1>3-D Secure</h1><p>This is the payment sandbox: no money moves. A bank would ask here whether it is you.</p>
<form method="post"><input type="hidden" name="client_secret" value="{secret}">
<button name="outcome" value="complete">Complete</button><button name="outcome" value="fail">Fail</button></form></html>"#
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
