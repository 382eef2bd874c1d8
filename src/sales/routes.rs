//! The parts of a sales page, one by one: as a form, saved, and looked at again when somebody else changed them.
//!
//! Script says `x-part` and gets the part or its form alone; without script the same forms stand on `/studio/{space}/edit`
//! and answer with pages.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use backstage_actors::stage::Refusal;
use backstage_core::space::{
    DESCRIPTION_CHARS_MAX, HEADLINE_CHARS_MAX, NAME_CHARS_MAX, Settings, Space, SpaceEvent, SpaceRejection,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

use super::form::{self, BadRows};
use super::parts::{Parts, logo_keys, wide_keys};
use super::store::{self, Change};
use super::views::{PairRow, PartEdit, PartForm, PartShow, PictureRow, SalesView};
use super::{GALLERY_MAX, Part, Picture, categories};
use crate::adapters::storage::{BadKey, Key, whole};
use crate::error::{Problem, refused};
use crate::locale;
use crate::objects::doomed;
use crate::page::{many_lines, one_line, respond, see_other, show as render};
use crate::poster::picture::{self, BadPicture};
use crate::poster::{routes::decoded, store::announce};
use crate::security::seal;
use crate::security::upload::{self, Sent};
use crate::security::visitor::Visit;
use crate::space::routes::{edit_part_again, space_page};
use crate::state::State;
use crate::studio::routes::{Wants, find_space};

/// Script sends it along.
const FRAGMENT: &str = "x-part";

/// What an editor read.
struct Read {
    space: Space,
    parts: Parts,
}

impl Read {
    async fn of(at: &Visit, space: Space) -> Result<Read, Problem> {
        let parts = store::of(&at.state.db, &space.id).await?;
        Ok(Read { space, parts })
    }
}

/// The version of every part.
pub fn versions(state: &State, space: &Space, parts: &Parts) -> BTreeMap<Part, String> {
    Part::ALL.into_iter().map(|part| (part, parts.version(&state.seal, &space.id, &space.settings, part))).collect()
}

/// `GET /studio/{space}/edit/parts`: versions of all parts, and who made them; pages that stand open look here.
pub async fn index(at: Visit, slug: web::Path<String>) -> Result<HttpResponse, Problem> {
    let read = Read::of(&at, find_space(&at, &slug, Wants::Edit).await?).await?;
    let mut editors = store::editors(&at.state.db, &read.space.id).await?;
    let me = at.account()?.user.clone();
    let parts: BTreeMap<&str, serde_json::Value> = versions(&at.state, &read.space, &read.parts)
        .into_iter()
        .map(|(part, version)| {
            let by = editors.remove(&part).filter(|(id, _)| id != me.as_str()).map(|(_, name)| name);
            (part.as_str(), json!({ "version": version, "by": by }))
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "parts": parts })))
}

/// How a part is asked for.
#[derive(Deserialize)]
pub struct Shown {
    /// `view`, else its form.
    #[serde(default, rename = "as")]
    kind: String,
}

/// `GET /studio/{space}/edit/{part}`
pub async fn show(
    at: Visit,
    req: HttpRequest,
    address: web::Path<(String, String)>,
    shown: web::Query<Shown>,
) -> Result<HttpResponse, Problem> {
    let part = Part::parse(&address.1).ok_or_else(Problem::not_found)?;
    let space = find_space(&at, &address.0, Wants::Edit).await?;
    if !req.headers().contains_key(FRAGMENT) {
        return Ok(see_other(&form_address(&space, part)));
    }
    let read = Read::of(&at, space).await?;
    if shown.kind == "view" {
        return part_alone(&at, &read, part).await;
    }
    let form = filled(&at.state, &read.space, &read.parts, part, true);
    form_alone(&at, &read, form, StatusCode::OK).await
}

fn form_address(space: &Space, part: Part) -> String {
    format!("/studio/{}/edit#edit-{}", space.settings.slug, part.as_str())
}

/// The form of a part with what it says.
pub fn filled(state: &State, space: &Space, parts: &Parts, part: Part, inline: bool) -> PartForm {
    let settings = &space.settings;
    let picture = match part {
        Part::Cover => parts.cover.as_ref(),
        Part::Logo => parts.logo.as_ref(),
        _ => None,
    };
    let rows = match part {
        Part::Features => {
            parts.features.iter().map(|one| PairRow::typed(one.title.clone(), one.text.clone())).collect()
        }
        Part::Faq => parts.faq.iter().map(|one| PairRow::typed(one.question.clone(), one.answer.clone())).collect(),
        _ => vec![],
    };
    PartForm {
        part: part.as_str(),
        version: parts.version(&state.seal, &space.id, settings, part),
        inline,
        name: settings.name.clone(),
        headline: settings.headline.clone(),
        description: settings.description.clone(),
        category: parts.category.clone(),
        rows,
        pictures: if part == Part::Gallery { parts.gallery.iter().map(PictureRow::of).collect() } else { vec![] },
        alt: picture.map(|picture| picture.alt.clone()).unwrap_or_default(),
        has_picture: picture.is_some(),
        ..PartForm::default()
    }
}

