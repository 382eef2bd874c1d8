//! Uploading and removing a poster, and its pictures: public, under names that nobody can guess, so they may be kept by
//! every cache for ever.

use actix_web::{HttpRequest, HttpResponse, web};
use backstage_core::experience::Experience;
use backstage_core::space::Space;

use super::picture::{self, BadPicture};
use super::{ALT_CHARS_MAX, keys, store};
use crate::adapters::storage::{Key, whole};
use crate::error::Problem;
use crate::experience::routes::edit_again;
use crate::locale;
use crate::objects::{doomed, serve::serve};
use crate::page::one_line;
use crate::security::seal;
use crate::security::upload;
use crate::security::visitor::Visit;
use crate::state::State;
use crate::studio::routes::{Wants, find};

/// `GET /posters/{name}`
pub async fn picture(
    state: web::Data<State>,
    req: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let key = Key::parse(&format!("posters/{name}")).map_err(|_| Problem::not_found())?;
    serve(&req, &*state.objects, &key, "public, max-age=31536000, immutable").await
}

/// `POST /studio/{space}/{experience}/poster`: a new picture, or only another description of the one there.
pub async fn update(
    at: Visit,
    req: HttpRequest,
    address: web::Path<(String, String)>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    // Who may not do it need not send it.
    let (space, experience) = find(&at, &address.0, &address.1, Wants::Edit).await?;
    let (state, experience) = (&at.state, experience.state);
    state.limits.writes_per_network.take(&at.network())?;
    let sent = upload::read(state, &req, payload).await?;
    let alt: String = one_line(sent.texts.get("alt").map_or("", String::as_str)).chars().take(ALT_CHARS_MAX).collect();
    match sent.file {
        Some(Ok(file)) => match decoded(state, file, picture::pictures).await? {
            Ok(pictures) => put(state, &experience, pictures, &alt).await?,
            Err(BadPicture::Unreadable) => return again(&at, &space, experience, "poster.unreadable").await,
            Err(BadPicture::TooManyPixels) => return again(&at, &space, experience, "poster.too_many_pixels").await,
            Err(BadPicture::TooSmall) => return again(&at, &space, experience, "poster.too_small").await,
        },
        Some(Err(upload::TooLarge)) => return again(&at, &space, experience, "poster.too_large").await,
        None if store::describe(&state.db, &experience.id, &alt).await? => {}
        None => return again(&at, &space, experience, "poster.none_chosen").await,
    }
    Ok(at.see_other_with(&edit_path(&space, &address.1), "poster.saved"))
}

/// `POST /studio/{space}/{experience}/poster/remove`
pub async fn remove(at: Visit, address: web::Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (space, experience) = find(&at, &address.0, &address.1, Wants::Edit).await?;
    let state = &at.state;
    state.limits.writes_per_network.take(&at.network())?;
    store::remove(&state.db, &experience.state.id, state.clock.now()).await?;
    doomed::look(state).await?;
    Ok(at.see_other_with(&edit_path(&space, &address.1), "poster.removed"))
}

fn edit_path(space: &Space, experience: &str) -> String {
    format!("/studio/{}/{experience}/edit", space.settings.slug)
}

async fn again(at: &Visit, space: &Space, experience: Experience, error: &str) -> Result<HttpResponse, Problem> {
    edit_again(at, space, experience, locale::text(error).to_string()).await
}

/// Decodes where it blocks nobody, few at a time.
pub async fn decoded<T: Send + 'static>(
    state: &State,
    file: web::Bytes,
    decode: fn(&[u8]) -> Result<T, BadPicture>,
) -> Result<Result<T, BadPicture>, Problem> {
    let _place = state.decoding.acquire().await.map_err(Problem::internal)?;
    // A decoder that panics on a strange file has not read it.
    Ok(web::block(move || decode(&file)).await.unwrap_or(Err(BadPicture::Unreadable)))
}

async fn put(state: &State, experience: &Experience, pictures: [Vec<u8>; 2], alt: &str) -> Result<(), Problem> {
    let name = seal::random_token().map_err(Problem::internal)?;
    let objects = keys(&name).map_err(Problem::internal)?;
    store::announce(&state.db, &objects, state.clock.now()).await?;
    for (key, picture) in objects.iter().zip(pictures) {
        state.objects.put(key, whole(picture)).await?;
    }
    store::put(&state.db, &experience.id, &name, &objects, alt, state.clock.now()).await?;
    doomed::look(state).await
}
