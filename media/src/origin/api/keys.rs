//! Signing keys, and who asks.

use super::page::Page;
use super::{Api, ApiError, created, gone, ok};
use crate::origin::credentials::new_signing_pair;
use crate::origin::model::{SigningKey, wire};
use actix_web::{HttpResponse, web};
use serde_json::json;

/// Most signing keys: each costs a good part of a second to make.
const KEYS_MAX: usize = 100;

/// Adds the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/signing-keys").route(web::post().to(create)).route(web::get().to(list)))
        .service(web::resource("/signing-keys/{id}").route(web::get().to(show)).route(web::delete().to(delete)))
        .service(web::resource("/whoami").route(web::get().to(whoami)));
}

async fn create(api: web::Data<Api>) -> Result<HttpResponse, ApiError> {
    if api.desk.read(|books| books.keys().count()) >= KEYS_MAX {
        return Err(ApiError::Unprocessable(format!("there are {KEYS_MAX} signing keys already")));
    }
    let pair = tokio::task::spawn_blocking(new_signing_pair).await.map_err(|_| ApiError::Internal)?;
    let (private_key, public_der) = pair.map_err(|_| ApiError::Internal)?;
    let key = api
        .change(move |books, now| {
            let key = SigningKey { id: now.id(), seq: books.next_seq(), created_ms: now.ms, public_der };
            books.put_key(key.clone());
            Ok((key, vec![]))
        })
        .await?;
    let mut shown = wire::signing_key(&key);
    shown.insert("private_key".into(), private_key.into());
    Ok(created(shown))
}

async fn list(api: web::Data<Api>, page: web::Query<Page>) -> Result<HttpResponse, ApiError> {
    let all = api.desk.read(|books| books.keys().map(|key| (key.seq, wire::signing_key(key))).collect());
    let (data, _) = page.of(all)?;
    Ok(ok(data))
}

async fn show(api: web::Data<Api>, id: web::Path<String>) -> Result<HttpResponse, ApiError> {
    let found = api.desk.read(|books| books.key(&id).map(wire::signing_key));
    Ok(ok(found.ok_or(ApiError::NotFound)?))
}

async fn delete(api: web::Data<Api>, id: web::Path<String>) -> Result<HttpResponse, ApiError> {
    api.change(move |books, _| match books.drop_key(&id) {
        true => Ok(((), vec![])),
        false => Err(ApiError::NotFound),
    })
    .await?;
    Ok(gone())
}

async fn whoami(api: web::Data<Api>) -> HttpResponse {
    ok(json!({
        "access_token_name": "origin",
        "environment_id": api.environment_id,
        "environment_name": "origin",
        "environment_type": "production",
        "organization_id": api.environment_id,
        "organization_name": "origin",
        "permissions": ["video:read", "video:write", "system:read", "system:write"],
    }))
}