async fn part_alone(at: &Visit, read: &Read, part: Part) -> Result<HttpResponse, Problem> {
    render(&PartShow {
        page: at.page(""),
        space: space_page(&at.state, &read.space).await?,
        sales: SalesView::of(&read.parts, versions(&at.state, &read.space, &read.parts)),
        may_edit: true,
        part: part.as_str(),
    })
}

async fn form_alone(at: &Visit, read: &Read, form: PartForm, status: StatusCode) -> Result<HttpResponse, Problem> {
    let view = PartEdit {
        page: at.page(""),
        space: space_page(&at.state, &read.space).await?,
        sales: SalesView::of(&read.parts, BTreeMap::new()),
        may_edit: false,
        form: form.with_blanks(),
    };
    respond(status, &view)
}

/// What came of a form.
enum Outcome {
    Saved,
    /// Shown again with messages.
    Wrong(Box<PartForm>),
    /// Somebody was faster.
    Late,
}

/// `POST /studio/{space}/edit/{part}`
pub async fn update(
    at: Visit,
    req: HttpRequest,
    address: web::Path<(String, String)>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let part = Part::parse(&address.1).ok_or_else(Problem::not_found)?;
    // Who may not do it need not send it.
    let space = find_space(&at, &address.0, Wants::Edit).await?;
    at.state.limits.writes_per_network.take(&at.network())?;
    let mut sent = upload::read(&at.state, &req, payload).await?;
    let read = Read::of(&at, space).await?;
    let inline = req.headers().contains_key(FRAGMENT);
    let typed = typed(&at.state, &read, part, &sent, inline);
    let outcome = if sent.texts.get("version") == Some(&typed.version) {
        save(&at, &read, part, &mut sent, typed).await?
    } else {
        Outcome::Late
    };
    let (form, status) = match outcome {
        Outcome::Saved => {
            doomed::look(&at.state).await?;
            let read = again(&at, &read).await?;
            return if inline {
                part_alone(&at, &read, part).await
            } else {
                Ok(at.see_other_with(&form_address(&read.space, part), "sales.saved"))
            };
        }
        Outcome::Wrong(form) => (*form, StatusCode::UNPROCESSABLE_ENTITY),
        Outcome::Late => {
            // What is newest now, and what was typed beside it.
            let read = again(&at, &read).await?;
            let mut form = self::typed(&at.state, &read, part, &sent, inline);
            form.changed_by = Some(changed_by(&at, &read.space, part).await?);
            let status = StatusCode::CONFLICT;
            return if inline {
                form_alone(&at, &read, form, status).await
            } else {
                edit_part_again(&at, read.space, form, status).await
            };
        }
    };
    if inline {
        form_alone(&at, &read, form, status).await
    } else {
        edit_part_again(&at, read.space, form, status).await
    }
}

async fn again(at: &Visit, read: &Read) -> Result<Read, Problem> {
    let space = at.state.store.space(&read.space.id).await?.ok_or_else(Problem::not_found)?.state;
    Read::of(at, space).await
}

/// Who was faster, in words.
async fn changed_by(at: &Visit, space: &Space, part: Part) -> Result<String, Problem> {
    let me = at.account()?.user.clone();
    Ok(match store::editors(&at.state.db, &space.id).await?.remove(&part) {
        Some((id, _)) if id == me.as_str() => locale::text("sales.changed_by_you").to_string(),
        Some((_, name)) => locale::text_with("sales.changed_by", "name", name),
        None => locale::text("sales.changed").to_string(),
    })
}

/// The form with what was typed, against what is newest.
fn typed(state: &State, read: &Read, part: Part, sent: &Sent, inline: bool) -> PartForm {
    let mut form = filled(state, &read.space, &read.parts, part, inline);
    let text = |name: &str| sent.texts.get(name).cloned().unwrap_or_default();
    match part {
        Part::Headline => (form.name, form.headline) = (text("name"), text("headline")),
        Part::Description => form.description = text("description"),
        Part::Category => form.category = text("category"),
        Part::Features => form.rows = rows_of(form::features(sent), |one| PairRow::typed(one.title, one.text)),
        Part::Faq => form.rows = rows_of(form::questions(sent), |one| PairRow::typed(one.question, one.answer)),
        Part::Cover | Part::Logo => form.alt = form::alt(&text("alt")),
        Part::Gallery => {
            form.pictures = form::gallery(sent, &read.parts.gallery);
            form.alt = form::alt(&text("alt"));
        }
    }
    form
}

fn rows_of<T>(judged: Result<Vec<T>, BadRows>, row: impl Fn(T) -> PairRow) -> Vec<PairRow> {
    match judged {
        Ok(all) => all.into_iter().map(row).collect(),
        Err(bad) => bad.rows,
    }
}

async fn save(at: &Visit, read: &Read, part: Part, sent: &mut Sent, form: PartForm) -> Result<Outcome, Problem> {
    match part {
        Part::Headline => {
            let (name, headline) = (one_line(&form.name), one_line(&form.headline));
            let name_error = (name.is_empty() || name.chars().count() > NAME_CHARS_MAX)
                .then(|| locale::text("space.form.name_missing").to_string());
            let error = too_long(&headline, HEADLINE_CHARS_MAX);
            if name_error.is_some() || error.is_some() {
                return Ok(Outcome::Wrong(Box::new(PartForm { name_error, error, ..form })));
            }
            revise(at, read, part, Settings { name, headline, ..read.space.settings.clone() }).await
        }
        Part::Description => {
            let description = many_lines(&form.description);
            if let Some(error) = too_long(&description, DESCRIPTION_CHARS_MAX) {
                return Ok(Outcome::Wrong(Box::new(PartForm { error: Some(error), ..form })));
            }
            revise(at, read, part, Settings { description, ..read.space.settings.clone() }).await
        }
        Part::Category => {
            if !form.category.is_empty() && !categories().contains(&form.category) {
                let error = Some(locale::text("space.form.bad_value").to_string());
                return Ok(Outcome::Wrong(Box::new(PartForm { error, ..form })));
            }
            put(at, read, part, &form.category, &[], &[]).await
        }
        Part::Features => match form::features(sent) {
            Ok(all) => put(at, read, part, &all, &[], &[]).await,
            Err(bad) => Ok(Outcome::Wrong(Box::new(PartForm { rows: bad.rows, error: bad.message, ..form }))),
        },
        Part::Faq => match form::questions(sent) {
            Ok(all) => put(at, read, part, &all, &[], &[]).await,
            Err(bad) => Ok(Outcome::Wrong(Box::new(PartForm { rows: bad.rows, error: bad.message, ..form }))),
        },
        Part::Cover => one_picture(at, read, part, read.parts.cover.as_ref(), sent, form).await,
        Part::Logo => one_picture(at, read, part, read.parts.logo.as_ref(), sent, form).await,
        Part::Gallery => gallery(at, read, sent, form).await,
    }
}

fn too_long(text: &str, chars_max: usize) -> Option<String> {
    (text.chars().count() > chars_max).then(|| locale::text_with("sales.too_long", "count", chars_max))
}

/// Parts that are settings go through the space itself.
async fn revise(at: &Visit, read: &Read, part: Part, settings: Settings) -> Result<Outcome, Problem> {
    let state = &at.state;
    let event = SpaceEvent::Revise { was: read.space.settings.clone(), settings };
    match state.stage.space(&read.space.id, event).await {
        Ok(_) => {
            store::sign(&state.db, &read.space.id, &[part], &at.account()?.user, state.clock.now()).await?;
            Ok(Outcome::Saved)
        }
        Err(Refusal::Rejected(SpaceRejection::ChangedMeanwhile)) => Ok(Outcome::Late),
        Err(other) => Err(refused(other, |_| "refused")),
    }
}

async fn put(
    at: &Visit,
    read: &Read,
    part: Part,
    says: &impl Serialize,
    keep: &[Key],
    doom: &[Key],
) -> Result<Outcome, Problem> {
    let state = &at.state;
    let body = serde_json::to_string(says).map_err(Problem::internal)?;
    let change = Change { part, was: read.parts.body(part), body: &body, keep, doom };
    let editor = &at.account()?.user;
    let written = store::put(&state.db, &read.space.id, change, editor, state.clock.now()).await?;
    Ok(if written { Outcome::Saved } else { Outcome::Late })
}

/// Cover or logo: a new picture, another description of the one there, or none any more.
async fn one_picture(
    at: &Visit,
    read: &Read,
    part: Part,
    held: Option<&Picture>,
    sent: &mut Sent,
    form: PartForm,
) -> Result<Outcome, Problem> {
    let objects = if part == Part::Logo { logo_keys } else { wide_keys };
    let old = held.map(|picture| objects(&picture.name)).transpose().map_err(Problem::internal)?.unwrap_or_default();
    if sent.texts.contains_key("remove") {
        return put(at, read, part, &None::<Picture>, &[], &old).await;
    }
    match (stored(at, part, sent).await?, held) {
        (Taken::New(name, keys), _) => {
            let picture = Some(Picture { name, alt: form.alt.clone() });
            put(at, read, part, &picture, &keys, &old).await
        }
        (Taken::Nothing, Some(held)) => {
            put(at, read, part, &Some(Picture { alt: form.alt.clone(), ..held.clone() }), &[], &[]).await
        }
        (Taken::Nothing, None) => Ok(wrong_picture(form, "poster.none_chosen")),
        (Taken::Refused(key), _) => Ok(wrong_picture(form, key)),
    }
}

/// The gallery: one picture more, others sorted, described and removed.
async fn gallery(at: &Visit, read: &Read, sent: &mut Sent, form: PartForm) -> Result<Outcome, Problem> {
    let (gone, stay): (Vec<_>, Vec<_>) = form.pictures.iter().partition(|row| row.removed);
    let stay = stay.into_iter().map(|row| Picture { name: row.name.clone(), alt: row.alt.clone() });
    let mut pictures: Vec<Picture> = stay.collect();
    let keys = |name: &str| -> Result<Vec<Key>, BadKey> { wide_keys(name) };
    let doom: Vec<Vec<Key>> =
        gone.iter().map(|row| keys(&row.name)).collect::<Result<_, _>>().map_err(Problem::internal)?;
    if matches!(sent.file, Some(Ok(_))) && pictures.len() >= GALLERY_MAX {
        let error = Some(locale::text_with("sales.too_many", "count", GALLERY_MAX));
        return Ok(Outcome::Wrong(Box::new(PartForm { error, ..form })));
    }
    let keep = match stored(at, Part::Gallery, sent).await? {
        Taken::New(name, keys) => {
            pictures.push(Picture { name, alt: form.alt.clone() });
            keys
        }
        Taken::Nothing => vec![],
        Taken::Refused(key) => return Ok(wrong_picture(form, key)),
    };
    put(at, read, Part::Gallery, &pictures, &keep, &doom.concat()).await
}

fn wrong_picture(form: PartForm, key: &str) -> Outcome {
    Outcome::Wrong(Box::new(PartForm { error: Some(locale::text(key).to_string()), ..form }))
}

/// What became of the file that was sent.
enum Taken {
    /// Its pictures are in the objects store, to go unless they are kept in time.
    New(String, Vec<Key>),
    /// None was sent.
    Nothing,
    /// Why not: key of a text.
    Refused(&'static str),
}

async fn stored(at: &Visit, part: Part, sent: &mut Sent) -> Result<Taken, Problem> {
    let state = &at.state;
    let file = match sent.file.take() {
        Some(Ok(file)) => file,
        Some(Err(upload::TooLarge)) => return Ok(Taken::Refused("poster.too_large")),
        None => return Ok(Taken::Nothing),
    };
    let made = match part {
        Part::Logo => decoded(state, file, picture::logo).await?.map(|logo| vec![logo]),
        _ => decoded(state, file, picture::pictures).await?.map(Vec::from),
    };
    let pictures = match made {
        Ok(pictures) => pictures,
        Err(BadPicture::Unreadable) => return Ok(Taken::Refused("poster.unreadable")),
        Err(BadPicture::TooManyPixels) => return Ok(Taken::Refused("poster.too_many_pixels")),
        Err(BadPicture::TooSmall) if part == Part::Logo => return Ok(Taken::Refused("sales.logo.too_small")),
        Err(BadPicture::TooSmall) => return Ok(Taken::Refused("poster.too_small")),
    };
    let name = seal::random_token().map_err(Problem::internal)?;
    let keys = if part == Part::Logo { logo_keys(&name) } else { wide_keys(&name) }.map_err(Problem::internal)?;
    announce(&state.db, &keys, state.clock.now()).await?;
    for (key, picture) in keys.iter().zip(pictures) {
        state.objects.put(key, whole(picture)).await?;
    }
    Ok(Taken::New(name, keys))
}
